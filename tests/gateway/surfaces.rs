//! What an answer says beside its text: judged as the text is, however it comes.

use comity::domain::{Outcome, Record, Scan};
use http::Method;
use serde_json::{Value, json};

use crate::support::bodies::{DONE, ask, ask_stream, chunk, completion, delta, finish, quoted, role};
use crate::support::client::{Answer, CHAT};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::{FAUX_PAS, Mind};
use crate::support::pack::{Floor, SAYS};
use crate::support::upstream::Reply;

const GUARDS: [&str; 3] = ["pass", "sentence", "hold"];
const RESPONSES: &str = "/v1/responses";

fn floor(stream: &'static str) -> Setup {
    Setup::floor(Floor { stream, ..Floor::default() })
}

async fn asked(setup: Setup, path: &str, body: String, reply: Reply) -> (Answer, Record) {
    let gateway = Gateway::start(setup, vec![reply]).await;
    let answer = gateway.client.send(Method::POST, path, &[("authorization", "Bearer sk-test")], body).await;
    (answer, gateway.finish_one().await)
}

fn why(record: &Record, part: &str) -> String {
    let one = record.coverage.iter().find(|one| one.part == part);
    match one.map(|one| &one.scan) {
        Some(Scan::Scanned) => "scanned".to_owned(),
        Some(Scan::Unscanned(why)) => why.clone(),
        None => panic!("{part} is not in {:?}", record.coverage),
    }
}

fn outcome(record: &Record) -> (Outcome, Vec<String>) {
    let told = record.answer.as_ref().unwrap();
    (told.outcome, told.breached.iter().map(ToString::to_string).collect())
}

/// A completion whose message has these members.
fn message(members: &str) -> String {
    completion("").replace("\"content\":\"\",\"refusal\":null", members)
}

/// A stream whose deltas have these members, one behind the other.
fn deltas(members: &[String]) -> Vec<String> {
    let said = members.iter().map(|members| {
        assert!(serde_json::from_str::<Value>(&format!("{{{members}}}")).is_ok(), "{members}");
        chunk(&format!("{{\"index\":0,\"delta\":{{{members}}},\"finish_reason\":null}}"))
    });
    let mut events = vec![role(0)];
    events.extend(said);
    events.extend([finish(0), DONE.to_owned()]);
    events
}

/// What says something beside the text: the message's member, and the same in deltas, cut after so many letters.
struct Beside {
    name: &'static str,
    whole: fn(&str) -> String,
    piece: fn(&str) -> String,
}

const CHAT_SURFACES: [Beside; 5] = [
    Beside {
        name: "refusal",
        whole: |said| format!("\"refusal\":{}", quoted(said)),
        piece: |said| format!("\"refusal\":{}", quoted(said)),
    },
    Beside { name: "tool_calls", whole: |said| call(&arguments(said)), piece: call },
    Beside {
        name: "tool_calls",
        whole: |said| format!("\"function_call\":{{\"name\":\"f\",\"arguments\":{}}}", quoted(&arguments(said))),
        piece: |said| format!("\"function_call\":{{\"arguments\":{}}}", quoted(said)),
    },
    Beside {
        name: "tool_calls",
        whole: |said| {
            format!("\"tool_calls\":[{{\"id\":\"c\",\"type\":\"custom\",\"custom\":{{\"input\":{}}}}}]", quoted(said))
        },
        piece: |said| format!("\"tool_calls\":[{{\"index\":0,\"custom\":{{\"input\":{}}}}}]", quoted(said)),
    },
    Beside {
        name: "transcript",
        whole: |said| format!("\"audio\":{{\"id\":\"a\",\"data\":\"UklGRg==\",\"transcript\":{}}}", quoted(said)),
        piece: |said| format!("\"audio\":{{\"data\":\"UklG\",\"transcript\":{}}}", quoted(said)),
    },
];

fn arguments(said: &str) -> String {
    json!({"to": "Li", "mail": {"lines": [said, "Bye."]}, "copies": 3}).to_string()
}

fn call(arguments: &str) -> String {
    format!(
        "\"tool_calls\":[{{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{{\"name\":\"f\",\"arguments\":{}}}}}]",
        quoted(arguments)
    )
}

impl Beside {
    fn stream(&self, said: &str, letters: usize) -> Vec<String> {
        // Arguments of a function are JSON; all else is what it says.
        let said = if (self.whole)("x").contains("copies") { arguments(said) } else { said.to_owned() };
        let letters = said.as_bytes().chunks(letters).map(|piece| (self.piece)(std::str::from_utf8(piece).unwrap()));
        deltas(&letters.collect::<Vec<_>>())
    }
}

