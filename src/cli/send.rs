//! `handover send PATH…`: from this terminal to whoever has the code.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::Outcome;
use super::find::{Choice, find};
use super::login::{meant, token_for};
use super::transfer::{Link, Renderer, resume_state, run_to_end};
use crate::client::Server;
use crate::client::direct::{Pace, ResumeState, Sending, Sources, send};

#[derive(clap::Args)]
pub struct Args {
    /// Files and folders; - is standard input
    #[arg(required_unless_present = "text", value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// A text, with the files or alone
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,

    /// What the receiver calls standard input
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    name: String,

    /// Do not draw the QR code
    #[arg(long)]
    no_qr: bool,

    /// Begin anew, with a new code, where this was being sent when it was killed
    #[arg(long)]
    new: bool,

    /// A sign-in's token, for servers that let no guests send; that of `handover login` if it is left out
    #[arg(long, env = "HANDOVER_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,

    #[command(flatten)]
    link: Link,
}

pub fn run(args: Args) -> Outcome {
    let mut sources = Sources::default();
    for path in &args.paths {
        match path == Path::new("-") {
            true => sources.add_stream(&args.name, std::io::stdin()),
            false => sources.add(path)?,
        }
    }
    let mut renderer = Renderer::sending(args.link.json, !args.no_qr);
    for skipped in &sources.skipped {
        renderer.note(&format!("left out: {skipped}"));
    }
    if sources.entries.is_empty() && args.text.is_none() {
        return Err("there is nothing to send".into());
    }
    let route = args.link.route();
    let Choice { server, is_meant } = find(meant(args.link.server)?)?;
    let resume = place(&server, &args.paths, args.text.as_deref());
    if let Some(resume) = resume.as_ref().filter(|_| args.new) {
        resume.clear();
    }
    let token = args.token.filter(|_| is_meant).map_or_else(|| token_for(&server), |token| Ok(Some(token)))?;
    let server = server.with_token(token);
    run_to_end(&mut renderer, async |stop, tell| {
        send(Sending { server, pace: Pace::default(), route, text: args.text, sources, stop, resume }, tell).await
    })
}

/// The same for the same paths on the same server.
fn place(server: &Server, paths: &[PathBuf], text: Option<&str>) -> Option<ResumeState> {
    let paths: Vec<PathBuf> = paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut words = vec![b"send".as_slice(), server.url().as_bytes()];
    words.extend(paths.iter().map(|path| path.as_os_str().as_bytes()));
    words.extend(text.map(str::as_bytes));
    resume_state(&words)
}
