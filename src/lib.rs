//! Handover hands files from one person to another.
//!
//! The base (`client`, `http`, `auth`, `db`, `blobs`, `audit`, …) knows nothing of the features; a feature (`accounts`, `desk`,
//! `links`, `batches`, `direct`, `page`, `service`) is a folder with its routes, handlers and rows, and calls another's model
//! functions, never its handlers; `server` alone knows all of them.

#![forbid(unsafe_code)]

pub mod app;
pub mod audit;
pub mod auth;
pub mod blobs;
pub mod bus;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod db;
pub mod discovery;
pub mod error;
pub mod file_name;
pub mod folder;
pub mod http;
pub mod id;
pub mod interface;
pub mod logging;
pub mod metrics;
pub mod office;
pub mod secret;
pub mod server;
pub mod sweeper;

pub mod accounts;
pub mod batches;
pub mod desk;
pub mod direct;
pub mod links;
pub mod page;
pub mod rooms;
pub mod service;
