//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper fails and tells as its test does, in which Clippy allows it"
)]

mod accounts;
mod answers;
mod audit;
mod batch_downloads;
mod batch_events;
mod batch_guests;
mod batch_password;
mod batch_qr;
mod batch_zip;
mod batched;
mod batches;
mod binary;
mod broken_uploads;
mod crafted;
mod desk_cli;
mod desk_fetch;
mod desk_user;
mod digests;
mod direct_cli;
mod direct_codes;
mod direct_hostile;
mod direct_interop;
mod direct_killed;
mod direct_limits;
mod direct_load;
mod direct_pairs;
mod direct_path;
mod direct_relay;
mod direct_resume;
mod directed;
mod discovered;
mod doctor_cli;
mod durability;
mod expect;
mod files_list;
mod full_disk;
mod gate;
mod headers;
mod http_limits;
mod link_model;
mod link_races;
mod link_resume;
mod linked;
mod links;
mod log_lines;
mod matrix;
mod memory;
mod names;
mod openapi;
mod page;
mod peer;
mod pipe_curl;
mod pipe_ends;
mod pipes;
mod process;
mod public_url;
mod quotas;
mod raw;
mod room_client;
mod room_hostile;
mod room_terminal;
mod roomed;
mod rooms_broken;
mod rooms_files;
mod rooms_keys;
mod rooms_talk;
mod serve_cli;
mod service;
mod signup;
mod smoke;
mod stored;
mod support;
mod terminals;
mod throttling;
mod tokens;
mod uploads;
mod users_cli;
mod versions;
mod wire;
