//! Pictures behind URLs, from the gateway's outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use comity::domain::{Record, Scan};
use comity::remote::{Fetcher, Names, Options, World};
use http::Method;

use crate::support::bodies::{completion, quoted};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::Mind;
use crate::support::picture_host::{Doing, PictureHost, answer, file, redirect};
use crate::support::upstream::Reply;

const NAME: &str = "pictures.test";

fn png(colour: u8) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = image::DynamicImage::ImageRgb8(image::RgbImage::from_pixel(4, 4, image::Rgb([colour; 3])));
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

/// A host with all that a picture's URL may lead to.
async fn host() -> PictureHost {
    PictureHost::start(&[NAME, "inside.pictures.test"], |path| match path {
        "/moved.png" => redirect("/clock.png"),
        "/away.png" => redirect("https://example.org/clock.png"),
        "/missing.png" => answer(404, "", b"gone"),
        "/page.html" => answer(200, "content-type: text/html\r\n", b"<html>"),
        "/text.png" => file(b"this is no picture"),
        "/large.png" => file(&vec![0; 60_000]),
        "/slow.png" => Doing::Stalls(Vec::new()),
        _ => file(&png(9)),
    })
    .await
}

fn fetcher(host: &PictureHost, timeout: Duration) -> Fetcher {
    let rule = |name: &str| format!("{name}:{}", host.address.port()).parse().unwrap();
    let hosts = vec![rule(NAME), rule("inside.pictures.test")];
    let table = [(NAME, [127, 0, 0, 1]), ("inside.pictures.test", [10, 0, 0, 1])];
    let table: BTreeMap<_, _> = table.map(|(name, address)| (name.to_owned(), vec![address.into()])).into();
    let world =
        World { names: Names::Table(table), may_reach: |address| address.is_loopback(), roots: host.roots.clone() };
    Fetcher::within(Options { hosts, bytes: 50_000, timeout, ..Options::default() }, world).unwrap()
}

fn url(host: &PictureHost, path: &str) -> String {
    format!("https://{NAME}:{}{path}", host.address.port())
}

