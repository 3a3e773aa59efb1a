//! The log: lines of text for people or of JSON for programs, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::server::config::{Config, LogFormat};

/// Starts the log of this process.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(with_levels(&config.log_filter))
        .map_err(|error| format!("the log filter {:?} cannot be read: {error}", config.log_filter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| format!("the log cannot be started: {error}"))
}

/// A filter under which errors are ours: actix calls it one when a client sends what is no request, or goes away. Both have
/// lines of their own (`no_request`, and what [`crate::server::http::log`] says of a broken answer).
fn with_levels(filter: &str) -> String {
    match filter.contains("actix_http") || filter.trim().is_empty() {
        true => filter.to_owned(),
        false => format!("{filter},actix_http::h1=off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_faults_are_no_errors_unless_they_are_asked_for() {
        assert_eq!(with_levels("info"), "info,actix_http::h1=off");
        assert_eq!(with_levels("info,actix_http=debug"), "info,actix_http=debug");
        assert!(EnvFilter::try_new(with_levels("warn,handover::links=debug")).is_ok());
    }
}
