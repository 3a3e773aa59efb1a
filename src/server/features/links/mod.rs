//! One-time links: a client user mints one, and whoever holds it gets exactly one complete copy.
//!
//! A link is a row with a ledger of which bytes are delivered and which are owned by whom (see [`crate::server::leases`]):
//!
//! ```text
//!            a transfer begins          the ranges cover the file
//!   issued ────────────────────► claimed ────────────────────────► consumed
//!     ▲                             │                                  │
//!     └─────────────────────────────┴──────────────────────────────────┘
//!       no transfer is left and bytes are missing: the connection broke, the process died, it was a range;
//!       the connection is reset behind the last byte
//!
//!   issued, claimed ──► expired, revoked
//! ```
//!
//! The row becomes `consumed`, durably, when all but the last byte of what is missing are acknowledged; then that byte leaves,
//! then the row gets `fetched_at`. If the process dies between the last two, the holder, who has all but one byte, may still
//! fetch that byte by a Range, and nobody gets more.

mod download;
mod handlers;
mod lease;
pub mod model;
mod page;
pub mod refusals;
pub mod settings;
mod sweep;

pub use settings::Settings;
pub use sweep::{SWEEP, sweep};

use actix_web::http::Method;
use actix_web::web;

use crate::server::http::gate::Access;
use crate::server::http::route::schema_of;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Request};
use crate::server::office::Kind;

const TAG: &str = "Links";

const LINK_ERRORS: &[&str] = &["unknown_link", "used_link", "expired_link", "revoked_link"];

const TOKEN: Param = Param { name: "download_token", place: "path", what: "The token of the link", kind: "string" };

/// What a download may be.
const OFFICE: &[&str] = &[Kind::Document.media_type(), Kind::Workbook.media_type(), Kind::Presentation.media_type()];

const MINT: Doc = Doc {
    tag: TAG,
    summary: "Mint a one-time link to a document",
    params: &[
        Param { name: "filename", place: "path", what: "The document's name", kind: "string" },
        Param { name: "version", place: "query", what: "This version instead of the latest", kind: "integer" },
        Param {
            name: "expires_in",
            place: "query",
            what: "Life in seconds, up to the server's ceiling",
            kind: "integer",
        },
    ],
    request: Request::None,
    answers: &[Answer { status: 200, what: "The link", content: Content::Json(schema_of::<handlers::Minted>) }],
    errors: &["file_not_found", "busy"],
};

const DOWNLOAD: Doc = Doc {
    tag: TAG,
    summary: "Fetch the file, once",
    params: &[
        TOKEN,
        Param {
            name: "Range",
            place: "header",
            what: "Go on where a broken download ended, e.g. bytes=1000-",
            kind: "string",
        },
        Param {
            name: "Handover-Hold",
            place: "header",
            what: "The Handover-Hold that came with the bytes before: goes on at once, from whatever address",
            kind: "string",
        },
        Param { name: "If-Range", place: "header", what: "The ETag of the file that the range is of", kind: "string" },
    ],
    request: Request::None,
    answers: &[
        Answer { status: 200, what: "The file", content: Content::Media(OFFICE) },
        Answer { status: 206, what: "The range of the file", content: Content::Media(OFFICE) },
    ],
    errors: &[
        "unknown_link",
        "used_link",
        "expired_link",
        "revoked_link",
        "link_busy",
        "range_not_satisfiable",
        "busy",
    ],
};

pub fn endpoints() -> Vec<Endpoint> {
    let mint = |method| Endpoint {
        method,
        path: "/generate_download_url/{filename}",
        access: Access::Client,
        handler: || web::to(handlers::mint),
        doc: MINT,
    };
    vec![
        mint(Method::GET),
        mint(Method::POST),
        Endpoint {
            method: Method::GET,
            path: "/download_file/{download_token}",
            access: Access::Token,
            handler: || web::to(download::get),
            doc: DOWNLOAD,
        },
        Endpoint {
            method: Method::HEAD,
            path: "/download_file/{download_token}",
            access: Access::Token,
            handler: || web::to(download::head),
            doc: Doc {
                summary: "What a download would bring; spends nothing",
                params: &[TOKEN],
                answers: &[Answer { status: 200, what: "The link is open", content: Content::None }],
                errors: LINK_ERRORS,
                ..DOWNLOAD
            },
        },
        Endpoint {
            method: Method::GET,
            path: "/d/{download_token}",
            access: Access::Token,
            handler: || web::to(page::show),
            doc: Doc {
                tag: TAG,
                summary: "A page with a Download button, for people; spends nothing",
                params: &[TOKEN],
                request: Request::None,
                answers: &[Answer { status: 200, what: "The page", content: Content::Media(&["text/html"]) }],
                errors: LINK_ERRORS,
            },
        },
        Endpoint {
            method: Method::POST,
            path: "/d/{download_token}",
            access: Access::Token,
            handler: || web::to(page::press),
            doc: Doc {
                tag: TAG,
                summary: "The Download button: leads to the file",
                params: &[TOKEN],
                request: Request::None,
                answers: &[Answer { status: 303, what: "The address of the file", content: Content::None }],
                errors: LINK_ERRORS,
            },
        },
        Endpoint {
            method: Method::GET,
            path: "/api/links",
            access: Access::SignedIn,
            handler: || web::to(handlers::list),
            doc: Doc {
                tag: TAG,
                summary: "The links, newest first: all for operation users, their own for client users",
                params: &[
                    Param { name: "filename", place: "query", what: "Only links to this document", kind: "string" },
                    Param { name: "state", place: "query", what: "Only links in this state", kind: "string" },
                    Param {
                        name: "limit",
                        place: "query",
                        what: "Rows of a page, 1 to 200; 50 if left out",
                        kind: "integer",
                    },
                    Param { name: "cursor", place: "query", what: "`next` of the page before", kind: "string" },
                ],
                request: Request::None,
                answers: &[Answer {
                    status: 200,
                    what: "A page of links",
                    content: Content::Json(schema_of::<handlers::Links>),
                }],
                errors: &[],
            },
        },
        Endpoint {
            method: Method::DELETE,
            path: "/api/links/{id}",
            access: Access::SignedIn,
            handler: || web::to(handlers::revoke),
            doc: Doc {
                tag: TAG,
                summary: "Revoke a link: any for operation users, one's own for client users",
                params: &[Param { name: "id", place: "path", what: "The link's id", kind: "string" }],
                request: Request::None,
                answers: &[Answer { status: 204, what: "Revoked, or over already", content: Content::None }],
                errors: &["link_not_found"],
            },
        },
    ]
}
