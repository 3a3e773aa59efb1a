//! The routes of batches, and what the API's document says of them.

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{Route, web};

use super::{events, fetch, handlers, limits, page, qr, upload};
use crate::server::http::gate::Access;
use crate::server::http::idempotency;
use crate::server::http::route::schema_of;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Part, PartKind, Request};

const TAG: &str = "Batches";

const ID: Param = Param { name: "id", place: "path", what: "The batch's id", kind: "string" };
const FILE_ID: Param = Param { name: "file", place: "path", what: "The file's `file_id`", kind: "string" };
const KEY: Param = Param { name: "X-Manage-Key", place: "header", what: "The manage key of the batch", kind: "string" };
const PASSWORD: Param = Param {
    name: "X-Batch-Password",
    place: "header",
    what: "The password of the batch, if it has one: UTF-8, percent-encoded where it is not plain ASCII. The cookie of \
           `unlock` and the manage key do as well",
    kind: "string",
};
const RANGE: Param = Param { name: "Range", place: "header", what: "A part of it, e.g. bytes=1000-", kind: "string" };
const IF_RANGE: Param =
    Param { name: "If-Range", place: "header", what: "The ETag of what the range is of", kind: "string" };

const FILES: Part = Part {
    name: "files",
    what: "Any number of files, each a part with its file name, which may have folders: a/b/c.txt",
    kind: PartKind::Files,
    required: false,
};

const MODIFIED: Part = Part {
    name: "modified",
    what: "Before a file: when its sender last changed it, in milliseconds since 1970",
    kind: PartKind::Number,
    required: false,
};

const MAKE_FORM: &[Part] = &[
    MODIFIED,
    FILES,
    Part { name: "title", what: "What receivers see, 200 characters at most", kind: PartKind::Text, required: false },
    Part {
        name: "expires_in",
        what: "Life in seconds, up to the server's ceiling",
        kind: PartKind::Number,
        required: false,
    },
    Part {
        name: "password",
        what: "What receivers are asked for, 4 to 1,024 characters",
        kind: PartKind::Text,
        required: false,
    },
    Part {
        name: "max_downloads",
        what: "Complete copies of each file that may be fetched",
        kind: PartKind::Number,
        required: false,
    },
];

const UPLOAD_ERRORS: &[&str] = &[
    "request_running",
    "idempotency_key_reused",
    "batch_not_found",
    "manage_key_required",
    "no_file",
    "bad_request",
    "malformed_upload",
    "request_timeout",
    "file_too_large",
    "batch_too_large",
    "too_many_files",
    "quota_exceeded",
    "insufficient_storage",
];

/// What every receiver's route may answer.
const GUARDED: &[&str] =
    &["batch_not_found", "manage_key_required", "password_required", "wrong_password", "too_many_attempts", "busy"];

const FETCH_ERRORS: &[&str] = &[
    "batch_not_found",
    "manage_key_required",
    "password_required",
    "wrong_password",
    "too_many_attempts",
    "busy",
    "file_not_found",
    "range_not_satisfiable",
    "downloads_used",
    "downloads_busy",
];

const SENDER_ERRORS: &[&str] = &["batch_not_found", "manage_key_required"];

const ADDED: &[Answer] = &[Answer {
    status: 201,
    what: "Stored and synced to disk; equal names were told apart",
    content: Content::Json(schema_of::<upload::Added>),
}];
const GONE: &[Answer] = &[Answer { status: 204, what: "Done", content: Content::None }];
const OCTETS: &[&str] = &["application/octet-stream"];
const ZIP: &[&str] = &["application/zip"];

