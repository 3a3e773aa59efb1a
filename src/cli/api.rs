//! The server's API for the commands of the desk: requests with the user's token, and refusals in the server's words.

use std::process::ExitCode;
use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::transfer::printable;
use crate::direct::client::Server;

/// For a connection to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// For an answer, and for each piece of it.
pub const SILENCE: Duration = Duration::from_secs(30);
/// Largest problem document that is read.
const LARGEST_PROBLEM: usize = 64 << 10;

/// Why a command of the desk did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file cannot be read or written, or another failure of this side.
    #[error("{0}")]
    Local(String),
    /// Nobody is signed in, or not any more.
    #[error("{0}")]
    SignIn(String),
    /// The server's refusal: its status, its word for programs, its text.
    #[error("{msg}")]
    Refused { status: StatusCode, code: String, msg: String, retry_after: Option<Duration> },
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// What arrived is not what was sent.
    #[error("{0}")]
    Damaged(String),
    #[error("stopped")]
    Stopped,
}

impl Failure {
    /// Whether the same may go well at another time.
    pub fn may_pass(&self) -> bool {
        match self {
            Failure::Stopped | Failure::Unreachable(_) | Failure::Local(_) | Failure::SignIn(_) => true,
            Failure::Refused { status, .. } => !matches!(status.as_u16(), 404 | 410),
            Failure::Damaged(_) => false,
        }
    }

    /// What a shell is told; beside the codes of [`super::transfer::exit_code`]: 3 for what is unknown, used up or expired, 4 for
    /// what the server does not allow or take, 7 for a sign-in that is missing, over or wrong.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Local(_) => 1,
            Failure::SignIn(_) => 7,
            Failure::Refused { status, code, .. } => match (status.as_u16(), code.as_str()) {
                (401, _) => 7,
                (404 | 410, _) => 3,
                (507, _) => 4,
                (429 | 500.., _) | (_, "link_busy" | "downloads_busy" | "request_timeout") => 5,
                _ => 4,
            },
            Failure::Unreachable(_) => 5,
            Failure::Damaged(_) => 6,
            Failure::Stopped => 130,
        })
    }

    /// A word for programs.
    pub fn code(&self) -> &str {
        match self {
            Failure::Local(_) => "local",
            Failure::SignIn(_) => "sign_in",
            Failure::Refused { code, .. } => code,
            Failure::Unreachable(_) => "unreachable",
            Failure::Damaged(_) => "damaged",
            Failure::Stopped => "stopped",
        }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Failure {
        let error = error.without_url(); // which may hold a link's token
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Failure::Unreachable(match error.is_timeout() {
            true => "it does not answer".into(),
            false => cause.to_string(),
        })
    }
}

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
    let body = accepted(request.send().await?).await?.bytes().await?;
    serde_json::from_slice(&body).map_err(|_| no_handover())
}

/// The response, unless it is a refusal.
///
/// # Errors
/// Likewise.
pub async fn accepted(mut response: Response) -> Result<Response, Failure> {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        msg: String,
    }
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
    let retry_after = retry_after(response.headers());
    Err(match serde_json::from_slice::<Problem>(&body) {
        Ok(Problem { code, .. }) if status == StatusCode::UNAUTHORIZED && code == "invalid_token" => {
            Failure::SignIn("your sign-in has ended; sign in again with `handover login`".into())
        }
        Ok(Problem { code, msg }) => Failure::Refused { status, code, msg: printable(&msg), retry_after },
        Err(_) if status.is_server_error() => Failure::Refused {
            status,
            code: "unavailable".into(),
            msg: format!("the server answers {status}"),
            retry_after,
        },
        Err(_) => no_handover(),
    })
}

/// Where a redirect leads, without what may be a secret in it.
fn location(response: &Response) -> Option<String> {
    let place = response.headers().get(LOCATION)?.to_str().ok()?;
    Some(response.url().join(place).ok()?.origin().ascii_serialization())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn no_handover() -> Failure {
    Failure::Unreachable("what answers there is no Handover server".into())
}

/// Runs a command to its end; the first Ctrl-C stops it, the second ends the process where it cannot be stopped.
pub fn run_to_end<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    const INTERRUPTED: i32 = 130;
    let failed = |error: std::io::Error| Failure::Local(error.to_string());
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
    let (say, mut stop) = watch::channel(false);
    runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::spawn(async move {
            while interrupts.recv().await.is_some() {
                if say.send_replace(true) {
                    std::process::exit(INTERRUPTED);
                }
            }
        });
        tokio::select! {
            result = command => result,
            Ok(_) = stop.wait_for(|stop| *stop) => Err(Failure::Stopped),
        }
    })
}
