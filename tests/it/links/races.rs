//! One complete copy, whoever races for it, and rights that end while bytes flow.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::linked::*;
use crate::support::raw::Raw;
use crate::support::stored::delete;
use crate::support::*;

/// 64 GETs at once, of a file that is over at once and of one that takes its time.
#[tokio::test]
async fn sixty_four_racers_get_one_file() {
    for length in [3_000, LARGE] {
        let scene = Scene::new(length, &[]).await;
        let minted = scene.mint().await;
        let race = (0..64).map(async |_| {
            let response = scene.server.fetch(&minted["download_url"]).send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            (status, headers, response.bytes().await.unwrap())
        });
        let answers = futures_util::future::join_all(race).await;
        let won: Vec<_> = answers.iter().filter(|(status, ..)| *status == 200).collect();
        assert_eq!(won.len(), 1, "exactly one gets the file");
        assert!(won[0].2 == scene.content);
        for (status, headers, body) in answers.iter().filter(|(status, ..)| *status != 200) {
            let problem: Value = serde_json::from_slice(body).unwrap();
            match status {
                409 => {
                    assert_eq!(problem["code"], "link_busy");
                    assert_eq!(problem["msg"], "This link is being downloaded right now");
                    assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
                }
                410 => assert_eq!(problem["code"], "used_link"),
                other => panic!("{other}: {problem}"),
            }
        }
        eventually("it is written down", async || !scene.link(&minted).await["fetched_at"].is_null()).await;
        let link = scene.link(&minted).await;
        assert_eq!((&link["state"], &link["starts"]), (&json!("consumed"), &json!(1)));
    }
}

/// Promise 3: what robots do changes no state.
#[tokio::test]
async fn looking_spends_nothing() {
    let scene = Scene::new(3_000, &[]).await;
    let minted = scene.mint().await;
    let before = scene.link(&minted).await;
    let (file, page) = (path_of(&minted["download_url"]), path_of(&minted["page_url"]));
    let request = |method: Method, path: &str| scene.server.request(method, path).header("accept", "text/html");
    for _ in 0..12 {
        let head = request(Method::HEAD, file).send().await.unwrap();
        assert_eq!(head.status(), 200);
        let shown = request(Method::GET, page).send().await.unwrap();
        assert_eq!(shown.status(), 200);
        let html = shown.text().await.unwrap();
        assert!(html.contains("a.docx") && html.contains("<form method=\"post\">") && html.contains("Download"));
        // The button is a form's: it works without the script, which only tells how long is left.
        assert!(html.matches("<script").count() <= 1 && !html.contains("onclick"), "works without JavaScript");
        let pressed = request(Method::POST, page).send().await.unwrap();
        assert_eq!(pressed.status(), 303);
        let to = pressed.headers()["location"].to_str().unwrap();
        assert_eq!(to, format!("..{file}"), "relative, so that it is right below any base path");
        // A range past the end opens nothing either.
        let past = request(Method::GET, file).header("range", "bytes=999999999-").send().await.unwrap();
        assert_eq!(past.status(), 416);
        assert_eq!(past.headers()["content-range"], format!("bytes */{}", scene.content.len()));
    }
    assert_eq!(scene.link(&minted).await, before);
    assert_eq!(scene.server.fetch(&minted["download_url"]).send().await.unwrap().bytes().await.unwrap(), scene.content);
}

#[tokio::test]
async fn the_page_shows_a_name_as_text() {
    let server = TestServer::start();
    let (token, client) = (server.operation("olga").await, server.client("carl").await);
    let name = "a\"><img src=x onerror=alert(1)> & 'b'.docx";
    crate::support::stored::stored(&server, &token, name, fixture("report-python-docx.docx")).await;
    let minted = server.mint(&client, &crate::support::stored::segment(name)).await;
    let response = server.fetch(&minted["page_url"]).send().await.unwrap();
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("form-action 'self'"));
    let html = response.text().await.unwrap();
    assert!(!html.contains("<img") && html.contains("&lt;img"), "{html}");
}

/// A download that has begun and waits for its reader.
async fn begun(scene: &Scene, minted: &Value) -> Raw {
    let mut reader = Raw::open(scene.server.address).await;
    reader.get(path_of(&minted["download_url"]), "").await;
    let head = reader.head().await;
    assert_eq!((head.status, head.length()), (200, scene.content.len()));
    reader.take(100_000).await;
    assert_eq!(scene.link(minted).await["state"], "claimed");
    reader
}

/// What the reader still gets is not the file.
async fn assert_cut(scene: &Scene, mut reader: Raw) {
    let rest = reader.rest().await;
    assert!(100_000 + rest.len() < scene.content.len(), "the last byte never leaves");
}

/// Somebody else who gets the link once nothing has moved for some time.
async fn taken_over(scene: &Scene, minted: &Value, headers: &str) -> Raw {
    let mut reader = None;
    eventually("what stands still is given to whoever asks", async || {
        scene.server.clock.advance(Duration::from_secs(5));
        let mut raw = Raw::open(scene.server.address).await;
        raw.get(path_of(&minted["download_url"]), headers).await;
        let status = raw.head().await.status;
        reader = Some(raw);
        status == 200
    })
    .await;
    reader.unwrap()
}

