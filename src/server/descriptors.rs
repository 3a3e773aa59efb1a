//! Open files and sockets, of which the system gives a process so many (getrlimit(2), RLIMIT_NOFILE).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the server itself has open: the database, the log, running commands of people on the machine.
const OWN: u64 = 128;
/// Which part is kept for the files that connections transfer.
const FILES: u64 = 4;
/// Fewer would be no server.
const FEWEST: u64 = 16;

/// How many of the `wanted` connections there can be, once the process has been given all that it may have: with more, a
/// connection or a file would fail in the middle of what people do.
pub fn connections(wanted: u32) -> u32 {
    let limit = raise((u64::from(wanted) + OWN) * FILES / (FILES - 1) + 1);
    let fit = connections_of(limit);
    if u64::from(wanted) > fit {
        tracing::warn!(
            limit,
            connections = fit,
            wanted,
            "the system lets this process open too few files for max-connections; raise it with `ulimit -n` or LimitNOFILE"
        );
    }
    wanted.min(u32::try_from(fit).unwrap_or(u32::MAX))
}

fn connections_of(limit: u64) -> u64 {
    (limit - limit / FILES).saturating_sub(OWN).max(FEWEST)
}

/// Raises the limit to `needed`, or as far as it goes; the limit that is in force then.
fn raise(needed: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (current, most) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    let wanted = needed.min(most);
    if current >= wanted {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(cause = %error, "the limit of open files was not raised");
            current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_kept_for_files() {
        assert_eq!((connections_of(1024), connections_of(26_838), connections_of(64)), (640, 20_001, FEWEST));
        assert_eq!(connections(10), 10);
    }
}
