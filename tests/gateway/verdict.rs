//! The verdict in OpenAI's own slot: only for who asks, whole and streamed.

use comity::domain::Outcome;
use serde_json::{Value, json};

use crate::support::bodies::{DONE, Said, ask, ask_stream, completion, request, stream};
use crate::support::client::Answer;
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::FAUX_PAS;
use crate::support::upstream::Reply;

const ASKS: &str = r#""moderation":{"policy":{"input":{"mode":"block"}}}, "#;

async fn asked(setup: Setup, headers: &[(&str, &str)], body: String, reply: Reply) -> Answer {
    let gateway = Gateway::start(setup, vec![reply, Reply::json(completion("Tea."))]).await;
    let answer = gateway.client.chat_with(headers, body).await;
    gateway.finish_one().await;
    answer
}

fn flagged(moderation: &Value, side: &str) -> Vec<String> {
    let categories = moderation[side]["results"][0]["categories"].as_object().unwrap();
    categories.iter().filter(|(_, flagged)| flagged.as_bool() == Some(true)).map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn nobody_gets_a_verdict_without_asking() {
    for query in ["Where?", "teachword?", "mendword?", "refuseword?"] {
        let answer = asked(Setup::default(), &[], ask(query), Reply::json(completion("Tea."))).await;
        assert_eq!(answer.said().moderation, None, "{query}");
        let answer = asked(Setup::default(), &[], ask_stream(query), Reply::events(stream(&["Tea."]))).await;
        assert_eq!(answer.said().moderation, None, "{query}");
    }
}

#[tokio::test]
async fn whoever_asks_gets_it_whatever_the_decision() {
    let always = || Setup::default().with(|settings| settings.include_verdict = true);
    for (query, norm) in [
        ("Where?", None),
        ("watchword?", Some("watched")),
        ("teachword?", Some("taught")),
        ("mendword?", Some("mended")),
        ("refuseword?", Some("refused")),
    ] {
        let norm: Vec<String> = norm.map(|norm| format!("culture/JP/{norm}")).into_iter().collect();
        let whole = || Reply::json(completion("Tea."));
        let by_body = asked(Setup::default(), &[], request(query, ASKS), whole()).await;
        let by_header = asked(Setup::default(), &[("comity-verdict", "Include")], ask(query), whole()).await;
        let by_operator = asked(always(), &[], ask(query), whole()).await;
        let streamed = asked(
            Setup::default(),
            &[("comity-verdict", "include")],
            ask_stream(query),
            Reply::events(stream(&["Tea."])),
        )
        .await;
        for answer in [by_body, by_header, by_operator, streamed] {
            let moderation = answer.said().moderation.expect(query);
            assert_eq!(flagged(&moderation, "input"), norm, "{query}");
            assert_eq!(
                (&moderation["input"]["type"], &moderation["input"]["model"]),
                (&json!("moderation_results"), &json!("comity"))
            );
        }
    }
}

#[tokio::test]
async fn the_rest_of_a_whole_answer_stays_byte_for_byte() {
    let said = completion("Tea.");
    let answer = asked(
        Setup::default(),
        &[("comity-verdict", "include")],
        ask("Where?"),
        Reply::json(said.clone()).header("etag", "\"1\""),
    )
    .await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.starts_with(&said[..said.len() - 1]) && text.len() > said.len(), "{text}");
    assert_eq!(
        (answer.header("etag"), answer.header("content-length").unwrap()),
        (None, text.len().to_string().as_str())
    );
}

#[tokio::test]
async fn in_a_stream_it_is_a_chunk_without_choices_right_before_the_end() {
    let whole = stream(&["Tea is good. ", "Very."]).concat();
    for query in ["Where?", "teachword?", "mendword?"] {
        let answer = asked(
            Setup::default(),
            &[("comity-verdict", "include")],
            ask_stream(query),
            Reply::events([whole.clone()]),
        )
        .await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let kept = whole.strip_suffix(DONE).unwrap();
        assert!(text.starts_with(kept) && text.ends_with(DONE), "{text}");
        let chunk: Value =
            serde_json::from_str(text[kept.len()..].strip_prefix("data: ").unwrap().split("\n\n").next().unwrap())
                .unwrap();
        assert_eq!(
            (&chunk["choices"], &chunk["id"], chunk["moderation"].is_object()),
            (&json!([]), &json!("chatcmpl-1"), true)
        );
    }
}

#[tokio::test]
async fn where_no_norm_is_in_play_the_verdict_says_so() {
    let headers = [("comity-verdict", "include"), ("comity-country", "IS")];
    for (body, reply) in [
        (ask("mendword?"), Reply::json(completion("Tea."))),
        (ask_stream("mendword?"), Reply::events(stream(&["Tea."]))),
    ] {
        let moderation = asked(Setup::default(), &headers, body, reply).await.said().moderation.expect("a verdict");
        assert!(flagged(&moderation, "input").is_empty());
        assert_eq!(moderation["output"]["results"], json!([]));
    }
}

#[tokio::test]
async fn a_breach_is_told_as_the_outputs() {
    let bad = format!("A {FAUX_PAS} it is.");
    for (body, reply) in
        [(ask("mendword?"), Reply::json(completion(&bad))), (ask_stream("mendword?"), Reply::events(stream(&[&bad])))]
    {
        let gateway = Gateway::start(Setup::default(), vec![reply, Reply::json(completion("Tea."))]).await;
        let answer = gateway.client.chat_with(&[("comity-verdict", "include")], body).await;
        let said = answer.said();
        assert_eq!(
            (said.text(), flagged(said.moderation.as_ref().unwrap(), "output")),
            ("Tea.", vec!["culture/JP/mended".to_owned()])
        );
        assert_eq!(gateway.finish_one().await.answer.unwrap().outcome, Outcome::Repaired);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_completion_is_left_as_it_is() {
    for reply in
        [Reply::json("[1, 2]"), Reply::json("no json"), Reply::json(&b"\x8b"[..]).header("content-encoding", "br")]
    {
        let crate::support::upstream::Step::Send(came) = reply.steps[0].clone() else { panic!() };
        let gateway = Gateway::plain(reply.clone()).await;
        // No norm is in play, so nothing judges the answer.
        let headers = [("comity-verdict", "include"), ("comity-country", "IS")];
        let answer = gateway.client.chat_with(&headers, ask("Where?")).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &came), "{reply:?}");
        gateway.finish_one().await;
    }
}

#[tokio::test]
async fn a_refusal_carries_it_before_the_end_of_its_stream() {
    let gateway = Gateway::plain(Reply::json("{}")).await;
    let answer = gateway.client.chat_with(&[("comity-verdict", "include")], ask_stream("refuseword?")).await;
    let said = Said::streamed(&answer.body);
    assert!(said.done && answer.body.ends_with(DONE.as_bytes()));
    assert_eq!(flagged(&said.moderation.unwrap(), "input"), ["culture/JP/refused"]);
    gateway.finish_one().await;
}
