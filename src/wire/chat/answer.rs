//! A whole answer.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::wire::Error;
use crate::wire::json::{self, Path};
use crate::wire::splice::{Change, Edits};

use super::choice::{Choice, REASONING, Surface, choices};

/// A chat completion as it came, and what was read in it.
#[derive(Debug, Clone)]
pub(in crate::wire) struct Answer {
    body: Bytes,
    choices: Vec<Choice>,
}

impl Answer {
    /// Reads a chat completion.
    ///
    /// # Errors
    /// [`Error`] where the body is no JSON object, has a key twice in an object that is read, or has no `choices`.
    pub(in crate::wire) fn read(body: Bytes) -> Result<Self, Error> {
        let mut found = None;
        json::open(&body)?.object(&Path::Root, |cursor, name, path| {
            if name == "choices" {
                found = Some(choices(cursor, path)?);
            }
            Ok(())
        })?;
        let choices = found.ok_or(Error::MissingChoices)?;
        Ok(Self { body, choices })
    }

    /// The text of each choice that has one, with the choice's `index`.
    pub(in crate::wire) fn texts(&self) -> Vec<(u32, String)> {
        self.choices.iter().filter_map(|choice| Some((choice.index, choice.content.clone()?))).collect()
    }

    /// What the choices have beside their text and is not read: `refusal`, `tool_calls`, `reasoning`, `audio`, each with the choice's `index`.
    pub(in crate::wire) fn other_surfaces(&self) -> Vec<(u32, &'static str)> {
        let names = |choice: &Choice| {
            let index = choice.index;
            choice.surfaces.clone().into_iter().filter_map(move |surface| Some((index, name(surface)?)))
        };
        self.choices.iter().flat_map(names).collect()
    }

    /// The completion with other texts, by the choices' `index`. What would tell the old text goes with it: log probabilities, reasoning, refusal, sound, tool calls,
    /// annotations. Everything else, the usage included, stays byte for byte.
    pub(in crate::wire) fn rewritten(&self, shown: &BTreeMap<u32, String>, finish_reason: &str) -> Bytes {
        let mut edits = Edits::default();
        for choice in &self.choices {
            if let Some(text) = shown.get(&choice.index) {
                rewrite_choice(choice, text, finish_reason, &mut edits);
            }
        }
        edits.apply(&self.body).into()
    }
}

/// The name of a surface that carries something of the model's beside its text.
pub(super) fn name(surface: Surface) -> Option<&'static str> {
    match surface {
        Surface::Refusal => Some("refusal"),
        Surface::ToolCalls => Some("tool_calls"),
        Surface::Reasoning => Some("reasoning"),
        Surface::Audio => Some("audio"),
        Surface::Annotations | Surface::Logprobs => None,
    }
}

fn rewrite_choice(choice: &Choice, text: &str, finish_reason: &str, edits: &mut Edits) {
    let null = || Change::Replace(b"null".to_vec());
    let mut outer = vec![("logprobs", null()), ("token_ids", Change::Remove)];
    outer.push(("finish_reason", Change::Set(json::written(&finish_reason))));
    let text = json::written(&text);
    if let Some(message) = &choice.said {
        let empty = Change::Replace(b"[]".to_vec());
        let mut inner = vec![("content", Change::Set(text)), ("refusal", null()), ("annotations", empty)];
        let gone = ["audio", "tool_calls", "function_call"].into_iter().chain(REASONING);
        inner.extend(gone.map(|key| (key, Change::Remove)));
        edits.members(message, inner);
    } else {
        let message = [br#"{"role":"assistant","content":"#.as_slice(), &text, b"}"].concat();
        outer.push(("message", Change::Set(message)));
    }
    edits.members(&choice.object, outer);
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