fn message(role: &str, text: &str, urls: &[String]) -> String {
    let parts = urls.iter().map(|url| format!(r#",{{"type":"image_url","image_url":{{"url":{}}}}}"#, quoted(url)));
    let parts: String = parts.collect();
    format!(r#"{{"role":"{role}","content":[{{"type":"text","text":{}}}{parts}]}}"#, quoted(text))
}

fn conversation(messages: &[String]) -> Vec<u8> {
    format!(r#"{{"messages":[{}]}}"#, messages.join(",")).into_bytes()
}

/// The words of the coverage of all pictures, in their order.
fn pictures(record: &Record) -> Vec<&str> {
    let pictures = record.coverage.iter().filter(|one| one.part.ends_with("picture"));
    let words = pictures.map(|one| match &one.scan {
        Scan::Scanned => "scanned",
        Scan::Unscanned(why) => why,
    });
    words.collect()
}

/// What is recorded of a request that the model server must get as it came.
async fn served(setup: Setup, body: Vec<u8>) -> Record {
    let gateway = Gateway::start(setup, vec![Reply::json(completion("Tea."))]).await;
    let answer = gateway.client.chat_with(&[], body.clone()).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, completion("Tea.").as_bytes()));
    assert_eq!(gateway.upstream.only().body, body);
    gateway.finish_one().await
}

#[tokio::test]
async fn pictures_behind_urls_are_looked_at_or_the_record_says_why_not() {
    let host = host().await;
    let inside = format!("https://inside.pictures.test:{}/clock.png", host.address.port());
    for (url, expected) in [
        (url(&host, "/clock.png"), "scanned"),
        (format!(" {} \n", url(&host, "/clock.png")), "scanned"),
        (url(&host, "/moved.png"), "scanned"),
        (url(&host, "/away.png"), "remote-refused"),
        (inside, "remote-refused"),
        (url(&host, "/missing.png"), "remote-failed"),
        (url(&host, "/page.html"), "not-a-picture"),
        (url(&host, "/text.png"), "not-a-picture"),
        (url(&host, "/large.png"), "picture-too-large"),
        ("https://example.org/clock.png".to_owned(), "remote-url"),
        (url(&host, "/clock.png").replace("https", "http"), "remote-url"),
    ] {
        for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
            let setup = Setup { remote: fetcher(&host, Duration::from_secs(20)), ..setup };
            let record = served(setup, conversation(&[message("user", "Where?", std::slice::from_ref(&url))])).await;
            assert_eq!(pictures(&record), [expected], "{url}");
            assert_eq!(record.seen.len(), usize::from(expected == "scanned"), "{url}");
            let written = serde_json::to_string(&record).unwrap();
            assert!(!written.contains("iVBOR") && !written.contains("https:"), "nothing of a picture is recorded");
        }
    }
}

#[tokio::test]
async fn only_what_the_models_would_look_at_is_fetched() {
    let host = host().await;
    let setup = || Setup { remote: fetcher(&host, Duration::from_secs(20)), ..Setup::default() };
    let old = message("user", "What is this?", &[url(&host, "/old.png")]);
    let new = message("user", "And these?", &(0..18).map(|at| url(&host, &format!("/{at}.png"))).collect::<Vec<_>>());
    let record = served(setup(), conversation(&[old.clone(), new])).await;
    let expected = [vec!["other-turn"], vec!["scanned"; 16], vec!["over-picture-limit"; 2]].concat();
    assert_eq!(pictures(&record), expected);
    let mut paths = host.paths();
    paths.sort();
    let mut first: Vec<String> = (0..16).map(|at| format!("/{at}.png")).collect();
    first.sort();
    assert_eq!(paths, first);
    // Without a norm in play, nobody looks.
    let nowhere = setup().with(|settings| settings.default_country = None);
    let record = served(nowhere, conversation(&[old])).await;
    assert_eq!(pictures(&record), ["remote-url"]);
    assert_eq!(host.paths().len(), 16);
}

#[tokio::test]
async fn a_picture_that_does_not_come_delays_a_request_by_its_time_and_takes_nothing_with_it() {
    let host = Arc::new(host().await);
    let body = || {
        let urls = [url(&host, "/slow.png"), url(&host, "/clock.png")];
        conversation(&[message("user", "mendword?", &urls)])
    };
    let mut setup = Setup { remote: fetcher(&host, Duration::from_millis(500)), ..Setup::default() };
    // The models' own time begins when fetching is over.
    setup.settings.limits.classify = Duration::from_secs(20);
    let gateway = Gateway::start(setup, vec![Reply::json(completion("Tea."))]).await;
    let admin = gateway.admin().await;
    assert_eq!(gateway.client.chat_with(&[], body()).await.status, 200);
    let shown = admin.send(Method::GET, "/metrics", &[], "").await;
    let shown = String::from_utf8(shown.body.to_vec()).unwrap();
    for line in [
        r#"comity_remote_pictures_total{result="fetched"} 1"#,
        r#"comity_remote_pictures_total{result="remote-failed"} 1"#,
    ] {
        assert!(shown.lines().any(|one| one == line), "{line} is not in\n{shown}");
    }
    let record = gateway.finish_one().await;
    assert_eq!(pictures(&record), ["remote-failed", "scanned"]);
    assert_eq!(record.action, comity::domain::Action::Rewrite);
}

#[tokio::test]
async fn in_shadow_nobody_waits_for_a_picture() {
    let host = host().await;
    let setup = Setup { remote: fetcher(&host, Duration::from_secs(5)), ..Setup::shadow(Mind::Fine) };
    let gateway = Gateway::start(setup, vec![Reply::json(completion("Tea."))]).await;
    let began = std::time::Instant::now();
    let body = conversation(&[message("user", "Where?", &[url(&host, "/slow.png")])]);
    assert_eq!(gateway.client.chat_with(&[], body).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(pictures(&gateway.finish_one().await), ["remote-failed"]);
}

#[tokio::test]
async fn pictures_of_a_response_are_fetched_too() {
    let host = host().await;
    let setup = Setup { remote: fetcher(&host, Duration::from_secs(20)), ..Setup::shadow(Mind::Fine) };
    let gateway = Gateway::start(setup, vec![Reply::json("{}")]).await;
    let body = format!(
        r#"{{"input":[{{"role":"user","content":[{{"type":"input_text","text":"Where?"}},{{"type":"input_image","image_url":{}}}]}}]}}"#,
        quoted(&url(&host, "/clock.png"))
    );
    gateway.client.send(Method::POST, "/v1/responses", &[], body).await;
    assert_eq!(pictures(&gateway.finish_one().await), ["scanned"]);
}
