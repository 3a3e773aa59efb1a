//! The ledger of a link as a row: what is written down, and what a process that died leaves. The rule itself is tested beside
//! the ledger, under random schedules.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use handover::server::clock::Clock;
use handover::server::db::schema::download_links as links;
use handover::server::db::{Conn, open_migrated};
use handover::server::features::links::model::{self, CLAIMED, CONSUMED, ISSUED, NewLink};
use handover::server::leases::{Ask, Ledger};

const SIZE: u64 = 1000;

fn database(clock: &Clock) -> (tempfile::TempDir, Conn) {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = open_migrated(&dir.path().join("handover.db")).unwrap();
    conn.batch_execute(
        "PRAGMA synchronous = OFF;
         INSERT INTO users (id, username, username_key, email, email_key, password_hash, role, created_at)
             VALUES ('u', 'ann', 'ann', 'a@b', 'a@b', '', 'client', '2026-01-01');
         INSERT INTO blobs VALUES ('b', 1000, '', NULL, 0, '2026-01-01');
         INSERT INTO documents VALUES ('d', 'a.docx', 'a.docx', 1, 1, 'b', 'u', '2026-01-01', NULL, '');",
    )
    .unwrap();
    let now = clock.now();
    let new = NewLink { id: "l", token: "t", document: "d", user: "u", now, end: now + Duration::from_secs(600) };
    model::issue(&mut conn, &new).unwrap();
    (dir, conn)
}

/// State, bytes fetched, and whether it says when it was fetched.
fn row(conn: &mut Conn) -> (String, i64, bool) {
    let row = links::table.find("l").select((links::state, links::fetched, links::fetched_at));
    let (state, fetched, at): (String, i64, Option<chrono::NaiveDateTime>) = row.first(conn).unwrap();
    (state, fetched, at.is_some())
}

#[test]
fn a_row_says_what_its_ledger_says_and_a_start_gives_back_what_the_dead_held() {
    let clock = Clock::manual();
    let (_dir, mut conn) = database(&clock);
    let now = clock.now();
    let ask = |id, range| Ask { id, range, in_part: true, holder: "h", proved: false };
    let mut ledger = model::ledger(&mut conn, "l").unwrap().unwrap();
    ledger.claim(&ask("1", 0..SIZE), SIZE, now, &|_| None).unwrap();
    ledger.renew("1", 400, now);
    model::store(&mut conn, "l", &ledger, now).unwrap();
    assert_eq!(row(&mut conn), (CLAIMED.into(), 400, false));

    assert_eq!(model::recover(&mut conn, now).unwrap(), 1);
    assert_eq!(row(&mut conn), (ISSUED.into(), 400, false));
    assert_eq!(model::recover(&mut conn, now).unwrap(), 0);

    let mut ledger: Ledger = model::ledger(&mut conn, "l").unwrap().unwrap();
    ledger.claim(&ask("2", 400..SIZE), SIZE, now, &|_| None).unwrap();
    assert!(ledger.finish("2", SIZE, now));
    model::store(&mut conn, "l", &ledger, now).unwrap();
    assert_eq!(row(&mut conn), (CONSUMED.into(), 999, false));
    let mut delivered = ledger.clone();
    assert!(delivered.end("2", SIZE, false, SIZE));

    // Died with the last byte on its way: that one can be had, by whoever has the rest.
    assert_eq!(model::recover(&mut conn, now).unwrap(), 1);
    assert_eq!(row(&mut conn), (ISSUED.into(), 999, false));
    let mut ledger = model::ledger(&mut conn, "l").unwrap().unwrap();
    assert!(ledger.clone().claim(&ask("3", 0..SIZE), SIZE, now, &|_| None).is_err());
    assert!(ledger.claim(&ask("3", SIZE - 1..SIZE), SIZE, now, &|_| None).is_ok());

    model::store(&mut conn, "l", &delivered, now).unwrap();
    assert_eq!(row(&mut conn), (CONSUMED.into(), 1000, true));
}

#[test]
fn what_is_revoked_stays_so_whatever_its_last_transfer_writes() {
    let clock = Clock::manual();
    let (_dir, mut conn) = database(&clock);
    assert!(model::revoke(&mut conn, "l", None).unwrap());
    assert!(model::ledger(&mut conn, "l").unwrap().is_none());
    model::store(&mut conn, "l", &Ledger::default(), clock.now()).unwrap();
    assert_eq!(row(&mut conn).0, model::REVOKED);
}