/// Every way in which an answer comes, with the setup that it comes under.
fn ways(query: &str, whole: &str, streams: &[Vec<String>]) -> Vec<(Setup, String, Reply)> {
    let mut ways: Vec<(Setup, String, Reply)> = Vec::new();
    for setup in [Setup::default, || Setup::shadow(Mind::Fine)] {
        ways.push((setup(), ask(query), Reply::json(whole.to_owned())));
        ways.extend(streams.iter().map(|events| (setup(), ask_stream(query), Reply::events(events.clone()))));
    }
    for guard in GUARDS {
        ways.extend(streams.iter().map(|events| (floor(guard), ask_stream(query), Reply::events(events.clone()))));
    }
    ways
}

#[tokio::test]
async fn what_is_said_beside_the_text_gets_the_same_verdict_however_it_comes() {
    let bad = format!("Bring a {FAUX_PAS} along. Bye.");
    for beside in &CHAT_SURFACES {
        for (said, expected) in [("Take tea along.", Outcome::Kept), (bad.as_str(), Outcome::Breached)] {
            let whole = message(&format!("\"content\":null,{}", (beside.whole)(said)));
            let streams: Vec<_> = [1, 7, 4000].map(|letters| beside.stream(said, letters)).into();
            for (setup, body, reply) in ways("teachword?", &whole, &streams) {
                let (_, record) = asked(setup, CHAT, body, reply).await;
                let breached = if expected == Outcome::Kept { vec![] } else { vec!["JP/taught".to_owned()] };
                assert_eq!(outcome(&record), (expected, breached), "{whole}");
                assert_eq!(why(&record, &format!("answer[0]: {}", beside.name)), "scanned", "{whole}");
            }
        }
    }
}

#[tokio::test]
async fn a_breach_beside_a_text_that_holds_is_told_and_changes_no_byte() {
    let bad = format!("Bring a {FAUX_PAS} along.");
    for beside in CHAT_SURFACES.iter().filter(|beside| beside.name != "transcript") {
        let whole = message(&format!("\"content\":\"Take tea along.\",{}", (beside.whole)(&bad)));
        let (answer, record) = asked(Setup::default(), CHAT, ask("mendword?"), Reply::json(whole.clone())).await;
        assert_eq!(String::from_utf8_lossy(&answer.body), whole);
        assert_eq!(outcome(&record), (Outcome::Breached, vec!["JP/mended".to_owned()]), "{whole}");
        for guard in GUARDS {
            let mut events = beside.stream(&bad, 5);
            events.insert(1, delta(0, "Take tea along."));
            let (answer, record) =
                asked(floor(guard), CHAT, ask_stream("mendword?"), Reply::events(events.clone())).await;
            assert_eq!(String::from_utf8_lossy(&answer.body), events.concat(), "{guard}");
            assert_eq!(outcome(&record), (Outcome::Breached, vec!["JP/mended".to_owned()]), "{guard}");
        }
    }
}

#[tokio::test]
async fn scores_are_of_the_text_and_of_what_a_person_gets_where_there_is_none() {
    let bad = format!("Bring a {FAUX_PAS} along.");
    let compliance = async |members: String| {
        let (_, record) = asked(Setup::default(), CHAT, ask("teachword?"), Reply::json(message(&members))).await;
        record.answer.unwrap().scores.compliance.map(|score| (score * 10.0).round())
    };
    let [refusal, call, ..] = &CHAT_SURFACES;
    assert_eq!(compliance(format!("\"content\":\"Take tea.\",{}", (call.whole)(&bad))).await, Some(10.0));
    assert_eq!(compliance(format!("\"content\":\"Take tea.\",{}", (refusal.whole)(&bad))).await, Some(10.0));
    assert_eq!(compliance(format!("\"content\":null,{}", (refusal.whole)(&bad))).await, Some(1.0));
    assert_eq!(compliance(format!("\"content\":null,{}", (call.whole)(&bad))).await, None);
}

