//! The ZIP of a batch, read by the programs that people have.

use std::path::Path;
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::answers::expect;
use crate::support::batched::*;
use crate::support::*;

fn content(seed: usize, size: usize) -> Vec<u8> {
    (0..size).map(|i| (i * 31 + seed * 7 + (i >> 8)) as u8).collect()
}

/// Names that have been trouble to somebody, and sizes around the ends of buffers.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = [
        "report.docx",
        "report.docx",
        "отчёт 見積書 żółć.txt",
        "empty",
        "photos/2026/a b.jpg",
        "photos/2026/é.jpg",
        "-rf",
        "100% \"sure\".txt",
        "archive.tar.gz",
    ]
    .into_iter()
    .enumerate()
    .map(|(i, name)| (name.to_owned(), content(i, if name == "empty" { 0 } else { i * 40_000 + 1 })))
    .collect();
    files.push(("large.bin".into(), content(99, 5 << 20)));
    files
}

async fn batch(server: &TestServer) -> (Batch, Vec<(String, Vec<u8>)>) {
    let mut files = files();
    let given: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let batch = make(server, &given, &[("title", "Photos / 2026")]).await;
    files[1].0 = "report (2).docx".into();
    files[7].0 = "100% _sure_.txt".into(); // Windows has no files with quotation marks
    (batch, files)
}

#[tokio::test]
async fn ranges_are_slices_of_the_whole_and_the_tag_is_that_of_the_bytes() {
    let server = TestServer::start();
    let (batch, _) = batch(&server).await;
    let response = batch.get(&server, "/zip").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    let whole = response.bytes().await.unwrap();
    assert_eq!(headers["content-length"], whole.len().to_string());
    assert_eq!(headers["content-type"], "application/zip");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"Photos - 2026.zip\"");
    assert_eq!(
        (&headers["accept-ranges"], &headers["cache-control"]),
        (&"bytes".parse().unwrap(), &"private, no-store".parse().unwrap())
    );
    let head = server.request(Method::HEAD, &batch.path("/zip")).send().await.unwrap();
    assert_eq!(
        (&head.headers()["content-length"], &head.headers()["etag"]),
        (&headers["content-length"], &headers["etag"])
    );
    let size = whole.len();
    for (from, to) in [
        (0, 0),
        (0, 29),
        (25, 60_000),
        (size / 2, size / 2 + 3_000_000),
        (size - 1, size - 1),
        (size - 700, size - 1),
        (1, size - 2),
    ] {
        let to = to.min(size - 1);
        let request = batch.get(&server, "/zip").header("range", format!("bytes={from}-{to}"));
        let response = request.header("if-range", &headers["etag"]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(response.headers()["content-range"], format!("bytes {from}-{to}/{size}"));
        assert_eq!(response.bytes().await.unwrap(), whole[from..=to], "{from}-{to}");
    }
    let past = batch.get(&server, "/zip").header("range", format!("bytes={size}-"));
    expect("past the end", past, 416, "range_not_satisfiable", None).await;

    // A file more: another archive, and the old tag brings no range of it.
    assert_eq!(batch.put(&server, "more", "more").send().await.unwrap().status(), 201);
    let request = batch.get(&server, "/zip").header("range", "bytes=0-9").header("if-range", &headers["etag"]);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_ne!(response.headers()["etag"], headers["etag"]);
    assert!(response.bytes().await.unwrap().len() > size);
}

#[tokio::test]
async fn some_files_are_chosen_by_their_ids() {
    let server = TestServer::start();
    let (batch, files) = batch(&server).await;
    let path = format!("/zip?files={},{}", batch.file(4), batch.file(0));
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("some.zip");
    std::fs::write(&zip, batch.bytes(&server, &path).await).unwrap();
    let out = folder.path().join("out");
    if python(&zip, &out) {
        assert_unpacked(&out, &[files[0].clone(), files[4].clone()]);
    }
    for (query, status, code) in
        [("files=", 400, "bad_request"), ("files=,", 400, "bad_request"), ("files=x", 404, "file_not_found")]
    {
        expect(query, batch.get(&server, &format!("/zip?{query}")), status, code, None).await;
    }
    assert_eq!(make(&server, &[], &[]).await.bytes(&server, "/zip").await.len(), 22, "an empty one is an archive too");
}

