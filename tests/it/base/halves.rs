//! Database and folder for files: each way of putting wrong halves together is refused, and loses nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use handover::server::clock::Clock;
use handover::server::db::Conn;
use handover::server::{Server, sweeper};

use crate::support::crafted::docx;
use crate::support::stored::{delete, list, stored};
use crate::support::*;

/// Why a server does not start with these.
fn refusal(data: &Path, flags: &[&str]) -> String {
    let settings = settings(data, flags);
    let started = actix_web::rt::System::new().block_on(Server::start(settings, Clock::manual()));
    started.err().map(|error| error.to_string()).expect("it does not start")
}

/// A data folder with `files` documents, and its blobs.
fn installation(files: usize) -> tempfile::TempDir {
    actix_web::rt::System::new().block_on(async {
        let server = TestServer::start();
        let token = server.operation("olga").await;
        for n in 0..files {
            stored(&server, &token, &format!("{n}.docx"), docx(n as u64, 2000)).await;
        }
        server.stop()
    })
}

/// Takes the ids away: what an installation looks like that this version has not started yet.
fn forget_ids(data: &Path) {
    fs::remove_file(data.join("blobs/store-id")).unwrap();
    let mut conn = Conn::open_sqlite(&data.join("handover.db")).unwrap();
    conn.batch_execute("DELETE FROM store").unwrap();
}

fn remove_database(data: &Path) {
    for name in ["handover.db", "handover.db-wal", "handover.db-shm"] {
        let _ = fs::remove_file(data.join(name));
    }
}

#[test]
fn a_database_that_is_missing_is_not_taken_for_an_empty_one() {
    for with_ids in [true, false] {
        let dir = installation(3);
        let data = dir.path().join("data");
        if !with_ids {
            forget_ids(&data);
        }
        let before = blobs_below(&data.join("blobs"));
        remove_database(&data);
        for _ in 0..2 {
            let why = refusal(&data, &[]);
            assert!(why.contains("does not know the files") && why.contains("3 of 3") && !why.contains('\n'), "{why}");
        }
        assert_eq!(blobs_below(&data.join("blobs")).len(), before.len());
    }
}

#[test]
fn halves_of_two_installations_are_refused_with_and_without_ids() {
    let (one, other) = (installation(2), installation(2));
    let (one, other) = (one.path().join("data"), other.path().join("data"));
    let blobs = format!("file:{}", other.join("blobs").display());
    let why = refusal(&one, &["--blobs-url", &blobs]);
    assert!(why.contains("belong to two installations"), "{why}");
    let database = format!("sqlite:{}", other.join("handover.db").display());
    let why = refusal(&one, &["--database-url", &database]);
    assert!(why.contains("belong to two installations"), "{why}");
    forget_ids(&other);
    let why = refusal(&one, &["--blobs-url", &blobs]);
    assert!(why.contains("does not know the files"), "{why}");
    forget_ids(&one);
    let why = refusal(&one, &["--blobs-url", &blobs]);
    assert!(why.contains("does not know the files"), "{why}");
    assert_eq!(blobs_below(&other.join("blobs")).len(), 2);
}

#[test]
fn a_folder_that_is_missing_is_refused_and_so_is_an_empty_one() {
    for with_ids in [true, false] {
        let dir = installation(2);
        let data = dir.path().join("data");
        if !with_ids {
            forget_ids(&data);
        }
        fs::rename(data.join("blobs"), data.join("away")).unwrap();
        for _ in 0..2 {
            let why = refusal(&data, &[]);
            assert!(why.contains("has none of the files") && why.contains("mount or restore"), "{why}");
        }
    }
}

#[actix_rt::test]
async fn an_installation_from_before_gets_an_id_and_keeps_its_files() {
    let dir = std::thread::spawn(|| installation(3)).join().unwrap();
    forget_ids(&dir.path().join("data"));
    let server = TestServer::in_folder(dir, &[]);
    let olga = server.login("olga").await;
    assert_eq!(sweeper::files(server.app()).await.unwrap(), 0);
    assert_eq!(server.blobs().len(), 3);
    let id = fs::read_to_string(server.dir.path().join("data/blobs/store-id")).unwrap();
    let server = TestServer::in_folder(server.stop(), &[]);
    assert_eq!(fs::read_to_string(server.dir.path().join("data/blobs/store-id")).unwrap(), id);
    assert_eq!(list(&server, &olga, "").await["files"].as_array().unwrap().len(), 3);
}

#[test]
fn a_second_server_is_kept_out_of_the_files_of_a_running_one() {
    let server = TestServer::start();
    let other = tempfile::tempdir().unwrap();
    let blobs = format!("file:{}", server.dir.path().join("data/blobs").display());
    let why = std::thread::spawn(move || refusal(&other.path().join("data"), &["--blobs-url", &blobs])).join().unwrap();
    assert!(why.contains("already running on the folder for files"), "{why}");
}

