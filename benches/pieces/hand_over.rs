//! The whole way, on a server in this process: an upload, and a link minted and fetched on one connection.

use criterion::{Criterion, Throughput};
use serde_json::Value;

use crate::support::TestServer;
use crate::support::crafted::docx;
use crate::support::raw::{FORM_TYPE, Raw, file_part, form};
use crate::{SMALL, folder};

pub fn bench(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = TestServer::in_folder(folder(), &[]);
    let document = docx(1, SMALL);
    let (operation, client, mut connection) = runtime.block_on(async {
        (server.operation("olga").await, server.client("carl").await, Raw::open(server.address).await)
    });
    let upload = upload_of(&operation, &document);
    let mut group = criterion.benchmark_group("hand over");
    group.throughput(Throughput::Elements(1));
    group.bench_function("upload 30 KiB", |b| {
        b.iter(|| {
            runtime.block_on(async {
                connection.send(&upload).await;
                let (head, body) = connection.answer().await;
                assert_eq!(head.status, 201, "{}", String::from_utf8_lossy(&body));
            });
        });
    });
    group.bench_function("mint and fetch 30 KiB", |b| {
        b.iter(|| runtime.block_on(mint_and_fetch(&mut connection, &server.url, &client, document.len())));
    });
}

fn upload_of(operation: &str, document: &[u8]) -> Vec<u8> {
    let body = form(&[(&file_part("report.docx"), document)]);
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {operation}\r\nContent-Type: {FORM_TYPE}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

async fn mint_and_fetch(connection: &mut Raw, url: &str, client: &str, size: usize) {
    connection.get("/generate_download_url/report.docx", &format!("Authorization: Bearer {client}\r\n")).await;
    let (head, body) = connection.answer().await;
    assert_eq!(head.status, 200);
    let minted: Value = serde_json::from_slice(&body).unwrap();
    let link = minted["download_url"].as_str().unwrap();
    connection.get(link.strip_prefix(url).unwrap_or(link), "").await;
    let (head, body) = connection.answer().await;
    assert_eq!((head.status, body.len()), (200, size));
}
