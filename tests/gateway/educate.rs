//! Teaching: the norm note goes into the request once, late, and nothing else changes.

use comity::domain::{Action, Outcome};
use comity::wire::NotePlace;
use serde_json::Value;

use crate::support::bodies::{ask, ask_stream, completion, gunzip, gzip, stream};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::FAUX_PAS;
use crate::support::pack::SAYS;
use crate::support::upstream::{Got, Reply};

/// Sends a request and returns what the model server got.
async fn sent(setup: Setup, body: &str) -> Got {
    let gateway = Gateway::start(setup, vec![Reply::json(completion("Yes."))]).await;
    gateway.client.chat(body.to_owned()).await;
    let got = gateway.upstream.only();
    gateway.finish_one().await;
    got
}

/// The place of the only message that holds the note.
fn place(messages: &Value) -> usize {
    let messages = messages.as_array().unwrap();
    let holds: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].to_string().contains(SAYS)).collect();
    assert_eq!(holds.len(), 1, "{messages:?}");
    holds[0]
}

/// Takes the note's message out, and returns what is left.
fn without_note(got: &Got) -> String {
    let text = String::from_utf8(got.body.to_vec()).unwrap();
    let start = text.find(r#"{"role":"system","content":"Cultural note"#).expect("a note");
    let length = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
    let mut values = length;
    values.next().unwrap().unwrap();
    let end = start + values.byte_offset();
    assert_eq!(&text[end..=end], ",");
    format!("{}{}", &text[..start], &text[end + 1..])
}

#[tokio::test]
async fn the_note_comes_once_and_the_rest_stays_byte_for_byte() {
    let got = sent(Setup::default(), &ask("teachword?")).await;
    assert_eq!(without_note(&got), ask("teachword?"));
    assert_eq!(got.json()["messages"][0]["role"], "system");
    assert_eq!(got.header("content-length").unwrap(), got.body.len().to_string());
    let again = sent(Setup::default(), &ask("teachword?")).await;
    assert_eq!(again.body, got.body, "the same note in the same request gives the same bytes");
}

#[tokio::test]
async fn the_note_is_late_and_parts_no_tool_call_from_its_result() {
    let body = r#"{"model":"m","messages":[
        {"role":"developer","content":"Be brief."},
        {"role":"user","content":"teachword?"},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"42"}
    ]}"#;
    let messages = sent(Setup::default(), body).await.json()["messages"].clone();
    assert_eq!((place(&messages), messages[1]["role"].as_str()), (1, Some("developer")));
    assert_eq!(
        (messages[3]["tool_calls"][0]["id"].as_str(), messages[4]["tool_call_id"].as_str()),
        (Some("c1"), Some("c1"))
    );

    let body = r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello","prompt_cache_breakpoint":{"mode":"x"}},
        {"role":"assistant","content":"Yes?"},{"role":"user","content":"teachword?"}]}"#;
    let messages = sent(Setup::default(), body).await.json()["messages"].clone();
    assert_eq!(place(&messages), 3, "behind everything but the newest question");
}

#[tokio::test]
async fn the_note_can_stand_in_the_question_itself() {
    let setup = Setup::default().with(|settings| settings.note_place = NotePlace::InUser);
    let got = sent(setup, &ask("teachword?")).await;
    let messages = got.json()["messages"].clone();
    assert_eq!((messages.as_array().unwrap().len(), place(&messages)), (1, 0));
    assert!(messages[0]["content"].as_str().unwrap().starts_with("teachword?\n\nCultural note"));
}

#[tokio::test]
async fn a_packed_request_is_taught_and_goes_on_unpacked() {
    let gateway = Gateway::plain(Reply::json(completion("Yes."))).await;
    let headers = [("content-encoding", "gzip"), ("content-digest", "sha-256=:abc:")];
    gateway.client.chat_with(&headers, gzip(ask("teachword?").as_bytes())).await;
    let got = gateway.upstream.only();
    assert_eq!(without_note(&got), ask("teachword?"));
    assert_eq!((got.header("content-encoding"), got.header("content-digest")), (None, None));
    assert_eq!(gateway.finish_one().await.action, Action::Educate);
}

