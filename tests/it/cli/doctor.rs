//! `handover doctor`: what it says of good and bad set-ups, and of servers that live or don't.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use handover::server::db::Conn;

use crate::support::binary::{Running, handover, one_line, run, text};
use crate::support::files_below;

/// Runs the doctor; gives whether it is content, what it says, and its last word.
#[track_caller]
fn doctor(data: &Path, flags: &[&str]) -> (bool, String, String) {
    let output =
        run(&[&["doctor", "--data", data.to_str().unwrap(), "--free-space-floor", "1MiB"], flags].concat(), "");
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert!(!error.contains("panicked"), "{error}");
    assert!(error.lines().count() <= 1, "{error}");
    assert!(said.lines().count() >= 7, "{said}");
    (output.status.success(), said, error)
}

/// The finding that holds `words`.
#[track_caller]
fn finding<'a>(said: &'a str, words: &str) -> &'a str {
    said.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("no {words:?} in\n{said}"))
}

const FREE: [&str; 2] = ["--bind", "127.0.0.1:0"];

#[test]
fn a_fresh_set_up_is_fine_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (content, said, error) = doctor(&data, &FREE);
    assert!(content && error.is_empty(), "{said}{error}");
    assert!(said.lines().all(|line| line.starts_with("ok ")), "{said}");
    assert!(!data.exists(), "the doctor only looks");
}

#[tokio::test]
async fn a_running_server_is_found_and_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Running::start(dir.path(), &[]);
    let address = server.address.to_string();
    let (content, said, error) = doctor(dir.path(), &["--bind", &address]);
    assert!(content && error.is_empty(), "{said}{error}");
    assert!(finding(&said, &address).contains("is ready"), "{said}");
    assert!(finding(&said, "users").contains("up to date"), "{said}");

    let live = ["doctor", "--live", "--data", dir.path().to_str().unwrap(), "--bind", &address];
    let output = run(&live, "");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    // In a container the server listens on every address, and the health check runs beside it.
    let everywhere = format!("0.0.0.0:{}", server.address.port());
    assert!(run(&["doctor", "--live", "--bind", &everywhere], "").status.success());

    fs::rename(dir.path().join("blobs"), dir.path().join("away")).unwrap();
    let line = one_line(&run(&live, ""));
    assert!(line.contains("not ready") && line.contains("cannot reach"), "{line}");
    fs::rename(dir.path().join("away"), dir.path().join("blobs")).unwrap();
    assert!(run(&live, "").status.success());

    server.signal(rustix::process::Signal::TERM);
    assert!(server.ended().await.0.success());
    let line = one_line(&run(&live, ""));
    assert!(line.contains("does not answer") && line.contains(&address), "{line}");
}

#[test]
fn what_would_keep_the_server_from_starting_is_bad() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "short").unwrap();
    let (content, said, error) = doctor(&file, &FREE);
    assert!(!content && finding(&said, "is not a folder").starts_with("BAD"), "{said}");
    assert!(error.contains("put right"), "{error}");

    let data = dir.path().join("data");
    let secret = file.to_str().unwrap();
    let (blobs, database) = (format!("file:{secret}"), format!("sqlite:{secret}"));
    for (flags, words) in [
        (["--secret-file", secret], "32 bytes"),
        (["--secret-file", "/nonexistent/secret"], "cannot be read"),
        (["--blobs-url", &blobs], "folder for files"),
        (["--database-url", &database], "database"),
        (["--bind", "192.0.2.1:5000"], "cannot be listened on"),
    ] {
        let (content, said, error) = doctor(&data, &flags);
        assert!(!content, "{flags:?}: {said}");
        assert!(finding(&said, words).starts_with("BAD"), "{flags:?}: {said}");
        assert!(error.starts_with("handover: ") && error.contains("put right"), "{flags:?}: {error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "short");
}

#[test]
fn what_is_unwise_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = busy.local_addr().unwrap().to_string();
    // Whoever listens there answers with nothing.
    let silent = std::thread::spawn(move || drop(busy.accept()));
    for (flags, words) in [
        (&["--bind", "127.0.0.1:0"][..], "chmod 700"),
        (&["--bind", &taken], "something else listens"),
        (&["--bind", "0.0.0.0:0"], "without a public address"),
        (&["--bind", "0.0.0.0:0", "--operation-signup", "open"], "register as an operation user"),
        (&["--bind", "0.0.0.0:0", "--client-signup", "open"], "register as a client user"),
        (&["--bind", "127.0.0.1:0", "--trusted-proxies", "127.0.0.1"], "set --public-url"),
        (
            &["--bind", "127.0.0.1:0", "--public-url", "https://files.example.org", "--operation-signup", "open"],
            "register as an operation user",
        ),
        (
            &["--bind", "127.0.0.1:0", "--trusted-proxies", "127.0.0.1", "--guests", "allow"],
            "anybody on the network may send",
        ),
        (&["--bind", "127.0.0.1:0", "--public-url", "http://files.example.org"], "not encrypted"),
        (&["--bind", "127.0.0.1:0", "--public-url", "https://files.example.org"], "--trusted-proxies"),
        (&["--bind", "127.0.0.1:0", "--max-file-size", "900TiB"], "would not fit"),
    ] {
        fs::create_dir_all(dir.path().join("blobs")).unwrap();
        let (content, said, error) = doctor(dir.path(), flags);
        assert!(content && error.is_empty(), "{flags:?}: {said}{error}");
        assert!(finding(&said, words).starts_with("warning"), "{flags:?}: {said}");
    }
    silent.join().unwrap();
    // A sign-up code is never shown, and what may hold a secret is not repeated when it does not fit.
    let (_, said, _) = doctor(dir.path(), &["--bind", "127.0.0.1:0", "--operation-signup", "code:open sesame"]);
    assert!(!said.contains("sesame"), "{said}");
    for flags in [["--operation-signup", "code:sesame"], ["--database-url", "postgres://ann:sesame@db/handover"]] {
        for command in ["doctor", "serve"] {
            let output = run(&[&[command], &flags[..]].concat(), "");
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command} {flags:?}: {error}");
            assert!(!error.contains("sesame"), "{command} {flags:?}: {error}");
            assert!(error.contains(&format!("invalid value '…' for '{}", flags[0])), "{command} {flags:?}: {error}");
        }
    }
    let output = handover(&["doctor"]).env("HANDOVER_OPERATION_SIGNUP", "code:sesame").output().unwrap();
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("8 characters") && !error.contains("sesame"), "{error}");
    // What is no secret is repeated: it helps.
    assert!(text(&run(&["doctor", "--grace", "soon"], "").stderr).contains("'soon'"));
}

