//! The page: how its files are served, what they weigh, and where those of others come from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Url;

use crate::support::*;

/// What everything together may weigh on the way, in bytes.
const BUDGET: usize = 200 * 1024;

/// What the server embeds; a worker is served at an address of its own.
const FOLDERS: [&str; 9] = ["base", "batch", "desk", "direct", "direct/engine", "home", "link", "room", "vendor"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/features/page/assets")
}

/// All files that the server should have, as `folder/file` or `folder/part/file`.
fn files() -> BTreeSet<String> {
    let names = FOLDERS.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(self::folder().join(folder)).unwrap();
        entries.map(move |entry| format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap()))
    });
    names.filter(|name| [".js", ".css", ".svg"].iter().any(|ending| name.ends_with(ending))).collect()
}

fn address(file: &str) -> String {
    format!("/assets/{}/{file}", handover::server::features::page::version())
}

#[tokio::test]
async fn every_file_is_served_for_good_and_all_together_are_light() {
    let server = TestServer::start();
    let mut weight = 0;
    for file in files() {
        let plain = server.get(&address(&file)).send().await.unwrap();
        assert_eq!(plain.status(), 200, "{file} is not embedded");
        assert_eq!(plain.headers()["cache-control"], "public, max-age=31536000, immutable", "{file}");
        assert_eq!(plain.headers()["vary"], "accept-encoding", "{file}");
        let media = plain.headers()["content-type"].to_str().unwrap().to_owned();
        let expected = match file.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(media, expected, "{file}");
        assert_eq!(plain.bytes().await.unwrap(), std::fs::read(folder().join(&file)).unwrap(), "{file}");

        let packed = server.get(&address(&file)).header("accept-encoding", "gzip, br").send().await.unwrap();
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{file}");
        weight += packed.bytes().await.unwrap().len();
    }
    assert!((10_000..BUDGET).contains(&weight), "{weight} bytes");
    let words = server.get(&address("direct/engine/words.txt")).send().await.unwrap();
    assert_eq!(words.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(words.text().await.unwrap(), include_str!("../../../src/protocol/direct/words.txt"));
}

#[tokio::test]
async fn another_version_is_another_address() {
    let server = TestServer::start();
    for path in ["/assets/0000000000000000/base/2-base.css", &address("base/none.css"), &address("base/../mod.rs")] {
        crate::support::answers::expect(path, server.get(path), 404, "not_found", None).await;
    }
    let refused = server.get(&address("base/2-base.css")).header("accept-encoding", "gzip;q=0").send().await.unwrap();
    assert!(!refused.headers().contains_key("content-encoding"));
}

/// Each page names all that it needs, relative to where it is, and nothing of anybody else's.
#[tokio::test]
async fn pages_refer_to_what_is_there() {
    let server = TestServer::with(&["--public-url", "https://files.example.org/handover"]);
    for base in ["", "/handover"] {
        for page in ["/", "/desk", "/direct", "/new", "/b/aaaaaaaaaaaaaaaaaaaa", "/room", "/r/aaaa-aaaa-aaaa", "/docs"]
        {
            let path = format!("{base}{page}");
            let response = server.get(&path).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{path}");
            let html = response.text().await.unwrap();
            let here = Url::parse(&format!("{}{path}", server.url)).unwrap();
            let references: Vec<_> = ["href=\"", "src=\""]
                .iter()
                .flat_map(|mark| html.split(mark).skip(1))
                .map(|rest| rest.split('"').next().unwrap())
                .collect();
            assert!(references.len() > 5, "{path}: {references:?}");
            for reference in references {
                assert!(
                    reference.starts_with('.') || reference == "openapi.json",
                    "{path}: {reference} is not relative"
                );
                let url = here.join(reference).unwrap();
                assert!(url.path().starts_with(base), "{path}: {reference}");
                assert_eq!(server.get(url.path()).send().await.unwrap().status(), 200, "{path}: {reference}");
            }
            for inline in ["<style", " style=", "onclick", "<script>", "javascript:"] {
                assert!(!html.contains(inline), "{path} has {inline}");
            }
        }
    }
}

#[tokio::test]
async fn the_base_path_without_its_slash_leads_to_the_first_page() {
    let server = TestServer::with(&["--public-url", "https://files.example.org/handover"]);
    let response = server.get("/handover").send().await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], "/handover/");
}

/// Modules need nothing that is not ours: every import leads to a file that is served.
#[test]
fn imports_lead_to_files() {
    let files = files();
    for file in files.iter().filter(|file| file.ends_with(".js")) {
        let text = std::fs::read_to_string(folder().join(file)).unwrap();
        let imported = text.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from "));
        for line in imported.filter(|line| line.contains('"')) {
            let from = line.split('"').nth(1).unwrap();
            let up = "../".repeat(file.matches('/').count());
            let path = from.strip_prefix(&up).unwrap_or_else(|| panic!("{file} imports {from}"));
            assert!(files.contains(path), "{file} imports {from}, which is not there");
        }
        assert!(!text.contains("innerHTML") && !text.contains("insertAdjacentHTML"), "{file} makes HTML of text");
    }
}

/// The table in vendor/README.md is whole and true.
#[test]
fn modules_of_others_are_the_ones_that_are_listed() {
    let vendor = folder().join("vendor");
    let readme = std::fs::read_to_string(vendor.join("README.md")).unwrap();
    let mut listed = BTreeSet::from(["README.md".to_owned()]);
    for row in readme.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [file, module, version, licence, from, sha256] = cells[..] else { panic!("{row}") };
        assert!([module, version, licence, from].iter().all(|cell| !cell.is_empty()), "{row}");
        let content = std::fs::read(vendor.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let found: String = digest(&SHA256, &content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sha256, "{file} is not what is listed");
        listed.insert(file.to_owned());
    }
    let there: BTreeSet<_> =
        std::fs::read_dir(&vendor).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, listed);
}
