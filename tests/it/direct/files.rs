//! What becomes of files: those that change, are there already, lie deep, or have modes and times of their own.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use handover::client::direct::{Event, Route, Sending, Sources, Summary, send};
use handover::protocol::direct::message::{Entry, MOST_ENTRIES, Skip};

use crate::support::directed::*;
use crate::support::*;

const SIZE: usize = 300_000;

/// A folder of so many files.
fn folder(dir: &Path, count: u64) -> PathBuf {
    for number in 0..count {
        file(dir, &format!("sent/f{number}"), SIZE, number);
    }
    dir.join("sent")
}

fn skipped(end: &End) -> Vec<(&str, Skip)> {
    let skipped = end.events.iter().filter_map(|event| match event {
        Event::FileSkipped { path, reason, .. } => Some((path.as_str(), *reason)),
        _ => None,
    });
    skipped.collect()
}

fn summary(end: &End) -> Summary {
    *end.result.as_ref().unwrap_or_else(|failure| panic!("{failure} {:?}", end.events))
}

#[tokio::test]
async fn what_changes_grows_or_goes_is_left_out_and_the_rest_comes() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sent = folder(from.path(), 5);
    let transfer = Transfer::new(&server.url, to.path()).of(&sent);
    File::options().append(true).open(sent.join("f1")).unwrap().write_all(b"one more line\n").unwrap();
    file(from.path(), "sent/f2", SIZE, 99);
    let later = SystemTime::now() + Duration::from_secs(60);
    File::options().write(true).open(sent.join("f2")).unwrap().set_modified(later).unwrap();
    fs::remove_file(sent.join("f3")).unwrap();
    let (sender, receiver) = transfer.run().await;
    for end in [&sender, &receiver] {
        assert_eq!(
            skipped(end),
            [("sent/f1", Skip::Changed), ("sent/f2", Skip::Changed), ("sent/f3", Skip::Unreadable)]
        );
        let Summary { files, bytes, skipped, same, .. } = summary(end);
        assert_eq!((files, bytes, skipped, same), (2, 2 * SIZE as u64, 3, 0));
    }
    assert_same(&sent.join("f4"), &to.path().join("sent/f4"));
    assert_eq!(fs::read_dir(to.path().join("sent")).unwrap().count(), 2, "nothing of those that were left out");
}

#[tokio::test]
async fn what_is_there_is_not_sent_again_and_what_was_begun_is_gone_on_with() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sent = folder(from.path(), 4);
    let received = to.path().join("sent");
    fs::create_dir(&received).unwrap();
    fs::copy(sent.join("f0"), received.join("f0")).unwrap();
    let other = file(to.path(), "sent/f1", SIZE, 77); // of the same size
    let half = fs::read(sent.join("f2")).unwrap()[..SIZE / 2].to_vec();
    fs::write(received.join("f2.handover-part"), half).unwrap();
    fs::write(received.join("f3.handover-part"), "of another file").unwrap();
    let (sender, receiver) = Transfer::new(&server.url, to.path()).of(&sent).run().await;
    for end in [&sender, &receiver] {
        assert_eq!(skipped(end), [("sent/f0", Skip::Same)]);
        let Summary { files, bytes, skipped, same, .. } = summary(end);
        assert_eq!((files, bytes, skipped, same), (3, 3 * SIZE as u64, 0, 1));
        let begins =
            |event: &Event| matches!(event, Event::FileStarted { entry: 2, offset, .. } if *offset == SIZE as u64 / 2);
        assert!(end.has(begins), "{:?}", end.events);
    }
    assert_eq!(receiver.saved(), ["sent/f1 (2)", "sent/f2", "sent/f3"]);
    for name in ["f0", "f2", "f3"] {
        assert_same(&sent.join(name), &received.join(name));
    }
    assert_same(&sent.join("f1"), &received.join("f1 (2)"));
    assert!(fs::read(other).unwrap() != fs::read(sent.join("f1")).unwrap(), "it is as it was");
    assert!(!received.join("f2.handover-part").exists());

    let (sender, receiver) = Transfer::new(&server.url, to.path()).of(&sent).run().await;
    assert_eq!((summary(&receiver).same, summary(&sender).same), (3, 3), "all but the one that has another name here");
}

