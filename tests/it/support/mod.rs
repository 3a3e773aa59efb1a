//! What the tests share: a server each, and a client that speaks as its users do.

pub mod answers;
pub mod batched;
pub mod binary;
pub mod crafted;
pub mod desk_user;
pub mod directed;
pub mod holder;
pub mod large;
pub mod linked;
pub mod peer;
pub mod process;
pub mod raw;
pub mod roomed;
pub mod stored;
pub mod terminals;

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use clap::Parser;
use handover::server::app::App;
use handover::server::clock::Clock;
use handover::server::settings::Settings;
use handover::server::{Live, Server};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse";

/// A server in this process, on a free port, with a folder of its own. It stops when it is dropped.
pub struct TestServer {
    pub url: String,
    pub address: std::net::SocketAddr,
    /// Stands still until a test moves it.
    pub clock: Clock,
    app: Option<Data<App>>,
    pub live: Live,
    pub dir: tempfile::TempDir,
    http: reqwest::Client,
    stop: Option<(ServerHandle, JoinHandle<()>)>,
}

/// The settings of a server as its command line would give them.
pub fn settings(data: &Path, flags: &[&str]) -> Settings {
    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        settings: Settings,
    }
    let data = data.to_str().unwrap();
    let fixed = ["handover", "--bind", "127.0.0.1:0", "--data", data, "--free-space-floor", "1MiB"];
    let given = |flag: &&str| !flags.contains(flag);
    let mut args = vec![fixed[0]];
    for pair in fixed[1..].chunks(2).filter(|pair| given(&pair[0])) {
        args.extend(pair);
    }
    args.extend(flags);
    Flags::parse_from(args).settings
}

impl TestServer {
    pub fn start() -> TestServer {
        TestServer::with(&[])
    }

    /// A server with these flags beside the ones that every test has. Behind a proxy it is as open as without.
    pub fn with(flags: &[&str]) -> TestServer {
        let mut flags = flags.to_vec();
        if flags.contains(&"--public-url") || flags.contains(&"--trusted-proxies") {
            for (flag, value) in [("--operation-signup", "open"), ("--client-signup", "open"), ("--guests", "allow")] {
                if !flags.contains(&flag) {
                    flags.extend([flag, value]);
                }
            }
        }
        TestServer::as_installed(&flags)
    }

    /// A server that opens nothing which its settings do not open.
    pub fn as_installed(flags: &[&str]) -> TestServer {
        TestServer::in_folder(tempfile::tempdir().unwrap(), flags)
    }

    /// A server on a folder that exists, e.g. that of a server before it.
    pub fn in_folder(dir: tempfile::TempDir, flags: &[&str]) -> TestServer {
        let settings = settings(&dir.path().join("data"), flags);
        let clock = Clock::manual();
        let (tell, told) = std::sync::mpsc::channel();
        let its_clock = clock.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = Server::start(settings, its_clock).await.expect("the server starts");
                let (address, app, live) = (server.address, server.app.clone(), server.live.clone());
                server.run(false, |handle| tell.send((address, app, live, handle)).unwrap()).await.unwrap();
            });
        });
        let (address, app, live, handle) = told.recv().expect("the server starts");
        TestServer {
            url: format!("http://{address}"),
            address,
            clock,
            app: Some(app),
            live,
            dir,
            http: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            stop: Some((handle, thread)),
        }
    }

    /// The application inside, for what no client can see.
    pub fn app(&self) -> &App {
        self.app.as_ref().expect("the server runs")
    }

    /// Likewise, shared. Dropped before the server is: it waits for the last one who has it.
    pub fn data(&self) -> Data<App> {
        self.app.clone().expect("the server runs")
    }

    /// Stops the server and gives back its folder, for the next one.
    pub fn stop(mut self) -> tempfile::TempDir {
        self.shut_down();
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }

    fn shut_down(&mut self) {
        if let Some((handle, thread)) = self.stop.take() {
            // Nobody awaits the future: the command is sent when it is made.
            drop(handle.stop(true));
            // The server's last part ends with this App: the writer's thread.
            self.app = None;
            thread.join().unwrap();
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.request(Method::POST, path).json(&body).send().await.unwrap()
    }

    pub async fn register(&self, name: &str, operation: bool) {
        let body = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "is_operation_user": operation});
        let response = self.post("/register", body).await;
        assert_eq!(response.status(), StatusCode::CREATED, "{}", response.text().await.unwrap());
    }

    pub async fn login(&self, name: &str) -> String {
        let response = self.post("/login", json!({"username": name, "password": PASSWORD})).await;
        assert_eq!(response.status(), StatusCode::OK);
        json_of(response).await["access_token"].as_str().unwrap().to_owned()
    }

    /// A new operation user's token.
    pub async fn operation(&self, name: &str) -> String {
        self.register(name, true).await;
        self.login(name).await
    }

    /// A new client user's token.
    pub async fn client(&self, name: &str) -> String {
        self.register(name, false).await;
        self.login(name).await
    }

    /// Uploads `content` as a form does.
    pub async fn upload(&self, token: &str, name: &str, content: impl Into<reqwest::Body>) -> Response {
        let part = reqwest::multipart::Part::stream(content).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        self.request(Method::POST, "/upload").bearer_auth(token).multipart(form).send().await.unwrap()
    }

    /// Mints a link and returns what the server says of it.
    pub async fn mint(&self, token: &str, path: &str) -> Value {
        let response = self.get(&format!("/generate_download_url/{path}")).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        json_of(response).await
    }

    /// A GET of an absolute address that the server gave.
    pub fn fetch(&self, url: &Value) -> RequestBuilder {
        self.http.get(url.as_str().unwrap())
    }

    /// Files in the folder for files, in no order.
    pub fn blobs(&self) -> Vec<PathBuf> {
        blobs_below(&self.dir.path().join("data/blobs"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shut_down();
    }
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// Contents in a folder for files: without its trash and what it keeps of itself.
pub fn blobs_below(root: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root).into_iter().flatten().map(|entry| entry.unwrap().path());
    folders.filter(|folder| !folder.ends_with("trash")).flat_map(|folder| files_below(&folder)).collect()
}

pub async fn json_of(response: Response) -> Value {
    response.json().await.unwrap()
}

/// Asserts that a response is the problem document of `code`, and gives it back.
#[track_caller]
pub fn assert_problem(status: StatusCode, body: &Value, expected: u16, code: &str, msg: Option<&str>) {
    assert_eq!(status.as_u16(), expected, "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], expected, "{body}");
    assert_eq!(body["msg"], body["detail"], "{body}");
    if let Some(msg) = msg {
        assert_eq!(body["msg"], msg);
    }
}

/// Sends a request and asserts the problem that it is answered with.
pub async fn expect_problem(request: RequestBuilder, expected: u16, code: &str, msg: Option<&str>) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = json_of(response).await;
    assert_problem(status, &body, expected, code, msg);
    body
}

/// A fixture from tests/fixtures/office.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/office").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Waits until `condition` holds; for what happens after an answer, such as the giving back of a link. Fails after 20 s.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(std::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
