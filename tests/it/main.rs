//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

mod crafted;
mod linked;
mod process;
mod raw;
mod stored;
mod support;

mod broken_uploads;
mod digests;
mod durability;
mod files_list;
mod full_disk;
mod gate;
mod link_model;
mod link_races;
mod link_resume;
mod links;
mod names;
mod quotas;
mod smoke;
mod uploads;
mod versions;
mod wire;
