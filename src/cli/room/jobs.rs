//! What goes by HTTP beside a member's socket: sharing and saving files, and what the maker does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::time::sleep;

use super::roster::SharedFile;
use crate::cli::fetch::address::Address;
use crate::cli::fetch::download::{Download, Sink};
use crate::cli::fetch::resume::Journal;
use crate::cli::progress::Renderer;
use crate::cli::source::Source;
use crate::client::folder::{Folder, local_name};
use crate::client::{Api, Failure, SILENCE, Server, accepted, answer, http};
use crate::protocol::rooms::event::Event;
use crate::server::features::rooms::{MANAGE_KEY, MEMBER_TOKEN};

/// Where a room's requests go, and as whom.
pub struct Desk {
    server: Server,
    room: String,
    key: Option<String>,
    to: PathBuf,
}

/// What the maker asks for.
#[derive(Clone, Debug)]
pub enum Order {
    Rename(String),
    Lock(bool),
    RemoveMember(String),
    RemoveEvent(i64),
    End,
}

/// A file that has been saved.
pub struct Saved {
    pub path: PathBuf,
    pub bytes: u64,
    /// The digest that it was compared with.
    pub verified: Option<&'static str>,
}

impl Desk {
    /// # Errors
    /// [`Failure::Local`] when the server's address is none.
    pub fn new(server: &Server, room: String, key: Option<String>, to: PathBuf) -> Result<Desk, Failure> {
        Api::new(server, None)?;
        Ok(Desk { server: server.clone(), room, key, to })
    }

    /// Whether one has the maker's key.
    pub fn is_makers(&self) -> bool {
        self.key.is_some()
    }

    fn request(&self, api: &Api, method: Method, rest: &[&str]) -> RequestBuilder {
        api.request(method, &[&["api", "rooms", &self.room], rest].concat(), &[])
    }

    /// Shares a file; it returns when all have been told.
    pub fn share(&self, path: PathBuf, token: &str) -> impl Future<Output = Result<Event, Failure>> + Send + use<> {
        let request = Api::new(&self.server, None)
            .and_then(Api::patient)
            .map(|api| self.request(&api, Method::POST, &["files"]).header(MEMBER_TOKEN, token));
        async move {
            let request = request?;
            let source = Source::open(&path).await?;
            let (name, size) = (source.name.clone(), source.size);
            let (body, sent) = source.body(Renderer::Nothing.meter(&name, Some(size)));
            let part = Part::stream_with_length(body, size).file_name(name);
            sent.explain(answer(request.multipart(Form::new().part("file", part))).await)
        }
    }

    /// Saves a file under its name, or the next free one, once it is there and verified.
    pub fn save(
        &self,
        file: SharedFile,
        token: &str,
        wait: Duration,
    ) -> impl Future<Output = Result<Saved, Failure>> + Send + use<> {
        let begun = self.address(&file, token);
        let to = self.to.clone();
        async move {
            sleep(wait).await;
            let unwritable =
                |error: std::io::Error| Failure::Local(format!("{} cannot be written: {error}", to.display()));
            let mut download = Download::open(begun?, Renderer::Nothing).await?;
            let folder = Folder::open(&to).map_err(unwritable)?;
            let mut partial = folder.begin(&local_name(&file.name), None).map_err(unwritable)?;
            let fetched = download.run(&mut Sink::File(&mut partial, &mut Journal::default())).await?;
            if fetched.bytes != file.size {
                return Err(Failure::Damaged("it does not have the size that was told".into()));
            }
            partial.sync().map_err(unwritable)?;
            let name = partial.finish().map_err(unwritable)?;
            let path = to.join(name);
            let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
            Ok(Saved { path, bytes: fetched.bytes, verified: fetched.verified })
        }
    }

    fn address(&self, file: &SharedFile, token: &str) -> Result<Address, Failure> {
        let request = self.request(&Api::new(&self.server, None)?, Method::GET, &["files", &file.file_id]);
        let url = request.build()?.url().clone();
        let token = HeaderValue::try_from(token).map_err(|error| Failure::Local(error.to_string()))?;
        let headers = HeaderMap::from_iter([(MEMBER_TOKEN.parse().map_err(no_header)?, token)]);
        Ok(Address { http: http(Some(SILENCE))?, url, headers, tag_is_digest: true })
    }

    /// Does what the maker asks for.
    pub fn manage(&self, order: Order) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let request = Api::new(&self.server, None).map(|api| {
            let request = match &order {
                Order::Rename(title) => self.request(&api, Method::PATCH, &[]).json(&json!({"title": title})),
                Order::Lock(locked) => self.request(&api, Method::PATCH, &[]).json(&json!({"locked": locked})),
                Order::RemoveMember(id) => self.request(&api, Method::DELETE, &["members", id]),
                Order::RemoveEvent(id) => self.request(&api, Method::DELETE, &["events", &id.to_string()]),
                Order::End => self.request(&api, Method::DELETE, &[]),
            };
            request.header(MANAGE_KEY, self.key.as_deref().unwrap_or_default())
        });
        async move { accepted(request?.send().await?).await.map(drop) }
    }
}

fn no_header(error: reqwest::header::InvalidHeaderName) -> Failure {
    Failure::Local(error.to_string())
}
