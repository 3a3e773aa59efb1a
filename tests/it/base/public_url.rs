//! Under which address links are given out: the one in the settings, whatever the request says.

use crate::support::peer::Raw;
use crate::support::*;

const NAME: &str = "report-python-docx.docx";

async fn with_a_file(server: &TestServer) -> String {
    let operation = server.operation("olga").await;
    assert_eq!(server.upload(&operation, NAME, fixture(NAME)).await.status(), 201);
    server.client("carl").await
}

#[tokio::test]
async fn links_are_built_from_the_public_address_and_a_forged_host_is_ignored() {
    let server = TestServer::with(&["--public-url", "https://files.example.org/handover/"]);
    let client = with_a_file(&server).await;
    for path in [format!("/generate_download_url/{NAME}"), format!("/handover/generate_download_url/{NAME}")] {
        for (host, status) in
            [("evil.example", 421), ("evil.example:81", 421), ("user@evil.example", 400), ("\"><script>", 400)]
        {
            let response = server.get(&path).bearer_auth(&client).header("host", host).send().await.unwrap();
            assert_eq!(response.status(), status, "{host}");
            assert!(!response.text().await.unwrap().contains("download_url"), "{host}");
        }
        for host in ["files.example.org", "FILES.example.org:443", "127.0.0.1:1", "localhost"] {
            let request = server.get(&path).bearer_auth(&client).header("host", host);
            let response = request.header("x-forwarded-host", "evil.example").send().await.unwrap();
            assert_eq!(response.status(), 200, "{host}");
            let minted = json_of(response).await;
            let download = minted["download_url"].as_str().unwrap();
            let token = download.strip_prefix("https://files.example.org/handover/download_file/").unwrap();
            assert_eq!(minted["page_url"], format!("https://files.example.org/handover/d/{token}"));
        }
    }
}

/// A proxy may hand the base path through or take it off.
#[tokio::test]
async fn routes_work_under_the_base_path_and_without_it() {
    let server = TestServer::with(&["--public-url", "https://files.example.org/handover"]);
    let client = with_a_file(&server).await;
    for base in ["", "/handover"] {
        let minted = server.mint(&client, NAME).await;
        let token = minted["page_url"].as_str().unwrap().rsplit('/').next().unwrap();
        let page = format!("{base}/d/{token}");
        assert_eq!(server.get(&page).send().await.unwrap().status(), 200, "{page}");
        let pressed = server.request(reqwest::Method::POST, &page).send().await.unwrap();
        assert_eq!(pressed.status(), 303, "{page}");
        // Wherever the page lies, its button and its style sheet lie beside it.
        let here = reqwest::Url::parse(&format!("{}{page}", server.url)).unwrap();
        let html = server.get(&page).send().await.unwrap().text().await.unwrap();
        let style = html.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        let style = here.join(style).unwrap();
        assert!(style.path().starts_with(&format!("{base}/assets/")), "{style}");
        assert_eq!(server.get(style.path()).send().await.unwrap().status(), 200, "{style}");
        let file = here.join(pressed.headers()["location"].to_str().unwrap()).unwrap();
        assert_eq!(file.path(), format!("{base}/download_file/{token}"));
        let response = server.get(file.path()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{file}");
        assert_eq!(response.bytes().await.unwrap(), fixture(NAME));
        for (path, status) in [("/healthz", 200), ("/me", 401), ("/nothing", 404), ("/register", 405)] {
            let response = server.get(&format!("{base}{path}")).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{base}{path}");
            assert!(response.headers().contains_key("x-request-id"), "{base}{path}");
        }
    }
    assert_eq!(server.get("/handover/handover/healthz").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn without_a_public_address_the_host_counts_if_it_is_this_machine() {
    let server = TestServer::start();
    let client = with_a_file(&server).await;
    let mint =
        |host: &str| server.get(&format!("/generate_download_url/{NAME}")).bearer_auth(&client).header("host", host);
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for host in ["localhost", "localhost:8443", "[::1]:5000", "127.0.0.2", &own] {
        let minted = json_of(mint(host).send().await.unwrap()).await;
        let url = minted["download_url"].as_str().unwrap_or_else(|| panic!("{host}: {minted}"));
        assert!(url.starts_with(&format!("http://{host}/download_file/")), "{url}");
    }
    for (host, status) in [
        ("files.example.org", 421),
        ("192.0.2.7", 421),
        ("localhost.evil.example", 421),
        ("user@evil.example", 400),
        ("evil.example/path", 400),
        ("a b", 400),
        ("x\"><script>", 400),
        ("evil.example?x", 400),
        ("evil.example#x", 400),
        ("", 400),
    ] {
        let request = format!(
            "GET /generate_download_url/{NAME} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {client}\r\nConnection: close\r\n\r\n"
        );
        let mut raw = Raw::connect(server.address).await;
        raw.send(request).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
        assert!(!answer.body.contains("download_file"), "{host}: {answer:?}");
    }
    // The address in the request's target counts before Host; an old client may name none.
    for (head, status) in [
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n", 421),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
        ("GET /healthz HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.0\r\n", 200),
    ] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(raw.answer().await.status, status, "{head}");
    }
}
