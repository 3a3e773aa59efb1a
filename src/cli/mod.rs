//! The command line: one enum of commands, one file a command.

mod backup;
mod doctor;
mod fetch;
mod files;
mod find;
mod link;
pub mod login;
mod openapi;
mod output;
mod progress;
mod prompt;
mod qr;
mod receive;
mod room;
mod run;
mod send;
mod serve;
mod source;
mod transfer;
mod upload;
mod users;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::client::direct::Failure;
use crate::client::printable;
use crate::server::config::{Config, Store};
use crate::server::error::Error;
use crate::server::settings::Settings;

/// Hands files from one person to another: a server with a JSON API, and its tools.
///
/// Without a command the server starts, on 127.0.0.1:5000 and with its data in ./data. Each setting is a flag and an
/// environment variable; the flag wins.
#[derive(Parser)]
#[command(name = "handover", version, args_conflicts_with_subcommands = true, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server (also what happens without a command)
    Serve(Settings),
    /// Send files, folders or a text to somebody who is there now
    Send(send::Args),
    /// Receive what somebody sends with a code
    Receive(receive::Args),
    /// Talk and share files with whoever has a code
    #[command(subcommand)]
    Room(room::Command),
    /// Sign in to a server; the password is asked for, or read from standard input
    Login(login::Login),
    /// Sign out
    Logout,
    /// List the documents of the desk
    Files(files::Args),
    /// Upload documents to the desk
    Upload(upload::Args),
    /// Make a one-time link to a document
    Link(link::Args),
    /// Download what a one-time link or a batch holds
    Fetch(fetch::Args),
    /// Add, list, enable, disable and change users
    Users {
        #[command(flatten)]
        store: Store,
        #[command(subcommand)]
        command: users::Command,
    },
    /// Copy all rows, files and keys into a new folder, also beside a running server
    Backup {
        /// The folder to be made
        folder: PathBuf,
        #[command(flatten)]
        config: Config,
    },
    /// Check a set-up and say in plain words what is wrong with it
    Doctor {
        #[command(flatten)]
        settings: Settings,
        /// Only ask the running server whether it is ready: for a container's health check
        #[arg(long)]
        live: bool,
    },
    /// Print the API's OpenAPI document
    Openapi,
}

/// Parses the command line and runs the command. An error is one line on standard error and exit code 1 (2 for a command
/// line that cannot be understood; transfers, rooms and the desk have more, see [`transfer::exit_code`] and [`run::exit_code`]).
///
/// `before_serving` is called before the server starts, while there is one thread.
pub fn main(before_serving: fn()) -> ExitCode {
    let parsed = without_empty(Cli::command()).try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = parsed.unwrap_or_else(|error| without_secrets(error).exit());
    let result = match cli.command {
        None => serve::run(cli.settings, before_serving),
        Some(Command::Serve(settings)) => serve::run(settings, before_serving),
        Some(Command::Send(args)) => send::run(args),
        Some(Command::Receive(args)) => receive::run(args),
        Some(Command::Room(command)) => room::run(command),
        Some(Command::Login(args)) => login::login(args),
        Some(Command::Logout) => login::logout(),
        Some(Command::Files(args)) => files::run(args),
        Some(Command::Upload(args)) => upload::run(args),
        Some(Command::Link(args)) => link::run(args),
        Some(Command::Fetch(args)) => fetch::run(args),
        Some(Command::Users { store, command }) => users::run(&store, command),
        Some(Command::Backup { folder, config }) => backup::run(&config, &folder),
        Some(Command::Doctor { settings, live: true }) => doctor::live(&settings.base),
        Some(Command::Doctor { settings, live: false }) => doctor::run(&settings),
        Some(Command::Openapi) => openapi::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // In a terminal the cause of a failure belongs to the person who asked.
            let text = error.downcast_ref::<Error>().map_or_else(|| error.to_string(), Error::in_full);
            // It may hold what the other side, or the server, has said.
            let is_theirs = matches!(error.downcast_ref(), Some(failure) if !matches!(failure, Failure::Local(_)));
            let text = match is_theirs {
                true => printable(&text),
                false => text.split('\n').map(printable).collect::<Vec<_>>().join("\n"),
            };
            output::tell(&format!("handover: {text}"));
            exit_code(error.as_ref())
        }
    }
}

fn exit_code(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    if let Some(failure) = error.downcast_ref() {
        return transfer::exit_code(failure);
    }
    if error.downcast_ref::<transfer::LeftOut>().is_some() {
        return ExitCode::from(transfer::LEFT_OUT);
    }
    let several = error.downcast_ref::<upload::Several>().map(|several| &several.first);
    several.or_else(|| error.downcast_ref()).map_or(ExitCode::FAILURE, run::exit_code)
}

/// A variable that is set and empty counts as one that is not set: that is how Compose and the like write it.
fn without_empty(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg });
    command.mut_subcommands(without_empty)
}

/// A value that may hold a secret is not repeated when it does not fit: the error may end in a log.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(invalid)) = error.get(ContextKind::InvalidArg) else { return error };
    let mut command = Cli::command();
    command.build(); // an argument cannot be shown before
    // The flags are the same for all commands. clap names the argument as its help does: --flag <VALUE>.
    let secret = command.get_arguments().any(|arg| arg.is_hide_env_values_set() && arg.to_string() == *invalid);
    if secret {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".into()));
    }
    error
}

/// What a command ends with: one line for the person at the terminal.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Writes a line to standard output. Whoever reads it through a closed pipe has no need of it.
fn say(text: &str) -> Outcome {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output cannot be written: {error}").into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_is_a_flag_and_an_environment_variable() {
        for arg in Cli::command().get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())) {
            let flag = arg.get_long().unwrap_or_else(|| panic!("{} has no flag", arg.get_id()));
            let variable = format!("HANDOVER_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(variable.as_str()), "--{flag}");
            assert!(arg.get_help().is_some(), "--{flag} is not explained");
        }
    }
}
