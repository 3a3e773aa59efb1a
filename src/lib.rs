//! Handover hands files from one person to another.
//!
//! [`protocol`] is what both ends of a line speak: types, parsing, sealing, without input or output. [`client`] is what a client
//! does, whoever shows it; it stands on the protocol alone. [`server`] is the base (rows, bytes, rights, requests) and, in
//! [`server::features`], one folder for each thing that people do with it. [`cli`] is the command line over both. An arrow
//! points down only: `docs/architecture.md` has the picture, and a test holds the order.

#![forbid(unsafe_code)]

#[cfg(feature = "server")]
pub mod cli;
pub mod client;
pub mod interface;
pub mod protocol;
#[cfg(feature = "server")]
pub mod server;