/// Without a connection of our own (as with TLS) the pieces are read on the worker: the same bytes.
#[actix_rt::test]
async fn without_sendfile_it_is_the_same() {
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    let server = TestServer::start();
    let (batch, _) = batch(&server).await;
    let whole = batch.bytes(&server, "/zip").await;
    let service = init_service(handover::server::application(server.data(), server.live.clone())).await;
    for (range, expected) in [("none", 0..whole.len()), ("bytes=100-3000000", 100..3_000_001)] {
        let request = TestRequest::get()
            .insert_header(("host", "localhost"))
            .uri(&batch.path("/zip"))
            .insert_header(("range", range))
            .to_request();
        assert!(read_body(call_service(&service, request).await).await == whole[expected], "{range}");
    }
}

/// Each program unpacks the same files with the same bytes.
#[tokio::test]
async fn programs_that_people_have_open_it() {
    let server = TestServer::start();
    let (batch, files) = batch(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("batch.zip");
    std::fs::write(&zip, batch.bytes(&server, "/zip").await).unwrap();
    let path = zip.to_str().unwrap();
    for (program, arguments) in [
        ("unzip", vec!["-q", "-d", "OUT", path]),
        ("7z", vec!["x", "-oOUT", path]),
        ("bsdtar", vec!["-x", "-C", "OUT", "-f", path]),
    ] {
        let out = folder.path().join(program);
        std::fs::create_dir(&out).unwrap();
        let arguments: Vec<_> =
            arguments.iter().map(|argument| argument.replace("OUT", out.to_str().unwrap())).collect();
        let Some(run) = run(program, &arguments.iter().map(String::as_str).collect::<Vec<_>>()) else { continue };
        let said = [run.stdout, run.stderr].concat();
        assert!(run.status.success(), "{program}: {}", String::from_utf8_lossy(&said));
        assert_unpacked(&out, &files);
    }
    let out = folder.path().join("python");
    if python(&zip, &out) {
        assert_unpacked(&out, &files);
    }
}

/// Python's zipfile checks each CRC, and then unpacks. False where there is no Python.
fn python(zip: &Path, out: &Path) -> bool {
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                  assert all(i.compress_type == zipfile.ZIP_STORED for i in z.infolist())\nz.extractall(sys.argv[2])";
    let Some(run) = run("python3", &["-c", script, zip.to_str().unwrap(), out.to_str().unwrap()]) else { return false };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    true
}

fn assert_unpacked(out: &Path, files: &[(String, Vec<u8>)]) {
    assert_eq!(files_below(out).len(), files.len(), "{}", out.display());
    for (name, content) in files {
        let path = out.join(name);
        let unpacked = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(unpacked == *content, "{}", path.display());
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o111, 0, "{} can be run", path.display());
    }
}

#[tokio::test]
async fn many_small_files_make_one_archive() {
    let server = TestServer::start();
    let names: Vec<_> = (0..500).map(|n| (format!("{n}.txt"), content(n, n % 300))).collect();
    let given: Vec<(&str, &[u8])> = names.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let batch = make(&server, &given, &[]).await;
    assert_eq!(batch.show(&server).await["files"].as_array().unwrap().len(), 500);
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("many.zip");
    std::fs::write(&zip, batch.bytes(&server, "/zip").await).unwrap();
    let out = folder.path().join("out");
    if python(&zip, &out) {
        assert_unpacked(&out, &names);
    }
    eventually("it is written down", async || {
        let fetches = json_of(batch.manage(&server, Method::GET, "/fetches").send().await.unwrap()).await;
        fetches["fetches"][0]["files"] == json!(500)
    })
    .await;
}

