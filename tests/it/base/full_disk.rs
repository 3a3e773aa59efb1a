//! A disk that is full: a clear refusal, nothing left, and a server that goes on.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::crafted::docx;
use crate::support::process::{Process, of_unknown_length};
use crate::support::*;

/// 507 with numbers to an upload of 12 MiB, told and not told beforehand; smaller ones work before and after.
async fn check(server: &mut Process, blobs: &Path) {
    let token = server.user("olga", true).await;
    let large = docx(1, 12 << 20);
    for round in 0..3 {
        for body in [reqwest::Body::from(large.clone()), of_unknown_length(&large)] {
            let response = server.put(&token, "large.docx", body).await.unwrap();
            let status = response.status();
            let problem: Value = json_of(response).await;
            assert_problem(status, &problem, 507, "insufficient_storage", None);
            assert!(problem["msg"].as_str().unwrap().contains("iB are free"), "with numbers: {problem}");
        }
        let small = server.put(&token, "small.docx", docx(2, 50_000)).await.unwrap();
        assert_eq!(small.status(), 201);
        eventually("nothing of the large ones stays", async || blobs_below(blobs).len() == round + 1).await;
        assert!(server.is_alive());
    }
    let files = server.get(&token, "/files").await;
    assert_eq!((files["files"].as_array().unwrap().len(), &files["files"][0]["version"]), (1, &Value::from(3)));
    assert_eq!(server.http.get(format!("{}/readyz", server.url)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_limit_on_the_size_of_files_is_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Process::start(&data, &[], Some((8 << 20) / 512));
    check(&mut server, &data.join("blobs")).await;
}

/// Files and database share a disk, and it fills to the last byte: no upload that was not acknowledged is kept, and once
/// there is room again the server goes on by itself.
#[tokio::test]
async fn a_full_disk_under_the_database_too_is_told_and_survived() {
    let Some(mount) = Mount::new("3m") else {
        eprintln!("SKIPPED: no tmpfs can be mounted here (not root?), so a full disk under the database was not tried");
        return;
    };
    let data = mount.0.path().join("data");
    let mut server = Process::start(&data, &["--free-space-floor", "0"], None);
    let token = server.user("olga", true).await;
    let (mut stored, mut refused) = (0, 0);
    while refused < 20 {
        let length = if refused > 0 { 500 } else { 30_000 }; // fill the last gaps, too
        let response = server.put(&token, "a.docx", docx(1, length)).await.unwrap();
        match response.status().as_u16() {
            201 => stored += 1,
            status => {
                assert_eq!((status, &json_of(response).await["code"]), (507, &Value::from("insufficient_storage")));
                refused += 1;
            }
        }
        assert!(stored < 1000, "3 MiB are never full");
    }
    let blobs = data.join("blobs");
    eventually("nothing refused stays", async || blobs_below(&blobs).len() == stored).await;
    assert!(server.is_alive());
    let files = server.get(&token, "/files").await;
    assert_eq!(files["files"][0]["version"], stored);
    // Nothing can be written any more, but who makes room is let in and may do so.
    let login = serde_json::json!({"username": "olga", "password": PASSWORD});
    let login = server.http.post(format!("{}/login", server.url)).json(&login).send().await.unwrap();
    assert_eq!(login.status(), 200);
    let delete = server.http.delete(format!("{}/files/a.docx?version=1", server.url)).bearer_auth(&token);
    assert_eq!(delete.send().await.unwrap().status(), 204);
    stored -= 1;
    eventually("the file is gone", async || blobs_below(&blobs).len() == stored).await;
    assert!(server.is_alive());
    let remount = Command::new("mount").args(["-o", "remount,size=16m"]).arg(mount.0.path()).status().unwrap();
    assert!(remount.success());
    let response = server.put(&token, "a.docx", docx(1, 30_000)).await.unwrap();
    assert_eq!((response.status().as_u16(), &json_of(response).await["version"]), (201, &Value::from(stored + 2)));
    drop(server);
}

/// What many uploads have been promised together is kept, too: none of them is looked at alone.
#[tokio::test]
async fn uploads_side_by_side_leave_the_floor_free() {
    let Some(mount) = Mount::new("40m") else {
        eprintln!("SKIPPED: no tmpfs can be mounted here (not root?), so uploads side by side were not tried");
        return;
    };
    const FLOOR: u64 = 16 << 20;
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file:{}", mount.0.path().display());
    let server = Process::start(&dir.path().join("data"), &["--blobs-url", &url, "--free-space-floor", "16MiB"], None);
    let token = server.user("olga", true).await;
    let content = docx(1, 8 << 20);
    let free = || {
        let disk = rustix::fs::statvfs(mount.0.path()).unwrap();
        disk.f_bavail * disk.f_frsize
    };
    let least = std::cell::Cell::new(u64::MAX);
    let uploads = (0..10).map(async |n| {
        let body = if n % 2 == 0 { of_unknown_length(&content) } else { content.clone().into() };
        let status = server.put(&token, &format!("{n}.docx"), body).await.unwrap().status().as_u16();
        least.set(least.get().min(free()));
        status
    });
    let answers = futures_util::future::join_all(uploads).await;
    assert!(answers.iter().all(|status| [201, 507].contains(status)), "{answers:?}");
    assert!(least.get() >= FLOOR, "{} bytes were left", least.get());
    let one_more = server.put(&token, "last.docx", docx(2, 1 << 20)).await.unwrap().status();
    assert!(one_more == 201 || free() < FLOOR + (2 << 20), "room that nobody uses is given back");
}

/// A small file system of one's own, gone when it is dropped.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(size: &str) -> Option<Mount> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(dir.path());
        mount.status().is_ok_and(|status| status.success()).then_some(Mount(dir))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_file_system_is_told_and_survived() {
    let Some(mount) = Mount::new("9m") else {
        eprintln!("SKIPPED: no tmpfs can be mounted here (not root?), so a full file system was not tried");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file:{}", mount.0.path().display());
    // With no floor the write itself fails; with one it is not begun.
    for floor in ["0", "1MiB"] {
        let data = dir.path().join(floor);
        let flags = ["--blobs-url", &url, "--free-space-floor", floor];
        let mut server = Process::start(&data, &flags, None);
        check(&mut server, mount.0.path()).await;
        drop(server);
        for entry in std::fs::read_dir(mount.0.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
    }
}
