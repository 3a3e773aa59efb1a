//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

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
