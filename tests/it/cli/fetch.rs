//! `handover fetch`: whole or not at all, nothing replaced, nothing outside the folder.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::process::Output;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::batched::make;
use crate::support::binary::{run, text};
use crate::support::crafted::noise;
use crate::support::desk_user::*;
use crate::support::directed::cutter;
use crate::support::holder::holder;
use crate::support::linked::*;
use crate::support::*;

/// Runs `fetch`, which meets servers of this process.
async fn fetch(user: User, args: &[&str]) -> (User, Output) {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
    tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = std::iter::once("fetch").chain(args.iter().map(String::as_str)).collect();
        let output = user.run(&args, "");
        (user, output)
    })
    .await
    .unwrap()
}

fn through(proxy: &str, minted: &Value) -> String {
    format!("{proxy}{}", path_of(&minted["download_url"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_is_finished() {
    let scene = Scene::new(LARGE, &[]).await;
    // The last cuts are behind what the server could hand to the connection at once.
    let proxy = cutter(scene.server.address, vec![3_000_000, 10, 5_000_000, 4_000_000, 500_000]).await;
    let minted = scene.mint().await;
    let (user, output) = fetch(User::new(), &["--json", &through(&proxy, &minted)]).await;
    assert!(output.status.success(), "{}", told(&output));
    let events = events(&output);
    let lost: Vec<_> = events.iter().filter(|event| event["event"] == "connection_lost").collect();
    assert!(lost.len() == 5 && lost[0]["bytes"].as_u64().unwrap() > 2_000_000, "{}", told(&output));
    let done = events.last().unwrap();
    assert_eq!((&done["event"], &done["path"]), (&"done".into(), &"a.docx".into()));
    assert_eq!((&done["verified"], &done["bytes"]), (&"sha-256".into(), &scene.content.len().into()));
    assert!(user.read("a.docx") == scene.content);
    assert_eq!(user.names(), ["a.docx"]);
    let link = scene.link(&minted).await;
    assert!(link["starts"].as_i64().unwrap() <= 6, "it went on, and did not begin again: {link}");

    // To standard output too
    let proxy = cutter(scene.server.address, vec![3_000_000]).await;
    let minted = scene.mint().await;
    let (user, output) = fetch(User::new(), &["-o", "-", &through(&proxy, &minted)]).await;
    assert!(output.status.success() && output.stdout == scene.content, "{}", text(&output.stderr));
    assert_eq!(user.names(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_cannot_be_finished_leaves_nothing() {
    let scene = Scene::new(LARGE, &[]).await;
    // Ten starts are all there are.
    let proxy = cutter(scene.server.address, vec![100_000; 20]).await;
    let minted = scene.mint().await;
    let (user, output) = fetch(User::new(), &[&through(&proxy, &minted)]).await;
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(text(&output.stderr).ends_with("handover: this link has been used\n"), "{}", told(&output));
    assert_eq!(user.names(), [""; 0]);
}

/// What is in the way is found before the link is touched.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_replaced_unless_it_is_said() {
    let scene = Scene::new(1000, &[]).await;
    let user = User::new();
    user.file("a.docx", b"mine");
    user.file("other", b"mine");
    fs::create_dir(user.work().join("folder")).unwrap();
    symlink("other", user.work().join("link")).unwrap();
    let minted = scene.mint().await;
    let url = minted["page_url"].as_str().unwrap();
    for (args, code, word) in [
        (&[url][..], 1, "a.docx is there already"),
        (&["-o", "link", url], 1, "link is there already"),
        (&["-o", "missing/x", url], 1, "missing/x is in no folder"),
        (&["-o", "missing/", url], 1, "missing/ is in no folder"),
        (&["-o", "..", "--force", "http://127.0.0.1:1/x"], 5, "cannot be reached"),
    ] {
        let said = user.fails(&[&["fetch"][..], args].concat(), code);
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(scene.link(&minted).await["starts"], 0);
    assert_eq!(user.done(&["fetch", "-o", "folder", url]), "folder/a.docx\n");
    let minted = scene.mint().await;
    assert_eq!(user.done(&["fetch", "--force", minted["download_url"].as_str().unwrap()]), "a.docx\n");
    assert!(user.read("a.docx") == scene.content && user.read("folder/a.docx") == scene.content);
    // What is replaced is the link, not what it leads to.
    let minted = scene.mint().await;
    user.done(&["fetch", "--force", "-o", "link", minted["download_url"].as_str().unwrap()]);
    assert!(user.read("link") == scene.content && user.read("other") == b"mine");
    let minted = scene.mint().await;
    user.done(&["fetch", "-o", ".hidden", minted["download_url"].as_str().unwrap()]);
    assert!(user.read(".hidden") == scene.content, "one's own choice is taken as it is");
    // The link need not be an argument, which others on the machine could read.
    let minted = scene.mint().await;
    let output = user.run(&["fetch", "-o", "-"], &format!("{}\n", minted["download_url"].as_str().unwrap()));
    assert!(output.status.success() && output.stdout == scene.content, "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_batch_is_its_file_or_a_zip() {
    let server = TestServer::start();
    let user = User::new();
    let content = noise(1, 300_000);
    let one = make(&server, &[("photos/1.jpg", &content)], &[("password", "open żesame")]).await;
    let url = one.made["receiver_url"].as_str().unwrap();
    let mut command = user.command(&["fetch", url]);
    let output = command.env("HANDOVER_BATCH_PASSWORD", "open żesame").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert!(user.read("1.jpg") == content);
    let mut command = user.command(&["fetch", url]);
    let output = command.env("HANDOVER_BATCH_PASSWORD", "wrong").output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", told(&output));

    let two = make(&server, &[("a.txt", b"one"), ("b.txt", &content)], &[("title", "../Holidays")]).await;
    let output = user.run(&["fetch", "--json", two.made["receiver_url"].as_str().unwrap()], "");
    assert!(output.status.success(), "{}", told(&output));
    let zip = events(&output).last().unwrap()["path"].as_str().unwrap().to_owned();
    assert!(zip.ends_with("Holidays.zip") && user.read(&zip).starts_with(b"PK"), "{zip}");
    assert_eq!(user.names().len(), 2);
    let none = make(&server, &[], &[]).await;
    assert!(user.fails(&["fetch", none.made["receiver_url"].as_str().unwrap()], 1).contains("nothing in this batch"));
    let unknown = format!("{}/b/{}", server.url, "a".repeat(20));
    assert!(user.fails(&["fetch", &unknown], 3).contains("There is no such batch"));
}

/// A server that answers each request with one of these, the last one again and again.
async fn answering(answers: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        let mut answer = String::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match client.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            answer = answers.next().unwrap_or(answer);
            let sent = match head.starts_with(b"HEAD") {
                true => &answer[..answer.find("\r\n\r\n").unwrap() + 4],
                false => &answer,
            };
            client.write_all(sent.as_bytes()).await.unwrap();
        }
    });
    address
}

fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n\r\n{body}", body.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_calls_a_file_it_stays_in_the_folder() {
    for (given, name) in [
        ("filename=\"../../outside\"", "outside"),
        ("filename=\"/etc/passwd\"", "passwd"),
        ("filename=\"..\\\\..\\\\boot.ini\"", "boot.ini"),
        ("filename*=UTF-8''%2e%2e%2f%2e%2e%2foutside", "outside"),
        ("filename*=UTF-8''a%00%0d%0a%1b%5b2Jb", "a[2Jb"),
        ("filename*=UTF-8''%e2%80%aegpj.docx", "gpj.docx"),
        ("filename=\".bashrc\"", "_bashrc"),
        ("filename=\"..\"", "file"),
        ("filename=\"\"", "file"),
        ("filename=\"link/x\"", "x"),
    ] {
        let server = answering(vec![ok(&format!("Content-Disposition: attachment; {given}"), "hello")]).await;
        let user = User::new();
        fs::create_dir(user.work().join("../elsewhere")).unwrap();
        symlink("../elsewhere", user.work().join("link")).unwrap();
        let (user, output) = fetch(user, &[&format!("http://{server}/x")]).await;
        assert!(output.status.success(), "{given}: {}", told(&output));
        assert_eq!((text(&output.stdout), user.read(name)), (format!("{name}\n"), b"hello".to_vec()), "{given}");
        assert!(!text(&output.stderr).contains('\u{1b}'));
        let theirs: Vec<_> = files_below(user.everything_of_theirs());
        assert_eq!(theirs.len(), 1, "{given}: {theirs:?}");
    }
    // A link that is there is not followed.
    let server = answering(vec![ok("Content-Disposition: attachment; filename=link", "hello")]).await;
    let user = User::new();
    user.file("mine", b"mine");
    symlink("mine", user.work().join("link")).unwrap();
    let (user, output) = fetch(user, &[&format!("http://{server}/x")]).await;
    assert_eq!((output.status.code(), user.read("mine")), (Some(1), b"mine".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_was_announced_is_not_kept() {
    let digest = "Repr-Digest: sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"; // of "hello"
    let tag = "ETag: \"0000000000000000000000000000000000000000000000000000000000000000\"";
    let part = "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: 2\r\nContent-Range: bytes 1-2/5\r\n\r\nel";
    let half = ok("Accept-Ranges: bytes\r\nETag: \"x\"", "hello").replace("hello", "he");
    for (answers, word) in [
        (vec![ok(digest, "jello")], "does not have the digest"),
        (vec![ok(tag, "hello")], "does not have the digest"),
        (vec![half.clone(), half, part.into()], "another part than was asked for"),
    ] {
        let server = answering(answers).await;
        let (user, output) = fetch(User::new(), &["--json", &format!("http://{server}/x")]).await;
        assert_eq!(output.status.code(), Some(6), "{}", told(&output));
        assert!(text(&output.stderr).contains(word), "{}", told(&output));
        assert_eq!(events(&output).last().unwrap()["code"], "damaged");
        assert_eq!(user.names(), [""; 0]);
    }
    let server = answering(vec![ok(digest, "hello")]).await;
    let (user, output) = fetch(User::new(), &[&format!("http://{server}/x")]).await;
    assert!(output.status.success() && user.read("file") == b"hello", "{}", told(&output));
    // Nor need a length be announced, but then nothing tells that the file is whole.
    let server = answering(vec!["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello".into()]).await;
    let (user, output) = fetch(User::new(), &["--json", &format!("http://{server}/x")]).await;
    assert!(output.status.success() && user.read("file") == b"hello", "{}", told(&output));
    assert_eq!(events(&output).last().unwrap()["verified"], Value::Null);
    // What changes while it is fetched is fetched anew, where that can be done.
    let half = ok("Accept-Ranges: bytes\r\nETag: \"x\"", "hello").replace("hello", "he");
    let tag = format!("ETag: \"{}\"", blake3::hash(b"world").to_hex());
    for (args, code, kept) in [(&[][..], 0, &["file"][..]), (&["-o", "-"], 6, &[])] {
        let server = answering(vec![half.clone(), half.clone(), ok(&tag, "world")]).await;
        let url = format!("http://{server}/x");
        let (user, output) = fetch(User::new(), &[args, &[&url]].concat()).await;
        assert_eq!(
            (output.status.code(), &user.names()[..]),
            (Some(code), &kept.iter().map(|name| name.to_string()).collect::<Vec<_>>()[..])
        );
        assert!(kept.is_empty() || user.read("file") == b"world", "{}", told(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_leaves_nothing_and_the_link_open() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    let user = User::new();
    let url = minted["download_url"].as_str().unwrap();
    // It stands still while nobody reads its standard output.
    let mut child = user.command(&["fetch", "-o", "-", url]).spawn().unwrap();
    scene.await_state(&minted, "claimed").await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "{}", told(&output));
    scene.await_state(&minted, "issued").await;

    // A server that says no more
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/x", listener.local_addr().unwrap());
    let child = user.command(&["fetch", &silent]).spawn().unwrap();
    let (_connection, _) = listener.accept().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", told(&output));
    assert_eq!(user.names(), [""; 0]);
    user.done(&["fetch", url]);
    assert!(user.read("a.docx") == scene.content);
}

/// Fetches some of a link and is ended by this signal.
async fn stopped(scene: &Scene, minted: &Value, user: &User, signal: Signal) -> String {
    let (proxy, mut held) = holder(scene.server.address, vec![4_000_000]).await;
    let url = through(&proxy, minted);
    let child = user.command(&["fetch", &url]).spawn().unwrap();
    held.recv().await.unwrap();
    while user.names() != ["a.docx.handover-part"] || user.read("a.docx.handover-part").len() < 1_000_000 {
        tokio::task::yield_now().await;
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    assert!(!child.wait_with_output().unwrap().status.success());
    assert_eq!(user.names(), ["a.docx.handover-part"]);
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_was_stopped_goes_on() {
    let scene = Scene::new(LARGE, &[]).await;
    for signal in [Signal::INT, Signal::KILL] {
        let (minted, user) = (scene.mint().await, User::new());
        let url = stopped(&scene, &minted, &user, signal).await;
        let (user, output) = fetch(user, &["--json", &url]).await;
        assert!(output.status.success(), "{}", told(&output));
        let events = events(&output);
        let resumed = events.iter().find(|event| event["event"] == "resumed").expect("it goes on");
        assert!(resumed["bytes"].as_u64().unwrap() >= 1_000_000, "{resumed}");
        assert_eq!(events.last().unwrap()["verified"], "sha-256");
        assert!(user.read("a.docx") == scene.content);
        assert_eq!(user.names(), ["a.docx"]);
        let starts = scene.link(&minted).await["starts"].as_i64().unwrap();
        assert!(starts <= 4, "{starts}: one before, and two after; the server may still be busy with the first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_link_that_ends_is_removed() {
    let scene = Scene::new(LARGE, &[]).await;
    let (minted, user) = (scene.mint().await, User::new());
    let url = stopped(&scene, &minted, &user, Signal::INT).await;
    scene.await_state(&minted, "issued").await;
    let (other, output) = fetch(User::new(), &[&url]).await;
    assert!(output.status.success() && other.names() == ["a.docx"], "{}", told(&output));
    let (user, output) = fetch(user, &[&url]).await;
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert_eq!(user.names(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_followed_elsewhere() {
    let server = answering(vec![
        "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: http://10.0.0.1/secret?token=x\r\n\r\n".into(),
    ])
    .await;
    let (_, output) = fetch(User::new(), &[&format!("http://{server}/x")]).await;
    assert_eq!(output.status.code(), Some(5), "{}", told(&output));
    assert!(text(&output.stderr).contains("it is at http://10.0.0.1; give that address"), "{}", told(&output));
    let server =
        answering(vec!["HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnope".into()]).await;
    let (_, output) = fetch(User::new(), &[&format!("http://{server}/x")]).await;
    assert_eq!(output.status.code(), Some(5), "{}", told(&output));
    assert!(text(&output.stderr).contains("no Handover server"), "{}", told(&output));
}

/// Whatever a server says, it takes a bounded amount of memory and time here.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = format!("http://{}/b/abcdefgh", listener.local_addr().unwrap());
    let (tell, sent) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let _ = client.read(&mut [0; 4096]).await.unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"files\":[").await.unwrap();
        let (piece, mut sent) = (vec![b' '; 1 << 20], 0_u64);
        while client.write_all(&piece).await.is_ok() {
            sent += 1;
        }
        tell.send(sent).unwrap();
    });
    let output = tokio::task::spawn_blocking(move || run(&["fetch", &link], "")).await.unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    let sent = sent.await.unwrap();
    assert!((30..100).contains(&sent), "{sent} MiB");
}