#[tokio::test]
async fn the_answer_to_a_taught_request_is_looked_at_and_not_touched() {
    let whole = stream(&["Fine. ", &format!("A {FAUX_PAS} it is.")]).concat();
    let gateway = Gateway::plain(Reply::events([whole.clone()])).await;
    let answer = gateway.client.chat(ask_stream("teachword?")).await;
    assert_eq!((&answer.body[..], answer.header("comity-decision")), (whole.as_bytes(), Some("educate")));
    let record = gateway.finish_one().await;
    let told = record.answer.unwrap();
    assert_eq!((told.outcome, told.breached.len(), told.repairs), (Outcome::Breached, 1, 0));
    assert!(told.scores.compliance.unwrap() < 0.5);
}

#[tokio::test]
async fn what_is_only_observed_is_not_taught() {
    let got = sent(Setup::default(), &ask("watchword?")).await;
    assert_eq!(got.body, ask("watchword?"));
}

#[tokio::test]
async fn several_norms_are_taught_in_one_note() {
    let body = r#"{"messages":[{"role":"user","content":"teachword and mendword?"}]}"#;
    let got = sent(Setup::default(), body).await;
    let note = got.json()["messages"][0]["content"].as_str().unwrap().to_owned();
    assert_eq!(note.matches(SAYS).count(), 2, "{note}");
    assert_eq!(place(&got.json()["messages"]), 0);
}

#[tokio::test]
async fn nothing_of_the_note_reaches_a_gzip_answer() {
    let packed = gzip(completion("Yes.").as_bytes());
    let gateway = Gateway::plain(Reply::json(packed).header("content-encoding", "gzip")).await;
    let answer = gateway.client.chat(ask("teachword?")).await;
    assert_eq!(gunzip(&answer.body), completion("Yes.").as_bytes());
    assert_eq!(gateway.upstream.only().header("accept-encoding"), Some("identity"), "so that it can be read");
    gateway.finish_one().await;
}

#[tokio::test]
async fn a_model_that_refuses_an_operators_message_gets_the_note_in_the_users() {
    let refusal = || {
        Reply::whole(
            400,
            "application/json",
            r#"{"error":{"message":"System message must be at the beginning.","type":"x","param":null,"code":null}}"#,
        )
    };
    let answer = || Reply::json(completion("Yes."));
    let gateway = Gateway::start(Setup::default(), vec![refusal(), answer(), answer()]).await;
    for _ in 0..2 {
        let headers = [("idempotency-key", "k1")];
        let answer = gateway.client.chat_with(&headers, ask("teachword?")).await;
        assert_eq!((answer.status.as_u16(), answer.said().text()), (200, "Yes."));
    }
    let got = gateway.upstream.got();
    let roles = |got: &Got| {
        got.json()["messages"].as_array().unwrap().iter().map(|one| one["role"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(got.iter().map(|got| roles(got).len()).collect::<Vec<_>>(), [2, 1, 1], "the second request knows it");
    assert!(got[1].json()["messages"][0]["content"].as_str().unwrap().contains(SAYS));
    assert_eq!(got.iter().map(|got| got.header("idempotency-key")).collect::<Vec<_>>(), [Some("k1"), None, Some("k1")]);
    assert_eq!(gateway.finish().await.len(), 2);
}

#[tokio::test]
async fn a_request_that_is_refused_for_another_reason_gets_that_reason() {
    let refusal =
        |message: &str| Reply::whole(400, "application/json", format!("{{\"error\":{{\"message\":\"{message}\"}}}}"));
    let gateway =
        Gateway::start(Setup::default(), vec![refusal("Bad temperature."), refusal("Bad again."), refusal("x")]).await;
    let answer = gateway.client.chat(ask("teachword?")).await;
    assert!(answer.status.as_u16() == 400 && String::from_utf8_lossy(&answer.body).contains("Bad temperature."));
    assert_eq!(gateway.upstream.counts().begun, 2);
    gateway.finish_one().await;
}
