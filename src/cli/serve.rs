//! `handover serve`: the server, until it is told to stop.

use std::io::Write as _;

use super::Outcome;
use crate::server::Server;
use crate::server::auth::Role;
use crate::server::clock::Clock;
use crate::server::config::Guests;
use crate::server::features::accounts::settings::Signup;
use crate::server::logging;
use crate::server::settings::Settings;

pub fn run(settings: Settings, before_serving: fn()) -> Outcome {
    before_serving();
    let _log = logging::start(&settings.base)?;
    actix_rt::System::new().block_on(async move {
        ignore_file_size_signal();
        let server = Server::start(settings, Clock::System).await?;
        let greeting = greeting(&server);
        server
            .run(true, |_| {
                // Whoever reads this through a closed pipe has no need of it.
                let _ = std::io::stdout().write_all(greeting.as_bytes());
            })
            .await?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// What a person needs to know who has just started it.
fn greeting(server: &Server) -> String {
    let config = &server.app.config;
    let local = format!("http://{}", server.address);
    let address = config.public_url.as_ref().map_or(local, |public| public.join(""));
    let data = config.store.data.canonicalize().unwrap_or_else(|_| config.store.data.clone());
    let next = match server.live.settings.accounts.signup(Role::Operation, config) {
        Signup::Open => "open it in a browser, or follow the README's tour with curl",
        _ => "add users with `handover users add NAME EMAIL`; `--operation` makes one who uploads",
    };
    let open = open_to(&server.live.settings);
    format!(
        "Handover {} is listening on {address}\n  Data      {}\n  API       {address}/docs\n  Open      {open}\n  Next      {next}\n  Stop      Ctrl-C\n",
        env!("CARGO_PKG_VERSION"),
        data.display(),
    )
}

/// What is open here without an account, and to whom.
fn open_to(settings: &Settings) -> String {
    let config = &settings.base;
    let whom = if config.is_local() { "whoever is on this machine" } else { "everybody who reaches it" };
    let mut open = Vec::new();
    let mut by_code = Vec::new();
    for (role, what) in [(Role::Client, "client sign-up"), (Role::Operation, "operation sign-up")] {
        match settings.accounts.signup(role, config) {
            Signup::Open => open.push(what),
            Signup::Code(_) => by_code.push(what),
            Signup::Closed => {}
        }
    }
    if config.guests() == Guests::Allow {
        open.push("guests");
    }
    let mut said = Vec::new();
    if !open.is_empty() {
        said.push(format!("{} to {whom}", open.join(", ")));
    }
    if !by_code.is_empty() {
        said.push(format!("{} to whoever has the code", by_code.join(", ")));
    }
    if said.is_empty() { "nothing without an account, and accounts are added here".to_owned() } else { said.join("; ") }
}

/// A write past the process's file size limit must be an error of that write (EFBIG), not the end of the process. Having
/// any handler for the signal is enough (setrlimit(2), RLIMIT_FSIZE).
fn ignore_file_size_signal() {
    const SIGXFSZ: i32 = 25;
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ)) {
        Ok(signal) => drop(signal), // tokio's handler stays for the life of the process
        Err(error) => tracing::warn!(cause = %error, "SIGXFSZ is not handled"),
    }
}
