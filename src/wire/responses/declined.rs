//! A response that Comity gives in the model's place.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use crate::wire::declined::Declined;
use crate::wire::inbound::Api;
use crate::wire::{json as text, sse};

/// A response whose one message says the text. No model was asked, so no token was spent.
pub(in crate::wire) fn declined(answer: &Declined<'_>) -> Bytes {
    text::written(&response(answer, "completed", &[item(answer, "completed", &[part(answer.text)])])).into()
}

/// The same as a stream: each step that clients wait for, with its number.
pub(in crate::wire) fn declined_stream(answer: &Declined<'_>) -> Bytes {
    let id = message_id(answer);
    let place = json!({ "item_id": id, "output_index": 0, "content_index": 0 });
    let whole = item(answer, "completed", &[part(answer.text)]);
    let mut completed = response(answer, "completed", std::slice::from_ref(&whole));
    if let Some(verdict) = answer.verdict {
        let verdict: Value = serde_json::from_slice(&Api::Responses.moderation(verdict)).unwrap_or_default();
        completed = with(&completed, &json!({ "moderation": verdict }));
    }
    let steps = [
        ("response.created", json!({ "response": response(answer, "in_progress", &[]) })),
        ("response.in_progress", json!({ "response": response(answer, "in_progress", &[]) })),
        ("response.output_item.added", json!({ "output_index": 0, "item": item(answer, "in_progress", &[]) })),
        ("response.content_part.added", with(&place, &json!({ "part": part("") }))),
        ("response.output_text.delta", with(&place, &json!({ "delta": answer.text, "logprobs": [] }))),
        ("response.output_text.done", with(&place, &json!({ "text": answer.text, "logprobs": [] }))),
        ("response.content_part.done", with(&place, &json!({ "part": part(answer.text) }))),
        ("response.output_item.done", json!({ "output_index": 0, "item": whole })),
        ("response.completed", json!({ "response": completed })),
    ];
    let mut all = BytesMut::new();
    for (number, (kind, said)) in steps.iter().enumerate() {
        let event = with(&json!({ "type": kind, "sequence_number": number }), said);
        all.extend_from_slice(&sse::named(kind, &text::written(&event)));
    }
    all.freeze()
}

/// `ResponseObject` of OpenAI's API description, version 2.3.0: every key that it requires.
fn response(answer: &Declined<'_>, status: &str, output: &[Value]) -> Value {
    let done = status == "completed";
    json!({
        "id": format!("resp_{}", answer.id),
        "object": "response",
        "created_at": answer.created,
        "completed_at": done.then_some(answer.created),
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": true,
        "tool_choice": "auto",
        "tools": [],
        "temperature": null,
        "top_p": null,
        "metadata": {},
        "usage": done.then(|| json!({
            "input_tokens": 0,
            "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
            "output_tokens": 0,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": 0,
        })),
    })
}

fn message_id(answer: &Declined<'_>) -> String {
    format!("msg_{}", answer.id)
}

fn item(answer: &Declined<'_>, status: &str, content: &[Value]) -> Value {
    json!({ "id": message_id(answer), "type": "message", "status": status, "role": "assistant", "content": content })
}

fn part(said: &str) -> Value {
    json!({ "type": "output_text", "text": said, "annotations": [], "logprobs": [] })
}

/// The members of both objects, the first one's first.
fn with(first: &Value, second: &Value) -> Value {
    let members = [first, second].into_iter().filter_map(Value::as_object).flatten();
    members.map(|(key, value)| (key.clone(), value.clone())).collect()
}
