//! `handover doctor`: checks a set-up and says in plain words what is wrong with it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use diesel::prelude::*;

use super::Outcome;
use crate::server::auth::Role;
use crate::server::auth::token::load_secret;
use crate::server::blobs::{Blobs, Space, TrashRule, identity, rows};
use crate::server::clock::Clock;
use crate::server::config::{Config, Guests};
use crate::server::db::open_to_look;
use crate::server::db::schema::users;
use crate::server::features::accounts::settings::Signup;
use crate::server::features::direct;
use crate::server::settings::Settings;

/// What a check finds.
enum Finding {
    Good(String),
    Warning(String),
    Bad(String),
}

use Finding::{Bad, Good, Warning};

/// Runs all checks. Fails if one of them finds that the server would not work.
pub fn run(settings: &Settings) -> Outcome {
    let config = &settings.base;
    let findings = [
        data(config),
        secret(config),
        database(config),
        blobs(config),
        port(config),
        exposure(config),
        signup(settings, Role::Client),
        signup(settings, Role::Operation),
        guests(config),
        ice(&settings.direct),
    ];
    let mut bad = 0;
    for finding in &findings {
        let (mark, text) = match finding {
            Good(text) => ("ok     ", text),
            Warning(text) => ("warning", text),
            Bad(text) => {
                bad += 1;
                ("BAD    ", text)
            }
        };
        writeln!(io::stdout(), "{mark}  {text}")?;
    }
    match bad {
        0 => Ok(()),
        1 => Err("one thing has to be put right before the server can run".into()),
        n => Err(format!("{n} things have to be put right before the server can run").into()),
    }
}

fn data(config: &Config) -> Finding {
    let path = &config.store.data;
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Good(format!("the data folder {shown} will be made at the first start"))
        }
        Err(error) => Bad(format!("the data folder {shown} cannot be used: {error}")),
        Ok(meta) if !meta.is_dir() => Bad(format!("{shown} is not a folder")),
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            Warning(format!("others on this machine can look into {shown}; `chmod 700 {shown}` keeps them out"))
        }
        Ok(_) => Good(format!("the data folder is {shown}")),
    }
}

fn secret(config: &Config) -> Finding {
    let made = config.store.data.join("keys/token.key");
    match (&config.secret_file, made.exists()) {
        (None, false) => Good("the signing secret will be made at the first start".into()),
        (given, _) => match load_secret(given.as_deref(), &made) {
            Ok(_) => Good("the signing secret is there and long enough".into()),
            Err(error) => Bad(error.to_string()),
        },
    }
}

fn database(config: &Config) -> Finding {
    let path = config.store.database_path();
    if !path.exists() {
        return Good(format!("the database {} will be made at the first start", path.display()));
    }
    let shown = path.display();
    match open_to_look(&path) {
        Ok((mut conn, 0)) => match users::table.count().get_result::<i64>(&mut conn) {
            Ok(users) => Good(format!("the database {shown} is up to date and has {users} users")),
            Err(error) => Bad(format!("the database {shown} cannot be read: {error}")),
        },
        Ok((_, pending)) => Warning(format!(
            "the database {shown} is from an earlier version: the next start brings it up to date ({pending} migrations), \
             after which that version cannot use it; make a backup first"
        )),
        Err(error) => Bad(error.to_string()),
    }
}

fn blobs(config: &Config) -> Finding {
    let root = config.blobs_path();
    if !root.exists() {
        return Good(format!("the folder for files {} will be made at the first start", root.display()));
    }
    let trash = TrashRule { clock: Clock::System, life: config.trash_life };
    let store = match Blobs::open(&root, Space::new(config.quota(), &root), trash) {
        Err(error) => return Bad(format!("the folder for files {} cannot be used: {error}", root.display())),
        Ok(store) => store,
    };
    match store.space().check_disk(config.max_file_size.0) {
        Err(error) => Warning(format!("a file of {} would not fit: {error}", config.max_file_size)),
        Ok(()) => halves(config, &store),
    }
}

