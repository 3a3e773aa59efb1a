//! The web page: plain ES modules and style sheets that are embedded in the binary, in one frame of HTML.
//!
//! Each screen is a page of its own with a real address. The server sends the frame; the screen's module fills it and
//! talks to the API like any other client. What has to work without scripts (the page of a link) is HTML of its own in
//! the same frame. All addresses in a page are relative, so that it works under every base path.

mod assets;
pub mod error_page;
mod html;
mod worker;

pub use html::{Frame, answer, escape, fill};

use crate::server::refusals::NOT_FOUND;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};

use crate::server::app::App;
use crate::server::auth::Role;
use crate::server::error::Result;
use crate::server::features::accounts;
use crate::server::http::gate::Access;
use crate::server::http::headers::{PAGE, PAGE_WITH_WORKER};
use crate::server::http::route::{Answer, Content, Doc, Endpoint, Matched, Param, Request};

pub use assets::version;

const TAG: &str = "Pages";

/// A page that a script fills.
struct Screen {
    path: &'static str,
    /// What its title says before the script does.
    title: &'static str,
    summary: &'static str,
    module: &'static str,
    /// What it may do, as a Content-Security-Policy.
    policy: &'static str,
    params: &'static [Param],
}

const SCREENS: &[Screen] = &[
    Screen {
        path: "/",
        title: "Hand a file over",
        summary: "Where people begin",
        module: "home/home.js",
        policy: PAGE,
        params: &[],
    },
    Screen {
        path: "/desk",
        title: "Desk",
        summary: "The desk, for people",
        module: "desk/desk.js",
        policy: PAGE,
        params: &[],
    },
    Screen {
        path: "/direct",
        title: "Direct",
        summary: "Where people send and receive directly: `page_url`, with the code in the fragment",
        module: "direct/direct.js",
        policy: PAGE_WITH_WORKER,
        params: &[],
    },
    Screen {
        path: "/new",
        title: "New batch",
        summary: "Where people make a batch",
        module: "batch/new.js",
        policy: PAGE,
        params: &[],
    },
    Screen {
        path: "/b/{id}",
        title: "Files for you",
        summary: "A batch, for people: `receiver_url`, and with the manage key in the fragment `sender_url`",
        module: "batch/batch.js",
        policy: PAGE,
        params: &[Param { name: "id", place: "path", what: "The batch's id", kind: "string" }],
    },
    Screen {
        path: "/room",
        title: "New room",
        summary: "Where people make a room",
        module: "room/new.js",
        policy: PAGE,
        params: &[],
    },
    Screen {
        path: "/r/{room}",
        title: "Room",
        summary: "A room, for people: `url`; whoever comes with the manage key in the fragment becomes its maker here",
        module: "room/room.js",
        policy: PAGE,
        params: &[Param { name: "room", place: "path", what: "The room's code", kind: "string" }],
    },
];

pub fn endpoints() -> Vec<Endpoint> {
    const HTML: &[Answer] = &[Answer { status: 200, what: "The page", content: Content::Media(&["text/html"]) }];
    let screens = SCREENS.iter().map(|screen| Endpoint {
        method: Method::GET,
        path: screen.path,
        access: Access::Public,
        handler: || web::to(show),
        doc: Doc {
            tag: TAG,
            summary: screen.summary,
            params: screen.params,
            request: Request::None,
            answers: HTML,
            errors: &[],
        },
    });
    screens.chain(assets::endpoints()).chain([worker::endpoint()]).collect()
}

/// The frame of the screen that the route names.
async fn show(req: HttpRequest, app: web::Data<App>, accounts: web::Data<accounts::Settings>) -> Result<HttpResponse> {
    let path = req.extensions().get::<Matched>().map(|matched| matched.0);
    let screen = SCREENS.iter().find(|screen| Some(screen.path) == path).ok_or(NOT_FOUND)?;
    let root = match screen.path.matches('/').count() {
        1 => "./",
        _ => "../",
    };
    let main = fill(
        include_str!("screen.html"),
        &[
            ("root", root),
            // So that nobody fills in a form that is refused.
            ("client", accounts.signup(Role::Client, &app.config).word()),
            ("operation", accounts.signup(Role::Operation, &app.config).word()),
        ],
    );
    let frame = Frame { root, title: screen.title, module: Some(screen.module), main: &main };
    let mut response = answer(HttpResponse::Ok());
    // Holds nothing of anybody's; asked for again each time because it names the version of the assets.
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    response.insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(screen.policy)));
    Ok(response.body(frame.html()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_screen_has_its_module() {
        for screen in SCREENS {
            assert!(assets::find(screen.module).is_some(), "{}", screen.module);
        }
    }
}
