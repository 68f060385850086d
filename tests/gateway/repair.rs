//! Whole answers: repaired, corrected or refused, without a trace of the draft.

use std::time::Duration;

use comity::domain::{Action, Ended, Outcome};
use serde_json::Value;

use crate::support::Gate;
use crate::support::bodies::{ask, completion, completions, error_code, gzip, quoted, request};
use crate::support::client::Answer;
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::{FAUX_PAS, Mind};
use crate::support::pack::{Floor, SAYS};
use crate::support::upstream::{Got, Opening, Reply};

fn draft() -> String {
    format!("Take tea along. A {FAUX_PAS} is what you want. Have fun there.")
}

/// Asks what has to be mended; the model server gives these replies.
async fn mended(setup: Setup, replies: Vec<Reply>) -> (Answer, Vec<Got>, comity::domain::Record) {
    let gateway = Gateway::start(setup, replies).await;
    let answer = gateway.client.chat(ask("mendword?")).await;
    let got = gateway.upstream.got();
    (answer, got, gateway.finish_one().await)
}

#[tokio::test]
async fn a_breach_is_repaired_and_everything_else_stays() {
    let (answer, got, record) =
        mended(Setup::default(), vec![Reply::json(completion(&draft())), Reply::json(completion("Take tea along."))])
            .await;
    assert_eq!(
        String::from_utf8_lossy(&answer.body),
        completion("Take tea along."),
        "the envelope and the usage are the draft's"
    );
    assert_eq!(
        (answer.header("comity-decision"), answer.header("content-length")),
        (Some("rewrite"), Some(completion("Take tea along.").len().to_string().as_str()))
    );
    assert!(answer.header("server-timing").unwrap().contains("rewrite;dur="));
    let (first, repair) = (got[0].json(), got[1].json());
    let messages = repair["messages"].as_array().unwrap();
    assert_eq!(messages[..2], first["messages"].as_array().unwrap()[..], "the question and its note");
    assert_eq!(
        (messages[2]["role"].as_str(), messages[2]["content"].as_str()),
        (Some("assistant"), Some(draft().as_str()))
    );
    assert!(messages[3]["content"].as_str().unwrap().contains(SAYS) && messages.len() == 4);
    assert_eq!((got[1].header("authorization"), repair["model"].as_str()), (Some("Bearer sk-test"), Some("m-1")));
    let told = record.answer.unwrap();
    assert_eq!(
        (record.action, told.outcome, told.repairs, told.breached.len()),
        (Action::Rewrite, Outcome::Repaired, 1, 1)
    );
    assert!(told.scores.compliance.unwrap() > 0.9, "scores are of the answer as it was shown");
    assert!(record.timings.repair.is_some() && record.contents.is_none());
}

#[tokio::test]
async fn a_repair_is_another_request_to_a_server_that_knows_requests_by_their_key() {
    let replies = vec![Reply::json(completion(&draft())), Reply::json(completion("Tea."))];
    let gateway = Gateway::start(Setup::default(), replies).await;
    gateway.client.chat_with(&[("idempotency-key", "k-1")], ask("mendword?")).await;
    let got = gateway.upstream.got();
    assert_eq!((got[0].header("idempotency-key"), got[1].header("idempotency-key")), (Some("k-1"), None));
    gateway.finish_one().await;
}

#[tokio::test]
async fn an_answer_that_holds_is_shown_as_it_came() {
    let said = completion("Take tea along. Have fun there.");
    let (answer, got, record) = mended(Setup::default(), vec![Reply::json(said.clone())]).await;
    assert_eq!((&answer.body[..], got.len()), (said.as_bytes(), 1));
    assert_eq!(record.answer.unwrap().outcome, Outcome::Kept);
}

#[tokio::test]
async fn where_no_repair_holds_a_correction_stands_behind_what_is_good() {
    let failing = [
        Reply::json(completion(&format!("Still a {FAUX_PAS}, sorry."))),
        Reply::whole(500, "application/json", "{}"),
        Reply::json("not a completion"),
        Reply::json(completion("  ")),
        Reply::opening(Opening::Vanish),
    ];
    for repair in failing {
        let (answer, got, record) =
            mended(Setup::default(), vec![Reply::json(completion(&draft())), repair.clone()]).await;
        let text = answer.said().text().to_owned();
        assert!(
            text.starts_with("Take tea along.") && text.contains("Have fun there.") && text.contains(SAYS),
            "{text} ({repair:?})"
        );
        assert!(!text.contains(FAUX_PAS), "{text}");
        assert_eq!((answer.status.as_u16(), got.len() >= 2), (200, true));
        let told = record.answer.unwrap();
        assert_eq!((told.outcome, record.ended), (Outcome::Corrected, Ended::Complete), "{repair:?}");
    }
}

