//! The older completions: taught, repaired, refused and looked at as chat completions are, in their own form.

use comity::domain::{Action, Ended, Outcome, Record, Scan};
use http::Method;
use serde_json::{Value, json};

use crate::support::bodies::{DONE, quoted};
use crate::support::client::Answer;
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::{FAUX_PAS, Mind};
use crate::support::pack::{Floor, SAYS};
use crate::support::upstream::{Got, Reply};

const PATH: &str = "/v1/completions";

/// A request. Keys stand in an odd order, with odd blanks and numbers; `more` ends with a comma.
fn ask(prompt: &str, more: &str) -> String {
    format!("{{ \"temperature\":1.0e0,\t{more}\"prompt\" : {prompt}, \"model\":\"m-1\"}}")
}

/// A completion whose choices say these texts.
fn completion(texts: &[&str]) -> String {
    let choice = |(index, text): (usize, &&str)| {
        format!(
            r#"{{"text":{}, "index":{index},"logprobs":{{"tokens":["t"]}},"finish_reason":"length"}}"#,
            quoted(text)
        )
    };
    let choices: Vec<String> = texts.iter().enumerate().map(choice).collect();
    format!(
        r#"{{"id":"cmpl-1","object":"text_completion", "created":1.7e9,"model":"m-1-2026","choices":[{}],"usage":{{"total_tokens":12}}}}"#,
        choices.join(" , ")
    )
}

fn chunk(index: usize, text: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"cmpl-1\",\"object\":\"text_completion\", \"created\":1700000000,\"x_vendor\":1.50,\"choices\":[{{\"text\":{},\"index\":{index},\"logprobs\":null,\"finish_reason\":{finish}}}]}}\n\n",
        quoted(text)
    )
}

fn stream(texts: &[&str]) -> Vec<String> {
    let mut events: Vec<String> = texts.iter().map(|text| chunk(0, text, "null")).collect();
    events.extend([chunk(0, "", "\"stop\""), DONE.to_owned()]);
    events
}

fn draft() -> String {
    format!("Take tea along. A {FAUX_PAS} is what you want. Have fun there.\n")
}

fn floor(stream: &'static str) -> Setup {
    Setup::floor(Floor { stream, ..Floor::default() })
}

async fn asked(setup: Setup, body: String, replies: Vec<Reply>) -> (Answer, Vec<Got>, Record) {
    let gateway = Gateway::start(setup, replies).await;
    let answer = gateway.client.send(Method::POST, PATH, &[("authorization", "Bearer sk-test")], body).await;
    let got = gateway.upstream.got();
    (answer, got, gateway.finish_one().await)
}

/// What the choices say, whole or streamed, and that a stream has the form that clients need.
fn texts(answer: &Answer) -> Vec<String> {
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let values: Vec<Value> = if body.starts_with('{') {
        vec![serde_json::from_str(&body).unwrap()]
    } else {
        let events = body.strip_suffix(DONE).unwrap_or_else(|| panic!("no end: {body}"));
        events
            .split_terminator("\n\n")
            .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
            .collect()
    };
    let mut texts = Vec::<String>::new();
    for choice in values.iter().flat_map(|value| value["choices"].as_array().unwrap()) {
        let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
        texts.resize(texts.len().max(index + 1), String::new());
        texts[index] += choice["text"].as_str().unwrap_or_else(|| panic!("a choice without a text: {choice}"));
        assert!(choice.get("delta").is_none() && choice.get("message").is_none(), "{choice}");
    }
    texts
}

fn why(record: &Record, part: &str) -> String {
    let one = record.coverage.iter().find(|one| one.part == part);
    match one.map(|one| &one.scan) {
        Some(Scan::Scanned) => "scanned".to_owned(),
        Some(Scan::Unscanned(why)) => why.clone(),
        None => panic!("{part} is not in {:?}", record.coverage),
    }
}

#[tokio::test]
async fn the_note_stands_before_the_prompt() {
    let body = ask("\"teachword?\"", "");
    let reply = || vec![Reply::json(completion(&[" Tea."]))];
    let (answer, got, record) = asked(Setup::default(), body.clone(), reply()).await;
    let sent = got[0].json();
    let prompt = sent["prompt"].as_str().unwrap();
    assert!(prompt.starts_with('[') && prompt.contains(SAYS) && prompt.ends_with("]\n\nteachword?"), "{prompt}");
    assert_eq!(answer.body, completion(&[" Tea."]));
    assert_eq!((record.action, record.guarded, record.endpoint.as_str()), (Action::Educate, true, PATH));
    assert_eq!(why(&record, "messages[0]: text"), "scanned");
    assert_eq!(why(&record, "answer[0]: text"), "scanned");
    let plain = body.replace("teachword", "Where");
    let (_, got, _) = asked(Setup::default(), plain.clone(), reply()).await;
    assert_eq!(got[0].body, plain, "where nothing is at stake, the bytes are the client's");
}

