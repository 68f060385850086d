//! Connections that leave HTTP.

use std::net::SocketAddr;

use comity::domain::Ended;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::client::Raw;
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::Mind;
use crate::support::upstream::Reply;

const ASKS: &str = "GET /v1/realtime?model=m HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                    Authorization: Bearer sk-test\r\nComity-Country: JP\r\nSec-WebSocket-Key: k\r\n\r\n";

/// A server that switches, says hello, and gives back what it gets. What it was asked comes over the channel.
async fn echo() -> (SocketAddr, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut head).await.unwrap() > 0);
        }
        tell.send(String::from_utf8(head).unwrap().to_ascii_lowercase()).unwrap();
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\nhello";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut buffer = [0; 64];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            stream.write_all(&buffer[..read]).await.unwrap();
        }
    });
    (address, told)
}

#[tokio::test]
async fn a_web_socket_passes_both_ways_and_is_recorded_as_not_guarded() {
    for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
        let (server, asked) = echo().await;
        let gateway = Gateway::before_another(setup, server).await;
        let mut raw = Raw::connect(gateway.address).await;
        raw.write(ASKS).await;
        let head = raw.until("\r\n\r\n").await.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
        assert!(head.contains("sec-websocket-accept: a") && head.contains("comity-decision: unguarded"), "{head}");
        raw.until("hello").await;
        for word in ["ping", "\u{0}\u{1}raw"] {
            raw.write(word).await;
            raw.until(word).await;
        }
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("get /v1/realtime?model=m ") && asked.contains("sec-websocket-key: k"), "{asked}");
        assert!(asked.contains("upgrade: websocket") && asked.contains("connection: upgrade"), "{asked}");
        assert!(asked.contains("authorization: bearer sk-test") && !asked.contains("comity-country"), "{asked}");
        raw.leave(true);
        let record = gateway.finish_one().await;
        assert_eq!((record.status, record.guarded, record.ended), (101, false, Ended::Complete));
    }
}

#[tokio::test]
async fn a_server_that_does_not_switch_answers_as_it_likes() {
    let gateway = Gateway::plain(Reply::whole(426, "text/plain", "no")).await;
    let mut raw = gateway.raw().await;
    raw.write(ASKS).await;
    let answer = raw.answer().await;
    assert_eq!((answer.status(), answer.body.as_slice()), (426, b"no".as_slice()));
    assert_eq!(gateway.finish_one().await.ended, Ended::Complete);
}

#[tokio::test]
async fn a_tunnel_is_one_of_the_requests_under_way() {
    let (server, _asked) = echo().await;
    let gateway =
        Gateway::before_another(Setup::default().with(|settings| settings.limits.concurrent = 1), server).await;
    let mut first = Raw::connect(gateway.address).await;
    first.write(ASKS).await;
    first.until("hello").await;
    let mut more = Raw::connect(gateway.address).await;
    more.write(ASKS).await;
    let answer = more.answer().await;
    assert_eq!(answer.status(), 503, "the tunnel has the only place until it is closed");
    first.leave(true);
    gateway.finish().await;
}

#[tokio::test]
async fn in_shadow_nobody_is_turned_away() {
    let (server, _asked) = echo().await;
    let setup = Setup::shadow(Mind::Fine).with(|settings| settings.limits.concurrent = 0);
    let gateway = Gateway::before_another(setup, server).await;
    let mut raw = Raw::connect(gateway.address).await;
    raw.write(ASKS).await;
    raw.until("hello").await;
    raw.leave(true);
    assert_eq!(gateway.finish_one().await.status, 101);
}

#[tokio::test]
async fn whoever_breaks_off_is_recorded() {
    let (server, _asked) = echo().await;
    let gateway = Gateway::before_another(Setup::default(), server).await;
    let mut raw = Raw::connect(gateway.address).await;
    raw.write(ASKS).await;
    raw.until("hello").await;
    raw.leave(false);
    assert_eq!(gateway.finish_one().await.ended, Ended::ClientGone);
}

#[tokio::test]
async fn a_request_that_asks_for_another_protocol_is_served_as_it_is() {
    let gateway = Gateway::plain(Reply::json("{}")).await;
    let mut raw = gateway.raw().await;
    let asks = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    raw.post("/v1/embeddings", asks, b"{\"input\":\"a\"}").await;
    let answer = raw.answer().await;
    assert_eq!((answer.status(), answer.body.as_slice()), (200, b"{}".as_slice()));
    let got = gateway.upstream.only();
    assert_eq!((got.body.as_ref(), got.header("upgrade")), (b"{\"input\":\"a\"}".as_slice(), None));
    gateway.finish_one().await;
}

#[tokio::test]
async fn a_tunnel_counts_for_its_tenant_until_it_is_closed_and_its_key_stays_here() {
    use comity::config::{KeyHash, Tenant};

    let one =
        Tenant { name: "one".to_owned(), keys: vec![KeyHash::of(b"ck-1")], concurrent: Some(1), ..Tenant::default() };
    let (server, asked) = echo().await;
    let gateway = Gateway::before_another(Setup { tenants: vec![one], ..Setup::default() }, server).await;
    let asks =
        ASKS.replace("Authorization: Bearer sk-test", "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.ck-1");
    let mut raw = Raw::connect(gateway.address).await;
    raw.write(&asks).await;
    raw.until("hello").await;
    let head = asked.await.unwrap();
    assert!(head.contains("sec-websocket-protocol: realtime\r\n") && !head.contains("ck-1"), "{head}");
    let mut second = Raw::connect(gateway.address).await;
    second.write(&asks).await;
    assert!(second.until("\r\n\r\n").await.starts_with("HTTP/1.1 429"));
    raw.leave(true);
    let records = gateway.finish().await;
    assert!(records.iter().all(|record| record.tenant.as_deref() == Some("one")));
}
