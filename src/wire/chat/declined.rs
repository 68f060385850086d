//! An answer that Comity gives in the model's place.

use bytes::Bytes;
use serde::Serialize;

use crate::wire::declined::{Declined, Tokens};
use crate::wire::{json, sse};

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    #[serde(flatten)]
    said: Said<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Said<'a> {
    Message { role: &'static str, content: &'a str, refusal: Option<()>, annotations: [(); 0] },
    Delta(Delta<'a>),
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    /// `Some` is null; `None` leaves the key out.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<()>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Usage {
    Spent(Tokens),
    /// Null: as in every chunk but the last.
    Untold,
}

/// A chat completion with one choice that says the text.
pub(in crate::wire) fn declined(answer: &Declined<'_>) -> Bytes {
    let said = Said::Message { role: "assistant", content: answer.text, refusal: None, annotations: [] };
    let choices = vec![Choice { index: 0, said, logprobs: None, finish_reason: Some(answer.finish) }];
    let usage = Some(Usage::Spent(Tokens::default()));
    let (id, created, model) = (id(answer), answer.created, answer.model);
    json::written(&Completion { id: &id, object: "chat.completion", created, model, choices, usage }).into()
}

/// The same as a stream: an event each for the role, the text, the end, and the usage where it is asked for. `[DONE]` is the caller's.
pub(in crate::wire) fn declined_stream(answer: &Declined<'_>) -> Vec<Bytes> {
    let (id, created, model) = (id(answer), answer.created, answer.model);
    let event = |choices: Vec<Choice<'_>>, usage: Usage| {
        let usage = answer.include_usage.then_some(usage);
        let chunk = Completion { id: &id, object: "chat.completion.chunk", created, model, choices, usage };
        sse::event(&json::written(&chunk))
    };
    let says = |delta: Delta<'_>, finish_reason: Option<&str>| {
        event(vec![Choice { index: 0, said: Said::Delta(delta), logprobs: None, finish_reason }], Usage::Untold)
    };
    let mut events = vec![
        says(Delta { role: Some("assistant"), content: Some(""), refusal: Some(()) }, None),
        says(Delta { content: Some(answer.text), ..Delta::default() }, None),
        says(Delta::default(), Some(answer.finish)),
    ];
    if answer.include_usage {
        events.push(event(Vec::new(), Usage::Spent(Tokens::default())));
    }
    events
}

fn id(answer: &Declined<'_>) -> String {
    format!("chatcmpl-{}", answer.id)
}

#[cfg(test)]
#[path = "declined_tests.rs"]
mod tests;
