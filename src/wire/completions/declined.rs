//! A completion that Comity gives in the model's place.

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
    usage: Option<Tokens>,
}

#[derive(Serialize)]
struct Choice<'a> {
    text: &'a str,
    index: u32,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

/// A completion in which each choice that was asked for says the text.
pub(in crate::wire) fn declined(answer: &Declined<'_>) -> Bytes {
    completion(answer, choices(answer, answer.text, Some(answer.finish)), Some(Tokens::default())).into()
}

/// The same as a stream: an event each for the texts, their ends, and the usage where it is asked for. `[DONE]` is the caller's.
pub(in crate::wire) fn declined_stream(answer: &Declined<'_>) -> Vec<Bytes> {
    let usage = answer.include_usage.then(|| completion(answer, Vec::new(), Some(Tokens::default())));
    let said = completion(answer, choices(answer, answer.text, None), None);
    let ended = completion(answer, choices(answer, "", Some(answer.finish)), None);
    [said, ended].into_iter().chain(usage).map(|json| sse::event(&json)).collect()
}

fn choices<'a>(answer: &Declined<'a>, text: &'a str, finish_reason: Option<&'a str>) -> Vec<Choice<'a>> {
    (0..answer.choices).map(|index| Choice { text, index, logprobs: None, finish_reason }).collect()
}

fn completion(answer: &Declined<'_>, choices: Vec<Choice<'_>>, usage: Option<Tokens>) -> Vec<u8> {
    let id = format!("cmpl-{}", answer.id);
    let (created, model) = (answer.created, answer.model);
    json::written(&Completion { id: &id, object: "text_completion", created, model, choices, usage })
}
