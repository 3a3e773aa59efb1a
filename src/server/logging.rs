//! The log: lines of text for people or of JSON for programs, on standard error.
//!
//! A thread of its own writes it. Where nobody reads, be it a closed pipe or a full one, lines are dropped and counted: no
//! request waits for its line.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::server::config::{Config, LogFormat};

/// Lines that wait to be written, of some hundred bytes each.
const MOST_LINES: usize = 16_384;

/// Lines that could not be written. There is one log in a process.
static UNWRITTEN: AtomicU64 = AtomicU64::new(0);
/// Lines for which there was no place.
static OVERFLOWN: OnceLock<ErrorCounter> = OnceLock::new();

/// Starts the log of this process. What waits is written when the guard is dropped.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(config: &Config) -> Result<WorkerGuard, String> {
    let filter = EnvFilter::try_new(with_levels(&config.log_filter))
        .map_err(|error| format!("the log filter {:?} cannot be read: {error}", config.log_filter))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(MOST_LINES)
        .thread_name("log")
        .finish(Lines::open());
    let _ = OVERFLOWN.set(writer.error_counter()); // a second log cannot be started anyhow
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    let started = match config.log {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    started.map(|()| guard).map_err(|error| format!("the log cannot be started: {error}"))
}

/// Lines of this process's log that were dropped.
pub fn dropped() -> u64 {
    let overflown = OVERFLOWN.get().map_or(0, ErrorCounter::dropped_lines);
    UNWRITTEN.load(Ordering::Relaxed) + overflown as u64
}

/// Standard error, without the lock that a writer who waits would hold.
struct Lines(Option<File>);

impl Lines {
    fn open() -> Lines {
        Lines(io::stderr().as_fd().try_clone_to_owned().ok().map(File::from))
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.0.as_mut().map(|file| file.write_all(line));
        if !matches!(written, Some(Ok(()))) {
            UNWRITTEN.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