#[tokio::test]
async fn of_arguments_only_what_says_something_is_judged() {
    let short = json!({FAUX_PAS: "one two", "word": FAUX_PAS, "pair": format!("a {FAUX_PAS}")}).to_string();
    let whole = message(&format!("\"content\":null,{}", call(&short)));
    let (_, record) = asked(Setup::default(), CHAT, ask("mendword?"), Reply::json(whole)).await;
    assert_eq!((outcome(&record).0, why(&record, "answer[0]: tool_calls").as_str()), (Outcome::Kept, "scanned"));
    let cut_off = format!("{{\"mail\":\"Bring a {FAUX_PAS} al");
    let whole = message(&format!("\"content\":null,{}", call(&cut_off)));
    let (_, record) = asked(Setup::default(), CHAT, ask("mendword?"), Reply::json(whole)).await;
    assert_eq!(outcome(&record).0, Outcome::Breached);
}

#[tokio::test]
async fn what_a_model_thinks_is_not_held_against_it() {
    let thought = format!("\"reasoning_content\":\"A {FAUX_PAS} would be wrong here.\"");
    let whole = message(&format!("\"content\":\"Take tea.\",{thought}"));
    let mut events = deltas(&[thought]);
    events.insert(2, delta(0, "Take tea."));
    for (setup, body, reply) in ways("teachword?", &whole, &[events]) {
        let (_, record) = asked(setup, CHAT, body, reply).await;
        assert_eq!(outcome(&record).0, Outcome::Kept);
        assert_eq!(why(&record, "answer[0]: reasoning"), "thoughts");
    }
}

#[tokio::test]
async fn what_is_too_long_is_not_judged_and_the_record_says_so() {
    let long = format!("Bring a {FAUX_PAS} along. {}", "And so on. ".repeat(7000));
    let [_, tool_call, ..] = &CHAT_SURFACES;
    let whole = message(&format!("\"content\":\"Take tea.\",{}", (tool_call.whole)(&long)));
    for (setup, body, reply) in ways("teachword?", &whole, &[tool_call.stream(&long, 4000)]) {
        let (_, record) = asked(setup, CHAT, body, reply).await;
        assert_eq!(why(&record, "answer[0]: tool_calls"), "too-long");
        assert_ne!(outcome(&record).0, Outcome::Breached);
    }
    // None of these is too long, and together they are: the first four are judged.
    let calls: Vec<_> = (0..6)
        .map(|index| format!("{{\"index\":{index},\"function\":{{\"arguments\":{}}}}}", quoted(&"go ".repeat(20_000))))
        .collect();
    let whole = message(&format!("\"content\":\"Take tea.\",\"tool_calls\":[{}]", calls.join(",")));
    let (_, record) = asked(Setup::default(), CHAT, ask("teachword?"), Reply::json(whole)).await;
    let told = record.coverage.iter().filter(|one| one.part == "answer[0]: tool_calls").map(|one| &one.scan);
    assert_eq!(told.collect::<Vec<_>>(), [&Scan::Scanned, &Scan::Unscanned("too-long".to_owned())]);
}

#[tokio::test]
async fn what_is_heard_is_taken_out_where_its_words_breach() {
    let [.., heard] = &CHAT_SURFACES;
    let bad = (heard.whole)(&format!("Bring a {FAUX_PAS} along."));
    for (content, shown, expected) in
        [("\"Take tea along.\"", "Take tea along.", Outcome::Repaired), ("null", SAYS, Outcome::Declined)]
    {
        let whole = message(&format!("\"content\":{content},{bad}"));
        let (answer, record) = asked(Setup::default(), CHAT, ask("mendword?"), Reply::json(whole)).await;
        let message = &serde_json::from_slice::<Value>(&answer.body).unwrap()["choices"][0]["message"];
        assert!(message["content"].as_str().unwrap().contains(shown) && message.get("audio").is_none(), "{message}");
        assert_eq!(outcome(&record), (expected, vec!["JP/mended".to_owned()]));
        assert_eq!(why(&record, "answer[0]: transcript"), "scanned");
        assert_eq!(why(&record, "answer[0]: audio"), "removed-with-the-draft");
    }
    let events = heard.stream(&format!("Bring a {FAUX_PAS} along."), 6);
    let (answer, record) = asked(floor("sentence"), CHAT, ask_stream("mendword?"), Reply::events(events.clone())).await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("audio"));
    assert_eq!(outcome(&record), (Outcome::Repaired, vec!["JP/mended".to_owned()]));
    assert_eq!(why(&record, "answer[0]: audio"), "removed-with-the-draft");
    let (answer, record) = asked(floor("pass"), CHAT, ask_stream("mendword?"), Reply::events(events.clone())).await;
    assert_eq!((&answer.body[..], outcome(&record).0), (events.concat().as_bytes(), Outcome::Breached));
}

