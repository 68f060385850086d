//! Where nothing has to change: bytes and headers as they came, both ways.

use comity::domain::{Action, Ended, Mode, Outcome};
use http::{Method, Version};

use crate::support::Gate;
use crate::support::bodies::{ask, ask_stream, completion, gzip, request, stream};
use crate::support::client::{CHAT, Client, read_until};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::FAUX_PAS;
use crate::support::upstream::{Reply, Step};

#[tokio::test]
async fn a_whole_answer_and_its_request_are_not_touched() {
    let gateway = Gateway::plain(Reply::json(completion("A museum is near."))).await;
    let answer = gateway.client.chat(ask("Where is the museum?")).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, completion("A museum is near.").as_bytes()));
    assert_eq!(gateway.upstream.only().body, ask("Where is the museum?"));
    let record = gateway.finish_one().await;
    assert_eq!((record.status, record.ended, record.action), (200, Ended::Complete, Action::Pass));
    assert!(record.guarded && !record.findings.is_empty());
    assert_eq!(record.answer.map(|answer| answer.outcome), Some(Outcome::Kept));
}

#[tokio::test]
async fn a_stream_is_not_touched_however_it_is_cut() {
    let whole = stream(&["A museum", " is near. And", " so is a park, ", "最寄り駅です。"]).concat();
    for size in [1, 7, 64, whole.len()] {
        let pieces = whole.as_bytes().chunks(size).map(<[u8]>::to_vec);
        let gateway = Gateway::plain(Reply::events(pieces)).await;
        let answer = gateway.client.chat(ask_stream("Where is the museum?")).await;
        assert_eq!(answer.body, whole, "pieces of {size}");
        let record = gateway.finish_one().await;
        assert!(record.stream && record.ended == Ended::Complete);
        assert_eq!(record.answer.map(|answer| answer.outcome), Some(Outcome::Kept));
    }
}

#[tokio::test]
async fn headers_are_kept_both_ways_in_their_order() {
    let reply = Reply::json(completion("Yes."))
        .header("openai-processing-ms", "12")
        .header("set-cookie", "a=1; Path=/")
        .header("set-cookie", "b=2")
        .header("etag", "\"abc\"")
        .header("x-ratelimit-remaining-tokens", "149984")
        .header("connection", "x-hop")
        .header("x-hop", "1");
    let gateway = Gateway::plain(reply).await;
    let mut raw = gateway.raw().await;
    let headers = "Content-Type: application/json\r\nX-Two: a\r\nOpenAI-Organization: org-1\r\nX-Two: b\r\nDigest: sha-256=abc\r\n\
                   Connection: X-Gone\r\nX-Gone: 1\r\nComity-Verdict: no\r\n";
    raw.post(CHAT, headers, ask("Where?").as_bytes()).await;
    let answer = raw.answer().await;
    let own = ["comity-", "x-request-id", "server-timing", "date"];
    let kept: Vec<&str> =
        answer.headers().into_iter().filter(|line| !own.iter().any(|name| line.starts_with(name))).collect();
    let length = format!("content-length: {}", completion("Yes.").len());
    let expected = [
        "content-type: application/json",
        &length,
        "openai-processing-ms: 12",
        "set-cookie: a=1; Path=/",
        "set-cookie: b=2",
        "etag: \"abc\"",
        "x-ratelimit-remaining-tokens: 149984",
    ];
    assert_eq!(kept, expected, "{}", answer.head);
    let got = gateway.upstream.only();
    let all = |name: &str| got.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(
        (all("x-two"), all("openai-organization"), all("digest")),
        (vec!["a", "b"], vec!["org-1"], vec!["sha-256=abc"])
    );
    assert_eq!((got.header("x-gone"), got.header("comity-verdict"), got.header("connection")), (None, None, None));
    assert_eq!(got.header("host").unwrap(), gateway.upstream.address.to_string());
    gateway.finish_one().await;
}

#[tokio::test]
async fn every_answer_says_what_comity_did() {
    let gateway = Gateway::plain(Reply::json(completion("Yes.")).header("x-request-id", "req-7")).await;
    let answer = gateway.client.chat(ask("Where?")).await;
    assert_eq!((answer.header("x-request-id"), answer.header("comity-decision")), (Some("req-7"), Some("pass")));
    let (id, policy) =
        (answer.header("comity-record").unwrap().to_owned(), answer.header("comity-policy").unwrap().to_owned());
    assert!(answer.header("server-timing").unwrap().starts_with("total;dur="));
    let record = gateway.finish_one().await;
    assert_eq!((record.id, record.hashes.policy), (id, policy));

    let gateway = Gateway::plain(Reply::json(completion("Yes."))).await;
    let answer = gateway.client.chat(ask("teachword?")).await;
    assert_eq!(
        (answer.header("x-request-id"), answer.header("comity-decision")),
        (answer.header("comity-record"), Some("educate"))
    );
    gateway.finish_one().await;
}

