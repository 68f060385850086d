//! The Responses API: taught, repaired, refused and looked at as chat completions are, with every copy of a text the same.

use bytes::Bytes;
use comity::domain::{Action, Ended, Outcome, Record, Scan};
use http::Method;
use serde_json::{Value, json};

use crate::support::bodies::quoted;
use crate::support::client::Answer;
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::{FAUX_PAS, Mind};
use crate::support::pack::{Floor, SAYS};
use crate::support::upstream::{Got, Reply};

const PATH: &str = "/v1/responses";
const GUARDS: [&str; 3] = ["pass", "sentence", "hold"];

/// A request whose input is one string. Keys stand in an odd order, with odd blanks and numbers.
fn ask(query: &str, more: &str) -> String {
    format!(
        "{{ \"temperature\":1.0e0,\t\"x_unknown\":{{\"b\":1, \"a\":[ ]}},\n {more}\"input\" : {}, \"model\":\"m-1\"}}",
        quoted(query)
    )
}

fn part(text: &str) -> String {
    format!(
        r#"{{"type":"output_text","annotations":[{{"type":"url_citation","start_index":0,"end_index":3,"url":"https://example.org","title":"T"}}],"logprobs":[{{"token":"t","logprob":-1.0,"bytes":[116],"top_logprobs":[]}}],"text":{}}}"#,
        quoted(text)
    )
}