#[tokio::test]
async fn what_was_cut_off_with_a_draft_is_no_breach_of_what_is_shown() {
    let bad = format!("Bring a {FAUX_PAS} along.");
    let [_, tool_call, ..] = &CHAT_SURFACES;
    let mut events = tool_call.stream(&bad, 6);
    events.insert(1, delta(0, &format!("Take tea. A {FAUX_PAS} it is. ")));
    for guard in ["sentence", "hold"] {
        let gateway = Gateway::start(
            floor(guard),
            vec![Reply::events(events.clone()), Reply::json(completion("Take tea. Bye."))],
        )
        .await;
        let answer = gateway.client.chat(ask_stream("mendword?")).await;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!body.contains(FAUX_PAS) && !body.contains("tool_calls"), "{body}");
        assert_eq!(answer.said().text(), "Take tea. Bye.");
        let record = gateway.finish_one().await;
        assert_eq!(outcome(&record).0, Outcome::Repaired, "{guard}");
        if guard == "hold" {
            assert_eq!(why(&record, "answer[0]: tool_calls"), "removed-with-the-draft");
        }
    }
}

#[tokio::test]
async fn a_verdict_that_is_asked_for_flags_what_is_said_beside_the_text() {
    let [refusal, ..] = &CHAT_SURFACES;
    let bad = format!("Bring a {FAUX_PAS} along.");
    let setup = || Setup::default().with(|settings| settings.include_verdict = true);
    let whole = message(&format!("\"content\":\"Take tea.\",{}", (refusal.whole)(&bad)));
    let mut events = refusal.stream(&bad, 4);
    events.insert(1, delta(0, "Take tea."));
    for (body, reply) in [(ask("teachword?"), Reply::json(whole)), (ask_stream("teachword?"), Reply::events(events))] {
        let (answer, _) = asked(setup(), CHAT, body, reply).await;
        let output = &answer.said().moderation.unwrap()["output"]["results"][0];
        assert_eq!(output["categories"]["culture/JP/taught"], true);
        assert!(output["category_scores"]["culture/JP/taught"].as_f64().unwrap() > 0.8, "{output}");
    }
}

/// An event of a response's stream.
fn event(kind: &str, rest: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{rest}}}\n\n")
}

/// A response with one item, and the events that bring it: `member` in an event of `kind`, piece by piece and whole, then the item.
fn response(item: &str, kind: &str, member: &str, said: &str, letters: usize) -> (String, Vec<String>) {
    let whole = format!("{{\"id\":\"resp_1\",\"output\":[{item}]}}");
    let place = "\"output_index\":0,\"content_index\":0,\"item_id\":\"i\"";
    let mut events: Vec<_> = said
        .as_bytes()
        .chunks(letters)
        .map(|piece| {
            let piece = quoted(std::str::from_utf8(piece).unwrap());
            event(&format!("response.{kind}.delta"), &format!("{place},\"delta\":{piece}"))
        })
        .collect();
    events.push(event(&format!("response.{kind}.done"), &format!("{place},\"{member}\":{}", quoted(said))));
    events.push(event("response.output_item.done", &format!("\"output_index\":0,\"item\":{item}")));
    events.push(event("response.completed", &format!("\"response\":{whole}")));
    let numbered = events.into_iter().enumerate();
    let events =
        numbered.map(|(at, event)| event.replacen("\"type\"", &format!("\"sequence_number\":{at},\"type\""), 1));
    (whole, events.collect())
}

