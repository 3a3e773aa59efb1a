//! How commands end that speak to a server: at their end or at Ctrl-C, with an exit code.

use std::process::ExitCode;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::client::Failure;

/// Whether a command is to stop.
pub type Stop = watch::Receiver<bool>;

/// What a shell is told; see [`super::transfer::exit_code`] for transfers.
///
/// | code | |
/// | --- | --- |
/// | 1 | a file cannot be read or written, a line makes no sense, or another failure of this side |
/// | 3 | unknown, used up, expired or over: a link, a file, a room |
/// | 4 | the server does not allow or take it; a room is locked or full, or one was sent away from it |
/// | 5 | the server cannot be reached, or is busy |
/// | 6 | what arrived is not what was sent |
/// | 7 | a sign-in is missing, over or wrong |
/// | 130 | Ctrl-C |
pub fn exit_code(failure: &Failure) -> ExitCode {
    ExitCode::from(match failure {
        Failure::Local(_) => 1,
        Failure::SignIn(_) => 7,
        Failure::Refused { status, code, .. } => match (status.as_u16(), code.as_str()) {
            (401, _) => 7,
            (404 | 410, _) => 3,
            (507, _) => 4,
            (429 | 500.., _) | (_, "link_busy" | "downloads_busy" | "request_timeout") => 5,
            _ => 4,
        },
        Failure::Unreachable(_) => 5,
        Failure::Damaged(_) => 6,
        Failure::Stopped => 130,
    })
}

/// Runs a command to its end; the first Ctrl-C stops it, the second ends the process where it cannot be stopped.
pub fn run_to_end<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_until_stopped(async |mut stop| {
        tokio::select! {
            result = command => result,
            Ok(_) = stop.wait_for(|stop| *stop) => Err(Failure::Stopped),
        }
    })
}

/// Runs a command that is told of the first Ctrl-C and stops by itself; the second ends the process.
pub fn run_until_stopped<T>(command: impl AsyncFnOnce(Stop) -> Result<T, Failure>) -> Result<T, Failure> {
    const INTERRUPTED: i32 = 130;
    let failed = |error: std::io::Error| Failure::Local(error.to_string());
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
    let (say, stop) = watch::channel(false);
    runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::spawn(async move {
            while interrupts.recv().await.is_some() {
                if say.send_replace(true) {
                    std::process::exit(INTERRUPTED);
                }
            }
        });
        command(stop).await
    })
}
