//! The desk: operation users put office files there, client users take them by links.

pub mod gate; // for its fuzz target
mod handlers;
pub mod model;
pub mod refusals;
mod upload;

pub use handlers::media_type;

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web;

use crate::server::http::gate::Access;
use crate::server::http::route::schema_of;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Part, PartKind, Request};
use crate::server::refusals::OPERATION_ONLY;

const TAG: &str = "Desk";

/// What a client user reads who tries to upload.
const UPLOAD_DENIED: &str = "You are not authorized to upload files. Only operation users can upload.";

const UPLOAD_ERRORS: &[&str] = &[
    "no_file",
    "invalid_file_type",
    "not_an_office_document",
    "wrong_office_kind",
    "rights_managed_document",
    "macros_not_allowed",
    "damaged_document",
    "unsafe_document",
    "empty_file",
    "file_too_large",
    "malformed_upload",
    "request_timeout",
    "quota_exceeded",
    "insufficient_storage",
];

const STORED: &[Answer] =
    &[Answer { status: 201, what: "Stored and synced to disk", content: Content::Json(schema_of::<upload::Stored>) }];

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint {
            method: Method::POST,
            path: "/upload",
            access: Access::Operation(UPLOAD_DENIED),
            handler: || web::to(upload::from_form).wrap(from_fn(gate::form_names)),
            doc: Doc {
                tag: TAG,
                summary: "Upload a document",
                params: &[],
                request: Request::Form(&[Part {
                    name: "file",
                    what: "The document, with its file name",
                    kind: PartKind::File,
                    required: true,
                }]),
                answers: STORED,
                errors: UPLOAD_ERRORS,
            },
        },
        Endpoint {
            method: Method::PUT,
            path: "/upload/{filename}",
            access: Access::Operation(UPLOAD_DENIED),
            handler: || web::to(upload::from_body).wrap(from_fn(gate::path_name)),
            doc: Doc {
                tag: TAG,
                summary: "Upload a document as the request body",
                params: &[Param { name: "filename", place: "path", what: "The document's name", kind: "string" }],
                request: Request::Raw,
                answers: STORED,
                errors: UPLOAD_ERRORS,
            },
        },
        list("/files"),
        list("/files/"),
        Endpoint {
            method: Method::GET,
            path: "/files/{filename}",
            access: Access::SignedIn,
            handler: || web::to(handlers::versions),
            doc: Doc {
                tag: TAG,
                summary: "The versions of a document, newest first",
                params: &[Param { name: "filename", place: "path", what: "The document's name", kind: "string" }],
                request: Request::None,
                answers: &[Answer {
                    status: 200,
                    what: "The versions",
                    content: Content::Json(schema_of::<handlers::Versions>),
                }],
                errors: &["file_not_found"],
            },
        },
        Endpoint {
            method: Method::DELETE,
            path: "/files/{filename}",
            access: Access::Operation(OPERATION_ONLY),
            handler: || web::to(handlers::delete),
            doc: Doc {
                tag: TAG,
                summary: "Delete a document, all of its versions or one; its open links end",
                params: &[
                    Param { name: "filename", place: "path", what: "The document's name", kind: "string" },
                    Param { name: "version", place: "query", what: "This version alone", kind: "integer" },
                ],
                request: Request::None,
                answers: &[Answer { status: 204, what: "Deleted", content: Content::None }],
                errors: &["file_not_found"],
            },
        },
    ]
}

fn list(path: &'static str) -> Endpoint {
    Endpoint {
        method: Method::GET,
        path,
        access: Access::SignedIn,
        handler: || web::to(handlers::list),
        doc: Doc {
            tag: TAG,
            summary: "The documents, newest first, each in its latest version",
            params: &[
                Param {
                    name: "q",
                    place: "query",
                    what: "Only names that contain this, in any letter case",
                    kind: "string",
                },
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
                what: "A page of documents",
                content: Content::Json(schema_of::<handlers::Files>),
            }],
            errors: &[],
        },
    }
}
