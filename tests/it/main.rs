//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper fails and tells as its test does, in which Clippy allows it"
)]

mod accounts;
mod base;
mod batches;
mod cli;
mod desk;
mod direct;
mod links;
mod page;
mod pipes;
mod rooms;
mod service;
mod support;
