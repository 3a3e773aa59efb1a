//! `handover upload FILE…`: documents onto the desk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use bytesize::ByteSize;
use futures_util::{Stream, stream};
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::login::Desk;
use super::progress::{Meter, Shown};
use super::run::run_to_end;
use super::{Outcome, say};
use crate::client::{Api, Failure, answer, printable};

/// Bytes that are read at a time.
const PIECE: usize = 128 << 10;

#[derive(clap::Args)]
pub struct Args {
    /// Office documents: .docx, .xlsx, .pptx
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write events to standard output, one JSON object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    desk: Desk,
}

pub fn run(args: Args) -> Outcome {
    let shown = Shown { json: args.json };
    let api = args.desk.api()?.patient()?;
    let count = args.files.len();
    let failures = run_to_end(upload_all(&api, &args.files, shown))?;
    let failed = failures.len();
    match failures.into_iter().next() {
        None => Ok(()),
        Some(only) if count == 1 => Err(only.into()),
        Some(first) => Err(Box::new(Several { failed, count, first })),
    }
}

/// Uploads one file after another; one that fails does not keep the others. Returns why some did.
async fn upload_all(api: &Api, files: &[PathBuf], shown: Shown) -> Result<Vec<Failure>, Failure> {
    let mut failures = Vec::new();
    for path in files {
        let shown_path = printable(&path.display().to_string());
        match upload(api, path, shown).await {
            Ok(stored) if shown.json => shown.event(&stored),
            Ok(stored) => {
                let name = printable(stored["filename"].as_str().unwrap_or_default());
                let size = ByteSize(stored["size"].as_u64().unwrap_or_default());
                say(&format!("{name}  version {}  {size}", stored["version"]))
                    .map_err(|error| Failure::Local(format!("standard output cannot be written: {error}")))?;
            }
            Err(failure) => {
                shown.failed(Some(&shown_path), &failure);
                if let Failure::SignIn(_) = failure {
                    return Err(failure); // nobody comes further without
                }
                if files.len() > 1 {
                    eprintln!("handover: {shown_path}: {failure}");
                }
                failures.push(failure);
            }
        }
    }
    Ok(failures)
}

/// Some of several files were not uploaded; the exit code is that of the first.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {count} files were not uploaded")]
pub struct Several {
    failed: usize,
    count: usize,
    pub first: Failure,
}

async fn upload(api: &Api, path: &Path, shown: Shown) -> Result<Value, Failure> {
    let unreadable = |error: io::Error| Failure::Local(format!("{} cannot be read: {error}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::Local(format!("{} has no name that can be sent", path.display())))?;
    let file = File::open(path).await.map_err(unreadable)?;
    let metadata = file.metadata().await.map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::Local(format!("{} is not a file", path.display())));
    }
    shown.event(&json!({"event": "file_started", "file": name, "size": metadata.len()}));
    let state = Arc::new(Mutex::new(Sent { hasher: blake3::Hasher::new(), bytes: 0, error: None }));
    let meter = shown.meter(name, Some(metadata.len()));
    let body = Body::wrap_stream(content(file, metadata.len(), meter, state.clone()));
    let request = api.request(Method::PUT, &["upload", name], &[]).header(CONTENT_LENGTH, metadata.len()).body(body);
    let result = answer::<Value>(request).await;
    let mut sent = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut stored = match (result, sent.error.take()) {
        // The request broke off because of us.
        (Err(Failure::Unreachable(_)), Some(error)) => return Err(unreadable(error)),
        (result, _) => result?,
    };
    if stored["blake3"] != sent.hasher.finalize().to_hex().as_str() {
        return Err(Failure::Damaged("what the server has stored is not what was sent".into()));
    }
    stored["event"] = "file_done".into();
    Ok(stored)
}

/// What has left of a file.
struct Sent {
    hasher: blake3::Hasher,
    bytes: u64,
    error: Option<io::Error>,
}

/// The content of a file, no more and no less than was announced.
fn content(
    file: File,
    size: u64,
    meter: Meter,
    sent: Arc<Mutex<Sent>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, meter, sent), move |(mut file, mut meter, sent)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await;
        let mut state = sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let read = read.and_then(|read| match state.bytes + read as u64 {
            all if all > size || read == 0 && all < size => Err(io::Error::other("it has changed meanwhile")),
            _ => Ok(read),
        });
        let read = read.inspect_err(|error| {
            state.error = Some(io::Error::new(error.kind(), error.to_string()));
        })?;
        if read == 0 {
            return Ok(None);
        }
        piece.truncate(read);
        state.hasher.update(&piece);
        state.bytes += read as u64;
        meter.at(state.bytes);
        drop(state);
        Ok(Some((piece.into(), (file, meter, sent))))
    })
}