pub fn endpoints() -> Vec<Endpoint> {
    let path = "/api/batches/{id}";
    let file = "/api/batches/{id}/files/{file}";
    vec![
        Endpoint {
            access: Access::Guests,
            ..endpoint(Method::POST, "/api/batches", || web::to(upload::make).wrap(from_fn(idempotency::once)), MAKE)
        },
        Endpoint { access: Access::Guests, ..endpoint(Method::GET, "/api/limits", || web::to(limits::show), LIMITS) },
        endpoint(Method::GET, "/b/{id}", || web::to(page::show), PAGE),
        endpoint(Method::GET, path, || web::to(handlers::show), SHOW),
        endpoint(Method::PATCH, path, || web::to(handlers::change), CHANGE),
        endpoint(Method::DELETE, path, || web::to(handlers::end), END),
        endpoint(
            Method::POST,
            "/api/batches/{id}/files",
            || web::to(upload::add).wrap(from_fn(idempotency::once)),
            ADD,
        ),
        endpoint(Method::GET, file, || web::to(fetch::file), FETCH),
        endpoint(Method::PUT, file, || web::to(upload::put).wrap(from_fn(idempotency::once)), PUT),
        endpoint(Method::DELETE, file, || web::to(handlers::remove), REMOVE),
        endpoint(Method::GET, "/api/batches/{id}/zip", || web::to(fetch::zip), FETCH_ALL),
        endpoint(Method::GET, "/api/batches/{id}/qr.svg", || web::to(qr::svg), QR_SVG),
        endpoint(Method::GET, "/api/batches/{id}/qr.png", || web::to(qr::png), QR_PNG),
        endpoint(Method::POST, "/api/batches/{id}/unlock", || web::to(handlers::unlock), UNLOCK),
        endpoint(Method::GET, "/api/batches/{id}/fetches", || web::to(handlers::list_fetches), FETCHES),
        endpoint(Method::GET, "/api/batches/{id}/events", || web::to(events::stream), EVENTS),
    ]
}

fn endpoint(method: Method, path: &'static str, handler: fn() -> Route, doc: Doc) -> Endpoint {
    Endpoint { method, path, access: Access::Public, handler, doc }
}

const MAKE: Doc = Doc {
    tag: TAG,
    summary: "Make a batch, with files or empty",
    params: &[idempotency::PARAM],
    request: Request::Form(MAKE_FORM),
    answers: &[Answer {
        status: 201,
        what: "The batch and its two secrets",
        content: Content::Json(schema_of::<upload::Made>),
    }],
    errors: &[
        "request_running",
        "idempotency_key_reused",
        "bad_request",
        "malformed_upload",
        "request_timeout",
        "file_too_large",
        "batch_too_large",
        "too_many_files",
        "quota_exceeded",
        "insufficient_storage",
        "too_many_requests",
    ],
};

const LIMITS: Doc = Doc {
    tag: TAG,
    summary: "What may be sent here, by whoever asks",
    params: &[],
    request: Request::None,
    answers: &[Answer { status: 200, what: "The limits", content: Content::Json(schema_of::<limits::UploadLimits>) }],
    errors: &[],
};

const PAGE: Doc = Doc {
    tag: "Pages",
    summary: "A batch, for people: `receiver_url`, and with the manage key in the fragment `sender_url`",
    params: &[ID],
    request: Request::None,
    answers: &[Answer { status: 200, what: "The page", content: Content::Media(&["text/html"]) }],
    errors: &[],
};

const SHOW: Doc = Doc {
    tag: TAG,
    summary: "A batch and its files",
    params: &[ID, PASSWORD, KEY],
    request: Request::None,
    answers: &[Answer { status: 200, what: "The batch", content: Content::Json(schema_of::<handlers::Batch>) }],
    errors: GUARDED,
};

const CHANGE: Doc = Doc {
    tag: TAG,
    summary: "Change the title or the expiry of a batch",
    params: &[ID, KEY],
    request: Request::Json(schema_of::<handlers::Change>),
    answers: &[Answer { status: 200, what: "As it is now", content: Content::Json(schema_of::<handlers::Changed>) }],
    errors: SENDER_ERRORS,
};

const END: Doc = Doc {
    tag: TAG,
    summary: "End a batch; its files are removed",
    params: &[ID, KEY],
    request: Request::None,
    answers: GONE,
    errors: SENDER_ERRORS,
};

const ADD: Doc = Doc {
    tag: TAG,
    summary: "Add files to a batch, all or none; several requests may run at once",
    params: &[ID, KEY, idempotency::PARAM],
    request: Request::Form(&[MODIFIED, Part { required: true, ..FILES }]),
    answers: ADDED,
    errors: UPLOAD_ERRORS,
};