#[tokio::test]
async fn a_packed_request_is_understood_and_goes_on_as_it_came() {
    let packed = gzip(ask("watchword?").as_bytes());
    let gateway = Gateway::plain(Reply::json(completion("Yes."))).await;
    gateway.client.chat_with(&[("content-encoding", "gzip")], packed.clone()).await;
    let got = gateway.upstream.only();
    assert_eq!((got.header("content-encoding"), &got.body[..]), (Some("gzip"), &packed[..]));
    assert_eq!(gateway.finish_one().await.action, Action::Observe);
}

#[tokio::test]
async fn a_packed_answer_that_nobody_asked_for_is_passed_on_and_read() {
    let packed = gzip(completion("Yes.").as_bytes());
    let gateway = Gateway::plain(Reply::json(packed.clone()).header("content-encoding", "gzip")).await;
    let answer = gateway.client.chat(ask("Where?")).await;
    assert_eq!((answer.header("content-encoding"), &answer.body[..]), (Some("gzip"), &packed[..]));
    let record = gateway.finish_one().await;
    assert_eq!(record.answer.map(|answer| answer.outcome), Some(Outcome::Kept));
}

#[tokio::test]
async fn an_error_of_the_model_server_passes_unchanged() {
    let body = r#"{ "error": {"message":"slow down","type":"tokens","param":null,"code":"rate_limit_exceeded"} }"#;
    for (status, query) in [(429, "Where?"), (400, "mendword?"), (500, "teachword?"), (404, "mendword?")] {
        let reply = Reply::whole(status, "application/json", body)
            .header("retry-after-ms", "20")
            .header("x-should-retry", "true");
        let gateway = Gateway::plain(reply).await;
        let answer = gateway.client.chat(ask(query)).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (status, body.as_bytes()));
        assert_eq!((answer.header("retry-after-ms"), answer.header("x-should-retry")), (Some("20"), Some("true")));
        let record = gateway.finish_one().await;
        assert_eq!((record.status, record.ended), (status, Ended::Complete));
    }
    // An error that comes as an event stream.
    let gateway =
        Gateway::plain(Reply { status: http::StatusCode::BAD_REQUEST, ..Reply::events(["data: {\"error\":{}}\n\n"]) })
            .await;
    let answer = gateway.client.chat(ask_stream("mendword?")).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (400, &b"data: {\"error\":{}}\n\n"[..]));
    gateway.finish_one().await;
}

#[tokio::test]
async fn a_whole_answer_to_a_request_for_a_stream_is_taken_as_what_it_is() {
    let kept = completion("Suggest tea.");
    let gateway = Gateway::plain(Reply::json(kept.clone())).await;
    let answer = gateway.client.chat(ask_stream("mendword?")).await;
    assert_eq!((answer.header("content-type"), &answer.body[..]), (Some("application/json"), kept.as_bytes()));
    gateway.finish_one().await;

    let replies = vec![Reply::json(completion(&format!("A {FAUX_PAS} it is."))), Reply::json(completion("Tea it is."))];
    let gateway = Gateway::start(Setup::default(), replies).await;
    let answer = gateway.client.chat(ask_stream("mendword?")).await;
    assert_eq!((answer.said().text(), answer.said().finished[&0].as_str()), ("Tea it is.", "stop"));
    gateway.finish_one().await;
}

#[tokio::test]
async fn http_2_is_spoken_to_clients_that_begin_with_it() {
    let whole = stream(&["Far.", " Or near."]).concat();
    let gateway = Gateway::plain(Reply::events([whole.clone()])).await;
    let answer = Client::new(gateway.address, true).chat(ask_stream("Where?")).await;
    assert_eq!((answer.version, &answer.body[..]), (Version::HTTP_2, whole.as_bytes()));
    assert_eq!(answer.header("connection"), None);
    assert_eq!(gateway.upstream.only().version, Version::HTTP_11);
    gateway.finish_one().await;
}

