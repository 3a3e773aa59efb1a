//! `handover room`, as people and scripts use it.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::binary::{Running, run, text};
use crate::support::directed::{assert_same, file};
use crate::support::terminals::*;

#[tokio::test]
async fn two_terminals_talk_and_see_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let mut ann = Terminal::start(&["make", "--title", "Tender", "--name", "Ann", "--server", &server.url]);
    let code = ann.err.until("Code:")["Code:".len()..].trim().to_owned();
    ann.err.until("You are Ann in \u{201c}Tender\u{201d}; nobody else is here");
    // As it was heard
    let mut bob = Terminal::join(&server.url, &code.to_uppercase().replace('-', " "), "Bob", &[]);
    ann.out.until("Bob is here");
    for number in 0..5 {
        ann.types(&format!("ann {number}"));
        bob.types(&format!("bob {number}"));
    }
    ann.types("//etc is no command");
    for terminal in [&mut ann, &mut bob] {
        terminal.out.until("Ann: /etc is no command");
    }
    bob.types("good bye");
    for terminal in [&mut ann, &mut bob] {
        terminal.out.until("Bob: good bye");
    }
    bob.types("/leave");
    let bob = bob.ended();
    assert_eq!(bob.code, Some(0), "{bob:?}");
    ann.out.until("Bob has left");
    let ann = ann.end();
    assert_eq!(ann.code, Some(0), "{ann:?}");
    let said: Vec<_> = messages(&ann.out).into_iter().map(|said| said.replacen("#", "", 1)).collect();
    // The maker sees numbers before them.
    let said: Vec<_> = said.iter().map(|said| said.split_once(' ').unwrap().1).collect();
    assert_eq!(said, messages(&bob.out));
    assert_eq!(said.len(), 12);
    for name in ["ann", "bob"] {
        let own: Vec<_> = said.iter().filter_map(|said| said.split_once(&format!(": {name} "))).collect();
        assert_eq!(own.iter().map(|(_, number)| *number).collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    }
}

#[tokio::test]
async fn files_go_from_one_to_the_other_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let big = file(dir.path(), "from/big.bin", 5 << 20, 1);
    let small = file(dir.path(), "from/a file.txt", 10, 2);
    let (chosen, all) = (dir.path().join("chosen"), dir.path().join("all"));
    fs::create_dir(&all).unwrap();
    fs::write(all.join("big.bin"), "mine").unwrap();
    let (code, _) = make(&server.url);
    let mut ann = Terminal::join(&server.url, &code, "Ann", &[]);
    let mut bob = Terminal::join(&server.url, &code, "Bob", &["--to", chosen.to_str().unwrap()]);
    let mut bot = Terminal::join(&server.url, &code, "Bot", &["--save", "--json", "--to", all.to_str().unwrap()]);
    ann.types("first");
    ann.types(&format!("/share {}", big.display()));
    ann.types(&format!("/share {}", small.display()));
    ann.types("/share /no/such/file");
    // The small one need not wait for the big one.
    let told =
        [(); 2].map(|()| bob.out.until_any(&["shares big.bin, 5.0 MiB: /save ", "shares a file.txt, 10 B: /save "]));
    let big_one = told.iter().find(|line| line.contains("big.bin")).unwrap();
    let number = big_one.rsplit(' ').next().unwrap();
    bob.types(&format!("/save {number}"));
    bob.err.until("big.bin, 5.0 MiB, verified.");
    bob.types("/save a file.txt");
    bob.types("/save nothing of the kind");
    ann.err.until("Bob has fetched big.bin.");
    let saved: Vec<Value> =
        (0..2).map(|_| serde_json::from_str(&bot.out.until("\"type\":\"saved\"")).unwrap()).collect();
    assert!(saved.iter().all(|saved| saved["verified"] == "blake3" || saved["verified"] == "sha-256"), "{saved:?}");
    let (ann, bob, bot) = (ann.end(), bob.end(), bot.end());
    // What was not done is told by the exit code: it waits for what goes on.
    assert_eq!((ann.code, bob.code, bot.code), (Some(1), Some(3), Some(0)), "{ann:?} {bob:?} {bot:?}");
    assert!(ann.err.iter().any(|line| line.starts_with("/share /no/such/file: ")), "{ann:?}");
    assert_eq!(messages(&bob.out)[0], "Ann: first", "in its order");
    assert_eq!(names(&chosen), ["a file.txt", "big.bin"]);
    assert_eq!(names(&all), ["a file.txt", "big (2).bin", "big.bin"]);
    assert_eq!(fs::read(all.join("big.bin")).unwrap(), b"mine");
    for saved in [chosen.join("big.bin"), all.join("big (2).bin")] {
        assert_same(&big, &saved);
    }
    // Whoever comes later, too: all of it, and then it ends.
    let late = dir.path().join("late");
    let args =
        ["room", "join", &code, "--server", &server.url, "--name", "L", "--save", "--to", late.to_str().unwrap()];
    let output = run(&args, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(names(&late), ["a file.txt", "big.bin"]);
}

