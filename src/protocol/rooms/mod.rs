//! What members of a room and the server say to each other, and the code that leads into it.

pub mod code;
pub mod event;
