//! Why an account is not made, opened or changed.

use actix_web::http::StatusCode;

use crate::server::error::Error;

pub const INVALID_USERNAME: Error = Error::refusal(
    StatusCode::BAD_REQUEST,
    "invalid_username",
    "A username has 3 to 64 characters: letters, digits, dots, underscores and hyphens; the first is a letter or digit.",
);

pub const INVALID_EMAIL: Error =
    Error::refusal(StatusCode::BAD_REQUEST, "invalid_email", "This is not an email address of the form name@domain.");

pub const WEAK_PASSWORD: Error =
    Error::refusal(StatusCode::BAD_REQUEST, "weak_password", "A password has 8 to 1,024 characters.");

pub const USERNAME_TAKEN: Error = Error::refusal(StatusCode::CONFLICT, "username_taken", "Username already exists");

pub const EMAIL_TAKEN: Error = Error::refusal(StatusCode::CONFLICT, "email_taken", "Email already exists");

pub const OPERATION_SIGNUP_CLOSED: Error =
    Error::refusal(StatusCode::FORBIDDEN, "operation_signup_closed", "Operation users are added by an administrator.");

pub const SIGNUP_CLOSED: Error =
    Error::refusal(StatusCode::FORBIDDEN, "signup_closed", "Accounts are made by invitation here.");

pub const INVALID_CREDENTIALS: Error =
    Error::refusal(StatusCode::UNAUTHORIZED, "invalid_credentials", "Invalid username or password");

pub const WRONG_PASSWORD: Error = Error::refusal(StatusCode::FORBIDDEN, "wrong_password", "The old password is wrong.");

/// One of each, for the API's document.
pub fn catalogue() -> Vec<Error> {
    vec![
        INVALID_USERNAME,
        INVALID_EMAIL,
        WEAK_PASSWORD,
        USERNAME_TAKEN,
        EMAIL_TAKEN,
        OPERATION_SIGNUP_CLOSED,
        SIGNUP_CLOSED,
        INVALID_CREDENTIALS,
        WRONG_PASSWORD,
    ]
}
