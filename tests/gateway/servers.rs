//! Several model servers: a request goes where its model is served, whatever endpoint and mode, and elsewhere where that cannot be reached.

use comity::domain::Mode;
use comity::upstream::{Member, Options};
use http::Method;
use tokio::net::TcpListener;

use crate::support::bodies::{ask, completion, gzip};
use crate::support::client::CHAT;
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::Mind;
use crate::support::upstream::{Reply, Upstream};

/// A path, headers, a body, and whether the other server gets it.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], bool);

fn member(name: &str, models: &[&str], address: std::net::SocketAddr) -> Member {
    let options = Options { retries: 0, ..Options::new(format!("http://{address}").parse().unwrap()) };
    Member { name: name.to_owned(), models: models.iter().map(|&model| model.to_owned()).collect(), options }
}

fn before(setup: Setup, server: Member) -> Setup {
    Setup { servers: vec![server], ..setup }
}

fn of_model(model: &str) -> String {
    ask("Hello?").replace("m-1", model)
}

#[tokio::test]
async fn the_model_decides_which_server_gets_a_request() {
    for (mode, model, others) in [
        (Mode::Enforce, "big-1", true),
        (Mode::Enforce, "small", false),
        (Mode::Shadow, "big-1", true),
        (Mode::Shadow, "small", false),
    ] {
        let setup = if mode == Mode::Shadow { Setup::shadow(Mind::Fine) } else { Setup::default() };
        let other = Upstream::start(vec![Reply::json(completion("Other."))]).await;
        let setup = before(setup, member("other", &["big-*"], other.address));
        let gateway = Gateway::start(setup, vec![Reply::json(completion("Default."))]).await;
        let body = of_model(model);
        let answer = gateway.client.chat(body.clone()).await;
        let (server, idle) = if others { (&other, &gateway.upstream) } else { (&gateway.upstream, &other) };
        assert_eq!((answer.status.as_u16(), server.only().body, idle.counts().begun), (200, body.into(), 0), "{model}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn endpoints_that_are_not_guarded_are_routed_too() {
    let packed = gzip(br#"{"input":"x","model":"big-embed"}"#);
    let json = ("content-type", "application/json; charset=utf-8");
    let cases: [Case<'_>; 6] = [
        ("/v1/embeddings", &[json], br#"{"input":"x","model":"big-embed"}"#, true),
        ("/v1/embeddings", &[json, ("content-encoding", "gzip")], &packed, true),
        ("/openai/deployments/big-1/embeddings?api-version=1", &[json], br#"{"input":"x"}"#, true),
        ("/v1/embeddings", &[json], br#"{"input":"x","model":"small"}"#, false),
        // No model can be told: it goes where every model is served, and to nobody on a guess.
        ("/v1/embeddings", &[json], br#"{"input": half"#, false),
        ("/v1/embeddings", &[json], br#"{"input":"x"}"#, false),
    ];
    for (path, headers, body, others) in cases {
        let other = Upstream::start(vec![Reply::json("{}")]).await;
        let setup = before(Setup::default(), member("other", &["big-*"], other.address));
        let gateway = Gateway::start(setup, vec![Reply::json("{}")]).await;
        assert_eq!(gateway.client.send(Method::POST, path, headers, body.to_vec()).await.status, 200);
        let server = if others { &other } else { &gateway.upstream };
        assert_eq!(server.only().body, body, "{path}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_stood_in_for() {
    for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        drop(silent);
        let gateway =
            Gateway::start(before(setup, member("gone", &["m-*"], address)), vec![Reply::json(completion("Yes."))])
                .await;
        let answer = gateway.client.chat(ask("Hello?")).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(gateway.upstream.only().header("authorization"), None, "the key is meant for the other server");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_model_that_no_server_has_is_told() {
    let other = Upstream::start(vec![Reply::json("{}")]).await;
    let mut setup = before(Setup::default(), member("other", &["big-*"], other.address));
    // The scripted server takes every model: a tenant that is bound to the other one is asked here.
    setup.tenants = vec![comity::config::Tenant {
        name: "bound".to_owned(),
        keys: vec![comity::config::KeyHash::of(b"ck-1")],
        server: Some("other".to_owned()),
        ..Default::default()
    }];
    let gateway = Gateway::start(setup, vec![Reply::json("{}")]).await;
    let headers = [("authorization", "Bearer ck-1"), ("content-type", "application/json")];
    let answer = gateway.client.send(Method::POST, CHAT, &headers, of_model("small")).await;
    let error = &serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["error"];
    assert_eq!(
        (answer.status.as_u16(), error["code"].as_str(), error["param"].as_str()),
        (404, Some("model_not_found"), Some("model"))
    );
    gateway.finish().await;
}
