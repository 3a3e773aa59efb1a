//! Rooms.

mod broken;
mod client;
mod files;
mod hostile;
mod keys;
mod talk;
mod terminal;