#[tokio::test]
async fn a_restart_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Running::start(&data, &[]);
    let (url, bind) = (server.url.clone(), server.address.to_string());
    let (code, _) = make(&url);
    let mut ann = Terminal::join(&url, &code, "Ann", &[]);
    let mut bob = Terminal::join(&url, &code, "Bob", &["--json"]);
    ann.types("before");
    bob.out.until("before");
    server.stop().await;
    ann.err.until("The connection broke");
    bob.out.until("\"type\":\"connection_lost\"");
    for number in 0..5 {
        ann.types(&format!("meanwhile {number}"));
        bob.types(&format!("of bob {number}"));
    }
    let server = Running::start(&data, &["--bind", &bind]);
    ann.err.until("Connected again.");
    ann.types("after");
    bob.out.until("\"text\":\"after\"");
    let (ann, bob) = (ann.end(), bob.end());
    assert_eq!((ann.code, bob.code), (Some(0), Some(0)), "{ann:?} {bob:?}");
    let output = run(&["room", "join", &code, "--server", &url, "--name", "Late", "--after", "0"], "");
    let all: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    let said = messages(&all);
    let of = |name: &str| said.iter().filter_map(|said| said.strip_prefix(&format!("{name}: "))).collect::<Vec<_>>();
    let meanwhile = |what: &str| (0..5).map(|number| format!("{what} {number}")).collect::<Vec<_>>();
    assert_eq!(of("Ann"), [vec!["before".into()], meanwhile("meanwhile"), vec!["after".into()]].concat());
    assert_eq!(of("Bob"), meanwhile("of bob"));
    // Neither has left meanwhile.
    assert_eq!(all.iter().filter(|line| line.ends_with("is here")).count(), 2, "{all:#?}");
    server.stop().await;
}

#[tokio::test]
async fn the_maker_keeps_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let (code, makers) = make(&server.url);
    // The link says which server.
    let mut maker = Terminal::start(&["join", &makers, "--name", "Mae"]);
    maker.err.until("You are Mae");
    let mut ann = Terminal::join(&server.url, &code, "Ann", &[]);
    let mut bob = Terminal::join(&server.url, &code, "Bob", &[]);
    bob.types("something rude");
    let told = maker.out.until("Bob: something rude");
    let number = told.split_once('#').unwrap().1.split(' ').next().unwrap().to_owned();
    maker.types("/rename Order");
    maker.types("/lock");
    maker.types(&format!("/delete {number}"));
    maker.types("/remove bob");
    for line in ["the room is called \u{201c}Order\u{201d}", "nobody new may join", "taken away", "Bob was sent away"] {
        ann.out.until(line);
    }
    let bob = bob.ended();
    assert_eq!(bob.code, Some(4), "{bob:?}");
    assert_eq!(bob.err.last().unwrap(), "handover: You were sent away from this room.");
    let args = ["room", "join", &code, "--server", &server.url, "--name", "New"];
    let locked = run(&args, "");
    assert_eq!(locked.status.code(), Some(4));
    assert_eq!(text(&locked.stderr), "handover: The room is locked: nobody new may join.\n");
    ann.types("/unlock");
    ann.err.until("/unlock: Only the maker of the room may do this");
    maker.types("/who");
    maker.err.until("  Ann");
    maker.types("last words");
    maker.types("/end");
    let maker = maker.ended();
    assert_eq!(maker.code, Some(0), "{maker:?}");
    ann.out.until("Mae: last words");
    let ann = ann.ended();
    assert_eq!(ann.code, Some(3), "{ann:?}");
    assert_eq!(ann.err.last().unwrap(), "handover: The room was ended: it and its files are gone.");
    let over = run(&args, "");
    assert_eq!(over.status.code(), Some(3));
    assert_eq!(text(&over.stderr), "handover: There is no such room, or its time is over.\n");
}

