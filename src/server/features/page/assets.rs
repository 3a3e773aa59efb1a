//! The files of the page: embedded in the binary, packed once, and cached for good under a path that names their
//! version.

use crate::server::refusals::NOT_FOUND;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::server::error::Result;
use crate::server::http::gate::Access;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Request};

macro_rules! embed {
    ($($path:literal)*) => { &[$(($path, include_bytes!(concat!("assets/", $path)))),*] };
}

/// The files of the page: `folder/file`, or `folder/part/file`, and what is in it.
const FILES: &[(&str, &[u8])] = embed! {
    "base/1-tokens.css"
    "base/2-base.css"
    "base/3-parts.css"
    "base/address.js"
    "base/alert.js"
    "base/announce.js"
    "base/api.js"
    "base/clock.js"
    "base/confirm.js"
    "base/copy.js"
    "base/dom.js"
    "base/drop.js"
    "base/events.js"
    "base/files.js"
    "base/frame.js"
    "base/icon.svg"
    "base/icons.js"
    "base/keys.js"
    "base/kind.js"
    "base/path.js"
    "base/pauses.js"
    "base/picked.js"
    "base/preview.js"
    "base/progress.js"
    "base/qr.js"
    "base/queue.js"
    "base/sending.js"
    "base/session.js"
    "base/sheet.js"
    "base/sign-in.js"
    "base/size.js"
    "base/socket.js"
    "base/sorry.js"
    "base/storage.js"
    "base/time.js"
    "base/total.js"
    "base/upload-row.js"
    "base/upload.js"
    "base/words.js"
    "batch/api.js"
    "batch/batch.css"
    "batch/batch.js"
    "batch/fetched.js"
    "batch/keeping.js"
    "batch/limits.js"
    "batch/list.js"
    "batch/new.js"
    "batch/receiver.js"
    "batch/sender.js"
    "batch/sending.js"
    "batch/watch.js"
    "batch/words.js"
    "desk/client.js"
    "desk/desk.css"
    "desk/desk.js"
    "desk/details.js"
    "desk/file-list.js"
    "desk/link.js"
    "desk/operation.js"
    "desk/words.js"
    "direct/card.js"
    "direct/code-field.js"
    "direct/direct.css"
    "direct/direct.js"
    "direct/engine/channel.js"
    "direct/engine/code.js"
    "direct/engine/exchange.js"
    "direct/engine/failure.js"
    "direct/engine/folder-sink.js"
    "direct/engine/frame.js"
    "direct/engine/inbox.js"
    "direct/engine/link.js"
    "direct/engine/memory-sink.js"
    "direct/engine/message.js"
    "direct/engine/names.js"
    "direct/engine/peer.js"
    "direct/engine/rate.js"
    "direct/engine/reader.js"
    "direct/engine/receiver.js"
    "direct/engine/round.js"
    "direct/engine/seal.js"
    "direct/engine/sender.js"
    "direct/engine/signal.js"
    "direct/engine/sink.js"
    "direct/engine/spake2.js"
    "direct/engine/stream-sink.js"
    "direct/engine/transfer.js"
    "direct/entries.js"
    "direct/handed.js"
    "direct/parcel.js"
    "direct/receiving.js"
    "direct/relayed.js"
    "direct/scripted.js"
    "direct/sending.js"
    "direct/words.js"
    "home/home.css"
    "home/home.js"
    "home/words.js"
    "link/link.css"
    "link/link.js"
    "link/words.js"
    "room/api.js"
    "room/code.js"
    "room/join.js"
    "room/keyboard.js"
    "room/linked.js"
    "room/log.js"
    "room/memory.js"
    "room/new.js"
    "room/notify.js"
    "room/picture.js"
    "room/room.css"
    "room/room.js"
    "room/row.js"
    "room/say.js"
    "room/side.js"
    "room/socket.js"
    "room/talk.js"
    "room/typing.js"
    "room/unsent.js"
    "room/words.js"
    "vendor/noble-gcm.js"
    "vendor/noble-pake.js"
    "vendor/uqr.js"
};

/// The words of codes, the same as the terminal's.
const WORDS: (&str, &[u8]) = ("direct/engine/words.txt", include_bytes!("../../../protocol/direct/words.txt"));

fn files() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().copied().chain([WORDS])
}

/// A file as it is sent.
pub struct Asset {
    path: &'static str,
    plain: &'static [u8],
    packed: Vec<u8>,
}

static ASSETS: LazyLock<Vec<Asset>> =
    LazyLock::new(|| files().map(|(path, plain)| Asset { path, plain, packed: pack(plain) }).collect());

