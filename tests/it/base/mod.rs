//! What holds for every route: rights, limits, durability, logs.

mod audit;
mod connection;
mod durability;
mod expect;
mod floors;
mod full_disk;
mod headers;
mod http_limits;
mod log_lines;
mod matrix;
mod memory;
mod public_url;
mod smoke;
