//! `handover room`: a room in the terminal, for people, bots and scripts.

mod actions;
mod address;
mod command;
mod conversation;
mod input;
mod jobs;
mod render;
mod roster;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use self::address::Address;
use self::conversation::{Conversation, Options};
use self::jobs::Desk;
use self::render::Renderer;
use super::find::{Choice, find};
use super::login::{meant, stored, token_for};
use super::run::{Stop, run_until_stopped};
use super::{Outcome, qr, say};
use crate::client::rooms::{Joining, Pace, Talk};
use crate::client::{Api, Failure, Server, answer, printable};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a room, tell its code, and join it
    Make(Make),
    /// Join a room
    Join(Join),
}

#[derive(clap::Args)]
pub struct Make {
    /// What the room is called
    #[arg(long, default_value = "")]
    title: String,

    /// Only tell the code
    #[arg(long)]
    no_join: bool,

    /// Do not draw the QR code
    #[arg(long)]
    no_qr: bool,

    #[command(flatten)]
    member: Member,
}

#[derive(clap::Args)]
pub struct Join {
    /// The code, such as k7qm-xw3h-n5bd, or the link; the maker's link gives the maker's rights
    #[arg(env = "HANDOVER_ROOM", hide_env_values = true, value_name = "CODE")]
    room: String,

    /// Begin behind this event, as --json numbers them; 0 tells all there is. Without it the newest 200 are told
    #[arg(long, value_name = "ID")]
    after: Option<i64>,

    #[command(flatten)]
    member: Member,
}

#[derive(clap::Args)]
struct Member {
    /// What the others call you; by default the name that you are signed in or logged in with
    #[arg(long)]
    name: Option<String>,

    /// Folder for files that are saved
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    to: PathBuf,

    /// Save each file that others share
    #[arg(long)]
    save: bool,

    /// Stay when standard input ends
    #[arg(long)]
    stay: bool,

    /// Write events to standard output, one JSON object a line
    #[arg(long)]
    json: bool,

    /// Address of the server, with its path; if it is left out that of the link, else the one you are signed in to, else the
    /// one on this machine, or one that the local network has
    #[arg(long, env = "HANDOVER_SERVER", value_name = "URL")]
    server: Option<Server>,

    /// A sign-in's token, for servers that let no guests in; that of `handover login` if it is left out
    #[arg(long, env = "HANDOVER_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

pub fn run(command: Command) -> Outcome {
    match command {
        Command::Make(args) => make(args),
        Command::Join(args) => join(args),
    }
}

/// A room as the server tells its maker.
#[derive(Deserialize)]
struct Made {
    room: String,
    url: String,
    manage_key: String,
    expires_at: chrono::DateTime<chrono::Utc>,
}

fn make(mut args: Make) -> Outcome {
    let server = args.member.server()?;
    let renderer = args.member.renderer();
    let code = run_until_stopped(async |stop| {
        let api = Api::new(&server, server.token().map(str::to_owned))?;
        let request = api.request(Method::POST, &["api", "rooms"], &[]).json(&json!({"title": args.title}));
        let made: Made = unless_stopped(&stop, answer(request)).await?;
        tell(&made, &args, &renderer);
        let code = made.room.clone();
        if !args.no_join {
            let address = Address { server: None, code: made.room, key: Some(made.manage_key) };
            args.member.talk(&server, address, None, renderer, stop).await?;
        }
        Ok(code)
    })
    .inspect_err(|failure| renderer.over(failure))?;
    match args.no_join && !args.member.json {
        true => say(&code),
        false => Ok(()),
    }
}

/// Tells the maker what to pass on, and what to keep.
fn tell(made: &Made, args: &Make, renderer: &Renderer) {
    let Made { room, url, manage_key, .. } = made;
    let makers = format!("{url}#{manage_key}");
    if args.member.json {
        let expires_at = made.expires_at;
        return renderer.json(&json!({
            "type": "made", "room": room, "url": url, "manage_key": manage_key, "maker_url": makers, "expires_at": expires_at,
        }));
    }
    if let Some(qr) = (!args.no_qr).then(|| qr::shown(url)).flatten() {
        renderer.note(&qr);
    }
    for (what, text) in [
        ("Code:    ", room.clone()),
        ("Terminal:", format!("handover room join {room}")),
        ("Browser: ", url.clone()),
        ("Maker:   ", format!("{makers}  (keep it to yourself: it locks and ends the room)")),
    ] {
        renderer.note(&format!("{what} {}", printable(&text)));
    }
}

fn join(mut args: Join) -> Outcome {
    let address: Address = args.room.parse()?;
    let server = match &address.server {
        Some(server) => args.member.server_of_link(server)?,
        None => args.member.server()?,
    };
    let renderer = args.member.renderer();
    let after = args.after;
    run_until_stopped(async |stop| args.member.talk(&server, address, after, renderer, stop).await)
        .inspect_err(|failure| renderer.over(failure))?;
    Ok(())
}

impl Member {
    /// The server that is meant, with the token for it.
    fn server(&mut self) -> Result<Server, Box<dyn std::error::Error>> {
        let Choice { server, is_meant } = find(meant(self.server.take())?)?;
        self.signed_in(server, is_meant)
    }

    /// That of a link. Whoever passes on a link gets no token that was given for another server.
    fn server_of_link(&mut self, server: &Server) -> Result<Server, Box<dyn std::error::Error>> {
        let is_meant = meant(self.server.take())?.unwrap_or_default().is(server);
        self.signed_in(server.clone(), is_meant)
    }

    fn signed_in(&mut self, server: Server, is_meant: bool) -> Result<Server, Box<dyn std::error::Error>> {
        let given = self.token.take().filter(|token| is_meant && !token.is_empty());
        let token = given.map_or_else(|| token_for(&server), |token| Ok(Some(token)))?;
        Ok(server.with_token(token))
    }

    fn renderer(&self) -> Renderer {
        Renderer { json: self.json, is_typed: std::io::stdin().is_terminal() && std::io::stdout().is_terminal() }
    }

    /// Joins the room and talks in it, to the end.
    async fn talk(
        &mut self,
        server: &Server,
        address: Address,
        after: Option<i64>,
        renderer: Renderer,
        stop: Stop,
    ) -> Result<(), Failure> {
        let name = self.name.take().unwrap_or_else(|| own_name(server));
        let Address { code: room, key, .. } = address;
        let desk = Desk::new(server, room.clone(), key, self.to.clone())?;
        let joining = Joining { server: server.clone(), room, name, after, pace: Pace::default() };
        let talk = unless_stopped(&stop, Talk::join(joining)).await?;
        let options = Options { save: self.save, stay: self.stay };
        Conversation::new(talk, desk, renderer, options).run(stop).await
    }
}

/// What somebody goes by who gives no name.
fn own_name(server: &Server) -> String {
    let signed_in = stored().ok().flatten().filter(|stored| stored.is_of(server)).map(|stored| stored.username);
    let logged_in =
        || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty());
    signed_in.or_else(logged_in).unwrap_or_else(|| "guest".into())
}

async fn unless_stopped<T>(stop: &Stop, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut stop = stop.clone();
    tokio::select! {
        result = work => result,
        Ok(_) = stop.wait_for(|stop| *stop) => Err(Failure::Stopped),
    }
}
