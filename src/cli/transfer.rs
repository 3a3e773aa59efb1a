//! What `send` and `receive` have in common: where the server is, what is shown, how they end.
//!
//! People read standard error; standard output is for what was received, and for events as JSON lines.

mod progress;
mod render;

use std::process::ExitCode;

use tokio::sync::watch;

pub use self::render::Renderer;
use super::Outcome;
use crate::client::Server;
use crate::client::direct::{Event, Failure, ResumeState, Route, Stop, Summary};
use crate::protocol::direct::End;

#[derive(clap::Args)]
pub struct Link {
    /// Address of the server, with its path; if it is left out the one you are signed in to, else the one on this machine, or
    /// one that the local network has
    #[arg(long, env = "HANDOVER_SERVER", value_name = "URL")]
    pub server: Option<Server>,

    /// Send everything through the server, so that the other side does not learn this machine's addresses
    #[arg(long, env = "HANDOVER_RELAY")]
    relay: bool,

    /// Write events to standard output, one JSON object a line
    #[arg(long)]
    pub json: bool,
}

impl Link {
    pub fn route(&self) -> Route {
        if self.relay { Route::Relayed } else { Route::default() }
    }
}

/// Where another process finds what it needs to go on with the transfer that these words name; without one it runs all the
/// same.
pub fn resume_state(words: &[&[u8]]) -> Option<ResumeState> {
    ResumeState::open(&ResumeState::base()?, words)
        .inspect_err(|error| tracing::debug!(cause = %error, "nothing can be resume"))
        .ok()
}

/// What a shell is told.
///
/// | code | |
/// | --- | --- |
/// | 1 | a file cannot be read or written, or another failure of this side |
/// | 3 | the code is wrong, unknown, expired or in use |
/// | 4 | the other side cancelled or declined |
/// | 5 | the server or the other side cannot be reached, or not any more |
/// | 6 | what arrived is not what was sent |
/// | 8 | some of it was left out, because it could not be read or had changed; all else is there |
/// | 130 | Ctrl-C |
pub fn exit_code(failure: &Failure) -> ExitCode {
    ExitCode::from(match failure {
        Failure::Local(_) => 1,
        Failure::Ended { code, .. } => match code {
            End::WrongCode | End::UnknownCode | End::ExpiredCode | End::CodeInUse => 3,
            End::Cancelled | End::Declined | End::Failed | End::Done => 4,
            End::Tampered => 6,
            End::PeerLost
            | End::Evicted
            | End::QuotaExceeded
            | End::Replaced
            | End::SignedOut
            | End::Stopping
            | End::BadMessage
            | End::AwayTooLong
            | End::Restarted => 5,
        },
        Failure::Unconfirmed => 3,
        Failure::PeerCancelled(_) => 4,
        Failure::Unreachable(_) | Failure::Refused(_) => 5,
        Failure::Protocol(_) => 6,
        Failure::Stopped => 130,
    })
}

/// See [`exit_code`].
pub const LEFT_OUT: u8 = 8;

/// A transfer has come to its end, and not all that was offered could be sent.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the files and folders could not be sent")]
pub struct LeftOut(u64);

/// The server whose page for codes this is.
pub fn code_page(url: &str) -> Option<Server> {
    url.trim_end_matches('/').strip_suffix("/direct")?.parse().ok()
}

/// Runs a transfer; the first Ctrl-C asks it to stop, the second ends the process.
pub fn run_to_end(
    renderer: &mut Renderer,
    transfer: impl AsyncFnOnce(Stop, &mut dyn FnMut(Event)) -> Result<Summary, Failure>,
) -> Outcome {
    const INTERRUPTED: i32 = 130;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let (say, stop) = watch::channel(false);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if say.send_replace(true) {
                    std::process::exit(INTERRUPTED);
                }
            }
        });
        transfer(stop, &mut |event| renderer.tell(event)).await
    });
    // Somebody may still be asked at the terminal.
    runtime.shutdown_background();
    match result {
        Ok(summary) => {
            renderer.tell(Event::Done(summary));
            if summary.skipped > 0 { Err(Box::new(LeftOut(summary.skipped))) } else { Ok(()) }
        }
        Err(failure) => {
            renderer.tell(Event::Failed { code: failure.code(), msg: failure.to_string() });
            Err(failure.into())
        }
    }
}
