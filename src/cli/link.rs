//! `handover link NAME`: a one-time link to a document of the desk.

use std::time::Duration;

use bytesize::ByteSize;
use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::files::found;
use super::login::Desk;
use super::run::run_to_end;
use super::{Outcome, output, qr, say};
use crate::client::{Api, Failure, answer, printable};

/// Names that are told when a part of a name fits several.
const TOLD: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// The document's name, or a part of it that no other name has
    name: String,

    /// This version instead of the latest
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,

    /// How long the link lives, such as 30m, up to the server's ceiling
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    life: Option<Duration>,

    /// Print the address of a page with a Download button instead: looking at it spends nothing
    #[arg(long)]
    page: bool,

    /// Draw the page's address as a QR code too
    #[arg(long)]
    qr: bool,

    /// Print the server's answer as JSON
    #[arg(long, conflicts_with_all = ["page", "qr"])]
    json: bool,

    #[command(flatten)]
    desk: Desk,
}

pub fn run(args: Args) -> Outcome {
    let api = args.desk.api()?;
    let link = run_to_end(async {
        match mint(&api, &args.name, args.version, args.life).await {
            Err(Failure::Refused { status: StatusCode::NOT_FOUND, code, .. }) if code == "file_not_found" => {
                mint(&api, &whole_name(&api, &args.name).await?, args.version, args.life).await
            }
            minted => minted,
        }
    })?;
    if args.json {
        return say(&output::escaped(&link.to_string()));
    }
    let text = |field: &str| printable(link[field].as_str().unwrap_or_default());
    let size = ByteSize(link["size"].as_u64().unwrap_or_default());
    let end: Option<DateTime<Utc>> = text("expires_at").parse().ok();
    let end = end.map_or_else(String::new, |end| format!(", until {}", end.format("%Y-%m-%d %H:%M UTC")));
    output::tell(&format!("{}, version {}, {size}: once{end}", text("filename"), link["version"]));
    if args.qr
        && let Some(qr) = qr::draw(&text("page_url"))
    {
        output::tell(&qr);
    }
    say(&text(if args.page { "page_url" } else { "download_url" }))
}

async fn mint(api: &Api, name: &str, version: Option<u32>, life: Option<Duration>) -> Result<Value, Failure> {
    let version = version.map(|version| version.to_string());
    let life = life.map(|life| life.as_secs().to_string());
    let query: Vec<_> = [("version", &version), ("expires_in", &life)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
    answer(api.request(Method::POST, &["generate_download_url", name], &query)).await
}

/// The one name that has this in it.
async fn whole_name(api: &Api, part: &str) -> Result<String, Failure> {
    let mut names: Vec<_> = found(api, part).await?.into_iter().map(|file| file.filename).collect();
    let not_found = |msg: String| Failure::Refused {
        status: StatusCode::NOT_FOUND,
        code: "file_not_found".into(),
        msg,
        retry_after: None,
    };
    match names.len() {
        0 => Err(not_found(format!("there is no file {}; `handover files` lists all", printable(part)))),
        1 => Ok(names.remove(0)),
        count => {
            let mut told: Vec<_> = names.iter().take(TOLD).map(|name| printable(name)).collect();
            if count > TOLD {
                told.push("…".into());
            }
            Err(not_found(format!("which file is meant? {} is in {}", printable(part), told.join(", "))))
        }
    }
}