#[tokio::test]
async fn a_floor_may_ask_for_a_refusal_or_for_more_tries() {
    let bad = || Reply::json(completion(&draft()));
    let floor = Floor { fallback: "decline", ..Floor::default() };
    let (answer, _, record) = mended(Setup::floor(floor), vec![bad(), bad()]).await;
    let text = answer.said().text().to_owned();
    assert!(text.contains(SAYS) && !text.contains("Take tea along") && !text.contains(FAUX_PAS), "{text}");
    assert_eq!((record.answer.unwrap().outcome, answer.said().finished[&0].as_str()), (Outcome::Declined, "stop"));

    let floor = Floor { tries: 2, ..Floor::default() };
    let (answer, got, record) = mended(Setup::floor(floor), vec![bad(), bad(), Reply::json(completion("Tea."))]).await;
    assert_eq!((answer.said().text(), got.len(), record.answer.unwrap().repairs), ("Tea.", 3, 2));

    let floor = Floor { tries: 0, ..Floor::default() };
    let (answer, got, record) = mended(Setup::floor(floor), vec![bad()]).await;
    assert!(answer.said().text().contains(SAYS));
    assert_eq!((got.len(), record.answer.unwrap().outcome), (1, Outcome::Corrected));
}

#[tokio::test]
async fn nothing_tells_of_a_draft_that_was_repaired() {
    let leaky = format!(
        "{{\"id\":\"c\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":{0},\"reasoning_content\":\"a {FAUX_PAS} then\",\
         \"reasoning\":{0},\"refusal\":\"{FAUX_PAS}\",\"audio\":{{\"transcript\":{0}}},\"tool_calls\":[{{\"id\":\"t\",\"function\":{{\"arguments\":{0}}}}}],\
         \"annotations\":[{{\"x\":{0}}}]}},\"logprobs\":{{\"content\":[{{\"token\":\"{FAUX_PAS}\"}}]}},\"token_ids\":[1,2],\"finish_reason\":\"tool_calls\"}}],\
         \"usage\":{{\"total_tokens\":12}}}}",
        quoted(&draft())
    );
    let replies = vec![Reply::json(leaky.clone()), Reply::json(completion("Take tea."))];
    let setup = Setup::default().with(|settings| settings.finish_reason = "content_filter".to_owned());
    let (answer, _, record) = mended(setup, replies).await;
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!body.contains(FAUX_PAS) && !body.contains("token_ids"), "{body}");
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&value["choices"][0]["logprobs"], &value["usage"]["total_tokens"]), (&Value::Null, &Value::from(12)));
    assert_eq!(value["choices"][0]["finish_reason"], "content_filter");
    assert!(!serde_json::to_string(&record).unwrap().contains(FAUX_PAS), "nor does the record");
    let said: Vec<&str> =
        record.coverage.iter().map(|one| one.part.as_str()).filter(|part| part.starts_with("answer[0]: ")).collect();
    assert!(
        ["tool_calls", "transcript", "reasoning", "refusal"]
            .iter()
            .all(|surface| said.contains(&format!("answer[0]: {surface}").as_str())),
        "{said:?}"
    );

    // What holds keeps all of it.
    let good = leaky.replace(FAUX_PAS, "cup");
    let (answer, _, _) = mended(Setup::default(), vec![Reply::json(good.clone())]).await;
    assert_eq!(answer.body, good);
}

#[tokio::test]
async fn each_choice_is_settled_by_itself() {
    let replies =
        vec![Reply::json(completions(&["Fine. Tea.", &draft(), "Also fine."])), Reply::json(completion("Repaired."))];
    let gateway = Gateway::start(Setup::default(), replies).await;
    let answer = gateway.client.chat(request("mendword?", "\"n\":3, ")).await;
    assert_eq!(String::from_utf8_lossy(&answer.body), completions(&["Fine. Tea.", "Repaired.", "Also fine."]));
    assert_eq!(gateway.upstream.got()[1].json()["n"], 1);
    assert_eq!(gateway.finish_one().await.answer.unwrap().outcome, Outcome::Repaired);
}

#[tokio::test]
async fn what_is_declined_never_reaches_the_model_server() {
    let gateway = Gateway::plain(Reply::json(completion("No."))).await;
    let answer = gateway.client.chat(ask("refuseword?")).await;
    assert_eq!((answer.status.as_u16(), answer.header("comity-decision")), (200, Some("decline")));
    let said = answer.said();
    assert!(said.text().contains(SAYS) && said.finished[&0] == "stop" && said.usage.is_some());
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((value["model"].as_str(), value["object"].as_str()), (Some("m-1"), Some("chat.completion")));
    let streamed = gateway
        .client
        .chat(request("refuseword?", "\"stream\":true,\"stream_options\":{\"include_usage\":true}, "))
        .await;
    let streamed = streamed.said();
    assert_eq!((streamed.text(), streamed.done, streamed.usage.is_some()), (said.text(), true, true));
    assert_eq!(gateway.upstream.counts().begun, 0);
    for record in gateway.finish().await {
        assert_eq!(
            (record.action, record.status, record.answer.unwrap().outcome),
            (Action::Decline, 200, Outcome::Declined)
        );
    }
}

