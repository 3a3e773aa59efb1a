//! Pipes for scripts.

mod curl;
mod ends;
mod passing;
mod shares;
