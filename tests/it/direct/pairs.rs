//! Terminal to terminal: what is sent arrives, whatever it is.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use handover::client::direct::{Choice, Event, Failure, Target};
use handover::protocol::direct;

use crate::support::directed::*;
use crate::support::*;

/// Relative paths below a folder, folders with a slash at the end, and the sizes of the files.
fn tree(folder: &Path) -> BTreeMap<String, u64> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, u64>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.insert(format!("{name}/"), 0);
                walk(root, &path, found);
            } else {
                found.insert(name, path.metadata().unwrap().len());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

#[tokio::test]
async fn files_and_folders_arrive_as_they_are() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let big = file(from.path(), "big file ż.bin", 5_000_001, 1);
    let folder = from.path().join("folder");
    let sizes = [0, 1, 65_535, 65_536, 65_537, 131_072];
    for (i, size) in sizes.into_iter().enumerate() {
        file(&folder, &format!("deep/{i}/part"), size, i as u64);
    }
    fs::create_dir_all(folder.join("empty/inside")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();

    let transfer = Transfer::new(&server.url, to.path()).of(&big).of(&folder);
    assert_eq!(transfer.sources.skipped.len(), 1, "the link");
    let (sender, receiver) = transfer.run().await;
    let (sent, received) = (sender.result.as_ref().unwrap(), receiver.result.as_ref().unwrap());
    let bytes = 5_000_001 + sizes.iter().sum::<usize>() as u64;
    assert_eq!((sent.files, sent.bytes), (7, bytes));
    assert_eq!((received.files, received.bytes), (7, bytes));
    fs::remove_file(folder.join("link")).unwrap();
    assert_eq!(tree(from.path()), tree(to.path()));
    assert_same(&big, &to.path().join("big file ż.bin"));
    for i in 0..sizes.len() {
        let name = format!("folder/deep/{i}/part");
        assert_same(&from.path().join(&name), &to.path().join(&name));
    }
    for end in [&sender, &receiver] {
        assert!(end.has(|event| *event == Event::PeerJoined) && end.has(|event| *event == Event::Confirmed));
        assert!(end.has(|event| matches!(event, Event::Accepted { files: 7, .. })), "{:?}", end.events);
        assert_eq!(end.saved().len(), 7);
        let order = |is_it: fn(&Event) -> bool| end.events.iter().position(is_it);
        assert!(order(|e| *e == Event::PeerJoined) < order(|e| *e == Event::Confirmed));
        assert!(order(|e| *e == Event::Confirmed) < order(|e| matches!(e, Event::FileStarted { .. })));
    }
}

#[tokio::test]
async fn a_text_needs_no_file() {
    let server = TestServer::start();
    let to = tempfile::tempdir().unwrap();
    let text = "see you at \"nine\"\n\u{1}żółć";
    let transfer = Transfer { text: Some(text.into()), ..Transfer::new(&server.url, to.path()) };
    let (sender, receiver) = transfer.run().await;
    assert_eq!(sender.result.unwrap().files, 0);
    assert!(receiver.result.is_ok());
    assert!(receiver.events.contains(&Event::Text { text: text.into() }));
    assert!(tree(to.path()).is_empty());
}

#[tokio::test]
async fn some_or_none_may_be_taken() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let of_three = || {
        let mut transfer = Transfer::new(&server.url, to.path());
        for (i, name) in ["a", "b", "c"].into_iter().enumerate() {
            transfer = transfer.of(&file(from.path(), name, 100_000 * (i + 1), i as u64));
        }
        transfer
    };
    let mut transfer = of_three();
    transfer.decide = Box::new(|offered| {
        assert_eq!((offered.entries.len(), offered.bytes), (3, 600_000));
        Choice::Some(vec![0, 2])
    });
    let (sender, receiver) = transfer.run().await;
    assert_eq!((sender.result.unwrap().bytes, receiver.result.unwrap().bytes), (400_000, 400_000));
    assert_eq!(tree(to.path()).into_keys().collect::<Vec<_>>(), ["a", "c"]);

    let mut transfer = of_three();
    transfer.decide = Box::new(|_| Choice::None);
    let (sender, receiver) = transfer.run().await;
    for end in [&sender, &receiver] {
        assert!(matches!(end.failure(), Failure::Ended { code: direct::End::Declined, .. }), "{:?}", end.result);
    }
    assert_eq!(tree(to.path()).len(), 2, "nothing new");
}

#[tokio::test]
async fn what_is_there_already_is_left_alone() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (file(from.path(), "1/a.txt", 10, 1), file(from.path(), "2/a.txt", 20, 2));
    fs::write(to.path().join("a.txt"), "mine").unwrap();
    let (_, receiver) = Transfer::new(&server.url, to.path()).of(&one).of(&two).run().await;
    assert_eq!(receiver.saved(), ["a (2).txt", "a (3).txt"]);
    assert_eq!(fs::read(to.path().join("a.txt")).unwrap(), b"mine");
    assert_same(&two, &to.path().join("a (3).txt"));
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn streams_need_no_size_and_no_file() {
    let server = TestServer::start();
    let output = Shared::default();
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7) as u8).collect();
    let mut transfer = Transfer::new(&server.url, Path::new("/nowhere"));
    transfer.target = Target::Output(Box::new(output.clone()));
    transfer.sources.add_stream("stdin", std::io::Cursor::new(content.clone()));
    let (sender, receiver) = transfer.run().await;
    assert!(sender.result.is_ok(), "{:?}", sender.result);
    assert_eq!(receiver.result.unwrap().bytes, content.len() as u64);
    assert!(*output.0.lock().unwrap() == content);
}

/// No sender is ever told that the other side is busy with somebody else.
#[tokio::test]
async fn many_at_once_are_independent() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let transfers = (0..40).map(|i| {
        let path = file(from.path(), &format!("{i}"), 300_000 + i, i as u64);
        Transfer::new(&server.url, to.path()).of(&path).run()
    });
    for (i, (sender, receiver)) in futures_util::future::join_all(transfers).await.into_iter().enumerate() {
        assert!(sender.result.is_ok() && receiver.result.is_ok(), "{:?} {:?}", sender.result, receiver.result);
        assert_same(&from.path().join(i.to_string()), &to.path().join(i.to_string()));
    }
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_not_passed_for_whole() {
    let server = TestServer::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(from.path(), "growing", 100_000, 1);
    let mut transfer = Transfer::new(&server.url, to.path()).of(&path);
    transfer.decide = Box::new(move |_| {
        fs::write(path, vec![1; 100_001]).unwrap();
        Choice::All
    });
    let (sender, receiver) = transfer.run().await;
    for end in [&sender, &receiver] {
        let summary = end.result.as_ref().unwrap();
        assert_eq!((summary.files, summary.bytes, summary.skipped), (0, 0, 1), "{end:?}");
    }
    assert!(tree(to.path()).is_empty());
}
