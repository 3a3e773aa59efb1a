//! Why a room lets nobody in or takes nothing.

use actix_web::http::StatusCode;
use bytesize::ByteSize;

use crate::server::error::Error;

pub const ROOM_NOT_FOUND: Error =
    Error::refusal(StatusCode::NOT_FOUND, "room_not_found", "There is no such room, or its time is over.");

pub const ROOM_KEY_REQUIRED: Error =
    Error::refusal(StatusCode::FORBIDDEN, "manage_key_required", "This takes the manage key of the room.");

pub const ROOM_LOCKED: Error =
    Error::refusal(StatusCode::FORBIDDEN, "room_locked", "The room is locked: nobody new may join.");

pub const SENT_AWAY: Error = Error::refusal(
    StatusCode::FORBIDDEN,
    "sent_away",
    "Somebody was sent away from this room and may not come back: you, or a guest on your network. Its maker can let you in.",
);

pub fn room_crowded(most: u32) -> Error {
    Error::saying(StatusCode::CONFLICT, "room_crowded", format!("A room has {most} members at most."))
}

pub fn room_full(limit: ByteSize) -> Error {
    Error::saying(
        StatusCode::PAYLOAD_TOO_LARGE,
        "room_full",
        format!("All messages and files of a room have {limit} together at most."),
    )
}

pub const TOO_MANY_ROOMS: Error = Error::refusal(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_rooms",
    "There are too many rooms. End one, or try again later.",
);

pub const INVALID_NAME: Error =
    Error::refusal(StatusCode::BAD_REQUEST, "invalid_name", "A name has 1 to 40 characters.");

pub const NOT_A_MEMBER: Error =
    Error::refusal(StatusCode::FORBIDDEN, "not_a_member", "Only members of the room may do this. Join it first.");

pub const MEMBER_NOT_FOUND: Error =
    Error::refusal(StatusCode::NOT_FOUND, "member_not_found", "There is no such member in the room.");

pub const EVENT_NOT_FOUND: Error =
    Error::refusal(StatusCode::NOT_FOUND, "event_not_found", "There is no such message or file in the room.");

/// One of each, for the API's document.
pub fn catalogue() -> Vec<Error> {
    vec![
        ROOM_NOT_FOUND,
        ROOM_KEY_REQUIRED,
        ROOM_LOCKED,
        SENT_AWAY,
        room_crowded(1000),
        room_full(ByteSize::gib(2)),
        TOO_MANY_ROOMS,
        INVALID_NAME,
        NOT_A_MEMBER,
        MEMBER_NOT_FOUND,
        EVENT_NOT_FOUND,
    ]
}
