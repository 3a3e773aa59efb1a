//! What the tests of batches share.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::support::stored::segment;
use crate::support::*;

/// A batch, as whoever has made it knows it.
pub struct Batch {
    pub id: String,
    pub key: String,
    pub made: Value,
}

/// Makes a batch of these files, with these fields.
pub async fn make(server: &TestServer, files: &[(&str, &[u8])], fields: &[(&str, &str)]) -> Batch {
    let response = server.request(Method::POST, "/api/batches").multipart(form(files, fields)).send().await.unwrap();
    made(response).await
}

pub async fn made(response: Response) -> Batch {
    let status = response.status();
    let made = json_of(response).await;
    assert_eq!(status, 201, "{made}");
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    Batch { id: text("batch_id"), key: text("manage_key"), made }
}

pub fn form(files: &[(&str, &[u8])], fields: &[(&str, &str)]) -> Form {
    let form = fields.iter().fold(Form::new(), |form, (name, value)| form.text(name.to_string(), value.to_string()));
    files.iter().fold(form, |form, (name, content)| {
        form.part("files", Part::bytes(content.to_vec()).file_name(name.to_string()))
    })
}

impl Batch {
    pub fn path(&self, rest: &str) -> String {
        format!("/api/batches/{}{rest}", self.id)
    }

    pub fn get(&self, server: &TestServer, rest: &str) -> RequestBuilder {
        server.get(&self.path(rest))
    }

    /// A request with the manage key.
    pub fn manage(&self, server: &TestServer, method: Method, rest: &str) -> RequestBuilder {
        server.request(method, &self.path(rest)).header("x-manage-key", &self.key)
    }

    pub fn put(&self, server: &TestServer, name: &str, content: impl Into<reqwest::Body>) -> RequestBuilder {
        self.manage(server, Method::PUT, &format!("/files/{}", segment(name))).body(content)
    }

    pub async fn show(&self, server: &TestServer) -> Value {
        let response = self.get(server, "").send().await.unwrap();
        assert_eq!(response.status(), 200);
        json_of(response).await
    }

    /// Names, in order.
    pub async fn names(&self, server: &TestServer) -> Vec<String> {
        let shown = self.show(server).await;
        shown["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
    }

    /// The id of the file with this index at the time of making.
    pub fn file(&self, index: usize) -> &str {
        self.made["files"][index]["file_id"].as_str().unwrap()
    }

    pub async fn bytes(&self, server: &TestServer, rest: &str) -> Vec<u8> {
        let response = self.get(server, rest).send().await.unwrap();
        assert_eq!(response.status(), 200, "{rest}");
        response.bytes().await.unwrap().to_vec()
    }
}