#[tokio::test]
async fn other_paths_pass_as_streams_both_ways_and_are_recorded_as_not_guarded() {
    let gate = Gate::new();
    let reply = Reply::new(
        201,
        "application/octet-stream",
        vec![Step::Send("first".into()), Step::Wait(gate.clone()), Step::Send("last".into())],
    );
    let gateway = Gateway::plain(reply).await;
    let mut raw = gateway.raw().await;
    raw.write(
        "PUT /v1/files/1?x=%2F HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\0\x01\x02\x03\r\n",
    )
    .await;
    gateway.upstream.until("the first part of the upload", |counts| counts.received == 4).await;
    raw.write("3\r\nabc\r\n0\r\n\r\n").await;
    let head = raw.until("first\r\n").await;
    assert!(head.starts_with("HTTP/1.1 201") && head.contains("comity-decision: unguarded"), "{head}");
    gate.open();
    raw.until("last\r\n0\r\n\r\n").await;
    let got = gateway.upstream.only();
    assert_eq!(
        (got.method, got.target.as_str(), &got.body[..]),
        (Method::PUT, "/v1/files/1?x=%2F", &b"\0\x01\x02\x03abc"[..])
    );
    let record = gateway.finish_one().await;
    assert!(!record.guarded && record.coverage.is_empty() && record.answer.is_none(), "{record:?}");
    assert_eq!((record.endpoint.as_str(), record.status, record.ended), ("/v1/files/1", 201, Ended::Complete));
}

#[tokio::test]
async fn answers_without_a_body_end_as_they_should() {
    let head = Reply::new(200, "application/json", Vec::new()).header("content-length", "123");
    let gateway =
        Gateway::start(Setup::default(), vec![head, Reply::new(204, "text/plain", Vec::new()), Reply::json("[]")])
            .await;
    let answer = gateway.client.send(Method::HEAD, "/v1/models", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (200, Some("123")));
    let answer = gateway.client.send(Method::DELETE, "/v1/files/1", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    let answer = gateway.client.send(Method::GET, "/v1/models", &[], "").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"[]"[..]));
    let records = gateway.finish().await;
    assert_eq!(records.iter().map(|record| record.ended).collect::<Vec<_>>(), [Ended::Complete; 3]);
}

#[tokio::test]
async fn every_spelling_of_the_guarded_path_is_guarded() {
    let spellings = [
        "/v1/chat/completions/",
        "//v1//chat/completions",
        "/v1/v1/chat/completions",
        "/v1/chat/%63ompletions",
        "/v1/chat%2Fcompletions",
        "/v1/x/../chat/completions",
        "/V1/Chat/Completions",
        "/openai/deployments/m/chat/completions?api-version=2025",
    ];
    let gateway = Gateway::plain(Reply::json(completion("Yes."))).await;
    for target in spellings {
        let mut raw = gateway.raw().await;
        raw.post(target, "", ask("teachword?").as_bytes()).await;
        assert_eq!(raw.answer().await.header("comity-decision"), Some("educate"), "{target}");
    }
    let got = gateway.upstream.got();
    assert_eq!(got.iter().map(|got| got.target.as_str()).collect::<Vec<_>>(), spellings);
    assert!(got.iter().all(|got| got.body.len() > ask("teachword?").len()));
    let records = gateway.finish().await;
    assert!(records.len() == spellings.len() && records.iter().all(|record| record.guarded));
}

#[tokio::test]
async fn a_request_that_asks_for_scores_alone_is_in_shadow() {
    let said = completion(&format!("A {FAUX_PAS}."));
    let gateway = Gateway::plain(Reply::json(said.clone())).await;
    let body = request("mendword?", r#""moderation":{"mode":"score"}, "#);
    let packed = gzip(body.as_bytes());
    let plain = gateway.client.chat(body.clone()).await;
    let from_packed =
        gateway.client.chat_with(&[("content-encoding", "gzip"), ("accept-encoding", "br")], packed.clone()).await;
    for answer in [plain, from_packed] {
        assert_eq!((&answer.body[..], answer.header("comity-decision")), (said.as_bytes(), Some("shadow")));
    }
    let got = gateway.upstream.got();
    assert_eq!((&got[0].body[..], &got[1].body[..]), (body.as_bytes(), &packed[..]));
    assert_eq!(got[1].header("accept-encoding"), Some("br"));
    for record in gateway.finish().await {
        assert_eq!((record.mode, record.action), (Mode::Shadow, Action::Rewrite));
        assert_eq!(record.answer.map(|answer| answer.outcome), Some(Outcome::Breached));
    }
}

#[tokio::test]
async fn a_stream_goes_on_piece_by_piece() {
    let gate = Gate::new();
    let events = stream(&["One.", " Two."]);
    let reply = Reply::events(events[..2].to_vec())
        .then(Step::Wait(gate.clone()))
        .then(Step::Send(events[2..].concat().into()));
    let gateway = Gateway::plain(reply).await;
    let mut body = gateway.client.open(Method::POST, CHAT, &[], ask_stream("Where?")).await.into_body();
    read_until(&mut body, "One.").await;
    gate.open();
    read_until(&mut body, "[DONE]").await;
    drop(body);
    gateway.finish_one().await;
}
