use crate::server::refusals::NOT_FOUND;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use super::*;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    tbl: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text, column_name = "type")]
    kind: String,
    #[diesel(sql_type = Integer)]
    required: i32,
}

fn fresh() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("handover.db");
    (dir, path)
}

/// What `diesel print-schema` would write is what schema.rs says.
#[test]
fn schema_is_current() {
    let (_dir, path) = fresh();
    let mut conn = open_migrated(&path).unwrap();
    let columns: Vec<Column> = diesel::sql_query(
        "SELECT m.name AS tbl, p.name AS name, p.type AS type, (p.\"notnull\" OR p.pk) AS required
         FROM sqlite_master m, pragma_table_info(m.name) p
         WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'document\\_search%' ESCAPE '\\'
         ORDER BY m.name, p.cid",
    )
    .load(&mut conn)
    .unwrap();
    let mut expected = String::new();
    for column in &columns {
        let kind = match column.kind.as_str() {
            "TEXT" => "Text",
            "BLOB" => "Binary",
            "BIGINT" => "BigInt",
            "INTEGER" => "Integer",
            "BOOLEAN" => "Bool",
            "TIMESTAMP" => "Timestamp",
            other => panic!("a type that schema.rs does not use: {other}"),
        };
        let kind = if column.required != 0 { kind.into() } else { format!("Nullable<{kind}>") };
        expected.push_str(&format!("{}.{} -> {kind}\n", column.tbl, column.name));
    }
    let mut table = String::new();
    let mut stated = String::new();
    for line in include_str!("schema.rs").lines().map(str::trim) {
        if let Some((name, _)) = line.strip_suffix(") {").and_then(|head| head.split_once(" (")) {
            table = name.into();
        } else if let Some((name, kind)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> ")) {
            stated.push_str(&format!("{table}.{name} -> {kind}\n"));
        }
    }
    assert!(!columns.is_empty());
    assert_eq!(stated, expected);
}

#[test]
fn migrations_go_down_and_up_again() {
    let (_dir, path) = fresh();
    let mut conn = open_migrated(&path).unwrap();
    let Conn::Sqlite(sqlite) = &mut conn;
    sqlite.revert_all_migrations(SQLITE_MIGRATIONS).unwrap();
    sqlite.run_pending_migrations(SQLITE_MIGRATIONS).unwrap();
}

#[test]
fn a_database_from_a_newer_version_is_left_alone() {
    let (_dir, path) = fresh();
    let mut conn = open_migrated(&path).unwrap();
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')").unwrap();
    drop(conn);
    let error = open_migrated(&path).err().unwrap();
    assert!(matches!(error, StartError::Newer(_)), "{error}");
}

#[test]
fn the_audit_cannot_be_rewritten() {
    let (_dir, path) = fresh();
    let mut conn = open_migrated(&path).unwrap();
    conn.batch_execute("INSERT INTO audit (id, at, action) VALUES ('a', '2026-01-01', 'login')").unwrap();
    assert!(conn.batch_execute("UPDATE audit SET action = 'nothing'").is_err());
}

/// 64 writers at once, each reading before it writes: none sees a lock, and they share commits.
#[actix_rt::test]
async fn concurrent_writes_share_commits_and_never_see_a_lock() {
    let (_dir, path) = fresh();
    let metrics = Arc::new(Metrics::default());
    let (db, _thread) = Db::start(&path, metrics.clone()).unwrap();
    let writes = (0..640).map(|i| {
        db.write(move |conn| {
            use schema::usage;
            let held: Option<i64> = usage::table.find("").select(usage::bytes).first(conn).optional()?;
            match held {
                None => diesel::insert_into(usage::table)
                    .values((usage::user_id.eq(""), usage::bytes.eq(1)))
                    .execute(conn)?,
                Some(held) => diesel::update(usage::table.find("")).set(usage::bytes.eq(held + 1)).execute(conn)?,
            };
            // Every tenth fails after it has written: its savepoint alone must be undone.
            if i % 10 == 9 { Err(NOT_FOUND) } else { Ok(()) }
        })
    });
    let results = futures_util::future::join_all(writes).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 576);
    let total: i64 =
        db.read(|conn| Ok(schema::usage::table.find("").select(schema::usage::bytes).first(conn)?)).await.unwrap();
    assert_eq!(total, 576);
    let (commits, written) = metrics.commits();
    assert_eq!(written, 640);
    assert!(commits < 320, "{commits} commits for 640 writes");
}

