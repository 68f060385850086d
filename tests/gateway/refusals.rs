//! Requests that are refused: early, in OpenAI's form, and recorded.

use comity::domain::{Coverage, Ended, Mode, Scan};
use http::Method;

use crate::support::Gate;
use crate::support::bodies::{ask, completion, error_code, gzip, request};
use crate::support::client::CHAT;
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::Mind;
use crate::support::upstream::{Got, Opening, Reply};

/// Sends a chat request that is to be refused.
async fn refused(setup: Setup, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> (u16, String, String) {
    let gateway = Gateway::start(setup, vec![Reply::json("{}")]).await;
    let answer = gateway.client.chat_with(headers, body).await;
    let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let param = value["error"]["param"].as_str().unwrap_or_default().to_owned();
    assert!(answer.header("comity-record").is_some() && answer.header("content-type") == Some("application/json"));
    assert_eq!(gateway.upstream.counts().begun, 0, "the model server is not asked");
    let record = gateway.finish_one().await;
    assert_eq!((record.status, record.ended), (answer.status.as_u16(), Ended::Refused));
    (answer.status.as_u16(), error_code(&answer.body), param)
}

fn told(status: u16, code: &str, param: &str) -> (u16, String, String) {
    (status, code.to_owned(), param.to_owned())
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_where_it_would_be_guarded() {
    for (body, code, param) in [
        ("", "invalid_json", ""),
        ("{\"messages\":[", "invalid_json", ""),
        ("{\"messages\":[]} trailing", "invalid_json", ""),
        ("[]", "invalid_type", ""),
        ("{\"model\":\"m\"}", "missing_messages", "messages"),
        ("{\"messages\":[],\"messages\":[]}", "duplicate_key", "messages"),
        (
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"content\":\"b\"}]}",
            "duplicate_key",
            "messages[0].content",
        ),
        ("{\"messages\":[],\"stream\":\"yes\"}", "invalid_type", "stream"),
    ] {
        assert_eq!(refused(Setup::default(), &[], body).await, told(400, code, param), "{body}");
    }
    assert_eq!(refused(Setup::default(), &[], &b"{\"messages\":\"\xff\"}"[..]).await, told(400, "invalid_utf8", ""));
    let deep = format!("{{\"messages\":[],\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(refused(Setup::default(), &[], deep).await.1, "too_deep");
}

#[tokio::test]
async fn a_country_that_is_none_is_refused() {
    let (status, code, param) = refused(Setup::default(), &[("comity-country", "JP, Narnia")], ask("Where?")).await;
    assert_eq!((status, code.as_str(), param.as_str()), (400, "unknown_country", "comity-country"));
}

#[tokio::test]
async fn a_coding_that_is_not_read_is_refused() {
    for coding in ["br", "zstd", "gzip, br", "gzip"] {
        let (status, code, _) = refused(Setup::default(), &[("content-encoding", coding)], ask("Where?")).await;
        assert_eq!((status, code.as_str()), (415, "unsupported_encoding"), "{coding}");
    }
}

#[tokio::test]
async fn a_bomb_is_refused() {
    let bomb = crate::support::bodies::gzip(&vec![b' '; 5 << 20]);
    let (status, code, _) = refused(Setup::default(), &[("content-encoding", "gzip")], bomb).await;
    assert_eq!((status, code.as_str()), (413, "request_too_large"));
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_refused_before_it_comes() {
    let gateway = Gateway::plain(Reply::json("{}")).await;
    let mut raw = gateway.raw().await;
    raw.write(format!(
        "POST {CHAT} HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    ))
    .await;
    let text = raw.until("\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 413"), "no 100 before it: {text}");
    raw.rest().await; // the connection is closed, since a body is still announced on it
    assert_eq!(gateway.upstream.counts().begun, 0);
    let record = gateway.finish_one().await;
    assert_eq!((record.status, record.ended), (413, Ended::Refused));
}

#[tokio::test]
async fn a_body_of_unknown_length_is_refused_once_it_is_too_large() {
    let gateway = Gateway::plain(Reply::json("{}")).await;
    let mut raw = gateway.raw().await;
    raw.write(format!("POST {CHAT} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    let piece = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    for _ in 0..5 {
        raw.write(&piece).await;
    }
    assert_eq!(raw.answer().await.status(), 413);
    assert_eq!(gateway.finish_one().await.ended, Ended::Refused);
}

#[tokio::test]
async fn who_expects_to_be_told_to_go_on_is_told() {
    for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
        let gateway = Gateway::start(setup, vec![Reply::json(completion("Tea."))]).await;
        let mut raw = gateway.raw().await;
        let body = ask("Where?");
        raw.write(format!(
            "POST {CHAT} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        ))
        .await;
        assert!(raw.until("\r\n\r\n").await.starts_with("HTTP/1.1 100"));
        raw.write(&body).await;
        assert_eq!(raw.answer().await.body, completion("Tea.").as_bytes());
        assert_eq!(gateway.upstream.only().body, body);
        gateway.finish_one().await;
    }
}

/// Sends a body whose length is in doubt, on both kinds of path and in both modes; returns what came before the connection was closed.
async fn in_doubt(headers: &str) -> Vec<(String, Vec<Got>)> {
    let mut answers = Vec::new();
    for path in [CHAT, "/v1/embeddings"] {
        for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
            let gateway = Gateway::start(setup, vec![Reply::json("{}")]).await;
            let mut raw = gateway.raw().await;
            let next = "GET /v1/next HTTP/1.1\r\nHost: test\r\n\r\n";
            raw.write(format!("POST {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n2\r\n{{}}\r\n0\r\n\r\n{next}")).await;
            answers.push((String::from_utf8(raw.rest().await).unwrap(), gateway.upstream.got()));
            gateway.finish().await;
        }
    }
    answers
}

#[tokio::test]
async fn a_body_whose_length_is_in_doubt_is_refused() {
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5 \r\nContent-Length: 0x5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        for (answer, got) in in_doubt(headers).await {
            assert!(
                answer.starts_with("HTTP/1.1 400") && answer.matches("HTTP/1.1").count() == 1,
                "{headers}: {answer}"
            );
            assert!(got.is_empty(), "{headers}");
        }
    }
}

#[tokio::test]
async fn a_body_in_chunks_that_has_a_length_too_ends_with_its_chunks_and_so_does_the_connection() {
    for headers in
        ["Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"]
    {
        for (answer, got) in in_doubt(headers).await {
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "what comes behind is no request: {answer}");
            assert!(got.iter().all(|got| got.body == "{}" && got.header("content-length") != Some("1")), "{got:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_is_still_sending_hears_why_it_was_refused() {
    let body = vec![b'x'; 12 << 20]; // more than the sockets' buffers hold
    let tenant = comity::config::Tenant { keys: vec![comity::config::KeyHash::of(b"ck-1")], ..Default::default() };
    let stranger = Setup { tenants: vec![tenant], others: comity::config::Others::Refuse, ..Setup::default() };
    let busy = Setup::default().with(|settings| settings.limits.concurrent = 0);
    let full = Setup::default().with(|settings| {
        settings.limits.body = 32 << 20;
        settings.limits.bodies = 1 << 20;
    });
    for (setup, status) in [(Setup::default(), 413), (stranger, 401), (busy, 503), (full, 503)] {
        let gateway = Gateway::start(setup, vec![Reply::json("{}")]).await;
        let mut raw = gateway.raw().await;
        raw.post(CHAT, "", &body).await;
        assert_eq!(raw.answer().await.status(), status);
        gateway.finish_one().await;
    }
}

#[tokio::test]
async fn one_too_many_is_told_to_come_again() {
    for mode in [Mode::Enforce, Mode::Shadow] {
        let gate = Gate::new();
        let setup = Setup::default().with(|settings| {
            settings.mode = mode;
            settings.limits.concurrent = 1;
        });
        let replies = vec![
            Reply { opening: Opening::Wait(gate.clone()), ..Reply::json(completion("Tea.")) },
            Reply::json(completion("Tea.")),
        ];
        let gateway = Gateway::start(setup, replies).await;
        let first = tokio::spawn({
            let client = gateway.client.clone();
            async move { client.chat(ask("Where?")).await }
        });
        gateway.upstream.until("the first", |counts| counts.begun == 1).await;
        let second = gateway.client.chat(ask("Where?")).await;
        let expected = if mode == Mode::Shadow { 200 } else { 503 };
        assert_eq!(second.status.as_u16(), expected);
        if mode == Mode::Enforce {
            assert_eq!((error_code(&second.body).as_str(), second.header("retry-after")), ("overloaded", Some("2")));
        }
        gate.open();
        assert_eq!(first.await.unwrap().status.as_u16(), 200);
        let third = gateway.client.chat(ask("Where?")).await;
        assert_eq!(third.status.as_u16(), 200, "the place is free again");
        assert_eq!(gateway.finish().await.len(), 3);
    }
}

#[tokio::test]
async fn bodies_together_have_a_bound_and_in_shadow_no_copy_is_kept_beyond_it() {
    let large = || request("Where?", &format!("\"x\":\"{}\", ", "x".repeat(60_000)));
    for mode in [Mode::Enforce, Mode::Shadow] {
        let gate = Gate::new();
        let setup = Setup::default().with(|settings| {
            settings.mode = mode;
            settings.limits.bodies = 100_000;
        });
        let waits = Reply { opening: Opening::Wait(gate.clone()), ..Reply::json(completion("Tea.")) };
        let gateway = Gateway::start(setup, vec![waits, Reply::json(completion("Tea."))]).await;
        let admin = gateway.admin().await;
        let first = tokio::spawn({
            let client = gateway.client.clone();
            async move { client.chat(large()).await }
        });
        gateway.upstream.until("the first body", |counts| counts.received >= 60_000).await;
        let second = gateway.client.chat(large()).await;
        if mode == Mode::Enforce {
            assert_eq!((second.status.as_u16(), error_code(&second.body).as_str()), (503, "overloaded"));
            let packed = [("content-encoding", "gzip"), ("content-type", "application/json")];
            let bomb = gzip(large().as_bytes());
            let third = gateway.client.send(Method::POST, CHAT, &packed, bomb).await;
            assert_eq!((third.status.as_u16(), error_code(&third.body).as_str()), (503, "overloaded"));
        } else {
            assert_eq!(second.status.as_u16(), 200);
            let records = gateway.recorded(1).await;
            let no_room = |part: &Coverage| part.scan == Scan::Unscanned("no-room".into());
            assert!(records[0].coverage.iter().any(no_room), "{:?}", records[0].coverage);
        }
        gate.open();
        assert_eq!(first.await.unwrap().status.as_u16(), 200);
        gateway.recorded(2).await;
        let metrics = admin.send(Method::GET, "/metrics", &[], "").await;
        let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
        assert!(metrics.contains("comity_bodies_bytes 0"), "the room is free again: {metrics}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn an_odd_number_of_choices_is_no_way_round_the_guard() {
    let replies = vec![
        Reply::json(completion(&format!("A {}.", crate::support::models::FAUX_PAS))),
        Reply::json(completion("Tea.")),
    ];
    for n in ["0", "4294967295"] {
        let gateway = Gateway::start(Setup::default(), replies.clone()).await;
        let answer = gateway.client.chat(request("mendword?", &format!("\"n\":{n}, "))).await;
        assert_eq!(answer.said().text(), "Tea.");
        gateway.finish_one().await;
    }
}
