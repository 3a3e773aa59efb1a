//! `handover users …`, beside a running server and without one.

use diesel::connection::SimpleConnection as _;
use handover::server::db::Conn;
use reqwest::Method;
use serde_json::json;

use crate::support::binary::{Running, one_line, run, text};
use crate::support::*;

fn users(data: &str, args: &[&str], input: &str) -> std::process::Output {
    run(&[&["users", "--data", data], args].concat(), input)
}

/// Runs a command that must succeed, and gives what it says.
#[track_caller]
fn done(data: &str, args: &[&str], input: &str) -> String {
    let output = users(data, args, input);
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

async fn login(server: &Running, name: &str, password: &str) -> Result<String, u16> {
    let body = json!({"username": name, "password": password});
    let response = server.request(Method::POST, "/login").json(&body).send().await.unwrap();
    match response.status().as_u16() {
        200 => Ok(json_of(response).await["access_token"].as_str().unwrap().to_owned()),
        status => Err(status),
    }
}

async fn role(server: &Running, token: &str) -> Option<String> {
    let response = server.request(Method::GET, "/me").bearer_auth(token).send().await.unwrap();
    match response.status().as_u16() {
        200 => Some(json_of(response).await["role"].as_str().unwrap().to_owned()),
        401 => None,
        status => panic!("{status}"),
    }
}

#[tokio::test]
async fn every_change_counts_at_once_in_a_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let server = Running::start(dir.path(), &["--operation-signup", "closed"]);
    let added = done(data, &["add", "Olga", "olga@example.org", "--operation"], "correct horse\n");
    assert!(added.contains("operation") && added.contains("Olga"), "{added}");
    done(data, &["add", "carl", "carl@example.org"], "correct horse\r\n");
    let (olga, carl) =
        (login(&server, "olga", PASSWORD).await.unwrap(), login(&server, "carl", PASSWORD).await.unwrap());
    assert_eq!(role(&server, &olga).await.as_deref(), Some("operation"));
    assert_eq!(role(&server, &carl).await.as_deref(), Some("client"));

    done(data, &["disable", "OLGA"], "");
    assert_eq!(role(&server, &olga).await, None);
    assert_eq!(login(&server, "olga", PASSWORD).await, Err(401));
    let list = done(data, &["list"], "");
    let row = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {list}"));
    assert!(row("Olga").contains("operation") && row("Olga").contains("disabled"), "{list}");
    assert!(row("carl").contains("client") && row("carl").contains("enabled"), "{list}");
    assert!(row("carl").contains("carl@example.org"), "{list}");
    assert!(!list.contains("argon2"), "{list}");

    done(data, &["enable", "olga"], "");
    assert_eq!(role(&server, &olga).await, None, "the old token stays ended");
    let olga = login(&server, "olga", PASSWORD).await.unwrap();
    done(data, &["role", "olga", "client"], "");
    assert_eq!(role(&server, &olga).await, None);
    let olga = login(&server, "olga", PASSWORD).await.unwrap();
    assert_eq!(role(&server, &olga).await.as_deref(), Some("client"));

    done(data, &["password", "olga"], "battery staple\n");
    assert_eq!(role(&server, &olga).await, None);
    assert_eq!(login(&server, "olga", PASSWORD).await, Err(401));
    done(data, &["role", "olga", "operation"], "");
    let olga = login(&server, "olga", "battery staple").await.unwrap();
    assert_eq!(role(&server, &carl).await.as_deref(), Some("client"), "others are not touched");

    // All of it is in the audit, from where it was done.
    let audit = server.request(Method::GET, "/api/audit?limit=200").bearer_auth(&olga).send().await.unwrap();
    let entries = json_of(audit).await["entries"].as_array().unwrap().clone();
    for action in ["user_added", "user_disabled", "user_enabled", "role_changed", "password_changed"] {
        let entry = entries.iter().find(|entry| entry["action"] == action).unwrap_or_else(|| panic!("no {action}"));
        assert_eq!(entry["address"], "terminal", "{entry}");
    }
    assert!(server.stop().await.0.success());
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new");
    let data = data.to_str().unwrap();
    done(data, &["add", "olga", "olga@example.org"], "correct horse\n"); // without a server, in a folder that is made
    for (args, input, word) in [
        (&["add", "OLGA", "other@example.org"][..], "correct horse\n", "Username already exists"),
        (&["add", "other", "Olga@Example.org"], "correct horse\n", "Email already exists"),
        (&["add", "no name", "x@example.org"], "correct horse\n", "username"),
        (&["add", "carl", "nowhere"], "correct horse\n", "email"),
        (&["add", "carl", "carl@example.org"], "short\n", "password"),
        (&["add", "carl", "carl@example.org"], "", "password"),
        (&["disable", "nobody"], "", "nobody"),
        (&["enable", "nobody"], "", "nobody"),
        (&["role", "nobody", "client"], "", "nobody"),
        (&["password", "nobody"], "battery staple\n", "nobody"),
        (&["password", "olga"], "short\n", "password"),
    ] {
        let line = one_line(&users(data, args, input));
        assert!(line.contains(word), "{args:?}: {line}");
    }
    let output = users(data, &["role", "olga", "admin"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("operation or client"), "{}", text(&output.stderr));
    assert_eq!(done(data, &["list"], "").lines().count(), 2, "a heading and one user");
    // A password on the command line could be read by everybody on the machine: there is no such argument.
    assert_eq!(users(data, &["add", "dora", "dora@example.org", "correct horse"], "").status.code(), Some(2));
}

#[test]
fn a_failure_of_the_database_is_one_line_with_its_cause() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    done(data, &["add", "olga", "olga@example.org"], "correct horse\n");
    let mut conn = Conn::open_sqlite(&dir.path().join("handover.db")).unwrap();
    for (table, args) in [("audit", &["disable", "olga"][..]), ("users", &["list"]), ("users", &["enable", "olga"])] {
        conn.batch_execute(&format!("ALTER TABLE {table} RENAME TO away")).unwrap();
        let line = one_line(&users(data, args, ""));
        assert_eq!(line, format!("handover: the database or the storage failed: no such table: {table}"), "{args:?}");
        conn.batch_execute(&format!("ALTER TABLE away RENAME TO {table}")).unwrap();
    }
    assert!(done(data, &["list"], "").contains("enabled"), "nothing was changed");
}