#[tokio::test]
async fn every_prompt_of_a_list_is_read_and_taught() {
    let (_, got, record) = asked(
        Setup::default(),
        ask("[\"teachword?\", [7, 8], \"Where?\"]", "\"n\":1, "),
        vec![Reply::json(completion(&["Tea.", "Tea.", "Tea."]))],
    )
    .await;
    let sent = got[0].json();
    assert!(sent["prompt"][0].as_str().unwrap().contains(SAYS) && sent["prompt"][2].as_str().unwrap().contains(SAYS));
    assert_eq!(sent["prompt"][1], json!([7, 8]));
    assert_eq!((record.action, why(&record, "messages[0]: tokens").as_str()), (Action::Educate, "not-read"));
    let (_, got, record) = asked(Setup::default(), ask("[7, 8]", ""), vec![Reply::json(completion(&["Tea."]))]).await;
    assert_eq!(
        (got[0].json()["prompt"].clone(), why(&record, "messages[0]: tokens").as_str()),
        (json!([7, 8]), "not-read")
    );
    assert_eq!(record.action, Action::Pass);
}

#[tokio::test]
async fn an_answer_that_repeats_its_prompt_does_not_show_the_note() {
    let body = ask("\"teachword?\"", "\"echo\":true, ");
    let (_, got, record) =
        asked(Setup::default(), body.clone(), vec![Reply::json(completion(&["teachword? Tea."]))]).await;
    assert_eq!(got[0].body, body);
    assert_eq!((record.action, why(&record, "note").as_str()), (Action::Educate, "echo"));
}

#[tokio::test]
async fn a_breach_is_repaired_in_the_choice_and_with_the_prompt_that_it_is_of() {
    let draft = draft();
    let replies = vec![Reply::json(completion(&["Tea.", &draft])), Reply::json(completion(&["Take tea along."]))];
    let body = ask("[\"mendword?\", \"And cups?\"]", "\"echo\":false, ");
    let (answer, got, record) = asked(Setup::default(), body, replies).await;
    assert_eq!(texts(&answer), ["Tea.", "Take tea along."]);
    let shown: Value = serde_json::from_slice(&answer.body).unwrap();
    let choices = &shown["choices"];
    assert_eq!((&choices[1]["logprobs"], &choices[1]["finish_reason"]), (&Value::Null, &json!("stop")));
    assert_eq!((&choices[0]["logprobs"]["tokens"], &choices[0]["finish_reason"]), (&json!(["t"]), &json!("length")));
    let repair = got[1].json()["prompt"].as_str().unwrap().to_owned();
    assert!(
        repair.contains(&format!("And cups?{draft}")) && repair.contains(SAYS) && !repair.contains("mendword"),
        "{repair}"
    );
    let told = record.answer.unwrap();
    assert_eq!((record.action, told.outcome, told.repairs), (Action::Rewrite, Outcome::Repaired, 1));
}

#[tokio::test]
async fn where_no_repair_holds_a_correction_stands_behind_what_is_good() {
    let bad = || Reply::json(completion(&[&draft()]));
    let (answer, _, record) = asked(Setup::default(), ask("\"mendword?\"", ""), vec![bad(), bad()]).await;
    let text = texts(&answer).concat();
    assert!(text.contains(SAYS) && text.starts_with("Take tea along.") && !text.contains(FAUX_PAS), "{text}");
    assert_eq!(record.answer.unwrap().outcome, Outcome::Corrected);
}

