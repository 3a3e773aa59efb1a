//! Accounts: register, log in and out, passwords, and the audit of what users did.

mod audit;
mod handlers;
pub mod model;
pub mod refusals;
pub mod settings;

pub use settings::Settings;

use actix_web::http::Method;
use actix_web::web;

use crate::server::http::gate::Access;
use crate::server::http::route::schema_of;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Request};
use crate::server::refusals::OPERATION_ONLY;

const TAG: &str = "Accounts";

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint {
            method: Method::POST,
            path: "/register",
            access: Access::Public,
            handler: || web::to(handlers::register),
            doc: Doc {
                tag: TAG,
                summary: "Make an account",
                params: &[],
                request: Request::Json(schema_of::<handlers::Registration>),
                answers: &[Answer {
                    status: 201,
                    what: "Made",
                    content: Content::Json(schema_of::<handlers::Message>),
                }],
                errors: &[
                    "missing_parameters",
                    "invalid_username",
                    "invalid_email",
                    "weak_password",
                    "username_taken",
                    "email_taken",
                    "signup_closed",
                    "operation_signup_closed",
                    "too_many_attempts",
                ],
            },
        },
        Endpoint {
            method: Method::POST,
            path: "/login",
            access: Access::Public,
            handler: || web::to(handlers::login),
            doc: Doc {
                tag: TAG,
                summary: "Get an access token",
                params: &[],
                request: Request::Json(schema_of::<handlers::Credentials>),
                answers: &[Answer {
                    status: 200,
                    what: "Signed in",
                    content: Content::Json(schema_of::<handlers::SignedIn>),
                }],
                errors: &["missing_parameters", "invalid_credentials", "too_many_attempts"],
            },
        },
        Endpoint {
            method: Method::POST,
            path: "/logout",
            access: Access::SignedIn,
            handler: || web::to(handlers::logout),
            doc: Doc {
                tag: TAG,
                summary: "End this token",
                params: &[],
                request: Request::None,
                answers: &[Answer {
                    status: 200,
                    what: "Ended",
                    content: Content::Json(schema_of::<handlers::Message>),
                }],
                errors: &[],
            },
        },
        Endpoint {
            method: Method::POST,
            path: "/password",
            access: Access::SignedIn,
            handler: || web::to(handlers::change_password),
            doc: Doc {
                tag: TAG,
                summary: "Change the password, which ends all tokens of the user",
                params: &[],
                request: Request::Json(schema_of::<handlers::PasswordChange>),
                answers: &[Answer {
                    status: 200,
                    what: "Changed",
                    content: Content::Json(schema_of::<handlers::Message>),
                }],
                errors: &["missing_parameters", "weak_password", "wrong_password", "too_many_attempts"],
            },
        },
        Endpoint {
            method: Method::GET,
            path: "/me",
            access: Access::SignedIn,
            handler: || web::to(handlers::me),
            doc: Doc {
                tag: TAG,
                summary: "Who am I",
                params: &[],
                request: Request::None,
                answers: &[Answer {
                    status: 200,
                    what: "The user of this token",
                    content: Content::Json(schema_of::<handlers::Me>),
                }],
                errors: &[],
            },
        },
        Endpoint {
            method: Method::GET,
            path: "/api/audit",
            access: Access::Operation(OPERATION_ONLY),
            handler: || web::to(audit::list),
            doc: Doc {
                tag: TAG,
                summary: "Who did what, when and from where, newest first",
                params: &[
                    Param { name: "action", place: "query", what: "Only this action, e.g. downloaded", kind: "string" },
                    Param { name: "actor", place: "query", what: "Only by the user of this name", kind: "string" },
                    Param {
                        name: "subject",
                        place: "query",
                        what: "Only about this file, link or user",
                        kind: "string",
                    },
                    Param { name: "since", place: "query", what: "Only from this time on (RFC 3339)", kind: "string" },
                    Param { name: "until", place: "query", what: "Only before this time (RFC 3339)", kind: "string" },
                    Param { name: "format", place: "query", what: "json or csv", kind: "string" },
                    Param {
                        name: "limit",
                        place: "query",
                        what: "Rows of a page, 1 to 200; 50 if left out",
                        kind: "integer",
                    },
                    Param { name: "cursor", place: "query", what: "`next` of the page before", kind: "string" },
                ],
                request: Request::None,
                answers: &[
                    Answer {
                        status: 200,
                        what: "A page of the audit",
                        content: Content::Json(schema_of::<audit::Page>),
                    },
                    Answer { status: 200, what: "The same as CSV", content: Content::Media(&["text/csv"]) },
                ],
                errors: &[],
            },
        },
    ]
}
