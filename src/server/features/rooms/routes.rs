//! The routes of rooms, and what the API's document says of them.

use actix_web::http::Method;
use actix_web::{Route, web};

use super::{fetch, handlers, share, socket};
use crate::protocol::rooms::event::Event;
use crate::server::http::gate::Access;
use crate::server::http::route::schema_of;
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Param, Part, PartKind, Request};

const TAG: &str = "Rooms";

const ROOM: Param = Param {
    name: "room",
    place: "path",
    what: "The room's code, with or without its hyphens, in small letters or capitals",
    kind: "string",
};
const KEY: Param =
    Param { name: "X-Manage-Key", place: "header", what: "The key of whoever made the room", kind: "string" };
const TOKEN: Param =
    Param { name: "X-Member-Token", place: "header", what: "The member's token, from `welcome`", kind: "string" };

/// What every route may answer.
const KNOWN: &[&str] = &["room_not_found", "too_many_attempts"];
const MEMBER: &[&str] = &["room_not_found", "too_many_attempts", "not_a_member"];
const MANAGED: &[&str] = &["room_not_found", "too_many_attempts", "manage_key_required"];
const GONE: &[Answer] = &[Answer { status: 204, what: "Done", content: Content::None }];
const OCTETS: &[&str] = &["application/octet-stream"];

pub fn endpoints() -> Vec<Endpoint> {
    let room = "/api/rooms/{room}";
    let guests = Access::Guests;
    vec![
        Endpoint { access: guests, ..endpoint(Method::POST, "/api/rooms", || web::to(handlers::make), MAKE) },
        endpoint(Method::GET, room, || web::to(handlers::show), SHOW),
        endpoint(Method::PATCH, room, || web::to(handlers::change), CHANGE),
        endpoint(Method::DELETE, room, || web::to(handlers::end), END),
        Endpoint {
            access: guests,
            ..endpoint(Method::GET, "/api/rooms/{room}/socket", || web::to(socket::join), JOIN)
        },
        endpoint(Method::GET, "/api/rooms/{room}/events", || web::to(handlers::older), OLDER),
        endpoint(Method::DELETE, "/api/rooms/{room}/events/{event}", || web::to(handlers::remove_event), REMOVE_EVENT),
        endpoint(
            Method::DELETE,
            "/api/rooms/{room}/members/{member}",
            || web::to(handlers::remove_member),
            REMOVE_MEMBER,
        ),
        endpoint(Method::POST, "/api/rooms/{room}/files", || web::to(share::share), SHARE),
        endpoint(Method::GET, "/api/rooms/{room}/files/{file}", || web::to(fetch::file), FETCH),
    ]
}

fn endpoint(method: Method, path: &'static str, handler: fn() -> Route, doc: Doc) -> Endpoint {
    Endpoint { method, path, access: Access::Public, handler, doc }
}

const MAKE: Doc = Doc {
    tag: TAG,
    summary: "Make a room",
    params: &[],
    request: Request::Json(schema_of::<handlers::Make>),
    answers: &[Answer {
        status: 201,
        what: "The code to share, and the key of whoever made it",
        content: Content::Json(schema_of::<handlers::Made>),
    }],
    errors: &["bad_request", "too_many_requests", "too_many_rooms"],
};

const SHOW: Doc = Doc {
    tag: TAG,
    summary: "A room, for whoever has its code",
    params: &[ROOM],
    request: Request::None,
    answers: &[Answer { status: 200, what: "The room", content: Content::Json(schema_of::<handlers::Room>) }],
    errors: KNOWN,
};

const CHANGE: Doc = Doc {
    tag: TAG,
    summary: "Change the title of a room, or lock and open it",
    params: &[ROOM, KEY],
    request: Request::Json(schema_of::<handlers::Change>),
    answers: &[Answer { status: 200, what: "What the members are told", content: Content::Json(schema_of::<Event>) }],
    errors: MANAGED,
};

const END: Doc = Doc {
    tag: TAG,
    summary: "End a room; its messages and files are removed",
    params: &[ROOM, KEY],
    request: Request::None,
    answers: GONE,
    errors: MANAGED,
};

