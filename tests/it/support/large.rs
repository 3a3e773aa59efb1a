//! A data folder as it is after years: rows by the million, written in one go. The files of its documents are not there.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use handover::server::db::Conn;

/// How many rows of each kind.
pub struct Size {
    pub documents: u64,
    pub links: u64,
    pub audit: u64,
    pub batches: u64,
    pub rooms: u64,
}

/// Enough for each query to have something to find.
pub const DAYS: Size = Size { documents: 300, links: 1000, audit: 1500, batches: 50, rooms: 20 };

const USERS: u64 = 100;
/// Files of a batch, messages of a room.
const EACH: u64 = 10;

/// Fills a database that a server has made and left.
pub fn fill(database: &Path, size: &Size) {
    let mut conn = Conn::open_sqlite(database).unwrap();
    conn.batch_execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN;").unwrap();
    for statement in statements(size) {
        conn.batch_execute(&statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    conn.batch_execute("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
}

/// An id of the form that the server makes, in the order of `n`, long ago.
fn id(kind: u32, n: &str) -> String {
    format!(
        "(printf('%08x', (1700000000000 + ({n})) >> 16) || '-' || printf('%04x', (1700000000000 + ({n})) & 65535)
          || '-7000-8{kind:03}-' || printf('%012x', {n}))"
    )
}

/// INSERT … SELECT with `n` from 0 to `count`.
fn rows(into: &str, count: u64, values: &str) -> String {
    format!(
        "INSERT INTO {into} WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count})
         SELECT {values} FROM numbers;"
    )
}

fn statements(size: &Size) -> Vec<String> {
    let &Size { documents, links, audit, batches, rooms } = size;
    let time =
        |n: &str, of: u64| format!("datetime('now', '-380 days', '+' || (({n}) * 32000000 / {of}) || ' seconds')");
    let user = |n: &str| id(1, &format!("({n}) % {USERS}"));
    // Each number once, in no order.
    let mixed = |of: u64| format!("(n * 7919 % {of})");
    let (files, events) = (batches * EACH, rooms * EACH);
    let blobs = documents + files;
    let name = format!(
        "CASE n % 1000 WHEN 999 THEN 'Übersicht 日本 ' || n || '.xlsx'
         ELSE 'Report ' || {} || ' for department ' || n % 97 || '.docx' END",
        mixed(documents)
    );
    vec![
        rows(
            "users (id, username, username_key, email, email_key, password_hash, role, created_at)",
            USERS,
            &format!("{}, 'user' || n, 'user' || n, 'user' || n || '@example.org', 'user' || n || '@example.org', 'x', 'client', '2025-01-01 00:00:00'", id(1, "n")),
        ),
        rows(
            "blobs (id, size, blake3, sha256, crc32, created_at)",
            blobs,
            &format!("{}, 4096, printf('%064x', n), printf('%064x', n), n, '2025-01-01 00:00:00'", id(2, "n")),
        ),
        rows(
            "documents (id, name, name_key, version, latest, blob_id, uploaded_by, uploaded_at)",
            documents,
            &format!("{}, {name}, replace(lower({name}), 'Ü', 'ü'), 1, 1, {}, {}, {}", id(3, "n"), id(2, "n"), user("n"), time("n", documents)),
        ),
        rows(
            "download_links (id, token_digest, document_id, issued_to, state, issued_at, expires_at, starts, lease_until)",
            links,
            &format!(
                "{}, printf('%064x', n), {}, {},
                 CASE WHEN n % 50000 = 7 THEN 'claimed' WHEN n % 100 = 1 THEN 'issued' WHEN n % 100 < 70 THEN 'consumed' WHEN n % 100 < 96 THEN 'expired' ELSE 'revoked' END,
                 {}, CASE WHEN n % 100 = 1 THEN datetime('now', '+7 days') ELSE {} END, 1,
                 CASE WHEN n % 50000 = 7 THEN datetime('now', '+1 minute') END",
                id(4, "n"),
                id(3, &mixed(documents)),
                user("n / 3"),
                time("n", links),
                time("n", links)
            ),
        ),
        rows(
            "audit (id, at, action, actor_id, actor, subject, address, request_id)",
            audit,
            &format!(
                "{}, {}, CASE WHEN n % 3 = 0 THEN 'link_issued' WHEN n % 3 = 1 THEN 'downloaded' WHEN n % 1000 = 2 THEN 'user_disabled' ELSE 'logged_in' END,
                 {}, 'user' || n % {USERS}, 'Report ' || {} || '.docx', '192.0.2.' || n % 250, printf('%016x', n)",
                id(5, "n"),
                time("n", audit),
                user("n"),
                mixed(documents)
            ),
        ),
        rows(
            "batches (id, address_digest, key_digest, title, account, made_at, expires_at, files, bytes, fetches)",
            batches,
            &format!("{}, printf('%064x', n), printf('%064x', n), '', 'guest:192.0.2.1', '2025-01-01 00:00:00', '2999-01-01 00:00:00', {EACH}, 40960, 0", id(6, "n")),
        ),
        rows(
            "batch_files (id, batch_id, name, name_key, blob_id, added_at, running, complete, starts)",
            files,
            &format!("{}, {}, n || '.txt', n || '.txt', {}, '2025-01-01 00:00:00', 0, 0, 0", id(7, "n"), id(6, &format!("n / {EACH}")), id(2, &format!("n + {documents}"))),
        ),
        rows(
            "rooms (id, code_digest, key_digest, title, account, made_at, expires_at, locked, last_event, bytes)",
            rooms,
            &format!("{}, printf('%064x', n), printf('%064x', n), '', 'guest:192.0.2.1', '2025-01-01 00:00:00', '2999-01-01 00:00:00', 0, {EACH}, 10240", id(8, "n")),
        ),
        rows(
            "room_events (room_id, seq, kind, body)",
            events,
            &format!("{}, n % {EACH} + 1, 'message', '{{}}'", id(8, &format!("n / {EACH}"))),
        ),
    ]
}
