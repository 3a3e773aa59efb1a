//! What people do here: one folder a capability, with its routes, handlers, rows, settings and refusals.
//!
//! A feature may call another's model, never its handlers.

pub mod accounts;
pub mod batches;
pub mod desk;
pub mod direct;
pub mod links;
pub mod page;
pub mod pipes;
pub mod rooms;
pub mod service;
