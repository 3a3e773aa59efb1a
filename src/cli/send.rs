//! `handover send PATH…`: from this terminal to whoever has the code.

use std::path::{Path, PathBuf};

use super::Outcome;
use super::transfer::{Link, Shown, run_to_end};
use crate::direct::client::{Pace, Sending, Sources, send};

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

    /// A sign-in's token, for servers that let no guests send
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
    let mut shown = Shown::sending(args.link.json, !args.no_qr);
    for skipped in &sources.skipped {
        shown.note(&format!("left out: {skipped}"));
    }
    if sources.entries.is_empty() && args.text.is_none() {
        return Err("there is nothing to send".into());
    }
    let (route, server) = (args.link.route(), args.link.server.with_token(args.token));
    run_to_end(&mut shown, async |stop, tell| {
        send(Sending { server, pace: Pace::default(), route, text: args.text, sources, stop }, tell).await
    })
}
