//! `handover upload FILE…`: documents onto the desk.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;
use serde_json::{Value, json};

use super::login::Desk;
use super::progress::Renderer;
use super::run::run_to_end;
use super::source::Source;
use super::{Outcome, output, say};
use crate::client::{Api, Failure, answer, printable};

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
    let renderer = Renderer::of(args.json);
    let api = args.desk.api()?.patient()?;
    let count = args.files.len();
    let failures = run_to_end(upload_all(&api, &args.files, renderer))?;
    let failed = failures.len();
    match failures.into_iter().next() {
        None => Ok(()),
        Some(only) if count == 1 => Err(only.into()),
        Some(first) => Err(Box::new(Several { failed, count, first })),
    }
}

/// Uploads one file after another; one that fails does not keep the others. Returns why some did.
async fn upload_all(api: &Api, files: &[PathBuf], renderer: Renderer) -> Result<Vec<Failure>, Failure> {
    let mut failures = Vec::new();
    for path in files {
        let shown_path = printable(&path.display().to_string());
        match upload(api, path, renderer).await {
            Ok(stored) if renderer == Renderer::Json => renderer.event(&stored),
            Ok(stored) => {
                let name = printable(stored["filename"].as_str().unwrap_or_default());
                let size = ByteSize(stored["size"].as_u64().unwrap_or_default());
                let notes = stored["notes"].as_array().into_iter().flatten().filter_map(|note| note["msg"].as_str());
                let notes: String = notes.map(|note| format!("\n  {}", printable(note))).collect();
                say(&format!("{name}  version {}  {size}{notes}", stored["version"]))
                    .map_err(|error| Failure::Local(format!("standard output cannot be written: {error}")))?;
            }
            Err(failure) => {
                renderer.failed(Some(&shown_path), &failure);
                if let Failure::SignIn(_) = failure {
                    return Err(failure); // nobody comes further without
                }
                if files.len() > 1 {
                    output::tell(&format!("handover: {shown_path}: {failure}"));
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

async fn upload(api: &Api, path: &Path, renderer: Renderer) -> Result<Value, Failure> {
    let source = Source::open(path).await?;
    let (name, size) = (source.name.clone(), source.size);
    renderer.event(&json!({"event": "file_started", "file": name, "size": size}));
    let meter = renderer.meter(&name, Some(size));
    let (body, sent) = source.body(meter);
    let request = api.request(Method::PUT, &["upload", &name], &[]).header(CONTENT_LENGTH, size).body(body);
    let mut stored = sent.explain(answer::<Value>(request).await)?;
    if stored["blake3"] != sent.digest() {
        return Err(Failure::Damaged("what the server has stored is not what was sent".into()));
    }
    stored["event"] = "file_done".into();
    Ok(stored)
}
