//! Receiving a blob: BLAKE3, CRC-32 and, up to 16 MiB, SHA-256 in the pass that writes it; then file, name and folder are
//! synced.

use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use futures_util::stream;
use handover::server::blobs::{Account, Blobs, Content, Space, TrashRule, receive};
use handover::server::clock::Clock;
use handover::server::config::Quota;

use crate::support::crafted::noise;
use crate::{SMALL, folder};

/// Bytes that come off a socket at once.
const CHUNK: usize = 32 << 10;

pub fn bench(criterion: &mut Criterion) {
    let runtime = actix_rt::Runtime::new().unwrap();
    let folder = folder();
    let trash = TrashRule { clock: Clock::System, life: Duration::ZERO };
    let blobs = Blobs::open(folder.path(), Space::new(Quota::NONE, folder.path()), trash).unwrap();
    let mut group = criterion.benchmark_group("blobs");
    for (name, size) in [("receive 30 KiB", SMALL), ("receive 64 MiB", 64 << 20)] {
        let bytes = Bytes::from(noise(1, size));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(name, |b| {
            // A blob that no row refers to is removed again when it is dropped, which is not timed.
            b.iter_batched(|| bytes.clone(), |bytes| runtime.block_on(put(&blobs, bytes)), BatchSize::PerIteration);
        });
    }
}

async fn put(blobs: &Blobs, mut bytes: Bytes) -> Content {
    let mut reservation = blobs.space().reserve(&Account::user("olga"), vec![0, 0]);
    let chunks = std::iter::from_fn(|| {
        let chunk = bytes.split_to(bytes.len().min(CHUNK));
        (!chunk.is_empty()).then_some(Ok(chunk))
    });
    receive(blobs, stream::iter(chunks), u64::MAX, &mut reservation, |_, _| Ok(())).await.unwrap().0
}