const JOIN: Doc = Doc {
    tag: TAG,
    summary: "Join a room. The server says `welcome` {you, room, members, history}, and then each event as it happens: \
              `joined`, `left`, `message`, `file`, `removed`, `changed`, numbered by `id`; and `typing`, `away`, `fetched`, \
              `ending`, `ended`, `stored`, `pong` and `error`, which are not kept. The client says `message` {text, ref}, `typing`, \
              `ping`, `leave`. Without a handshake it answers why there would be no socket",
    params: &[
        ROOM,
        Param {
            name: "name",
            place: "query",
            what: "What the others call this member, 1 to 40 characters",
            kind: "string",
        },
        Param {
            name: "after",
            place: "query",
            what: "The last event that a member who comes back has",
            kind: "integer",
        },
        Param {
            name: "token",
            place: "query",
            what: "The token from `welcome`: gives a member its place back after a broken connection",
            kind: "string",
        },
    ],
    request: Request::Socket,
    answers: &[Answer { status: 101, what: "The socket: JSON texts, told apart by `type`", content: Content::None }],
    errors: &[
        "room_not_found",
        "too_many_attempts",
        "invalid_name",
        "room_locked",
        "sent_away",
        "room_crowded",
        "room_full",
        "too_many_requests",
        "not_a_member",
    ],
};

const OLDER: Doc = Doc {
    tag: TAG,
    summary: "Events of the past",
    params: &[
        ROOM,
        TOKEN,
        Param {
            name: "before",
            place: "query",
            what: "Those below this number; the newest if left out",
            kind: "integer",
        },
        Param { name: "limit", place: "query", what: "How many, 1 to 200", kind: "integer" },
    ],
    request: Request::None,
    answers: &[Answer { status: 200, what: "A page", content: Content::Json(schema_of::<handlers::Events>) }],
    errors: MEMBER,
};

const REMOVE_EVENT: Doc = Doc {
    tag: TAG,
    summary: "Remove a message or a file",
    params: &[ROOM, Param { name: "event", place: "path", what: "Its number", kind: "integer" }, KEY],
    request: Request::None,
    answers: GONE,
    errors: &["room_not_found", "too_many_attempts", "manage_key_required", "event_not_found"],
};

const REMOVE_MEMBER: Doc = Doc {
    tag: TAG,
    summary: "Send a member away",
    params: &[ROOM, Param { name: "member", place: "path", what: "The member's id", kind: "string" }, KEY],
    request: Request::None,
    answers: GONE,
    errors: &["room_not_found", "too_many_attempts", "manage_key_required", "member_not_found"],
};

const SHARE: Doc = Doc {
    tag: TAG,
    summary: "Share a file; all members are told once it is on disk",
    params: &[ROOM, TOKEN],
    request: Request::Form(&[Part { name: "file", what: "The file", kind: PartKind::File, required: true }]),
    answers: &[Answer { status: 201, what: "What the members are told", content: Content::Json(schema_of::<Event>) }],
    errors: &[
        "room_not_found",
        "too_many_attempts",
        "not_a_member",
        "no_file",
        "malformed_upload",
        "request_timeout",
        "file_too_large",
        "room_full",
        "quota_exceeded",
        "insufficient_storage",
    ],
};

const FETCH: Doc = Doc {
    tag: TAG,
    summary: "Fetch a file, as a member",
    params: &[
        ROOM,
        Param { name: "file", place: "path", what: "The file's `file_id`", kind: "string" },
        TOKEN,
        Param {
            name: "key",
            place: "query",
            what: "The member's key, from `welcome`, where no header can be sent",
            kind: "string",
        },
        Param {
            name: "preview",
            place: "query",
            what: "`true` for a look, as a page has by itself: whoever shared the file is not told that it was fetched",
            kind: "boolean",
        },
        Param { name: "Range", place: "header", what: "A part of it, e.g. bytes=1000-", kind: "string" },
        Param { name: "If-Range", place: "header", what: "The ETag of what the range is of", kind: "string" },
    ],
    request: Request::None,
    answers: &[
        Answer { status: 200, what: "The file", content: Content::Media(OCTETS) },
        Answer { status: 206, what: "The range of the file", content: Content::Media(OCTETS) },
    ],
    errors: &["room_not_found", "too_many_attempts", "not_a_member", "file_not_found", "range_not_satisfiable"],
};
