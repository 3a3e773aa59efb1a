//! `handover users …`: accounts from the terminal. Works beside a running server; each change counts at once.

use std::io::{BufRead as _, IsTerminal as _};

use super::{Outcome, prompt, say};
use crate::server::audit::{Action, Entry, Origin};
use crate::server::auth::{Role, password};
use crate::server::clock::Clock;
use crate::server::config::Store;
use crate::server::db::{Conn, open_migrated, write_alone};
use crate::server::error::Result;
use crate::server::features::accounts::model::{self, Email, NewPassword, User, Username};
use crate::server::folder;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add a client user, who downloads, or an operation user; the password is asked for, or read from standard input
    Add {
        /// 3 to 64 letters, digits, dots, underscores and hyphens; the first is a letter or digit
        username: String,
        email: String,
        /// Make an operation user, who uploads
        #[arg(long)]
        operation: bool,
    },
    /// List all users
    List,
    /// Disable a user and end their sessions
    Disable { username: String },
    /// Enable a user who was disabled
    Enable { username: String },
    /// Make a user an operation or a client user and end their sessions; an account that was self-made counts in full then
    Role {
        username: String,
        /// operation or client
        role: Role,
    },
    /// Set a new password, which is asked for or read from standard input, and end the user's sessions
    Password { username: String },
}

pub fn run(store: &Store, command: Command) -> Outcome {
    folder::make(&store.data)
        .map_err(|error| format!("the data folder {} cannot be used: {error}", store.data.display()))?;
    let mut conn = open_migrated(&store.database_path())?;
    match command {
        Command::Add { username, email, operation } => {
            let (name, email) = (Username::try_from(username.clone())?, Email::try_from(email)?);
            model::check_free(&mut conn, &name, &email)?;
            let hash = password::hash(&ask_password()?)?;
            let role = if operation { Role::Operation } else { Role::Client };
            change(&mut conn, |conn, now| {
                model::add(conn, &name, &email, &hash, role, false, now)?;
                Ok(Entry::new(Action::UserAdded, username.clone()).detail(role.as_str()))
            })?;
            say(&format!("Added the {role} user {username}."))
        }
        Command::List => list(&model::list(&mut conn)?),
        Command::Disable { username } => {
            let user = find(&mut conn, &username)?;
            change(&mut conn, |conn, now| {
                model::set_disabled(conn, &user.id, Some(now))?;
                Ok(Entry::new(Action::UserDisabled, &*user.username))
            })?;
            say(&format!("Disabled {}. Their tokens have ended.", user.username))
        }
        Command::Enable { username } => {
            let user = find(&mut conn, &username)?;
            change(&mut conn, |conn, _| {
                model::set_disabled(conn, &user.id, None)?;
                Ok(Entry::new(Action::UserEnabled, &*user.username))
            })?;
            say(&format!("Enabled {}.", user.username))
        }
        Command::Role { username, role } => {
            let user = find(&mut conn, &username)?;
            change(&mut conn, |conn, _| {
                model::set_role(conn, &user.id, role)?;
                Ok(Entry::new(Action::RoleChanged, &*user.username).detail(role.as_str()))
            })?;
            say(&format!("{} is a {role} user now. Their tokens have ended.", user.username))
        }
        Command::Password { username } => {
            let user = find(&mut conn, &username)?;
            let hash = password::hash(&ask_password()?)?;
            change(&mut conn, |conn, _| {
                model::set_password(conn, &user.id, &hash, None)?;
                Ok(Entry::new(Action::PasswordChanged, &*user.username))
            })?;
            say(&format!("Changed the password of {}. Their tokens have ended.", user.username))
        }
    }
}

fn find(conn: &mut Conn, username: &str) -> std::result::Result<User, Box<dyn std::error::Error>> {
    Ok(model::find(conn, username)?.ok_or_else(|| format!("there is no user {username}"))?)
}

/// Makes a change and its audit row in one durable transaction.
fn change(conn: &mut Conn, work: impl FnOnce(&mut Conn, chrono::NaiveDateTime) -> Result<Entry>) -> Result<()> {
    let now = Clock::System.now();
    write_alone(conn, |conn| {
        let entry = work(conn, now)?;
        let origin = Origin { actor: None, address: Some("terminal".into()), request_id: None };
        origin.record(conn, now, entry)
    })
}

/// A password never comes as an argument, which everybody on the machine could read.
fn ask_password() -> std::result::Result<String, Box<dyn std::error::Error>> {
    let text = if std::io::stdin().is_terminal() {
        let first = prompt::password("Password: ")?;
        if prompt::password("Once more: ")? != first {
            return Err("the two passwords differ".into());
        }
        first
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    Ok(NewPassword::try_from(text)?.into_inner())
}

fn list(users: &[User]) -> Outcome {
    let width = users.iter().map(|user| user.username.len()).max().unwrap_or_default().max("USER".len());
    let mut text = format!("{:width$}  {:9}  {:8}  {:16}  EMAIL\n", "USER", "ROLE", "STATE", "SINCE (UTC)");
    for user in users {
        let state = if user.disabled_at.is_some() { "disabled" } else { "enabled" };
        let since = user.created_at.format("%Y-%m-%d %H:%M");
        text += &format!("{:width$}  {:9}  {state:8}  {since:16}  {}\n", user.username, user.role, user.email);
    }
    say(text.trim_end())
}
