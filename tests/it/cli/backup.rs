//! Backup and restore by the very lines of the README, while much is written.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Method;

use crate::support::binary::{Running, handover, run, text};
use crate::support::crafted::docx;
use crate::support::*;

/// The blocks of shell below a heading of the README.
fn lines_of(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, section) = readme.split_once(&format!("## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Runs lines as somebody in `folder` would who has the binary on the PATH.
fn shell(folder: &Path, lines: &str) {
    let binary = handover(&[]);
    let bin = Path::new(binary.get_program()).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-ec", lines]).current_dir(folder).env("PATH", path);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{lines}: {} {}", text(&output.stdout), text(&output.stderr));
}

struct Desk {
    server: Running,
    olga: String,
    carl: String,
}

impl Desk {
    async fn open(data: &Path) -> Desk {
        let server = Running::start(data, &[]);
        let mut desk = Desk { server, olga: String::new(), carl: String::new() };
        for (name, operation) in [("olga", true), ("carl", false)] {
            let body = serde_json::json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": operation});
            desk.server.request(Method::POST, "/register").json(&body).send().await.unwrap();
            let answer = desk.server.request(Method::POST, "/login").json(&body).send().await.unwrap();
            let token = json_of(answer).await["access_token"].as_str().unwrap().to_owned();
            if operation { desk.olga = token } else { desk.carl = token }
        }
        desk
    }

    async fn upload(&self, name: &str, content: Vec<u8>) {
        let put = self.server.request(Method::PUT, &format!("/upload/{name}")).bearer_auth(&self.olga).body(content);
        assert_eq!(put.send().await.unwrap().status(), 201, "{name}");
    }

    async fn delete(&self, name: &str) {
        let delete = self.server.request(Method::DELETE, &format!("/files/{name}")).bearer_auth(&self.olga);
        assert_eq!(delete.send().await.unwrap().status(), 204, "{name}");
    }

    async fn link(&self, name: &str) -> String {
        let mint = self.server.request(Method::GET, &format!("/generate_download_url/{name}")).bearer_auth(&self.carl);
        let minted = json_of(mint.send().await.unwrap()).await;
        minted["download_url"].as_str().unwrap().strip_prefix(&self.server.url).unwrap().to_owned()
    }

    async fn fetch(&self, path: &str) -> reqwest::Response {
        self.server.request(Method::GET, path).send().await.unwrap()
    }

    async fn names(&self) -> Vec<String> {
        let list = self.server.request(Method::GET, "/files?limit=200").bearer_auth(&self.olga).send().await.unwrap();
        let list = json_of(list).await;
        list["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn the_lines_of_the_readme_copy_one_moment_under_load_and_bring_it_back() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let [backup, restore] = lines_of("Backup and restore").try_into().expect("a block for each way");
    let desk = Desk::open(&data).await;
    desk.upload("kept.docx", docx(1, 40_000)).await;
    let link = desk.link("kept.docx").await;

    // Somebody writes and deletes all the time, more than fifty times a second.
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let writing = (0..8).map(async |n| {
        for round in 0.. {
            let name = format!("w{n}-{round}.docx");
            desk.upload(&name, docx(round, 1500)).await;
            if round > 2 {
                desk.delete(&format!("w{n}-{}.docx", round - 3)).await;
            }
            written.fetch_add(2, Ordering::Relaxed);
            if stop.load(Ordering::Relaxed) {
                return;
            }
        }
    });
    let copying = async {
        eventually("it is busy", async || written.load(Ordering::Relaxed) > 60).await;
        let folder = place.path().to_owned();
        tokio::task::spawn_blocking(move || shell(&folder, &backup)).await.unwrap();
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(futures_util::future::join_all(writing), copying);
    // The link is used after the copy was made.
    assert_eq!(desk.fetch(&link).await.bytes().await.unwrap(), docx(1, 40_000));
    assert!(desk.server.stop().await.0.success());

    shell(place.path(), &restore);
    let desk = Desk::open(&data).await;
    let names = desk.names().await;
    assert!(names.len() > 8 && names.contains(&"kept.docx".to_owned()), "{names:?}");
    for name in &names {
        let link = desk.link(name).await;
        let answer = desk.fetch(&link).await;
        assert_eq!(answer.status(), 200, "{name} is listed, so it is there");
        assert!(answer.bytes().await.unwrap().len() > 1000);
    }
    let port_of_old = desk.fetch(&link).await;
    assert_eq!(port_of_old.status(), 410, "a link that was open is revoked");
    let audit = desk.server.request(Method::GET, "/api/audit?action=link_revoked").bearer_auth(&desk.olga);
    let entries = json_of(audit.send().await.unwrap()).await;
    assert!(entries["entries"][0]["detail"].as_str().unwrap().contains("the data was restored"), "{entries}");
    assert!(!data.join("restored").exists());

    // Once: links of the restored server are as good as any.
    let link = desk.link("kept.docx").await;
    assert!(desk.server.stop().await.0.success());
    let desk = Desk::open(&data).await;
    assert_eq!(desk.fetch(&link).await.status(), 200);
}

#[test]
fn a_copy_is_made_for_oneself_alone_and_over_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let (data, goal) = (place.path().join("data"), place.path().join("copy"));
    let args = ["backup", goal.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let output = run(&args, "");
    assert!(!output.status.success() && text(&output.stderr).contains("no database"), "{output:?}");
    assert!(run(&["users", "--data", data.to_str().unwrap(), "list"], "").status.success(), "makes a database");
    let output = run(&args, "");
    assert!(output.status.success(), "{output:?}");
    for path in files_below(&goal) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
    assert_eq!(fs::metadata(&goal).unwrap().permissions().mode() & 0o777, 0o700);
    let output = run(&args, "");
    assert!(!output.status.success() && text(&output.stderr).contains("is not empty"), "{output:?}");
}