/// What is open, and to whom: as set, and as it is left to the server.
#[test]
fn what_is_open_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for (flags, words) in [
        (
            &["--bind", "127.0.0.1:0"][..],
            ["client sign-up is open, to whoever is on this machine", "operation sign-up is open, to"],
        ),
        (&["--bind", "0.0.0.0:0"], ["client sign-up is closed", "operation sign-up is closed"]),
        (
            &["--bind", "0.0.0.0:0", "--client-signup", "code:open sesame"],
            ["client sign-up is open to whoever has the code", "operation sign-up is closed"],
        ),
    ] {
        let (content, said, _) = doctor(&dir.path().join("data"), flags);
        for words in words {
            assert!(content && finding(&said, words).starts_with("ok"), "{flags:?}: {said}");
        }
        assert!(!said.contains("sesame"), "{said}");
    }
}

/// A doctor looks and leaves everything as it was, also a database that the next start would change.
#[test]
fn an_earlier_database_is_told_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    assert!(run(&["users", "--data", data.to_str().unwrap(), "list"], "").status.success(), "makes a database");
    // What the database looks like to a version that has one migration more, and to one that finds an empty file.
    let database = data.join("handover.db");
    let mut conn = Conn::open_sqlite(&database).unwrap();
    conn.batch_execute("DELETE FROM __diesel_schema_migrations").unwrap();
    drop(conn);
    let contents = || {
        let files = files_below(data).into_iter().map(|path| (path.clone(), fs::read(path).unwrap()));
        files.collect::<std::collections::BTreeMap<_, _>>()
    };
    for _ in 0..2 {
        let before = contents();
        let (content, said, error) = doctor(data, &FREE);
        assert!(content && error.is_empty(), "{said}{error}");
        let told = finding(&said, "handover.db");
        assert!(told.starts_with("warning") && told.contains("earlier version") && told.contains("backup"), "{said}");
        assert!(contents() == before, "the doctor only looks");
        fs::write(&database, "").unwrap();
    }
    fs::remove_file(&database).unwrap();
    assert!(run(&["users", "--data", data.to_str().unwrap(), "list"], "").status.success());
    let mut conn = Conn::open_sqlite(&database).unwrap();
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')").unwrap();
    // Beside somebody who has it open, and alone.
    for _ in 0..2 {
        let (content, said, _) = doctor(data, &FREE);
        assert!(!content && finding(&said, "handover.db").contains("newer version"), "{said}");
        conn = Conn::open_sqlite(&dir.path().join("another.db")).unwrap();
    }
    drop(conn);
}

#[test]
fn servers_that_help_pages_to_meet_are_named_without_what_opens_them() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--bind", "127.0.0.1:0", "--ice-servers", "stun:stun.example.org,turn:ann:s3cret@t.example.org"];
    let (content, said, _) = doctor(dir.path(), &flags);
    assert!(content && finding(&said, "turn:t.example.org").contains("stun:stun.example.org"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}