#[actix_rt::test]
async fn a_panic_in_one_write_spares_the_others() {
    let (_dir, path) = fresh();
    let (db, _thread) = Db::start(&path, Arc::new(Metrics::default())).unwrap();
    let (bad, good) = tokio::join!(
        db.write(|_| -> Result<()> { panic!("on purpose") }),
        db.write(|conn| {
            use schema::usage;
            diesel::insert_into(usage::table).values((usage::user_id.eq("x"), usage::bytes.eq(1))).execute(conn)?;
            Ok(())
        })
    );
    assert!(matches!(bad, Err(Error::Internal(_))));
    good.unwrap();
}

#[test]
fn statements_do_what_they_say_and_are_compiled_once() {
    use std::sync::Mutex;

    use diesel::connection::InstrumentationEvent;
    use schema::usage;

    let (_dir, path) = fresh();
    let mut conn = open_migrated(&path).unwrap();
    let compiled: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = compiled.clone();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::CacheQuery { sql, .. } = event {
            log.lock().unwrap().push(sql.into());
        }
    });
    let bytes_of = |conn: &mut Conn, user: &str| -> Option<i64> {
        conn.first(usage::table.find(user).select(usage::bytes)).optional().unwrap()
    };
    for user in ["ann", "bob", "cat"] {
        assert_eq!(conn.insert(usage::table, (usage::user_id.eq(user), usage::bytes.eq(1))).unwrap(), 1);
    }
    for (user, bytes) in [("ann", 5), ("bob", 7)] {
        assert_eq!(conn.update(usage::table.find(user), usage::bytes.eq(bytes)).unwrap(), 1);
    }
    assert_eq!(conn.update(usage::table.find("dan"), usage::bytes.eq(9)).unwrap(), 0);
    assert_eq!(conn.update(usage::table, usage::bytes.eq(usage::bytes + 1)).unwrap(), 3);
    assert_eq!(["ann", "bob", "cat", "dan"].map(|user| bytes_of(&mut conn, user)), [Some(6), Some(8), Some(2), None]);
    let found: Vec<String> = compiled.lock().unwrap().iter().map(|sql| sql.replace('`', "")).collect();
    assert_eq!(
        found,
        [
            "INSERT INTO usage (user_id, bytes) VALUES (?, ?)",
            "UPDATE usage SET bytes = ? WHERE (usage.user_id = ?)",
            "UPDATE usage SET bytes = (usage.bytes + ?)",
            "SELECT usage.bytes FROM usage WHERE (usage.user_id = ?) LIMIT ?",
        ]
    );
}

/// What nobody waits for waits beside a full queue, and takes no thread to do so.
#[test]
fn a_full_queue_makes_no_threads_and_drops_nothing() {
    let (_dir, path) = fresh();
    let conn = open_migrated(&path).unwrap();
    let (writer, thread) = Writer::start(conn, Arc::new(Metrics::default())).unwrap();
    let (held, hold) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = std::sync::mpsc::channel();
    writer.post("a slow disk", move |_| {
        begun.send(()).unwrap();
        let _ = hold.recv();
        Ok(())
    });
    begins.recv().unwrap(); // whoever comes from now on waits
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    for _ in 0..10_000 {
        writer.post("count", |conn| {
            let known =
                conn.update(schema::usage::table.find("n"), schema::usage::bytes.eq(schema::usage::bytes + 1))?;
            if known == 0 {
                conn.insert(schema::usage::table, (schema::usage::user_id.eq("n"), schema::usage::bytes.eq(1)))?;
            }
            Ok(())
        });
    }
    assert!(threads() < before + 1000, "{} threads", threads());
    assert!(writer.waiting() >= 10_000);
    drop((held, writer));
    thread.join().unwrap();
    let mut conn = open_migrated(&path).unwrap();
    let counted: i64 = conn.first(schema::usage::table.find("n").select(schema::usage::bytes)).unwrap();
    assert_eq!(counted, 10_000);
}