#[tokio::test]
async fn calls_and_refusals_of_a_response_get_the_same_verdict_however_they_come() {
    let bad = format!("Bring a {FAUX_PAS} along.");
    for (said, expected) in [("Take tea along.", Outcome::Kept), (bad.as_str(), Outcome::Breached)] {
        let json = arguments(said);
        for (item, kind, member, name, said) in [
            (
                format!(
                    r#"{{"id":"i","type":"function_call","call_id":"c","name":"f","arguments":{}}}"#,
                    quoted(&json)
                ),
                "function_call_arguments",
                "arguments",
                "tool_calls",
                json.as_str(),
            ),
            (
                format!(r#"{{"id":"i","type":"custom_tool_call","call_id":"c","name":"f","input":{}}}"#, quoted(said)),
                "custom_tool_call_input",
                "input",
                "tool_calls",
                said,
            ),
            (
                format!(r#"{{"id":"i","type":"mcp_call","name":"f","arguments":{},"output":"found"}}"#, quoted(&json)),
                "mcp_call_arguments",
                "arguments",
                "tool_calls",
                json.as_str(),
            ),
            (
                format!(
                    r#"{{"id":"i","type":"message","role":"assistant","content":[{{"type":"refusal","refusal":{}}}]}}"#,
                    quoted(said)
                ),
                "refusal",
                "refusal",
                "refusal",
                said,
            ),
        ] {
            for letters in [1, 9, 4000] {
                let (whole, events) = response(&item, kind, member, said, letters);
                let only_items = events[events.len() - 2..].to_vec();
                let body = |stream: &str| format!("{{{stream}\"input\":\"teachword?\",\"model\":\"m\"}}");
                for setup in [|| floor("sentence"), || floor("pass"), || Setup::shadow(Mind::Fine)] {
                    for (body, reply) in [
                        (body(""), Reply::json(whole.clone())),
                        (body("\"stream\":true,"), Reply::events(events.clone())),
                        (body("\"stream\":true,"), Reply::events(only_items.clone())),
                    ] {
                        let (_, record) = asked(setup(), RESPONSES, body, reply).await;
                        assert_eq!(outcome(&record).0, expected, "{kind}: {said}");
                        assert_eq!(why(&record, &format!("answer.output[0]: {name}")), "scanned", "{kind}");
                        if kind.starts_with("mcp") {
                            assert_eq!(why(&record, "answer.output[0]: tool_results"), "not-read");
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_call_of_a_response_stays_where_a_text_beside_it_is_repaired() {
    let call = format!(r#"{{"type":"function_call","arguments":{}}}"#, quoted(&arguments("Take tea along.")));
    let said =
        |text: &str| format!(r#"{{"type":"message","content":[{{"type":"output_text","text":{}}}]}}"#, quoted(text));
    let whole = format!("{{\"output\":[{call},{}]}}", said(&format!("A {FAUX_PAS} it is.")));
    let repair = format!("{{\"output\":[{}]}}", said("Take tea."));
    let gateway = Gateway::start(Setup::default(), vec![Reply::json(whole), Reply::json(repair)]).await;
    let answer = gateway.client.send(Method::POST, RESPONSES, &[], "{\"input\":\"mendword?\"}").await;
    assert!(String::from_utf8_lossy(&answer.body).contains(&call));
    let record = gateway.finish_one().await;
    assert_eq!(
        (outcome(&record).0, why(&record, "answer.output[0]: tool_calls").as_str()),
        (Outcome::Repaired, "scanned")
    );
}

#[tokio::test]
async fn a_character_that_came_in_two_halves_is_one() {
    let halves = |first: &str, second: &str| {
        [first, second]
            .map(|text| chunk(&format!("{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}")))
    };
    let good = [
        vec![role(0)],
        halves(r"Take tea along. \ud83d", r"\ude00 Have fun.").to_vec(),
        vec![finish(0), DONE.to_owned()],
    ]
    .concat();
    for setup in [floor("pass"), floor("sentence"), floor("hold"), Setup::shadow(Mind::Fine)] {
        let setup = setup.with(|settings| settings.keep_contents = true);
        let (answer, record) = asked(setup, CHAT, ask_stream("mendword?"), Reply::events(good.clone())).await;
        assert_eq!(record.contents.unwrap().draft.as_deref(), Some("Take tea along. \u{1f600} Have fun."));
        let bytes = String::from_utf8(answer.body.to_vec()).unwrap();
        let shown: String = bytes.split("\"content\":\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
        assert_eq!(
            serde_json::from_str::<String>(&format!("\"{shown}\"")).unwrap(),
            "Take tea along. \u{1f600} Have fun."
        );
    }
    // Where the second half is not shown, the first one is not, either: many clients cannot write half a character.
    let bad = halves(r"Take tea along. \ud83d", &format!(r"\ude00 A {FAUX_PAS} it is. "));
    let events = [vec![role(0)], bad.to_vec(), vec![finish(0), DONE.to_owned()]].concat();
    let gateway =
        Gateway::start(floor("sentence"), vec![Reply::events(events), Reply::json(completion("Take tea along. Bye."))])
            .await;
    let answer = gateway.client.chat(ask_stream("mendword?")).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!text.contains("ud83d") && text.contains("Take tea along."), "{text}");
    assert_eq!(answer.said().text(), "Take tea along. Bye.");
    gateway.finish_one().await;
}