/// Rows of yesterday beside the files of today: what has no row waits in the trash, and comes back with its row.
#[actix_rt::test]
async fn an_older_database_puts_files_into_the_trash_and_the_newer_one_finds_them_again() {
    let server = TestServer::start();
    let olga = server.operation("olga").await;
    stored(&server, &olga, "first.docx", docx(1, 2000)).await;
    let dir = server.stop();
    let (data, older) = (dir.path().join("data"), dir.path().join("older.db"));
    fs::copy(data.join("handover.db"), &older).unwrap();
    let server = TestServer::in_folder(dir, &[]);
    stored(&server, &olga, "second.docx", docx(2, 3000)).await;
    let dir = server.stop();
    fs::rename(data.join("handover.db"), dir.path().join("newer.db")).unwrap();
    fs::copy(&older, data.join("handover.db")).unwrap();

    let server = TestServer::in_folder(dir, &[]);
    eventually("the sweep at the start is over", async || server.blobs().len() == 1).await;
    assert_eq!(files_below(&data.join("blobs/trash")).len(), 1);
    let dir = server.stop();
    fs::rename(dir.path().join("newer.db"), data.join("handover.db")).unwrap();
    let server = TestServer::in_folder(dir, &[]);
    let carl = server.client("carl").await;
    let minted = server.mint(&carl, "second.docx").await;
    assert_eq!(server.fetch(&minted["download_url"]).send().await.unwrap().bytes().await.unwrap(), docx(2, 3000));
    assert_eq!(server.blobs().len(), 2);
}

#[actix_rt::test]
async fn the_trash_keeps_what_was_deleted_for_some_days() {
    let server = TestServer::with(&["--trash-life", "2days"]);
    let olga = server.operation("olga").await;
    for name in ["a.docx", "b.docx"] {
        stored(&server, &olga, name, docx(1, 2000)).await;
        assert_eq!(delete(&server, &olga, name, "").await.status(), 204);
    }
    let trash = server.dir.path().join("data/blobs/trash");
    eventually("both are in the trash", async || files_below(&trash).len() == 2).await;
    server.clock.advance(Duration::from_secs(47 * 3600));
    assert_eq!(sweeper::trash(server.app()).await.unwrap(), 0);
    server.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(sweeper::trash(server.app()).await.unwrap(), 2);
    assert!(files_below(&trash).is_empty());
}

/// Far more than a crash explains: nothing is moved, and the log, the metrics and the doctor say so.
#[actix_rt::test]
async fn a_sweep_that_would_take_too_much_stops_and_says_so() {
    let server = TestServer::start();
    let olga = server.operation("olga").await;
    stored(&server, &olga, "a.docx", docx(1, 2000)).await;
    let folder = server.blobs()[0].parent().unwrap().to_owned();
    for _ in 0..150 {
        fs::write(folder.join(handover::server::id::new()), "whose?").unwrap();
    }
    assert_eq!(sweeper::files(server.app()).await.unwrap(), 0);
    assert_eq!(server.blobs().len(), 151);
    let metrics = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    for line in ["handover_sweep_stopped 1", "handover_unknown_files 150"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let data = server.dir.path().join("data");
    let args = ["doctor", "--bind", "127.0.0.1:0", "--free-space-floor", "1MiB", "--data", data.to_str().unwrap()];
    let said = crate::support::binary::text(&crate::support::binary::run(&args, "").stdout);
    assert!(said.contains("nothing refers to 150 of the 151 files") && said.contains("--sweep-limit"), "{said}");

    let server = TestServer::in_folder(server.stop(), &["--sweep-limit", "100"]);
    eventually("they are in the trash", async || server.blobs().len() == 1).await;
    assert_eq!(files_below(&data.join("blobs/trash")).len(), 150);
}

/// A disk that was unmounted leaves an empty folder in its place.
#[actix_rt::test]
async fn a_server_without_its_files_is_not_ready() {
    let server = TestServer::start();
    let blobs = server.dir.path().join("data/blobs");
    let ready = async || server.get("/readyz").send().await.unwrap().status().as_u16();
    assert_eq!(ready().await, 200);
    fs::rename(&blobs, blobs.with_extension("away")).unwrap();
    fs::create_dir(&blobs).unwrap();
    assert_eq!(ready().await, 503);
    fs::remove_dir_all(&blobs).unwrap();
    fs::rename(blobs.with_extension("away"), &blobs).unwrap();
    assert_eq!(ready().await, 200);
}

#[test]
fn the_doctor_tells_wrong_halves_before_the_start_does() {
    let dir = installation(2);
    let data = dir.path().join("data");
    remove_database(&data);
    let args = ["doctor", "--bind", "127.0.0.1:0", "--free-space-floor", "1MiB", "--data", data.to_str().unwrap()];
    let output = crate::support::binary::run(&args, "");
    let said = crate::support::binary::text(&output.stdout);
    assert!(!output.status.success() && said.contains("does not know the files"), "{said}");
}
