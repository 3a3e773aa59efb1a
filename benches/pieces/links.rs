//! Links as rows: writes wait until they are on disk, as those of the server do.

use std::sync::Arc;

use chrono::NaiveDateTime;
use criterion::{BatchSize, Criterion, Throughput};
use futures_util::future::join_all;
use handover::server::audit::{Action, Entry, Origin};
use handover::server::auth::Role;
use handover::server::blobs::rows::NewBlob;
use handover::server::clock::{Clock, after};
use handover::server::config::Quota;
use handover::server::db::{Conn, Db};
use handover::server::error::Result;
use handover::server::features::accounts;
use handover::server::features::desk::model as desk;
use handover::server::features::links::model::{self as links, NewLink};
use handover::server::id;
use handover::server::leases::Ask;
use handover::server::metrics::Metrics;

use crate::folder;

/// Rows that are there before.
const STOCK: usize = 10_000;
/// Writers that wait together.
const WRITERS: u64 = 64;
const SIZE: u64 = crate::SMALL as u64;

pub fn bench(criterion: &mut Criterion) {
    let runtime = actix_rt::Runtime::new().unwrap();
    let (folder, metrics) = (folder(), Arc::new(Metrics::default()));
    let (db, _writer) = Db::start(&folder.path().join("handover.db"), metrics.clone()).unwrap();
    let desk = runtime.block_on(db.write(Desk::set_up)).unwrap();
    let mint = || mint(&db, &desk);
    let mut group = criterion.benchmark_group("links");

    group.bench_function("mint", |b| b.iter(|| runtime.block_on(mint())));
    group.bench_function("claim, finish, deliver", |b| {
        b.iter_batched(|| runtime.block_on(mint()), |link| runtime.block_on(fetch(&db, link)), BatchSize::PerIteration);
    });
    let before = metrics.commits();
    group.throughput(Throughput::Elements(WRITERS));
    group.bench_function(format!("mint, {WRITERS} at once"), |b| {
        b.iter(|| runtime.block_on(join_all((0..WRITERS).map(|_| mint()))));
    });
    let after = metrics.commits();
    println!("{:>32} writes a commit", (after.1 - before.1) / (after.0 - before.0).max(1));
    group.finish();

    let mut group = criterion.benchmark_group("look up");
    let link = runtime.block_on(mint());
    group.bench_function("a link by its token", |b| {
        b.iter(|| db.lookup(|conn| links::find(conn, &link.id, &link.token)).unwrap());
    });
    group.bench_function("a document by its name", |b| {
        b.iter(|| db.lookup(|conn| desk::find(conn, NAME, None)).unwrap());
    });
    group.bench_function("a page of 50 links", |b| {
        b.iter(|| runtime.block_on(db.read(|conn| links::page(conn, &links::Filter::default(), "~", 50))).unwrap());
    });
}

const NAME: &str = "report.docx";

/// A client user, and a document that links are minted to.
struct Desk {
    client: String,
    document: String,
}

impl Desk {
    fn set_up(conn: &mut Conn) -> Result<Desk> {
        let now = Clock::System.now();
        let mut user = |name: &str, role| {
            let (name, email) = (name.to_owned().try_into()?, format!("{name}@example.org").try_into()?);
            accounts::model::add(conn, &name, &email, "no hash", role, false, now)
        };
        let (operation, client) = (user("olga", Role::Operation)?, user("carl", Role::Client)?);
        let digest = blake3::hash(b"").to_hex().to_string();
        let document = desk::NewDocument {
            notes: Vec::new(),
            name: NAME.into(),
            blob: NewBlob { id: id::new(), size: SIZE, blake3: digest.clone(), sha256: Some(digest), crc32: 0 },
            uploaded_by: operation,
        };
        desk::add(conn, document, &Quota::NONE, now)?;
        let document = desk::find(conn, NAME, None)?.expect("it was added").id;
        let desk = Desk { client, document };
        for _ in 0..STOCK {
            Link::new().issue(conn, &desk.document, &desk.client)?;
        }
        Ok(desk)
    }
}

struct Link {
    id: String,
    token: String,
    now: NaiveDateTime,
}

impl Link {
    fn new() -> Link {
        let id = id::new();
        // As long as a signed token is.
        Link { token: id.repeat(9), id, now: Clock::System.now() }
    }

    fn issue(&self, conn: &mut Conn, document: &str, client: &str) -> Result<()> {
        let end = after(self.now, std::time::Duration::from_secs(600));
        let new = NewLink { id: &self.id, token: &self.token, document, user: client, now: self.now, end };
        links::issue(conn, &new)?;
        Origin::default().record(conn, self.now, Entry::new(Action::LinkIssued, NAME).detail(&self.id))
    }
}

async fn mint(db: &Db, desk: &Desk) -> Link {
    let (document, client) = (desk.document.clone(), desk.client.clone());
    let link = Link::new();
    let minted = db.write(move |conn| link.issue(conn, &document, &client).map(|()| link));
    minted.await.unwrap()
}

/// The three writes of a download.
async fn fetch(db: &Db, link: Link) {
    let (now, claim) = (link.now, id::new());
    let (link_id, id) = (link.id.clone(), claim.clone());
    let begun = db.write(move |conn| {
        let (link, _) = links::find(conn, &link.id, &link.token)?;
        let mut ledger = links::parse(&link.ledger)?;
        let ask = Ask { id: &id, range: 0..SIZE, in_part: false, holder: "bench", proved: false };
        assert!(ledger.claim(&ask, SIZE, now, &|_: &str| None).is_ok());
        links::store(conn, &link.id, &ledger, now)?;
        links::begun(conn, &link.id, Some("192.0.2.1"))
    });
    begun.await.unwrap();
    let (link, id) = (link_id.clone(), claim.clone());
    let finish = db.write(move |conn| {
        let mut ledger = links::ledger(conn, &link)?.expect("it is open");
        assert!(ledger.finish(&id, SIZE, now));
        links::store(conn, &link, &ledger, now)
    });
    finish.await.unwrap();
    let deliver = db.write(move |conn| {
        let mut ledger = links::ledger(conn, &link_id)?.expect("it is open");
        assert!(ledger.end(&claim, SIZE, false, SIZE));
        links::store(conn, &link_id, &ledger, now)?;
        Origin::default().record(conn, now, Entry::new(Action::Downloaded, NAME).detail(link_id))
    });
    deliver.await.unwrap();
}
