//! Batches of files with one page.

mod again;
mod downloads;
mod events;
mod guests;
mod limits;
mod making;
mod page;
mod password;
mod qr;
mod zip;
