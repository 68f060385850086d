use serde_json::{Value, json};

use super::*;
use crate::wire::chat::{Answer, Chunk, Shape};

fn answer(text: &str, include_usage: bool) -> Declined<'_> {
    Declined { id: "1", created: 7, model: "m", text, finish: "stop", choices: 1, include_usage, verdict: None }
}

#[test]
fn a_declined_answer_is_a_whole_completion() {
    let body = declined(&answer("再见 \"x\"", false));
    let expected = concat!(
        r#"{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"再见 \"x\"","#,
        r#""refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#
    );
    assert_eq!(body, expected);
    assert_eq!(Answer::read(body, Shape::Message).unwrap().texts(), [(0, "再见 \"x\"".to_owned())]);
}

fn payloads(events: &[Bytes]) -> Vec<Value> {
    let mut decoder = sse::Decoder::new(1 << 16);
    decoder.push(&events.concat().into());
    let mut all = Vec::new();
    while let Some(event) = decoder.next().unwrap() {
        all.push(serde_json::from_slice(&event.data.unwrap()).unwrap());
    }
    all
}

#[test]
fn a_declined_stream_is_role_text_end_and_usage() {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
    };
    let mut expected = vec![
        chunk(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null),
        chunk(json!({"content": "No."}), Value::Null),
        chunk(json!({}), "stop".into()),
    ];
    assert_eq!(payloads(&declined_stream(&answer("No.", false))), expected);

    for chunk in &mut expected {
        chunk["usage"] = Value::Null;
    }
    let mut usage = expected[2].clone();
    usage["choices"] = json!([]);
    usage["usage"] = json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0});
    expected.push(usage);
    assert_eq!(payloads(&declined_stream(&answer("No.", true))), expected);
}

#[test]
fn the_events_read_as_chunks() {
    for event in declined_stream(&answer("No.", true)) {
        let data = event.strip_prefix(b"data: ".as_slice()).unwrap().trim_ascii_end();
        Chunk::read(data, Shape::Message).unwrap();
    }
}
