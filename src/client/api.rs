//! The server's API: requests with the user's token, and refusals in the server's words.

use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use super::{Failure, Server};

/// For a connection to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// For an answer, and for each piece of it.
pub const SILENCE: Duration = Duration::from_secs(30);
/// Largest answer that is read: a batch with all its files, and more.
const LARGEST_ANSWER: usize = 32 << 20;
/// Largest problem document that is read.
const LARGEST_PROBLEM: usize = 64 << 10;

/// A client that waits for no server for ever and follows nobody elsewhere.
pub fn http(silence: Option<Duration>) -> Result<Client, Failure> {
    let client = Client::builder()
        .user_agent(concat!("handover/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT);
    let client = match silence {
        Some(silence) => client.read_timeout(silence),
        None => client,
    };
    client.build().map_err(|error| Failure::Local(format!("no connection can be made: {error}")))
}

/// The API of one server, as one user.
pub struct Api {
    http: Client,
    base: Url,
    token: Option<String>,
}

impl Api {
    pub fn new(server: &Server, token: Option<String>) -> Result<Api, Failure> {
        let base = Url::parse(server.url()).map_err(|error| Failure::Local(format!("{}: {error}", server.url())))?;
        Ok(Api { http: http(Some(SILENCE))?, base, token })
    }

    /// The same for large bodies: an answer may take as long as the body does.
    pub fn patient(self) -> Result<Api, Failure> {
        Ok(Api { http: http(None)?, ..self })
    }

    /// A request to this address below the server's; each part is one segment, whatever signs it has.
    pub fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// Sends a request and reads its JSON.
///
/// # Errors
/// [`Failure::Refused`] in the server's words, and the others.
pub async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    let mut response = accepted(request.send().await?).await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Failure::no_handover());
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| Failure::no_handover())
}

/// The response, unless it is a refusal.
///
/// # Errors
/// Likewise.
pub async fn accepted(mut response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if let (true, Some(elsewhere)) = (status.is_redirection(), location(&response)) {
        return Err(Failure::Unreachable(format!("it says that it is at {elsewhere}; give that address")));
    }
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_PROBLEM {
            break;
        }
    }
    Err(Failure::of(status, response.headers(), &body))
}

/// Where a redirect leads, without what may be a secret in it.
fn location(response: &Response) -> Option<String> {
    let place = response.headers().get(LOCATION)?.to_str().ok()?;
    Some(response.url().join(place).ok()?.origin().ascii_serialization())
}
