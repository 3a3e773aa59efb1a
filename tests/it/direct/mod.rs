//! Direct transfers.

mod cli;
mod codes;
mod files;
mod hostile;
mod interop;
mod killed;
mod limits;
mod load;
mod pairs;
mod path;
mod proxy;
mod relay;
mod resume;
mod server_gone;