/// Whether the files are those of the database.
fn halves(config: &Config, store: &Blobs) -> Finding {
    let shown = store.root().display();
    let good = Good(format!("files are kept in {shown}"));
    let path = config.store.database_path();
    if !path.exists() {
        return identity::check_alone(store).map_or_else(|error| Bad(error.to_string()), |()| good);
    }
    // One that cannot be read was told of, and one of an earlier version is looked at when it is up to date.
    let Ok((mut conn, 0)) = open_to_look(&path) else { return good };
    if let Err(error) = identity::check(&mut conn, store) {
        return Bad(error.to_string());
    }
    match store.survey(|ids| rows::known(&mut conn, ids).map_err(io::Error::other)) {
        Err(error) => Bad(format!("the files in {shown} cannot be looked through: {error}")),
        Ok(survey) if survey.is_too_much(config.sweep_limit) => Warning(format!(
            "nothing refers to {} of the {} files in {shown}, and the sweep does not dare to take so many; restore the database \
             that knows them, or start once with --sweep-limit 100 to have them in the trash for {}",
            survey.unknown,
            survey.files,
            humantime::format_duration(config.trash_life)
        )),
        Ok(_) => good,
    }
}

fn port(config: &Config) -> Finding {
    match TcpListener::bind(config.bind) {
        Ok(_) => Good(format!("{} is free to listen on", config.bind)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match ask_ready(reachable(config.bind)) {
            Ok(()) => Good(format!("a server is running on {} and is ready", config.bind)),
            Err(_) => Warning(format!("something else listens on {}", config.bind)),
        },
        Err(error) => Bad(format!("{} cannot be listened on: {error}", config.bind)),
    }
}

fn exposure(config: &Config) -> Finding {
    match &config.public_url {
        Some(url) if url.is_https() && config.trusted_proxies.is_empty() => Warning(
            "the public address is https, so a proxy stands before the server; name its network in --trusted-proxies, \
             or all clients are throttled as one"
                .into(),
        ),
        Some(url) if url.is_https() => Good(format!("people reach the server under {}", url.join(""))),
        Some(url) => Warning(format!("{} is not encrypted: passwords and files can be read on the way", url.join(""))),
        None if config.bind.ip().is_loopback() && !config.is_local() => {
            Good("a proxy on this machine passes others on to the server".into())
        }
        None if config.is_local() => Good("the server is for this machine alone".into()),
        None => Warning(
            "the server is open to the network without a public address; put a proxy with TLS before it and set --public-url, \
             or whoever forges a Host header decides where links lead"
                .into(),
        ),
    }
}

fn signup(settings: &Settings, role: Role) -> Finding {
    let config = &settings.base;
    match (settings.accounts.signup(role, config), role) {
        (Signup::Open, _) if config.is_local() => {
            Good(format!("{role} sign-up is open, to whoever is on this machine"))
        }
        (Signup::Open, Role::Client) => {
            Warning("anybody on the network may register as a client user, and sees and fetches every document".into())
        }
        (Signup::Open, Role::Operation) => {
            Warning("anybody on the network may register as an operation user and upload".into())
        }
        (Signup::Code(_), _) => Good(format!("{role} sign-up is open to whoever has the code")),
        (Signup::Closed, _) => Good(format!("{role} sign-up is closed: `handover users add` makes accounts")),
    }
}

fn guests(config: &Config) -> Finding {
    match (config.guests(), config.is_local()) {
        (Guests::Allow, false) => Warning(format!(
            "anybody on the network may send directly and make batches, with {} from one address and {} in all; --guests deny asks them to sign in",
            config.guest_quota, config.guests_quota
        )),
        (Guests::Allow, true) => Good("people without an account may make batches and send directly".into()),
        (Guests::Deny, _) => Good("batches and direct transfers are made by signed-in users alone".into()),
    }
}

fn ice(settings: &direct::Settings) -> Finding {
    let servers: Vec<String> = settings.ice_servers.iter().map(ToString::to_string).collect();
    Good(match servers.is_empty() {
        true => "pages send past the server on one network, and over it everywhere else; --ice-servers would help them"
            .into(),
        false => format!("pages find a way past the server with {}", servers.join(", ")),
    })
}

/// Asks the running server whether it is ready.
pub fn live(config: &Config) -> Outcome {
    ask_ready(reachable(config.bind))?;
    Ok(())
}

/// The address under which a server bound to `bind` is reached from this machine.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

/// Whether a server on this machine is ready.
pub fn is_ready(port: u16) -> bool {
    ask_ready((std::net::Ipv4Addr::LOCALHOST, port).into()).is_ok()
}

/// One request, in the oldest form there is: the answer ends with the connection.
fn ask_ready(address: SocketAddr) -> Result<(), String> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(64 << 10).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("the server on {address} does not answer: {error}"))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    match status {
        // Anything may listen there, and say yes to whatever it is asked.
        "200" if answer.ends_with(r#"{"status":"ready"}"#) => Ok(()),
        _ => Err(format!("the server on {address} is not ready: {}", answer.lines().last().unwrap_or_default())),
    }
}