#[tokio::test]
async fn folders_are_as_deep_as_they_were() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let deep = format!("deep/{}/index.js", (0..40).map(|level| format!("l{level}")).collect::<Vec<_>>().join("/"));
    let long = format!("deep/x/{}/index.js", vec!["n".repeat(60); 18].join("/"));
    for (number, name) in [&deep, &long].into_iter().enumerate() {
        file(from.path(), name, 10, number as u64);
    }
    let (sender, receiver) = Transfer::new(&server.url, to.path()).of(&from.path().join("deep")).run().await;
    assert_eq!((summary(&sender).files, summary(&receiver).files), (2, 2));
    for name in [&deep, &long] {
        assert_same(&from.path().join(name), &to.path().join(name));
    }
}

#[tokio::test]
async fn modes_and_times_come_along_and_nobody_gets_more_rights() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sent = from.path().join("sent");
    let (then, mut modes) = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_923_200), Vec::new());
    fs::create_dir_all(sent.join("private")).unwrap();
    for (name, mode) in
        [("run.sh", 0o755), ("key", 0o600), ("fixed", 0o444), ("odd", 0o4777), ("plain", 0o644), ("private/x", 0o644)]
    {
        let path = file(&sent, name, 10, 1);
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        modes.push((name, mode));
    }
    fs::set_permissions(&sent, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(sent.join("private"), fs::Permissions::from_mode(0o700)).unwrap();
    let mut offered = Vec::new();
    let transfer = Transfer::new(&server.url, to.path()).of(&sent);
    offered.extend(transfer.sources.entries.iter().map(|entry| (entry.path.clone(), entry.mode.unwrap())));
    let (_, receiver) = transfer.run().await;
    assert_eq!(summary(&receiver).files, 6);
    let mode = |name: &str| fs::metadata(to.path().join("sent").join(name)).unwrap().permissions().mode() & 0o7777;
    let status = fs::read_to_string("/proc/self/status").unwrap(); // proc(5)
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    let umask = u32::from_str_radix(umask.trim(), 8).unwrap();
    for (name, had) in modes {
        let had = if name.starts_with("private") { 0o600 } else { had & 0o777 };
        assert_eq!(mode(name), had & !umask | had & 0o700, "{name}");
        let modified = fs::metadata(to.path().join("sent").join(name)).unwrap().modified().unwrap();
        assert_eq!(modified, then, "{name}");
    }
    assert!(offered.contains(&("sent/run.sh".into(), 0o755)) && offered.contains(&("sent/private/x".into(), 0o600)));
}

/// Files that the system makes up when they are read are said to have no size.
#[tokio::test]
async fn files_without_a_size_are_read_to_their_end() {
    let server = TestServer::start();
    let to = tempfile::tempdir().unwrap();
    let (_, receiver) = Transfer::new(&server.url, to.path()).of(Path::new("/proc/version")).run().await;
    assert_eq!(summary(&receiver).bytes, fs::read("/proc/version").unwrap().len() as u64);
    assert_eq!(fs::read(to.path().join("version")).unwrap(), fs::read("/proc/version").unwrap());
}

#[tokio::test]
async fn too_many_files_are_refused_in_words_before_there_is_a_code() {
    let server = TestServer::start();
    let entries = vec![Entry { path: "x".into(), folder: true, ..Entry::default() }; MOST_ENTRIES + 1];
    let sources = Sources { entries, ..Sources::default() };
    let (_go, stop) = tokio::sync::watch::channel(false);
    let sending = Sending {
        server: server.url.parse().unwrap(),
        pace: PACE,
        route: Route::Relayed,
        text: None,
        sources,
        stop,
        resume: None,
    };
    let failure = send(sending, &mut |event| panic!("{event:?}")).await.unwrap_err();
    assert!(failure.to_string().contains("100001") && failure.to_string().contains("100000"), "{failure}");
}