/// The first may come back too late while the second is still at it: neither disturbs the other's claim.
#[tokio::test]
async fn somebody_else_is_told_to_wait_and_gets_it_when_nothing_moves() {
    for agent in ["", "User-Agent: another\r\n"] {
        let scene = Scene::new(LARGE, &[]).await;
        let minted = scene.mint().await;
        let first = begun(&scene, &minted).await;
        let second = || scene.server.fetch(&minted["download_url"]);
        let page = second().header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 409);
        let wait: u64 = page.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait), "{wait} s");
        assert!(page.text().await.unwrap().contains("being downloaded right now"));
        scene.server.clock.advance(Duration::from_secs(4));
        expect_problem(second(), 409, "link_busy", Some("This link is being downloaded right now")).await;
        let mut second = taken_over(&scene, &minted, agent).await;
        assert_cut(&scene, first).await;
        expect_problem(scene.server.fetch(&minted["download_url"]), 409, "link_busy", None).await;
        assert!(second.take(scene.content.len()).await == scene.content);
        expect_problem(scene.server.fetch(&minted["download_url"]), 410, "used_link", None).await;
    }
}

/// The holder's address has changed: it goes on at once with what it was given at the start, and nobody does without.
#[tokio::test]
async fn a_proof_of_the_hold_goes_on_at_once() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    let mut first = Raw::open(scene.server.address).await;
    first.get(path_of(&minted["download_url"]), "User-Agent: first\r\n").await;
    let hold = first.head().await.get("handover-hold").unwrap().to_owned();
    let mut copy = first.take(100_000).await;
    let on = |hold: &str| {
        scene
            .server
            .fetch(&minted["download_url"])
            .header("range", "bytes=100000-")
            .header("handover-hold", hold.to_owned())
    };
    for wrong in ["", "0.0", &hold[..hold.len() - 1]] {
        expect_problem(on(wrong), 409, "link_busy", None).await;
    }
    let rest = on(&hold).send().await.unwrap();
    assert_eq!(rest.status(), 206);
    assert_eq!(rest.headers()["handover-hold"].to_str().unwrap(), hold);
    copy.extend(rest.bytes().await.unwrap());
    assert!(copy == scene.content);
    assert!(100_000 + first.rest().await.len() < scene.content.len());
    expect_problem(on(&hold), 410, "used_link", None).await;
}

/// Promise 4: with the rights of whoever minted a link the link ends, at once and for good, also where it is being used.
#[tokio::test]
async fn links_end_with_the_rights_of_whoever_minted_them() {
    use handover::server::auth::Role;
    use handover::server::features::accounts::model;
    for change in ["disabled", "role", "password"] {
        let scene = Scene::new(LARGE, &[]).await;
        let (idle, used) = (scene.mint().await, scene.mint().await);
        let reader = begun(&scene, &used).await;
        let now = scene.server.clock.now();
        let done = scene.server.app().db.write(move |conn| {
            let id = model::find(conn, "carl")?.expect("he is there").id;
            match change {
                "disabled" => model::set_disabled(conn, &id, Some(now))?,
                "role" => model::set_role(conn, &id, Role::Operation)?,
                _ => model::set_password(conn, &id, "another", None)?,
            }
            Ok(())
        });
        done.await.unwrap();
        scene.server.clock.advance(Duration::from_secs(1));
        assert_cut(&scene, reader).await;
        for minted in [&idle, &used] {
            expect_problem(scene.server.fetch(&minted["download_url"]), 410, "revoked_link", None).await;
            assert_eq!(scene.link(minted).await["fetched_at"], Value::Null, "{change}");
        }
    }
}

#[tokio::test]
async fn a_download_is_cut_when_its_link_is_revoked() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    let reader = begun(&scene, &minted).await;
    let id = scene.link(&minted).await["id"].as_str().unwrap().to_owned();
    let revoke = scene.server.request(Method::DELETE, &format!("/api/links/{id}")).bearer_auth(&scene.client);
    assert_eq!(revoke.send().await.unwrap().status(), 204);
    assert_cut(&scene, reader).await;
    expect_problem(scene.server.fetch(&minted["download_url"]), 410, "revoked_link", None).await;
    assert_eq!(scene.link(&minted).await["fetched_at"], Value::Null);
}

#[tokio::test]
async fn a_download_is_cut_when_its_file_is_deleted() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.mint().await;
    let reader = begun(&scene, &minted).await;
    assert_eq!(delete(&scene.server, &scene.operation, "a.docx", "").await.status(), 204);
    eventually("the contents are gone", async || scene.server.blobs().is_empty()).await;
    assert_cut(&scene, reader).await;
    expect_problem(scene.server.fetch(&minted["download_url"]), 410, "revoked_link", None).await;
}

/// A link that expires while it is being downloaded is finished, and nobody else begins.
#[tokio::test]
async fn a_running_download_outlives_the_expiry_of_its_link() {
    let scene = Scene::new(LARGE, &[]).await;
    let minted = scene.server.mint(&scene.client, "a.docx?expires_in=30").await;
    let mut reader = begun(&scene, &minted).await;
    scene.server.clock.advance(Duration::from_secs(31));
    expect_problem(scene.server.fetch(&minted["download_url"]), 410, "expired_link", None).await;
    handover::server::features::links::sweep(scene.server.app()).await.unwrap();
    let rest = reader.take(scene.content.len() - 100_000).await;
    assert!(rest == scene.content[100_000..]);
    scene.await_state(&minted, "consumed").await;
    // But not for ever.
    let minted = scene.server.mint(&scene.client, "a.docx?expires_in=30").await;
    let reader = begun(&scene, &minted).await;
    scene.server.clock.advance(Duration::from_secs(30 + 3600));
    assert_cut(&scene, reader).await;
}
