//! Pipes as scripts use them, with the real curl and the real binary. Without curl on this machine there is nothing to test.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::support::binary::Running;
use crate::support::directed::{assert_same, file};
use crate::support::*;

fn has_curl() -> bool {
    std::process::Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok()
}

fn curl(folder: &Path, args: &[&str]) -> Child {
    let mut command = Command::new("curl");
    command
        .args(["-sS", "--max-time", "60"])
        .args(args)
        .current_dir(folder)
        .env_remove("http_proxy")
        .kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Exit code and what was printed.
async fn ended(child: Child) -> (i32, String) {
    let output = child.wait_with_output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

/// Waits until somebody waits under the name.
async fn waits(server: &Running) {
    eventually("somebody waits", async || {
        let metrics = server.http.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
        metrics.contains("handover_pipes{state=\"waiting\"} 1")
    })
    .await;
}

#[tokio::test]
async fn curl_sends_and_curl_receives_in_either_order() {
    if !has_curl() {
        return eprintln!("there is no curl here");
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let url = format!("{}/pipe/some.name", server.url);
    let named = format!("{url}?filename=report.docx");
    for (number, size) in [0, 5, 70_000, 1 << 20, (1 << 20) + 1, 50 << 20].into_iter().enumerate() {
        let folder = dir.path().join(number.to_string());
        let sent = file(&folder, "sent", size, size as u64);
        for (way, sender) in [
            ("with a length", vec!["-f", "-T", "sent", &named]),
            ("without one", vec!["-f", "-T", "sent", "-H", "Transfer-Encoding: chunked", &named]),
            ("as a form would", vec!["-f", "--data-binary", "@sent", &named]),
        ] {
            if size == 0 && way == "without one" {
                continue; // curl 7.88 never sends the last chunk of nothing
            }
            for sender_first in [true, false] {
                let receiver = ["-f", "-OJ", url.as_str()];
                let (first, second) =
                    if sender_first { (&sender[..], &receiver[..]) } else { (&receiver[..], &sender[..]) };
                let first = curl(&folder, first);
                waits(&server).await;
                let second = curl(&folder, second);
                for child in [first, second] {
                    let (code, text) = ended(child).await;
                    assert_eq!(code, 0, "{size} bytes {way}: {text}");
                }
                assert_same(&sent, &folder.join("report.docx"));
                fs::remove_file(folder.join("report.docx")).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn curl_is_told_when_the_other_side_goes() {
    if !has_curl() {
        return eprintln!("there is no curl here");
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let url = format!("{}/pipe/x", server.url);
    file(dir.path(), "sent", 50 << 20, 1);
    for framing in ["Content-Type: text/plain", "Transfer-Encoding: chunked"] {
        // The receiver takes nothing and is killed.
        let mut receiver = curl(dir.path(), &["--limit-rate", "1k", "-o", "part", &url]);
        waits(&server).await;
        let sender = curl(dir.path(), &["-f", "-T", "sent", "-H", framing, &url]);
        eventually("the first bytes come", async || dir.path().join("part").exists()).await;
        receiver.kill().await.unwrap();
        let (code, text) = ended(sender).await;
        assert_eq!(code, 22, "{text}");
        assert!(text.contains("502"), "{text}");
        fs::remove_file(dir.path().join("part")).unwrap();

        // The sender is killed; its curl says 18 (a part was received) or 56 (reset).
        let mut sender = curl(dir.path(), &["--limit-rate", "100k", "-T", "sent", "-H", framing, &url]);
        waits(&server).await;
        let receiver = curl(dir.path(), &["-f", "-N", "-o", "part", &url]);
        eventually("the first bytes come", async || dir.path().join("part").exists()).await;
        sender.kill().await.unwrap();
        let (code, text) = ended(receiver).await;
        assert!([18, 56].contains(&code), "{code} {text}");
        fs::remove_file(dir.path().join("part")).unwrap();
    }
    // What comes on standard input has no length and no name.
    let receiver = curl(dir.path(), &["-f", &url]);
    waits(&server).await;
    let mut sender = curl(dir.path(), &["-f", "-T", "-", &url]);
    use tokio::io::AsyncWriteExt as _;
    sender.stdin.take().unwrap().write_all(b"as it comes").await.unwrap();
    assert_eq!(ended(receiver).await, (0, "as it comes".into()));
    let (code, text) = ended(sender).await;
    assert_eq!((code, text.contains("\"size\":11")), (0, true), "{text}");
    // A receiver that goes on from where it broke off is told that it cannot, and takes nothing.
    let (code, _) = ended(curl(dir.path(), &["-f", "-r", "5-", &url])).await;
    assert_eq!(code, 22);
}
