//! The page of a batch without its script: the files as plain links.

use std::time::Duration;

use crate::support::batched::*;
use crate::support::*;

async fn html(server: &TestServer, path: &str) -> String {
    let response = server.get(path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn files_are_plain_links() {
    let server = TestServer::start();
    let files: &[(&str, &[u8])] = &[("a & b/<x>.txt", b"one"), ("b.txt", b"three")];
    let batch = make(&server, files, &[("title", "For <you>")]).await;
    let page = html(&server, &format!("/b/{}", batch.id)).await;
    assert!(page.contains("<h1 class=\"large\">For &lt;you&gt;</h1>"), "{page}");
    assert!(page.contains("a &amp; b/&lt;x&gt;.txt"), "{page}");
    let links: Vec<_> = page.split("href=\"..").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let links: Vec<_> = links.into_iter().filter(|link| link.starts_with("/api/")).collect();
    assert_eq!(links.len(), 3, "{links:?}");
    assert_eq!(links[0], batch.path("/zip"));
    for (link, (_, content)) in links[1..].iter().zip(files) {
        assert_eq!(server.get(link).send().await.unwrap().bytes().await.unwrap(), *content);
    }
}

#[tokio::test]
async fn names_are_for_whoever_may_see_them() {
    let server = TestServer::start();
    let files: &[(&str, &[u8])] = &[("secret.txt", b"x")];
    let locked = make(&server, files, &[("password", "opensesame")]).await;
    let page = html(&server, &format!("/b/{}", locked.id)).await;
    assert!(page.contains("This batch has a password") && !page.contains("secret.txt"), "{page}");
    let once = make(&server, files, &[("max_downloads", "1"), ("expires_in", "60")]).await;
    once.bytes(&server, &format!("/files/{}", once.file(0))).await;
    let path = format!("/b/{}", once.id);
    // The copy is counted a moment after its last byte.
    eventually("nothing is left", async || !html(&server, &path).await.contains("secret.txt")).await;
    server.clock.advance(Duration::from_secs(61));
    for path in [path.as_str(), "/b/aaaaaaaaaaaaaaaaaaaa", "/b/x"] {
        assert!(html(&server, path).await.contains("There is no such batch"), "{path}");
    }
}