#[tokio::test]
async fn a_stream_is_the_bytes_that_came_or_is_repaired() {
    let stream_of = |texts: &[&str]| stream(texts).concat();
    let good = stream_of(&["Take tea along. ", "Have fun there."]);
    let bad = stream_of(&["Take tea along. A ", FAUX_PAS, " is what you want.", " Have fun there."]);
    for guard in ["pass", "sentence", "hold"] {
        for size in [1, 60, 4000] {
            let came =
                |whole: &str| Reply::events(whole.as_bytes().chunks(size).map(<[u8]>::to_vec).collect::<Vec<_>>());
            let body = ask("\"mendword?\"", "\"stream\":true, ");
            let (answer, _, record) = asked(floor(guard), body.clone(), vec![came(&good)]).await;
            assert_eq!(String::from_utf8_lossy(&answer.body), good, "{guard}");
            assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Kept, Ended::Complete));
            let repair = Reply::json(completion(&["Take tea along. Bye."]));
            let (answer, _, record) = asked(floor(guard), body, vec![came(&bad), repair]).await;
            let outcome = record.answer.unwrap().outcome;
            if guard == "pass" {
                assert_eq!(
                    (String::from_utf8_lossy(&answer.body).as_ref(), outcome),
                    (bad.as_str(), Outcome::Breached)
                );
            } else {
                assert_eq!(
                    (texts(&answer), outcome),
                    (vec!["Take tea along. Bye.".to_owned()], Outcome::Repaired),
                    "{guard}"
                );
                assert!(String::from_utf8_lossy(&answer.body).contains("\"x_vendor\":1.50"));
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_has_the_form_of_a_completion_for_every_prompt() {
    for more in ["", "\"stream\":true, \"stream_options\":{\"include_usage\":true}, "] {
        let (answer, got, record) =
            asked(Setup::default(), ask("[\"refuseword?\", \"And?\"]", more), vec![Reply::json("{}")]).await;
        let said = texts(&answer);
        assert!(said.len() == 2 && said.iter().all(|text| text.contains(SAYS)) && got.is_empty(), "{said:?}");
        assert_eq!((record.action, record.answer.unwrap().outcome), (Action::Decline, Outcome::Declined));
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.contains("\"object\":\"text_completion\"") && body.contains("\"total_tokens\":0"), "{body}");
    }
}

#[tokio::test]
async fn the_verdict_comes_where_it_is_asked_for() {
    let setup = || Setup::default().with(|settings| settings.include_verdict = true);
    for query in ["\"Where?\"", "\"mendword?\""] {
        let (answer, _, _) = asked(setup(), ask(query, ""), vec![Reply::json(completion(&["Tea."]))]).await;
        let whole: Value = serde_json::from_slice(&answer.body).unwrap();
        let body = ask(query, "\"stream\":true, ");
        let (answer, _, _) = asked(setup(), body, vec![Reply::events(stream(&["Tea."]))]).await;
        assert_eq!(texts(&answer), ["Tea."]);
        let events = String::from_utf8(answer.body.to_vec()).unwrap();
        let last = events.strip_suffix(DONE).unwrap().rsplit_once("data: ").unwrap().1;
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!((&last["moderation"], &last["choices"]), (&whole["moderation"], &json!([])));
        let flagged = &whole["moderation"]["input"]["results"][0]["categories"]["culture/JP/mended"];
        assert_eq!(flagged.as_bool(), Some(query.contains("mendword")));
    }
}

#[tokio::test]
async fn shadow_changes_no_byte_and_sees_the_breach() {
    for (body, came) in [
        (ask("\"mendword?\"", ""), completion(&[&draft()])),
        (ask("\"mendword?\"", "\"stream\":true, "), stream(&[&draft()]).concat()),
    ] {
        let reply = if came.starts_with('{') { Reply::json(came.clone()) } else { Reply::events([came.clone()]) };
        let (answer, got, record) = asked(Setup::shadow(Mind::Fine), body.clone(), vec![reply]).await;
        assert_eq!(
            (String::from_utf8_lossy(&answer.body).as_ref(), &got[0].body[..]),
            (came.as_str(), body.as_bytes())
        );
        assert_eq!(record.answer.as_ref().unwrap().outcome, Outcome::Breached);
        assert_eq!(why(&record, "answer[0]: text"), "scanned");
    }
}

#[tokio::test]
async fn an_answer_in_the_shape_of_a_chat_completion_is_judged_all_the_same() {
    let chat = crate::support::bodies::completion(&draft());
    let repair = crate::support::bodies::completion("Tea.");
    let gateway = Gateway::start(Setup::default(), vec![Reply::json(chat), Reply::json(repair)]).await;
    let answer =
        gateway.client.send(Method::POST, "/v1/fim/completions", &[], ask("\"mendword?\"", "\"suffix\":\"x\", ")).await;
    assert_eq!(answer.said().text(), "Tea.");
    assert_eq!(gateway.finish_one().await.answer.unwrap().outcome, Outcome::Repaired);
}
