//! Every refusal and failure a client can meet, in one enum and one table.
//!
//! The body is a problem document (RFC 9457) with two members of ours: `msg`, the text for people (equal to `detail`), and
//! `code`, a word for programs. Causes of our own failures go to the log and never to the client.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use bytesize::ByteSize;
use serde_json::json;

use crate::server::office::Refusal;

/// Media type of a problem document, RFC 9457 section 3.
pub const PROBLEM_JSON: &str = "application/problem+json";

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; its `Display` is the text that people read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // What the client sent
    #[error("Missing required parameters: {0} required.")]
    MissingParameters(&'static str),
    #[error("{0}")]
    BadRequest(String),
    #[error("The request body is larger than {0}.")]
    BodyTooLarge(ByteSize),
    #[error("The head of the request is too large: its path or its headers.")]
    HeadTooLarge,
    #[error("The rest of the request did not arrive in time. Check the connection and send it again.")]
    RequestTimeout,
    #[error("There is nothing at this address.")]
    NotFound,
    #[error("This address takes {0} only.")]
    MethodNotAllowed(String),
    #[error("This address is a WebSocket (RFC 6455). The page and `handover send` and `handover receive` speak to it.")]
    UpgradeRequired,
    #[error("Pages of this origin may not do this here.")]
    ForeignOrigin,

    // Accounts
    #[error("A username has 3 to 64 characters: letters, digits, dots, underscores and hyphens.")]
    InvalidUsername,
    #[error("This is not an email address of the form name@domain.")]
    InvalidEmail,
    #[error("A password has 8 to 1,024 characters.")]
    WeakPassword,
    #[error("Username already exists")]
    UsernameTaken,
    #[error("Email already exists")]
    EmailTaken,
    #[error("Operation users are added by an administrator.")]
    OperationSignupClosed,
    #[error("Invalid username or password")]
    InvalidCredentials,
    #[error("The old password is wrong.")]
    WrongPassword,
    #[error("Too many failed attempts. Try again in {0} seconds.")]
    TooManyAttempts(u64),

    // Who may call
    #[error("Missing Authorization Header")]
    MissingAuthorization,
    #[error("token must be a Bearer token")]
    NotBearer,
    #[error("Invalid or expired token")]
    InvalidToken,
    #[error("Guests may not do this here. Sign in first.")]
    SignInRequired,
    #[error("{0}")]
    OperationOnly(&'static str),
    #[error("only client user can download the file")]
    ClientOnly,

    // Uploads and files
    #[error("No selected file")]
    NoFile,
    #[error("Invalid file type. Only .pptx, .docx, and .xlsx are allowed.")]
    InvalidFileType,
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("The file is larger than the limit of {0}.")]
    FileTooLarge(ByteSize),
    #[error("{0}")]
    MalformedUpload(String),
    #[error("File not found")]
    FileNotFound,
    #[error("{whose} quota of {limit} does not hold this file: {used} are used.")]
    QuotaExceeded { whose: &'static str, limit: ByteSize, used: ByteSize },
    #[error("The server has no room for this file: {free} are free, and {floor} of them are kept free.")]
    InsufficientStorage { free: ByteSize, floor: ByteSize },

    // Links
    #[error("Invalid or expired token")]
    UnknownLink,
    #[error("Invalid or expired token")]
    UsedLink,
    #[error("Invalid or expired token")]
    ExpiredLink,
    #[error("Invalid or expired token")]
    RevokedLink,
    #[error("This link is being downloaded right now")]
    LinkBusy,
    #[error("There is no such link.")]
    LinkNotFound,
    #[error("The file has {0} bytes; none of them are in the range that was asked for.")]
    RangeNotSatisfiable(u64),

    // Batches
    #[error("There is no such batch, or its time is over.")]
    BatchNotFound,
    #[error("This takes the manage key of the batch.")]
    ManageKeyRequired,
    #[error("This batch asks for a password.")]
    PasswordRequired,
    #[error("The password is wrong.")]
    WrongBatchPassword,
    #[error("All files of a batch have {0} together at most.")]
    BatchTooLarge(ByteSize),
    #[error("A batch has {0} files at most.")]
    TooManyFiles(u32),
    #[error("This has been downloaded as often as its sender allows.")]
    DownloadsUsed,
    #[error("All downloads that are left are running right now")]
    DownloadsBusy,

    // Rooms
    #[error("There is no such room, or its time is over.")]
    RoomNotFound,
    #[error("This takes the manage key of the room.")]
    RoomKeyRequired,
    #[error("The room is locked: nobody new may join.")]
    RoomLocked,
    #[error("A room has {0} members at most.")]
    RoomCrowded(u32),
    #[error("All messages and files of a room have {0} together at most.")]
    RoomFull(ByteSize),
    #[error("There are too many rooms. End one, or try again later.")]
    TooManyRooms,
    #[error("A name has 1 to 40 characters.")]
    InvalidName,
    #[error("Only members of the room may do this. Join it first.")]
    NotAMember,
    #[error("There is no such member in the room.")]
    MemberNotFound,
    #[error("There is no such message or file in the room.")]
    EventNotFound,
    #[error("That was too often from here. Try again in {0} seconds.")]
    TooManyRequests(u64),

    // Pipes
    #[error("{0}")]
    PipeInUse(&'static str),
    #[error("Nobody sends under this name right now.")]
    PipeNotFound,
    #[error("{0}")]
    NobodyCame(&'static str),
    #[error("{0}")]
    PeerLost(&'static str),
    #[error("The server is being stopped.")]
    Stopping,

    // Ours
    #[error("The server is busy. Try again in {retry_after} seconds.")]
    Busy { retry_after: u64 },
    #[error("The server cannot reach its database or its storage right now. Try again in a moment.")]
    Unavailable(#[source] Cause),
    #[error("Something went wrong on the server. It has been written to its log.")]
    Internal(#[source] Cause),
}

/// The cause of a failure of ours: for the log alone.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// A failure of ours, with what led to it.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Error::Internal(cause.into())
    }

    /// The text for those who run the server: with the cause of a failure.
    pub fn in_full(&self) -> String {
        match self {
            Error::Internal(cause) | Error::Unavailable(cause) => {
                format!("the database or the storage failed: {}", Chain(cause.as_ref()))
            }
            error => error.to_string(),
        }
    }

    /// The table: status and code of each error.
    pub fn shape(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Error::MissingParameters(_) => (S::BAD_REQUEST, "missing_parameters"),
            Error::BadRequest(_) => (S::BAD_REQUEST, "bad_request"),
            Error::BodyTooLarge(_) => (S::PAYLOAD_TOO_LARGE, "body_too_large"),
            Error::HeadTooLarge => (S::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large"),
            Error::RequestTimeout => (S::REQUEST_TIMEOUT, "request_timeout"),
            Error::NotFound => (S::NOT_FOUND, "not_found"),
            Error::MethodNotAllowed(_) => (S::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Error::UpgradeRequired => (S::UPGRADE_REQUIRED, "upgrade_required"),
            Error::ForeignOrigin => (S::FORBIDDEN, "foreign_origin"),

            Error::InvalidUsername => (S::BAD_REQUEST, "invalid_username"),
            Error::InvalidEmail => (S::BAD_REQUEST, "invalid_email"),
            Error::WeakPassword => (S::BAD_REQUEST, "weak_password"),
            Error::UsernameTaken => (S::CONFLICT, "username_taken"),
            Error::EmailTaken => (S::CONFLICT, "email_taken"),
            Error::OperationSignupClosed => (S::FORBIDDEN, "operation_signup_closed"),
            Error::InvalidCredentials => (S::UNAUTHORIZED, "invalid_credentials"),
            Error::WrongPassword => (S::FORBIDDEN, "wrong_password"),
            Error::TooManyAttempts(_) => (S::TOO_MANY_REQUESTS, "too_many_attempts"),

            Error::MissingAuthorization => (S::UNAUTHORIZED, "missing_authorization"),
            Error::NotBearer => (S::UNAUTHORIZED, "not_bearer"),
            Error::InvalidToken => (S::UNAUTHORIZED, "invalid_token"),
            Error::SignInRequired => (S::UNAUTHORIZED, "sign_in_required"),
            Error::OperationOnly(_) => (S::FORBIDDEN, "operation_only"),
            Error::ClientOnly => (S::FORBIDDEN, "client_only"),

            Error::NoFile => (S::BAD_REQUEST, "no_file"),
            Error::InvalidFileType => (S::UNSUPPORTED_MEDIA_TYPE, "invalid_file_type"),
            Error::Refused(refusal) => (S::UNSUPPORTED_MEDIA_TYPE, refusal.code()),
            Error::FileTooLarge(_) => (S::PAYLOAD_TOO_LARGE, "file_too_large"),
            Error::MalformedUpload(_) => (S::BAD_REQUEST, "malformed_upload"),
            Error::FileNotFound => (S::NOT_FOUND, "file_not_found"),
            Error::QuotaExceeded { .. } => (S::INSUFFICIENT_STORAGE, "quota_exceeded"),
            Error::InsufficientStorage { .. } => (S::INSUFFICIENT_STORAGE, "insufficient_storage"),

            Error::UnknownLink => (S::NOT_FOUND, "unknown_link"),
            Error::UsedLink => (S::GONE, "used_link"),
            Error::ExpiredLink => (S::GONE, "expired_link"),
            Error::RevokedLink => (S::GONE, "revoked_link"),
            Error::LinkBusy => (S::CONFLICT, "link_busy"),
            Error::LinkNotFound => (S::NOT_FOUND, "link_not_found"),
            Error::RangeNotSatisfiable(_) => (S::RANGE_NOT_SATISFIABLE, "range_not_satisfiable"),

            Error::BatchNotFound => (S::NOT_FOUND, "batch_not_found"),
            Error::ManageKeyRequired => (S::FORBIDDEN, "manage_key_required"),
            Error::PasswordRequired => (S::UNAUTHORIZED, "password_required"),
            Error::WrongBatchPassword => (S::FORBIDDEN, "wrong_password"),
            Error::BatchTooLarge(_) => (S::PAYLOAD_TOO_LARGE, "batch_too_large"),
            Error::TooManyFiles(_) => (S::PAYLOAD_TOO_LARGE, "too_many_files"),
            Error::DownloadsUsed => (S::GONE, "downloads_used"),
            Error::DownloadsBusy => (S::CONFLICT, "downloads_busy"),

            Error::RoomNotFound => (S::NOT_FOUND, "room_not_found"),
            Error::RoomKeyRequired => (S::FORBIDDEN, "manage_key_required"),
            Error::RoomLocked => (S::FORBIDDEN, "room_locked"),
            Error::RoomCrowded(_) => (S::CONFLICT, "room_crowded"),
            Error::RoomFull(_) => (S::PAYLOAD_TOO_LARGE, "room_full"),
            Error::TooManyRooms => (S::TOO_MANY_REQUESTS, "too_many_rooms"),
            Error::InvalidName => (S::BAD_REQUEST, "invalid_name"),
            Error::NotAMember => (S::FORBIDDEN, "not_a_member"),
            Error::MemberNotFound => (S::NOT_FOUND, "member_not_found"),
            Error::EventNotFound => (S::NOT_FOUND, "event_not_found"),
            Error::TooManyRequests(_) => (S::TOO_MANY_REQUESTS, "too_many_requests"),

            Error::PipeInUse(_) => (S::CONFLICT, "pipe_in_use"),
            Error::PipeNotFound => (S::NOT_FOUND, "pipe_not_found"),
            Error::NobodyCame(_) => (S::REQUEST_TIMEOUT, "nobody_came"),
            Error::PeerLost(_) => (S::BAD_GATEWAY, "peer_lost"),
            Error::Stopping => (S::SERVICE_UNAVAILABLE, "stopping"),

            Error::Busy { .. } => (S::SERVICE_UNAVAILABLE, "busy"),
            Error::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "unavailable"),
            Error::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// One of each, for the API's document: every code with its status and how its text reads.
    pub fn catalogue() -> Vec<Error> {
        let size = ByteSize::gib(2);
        let mut all = vec![
            Error::MissingParameters("username, email, and password are"),
            Error::BadRequest("The JSON body does not fit.".into()),
            Error::BodyTooLarge(ByteSize::kib(64)),
            Error::HeadTooLarge,
            Error::RequestTimeout,
            Error::NotFound,
            Error::MethodNotAllowed("GET".into()),
            Error::UpgradeRequired,
            Error::ForeignOrigin,
            Error::InvalidUsername,
            Error::InvalidEmail,
            Error::WeakPassword,
            Error::UsernameTaken,
            Error::EmailTaken,
            Error::OperationSignupClosed,
            Error::InvalidCredentials,
            Error::WrongPassword,
            Error::TooManyAttempts(30),
            Error::MissingAuthorization,
            Error::NotBearer,
            Error::InvalidToken,
            Error::SignInRequired,
            Error::OperationOnly(crate::server::http::gate::OPERATION_ONLY),
            Error::ClientOnly,
            Error::NoFile,
            Error::InvalidFileType,
            Error::FileTooLarge(size),
            Error::MalformedUpload("The upload broke off before its end.".into()),
            Error::FileNotFound,
            Error::QuotaExceeded { whose: "Your", limit: size, used: size },
            Error::InsufficientStorage { free: size, floor: size },
            Error::UnknownLink,
            Error::UsedLink,
            Error::ExpiredLink,
            Error::RevokedLink,
            Error::LinkBusy,
            Error::LinkNotFound,
            Error::RangeNotSatisfiable(1000),
            Error::BatchNotFound,
            Error::ManageKeyRequired,
            Error::PasswordRequired,
            Error::WrongBatchPassword,
            Error::BatchTooLarge(size),
            Error::TooManyFiles(10_000),
            Error::DownloadsUsed,
            Error::DownloadsBusy,
            Error::RoomNotFound,
            Error::RoomKeyRequired,
            Error::RoomLocked,
            Error::RoomCrowded(1000),
            Error::RoomFull(size),
            Error::TooManyRooms,
            Error::InvalidName,
            Error::NotAMember,
            Error::MemberNotFound,
            Error::EventNotFound,
            Error::TooManyRequests(30),
            Error::PipeInUse("Somebody else is sending under this name."),
            Error::PipeNotFound,
            Error::NobodyCame("Nobody came to receive this in time."),
            Error::PeerLost("The receiver went away before it had everything."),
            Error::Stopping,
            Error::Busy { retry_after: 1 },
            Error::Unavailable("".into()),
            Error::Internal("".into()),
        ];
        all.extend(Refusal::catalogue().into_iter().map(Error::Refused));
        all
    }

    /// Seconds after which the client may try again, where waiting helps.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Error::TooManyAttempts(seconds) | Error::TooManyRequests(seconds) => Some(*seconds),
            Error::Busy { retry_after } => Some(*retry_after),
            Error::LinkBusy | Error::DownloadsBusy => Some(1),
            Error::Unavailable(_) | Error::Stopping => Some(5),
            _ => None,
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.shape().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code) = self.shape();
        if let Error::Internal(cause) | Error::Unavailable(cause) = self {
            tracing::error!(code, cause = %Chain(cause.as_ref()), "request failed");
        }
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        match self {
            Error::MissingAuthorization | Error::NotBearer | Error::SignInRequired => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            Error::InvalidToken => {
                // RFC 6750 section 3.1
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""));
            }
            Error::PasswordRequired => {
                // No scheme that a browser would show a dialog for.
                response.insert_header((header::WWW_AUTHENTICATE, "BatchPassword"));
            }
            Error::MethodNotAllowed(allow) => {
                response.insert_header((header::ALLOW, allow.as_str()));
            }
            Error::UpgradeRequired => {
                response.insert_header((header::UPGRADE, "websocket"));
            }
            Error::RangeNotSatisfiable(size) => {
                response.insert_header((header::CONTENT_RANGE, format!("bytes */{size}")));
            }
            _ => {}
        }
        let msg = self.to_string();
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": msg,
            "msg": msg,
            "code": code,
        });
        response
            .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON)))
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .body(problem.to_string())
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Error::internal(error)
    }
}

/// An error and all that caused it, on one line.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_words_and_each_has_one_status() {
        let mut statuses = std::collections::HashMap::new();
        for error in Error::catalogue() {
            let (status, code) = error.shape();
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
            assert_eq!(*statuses.entry(code).or_insert(status), status, "{code}");
            assert!(!error.to_string().is_empty());
        }
    }

    /// Promise 9, and nothing of the cause.
    #[actix_rt::test]
    async fn problems_have_one_shape_and_tell_no_causes() {
        let error = Error::internal(std::io::Error::other("/var/lib/secret: SELECT * FROM users"));
        let response = error.error_response();
        assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), PROBLEM_JSON);
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(500), &json!("internal_error")));
        assert_eq!(problem["msg"], problem["detail"]);
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
