//! Batches of files with one page.

mod downloads;
mod events;
mod guests;
mod making;
mod password;
mod qr;
mod zip;
