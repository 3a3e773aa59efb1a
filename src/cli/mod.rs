//! The command line: one enum of commands, one file a command.

mod doctor;
mod find;
mod openapi;
mod receive;
mod send;
mod serve;
mod transfer;
mod users;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{Config, Store};
use crate::direct::client::Failure;
use crate::error::Error;

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
    config: Config,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server (also what happens without a command)
    Serve(Config),
    /// Send files, folders or a text to somebody who is there now
    Send(send::Args),
    /// Receive what somebody sends with a code
    Receive(receive::Args),
    /// Add, list, enable, disable and change users
    Users {
        #[command(flatten)]
        store: Store,
        #[command(subcommand)]
        command: users::Command,
    },
    /// Check a set-up and say in plain words what is wrong with it
    Doctor {
        #[command(flatten)]
        config: Config,
        /// Only ask the running server whether it is ready: for a container's health check
        #[arg(long)]
        live: bool,
    },
    /// Print the API's OpenAPI document
    Openapi,
}

/// Parses the command line and runs the command. An error is one line on standard error and exit code 1 (2 for a command
/// line that cannot be understood; `send` and `receive` have more, see [`transfer::exit_code`]).
pub fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| without_secrets(error).exit());
    let result = match cli.command {
        None => serve::run(cli.config),
        Some(Command::Serve(config)) => serve::run(config),
        Some(Command::Send(args)) => send::run(args),
        Some(Command::Receive(args)) => receive::run(args),
        Some(Command::Users { store, command }) => users::run(&store, command),
        Some(Command::Doctor { config, live: true }) => doctor::live(&config),
        Some(Command::Doctor { config, live: false }) => doctor::run(&config),
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
                true => transfer::printable(&text),
                false => text.split('\n').map(transfer::printable).collect::<Vec<_>>().join("\n"),
            };
            eprintln!("handover: {text}");
            error.downcast_ref().map_or(ExitCode::FAILURE, transfer::exit_code)
        }
    }
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
