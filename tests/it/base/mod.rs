//! What holds for every route: rights, limits, durability, logs.

mod audit;
mod booking;
mod connection;
mod durability;
mod expect;
mod flood;
mod floors;
mod full_disk;
mod halves;
mod headers;
mod http_limits;
mod log_lines;
mod matrix;
mod memory;
mod plans;
mod public_url;
mod shares;
mod smoke;
