//! However an exchange ends: everybody is let go, and one record says how.

use std::time::Duration;

use comity::domain::{Ended, Record};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::Gate;
use crate::support::bodies::{ask, ask_stream, completion, delta, error_code, request, role, stream};
use crate::support::client::{CHAT, Client, read_until};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::Mind;
use crate::support::upstream::{Opening, Reading, Reply, Step};

/// Setups and paths by which a request goes through the gateway in a different way each.
fn ways() -> Vec<(&'static str, Setup, &'static str, &'static str)> {
    vec![
        ("nothing at stake", Setup::default(), CHAT, "Where?"),
        ("taught", Setup::default(), CHAT, "teachword?"),
        ("guarded", Setup::default(), CHAT, "mendword?"),
        ("shadow", Setup::shadow(Mind::Fine), CHAT, "mendword?"),
        ("other path", Setup::default(), "/v1/embeddings", "mendword?"),
    ]
}

async fn gone(gateway: Gateway, way: &str) {
    let record: Record = gateway.finish_one().await;
    assert_eq!(record.ended, Ended::ClientGone, "{way}: {record:#?}");
}

#[tokio::test]
async fn a_client_that_goes_while_it_uploads() {
    for orderly in [true, false] {
        for (way, setup, path, query) in ways() {
            let gateway = Gateway::start(setup, vec![Reply::json("{}")]).await;
            let mut raw = gateway.raw().await;
            let body = ask(query);
            raw.write(format!(
                "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}",
                body.len() + 10
            ))
            .await;
            let sends_on = way == "shadow" || way == "other path";
            if sends_on {
                gateway.upstream.until("the upload", |counts| counts.received == body.len()).await;
            }
            raw.leave(orderly);
            if sends_on {
                gateway.upstream.until("the end of the upload", |counts| counts.cut_off == 1).await;
                assert!(!gateway.upstream.only().complete);
            }
            gateway.recorded(1).await;
            assert_eq!(gateway.upstream.counts().begun, usize::from(sends_on), "{way}");
            gone(gateway, way).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_while_it_waits() {
    for orderly in [true, false] {
        for (way, setup, path, query) in ways() {
            let gateway = Gateway::start(setup, vec![Reply::opening(Opening::Stall)]).await;
            let mut raw = gateway.raw().await;
            raw.post(path, "", ask(query).as_bytes()).await;
            gateway.upstream.until("the request", |counts| counts.begun == 1 && counts.received > 0).await;
            raw.leave(orderly);
            gateway.upstream.until("the end", |counts| counts.cut_off == 1).await;
            gone(gateway, way).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_while_the_models_think() {
    let gate = Gate::new();
    let gateway =
        Gateway::start(Setup { mind: Mind::Slow(gate.clone()), ..Setup::default() }, vec![Reply::json("{}")]).await;
    let mut raw = gateway.raw().await;
    let body = ask("mendword?");
    let length = body.len();
    raw.write(format!(
        "POST {CHAT} HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    ))
    .await;
    raw.until("100 Continue").await;
    raw.write(&body).await;
    // Mostly enough to get to the models; a client that goes a little earlier is told of just the same.
    tokio::time::sleep(Duration::from_millis(20)).await;
    raw.leave(false);
    gateway.recorded(1).await;
    assert_eq!(gateway.upstream.counts().begun, 0);
    gone(gateway, "thinking").await;
}

#[tokio::test]
async fn a_client_that_goes_in_the_midst_of_a_stream() {
    for orderly in [true, false] {
        for (way, setup, path, query) in ways() {
            let reply = Reply::events([role(0), delta(0, "Take tea along."), delta(0, " Have fun.")]).then(Step::Stall);
            let gateway = Gateway::start(setup, vec![reply]).await;
            let mut raw = gateway.raw().await;
            raw.post(path, "", ask_stream(query).as_bytes()).await;
            raw.until("Take tea along.").await;
            raw.leave(orderly);
            gateway.upstream.until("the end", |counts| counts.cut_off == 1).await;
            gone(gateway, way).await;
        }
    }
}

#[tokio::test]
async fn a_stream_of_http_2_that_is_let_go() {
    for (way, setup, path, query) in ways() {
        let reply = Reply::events([role(0), delta(0, "Take tea along."), delta(0, " Have fun.")]).then(Step::Stall);
        let gateway = Gateway::start(setup, vec![reply]).await;
        let client = Client::new(gateway.address, true);
        let mut body = client.open(Method::POST, path, &[], ask_stream(query)).await.into_body();
        read_until(&mut body, "Take tea along.").await;
        drop(body);
        gateway.upstream.until("the end", |counts| counts.cut_off == 1).await;
        drop(client);
        gone(gateway, way).await;
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_out_is_passed_on() {
    for (way, setup, path, query) in ways() {
        if way != "shadow" && way != "other path" {
            continue; // What is guarded is read whole before it is sent.
        }
        let reply = Reply::whole(401, "application/json", "{}").reading(Reading::Not);
        let gateway = Gateway::start(setup, vec![reply]).await;
        let mut raw = gateway.raw().await;
        raw.write(format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n{query}")).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status(), &answer.body[..]), (401, &b"{}"[..]), "{way}");
        raw.leave(true);
        let record = gateway.finish_one().await;
        assert_eq!(record.status, 401, "{way}");
    }
}

#[tokio::test]
async fn a_model_server_that_reads_slowly_gets_everything() {
    for (way, setup, path, query) in ways() {
        let gateway = Gateway::start(setup, vec![Reply::json(completion("Tea.")).reading(Reading::Slowly)]).await;
        let body = request(query, &format!("\"x_long\":\"{}\", ", "a".repeat(1 << 20)));
        let answer = gateway.client.send(Method::POST, path, &[], body.clone()).await;
        assert_eq!(answer.body, completion("Tea."), "{way}");
        let got = gateway.upstream.only();
        assert!(
            got.complete && got.body.len() >= body.len() && got.body.ends_with(&body.as_bytes()[body.len() - 20..])
        );
        gateway.finish_one().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_while_a_repair_is_made() {
    let bad = format!("A {} it is. More.", crate::support::models::FAUX_PAS);
    for (body, reply) in
        [(ask("mendword?"), Reply::json(completion(&bad))), (ask_stream("mendword?"), Reply::events(stream(&[&bad])))]
    {
        let gateway = Gateway::start(Setup::default(), vec![reply, Reply::opening(Opening::Stall)]).await;
        let mut raw = gateway.raw().await;
        raw.post(CHAT, "", body.as_bytes()).await;
        gateway.upstream.until("the repair", |counts| counts.begun == 2).await;
        raw.leave(false);
        gateway
            .upstream
            .until("the end of the repair", |counts| counts.cut_off >= 1 && counts.cut_off + counts.served == 2)
            .await;
        gone(gateway, "repair").await;
    }
}

#[tokio::test]
async fn a_client_that_is_slow_to_read_gets_everything() {
    for (way, setup, path, query) in ways() {
        let text = format!("{}. ", "Tea is very good for you ".repeat(12)).repeat(4);
        let mut events = vec![role(0)];
        events.extend((0..600).map(|_| delta(0, &text)));
        events.extend(stream(&[]).split_off(1));
        let setup = setup.with(|settings| settings.limits.answer = 8 << 20);
        let gateway = Gateway::start(setup, vec![Reply::events(events.clone())]).await;
        let mut raw = gateway.raw().await;
        raw.post(path, "Connection: close\r\n", ask_stream(query).as_bytes()).await;
        // Nothing is read until the model server has sent as much as it can.
        gateway.upstream.until("the answer's beginning", |counts| counts.received > 0).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let answer = raw.answer().await;
        assert!(answer.body == events.concat().as_bytes(), "{way}: {} bytes came", answer.body.len());
        assert_eq!(gateway.finish_one().await.ended, Ended::Complete);
    }
}

#[tokio::test]
async fn nobody_at_the_other_end_is_a_502_that_may_be_tried_again() {
    for mind in [Mind::Fine, Mind::Dead] {
        for setup in [Setup { mind: mind.clone(), ..Setup::default() }, Setup::shadow(mind)] {
            let gateway = Gateway::before_nobody(setup).await;
            for query in ["Where?", "mendword?"] {
                let answer = gateway.client.chat(ask(query)).await;
                assert_eq!((answer.status.as_u16(), error_code(&answer.body).as_str()), (502, "upstream_unavailable"));
                assert!(answer.header("retry-after").is_some() && answer.header("comity-record").is_some());
                assert!(!String::from_utf8_lossy(&answer.body).contains("127.0.0.1"), "no inside address");
            }
            let records = gateway.finish().await;
            assert_eq!(
                records.iter().map(|record| (record.status, record.ended)).collect::<Vec<_>>(),
                [(502, Ended::UpstreamFailed); 2]
            );
        }
    }
}

#[tokio::test]
async fn a_model_server_that_stalls_is_a_504() {
    for (way, mut setup, path, query) in ways() {
        setup.head_patience = Duration::from_millis(30);
        let gateway = Gateway::start(setup, vec![Reply::opening(Opening::Stall)]).await;
        let mut raw = gateway.raw().await;
        raw.post(path, "", ask(query).as_bytes()).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status(), error_code(&answer.body).as_str()), (504, "upstream_timeout"), "{way}");
        assert_eq!(gateway.finish_one().await.ended, Ended::UpstreamFailed);
    }
}

#[tokio::test]
async fn an_answer_that_stalls_half_way_is_a_504_or_breaks_off() {
    let whole = completion("Take tea along.");
    for (way, mut setup, path, query) in ways() {
        setup.piece_patience = Duration::from_millis(30);
        let reply = Reply::new(200, "application/json", vec![Step::Send(whole[..40].to_owned().into()), Step::Stall]);
        let gateway = Gateway::start(setup, vec![reply]).await;
        let mut raw = gateway.raw().await;
        raw.post(path, "", ask(query).as_bytes()).await;
        if way == "guarded" {
            let answer = raw.answer().await;
            assert_eq!((answer.status(), error_code(&answer.body).as_str()), (504, "upstream_timeout"));
        } else {
            let text = String::from_utf8(raw.rest().await).unwrap();
            assert!(
                text.starts_with("HTTP/1.1 200") && text.contains(&whole[..40]) && !text.ends_with("0\r\n\r\n"),
                "{way}: {text}"
            );
        }
        assert_eq!(gateway.finish_one().await.ended, Ended::UpstreamFailed, "{way}");
    }
}

#[tokio::test]
async fn a_model_server_that_vanishes_is_a_502_or_breaks_off() {
    let whole = completion("Take tea along.");
    for (way, setup, path, query) in ways() {
        let half = Reply::new(200, "application/json", vec![Step::Send(whole[..40].to_owned().into()), Step::Break]);
        let gateway = Gateway::start(setup, vec![Reply::opening(Opening::Vanish), half]).await;
        let mut raw = gateway.raw().await;
        raw.post(path, "", ask(query).as_bytes()).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status(), error_code(&answer.body).as_str()), (502, "upstream_unavailable"), "{way}");
        raw.post(path, "", ask(query).as_bytes()).await;
        if way == "guarded" {
            assert_eq!(raw.answer().await.status(), 502);
        } else {
            let text = String::from_utf8(raw.rest().await).unwrap();
            assert!(text.starts_with("HTTP/1.1 200") && !text.ends_with("0\r\n\r\n"), "{way}: {text}");
        }
        let records = gateway.finish().await;
        assert_eq!(records.iter().map(|record| record.ended).collect::<Vec<_>>(), [Ended::UpstreamFailed; 2], "{way}");
    }
}

#[tokio::test]
async fn a_shutdown_lets_a_stream_run_to_its_end() {
    for (way, setup, path, query) in ways() {
        let gate = Gate::new();
        let events = stream(&["Take tea along.", " Have fun."]);
        let reply = Reply::events(events[..2].to_vec())
            .then(Step::Wait(gate.clone()))
            .then(Step::Send(events[2..].concat().into()));
        let gateway = Gateway::start(setup, vec![reply]).await;
        let mut raw = gateway.raw().await;
        raw.post(path, "", ask_stream(query).as_bytes()).await;
        raw.until("assistant").await;
        gateway.stop();
        let refused = async {
            while tokio::net::TcpStream::connect(gateway.address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        crate::support::within("new connections to be refused", refused).await;
        gate.open();
        raw.until("[DONE]\n\n\r\n0\r\n\r\n").await;
        assert!(raw.rest().await.is_empty(), "{way}: the connection is closed");
        assert_eq!(gateway.finish_one().await.ended, Ended::Complete, "{way}");
    }
}

#[tokio::test]
async fn one_record_for_each_of_many_requests() {
    let gateway = Gateway::plain(Reply::json(completion("Tea."))).await;
    let sent = (0..60).map(|number| {
        let client = gateway.client.clone();
        let query = ["Where?", "teachword?", "mendword?", "refuseword?", "watchword?"][number % 5];
        async move { client.chat(ask(query)).await.status }
    });
    let statuses = futures_util::future::join_all(sent).await;
    assert!(statuses.iter().all(|status| status.as_u16() == 200));
    assert_eq!(gateway.finish().await.len(), 60);
}

/// A server that answers each connection's request with these bytes and closes.
async fn says_and_closes(answer: String) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                // The body of `ask` ends so.
                while !request.ends_with(b"\"m-1\"}") {
                    assert!(stream.read_buf(&mut request).await.unwrap() > 0);
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    address
}

#[tokio::test]
async fn what_came_before_a_stream_broke_off_reaches_the_client() {
    let event = delta(0, "word ");
    let events = format!("{:x}\r\n{event}\r\n", event.len()).repeat(8);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = says_and_closes(format!("{head}{events}")).await;
    for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
        let gateway = Gateway::before_another(setup, server).await;
        for _ in 0..60 {
            let answer = gateway.client.chat(ask_stream("Where?")).await;
            let words = String::from_utf8_lossy(&answer.body).matches("word").count();
            assert!(answer.broken && words == 8, "{words} of 8 came");
        }
        assert!(gateway.finish().await.iter().all(|record| record.ended == Ended::UpstreamFailed));
    }
}
