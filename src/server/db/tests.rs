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
         WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'
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
