//! `handover login` and `handover logout`: a sign-in that the commands of the desk use.

mod store;

pub use store::{Stored, stored};

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;

use super::run::run_to_end;
use super::{Outcome, output, prompt};
use crate::client::{Api, Failure, Server, answer, printable};

/// Longest line that is read from standard input: any password, and more.
const LONGEST_LINE: u64 = 8 << 10;

#[derive(clap::Args)]
pub struct Login {
    /// Asked for if it is left out
    username: Option<String>,

    /// Address of the server, with its path; the one of the last sign-in if it is left out
    #[arg(long, env = "HANDOVER_SERVER", value_name = "URL")]
    server: Option<Server>,
}

/// Which server a command speaks to.
#[derive(clap::Args)]
pub struct Desk {
    /// Address of the server, with its path; the one you are signed in to if it is left out
    #[arg(long, env = "HANDOVER_SERVER", value_name = "URL")]
    server: Option<Server>,
}

impl Desk {
    /// The server's API as the user who is signed in, or as the one whose token is in HANDOVER_TOKEN.
    ///
    /// # Errors
    /// [`Failure::SignIn`] when nobody is.
    pub fn api(self) -> Result<Api, Failure> {
        if let Some(token) = std::env::var("HANDOVER_TOKEN").ok().filter(|token| !token.is_empty()) {
            return Api::new(&meant(self.server)?.unwrap_or_default(), Some(token));
        }
        let Some(stored) = stored()? else {
            return Err(Failure::SignIn("you are not signed in; sign in with `handover login`".into()));
        };
        match &self.server {
            Some(server) if !stored.is_of(server) => Err(Failure::SignIn(format!(
                "you are signed in to {}, not to {}; say `handover login --server {1}`",
                stored.server,
                server.url()
            ))),
            _ => Api::new(&known(&stored)?, Some(stored.token)),
        }
    }
}

/// The server that somebody means: the one that is given, else that of the sign-in.
///
/// # Errors
/// Those of [`stored`].
pub fn meant(given: Option<Server>) -> Result<Option<Server>, Failure> {
    match given {
        Some(given) => Ok(Some(given)),
        None => stored()?.as_ref().map(known).transpose(),
    }
}

/// The token of the sign-in, if it is one to this server and not over.
///
/// # Errors
/// Those of [`stored`].
pub fn token_for(server: &Server) -> Result<Option<String>, Failure> {
    Ok(stored()?.filter(|stored| stored.is_of(server) && !stored.is_over()).map(|stored| stored.token))
}

fn known(stored: &Stored) -> Result<Server, Failure> {
    stored.server.parse().map_err(Failure::Local)
}

/// Signs in and keeps the token.
pub fn login(args: Login) -> Outcome {
    #[derive(Deserialize)]
    struct SignedIn {
        access_token: String,
        expires_in: u64,
    }
    #[derive(Deserialize)]
    struct Me {
        username: String,
        role: String,
    }
    // One that cannot be read is about to be replaced.
    let before = stored().unwrap_or_default();
    let server = match (args.server, &before) {
        (Some(server), _) => server,
        (None, Some(before)) => known(before)?,
        (None, None) => Server::default(),
    };
    warn_of_plain_text(&server);
    let (username, password) = ask(args.username)?;
    let (stored, role) = run_to_end(async {
        let body = json!({"username": username, "password": password});
        let signed_in: SignedIn =
            answer(Api::new(&server, None)?.request(Method::POST, &["login"], &[]).json(&body)).await?;
        let api = Api::new(&server, Some(signed_in.access_token.clone()))?;
        let me: Me = answer(api.request(Method::GET, &["me"], &[])).await?;
        let expires_at = end(signed_in.expires_in);
        let stored = Stored {
            server: server.url().to_owned(),
            username: me.username,
            token: signed_in.access_token,
            expires_at,
        };
        store::keep(&stored)?;
        if let Some(before) = before {
            // Nobody has its token any more. If it cannot be told, the session ends by itself.
            let _ = end_session(&before).await;
        }
        Ok((stored, me.role))
    })?;
    super::say(&format!(
        "Signed in to {} as {}, who is {} user, until {}.",
        stored.server,
        printable(&stored.username),
        if role == "operation" { "an operation" } else { "a client" },
        stored.expires_at.format("%Y-%m-%d %H:%M UTC"),
    ))
}

fn end(expires_in: u64) -> DateTime<Utc> {
    let now = Utc::now().trunc_subsecs(0);
    now.checked_add_signed(chrono::TimeDelta::from_std(Duration::from_secs(expires_in)).unwrap_or_default())
        .unwrap_or(now)
}

/// Ends the session, here and on the server.
pub fn logout() -> Outcome {
    let stored = match stored() {
        Ok(None) => return super::say("Nobody was signed in."),
        Ok(Some(stored)) => stored,
        Err(unreadable) => {
            // Then its token is in nobody's hands from here on; whether others had it is not known.
            store::forget()?;
            return Err(format!("{unreadable}. It has been removed; the session ends by itself").into());
        }
    };
    let told = run_to_end(end_session(&stored));
    store::forget()?;
    match told {
        Ok(()) | Err(Failure::SignIn(_)) => super::say(&format!("Signed out of {}.", stored.server)),
        Err(failure) => {
            let end = stored.expires_at.format("%Y-%m-%d %H:%M UTC");
            output::tell(&format!(
                "handover: the sign-in has been removed here, but the server does not know: its session lasts until {end}"
            ));
            Err(failure.into())
        }
    }
}

async fn end_session(stored: &Stored) -> Result<(), Failure> {
    let api = Api::new(&known(stored)?, Some(stored.token.clone()))?;
    answer::<serde_json::Value>(api.request(Method::POST, &["logout"], &[])).await.map(drop)
}

/// Who signs in, and the password: asked for, or the first line of standard input. It is never an argument, which everybody
/// on this machine could read.
fn ask(username: Option<String>) -> Result<(String, String), Failure> {
    let unreadable = |error: std::io::Error| Failure::Local(format!("standard input cannot be read: {error}"));
    let is_terminal = std::io::stdin().is_terminal();
    let username = match username {
        Some(username) => username,
        None if is_terminal => {
            output::ask("Username: ");
            line().map_err(unreadable)?
        }
        None => {
            return Err(Failure::Local("there is nobody to ask who signs in; say `handover login USERNAME`".into()));
        }
    };
    let password = match is_terminal {
        true => prompt::password("Password: "),
        false => line(),
    };
    Ok((username, password.map_err(unreadable)?))
}

pub fn line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Says so when the password would be readable on its way.
fn warn_of_plain_text(server: &Server) {
    let Ok(url) = Url::parse(server.url()) else { return };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == "http" && !is_here {
        let warning = "has no TLS: whoever is on the way can read the password";
        output::tell(&format!("handover: warning: {} {warning}", server.url()));
    }
}
