//! The commands, as people type them.

mod desk;
mod discovery;
mod doctor;
mod fetch;
mod serve;
mod users;
