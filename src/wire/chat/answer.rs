//! A whole answer.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::wire::Error;
use crate::wire::json::{self, Path};
use crate::wire::splice::{Change, Edits};
use crate::wire::surface::Beside;

use super::beside::REASONING;
use super::choice::{Choice, Shape, choices};

/// A chat completion as it came, and what was read in it.
#[derive(Debug, Clone)]
pub(in crate::wire) struct Answer {
    body: Bytes,
    shape: Shape,
    choices: Vec<Choice>,
}

impl Answer {
    /// Reads a chat completion.
    ///
    /// # Errors
    /// [`Error`] where the body is no JSON object, has a key twice in an object that is read, or has no `choices`.
    pub(in crate::wire) fn read(body: Bytes, shape: Shape) -> Result<Self, Error> {
        let mut found = None;
        json::open(&body)?.object(&Path::Root, |cursor, name, path| {
            if name == "choices" {
                found = Some(choices(cursor, path)?);
            }
            Ok(())
        })?;
        let choices = found.ok_or(Error::MissingChoices)?;
        Ok(Self { body, shape, choices })
    }

    /// The text of each choice that has one, with the choice's `index`.
    pub(in crate::wire) fn texts(&self) -> Vec<(u32, String)> {
        self.choices.iter().filter_map(|choice| Some((choice.index, choice.content.as_ref()?.alone()))).collect()
    }

    /// What the choices have beside their texts.
    pub(in crate::wire) fn beside(&self) -> Vec<Beside> {
        self.choices.iter().flat_map(|choice| choice.beside.clone()).collect()
    }

    /// The completion with other texts, by the choices' `index`. What would tell the old text goes with it: log probabilities, reasoning, refusal, sound, tool calls,
    /// annotations. Everything else, the usage included, stays byte for byte.
    ///
    /// The choices that are `silenced` lose their sound alone, and have these words where there are any.
    pub(in crate::wire) fn rewritten(
        &self,
        shown: &BTreeMap<u32, String>,
        silenced: &BTreeMap<u32, Option<String>>,
        finish_reason: &str,
    ) -> Bytes {
        let mut edits = Edits::default();
        for choice in &self.choices {
            match (shown.get(&choice.index), silenced.get(&choice.index), &choice.said) {
                (Some(text), _, _) => self.rewrite(choice, text, finish_reason, &mut edits),
                (None, Some(words), Some(message)) => {
                    let words = words.as_ref().map(|words| ("content", Change::Set(json::written(words))));
                    let changes = [("audio", Change::Remove)].into_iter().chain(words);
                    edits.members(message, changes.collect());
                }
                (None, _, _) => {}
            }
        }
        edits.apply(&self.body).into()
    }

    fn rewrite(&self, choice: &Choice, text: &str, finish_reason: &str, edits: &mut Edits) {
        let null = || Change::Replace(b"null".to_vec());
        let mut outer = vec![("logprobs", null()), ("token_ids", Change::Remove)];
        outer.push(("finish_reason", Change::Set(json::written(&finish_reason))));
        let text = json::written(&text);
        match (&choice.said, choice.shape.unwrap_or(self.shape)) {
            (Some(message), _) => {
                let empty = Change::Replace(b"[]".to_vec());
                let mut inner = vec![("content", Change::Set(text)), ("refusal", null()), ("annotations", empty)];
                let gone = ["audio", "tool_calls", "function_call"].into_iter().chain(REASONING);
                inner.extend(gone.map(|key| (key, Change::Remove)));
                edits.members(message, inner);
                outer.push(("text", Change::Remove));
            }
            (None, Shape::Text) => outer.push(("text", Change::Set(text))),
            (None, Shape::Message) => {
                let message = [br#"{"role":"assistant","content":"#.as_slice(), &text, b"}"].concat();
                outer.push(("message", Change::Set(message)));
            }
        }
        edits.members(&choice.object, outer);
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
