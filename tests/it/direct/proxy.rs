//! A client behind a proxy, as the environment names it.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::TestServer;
use crate::support::binary::handover;
use crate::support::directed::file;

/// A proxy that leads everybody to one server; tells what it was asked for.
async fn proxy(server: std::net::SocketAddr) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://ann:s3cret@{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                tell.send(String::from_utf8(head).unwrap()).unwrap();
                client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await; // until either goes
            });
        }
    });
    (url, told)
}

fn first_event(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_go_the_way_of_all_requests() {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::with(&["--public-url", "http://handover.invalid", "--guests", "allow"]);
    let path = file(dir.path(), "file", 10, 1);
    let (proxy, told) = proxy(server.address).await;
    // A name that nobody knows: without the proxy there is no way.
    let name = format!("handover.invalid:{}", server.address.port());
    let url = format!("http://{name}");
    let send = |no_proxy: &str| {
        let mut command = handover(&["send", path.to_str().unwrap(), "--json", "--server", &url]);
        command.env("HTTP_PROXY", &proxy).env("NO_PROXY", no_proxy).env_remove("http_proxy").env_remove("no_proxy");
        first_event(&mut command.spawn().unwrap())
    };
    let event = tokio::task::block_in_place(|| send(""));
    assert!(event.contains("\"event\":\"code\""), "{event}");
    let head = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(head.starts_with(&format!("CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n")), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic YW5uOnMzY3JldA==\r\n"), "{head}");
    let event = tokio::task::block_in_place(|| send("handover.invalid"));
    assert!(event.contains("\"event\":\"failed\"") && event.contains("unreachable"), "{event}");
    assert!(told.try_recv().is_err(), "the proxy was not asked");
}
