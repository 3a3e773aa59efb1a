//! What both ends of a line speak: types, parsing and sealing. No input or output, no clock, no server and no client.

pub mod direct;
pub mod discovery;
#[cfg(feature = "server")]
pub mod disposition;
pub mod file_name;
pub mod names;
pub mod rooms;
pub mod secret;
pub mod websocket;
