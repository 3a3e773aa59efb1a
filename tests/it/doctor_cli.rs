//! `handover doctor`: what it says of good and bad set-ups, and of servers that live or don't.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::binary::{Running, one_line, run, text};

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
    // A sign-up code is never shown.
    let (_, said, _) = doctor(dir.path(), &["--bind", "127.0.0.1:0", "--operation-signup", "code:open sesame"]);
    assert!(!said.contains("sesame"), "{said}");
}
