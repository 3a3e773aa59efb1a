//! Where a sign-in is kept: `handover/login.json` in the user's folder for settings (XDG Base Directory Specification).

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::client::{Failure, Server};

/// Larger than any of ours.
const LARGEST: u64 = 64 << 10;

/// A sign-in that is kept. Whoever has the token is this user for the server.
#[derive(Clone, Serialize, Deserialize)]
pub struct Stored {
    /// As [`Server::url`] has it.
    pub server: String,
    pub username: String,
    pub token: String,
    pub expires_at: DateTime<Utc>,
}

impl Stored {
    /// Whether the token is one of this server's; it is shown to no other.
    pub fn is_of(&self, server: &Server) -> bool {
        self.server.eq_ignore_ascii_case(server.url())
    }

    pub fn is_over(&self) -> bool {
        self.expires_at <= Utc::now()
    }
}

/// The sign-in that is kept, if there is one.
///
/// # Errors
/// [`Failure::Local`] when it cannot be read, and when others can read it too.
pub fn stored() -> Result<Option<Stored>, Failure> {
    let path = path()?;
    let wrong = |what: String| Failure::Local(format!("{} {what}", path.display()));
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| wrong(format!("cannot be read: {error}")))?,
    };
    let mode = file.metadata().map_err(|error| wrong(format!("cannot be read: {error}")))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(wrong(format!(
            "is open to others on this machine (mode {:o}), and so is the sign-in in it. Say `handover logout`, then sign in again",
            mode & 0o777
        )));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    serde_json::from_str(&text).map(Some).map_err(|_| wrong("is damaged; sign in again with `handover login`".into()))
}

/// Keeps a sign-in in the place of the one before; a crash leaves either whole.
pub fn keep(stored: &Stored) -> Result<(), Failure> {
    let path = path()?;
    write(&path, stored).map_err(|error| Failure::Local(format!("{} cannot be written: {error}", path.display())))
}

fn write(path: &Path, stored: &Stored) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    let draft = folder.join(format!("login.{:016x}.new", rand::random::<u64>()));
    let result = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec(stored)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(folder)?.sync_all()
    };
    result().inspect_err(|_| drop(fs::remove_file(&draft)))
}

/// Forgets the sign-in.
pub fn forget() -> Result<(), Failure> {
    let path = path()?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Local(format!("{} cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

fn path() -> Result<PathBuf, Failure> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let settings = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    let settings = settings.ok_or_else(|| Failure::Local("there is no HOME to keep a sign-in in".into()))?;
    Ok(settings.join("handover/login.json"))
}
