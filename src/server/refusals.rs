//! The refusals that any request can meet. What only one feature says is in that feature's own `refusals.rs`.

use actix_web::http::StatusCode;
use bytesize::ByteSize;

use crate::server::error::Error;

pub fn missing_parameters(which: &'static str) -> Error {
    Error::saying(
        StatusCode::BAD_REQUEST,
        "missing_parameters",
        format!("Missing required parameters: {which} required."),
    )
}

pub fn bad_request(message: String) -> Error {
    Error::saying(StatusCode::BAD_REQUEST, "bad_request", message)
}

pub fn body_too_large(limit: ByteSize) -> Error {
    Error::saying(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("The request body is larger than {limit}."))
}

pub const HEAD_TOO_LARGE: Error = Error::refusal(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head_too_large",
    "The head of the request is too large: its path or its headers.",
);

pub const REQUEST_TIMEOUT: Error = Error::refusal(
    StatusCode::REQUEST_TIMEOUT,
    "request_timeout",
    "The rest of the request did not arrive in time. Check the connection and send it again.",
);

pub const NOT_FOUND: Error = Error::refusal(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.");

pub fn method_not_allowed(allowed: String) -> Error {
    Error::saying(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("This address takes {allowed} only."))
        .with("allow", allowed)
}

pub const UPGRADE_REQUIRED: Error = Error::refusal_with(
    StatusCode::UPGRADE_REQUIRED,
    "upgrade_required",
    "This address is a WebSocket (RFC 6455). The page and `handover send` and `handover receive` speak to it.",
    ("upgrade", "websocket"),
);

pub const FOREIGN_ORIGIN: Error =
    Error::refusal(StatusCode::FORBIDDEN, "foreign_origin", "Pages of this origin may not do this here.");

/// For another server than this; `advise` says how whoever runs it makes it this one's.
pub fn misdirected(advise: bool) -> Error {
    let advice =
        if advise { " If it is an address of this server, whoever runs it names it with --public-url." } else { "" };
    Error::saying(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected_request",
        format!("This server does not answer under the name in the address.{advice}"),
    )
}

pub fn too_many_requests(seconds: u64) -> Error {
    Error::saying(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_requests",
        format!("That was too often from here. Try again in {seconds} seconds."),
    )
    .with("retry-after", seconds.to_string())
}

pub const STOPPING: Error = Error::refusal_with(
    StatusCode::SERVICE_UNAVAILABLE,
    "stopping",
    "The server is being stopped.",
    ("retry-after", "5"),
);

pub fn busy(retry_after: u64) -> Error {
    Error::saying(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        format!("The server is busy. Try again in {retry_after} seconds."),
    )
    .with("retry-after", retry_after.to_string())
}

pub fn too_many_attempts(seconds: u64) -> Error {
    Error::saying(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        format!("Too many failed attempts. Try again in {seconds} seconds."),
    )
    .with("retry-after", seconds.to_string())
}

pub const MISSING_AUTHORIZATION: Error = Error::refusal_with(
    StatusCode::UNAUTHORIZED,
    "missing_authorization",
    "Missing Authorization Header",
    ("www-authenticate", "Bearer"),
);

pub const NOT_BEARER: Error = Error::refusal_with(
    StatusCode::UNAUTHORIZED,
    "not_bearer",
    "token must be a Bearer token",
    ("www-authenticate", "Bearer"),
);

pub const INVALID_TOKEN: Error = Error::refusal_with(
    StatusCode::UNAUTHORIZED,
    "invalid_token",
    "Invalid or expired token",
    ("www-authenticate", "Bearer error=\"invalid_token\""),
);

pub const SIGN_IN_REQUIRED: Error = Error::refusal_with(
    StatusCode::UNAUTHORIZED,
    "sign_in_required",
    "Guests may not do this here. Sign in first.",
    ("www-authenticate", "Bearer"),
);

pub const SELF_MADE_ACCOUNT: Error = Error::refusal(
    StatusCode::FORBIDDEN,
    "self_made_account",
    "Accounts that people made by themselves may do what guests may, and guests may not do this here.",
);

pub const fn operation_only(message: &'static str) -> Error {
    Error::refusal(StatusCode::FORBIDDEN, "operation_only", message)
}

pub const CLIENT_ONLY: Error =
    Error::refusal(StatusCode::FORBIDDEN, "client_only", "only client user can download the file");

pub const NO_FILE: Error = Error::refusal(StatusCode::BAD_REQUEST, "no_file", "No selected file");

pub fn malformed_upload(message: String) -> Error {
    Error::saying(StatusCode::BAD_REQUEST, "malformed_upload", message)
}

pub fn file_too_large(limit: ByteSize) -> Error {
    Error::saying(
        StatusCode::PAYLOAD_TOO_LARGE,
        "file_too_large",
        format!("The file is larger than the limit of {limit}."),
    )
}

pub const FILE_NOT_FOUND: Error = Error::refusal(StatusCode::NOT_FOUND, "file_not_found", "File not found");

pub fn quota_exceeded(whose: &'static str, limit: ByteSize, used: ByteSize) -> Error {
    Error::saying(
        StatusCode::INSUFFICIENT_STORAGE,
        "quota_exceeded",
        format!("{whose} quota of {limit} does not hold this file: {used} are used."),
    )
}

pub fn insufficient_storage(free: ByteSize, floor: ByteSize) -> Error {
    Error::saying(
        StatusCode::INSUFFICIENT_STORAGE,
        "insufficient_storage",
        format!("The server has no room for this file: {free} are free, and {floor} of them are kept free."),
    )
}

pub fn range_not_satisfiable(size: u64) -> Error {
    Error::saying(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "range_not_satisfiable",
        format!("The file has {size} bytes; none of them are in the range that was asked for."),
    )
    .with("content-range", format!("bytes */{size}"))
}

/// What operation routes say to client users, uploads apart.
pub const OPERATION_ONLY: &str = "Only operation users can do this.";

/// One of each, for the API's document.
pub fn catalogue() -> Vec<Error> {
    vec![
        missing_parameters("username, email, and password are"),
        bad_request("The JSON body does not fit.".into()),
        body_too_large(ByteSize::gib(2)),
        HEAD_TOO_LARGE,
        REQUEST_TIMEOUT,
        NOT_FOUND,
        method_not_allowed("GET".into()),
        UPGRADE_REQUIRED,
        FOREIGN_ORIGIN,
        misdirected(true),
        too_many_requests(30),
        STOPPING,
        busy(1),
        too_many_attempts(30),
        MISSING_AUTHORIZATION,
        NOT_BEARER,
        INVALID_TOKEN,
        SIGN_IN_REQUIRED,
        SELF_MADE_ACCOUNT,
        operation_only(OPERATION_ONLY),
        CLIENT_ONLY,
        NO_FILE,
        malformed_upload("The upload broke off before its end.".into()),
        file_too_large(ByteSize::gib(2)),
        FILE_NOT_FOUND,
        quota_exceeded("Your", ByteSize::gib(2), ByteSize::gib(2)),
        insufficient_storage(ByteSize::gib(2), ByteSize::gib(2)),
        range_not_satisfiable(1000),
        Error::Unavailable("".into()),
        Error::Internal("".into()),
    ]
}