fn message(text: &str) -> String {
    format!(r#"{{"id":"msg_1","type":"message","status":"completed","content":[{}],"role":"assistant"}}"#, part(text))
}

fn thought(text: &str) -> String {
    format!(r#"{{"id":"rs_1","type":"reasoning","summary":[{{"type":"summary_text","text":{}}}]}}"#, quoted(text))
}

/// A response that thought and said something.
fn response(thinks: &str, says: &str) -> String {
    format!(
        r#"{{"id":"resp_1","object":"response", "created_at":1.7e9,"status":"completed","x_vendor":1.50,"output":[{}, {}],"usage":{{"input_tokens":7,"output_tokens":5,"total_tokens":12}},"instructions":null}}"#,
        thought(thinks),
        message(says)
    )
}

/// The events of a stream that thinks and says these texts one after the other.
fn events(thinks: &str, says: &[&str]) -> Vec<String> {
    let whole = says.concat();
    let place = r#""item_id":"msg_1","output_index":1,"content_index":0"#;
    let mut events = vec![
        (r"response.created", r#""response":{"id":"resp_1","output":[]}"#.to_owned()),
        (
            "response.output_item.added",
            r#""output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}"#.to_owned(),
        ),
        (
            "response.reasoning_summary_text.delta",
            format!(r#""item_id":"rs_1","output_index":0,"summary_index":0,"delta":{}"#, quoted(thinks)),
        ),
        ("response.output_item.done", format!(r#""output_index":0,"item":{}"#, thought(thinks))),
        (
            "response.output_item.added",
            r#""output_index":1,"item":{"id":"msg_1","type":"message","content":[],"role":"assistant"}"#.to_owned(),
        ),
        (
            "response.content_part.added",
            format!(r#"{place},"part":{{"type":"output_text","text":"","annotations":[]}}"#),
        ),
    ];
    for text in says {
        events.push((
            "response.output_text.delta",
            format!(r#"{place},"delta":{},"logprobs":[{{"token":"t"}}],"obfuscation":"zz""#, quoted(text)),
        ));
    }
    events.extend([
        (
            "response.output_text.annotation.added",
            format!(r#"{place},"annotation_index":0,"annotation":{{"type":"url_citation"}}"#),
        ),
        ("response.output_text.done", format!(r#"{place},"text":{}, "logprobs":[]"#, quoted(&whole))),
        ("response.content_part.done", format!(r#"{place},"part":{}"#, part(&whole))),
        ("response.output_item.done", format!(r#""output_index":1,"item":{}"#, message(&whole))),
        ("response.completed", format!(r#""response":{}"#, response(thinks, &whole))),
    ]);
    let written = |(number, (kind, rest)): (usize, (&str, String))| {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\", {rest},\"sequence_number\":{number}}}\n\n")
    };
    events.into_iter().enumerate().map(written).collect()
}

fn draft() -> [String; 4] {
    [
        "Take tea along. A ".to_owned(),
        FAUX_PAS.to_owned(),
        " is what you want.".to_owned(),
        " Have fun there.".to_owned(),
    ]
}

fn said(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// What the events of a stream say, and that their names and numbers are right.
fn stream_of(answer: &Answer) -> Vec<Value> {
    let text = said(answer);
    let mut events = Vec::new();
    for (number, event) in text.split_terminator("\n\n").enumerate() {
        let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(
            (event["type"].as_str(), event["sequence_number"].as_u64()),
            (Some(name), Some(number as u64)),
            "{text}"
        );
        events.push(event);
    }
    events
}

fn deltas(events: &[Value]) -> String {
    events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect()
}

/// The texts of all events that repeat one.
fn copies(events: &[Value]) -> Vec<String> {
    let found = events.iter().filter_map(|event| match event["type"].as_str().unwrap() {
        "response.output_text.done" => Some(&event["text"]),
        "response.content_part.done" => Some(&event["part"]["text"]),
        "response.output_item.done" if event["output_index"] == 1 => Some(&event["item"]["content"][0]["text"]),
        "response.completed" => Some(&event["response"]["output"][1]["content"][0]["text"]),
        _ => None,
    });
    found.map(|text| text.as_str().unwrap().to_owned()).collect()
}

async fn asked(setup: Setup, body: String, replies: Vec<Reply>) -> (Answer, Vec<Got>, Record) {
    let gateway = Gateway::start(setup, replies).await;
    let answer = gateway.client.send(Method::POST, PATH, &[("authorization", "Bearer sk-test")], body).await;
    let got = gateway.upstream.got();
    (answer, got, gateway.finish_one().await)
}

fn reason(record: &Record, part: &str) -> Option<String> {
    let found = record.coverage.iter().find(|coverage| coverage.part == part)?;
    match &found.scan {
        Scan::Unscanned(why) => Some(why.clone()),
        Scan::Scanned => Some("scanned".to_owned()),
    }
}

#[tokio::test]
async fn a_note_stands_before_the_question_in_every_form_of_input() {
    let developer = |note: &Value| {
        assert!(note["content"].as_str().unwrap().contains(SAYS), "{note}");
        (note["type"].clone(), note["role"].clone())
    };
    let (_, got, record) =
        asked(Setup::default(), ask("teachword?", ""), vec![Reply::json(response("", "Tea."))]).await;
    let sent = got[0].json();
    let items = sent["input"].as_array().unwrap();
    assert_eq!((developer(&items[0]), items.len()), ((json!("message"), json!("developer")), 2));
    assert_eq!(items[1], json!({"type": "message", "role": "user", "content": "teachword?"}));
    assert!(
        String::from_utf8_lossy(&got[0].body)
            .starts_with("{ \"temperature\":1.0e0,\t\"x_unknown\":{\"b\":1, \"a\":[ ]},\n \"input\" : [")
    );
    assert_eq!((record.action, record.guarded, record.endpoint.as_str()), (Action::Educate, true, PATH));

    let items = r#"{"role":"user","content":"Hello"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"1","output":"sunny"},{"role":"user","content":[{"type":"input_text","text":"teachword?"}]}"#;
    let body = format!(r#"{{"instructions":"Be brief.","input":[{items}],"model":"m-1"}}"#);
    let (_, got, record) = asked(Setup::default(), body.clone(), vec![Reply::json(response("", "Tea."))]).await;
    let sent = got[0].json();
    assert_eq!(developer(&sent["input"][3]), (json!("message"), json!("developer")));
    assert_eq!(sent["input"][4]["content"][0]["text"], "teachword?");
    assert_eq!((sent["input"].as_array().unwrap().len(), &sent["instructions"]), (5, &json!("Be brief.")));
    assert_eq!(reason(&record, "messages[2]: tool-arguments").as_deref(), Some("not-read"));

    let (_, got, _) =
        asked(Setup::default(), body.replace("teachword", "Where"), vec![Reply::json(response("", "Tea."))]).await;
    assert_eq!(
        got[0].body,
        body.replace("teachword", "Where"),
        "where nothing is at stake, the bytes are the client's"
    );
}

#[tokio::test]
async fn a_breach_is_repaired_and_nothing_tells_the_draft() {
    let bad = response(&format!("a {FAUX_PAS} it is"), &draft().concat());
    let (answer, got, record) = asked(
        Setup::default(),
        ask("mendword?", r#""tools":[{"type":"web_search"}],"store":true,"previous_response_id":"resp_0", "#),
        vec![Reply::json(bad), Reply::json(response("", "Take tea along."))],
    )
    .await;
    let text = said(&answer);
    assert!(!text.contains(FAUX_PAS), "{text}");
    let shown = parsed(&answer);
    let part = &shown["output"][1]["content"][0];
    assert_eq!(part, &json!({"type": "output_text", "annotations": [], "logprobs": [], "text": "Take tea along."}));
    assert_eq!((&shown["output"][0]["id"], &shown["output"][0]["summary"]), (&json!("rs_1"), &json!([])));
    assert!(
        text.contains(r#""x_vendor":1.50"#)
            && text.contains(r#""created_at":1.7e9"#)
            && shown["usage"]["total_tokens"] == 12
    );
    let repair = got[1].json();
    let input = repair["input"].as_array().unwrap();
    assert_eq!(input[..2], got[0].json()["input"].as_array().unwrap()[..], "the note and the question");
    assert_eq!(
        (&input[2]["role"], &input[2]["content"], &input[3]["role"]),
        (&json!("assistant"), &json!(draft().concat()), &json!("user"))
    );
    assert!(input[3]["content"].as_str().unwrap().contains(SAYS) && input.len() == 4);
    assert_eq!(
        (&repair["store"], repair.get("tools"), &repair["previous_response_id"]),
        (&json!(false), None, &json!("resp_0"))
    );
    let told = record.answer.clone().unwrap();
    assert_eq!((record.action, told.outcome, told.breached.len()), (Action::Rewrite, Outcome::Repaired, 1));
    assert_eq!(reason(&record, "answer.output[1].content[0]: text").as_deref(), Some("scanned"));
    assert_eq!(reason(&record, "answer.output[0]: reasoning").as_deref(), Some("removed-with-the-draft"));
    assert_eq!(reason(&record, "previous_response_id").as_deref(), Some("kept-upstream"));
}

#[tokio::test]
async fn an_answer_that_holds_is_shown_as_it_came() {
    let good = response("hm", "Take tea along. Have fun.");
    for query in ["mendword?", "teachword?", "Where?"] {
        let (answer, got, record) = asked(Setup::default(), ask(query, ""), vec![Reply::json(good.clone())]).await;
        assert_eq!(
            (said(&answer), got.len(), record.answer.unwrap().outcome),
            (good.clone(), 1, Outcome::Kept),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_holds_says_the_same_in_every_event() {
    let whole = events("", &["Take tea along. ", "Have fun", " there."]).concat();
    for guard in GUARDS {
        for size in [1, 50, whole.len()] {
            let reply = Reply::events(whole.as_bytes().chunks(size).map(<[u8]>::to_vec));
            let setup = Setup::floor(Floor { stream: guard, ..Floor::default() });
            let (answer, _, record) = asked(setup, ask("mendword?", r#""stream":true, "#), vec![reply]).await;
            if guard == "pass" {
                assert_eq!(said(&answer), whole, "pieces of {size}");
            } else {
                let text = said(&answer);
                assert!(
                    !text.contains(r#""token""#) && !text.contains("obfuscation"),
                    "what would tell a draft goes before it is known to be good: {text}"
                );
            }
            let events = stream_of(&answer);
            assert_eq!(deltas(&events), "Take tea along. Have fun there.", "{guard}");
            assert_eq!(copies(&events), vec!["Take tea along. Have fun there."; 4], "{guard}");
            assert_eq!(events.last().unwrap()["response"]["usage"]["total_tokens"], 12);
            assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Kept, Ended::Complete));
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaches_is_repaired_in_all_five_places() {
    let draft = draft();
    let whole = events(&format!("a {FAUX_PAS}"), &draft.each_ref().map(String::as_str)).concat();
    for guard in ["sentence", "hold"] {
        for size in [1, 97, whole.len()] {
            let reply = Reply::events(whole.as_bytes().chunks(size).map(<[u8]>::to_vec));
            let setup = Setup::floor(Floor { stream: guard, ..Floor::default() });
            let repair = Reply::json(response("", "Take tea along. Bring a book."));
            let (answer, got, record) = asked(setup, ask("mendword?", r#""stream":true, "#), vec![reply, repair]).await;
            let text = said(&answer);
            assert!(!text.contains(FAUX_PAS), "{guard}: {text}");
            let events = stream_of(&answer);
            let shown = deltas(&events);
            assert!(shown.starts_with("Take tea along.") && shown.ends_with("Bring a book."), "{shown}");
            assert_eq!(copies(&events), vec![shown.as_str(); 4], "{guard}");
            assert!(!text.contains("annotation.added") && !text.contains("url_citation"), "{text}");
            let last = events.last().unwrap();
            assert_eq!(
                (&last["type"], &last["response"]["usage"]["total_tokens"]),
                (&json!("response.completed"), &json!(12))
            );
            assert_eq!(got.len(), 2);
            assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Repaired, Ended::Complete), "{guard}");
        }
    }
}

/// A floor with this guard.
fn guarding(guard: &'static str) -> Setup {
    Setup::floor(Floor { stream: guard, ..Floor::default() })
}

const STREAM: &str = r#""stream":true, "#;

#[tokio::test]
async fn a_stream_that_is_shown_at_once_comes_as_it_came_and_its_breach_is_told() {
    let draft = draft();
    let whole = events("hm", &draft.each_ref().map(String::as_str)).concat();
    let reply = Reply::events([whole.clone()]);
    let (answer, got, record) = asked(guarding("pass"), ask("mendword?", STREAM), vec![reply]).await;
    assert_eq!((said(&answer), got.len()), (whole, 1));
    assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Breached, Ended::Complete));
}

#[tokio::test]
async fn what_is_recorded_of_a_stream_has_a_bound() {
    let thoughts = (0..500).map(|at| {
        let item = thought("hm");
        format!("data: {{\"type\":\"response.output_item.done\",\"output_index\":{at},\"item\":{item}}}\n\n")
    });
    let whole = thoughts.chain(events("", &["Tea."])).collect::<String>();
    let setups: [fn() -> Setup; 2] = [Setup::default, || Setup::shadow(Mind::Fine)];
    for setup in setups {
        let (_, _, record) = asked(setup(), ask("mendword?", STREAM), vec![Reply::events([whole.clone()])]).await;
        assert!(record.coverage.len() < 140, "{}", record.coverage.len());
        assert_eq!(reason(&record, "answer: more").as_deref(), Some("not-read"));
        assert_eq!(record.answer.unwrap().outcome, Outcome::Kept);
    }
}

#[tokio::test]
async fn a_text_that_comes_only_at_its_end_is_judged_all_the_same() {
    let whole = quoted(&draft().concat());
    let events: Vec<String> = events("", &[])
        .into_iter()
        .map(|event| {
            let at_end = event.contains("msg_1") && (event.contains(".done") || event.contains("completed"));
            if at_end { event.replace(r#""text":"""#, &format!(r#""text":{whole}"#)) } else { event }
        })
        .collect();
    assert!(!events[..7].concat().contains(FAUX_PAS) && events.concat().contains(FAUX_PAS));
    for guard in ["sentence", "hold"] {
        let repair = Reply::json(response("", "Take tea along."));
        let (answer, _, record) =
            asked(guarding(guard), ask("mendword?", STREAM), vec![Reply::events(events.clone()), repair]).await;
        assert!(!said(&answer).contains(FAUX_PAS), "{}", said(&answer));
        let events = stream_of(&answer);
        assert_eq!(copies(&events), vec![deltas(&events); 4], "{guard}");
        assert_eq!(record.answer.unwrap().outcome, Outcome::Repaired);
    }
}

#[tokio::test]
async fn a_text_with_which_a_part_begins_is_held_back_like_any_other() {
    let begun = format!("{} ", draft().concat());
    let events: Vec<String> = events("", &["And so on."])
        .into_iter()
        .map(|event| {
            let event = event
                .replace(r#""text":"","annotations":[]"#, &format!(r#""text":{},"annotations":[]"#, quoted(&begun)));
            event.replace(r#""text":"And so on.""#, &format!(r#""text":{}"#, quoted(&format!("{begun}And so on."))))
        })
        .map(|event| {
            let early = format!(r#""output":[{}]"#, message(&begun));
            if event.contains("response.created") { event.replace(r#""output":[]"#, &early) } else { event }
        })
        .collect();
    assert_eq!(events.concat().matches(FAUX_PAS).count(), 6);
    let repair = Reply::json(response("", "Take tea along. Bye."));
    let (answer, _, _) =
        asked(guarding("sentence"), ask("mendword?", STREAM), vec![Reply::events(events), repair]).await;
    assert!(!said(&answer).contains(FAUX_PAS), "{}", said(&answer));
    let events = stream_of(&answer);
    assert_eq!(copies(&events), vec![deltas(&events); 4]);
    assert!(deltas(&events).starts_with("Take tea along.") && deltas(&events).ends_with("Bye."));
}

#[tokio::test]
async fn texts_are_known_by_their_items_where_indices_disagree() {
    let said_twice = |first: &str, second: &str| {
        let message = |id: &str, text: &str| message(text).replace("msg_1", id);
        let text = |index: u32, id: &str, text: &str| {
            let place = format!(r#""item_id":"{id}","output_index":{index},"content_index":0"#);
            [
                format!(r#""type":"response.output_text.delta",{place},"delta":{}"#, quoted(text)),
                format!(r#""type":"response.output_text.done",{place},"text":{}"#, quoted(text)),
                format!(r#""type":"response.output_item.done","output_index":{index},"item":{}"#, message(id, text)),
            ]
        };
        let output = format!("{},{}", message("a", first), message("b", second));
        let last = format!(r#""type":"response.completed","response":{{"output":[{output}]}}"#);
        let events = text(1, "a", first).into_iter().chain(text(2, "b", second)).chain([last]);
        events.map(|event| format!("data: {{{event}}}\n\n")).collect::<Vec<_>>()
    };
    let bad = format!("A {FAUX_PAS}. Bye.");
    for (first, second, expected) in
        [("Tea.", bad.as_str(), ["Tea.", "Mended."]), (bad.as_str(), "Tea.", ["Mended.", "Tea."])]
    {
        let replies = vec![Reply::events(said_twice(first, second)), Reply::json(response("", "Mended."))];
        let (answer, got, _) = asked(guarding("hold"), ask("mendword?", STREAM), replies).await;
        let text = said(&answer);
        assert!(!text.contains(FAUX_PAS) && got.len() == 2, "{text}");
        let last: Value = serde_json::from_str(text.trim_end().rsplit_once("data: ").unwrap().1).unwrap();
        let shown = [0, 1].map(|at| last["response"]["output"][at]["content"][0]["text"].as_str().unwrap().to_owned());
        assert_eq!(shown, expected, "{text}");
    }
    let good = said_twice("Tea.", "Coffee.").concat();
    let (answer, _, _) = asked(
        Setup::default().with(|settings| settings.include_verdict = true),
        ask("Where?", STREAM),
        vec![Reply::events([good.clone()])],
    )
    .await;
    let text = said(&answer).replace("event: response.completed\n", ""); // an event that is made anew has a name
    assert!(good.starts_with(text.split_once(",\"moderation\"").unwrap().0), "{text}");
}

#[tokio::test]
async fn what_a_model_thinks_is_no_answer_and_goes_with_a_draft() {
    let thinks = format!(
        r#"{{"id":"rs","type":"reasoning","summary":[],"encrypted_content":"sealed","content":[{{"type":"output_text","text":"a {FAUX_PAS}"}}]}}"#
    );
    let whole = |text: &str| format!(r#"{{"id":"resp_1","output":[{thinks},{}]}}"#, message(text));
    let (answer, got, record) = asked(Setup::default(), ask("mendword?", ""), vec![Reply::json(whole("Tea."))]).await;
    assert_eq!((said(&answer), got.len(), record.answer.unwrap().outcome), (whole("Tea."), 1, Outcome::Kept));
    let replies = vec![Reply::json(whole(&draft().concat())), Reply::json(response("", "Tea."))];
    let (answer, _, _) = asked(Setup::default(), ask("mendword?", ""), replies).await;
    let shown = parsed(&answer);
    assert!(!said(&answer).contains(FAUX_PAS), "{}", said(&answer));
    assert_eq!(
        (&shown["output"][0]["content"], &shown["output"][0]["encrypted_content"]),
        (&json!([]), &json!("sealed"))
    );
}

#[tokio::test]
async fn a_text_is_found_in_whatever_form_servers_give_it() {
    let bad = quoted(&draft().concat());
    for (body, pointer) in [
        (format!(r#"{{"output":[{{"type":"message","content":{bad}}}]}}"#), "/output/0/content"),
        (
            format!(r#"{{"output":[{{"type":"message","content":[{{"type":"text","text":{bad}}}]}}]}}"#),
            "/output/0/content/0/text",
        ),
        (format!(r#"{{"output":[{{"content":[{{"text":{bad}}}]}}]}}"#), "/output/0/content/0/text"),
        (format!(r#"{{"output":[],"output_text":{bad}}}"#), "/output_text"),
        (format!(r#"{{"output_text":{bad},"output":[{}]}}"#, message(&draft().concat())), "/output_text"),
    ] {
        let replies = vec![Reply::json(body.clone()), Reply::json(response("", "Tea."))];
        let (answer, _, record) = asked(Setup::default(), ask("mendword?", ""), replies).await;
        assert!(!said(&answer).contains(FAUX_PAS), "{body}");
        assert_eq!(parsed(&answer).pointer(pointer), Some(&json!("Tea.")), "{body}");
        assert_eq!(record.answer.unwrap().outcome, Outcome::Repaired);
    }
}

#[tokio::test]
async fn a_repair_in_several_texts_is_shown_whole() {
    let aside = message("Let me see.").replacen('{', r#"{"phase":"commentary","#, 1);
    let repair = format!(r#"{{"output":[{aside},{},{}]}}"#, message("Take tea."), message("And a book."));
    let replies = vec![Reply::json(response("", &draft().concat())), Reply::json(repair)];
    let (answer, _, _) = asked(Setup::default(), ask("mendword?", ""), replies).await;
    assert_eq!(parsed(&answer)["output"][1]["content"][0]["text"], "Take tea.\n\nAnd a book.");
}

#[tokio::test]
async fn what_nobody_can_read_does_not_tell_a_draft_that_was_cut() {
    let draft = draft();
    let mut broken = events("", &draft.each_ref().map(String::as_str));
    let last = broken.pop().unwrap();
    broken.push(last.replace(r#""response":{"#, r#""response":{"output":0,"#));
    let floor = Floor { stream: "sentence", unchecked: "show", ..Floor::default() };
    let replies = vec![Reply::events(broken), Reply::json(response("", "Take tea along. Bye."))];
    let (answer, _, record) = asked(Setup::floor(floor), ask("mendword?", STREAM), replies).await;
    assert!(!said(&answer).contains(FAUX_PAS), "{}", said(&answer));
    assert_eq!(reason(&record, "answer: event").as_deref(), Some("malformed"));
}

#[tokio::test]
async fn a_stream_that_failed_or_broke_off_is_recorded_as_such() {
    let draft = draft();
    let whole = events("", &draft.each_ref().map(String::as_str));
    let failed = whole.concat().replace("response.completed", "response.failed");
    let without_end = whole[..whole.len() - 1].concat();
    for stream in [failed, without_end] {
        let replies = vec![Reply::events([stream.clone()]), Reply::json(response("", "Take tea along. Bye."))];
        let (answer, _, record) = asked(guarding("sentence"), ask("mendword?", STREAM), replies).await;
        assert!(!said(&answer).contains(FAUX_PAS));
        assert_eq!(record.ended, Ended::UpstreamFailed, "{stream}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_whole_response_in_either_form() {
    let (answer, got, record) = asked(Setup::default(), ask("refuseword?", ""), vec![Reply::json("{}")]).await;
    let whole = parsed(&answer);
    assert!(whole["output"][0]["content"][0]["text"].as_str().unwrap().contains(SAYS), "{whole}");
    assert!(whole["id"].as_str().unwrap().starts_with("resp_") && whole["status"] == "completed" && got.is_empty());
    assert_eq!((record.action, record.answer.unwrap().outcome), (Action::Decline, Outcome::Declined));

    let (answer, _, _) =
        asked(Setup::default(), ask("refuseword?", r#""stream":true, "#), vec![Reply::json("{}")]).await;
    let events = stream_of(&answer);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = deltas(&events);
    assert!(text.contains(SAYS) && events.len() == 9);
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], text.as_str());
}

#[tokio::test]
async fn the_verdict_stands_in_the_response_and_in_the_last_event() {
    let setup = || Setup::default().with(|settings| settings.include_verdict = true);
    for (query, norm) in
        [("Where?", None), ("teachword?", Some("culture/JP/taught")), ("mendword?", Some("culture/JP/mended"))]
    {
        let (answer, _, _) = asked(setup(), ask(query, ""), vec![Reply::json(response("", "Tea."))]).await;
        let whole = parsed(&answer)["moderation"].clone();
        let reply = Reply::events(events("", &["Tea."]));
        let (answer, _, _) = asked(setup(), ask(query, r#""stream":true, "#), vec![reply]).await;
        let events = stream_of(&answer);
        let streamed = events.last().unwrap()["response"]["moderation"].clone();
        for verdict in [whole, streamed] {
            let flagged = verdict["input"]["categories"]
                .as_object()
                .unwrap()
                .iter()
                .find(|(_, flagged)| flagged.as_bool() == Some(true));
            assert_eq!(
                (&verdict["input"]["type"], flagged.map(|(name, _)| name.as_str())),
                (&json!("moderation_result"), norm),
                "{query}"
            );
            assert_eq!(verdict["output"]["type"], "moderation_result");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_seen_is_said() {
    let more = r#""background":true,"conversation":{"id":"conv_1"},"prompt":null, "#;
    let queued = r#"{"id":"resp_1","status":"queued","output":[]}"#;
    let (answer, _, record) = asked(Setup::default(), ask("mendword?", more), vec![Reply::json(queued)]).await;
    assert_eq!(said(&answer), queued);
    assert_eq!(reason(&record, "background").as_deref(), Some("answered-later"));
    assert_eq!(reason(&record, "conversation").as_deref(), Some("kept-upstream"));
    assert_eq!(reason(&record, "prompt"), None);
}

#[tokio::test]
async fn shadow_changes_no_byte_and_sees_the_breach() {
    let draft = draft();
    let whole = events("", &draft.each_ref().map(String::as_str)).concat();
    let streamed = ask("mendword?", r#""stream":true, "#);
    for (body, reply, came) in [
        (ask("mendword?", ""), Reply::json(response("", &draft.concat())), response("", &draft.concat())),
        (streamed, Reply::events(whole.as_bytes().chunks(50).map(<[u8]>::to_vec)), whole),
    ] {
        let (answer, got, record) = asked(Setup::shadow(Mind::Fine), body.clone(), vec![reply]).await;
        assert_eq!((&answer.body, &got[0].body), (&Bytes::from(came), &Bytes::from(body)));
        assert_eq!(record.answer.unwrap().outcome, Outcome::Breached);
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_checked_ends_with_an_error_of_its_kind() {
    let floor = Floor { stream: "hold", unchecked: "withhold", ..Floor::default() };
    let setup = Setup::floor(floor).with(|settings| settings.limits.answer = 400);
    let reply = Reply::events(events("", &["Take tea along. ", &"Have fun there. ".repeat(40)]));
    let (answer, _, record) = asked(setup, ask("mendword?", r#""stream":true, "#), vec![reply]).await;
    let text = said(&answer);
    let (_, last) = text.trim_end().rsplit_once("event: error\ndata: ").unwrap();
    let error: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("answer_too_large")));
    assert!(error["message"].is_string() && error["param"].is_null() && error["sequence_number"].is_u64());
    assert_eq!((&error["error"]["code"], &error["error"]["message"]), (&error["code"], &error["message"]));
    assert_eq!(record.ended, Ended::UpstreamFailed);
}

#[tokio::test]
async fn bad_requests_are_refused_in_words() {
    for (body, code) in [
        (r#"{"input":{"a":1}}"#, "invalid_type"),
        (r#"{"input":[{"role":"user","content":7}]}"#, "invalid_type"),
        (r#"{"input":"a","input":"b"}"#, "duplicate_key"),
        ("[", "invalid_json"),
    ] {
        let (answer, got, _) = asked(Setup::default(), body.to_owned(), vec![Reply::json("{}")]).await;
        assert_eq!((answer.status.as_u16(), parsed(&answer)["error"]["code"].as_str()), (400, Some(code)), "{body}");
        assert!(got.is_empty());
    }
}
