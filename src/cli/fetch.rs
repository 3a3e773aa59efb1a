//! `handover fetch URL`: what a link leads to, whole or not at all.

pub mod address;
mod content;
pub mod download;
pub mod resume;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use rustix::fs::FileType;
use serde_json::json;

use super::progress::Renderer;
use super::run::run_to_end;
use super::{Outcome, output, say};
use crate::client::folder::{Folder, Partial, local_name};
use crate::client::{Failure, printable};
use download::{Download, Fetched, Sink};
use resume::Journal;

#[derive(clap::Args)]
pub struct Args {
    /// A one-time link, its page, or a batch; asked for or read from standard input if it is left out, which hides it from
    /// others on this machine
    #[arg(env = "HANDOVER_LINK", hide_env_values = true)]
    url: Option<String>,

    /// Where to put the file: a name, or a folder; - is standard output
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Replace a file of the same name
    #[arg(long)]
    force: bool,

    /// Write events to standard output, one JSON object a line
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Outcome {
    let to_output = args.output.as_deref() == Some(Path::new("-"));
    let renderer = Renderer::of(args.json && !to_output);
    let url = match args.url {
        Some(url) => url,
        None => ask()?,
    };
    let place = if to_output { None } else { Some(Place::of(args.output, args.force)?) };
    let fetched = run_to_end(fetch(&url, place, renderer)).inspect_err(|failure| renderer.failed(None, failure))?;
    let Some((path, Fetched { bytes, verified })) = fetched else { return Ok(()) };
    let path = path.display().to_string();
    renderer.event(&json!({"event": "done", "path": path, "bytes": bytes, "verified": verified}));
    match args.json {
        true => Ok(()),
        false => say(&printable(&path)),
    }
}

fn ask() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        output::ask("Link: ");
    }
    let line = super::login::line();
    line.map_err(|error| Failure::Local(format!("standard input cannot be read: {error}")))
}

async fn fetch(url: &str, place: Option<Place>, renderer: Renderer) -> Result<Option<(PathBuf, Fetched)>, Failure> {
    let address = address::resolve(url).await?;
    let Some(place) = place else {
        let mut download = Download::open(address, renderer).await?;
        let mut output = std::io::stdout();
        let fetched = download.run(&mut Sink::Output(&mut output)).await?;
        output.flush().map_err(unwritable)?;
        note(renderer, &download, &fetched);
        return Ok(None);
    };
    let mut journal = Journal::of(url, &place.folder, place.name.as_deref());
    let mut download =
        Download::open(address, renderer).await.inspect_err(|failure| place.give_up(&mut journal, failure))?;
    let (mut partial, before) = place.begin(&download, &journal)?;
    let fetched = match download.run(&mut Sink::File(&mut partial, &mut journal)).await {
        Ok(fetched) => fetched,
        Err(failure) if failure.may_pass() => return Err(failure),
        Err(failure) => {
            partial.remove();
            journal.forget();
            return Err(failure);
        }
    };
    // The link is used up: this may be the only copy.
    partial.sync().map_err(unwritable)?;
    let name = if before.replace { partial.replace() } else { partial.finish() }.map_err(unwritable)?;
    journal.forget();
    note(renderer, &download, &fetched);
    Ok(Some((before.path(&name), fetched)))
}

fn note(renderer: Renderer, download: &Download, fetched: &Fetched) {
    let verified = if fetched.verified.is_some() { ", verified" } else { "" };
    renderer.note(&format!("{}, {}{verified}", printable(&download.name), ByteSize(fetched.bytes)));
}

fn unwritable(error: std::io::Error) -> Failure {
    Failure::Local(format!("the file cannot be written: {error}"))
}

/// Where a file goes.
struct Place {
    folder: PathBuf,
    /// Chosen by whoever fetches; else the server's.
    name: Option<String>,
    replace: bool,
}

impl Place {
    fn of(output: Option<PathBuf>, replace: bool) -> Result<Place, Failure> {
        let output = output.unwrap_or_else(|| ".".into());
        if output.is_dir() {
            return Ok(Place { folder: output, name: None, replace });
        }
        let wrong = |what: &str| Failure::Local(format!("{} {what}", output.display()));
        let name = output.file_name().and_then(|name| name.to_str()).ok_or_else(|| wrong("is not a name"))?.to_owned();
        let folder = match output.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => ".".into(),
        };
        let ends_in_slash = output.as_os_str().as_encoded_bytes().ends_with(b"/");
        if ends_in_slash || !folder.is_dir() {
            return Err(wrong("is in no folder that is there"));
        }
        Ok(Place { folder, name: Some(name), replace })
    }

    /// The path of a file of this name, as people write it.
    fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
    }

    /// Begins the file, before anything of the link is spent. What has its name is in the way unless it may be replaced.
    fn begin(self, download: &Download, journal: &Journal) -> Result<(Partial, Place), Failure> {
        let name = self.name.clone().unwrap_or_else(|| local_name(&download.name));
        let shown = self.path(&name);
        let shown = shown.display();
        let wrong = |error: std::io::Error| Failure::Local(format!("{shown} cannot be written: {error}"));
        let folder = Folder::open(&self.folder).map_err(wrong)?;
        match folder.peek(&name).map_err(wrong)? {
            Some(FileType::Directory) => Err(Failure::Local(format!("{shown} is a folder"))),
            Some(_) if !self.replace => Err(Failure::Local(format!(
                "{shown} is there already; say --force to replace it, or -o NAME to choose another. The link is not spent"
            ))),
            _ => match journal.reopen(&folder, download.etag()) {
                Some(left) => Ok((left, self)),
                None => Ok((folder.begin_as(&name).map_err(wrong)?, self)),
            },
        }
    }

    /// What is left of a link that leads nowhere any more is of no use.
    fn give_up(&self, journal: &mut Journal, failure: &Failure) {
        if !failure.may_pass()
            && let Ok(folder) = Folder::open(&self.folder)
        {
            journal.discard(&folder);
        }
    }
}