/// Archives that need ZIP64, for their sizes or their count, as files with holes: programs list them and find the last
/// entry behind the rest.
#[test]
fn programs_that_people_have_open_zip64() {
    use handover::server::features::batches::archive::{Archive, Entry, Piece};
    use std::io::{Seek as _, SeekFrom, Write as _};
    let modified = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap().naive_utc();
    let entry = |name: &str, size: u64, crc32: u32| Entry { name: name.into(), size, crc32, modified };
    let crc = crc32fast::hash(b"the last one");
    let zeros = {
        let mut zeros = crc32fast::Hasher::new();
        zeros.update(&vec![0; 1 << 20]);
        let mut all = crc32fast::Hasher::new();
        (0..5 << 10).for_each(|_| all.combine(&zeros));
        all.finalize()
    };
    let large = vec![entry("five.bin", 5 << 30, zeros), entry("last é.txt", 12, crc)];
    let mut many: Vec<_> = (0..70_000).map(|n| entry(&format!("{n}.txt"), 0, 0)).collect();
    many.push(entry("last é.txt", 12, crc));
    for entries in [large, many] {
        let count = entries.len();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
        let archive = std::sync::Arc::new(Archive::new(entries));
        for piece in archive.clone().pieces(0..archive.size()) {
            match piece {
                Piece::Bytes(bytes) => file.write_all(&bytes).unwrap(),
                Piece::Contents(index, _) if index + 1 == count => file.write_all(b"the last one").unwrap(),
                Piece::Contents(_, range) => {
                    file.seek(SeekFrom::Current((range.end - range.start) as i64)).unwrap();
                }
            }
        }
        file.flush().unwrap();
        let path = path.to_str().unwrap();
        let name = "last é.txt";
        let python = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\n\
                      assert len(z.infolist()) == int(sys.argv[3])\nsys.stdout.buffer.write(z.read(sys.argv[2]))";
        let counted = count.to_string();
        for (program, arguments) in [
            ("python3", vec!["-c", python, path, name, &counted]),
            ("unzip", vec!["-p", path, name]),
            ("7z", vec!["e", "-so", path, name]),
            ("bsdtar", vec!["-xOf", path, name]),
        ] {
            let Some(run) = run(program, &arguments) else { continue };
            let said = String::from_utf8_lossy(&run.stderr).into_owned();
            assert!(run.status.success(), "{program}: {said}");
            assert_eq!(run.stdout, b"the last one", "{program}: {said}");
        }
    }
}

/// Runs a program; `None` where it is not installed, which is an error where all have to be.
fn run(program: &str, arguments: &[&str]) -> Option<std::process::Output> {
    match Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{program} is missing");
            eprintln!("SKIPPED: {program} is not installed; tests/run installs it");
            None
        }
        run => Some(run.unwrap()),
    }
}

/// The date of an entry is that of its file, where the sender told it.
#[tokio::test]
async fn entries_have_the_dates_of_their_files() {
    let server = TestServer::start();
    let form = reqwest::multipart::Form::new().text("modified", "1767225600000");
    let part = reqwest::multipart::Part::bytes(b"x".as_slice()).file_name("new year.txt");
    let answer = server.request(Method::POST, "/api/batches").multipart(form.part("files", part)).send().await.unwrap();
    let batch = made(answer).await;
    let dated = batch.put(&server, "dated.txt", "x").header("last-modified", "Thu, 01 Jan 2015 00:00:00 GMT");
    assert_eq!(dated.send().await.unwrap().status(), 201);
    batch.put(&server, "now.txt", "x").send().await.unwrap();
    let files = batch.show(&server).await["files"].clone();
    assert_eq!(files[0]["modified_at"], "2026-01-01T00:00:00Z");
    assert_eq!(files[1]["modified_at"], "2015-01-01T00:00:00Z");
    assert_eq!(files[2]["modified_at"], serde_json::Value::Null);
    // The extra field "UT" of the first local header: 2026-01-01 in seconds since 1970.
    let zip = batch.bytes(&server, "/zip").await;
    let time = zip.windows(4).position(|bytes| bytes == b"UT\x05\0").unwrap() + 5;
    assert_eq!(zip[time..time + 4], 1_767_225_600_i32.to_le_bytes());
    let refused = batch.put(&server, "x", "x").header("last-modified", "yesterday");
    expect("a date", refused, 400, "bad_request", None).await;
}