#[tokio::test]
async fn the_end_of_the_input_waits_for_the_room() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let (code, _) = make(&server.url);
    // More than may be said at once; the last line has no end, one is too long and one makes no sense.
    let lines: Vec<String> = (0..30).map(|number| format!("line {number}")).collect();
    let input = format!("{}\n\n{}\n/dance\nlast", lines.join("\n"), "x".repeat(9000));
    let args = ["room", "join", &code, "--server", &server.url, "--name", "Script"];
    let output = run(&args, &input);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("8192 bytes at most") && err.contains("there is no /dance"), "{err}");
    let expected: Vec<String> =
        lines.iter().map(String::as_str).chain(["last"]).map(|line| format!("Script: {line}")).collect();
    let shown: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(messages(&shown), expected);
    let output = run(&[&args[..], &["--after", "0", "--json"]].concat(), "over\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let events: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["type"], "welcome");
    assert!(events[0]["you"].get("token").is_none() && events[0]["you"].get("key").is_none(), "{}", events[0]);
    let said = events.iter().filter(|event| event["type"] == "message");
    let said: Vec<String> =
        said.map(|event| format!("{}: {}", event["from"].as_str().unwrap(), event["text"].as_str().unwrap())).collect();
    assert_eq!(said, [expected, vec!["Script: over".into()]].concat(), "whoever left is told of by the same name");
    // After a number come the events behind it.
    let after = events.iter().rev().find(|event| event["type"] == "message").unwrap()["id"].to_string();
    let output = run(&[&args[..], &["--after", &after]].concat(), "");
    assert_eq!(messages(&text(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()), [""; 0]);
}

#[tokio::test]
async fn an_interrupt_leaves_politely_and_whoever_stays_stays() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &[]);
    let (code, _) = make(&server.url);
    let mut ann = Terminal::join(&server.url, &code, "Ann", &[]);
    let mut listener = Terminal::join(&server.url, &code, "Ear", &["--stay"]);
    listener.types("here");
    listener.no_more_input();
    ann.out.until("Ear: here");
    ann.types("still there?");
    listener.out.until("Ann: still there?");
    listener.signal(Signal::INT);
    assert_eq!(listener.ended().code, Some(130));
    ann.out.until("Ear has left");
    assert_eq!(ann.end().code, Some(0));
}

#[tokio::test]
async fn exit_codes_say_what_went_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(&dir.path().join("data"), &["--guests", "deny"]);
    let room = "abcd-efgh-jkmn";
    for (args, code, word) in [
        (&["join", "abc", "--server", &server.url][..], 1, "no code of a room"),
        (&["join", "--server", &server.url], 2, "CODE"),
        (&["join", room, "--server", "127.0.0.1:1"], 5, "cannot be reached"),
        (&["join", room, "--server", &server.url], 7, ""),
        (&["make", "--server", &server.url], 7, ""),
    ] {
        let output = run(&[&["room"], args].concat(), "");
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?} {err}");
        assert!(err.contains(word) && !err.contains("panicked"), "{err}");
    }
}
