//! Which address the bytes of a link are at: people pass on pages.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;

use crate::cli::prompt;
use crate::client::{Failure, SILENCE, answer, http};
use crate::server::features::batches::PASSWORD;

/// An address to fetch.
pub struct Address {
    pub http: Client,
    pub url: Url,
    pub headers: HeaderMap,
    /// Whether the entity tag is the file's BLAKE3 digest, as the API has it for single files.
    pub tag_is_digest: bool,
}

/// What a link is.
#[derive(Debug, PartialEq)]
enum Link {
    File(Url),
    /// The address of the batch in the API.
    Batch(Url),
}

/// A batch as its receivers see it.
#[derive(Deserialize)]
struct Batch {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    file_id: String,
}

/// Finds the address that a link stands for. A batch of one file is that file, another one is a ZIP of all.
///
/// # Errors
/// [`Failure`], also those of asking for a batch's password.
pub async fn resolve(link: &str) -> Result<Address, Failure> {
    let http = http(Some(SILENCE))?;
    let mut headers = HeaderMap::new();
    let url = match parse(link)? {
        Link::File(url) => url,
        Link::Batch(url) => {
            let batch = match batch(&http, &url, &headers).await {
                Err(Failure::Refused { code, .. }) if code == "password_required" => {
                    headers.insert(PASSWORD, password()?);
                    batch(&http, &url, &headers).await?
                }
                batch => batch?,
            };
            match &batch.files[..] {
                [] => return Err(Failure::Local("there is nothing in this batch yet".into())),
                [file] => below(url, &["files", &file.file_id]),
                _ => below(url, &["zip"]),
            }
        }
    };
    let tag_is_digest = !url.path().ends_with("/zip");
    Ok(Address { http, url, headers, tag_is_digest })
}

fn parse(link: &str) -> Result<Link, Failure> {
    let wrong = || Failure::Local("this is not a link; it begins with https:// or http://".into());
    let mut url = Url::parse(link.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    url.set_fragment(None);
    let segments: Vec<_> = url.path_segments().into_iter().flatten().map(str::to_owned).collect();
    let base = segments.len().saturating_sub(2);
    Ok(match segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [.., "d", token] if !token.is_empty() => Link::File(replaced(url, base, &["download_file", token])),
        [.., "b", batch] if !batch.is_empty() => Link::Batch(replaced(url, base, &["api", "batches", batch])),
        _ => Link::File(url),
    })
}

/// The address with other segments behind the first `keep`.
fn replaced(mut url: Url, keep: usize, rest: &[&str]) -> Url {
    let kept: Vec<_> = url.path_segments().into_iter().flatten().take(keep).map(str::to_owned).collect();
    url.set_query(None);
    url.set_path(&[&kept.iter().map(String::as_str).collect::<Vec<_>>()[..], rest].concat().join("/"));
    url
}

fn below(mut url: Url, rest: &[&str]) -> Url {
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(rest);
    }
    url
}

async fn batch(http: &Client, url: &Url, headers: &HeaderMap) -> Result<Batch, Failure> {
    answer(http.get(url.clone()).headers(headers.clone())).await
}

/// Asks for the password of a batch; in a terminal alone, as standard input may be something else.
fn password() -> Result<HeaderValue, Failure> {
    let password = match std::env::var("HANDOVER_BATCH_PASSWORD") {
        Ok(password) if !password.is_empty() => password,
        _ => prompt::password("Password of the batch: ").map_err(|_| {
            Failure::SignIn("this batch asks for a password; give it in HANDOVER_BATCH_PASSWORD".into())
        })?,
    };
    let encoded = utf8_percent_encode(&password, NON_ALPHANUMERIC).to_string();
    HeaderValue::try_from(encoded).map_err(|error| Failure::Local(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_to_what_they_show() {
        for (link, expected) in [
            ("https://h.example/d/abc", "File https://h.example/download_file/abc"),
            (" https://h.example/below/d/abc#x\n", "File https://h.example/below/download_file/abc"),
            ("https://h.example/download_file/abc", "File https://h.example/download_file/abc"),
            ("http://h.example/x/b/abc?lang=de", "Batch http://h.example/x/api/batches/abc"),
            ("http://h.example/api/batches/a/zip?files=1", "File http://h.example/api/batches/a/zip?files=1"),
            ("http://h.example/d/", "File http://h.example/d/"),
        ] {
            let shown = match parse(link).unwrap() {
                Link::File(url) => format!("File {url}"),
                Link::Batch(url) => format!("Batch {url}"),
            };
            assert_eq!(shown, expected);
        }
        for bad in ["", "abc", "file:///etc/passwd", "ftp://h.example/x", "h.example/d/abc"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
