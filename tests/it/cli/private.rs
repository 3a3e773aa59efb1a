//! Nobody else on the machine reads what is stored, whoever makes it first and in whatever folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::binary::{Running, handover};
use crate::support::files_below;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

/// `handover users add`, by somebody whose files are open to all unless a program says otherwise.
fn add_user(data: &Path, name: &str) {
    let binary = handover(&[]);
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "umask 022; echo 'correct horse' | exec \"$0\" users --data \"$1\" add \"$2\" \"$2@example.org\"",
    ]);
    let output = command.arg(binary.get_program()).arg(data).arg(name).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_user_who_is_added_before_the_first_start_makes_a_folder_for_the_server_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    add_user(&data, "olga");
    assert_eq!((mode(&data), mode(&data.join("handover.db"))), (0o700, 0o600));
    assert_eq!(mode(&dir.path().join("deep")), 0o700);
}

#[tokio::test]
async fn in_a_folder_that_is_open_to_others_each_file_is_closed() {
    for server_first in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(dir.path().join("blobs")).unwrap();
        fs::set_permissions(dir.path().join("blobs"), Permissions::from_mode(0o755)).unwrap();
        if !server_first {
            add_user(dir.path(), "olga");
        }
        let server = Running::start(dir.path(), &[]);
        add_user(dir.path(), "carl");
        let form = reqwest::multipart::Form::new()
            .part("files", reqwest::multipart::Part::bytes(b"mine".as_slice()).file_name("a.txt"));
        let made = server.http.post(format!("{}/api/batches", server.url)).multipart(form).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let open: Vec<_> = files_below(dir.path()).into_iter().filter(|file| mode(file) & 0o077 != 0).collect();
        assert!(open.is_empty(), "{open:?}");
    }
}

/// What an earlier version left open is closed by whatever opens it next.
#[test]
fn a_database_that_others_could_read_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    add_user(dir.path(), "olga");
    let database = dir.path().join("handover.db");
    fs::set_permissions(&database, Permissions::from_mode(0o644)).unwrap();
    add_user(dir.path(), "carl");
    assert_eq!(mode(&database), 0o600);
}
