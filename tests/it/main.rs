//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

mod crafted;
mod linked;
mod raw;
mod stored;
mod support;

mod files_list;
mod gate;
mod links;
mod names;
mod smoke;
mod uploads;
mod versions;