#[tokio::test]
async fn a_packed_answer_is_unpacked_to_be_repaired() {
    let replies = vec![
        Reply::json(gzip(completion(&draft()).as_bytes())).header("content-encoding", "gzip").header("etag", "\"1\""),
        Reply::json(gzip(completion("Tea.").as_bytes())).header("content-encoding", "gzip"),
    ];
    let (answer, _, _) = mended(Setup::default(), replies).await;
    assert_eq!((answer.header("content-encoding"), answer.header("etag")), (None, None));
    assert_eq!(String::from_utf8_lossy(&answer.body), completion("Tea."));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_shown_or_withheld_as_the_floor_says() {
    let unreadable = [
        Reply::json("this is no JSON"),
        Reply::json("{\"choices\":[],\"choices\":[]}"),
        Reply::json(&b"\x8b\x03\x80"[..]).header("content-encoding", "br"),
        Reply::json(gzip(completion(&draft()).as_bytes())[..30].to_vec()).header("content-encoding", "gzip"),
    ];
    for reply in unreadable {
        let came = reply.steps.clone();
        let crate::support::upstream::Step::Send(bytes) = &came[0] else { panic!() };
        let (answer, _, record) = mended(Setup::default(), vec![reply.clone()]).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, bytes), "{reply:?}");
        assert_eq!(
            answer.header("content-encoding"),
            reply.headers.get("content-encoding").map(|value| value.to_str().unwrap())
        );
        assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Unverified, Ended::Complete));
        assert!(record.coverage.iter().any(|one| one.part == "answer" && one.scan != comity::domain::Scan::Scanned));

        let floor = Floor { unchecked: "withhold", ..Floor::default() };
        let (answer, _, record) = mended(Setup::floor(floor), vec![reply]).await;
        assert_eq!((answer.status.as_u16(), error_code(&answer.body).as_str()), (502, "answer_unreadable"));
        assert_eq!((answer.header("x-should-retry"), record.ended), (Some("false"), Ended::UpstreamFailed));
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_to_check_is_shown_or_withheld_as_the_floor_says() {
    let large = completion(&"Tea. ".repeat(400));
    let small = |floor| Setup::floor(floor).with(|settings| settings.limits.answer = 1000);
    let (answer, _, record) = mended(small(Floor::default()), vec![Reply::json(large.clone())]).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &bytes::Bytes::from(large.clone())));
    assert_eq!(answer.header("content-length"), Some(large.len().to_string().as_str()));
    assert_eq!((record.answer.unwrap().outcome, record.ended), (Outcome::Unverified, Ended::Complete));
    assert!(record.coverage.contains(&comity::domain::Coverage::unscanned("answer", "too-large")));

    let floor = Floor { unchecked: "withhold", ..Floor::default() };
    let (answer, _, record) = mended(small(floor), vec![Reply::json(large)]).await;
    assert_eq!((answer.status.as_u16(), error_code(&answer.body).as_str()), (502, "answer_too_large"));
    assert_eq!(record.ended, Ended::UpstreamFailed);
}

#[tokio::test]
async fn without_a_judge_an_answer_is_shown_or_withheld_as_the_floor_says() {
    for (unchecked, shown, outcome) in [("show", true, Outcome::Unverified), ("withhold", false, Outcome::Declined)] {
        let floor = Floor { unchecked, ..Floor::default() };
        let setup = Setup { mind: Mind::NoJudge, ..Setup::floor(floor) };
        let (answer, _, record) = mended(setup, vec![Reply::json(completion(&draft()))]).await;
        assert_eq!((answer.body == completion(&draft()), record.answer.unwrap().outcome), (shown, outcome));
        assert_eq!(answer.said().text().contains(FAUX_PAS), shown);
    }
}

#[tokio::test]
async fn what_is_not_known_to_be_at_stake_passes_or_is_declined_as_the_floor_says() {
    let minds: [fn() -> Mind; 4] = [|| Mind::Dead, || Mind::Panicking, || Mind::Slow(Gate::new()), || Mind::Off];
    for mind in minds {
        for (unknown, passes) in [("pass", true), ("decline", false)] {
            let setup = Setup { mind: mind(), ..Setup::floor(Floor { unknown, ..Floor::default() }) };
            let setup = setup.with(|settings| settings.limits.classify = Duration::from_millis(20));
            let (answer, got, record) = mended(setup, vec![Reply::json(completion(&draft()))]).await;
            assert_eq!((answer.status.as_u16(), got.len()), (200, usize::from(passes)), "{:?}", mind());
            assert_eq!((answer.body == completion(&draft()), record.unavailable.is_some()), (passes, true));
        }
    }
}
