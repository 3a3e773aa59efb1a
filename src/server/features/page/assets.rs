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
    "style/1-tokens.css"
    "style/2-base.css"
    "style/3-parts.css"
    "style/4-screens.css"
    "style/icon.svg"
    "parts/address.js"
    "parts/alert.js"
    "parts/announce.js"
    "parts/api.js"
    "parts/batch-list.js"
    "parts/batch-watch.js"
    "parts/batch.js"
    "parts/clock.js"
    "parts/code-field.js"
    "parts/confirm.js"
    "parts/copy.js"
    "parts/direct/channel.js"
    "parts/direct/code.js"
    "parts/direct/exchange.js"
    "parts/direct/failure.js"
    "parts/direct/folder-sink.js"
    "parts/direct/frame.js"
    "parts/direct/handed.js"
    "parts/direct/inbox.js"
    "parts/direct/link.js"
    "parts/direct/memory-sink.js"
    "parts/direct/message.js"
    "parts/direct/names.js"
    "parts/direct/peer.js"
    "parts/direct/rate.js"
    "parts/direct/reader.js"
    "parts/direct/receiver.js"
    "parts/direct/relayed.js"
    "parts/direct/round.js"
    "parts/direct/scripted.js"
    "parts/direct/seal.js"
    "parts/direct/sender.js"
    "parts/direct/signal.js"
    "parts/direct/sink.js"
    "parts/direct/spake2.js"
    "parts/direct/stream-sink.js"
    "parts/direct/transfer.js"
    "parts/dom.js"
    "parts/drop.js"
    "parts/events.js"
    "parts/file-list.js"
    "parts/files.js"
    "parts/frame.js"
    "parts/icons.js"
    "parts/keyboard.js"
    "parts/kind.js"
    "parts/linked.js"
    "parts/notify.js"
    "parts/picked.js"
    "parts/picture.js"
    "parts/preview.js"
    "parts/progress.js"
    "parts/qr.js"
    "parts/queue.js"
    "parts/room-code.js"
    "parts/room-memory.js"
    "parts/room-socket.js"
    "parts/room.js"
    "parts/session.js"
    "parts/sheet.js"
    "parts/sign-in.js"
    "parts/size.js"
    "parts/time.js"
    "parts/total.js"
    "parts/upload-row.js"
    "parts/upload.js"
    "parts/words.js"
    "screens/batch-fetched.js"
    "screens/batch-receiver.js"
    "screens/batch-sender.js"
    "screens/batch.js"
    "screens/desk-client.js"
    "screens/desk-details.js"
    "screens/desk-link.js"
    "screens/desk-operation.js"
    "screens/desk.js"
    "screens/direct-card.js"
    "screens/direct-entries.js"
    "screens/direct-parcel.js"
    "screens/direct-receiving.js"
    "screens/direct-sending.js"
    "screens/direct.js"
    "screens/home.js"
    "screens/link.js"
    "screens/new.js"
    "screens/room-join.js"
    "screens/room-log.js"
    "screens/room-new.js"
    "screens/room-row.js"
    "screens/room-say.js"
    "screens/room-side.js"
    "screens/room-talk.js"
    "screens/room-typing.js"
    "screens/room-unsent.js"
    "screens/room.js"
    "screens/sorry.js"
    "vendor/noble-gcm.js"
    "vendor/noble-pake.js"
    "vendor/uqr.js"
};

/// The words of codes, the same as the terminal's.
const WORDS: (&str, &[u8]) = ("parts/direct/words.txt", include_bytes!("../../../protocol/direct/words.txt"));

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

/// The style sheets, in their order.
pub fn styles() -> impl Iterator<Item = &'static str> {
    files().map(|(path, _)| path).filter(|path| path.ends_with(".css"))
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
    const FOLDER: Param =
        Param { name: "folder", place: "path", what: "parts, screens, style or vendor", kind: "string" };
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