/// What stands for these files and no others: a digest over all of them.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut digest = blake3::Hasher::new();
        for (path, plain) in files() {
            digest.update(path.as_bytes()).update(&plain.len().to_le_bytes()).update(plain);
        }
        digest.finalize().to_hex()[..16].to_owned()
    });
    &VERSION
}

/// Where a file lies, from the root of the site.
pub fn path(file: &str) -> String {
    format!("assets/{}/{file}", version())
}

pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// The style sheets of a page, in their order: the base's, and those of the folders that its modules come from.
pub fn styles(modules: &BTreeSet<&'static str>) -> impl Iterator<Item = &'static str> + use<> {
    let folders: BTreeSet<_> = modules.iter().copied().chain(["base/"]).filter_map(folder).collect();
    let sheets = files().map(|(path, _)| path).filter(|path| path.ends_with(".css"));
    sheets.filter(move |path| folder(path).is_some_and(|folder| folders.contains(folder)))
}

fn folder(path: &str) -> Option<&str> {
    path.split_once('/').map(|(folder, _)| folder)
}

/// All modules that `module` needs, however deep.
pub fn imports(module: &'static str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![module];
    while let Some(asset) = waiting.pop().and_then(find) {
        waiting.extend(asset.imports().filter(|path| found.insert(*path)));
    }
    found
}

impl Asset {
    /// What its `import` statements name: always from the folder of all, `../folder/file` or `../../folder/file`.
    fn imports(&self) -> impl Iterator<Item = &'static str> {
        let text = std::str::from_utf8(self.plain).unwrap_or_default();
        let named = text.lines().filter_map(|line| {
            line.split_once("from \"../").or_else(|| line.split_once("import \"../"))?.1.split_once('"')
        });
        named.filter_map(|(path, _)| find(path.trim_start_matches("../"))).map(|asset| asset.path)
    }

    fn media_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

fn pack(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; if it did, the plain file would be sent.
    encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default()
}

pub fn endpoints() -> [Endpoint; 2] {
    const VERSION: Param = Param { name: "version", place: "path", what: "The version of the page", kind: "string" };
    const FOLDER: Param = Param { name: "folder", place: "path", what: "base, a capability or vendor", kind: "string" };
    const PART: Param = Param { name: "part", place: "path", what: "A part of the page in a folder", kind: "string" };
    const FILE: Param = Param { name: "file", place: "path", what: "The file's name", kind: "string" };
    const ANSWER: &[Answer] = &[Answer {
        status: 200,
        what: "A file of the page",
        content: Content::Media(&["text/javascript", "text/css", "text/plain", "image/svg+xml"]),
    }];
    const DOC: Doc = Doc {
        tag: super::TAG,
        summary: "What the pages are made of",
        params: &[VERSION, FOLDER, FILE],
        request: Request::None,
        answers: ANSWER,
        errors: &["not_found"],
    };
    [
        Endpoint {
            method: Method::GET,
            path: "/assets/{version}/{folder}/{file}",
            access: Access::Public,
            handler: || web::to(get),
            doc: DOC,
        },
        Endpoint {
            method: Method::GET,
            path: "/assets/{version}/{folder}/{part}/{file}",
            access: Access::Public,
            handler: || web::to(get_part),
            doc: Doc { params: &[VERSION, FOLDER, PART, FILE], ..DOC },
        },
    ]
}

async fn get(req: HttpRequest, place: web::Path<(String, String, String)>) -> Result<HttpResponse> {
    let (asked, folder, file) = place.into_inner();
    answer(&req, &asked, &format!("{folder}/{file}"))
}

async fn get_part(req: HttpRequest, place: web::Path<(String, String, String, String)>) -> Result<HttpResponse> {
    let (asked, folder, part, file) = place.into_inner();
    answer(&req, &asked, &format!("{folder}/{part}/{file}"))
}

fn answer(req: &HttpRequest, asked: &str, path: &str) -> Result<HttpResponse> {
    // Another version's file under this one's name would be cached for good.
    let asset = (asked == version()).then(|| find(path)).flatten().ok_or(NOT_FOUND)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(asset.media_type())
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")))
        .insert_header((header::VARY, HeaderValue::from_static("accept-encoding")));
    Ok(match takes_gzip(req) && !asset.packed.is_empty() {
        true => response
            .insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")))
            .body(asset.packed.as_slice()),
        false => response.body(asset.plain),
    })
}

fn takes_gzip(req: &HttpRequest) -> bool {
    let codings = req.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // With a weight it may be a refusal (`gzip;q=0`), and the plain file is never wrong.
    codings.split(',').any(|coding| coding.trim() == "gzip")
}
