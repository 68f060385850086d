//! Answers that stream through the guard.

use std::time::Duration;

use bytes::Bytes;
use comity::domain::{Ended, Outcome, Record, Scan};
use http::Method;

use crate::support::Gate;
use crate::support::bodies::{DONE, ask, ask_stream, chunk, completion, delta, finish, request, role, stream, usage};
use crate::support::client::{Answer, CHAT, read_until};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::{FAUX_PAS, Mind};
use crate::support::pack::{Floor, SAYS};
use crate::support::upstream::{Opening, Reply, Step};

const GUARDS: [&str; 3] = ["pass", "sentence", "hold"];

fn floor(stream: &'static str) -> Setup {
    Setup::floor(Floor { stream, ..Floor::default() })
}

/// A draft that breaches in its second sentence.
fn draft() -> [String; 4] {
    [
        "Take tea along. A ".to_owned(),
        FAUX_PAS.to_owned(),
        " is what you want.".to_owned(),
        " Have fun there.".to_owned(),
    ]
}

fn draft_stream() -> Vec<String> {
    stream(&draft().each_ref().map(String::as_str))
}

/// Asks what has to be mended as a stream; the model server gives these replies.
async fn mended(setup: Setup, replies: Vec<Reply>) -> (Answer, Record) {
    let gateway = Gateway::start(setup, replies).await;
    let answer = gateway.client.chat(ask_stream("mendword?")).await;
    (answer, gateway.finish_one().await)
}

fn repair(text: &str) -> Reply {
    Reply::json(completion(text))
}

#[tokio::test]
async fn an_empty_finish_reason_ends_nothing() {
    let draft = draft().map(|text| delta(0, &text).replace("\"finish_reason\":null", "\"finish_reason\":\"\""));
    let whole = [vec![role(0)], draft.to_vec(), vec![finish(0), DONE.to_owned()]].concat();
    for guard in ["sentence", "hold"] {
        let (answer, record) =
            mended(floor(guard), vec![Reply::events(whole.clone()), repair("Take tea along. Bye.")]).await;
        let text = answer.said().text().to_owned();
        assert!(text.starts_with("Take tea along.") && text.ends_with("Bye.") && !text.contains(FAUX_PAS), "{text}");
        assert_eq!(record.answer.unwrap().outcome, Outcome::Repaired, "{guard}");
    }
}

