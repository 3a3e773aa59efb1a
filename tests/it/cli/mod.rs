//! The commands, as people type them.

mod backup;
mod desk;
mod discovery;
mod doctor;
mod fetch;
mod private;
mod serve;
mod users;