#[actix_rt::test]
async fn a_file_shrinks_when_its_rows_have_gone_also_one_from_before() {
    for from_before in [false, true] {
        let (_dir, path) = fresh();
        let mut conn = open_migrated(&path).unwrap();
        if from_before {
            conn.batch_execute("PRAGMA auto_vacuum = NONE; VACUUM;").unwrap();
        }
        drop(conn);
        let size = || std::fs::metadata(&path).unwrap().len();
        let (db, thread) = Db::start(&path, Arc::new(Metrics::default())).unwrap();
        let fill = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 40000)
                    INSERT INTO audit (id, at, action, detail) SELECT n, '2026-01-01', 'refused', hex(randomblob(100)) FROM n;";
        db.write(move |conn| Ok(conn.batch_execute(fill)?)).await.unwrap();
        db.write(|conn| Ok(conn.batch_execute("DELETE FROM audit;")?)).await.unwrap();
        db.shrink().await.unwrap();
        drop(db);
        thread.join().unwrap();
        assert!(size() < 3 << 20, "{} bytes", size());
    }
}

/// What was booked by the byte is booked anew: whole blocks for files, and what is said in rooms.
#[test]
fn usage_is_counted_anew_in_blocks() {
    let (_dir, path) = fresh();
    let mut conn = open_migrated(&path).unwrap();
    conn.batch_execute(
        "INSERT INTO users (id, username, username_key, email, email_key, password_hash, role, created_at)
         VALUES ('ann', 'ann', 'ann', 'a', 'a', 'x', 'operation', '2026-01-01');
         INSERT INTO blobs (id, size, blake3, crc32, created_at)
         VALUES ('b1', 0, '', 0, '2026-01-01'), ('b2', 4097, '', 0, '2026-01-01'), ('b3', 100, '', 0, '2026-01-01');
         INSERT INTO documents (id, name, name_key, version, latest, blob_id, uploaded_by, uploaded_at)
         VALUES ('d', 'a.docx', 'a.docx', 1, 1, 'b1', 'ann', '2026-01-01');
         INSERT INTO batches (id, address_digest, key_digest, title, account, made_at, expires_at, files, bytes, fetches)
         VALUES ('b', '', '', '', 'guest:192.0.2.1', '2026-01-01', '2027-01-01', 1, 4097, 0);
         INSERT INTO batch_files (id, batch_id, name, name_key, blob_id, added_at, running, complete, starts)
         VALUES ('f', 'b', 'a', 'a', 'b2', '2026-01-01', 0, 0, 0);
         INSERT INTO rooms (id, code_digest, key_digest, title, account, made_at, expires_at, locked, last_event, bytes)
         VALUES ('r', '', '', '', 'ann', '2026-01-01', '2027-01-01', 0, 2, 3100);
         INSERT INTO room_files (id, room_id, seq, name, blob_id, member_id, added_at)
         VALUES ('g', 'r', 1, 'a', 'b3', 'm', '2026-01-01');
         INSERT INTO usage (user_id, bytes) VALUES ('ann', 1), ('', 4197), ('gone', 7);",
    )
    .unwrap();
    conn.batch_execute(include_str!("../../../migrations/sqlite/2026-11-30-400200_usage_in_blocks/up.sql")).unwrap();
    let booked: Vec<(String, i64)> = schema::usage::table.order(schema::usage::user_id).load(&mut conn).unwrap();
    let expected = [("", 4 * 4096 + 3000), ("ann", 2 * 4096 + 3000), ("guest:", 8192), ("guest:192.0.2.1", 8192)];
    assert_eq!(booked, expected.map(|(pot, bytes)| (pot.to_owned(), bytes)));
}