#[tokio::test]
async fn what_a_stream_has_beside_its_text_is_recorded() {
    let call =
        chunk(r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}"#);
    let thought = chunk(r#"{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}"#);
    let whole = [role(0), thought, call, delta(0, "Take tea along."), finish(0), DONE.to_owned()];
    for (setup, thoughts) in [
        (floor("sentence"), "removed-with-the-draft"),
        (floor("pass"), "thoughts"),
        (Setup::shadow(Mind::Fine), "thoughts"),
    ] {
        let (_, record) = mended(setup, vec![Reply::events(whole.clone())]).await;
        let reasons: Vec<_> = record.coverage.iter().map(|one| (one.part.as_str(), &one.scan)).collect();
        assert!(reasons.contains(&("answer[0]: tool_calls", &Scan::Scanned)), "{reasons:?}");
        assert!(reasons.contains(&("answer[0]: reasoning", &Scan::Unscanned(thoughts.to_owned()))), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_piece_behind_its_end_takes_nothing_else_with_it() {
    let both = chunk(
        r#"{"index":0,"delta":{"content":"late"},"finish_reason":null},{"index":1,"delta":{"content":"Take tea along."},"finish_reason":null}"#,
    );
    let whole = [role(0), role(1), delta(0, "Good."), finish(0), both, finish(1), DONE.to_owned()].concat();
    let gateway = Gateway::start(floor("sentence"), vec![Reply::events([whole])]).await;
    let answer = gateway.client.chat(request("mendword?", r#""stream":true, "n":2, "#)).await;
    let said = answer.said();
    assert_eq!((said.texts[&0].as_str(), said.texts[&1].as_str()), ("Good.", "Take tea along."));
    let record = gateway.finish_one().await;
    let late = Scan::Unscanned("after-its-end".to_owned());
    assert!(record.coverage.iter().any(|one| one.part == "answer[0]: content, behind its end" && one.scan == late));
}

#[tokio::test]
async fn a_stream_that_holds_comes_as_the_bytes_it_came_in() {
    let whole = [
        role(0),
        delta(0, "Take tea along. "),
        ": ping\r\n\r\n".to_owned(),
        delta(0, "Have fun"),
        delta(0, " there."),
        finish(0),
        usage(),
        DONE.to_owned(),
    ];
    let whole = whole.concat();
    for guard in GUARDS {
        for size in [1, 50, whole.len()] {
            let (answer, record) =
                mended(floor(guard), vec![Reply::events(whole.as_bytes().chunks(size).map(<[u8]>::to_vec))]).await;
            assert_eq!(String::from_utf8_lossy(&answer.body), whole, "{guard}, pieces of {size}");
            assert_eq!(
                (answer.header("x-accel-buffering"), answer.header("cache-control")),
                (Some("no"), Some("no-cache"))
            );
            assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Kept, Ended::Complete));
        }
    }
}

#[tokio::test]
async fn a_breach_is_repaired_from_the_safe_part_on() {
    let (answer, record) =
        mended(floor("sentence"), vec![Reply::events(draft_stream()), repair(" Tea is best.")]).await;
    let said = answer.said();
    assert_eq!((said.text(), said.finished[&0].as_str(), said.done), ("Take tea along. Tea is best.", "stop", true));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!text.contains(FAUX_PAS), "{text}");
    assert!(
        text.split("\n\n")
            .filter(|event| event.contains("choices"))
            .all(|event| event.contains("\"x_vendor\":1.50") && event.contains("1700000000"))
    );
    let told = record.answer.unwrap();
    assert_eq!((told.outcome, told.repairs, record.ended), (Outcome::Repaired, 1, Ended::Complete));
}

#[tokio::test]
async fn who_speaks_comes_first_whatever_is_repaired() {
    let whole = stream(&[&format!("A {FAUX_PAS} it is. "), "Have fun."]).concat();
    for guard in ["sentence", "hold"] {
        for size in [1, 100, whole.len()] {
            let pieces = whole.as_bytes().chunks(size).map(<[u8]>::to_vec);
            let (answer, _) = mended(floor(guard), vec![Reply::events(pieces), repair("Anew.")]).await;
            assert!(answer.body.starts_with(role(0).as_bytes()), "{guard}, pieces of {size}: {:?}", answer.said());
            assert_eq!(answer.said().text(), "Anew.");
        }
    }
}

#[tokio::test]
async fn a_held_answer_is_repaired_as_a_whole() {
    let (answer, record) = mended(floor("hold"), vec![Reply::events(draft_stream()), repair("All of it anew.")]).await;
    assert_eq!((answer.said().text(), answer.said().done), ("All of it anew.", true));
    assert_eq!(record.answer.unwrap().outcome, Outcome::Repaired);
}

#[tokio::test]
async fn a_stream_that_passes_is_told_of_late() {
    let whole = draft_stream().concat();
    let (answer, record) = mended(floor("pass"), vec![Reply::events([whole.clone()])]).await;
    assert_eq!(answer.body, whole);
    let told = record.answer.unwrap();
    assert_eq!((told.outcome, told.repairs), (Outcome::Breached, 0));
}

#[tokio::test]
async fn where_no_repair_holds_the_stream_ends_with_a_correction_or_a_refusal() {
    let failing = [
        repair(&format!("Still a {FAUX_PAS}, sorry.")),
        Reply::whole(500, "text/plain", "no"),
        Reply::opening(Opening::Vanish),
    ];
    for failing in failing {
        for guard in ["sentence", "hold"] {
            let (answer, record) = mended(floor(guard), vec![Reply::events(draft_stream()), failing.clone()]).await;
            let said = answer.said();
            assert!(
                said.text().starts_with("Take tea along.")
                    && said.text().contains(SAYS)
                    && !said.text().contains(FAUX_PAS),
                "{said:?}"
            );
            assert_eq!((record.answer.unwrap().outcome, said.done, answer.broken), (Outcome::Corrected, true, false));
        }
    }
    let setup = Setup::floor(Floor { fallback: "decline", ..Floor::default() });
    let (answer, record) =
        mended(setup, vec![Reply::events(draft_stream()), Reply::whole(500, "text/plain", "no")]).await;
    assert!(answer.said().text().contains(SAYS), "{:?}", answer.said());
    assert_eq!(record.answer.unwrap().outcome, Outcome::Declined);
}

/// The verdict, and what was shown of the draft.
fn verdict(answer: &Answer, record: &Record) -> (Outcome, Vec<String>, String) {
    let told = record.answer.as_ref().unwrap();
    (told.outcome, told.breached.iter().map(ToString::to_string).collect(), answer.said().text().to_owned())
}

#[tokio::test]
async fn the_same_text_gets_the_same_verdict_streamed_or_not_and_however_it_is_cut() {
    for text in [
        "Take tea along. Have fun there.".to_owned(),
        draft().concat(),
        format!("{FAUX_PAS}! Take tea along. Or a {FAUX_PAS}."),
    ] {
        let gateway = Gateway::start(floor("hold"), vec![Reply::json(completion(&text)), repair("Anew.")]).await;
        let answer = gateway.client.chat(ask("mendword?")).await;
        let whole = verdict(&answer, &gateway.finish_one().await);
        for letters in [1, 2, 5, text.len()] {
            let letters: Vec<String> =
                text.as_bytes().chunks(letters).map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect();
            let events = stream(&letters.iter().map(String::as_str).collect::<Vec<_>>());
            let (answer, record) = mended(floor("hold"), vec![Reply::events(events), repair("Anew.")]).await;
            assert_eq!(verdict(&answer, &record), whole, "deltas of {} letters", letters[0].len());
        }
        // What may be shown before the end differs by its nature; the verdict does not.
        let bytes = stream(&[&text]).concat();
        for size in [1, 13, bytes.len()] {
            let pieces: Vec<Bytes> = bytes.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
            let (answer, record) = mended(floor("sentence"), vec![Reply::events(pieces), repair("Anew.")]).await;
            let (outcome, breached, _) = verdict(&answer, &record);
            assert_eq!((outcome, breached), (whole.0, whole.1.clone()), "pieces of {size}");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_draft_that_is_held_back_comes_by_another_way() {
    let leaky = |text: &str, tail: &str| {
        chunk(&format!(
            "{{\"index\":0,\"delta\":{{\"content\":\"{text}\"{tail}}},\"logprobs\":{{\"content\":[{{\"token\":\"{FAUX_PAS}\"}}]}},\"token_ids\":[7],\"finish_reason\":null}}"
        ))
    };
    let reasoning = chunk(&format!(
        "{{\"index\":0,\"delta\":{{\"reasoning_content\":\"a {FAUX_PAS} then\",\"reasoning\":\"{FAUX_PAS}\"}},\"finish_reason\":null}}"
    ));
    let tool = chunk(&format!(
        "{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":0,\"id\":\"t\",\"function\":{{\"name\":\"f\",\"arguments\":\"{FAUX_PAS}\"}}}}]}},\"finish_reason\":null}}"
    ));
    let events = [
        role(0),
        reasoning,
        leaky("Take tea along. A ", ""),
        leaky(FAUX_PAS, ""),
        leaky(" it is.", ""),
        tool,
        finish(0),
        DONE.to_owned(),
    ];
    let (answer, _) = mended(floor("sentence"), vec![Reply::events(events), repair(" Tea.")]).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!text.contains(FAUX_PAS) && !text.contains("token_ids"), "{text}");
    assert_eq!((answer.said().text(), answer.said().done), ("Take tea along. Tea.", true));
}

#[tokio::test]
async fn choices_are_settled_one_by_one() {
    let mixed = [
        role(0),
        role(1),
        delta(0, "Tea is good. "),
        delta(1, &format!("A {FAUX_PAS} it is. ")),
        delta(0, "Have fun."),
        delta(1, "So there."),
        finish(1),
        finish(0),
        DONE.to_owned(),
    ];
    for guard in ["sentence", "hold"] {
        let gateway =
            Gateway::start(floor(guard), vec![Reply::events(mixed.clone()), repair("Coffee is better.")]).await;
        let said = gateway.client.chat(request("mendword?", "\"stream\":true, \"n\":2, ")).await.said();
        assert_eq!(
            (said.texts[&0].as_str(), said.texts[&1].as_str(), said.done),
            ("Tea is good. Have fun.", "Coffee is better.", true),
            "{guard}"
        );
        assert_eq!(said.finished.len(), 2);
        gateway.finish_one().await;
    }
}

#[tokio::test]
async fn choices_that_share_an_event_do_not_lose_each_other() {
    let both = |a: &str, b: &str| {
        let one = |index: u32, text: &str| {
            format!("{{\"index\":{index},\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}")
        };
        chunk(&format!("{},{}", one(0, a), one(1, b)))
    };
    let events = [
        both("Tea is good. ", &format!("A {FAUX_PAS} it is. ")),
        both("Have fun. ", "So there. "),
        finish(0),
        finish(1),
        DONE.to_owned(),
    ];
    for guard in ["sentence", "hold"] {
        let gateway =
            Gateway::start(floor(guard), vec![Reply::events(events.clone()), repair("Coffee is better.")]).await;
        let said = gateway.client.chat(request("mendword?", "\"stream\":true, \"n\":2, ")).await.said();
        assert_eq!(
            (said.texts[&0].as_str(), said.texts[&1].as_str()),
            ("Tea is good. Have fun. ", "Coffee is better."),
            "{guard}"
        );
        gateway.finish_one().await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_done_even_where_the_model_server_does_not_end() {
    let mut held = stream(&["Take tea along. Have fun there."]);
    held.insert(3, usage());
    let (answer, record) = mended(floor("sentence"), vec![Reply::events(held.clone()).then(Step::Stall)]).await;
    assert_eq!(answer.body, held.concat());
    assert_eq!(record.ended, Ended::Complete);
}

#[tokio::test]
async fn the_usage_comes_with_a_held_answer_that_was_repaired() {
    for size in [1, 40, 4000] {
        let mut events = draft_stream();
        events.insert(events.len() - 1, usage());
        let events = events.concat();
        let pieces = events.as_bytes().chunks(size).map(<[u8]>::to_vec);
        let (answer, _) = mended(floor("hold"), vec![Reply::events(pieces), repair("Anew.")]).await;
        let said = answer.said();
        assert_eq!((said.text(), said.usage.is_some(), said.done), ("Anew.", true, true), "pieces of {size}");
    }
}

#[tokio::test]
async fn the_model_server_is_let_go_once_an_answer_breaches() {
    let events = stream(&["Take tea along. ", &format!("A {FAUX_PAS} it is. "), "More."]);
    let reply = Reply::events(events[..4].to_vec()).then(Step::Stall);
    let gateway = Gateway::start(floor("sentence"), vec![reply, repair("Tea.")]).await;
    let said = gateway.client.chat(ask_stream("mendword?")).await.said();
    assert_eq!((said.text(), said.done), ("Take tea along. Tea.", true));
    gateway.upstream.until("the end of the draft", |counts| counts.cut_off == 1).await;
    gateway.finish_one().await;
}

#[tokio::test]
async fn a_client_that_waits_is_kept_alive_with_comments() {
    let gate = Gate::new();
    let reply = Reply::events([role(0), delta(0, "Take tea")])
        .then(Step::Wait(gate.clone()))
        .then(Step::Send([delta(0, " along."), finish(0), DONE.to_owned()].concat().into()));
    let setup = floor("hold").with(|settings| settings.limits.keep_alive = Duration::from_millis(10));
    let gateway = Gateway::start(setup, vec![reply]).await;
    let mut body = gateway.client.open(Method::POST, CHAT, &[], ask_stream("mendword?")).await.into_body();
    let before = read_until(&mut body, ": comity\n\n").await;
    assert!(!before.contains("tea"), "{before}");
    gate.open();
    let after = read_until(&mut body, DONE).await;
    assert_eq!(crate::support::bodies::Said::streamed(format!("{before}{after}").as_bytes()).text(), "Take tea along.");
    drop(body);
    gateway.finish_one().await;
}

#[tokio::test]
async fn a_sentence_goes_out_once_it_is_checked_and_not_before() {
    let gate = Gate::new();
    let mind = Mind::SlowJudge(gate.clone());
    let reply = Reply::events(stream(&["Take tea along. Have fun there."]));
    let gateway = Gateway::start(Setup { mind, ..floor("sentence") }, vec![reply]).await;
    let mut body = gateway.client.open(Method::POST, CHAT, &[], ask_stream("mendword?")).await.into_body();
    let before = read_until(&mut body, "assistant").await;
    assert!(!before.contains("tea"), "{before}");
    gate.open();
    read_until(&mut body, DONE).await;
    drop(body);
    gateway.finish_one().await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_breaks_off_for_the_client_too() {
    for (query, guarded) in [("Where?", false), ("teachword?", false), ("mendword?", true)] {
        let reply = Reply::events([role(0), delta(0, "Take tea along. "), delta(0, "Have")]).then(Step::Break);
        let gateway = Gateway::plain(reply).await;
        let answer = gateway.client.chat(ask_stream(query)).await;
        assert!(answer.broken, "{query}");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.contains("Take tea along.") && !text.contains("[DONE]"), "{text} ({guarded})");
        let record = gateway.finish_one().await;
        assert_eq!((record.ended, record.status), (Ended::UpstreamFailed, 200), "{query}");
    }
}

#[tokio::test]
async fn an_error_in_a_stream_is_passed_on_and_ends_it() {
    let error =
        "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n";
    let whole = [role(0), delta(0, "Take tea along. "), error.to_owned()].concat();
    for query in ["Where?", "mendword?"] {
        let gateway = Gateway::plain(Reply::events([whole.clone()])).await;
        let answer = gateway.client.chat(ask_stream(query)).await;
        assert_eq!((String::from_utf8_lossy(&answer.body).as_ref(), answer.broken), (whole.as_str(), false), "{query}");
        gateway.finish_one().await;
    }
}

#[tokio::test]
async fn an_event_that_is_no_chunk_is_passed_or_withheld_as_the_floor_says() {
    let odd = "event: note\ndata: [1,2]\n\ndata: no json\n\n";
    let whole = [role(0), odd.to_owned(), delta(0, "Take tea along. "), finish(0), DONE.to_owned()].concat();
    let (answer, record) = mended(floor("sentence"), vec![Reply::events([whole.clone()])]).await;
    assert_eq!(answer.body, whole);
    assert!(record.coverage.iter().any(|one| one.part == "answer: event"));

    let setup = Setup::floor(Floor { unchecked: "withhold", ..Floor::default() });
    let (answer, record) = mended(setup, vec![Reply::events([whole])]).await;
    assert_eq!((answer.said().text(), answer.said().error.is_some(), answer.said().done), ("", true, false));
    assert_eq!(record.ended, Ended::UpstreamFailed);
}

#[tokio::test]
async fn a_stream_without_done_stays_without() {
    let whole = [role(0), delta(0, "Take tea along."), finish(0)].concat();
    for text in [whole.clone(), format!("{whole}data: [DONE]")] {
        let (answer, record) = mended(floor("sentence"), vec![Reply::events([text.clone()])]).await;
        assert_eq!((String::from_utf8_lossy(&answer.body).as_ref(), record.ended), (text.as_str(), Ended::Complete));
    }
}

#[tokio::test]
async fn a_packed_stream_is_passed_on_unread_or_withheld_as_the_floor_says() {
    let packed = crate::support::bodies::gzip(draft_stream().concat().as_bytes());
    let reply = || Reply::events([packed.clone()]).header("content-encoding", "gzip");
    let (answer, record) = mended(floor("sentence"), vec![reply()]).await;
    assert_eq!((&answer.body[..], answer.header("content-encoding")), (&packed[..], Some("gzip")));
    assert_eq!(record.answer.unwrap().outcome, Outcome::Unverified);
    let setup = Setup::floor(Floor { unchecked: "withhold", ..Floor::default() });
    let (answer, _) = mended(setup, vec![reply()]).await;
    assert_eq!(answer.status.as_u16(), 502);
}

#[tokio::test]
async fn a_stream_that_is_too_large_to_check_goes_by_where_the_floor_says_so_and_ends_nowhere_else() {
    let sentence = "Take tea along. ";
    let pieces: Vec<&str> = std::iter::repeat_n(sentence, 60).collect();
    let large = format!("data: {{\"x\":\"{}\"}}\n\n", "x".repeat(1_100_000));
    let long = stream(&pieces);
    let held = |guard, unchecked| {
        let floor = Floor { stream: guard, unchecked, ..Floor::default() };
        Setup::floor(floor).with(|settings| settings.limits.answer = 700)
    };
    // Too much text, too much that waits, and an event that is too large by itself.
    let with_large: Vec<String> = long[..3].iter().cloned().chain([large]).chain(long[3..].to_vec()).collect();
    for events in [long, with_large] {
        for guard in ["sentence", "hold"] {
            let whole = events.concat();
            let gateway = Gateway::start(held(guard, "show"), vec![Reply::events(events.clone())]).await;
            let answer = gateway.client.chat(ask_stream("mendword?")).await;
            assert!(!answer.broken && answer.body == whole, "{guard}: {} of {}", answer.body.len(), whole.len());
            let record = gateway.finish_one().await;
            assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Unverified, Ended::Complete));
            let rest = comity::domain::Coverage::unscanned("answer: the rest", "too-large");
            assert!(record.coverage.contains(&rest), "{:?}", record.coverage);

            let gateway = Gateway::start(held(guard, "withhold"), vec![Reply::events(events.clone())]).await;
            let answer = gateway.client.chat(ask_stream("mendword?")).await;
            assert!(String::from_utf8_lossy(&answer.body).contains("answer_too_large"), "{guard}");
            assert_eq!(gateway.finish_one().await.ended, Ended::UpstreamFailed);
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_at_the_word_that_all_is_said_has_heard_all() {
    for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
        let reply = Reply::events(stream(&["Tea."])).then(Step::Stall);
        let gateway = Gateway::start(setup, vec![reply]).await;
        let mut body = gateway.client.open(Method::POST, CHAT, &[], ask_stream("Where?")).await.into_body();
        read_until(&mut body, "[DONE]").await;
        drop(body);
        let record = gateway.finish_one().await;
        assert_eq!(record.ended, Ended::Complete);
        assert!(record.coverage.contains(&comity::domain::Coverage::scanned("messages[0]: text")));
    }
}

#[tokio::test]
async fn a_stream_that_is_too_large_to_check_does_not_take_a_known_breach_with_it() {
    let breach = format!("Do the {FAUX_PAS}. ");
    let pieces: Vec<&str> =
        std::iter::once(breach.as_str()).chain(std::iter::repeat_n("Take tea along. ", 60)).collect();
    let floor = Floor { stream: "hold", ..Floor::default() };
    let setup = Setup::floor(floor).with(|settings| settings.limits.answer = 700);
    // Piece by piece, so that the first one is judged before there is too much.
    let events = stream(&pieces).into_iter().map(|event| Step::Send(event.into())).collect();
    let gateway = Gateway::start(setup, vec![Reply::new(200, "text/event-stream", events)]).await;
    let answer = gateway.client.chat(ask_stream("mendword?")).await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(!text.contains(FAUX_PAS) && text.contains("answer_too_large"), "{text}");
    gateway.finish().await;
}
