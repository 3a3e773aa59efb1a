//! Direct transfers.

mod cli;
mod codes;
mod hostile;
mod interop;
mod killed;
mod limits;
mod load;
mod pairs;
mod path;
mod relay;
mod resume;
mod server_gone;
