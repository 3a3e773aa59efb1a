//! Tokens and passwords.

use std::hint::black_box;

use criterion::Criterion;
use handover::server::auth::token::Keys;
use handover::server::auth::{Role, password};
use handover::server::clock::{Clock, after};
use handover::server::id;

pub fn bench(criterion: &mut Criterion) {
    let keys = Keys::new(b"a secret that signs nothing but benchmarks");
    let (user, session, now) = (id::new(), id::new(), Clock::System.now());
    let end = after(now, std::time::Duration::from_secs(600));
    let sign = || keys.sign_access(&user, Role::Client, &session, now, end).unwrap();
    let (access, link) = (sign(), keys.sign_link(&id::new(), &id::new(), end).unwrap());

    let mut group = criterion.benchmark_group("auth");
    group.bench_function("sign an access token", |b| b.iter(sign));
    group.bench_function("verify an access token", |b| b.iter(|| keys.verify_access(black_box(&access), now).unwrap()));
    group.bench_function("verify a link token", |b| b.iter(|| keys.verify_link(black_box(&link)).unwrap()));
    group.bench_function("hash a password", |b| b.iter(|| password::hash(black_box("correct horse")).unwrap()));
}