const PUT: Doc = Doc {
    tag: TAG,
    summary: "Add a file as the request body; an equal name becomes another file and replaces nothing",
    params: &[
        ID,
        Param { name: "file", place: "path", what: "The file's name; %2F in it is a folder's slash", kind: "string" },
        KEY,
        Param { name: "Last-Modified", place: "header", what: "When its sender last changed it", kind: "string" },
        idempotency::PARAM,
    ],
    request: Request::Raw,
    answers: ADDED,
    errors: UPLOAD_ERRORS,
};

const REMOVE: Doc = Doc {
    tag: TAG,
    summary: "Remove a file from a batch",
    params: &[ID, FILE_ID, KEY],
    request: Request::None,
    answers: GONE,
    errors: &["batch_not_found", "manage_key_required", "file_not_found"],
};

const FETCH: Doc = Doc {
    tag: TAG,
    summary: "Fetch a file",
    params: &[ID, FILE_ID, PASSWORD, KEY, RANGE, IF_RANGE],
    request: Request::None,
    answers: &[
        Answer { status: 200, what: "The file", content: Content::Media(OCTETS) },
        Answer { status: 206, what: "The range of the file", content: Content::Media(OCTETS) },
    ],
    errors: FETCH_ERRORS,
};

const FETCH_ALL: Doc = Doc {
    tag: TAG,
    summary: "Fetch all files, or some, as one ZIP",
    params: &[
        ID,
        Param {
            name: "files",
            place: "query",
            what: "Only the files with these `file_id`s, with commas between",
            kind: "string",
        },
        PASSWORD,
        KEY,
        RANGE,
        IF_RANGE,
    ],
    request: Request::None,
    answers: &[
        Answer { status: 200, what: "The ZIP", content: Content::Media(ZIP) },
        Answer { status: 206, what: "The range of the ZIP", content: Content::Media(ZIP) },
    ],
    errors: FETCH_ERRORS,
};

const QR_SVG: Doc = Doc {
    tag: TAG,
    summary: "The QR code of `receiver_url`, as SVG",
    params: &[ID],
    request: Request::None,
    answers: &[Answer { status: 200, what: "The image", content: Content::Media(&["image/svg+xml"]) }],
    errors: &["batch_not_found", "bad_request"],
};

const QR_PNG: Doc = Doc {
    summary: "The QR code of `receiver_url`, as PNG",
    answers: &[Answer { status: 200, what: "The image", content: Content::Media(&["image/png"]) }],
    ..QR_SVG
};

const UNLOCK: Doc = Doc {
    tag: TAG,
    summary: "Give the password once: a cookie opens this batch from then on, for 12 hours at most",
    params: &[ID],
    request: Request::Json(schema_of::<handlers::Password>),
    answers: &[Answer {
        status: 204,
        what: "Open; the cookie is set where there is a password",
        content: Content::None,
    }],
    errors: &["batch_not_found", "password_required", "wrong_password", "too_many_attempts"],
};

const FETCHES: Doc = Doc {
    tag: TAG,
    summary: "What was fetched completely, when and from where, newest first; the last thousand",
    params: &[
        ID,
        KEY,
        Param { name: "limit", place: "query", what: "Rows of a page, 1 to 200; 50 if left out", kind: "integer" },
        Param { name: "cursor", place: "query", what: "`next` of the page before", kind: "string" },
    ],
    request: Request::None,
    answers: &[Answer {
        status: 200,
        what: "A page of downloads",
        content: Content::Json(schema_of::<handlers::Fetches>),
    }],
    errors: SENDER_ERRORS,
};

const EVENTS: Doc = Doc {
    tag: TAG,
    summary: "What changes in a batch, as server-sent events: `added` {files}, `removed` {file_id}, `changed` {title, \
              expires_at}, `ended` {}. Events are not kept: read the batch anew after each connect",
    params: &[ID, PASSWORD, KEY],
    request: Request::None,
    answers: &[Answer { status: 200, what: "The stream", content: Content::Media(&["text/event-stream"]) }],
    errors: GUARDED,
};
