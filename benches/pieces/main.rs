//! What the pieces of the desk cost, each on real input. `cargo bench` runs all of them in about two minutes, `cargo bench
//! -- links` those with "links" in their names. Nothing is asserted about time.
//!
//! What has to be durable is written below target/: a /tmp in memory would be synced for nothing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what cannot be measured fails, and what was measured is printed"
)]

mod auth;
mod blobs;
mod hand_over;
mod http;
mod links;
mod office;

#[path = "../../src/server/office/tests/craft.rs"]
#[expect(dead_code, reason = "the tests of the inspector use all of it")]
mod craft;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the integration tests use all of it")]
mod support;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Bytes of the small file: an everyday document.
const SMALL: usize = 30 << 10;

/// A folder on the disk of the build.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .nresamples(10_000)
}

criterion_group! {
    name = pieces;
    config = brief();
    targets = auth::bench, blobs::bench, hand_over::bench, http::bench, links::bench, office::bench
}
criterion_main!(pieces);
