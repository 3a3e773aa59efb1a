//! `handover login`, `files`, `upload`, `link` and `logout`, as people type them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::binary::{Running, program, text};
use crate::support::crafted::docx;
use crate::support::desk_user::*;
use crate::support::*;

const REPORT: &str = "report-python-docx.docx";

async fn register(server: &Running, name: &str, operation: bool) {
    let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": operation});
    let response = server.request(Method::POST, "/register").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The whole way of a document from one terminal to another.
#[tokio::test]
async fn from_desk_to_desk() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path(), &[]);
    register(&server, "olga", true).await;
    register(&server, "carl", false).await;
    let olga = User::new();
    let output = olga.login(&server.url, "Olga", PASSWORD);
    let said = told(&output);
    assert!(output.status.success() && said.contains("as olga, who is an operation user, until 20"), "{said}");
    assert_eq!((mode(&olga.kept()), mode(olga.kept().parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_dir(olga.kept().parent().unwrap()).unwrap().count(), 1, "no draft is left");

    let names = [REPORT, "ledger-openpyxl.xlsx", "deck-python-pptx.pptx"];
    for name in names {
        olga.file(name, &fixture(name));
    }
    olga.file("見積書 1#?.docx", &docx(1, 3 << 20));
    let said = olga.done(&[&["upload"][..], &names, &["見積書 1#?.docx"]].concat());
    assert!(said.contains("見積書 1#?.docx  version 1  3.0 MiB") && said.lines().count() == 4, "{said}");
    assert!(olga.done(&["upload", REPORT]).contains("version 2"));
    let listed = olga.done(&["files"]);
    assert!(listed.starts_with("NAME ") && listed.lines().count() == 5, "{listed}");
    let row = listed.lines().nth(1).unwrap();
    assert!(row.starts_with(&format!("{REPORT}  ")) && row.contains("  2  ") && row.ends_with("  olga"), "{listed}");
    assert_eq!(olga.done(&["files", "--search", "LEDGER"]).lines().count(), 2);
    let said = olga.fails(&["link", REPORT], 4);
    assert!(said.ends_with("only client user can download the file"), "{said}");

    let carl = User::signed_in(&server.url, "carl");
    let link = carl.run(&["link", REPORT, "--qr"], "");
    let (url, said) = (text(&link.stdout), text(&link.stderr));
    assert!(url.starts_with(&format!("{}/download_file/", server.url)) && url.lines().count() == 1, "{url}");
    assert!(said.contains(&format!("{REPORT}, version 2, ")) && said.contains('▀'), "{said}");
    assert_eq!(carl.done(&["fetch", url.trim()]), format!("{REPORT}\n"));
    assert_eq!(carl.read(REPORT), fixture(REPORT));
    let again = User::new();
    assert_eq!(again.fails(&["fetch", url.trim()], 3), "handover: this link has been used");
    assert_eq!(again.names(), [""; 0]);
    assert!(carl.fails(&["upload", REPORT], 4).ends_with("Only operation users can upload."));

    // Neither passwords nor tokens are in the log.
    let (status, log) = server.stop().await;
    assert!(status.success() && log.contains("/login"), "{log}");
    for secret in [PASSWORD, &olga.token(), &carl.token(), url.trim().rsplit('/').next().unwrap()] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn one_bad_file_does_not_keep_the_others() {
    let server = TestServer::with(&["--max-file-size", "1MiB"]);
    server.register("olga", true).await;
    let olga = User::signed_in(&server.url, "olga");
    olga.file("a.docx", &docx(1, 100));
    olga.file("b.txt", b"text");
    olga.file("c.docx", b"no document");
    olga.file("large.docx", &docx(2, 9 << 20));
    olga.file("large.txt", &vec![0; 9 << 20]);
    olga.file("z.docx", &docx(3, 100));
    let files = ["a.docx", "b.txt", "c.docx", "missing.docx", ".", "large.docx", "large.txt", "z.docx"];
    let output = olga.run(&[&["upload"][..], &files].concat(), "");
    let (said, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert_eq!(said.lines().map(|line| line.split("  ").next().unwrap()).collect::<Vec<_>>(), ["a.docx", "z.docx"]);
    let wrong_type = "Invalid file type. Only .pptx, .docx, and .xlsx are allowed.";
    for (line, word) in stderr.lines().zip([
        &format!("handover: b.txt: {wrong_type}"),
        "handover: c.docx: ",
        "handover: missing.docx: missing.docx cannot be read: ",
        "handover: .: ",
        "handover: large.docx: The file is larger than the limit of 1.0 MiB.",
        &format!("handover: large.txt: {wrong_type}"),
        "handover: 6 of 8 files were not uploaded",
    ]) {
        assert!(line.starts_with(word), "{word}: {stderr}");
    }
    assert_eq!(stderr.lines().count(), 7, "{stderr}");
    assert_eq!(server.blobs().len(), 2);

    let output = olga.run(&["upload", "--json", "a.docx", "b.txt"], "");
    let events = events(&output);
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["file_started", "file_done", "file_started", "failed"], "{}", told(&output));
    assert_eq!((&events[1]["version"], &events[1]["size"]), (&2.into(), &docx(1, 100).len().into()));
    assert_eq!((&events[3]["file"], &events[3]["code"]), (&"b.txt".into(), &"invalid_file_type".into()));
    assert_eq!(olga.fails(&["upload", "missing.docx"], 1).matches("missing.docx").count(), 1);
}

#[tokio::test]
async fn a_list_of_many_pages_is_one_list() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    let content = docx(1, 10);
    for number in 0..205 {
        let name = format!("{number}.docx");
        let response = crate::support::stored::put(&server, &token, &name, content.clone()).await;
        assert_eq!(response.status(), 201);
    }
    let olga = User::signed_in(&server.url, "olga");
    assert_eq!(olga.done(&["files"]).lines().count(), 206);
    let lines = olga.done(&["files", "--json"]);
    let files: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (files.len(), &files[0]["filename"], &files[204]["filename"]),
        (205, &"204.docx".into(), &"0.docx".into())
    );
    assert_eq!(files[0]["blake3"], blake3::hash(&content).to_hex().as_str());
    assert_eq!(olga.done(&["files", "-s", "none of them", "--json"]), "");
    // Whoever reads no further ends it, without a complaint.
    let mut child = olga.command(&["files", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", told(&output));
}

#[tokio::test]
async fn a_part_of_a_name_is_enough_if_it_is_one_name() {
    let server = TestServer::start();
    let token = server.operation("olga").await;
    server.register("carl", false).await;
    for name in ["minutes May.docx", "minutes June.docx", "June.docx", "plan.docx"] {
        assert_eq!(crate::support::stored::put(&server, &token, name, docx(1, 10)).await.status(), 201);
    }
    let carl = User::signed_in(&server.url, "carl");
    let name = |args: &[&str]| {
        let link: Value = serde_json::from_str(&carl.done(&[&["link", "--json"], args].concat())).unwrap();
        link["filename"].as_str().unwrap().to_owned()
    };
    assert_eq!(name(&["June.docx"]), "June.docx", "a whole name is that file");
    assert_eq!(name(&["MAY"]), "minutes May.docx");
    let said = carl.fails(&["link", "minutes"], 3);
    assert!(
        said.contains("which file") && said.contains("minutes May.docx") && said.contains("minutes June.docx"),
        "{said}"
    );
    assert!(carl.fails(&["link", "nothing"], 3).contains("there is no file nothing"));
    assert!(carl.fails(&["link", "plan.docx", "--version", "7"], 3).contains("File not found"));
    let page = carl.done(&["link", "plan.docx", "--page", "--life", "2m"]);
    assert!(page.starts_with(&format!("{}/d/", server.url)), "{page}");
    let links = crate::support::linked::links(&server, &token, "").await;
    let [issued, expires] = ["issued_at", "expires_at"]
        .map(|field| links[0][field].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    assert_eq!((expires - issued).num_seconds(), 120);
}

#[tokio::test]
async fn a_sign_in_that_is_over_says_so() {
    let server = TestServer::start();
    server.register("carl", false).await;
    let again = "sign in again with `handover login`";
    for end in ["expired", "revoked"] {
        let carl = User::signed_in(&server.url, "carl");
        match end {
            "expired" => server.clock.advance(Duration::from_secs(13 * 3600)),
            _ => {
                let body = json!({"old_password": PASSWORD, "new_password": PASSWORD});
                let request = server.request(Method::POST, "/password").bearer_auth(carl.token()).json(&body);
                assert_eq!(request.send().await.unwrap().status(), 200);
            }
        }
        for args in [&["files"][..], &["link", "a.docx"], &["upload", "/etc/hostname"]] {
            assert!(carl.fails(args, 7).contains(again), "{end} {args:?}");
        }
        assert!(carl.run(&["logout"], "").status.success(), "{end}");
        assert!(!carl.kept().exists());
    }
    let nobody = User::new();
    for args in [&["files"][..], &["link", "a.docx"], &["upload", "a.docx"]] {
        assert!(nobody.fails(args, 7).contains("you are not signed in"), "{args:?}");
    }
    assert_eq!(nobody.done(&["logout"]), "Nobody was signed in.\n");
}

#[tokio::test]
async fn logging_out_ends_the_session_here_and_there() {
    let server = TestServer::start();
    server.register("carl", false).await;
    let carl = User::signed_in(&server.url, "carl");
    let status = async |token: &str| server.get("/me").bearer_auth(token).send().await.unwrap().status().as_u16();
    let first = carl.token();
    assert!(carl.login(&server.url, "carl", PASSWORD).status.success());
    let second = carl.token();
    assert_eq!((status(&first).await, status(&second).await), (401, 200), "nobody keeps the token before");
    assert!(carl.done(&["logout"]).starts_with("Signed out"));
    assert_eq!(status(&second).await, 401);
    assert!(!carl.kept().exists());

    // Also where the server cannot be told
    let carl = User::signed_in(&server.url, "carl");
    drop(server);
    let output = carl.run(&["logout"], "");
    assert_eq!(output.status.code(), Some(5), "{}", told(&output));
    assert!(text(&output.stderr).contains("its session lasts until"), "{}", told(&output));
    assert!(!carl.kept().exists());
}

#[tokio::test]
async fn a_sign_in_is_for_its_user_and_its_server_alone() {
    let server = TestServer::start();
    server.register("carl", false).await;
    let carl = User::signed_in(&server.url, "carl");
    let output = carl.run(&["files", "--server", "http://127.0.0.1:1"], "");
    assert_eq!(output.status.code(), Some(7), "the token goes to no other server: {}", told(&output));
    assert!(text(&output.stderr).contains("handover login --server http://127.0.0.1:1"), "{}", told(&output));
    carl.done(&["files", "--server", &format!("{}/", server.url)]);
    // A script's token needs no sign-in.
    let script = User::new();
    let mut command = script.command(&["files", "--server", &server.url]);
    assert!(command.env("HANDOVER_TOKEN", carl.token()).output().unwrap().status.success());

    fs::set_permissions(carl.kept(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(carl.fails(&["files"], 1).contains("is open to others on this machine (mode 640)"));
    assert!(carl.login(&server.url, "carl", PASSWORD).status.success());
    assert_eq!(mode(&carl.kept()), 0o600);
    fs::set_permissions(carl.kept().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(carl.login(&server.url, "carl", PASSWORD).status.success());
    assert_eq!(mode(carl.kept().parent().unwrap()), 0o700);
    fs::write(carl.kept(), "{").unwrap();
    assert!(carl.fails(&["files"], 1).contains("is damaged"));
}

#[tokio::test]
async fn a_sign_in_that_fails_keeps_nothing() {
    let server = TestServer::start();
    server.register("carl", false).await;
    let carl = User::new();
    let fails = |url: &str, args: &[&str], input: &str, code: i32, word: &str| {
        let output = carl.run(&[&["login", "--server", url], args].concat(), input);
        let said = told(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(word) && !said.contains("wrong horse"), "{said}");
    };
    fails(&server.url, &["carl"], "wrong horse\n", 7, "Invalid username or password");
    fails(&server.url, &["carl"], "", 4, "Missing required parameters");
    fails(&server.url, &[], "wrong horse\n", 1, "say `handover login USERNAME`");
    fails("http://127.0.0.1:1", &["carl"], "wrong horse\n", 5, "cannot be reached");
    fails(&format!("{}/healthz", server.url), &["carl"], "wrong horse\n", 3, "There is nothing at this address");
    // Everybody on the machine can read a command line: there is no argument for a password.
    assert_eq!(carl.run(&["login", "--server", &server.url, "carl", PASSWORD], "").status.code(), Some(2));
    assert_eq!(carl.run(&["login", "--password", PASSWORD], "").status.code(), Some(2));
    assert!(!carl.kept().exists());
    for _ in 0..10 {
        carl.login(&server.url, "carl", "wrong horse");
    }
    fails(&server.url, &["carl"], "wrong horse\n", 5, "Too many failed attempts");
}

/// `send` and `receive` speak to the server that one is signed in to, and as whom.
#[tokio::test]
async fn a_direct_transfer_uses_the_sign_in() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path(), &["--guests", "deny"]);
    register(&server, "carl", false).await;
    let carl = User::signed_in(&server.url, "carl");
    carl.file("a.txt", b"from carl");
    let mut sender = carl.command(&["send", "--json", "a.txt"]).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(sender.stdout.take().unwrap()));
    let code: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    std::thread::spawn(move || lines.count());
    carl.done(&["receive", "--yes", "--to", "got", code["code"].as_str().unwrap()]);
    assert!(sender.wait().unwrap().success());
    assert_eq!(carl.read("got/a.txt"), b"from carl");
    let guest = User::new();
    guest.file("a.txt", b"x");
    assert!(guest.fails(&["send", "--server", &server.url, "a.txt"], 5).contains("Sign in first"));
}

#[tokio::test]
async fn a_server_below_a_path() {
    let data = tempfile::tempdir().unwrap();
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap().to_string();
    drop(reserved);
    let public = format!("http://{address}/below/it");
    let server = TestServer::in_folder(data, &["--bind", &address, "--public-url", &public]);
    server.register("olga", true).await;
    server.register("carl", false).await;
    let olga = User::signed_in(&public, "olga");
    olga.file("a.docx", &docx(1, 1000));
    olga.done(&["upload", "a.docx"]);
    let carl = User::signed_in(&format!("{public}/"), "carl");
    for page in [&[][..], &["--page"]] {
        let url = carl.done(&[&["link", "a.docx"], page].concat());
        assert!(url.starts_with(&public), "{url}");
        carl.done(&["fetch", "--force", url.trim()]);
        assert_eq!(carl.read("a.docx"), docx(1, 1000));
    }
}

/// Runs `login` at a terminal of its own (util-linux `script`), answers its question, and gives what the terminal has shown
/// and, after that, its settings.
fn login_at_a_terminal(url: &str, answer: &str) -> (String, String) {
    let config = tempfile::tempdir().unwrap();
    let line = format!("{} login --server {url} olga; stty -a", program());
    let mut command = Command::new("script");
    command.args(["--quiet", "--command", &line, "/dev/null"]).env("SHELL", "/bin/sh");
    command.env("XDG_CONFIG_HOME", config.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut piece = [0; 1024];
    while !text(&shown).ends_with("Password: ") {
        let read = screen.read(&mut piece).unwrap();
        assert!(read > 0, "{}", text(&shown));
        shown.extend(&piece[..read]);
    }
    keys.write_all(answer.as_bytes()).unwrap();
    screen.read_to_end(&mut shown).unwrap();
    assert!(child.wait().unwrap().success());
    let shown = text(&shown);
    let (said, settings) = shown.split_once("speed ").unwrap_or_else(|| panic!("{shown}"));
    (said.to_owned(), settings.split([';', ' ', '\r', '\n']).collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn a_terminal_shows_what_is_typed_again_after_a_password_and_after_ctrl_c() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path(), &[]);
    register(&server, "olga", true).await;
    for (answer, signs_in) in [(format!("{PASSWORD}\n"), true), ("correct \u{3}".to_owned(), false)] {
        let (said, settings) = login_at_a_terminal(&server.url, &answer);
        assert_eq!(said.contains("Signed in to"), signs_in, "{said}");
        assert!(!said.contains("correct"), "{said}");
        for setting in [" echo ", " icanon ", " isig ", " eol = <undef> "] {
            assert!(settings.contains(setting), "no{setting}in {settings}");
        }
    }
}
