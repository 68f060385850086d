//! One chunk of an answer that streams.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::wire::Error;
use crate::wire::fragment::Fragment;
use crate::wire::json::{self, Object, Path, says_something};
use crate::wire::moderation::Moderation;
use crate::wire::splice::{Change, Edits};
use crate::wire::surface::Beside;

use super::beside::REASONING;
use super::choice::{Choice, Shape, choices};

/// One `data:` payload of a stream, and what was read in it.
#[derive(Debug, Clone)]
pub(in crate::wire) struct Chunk {
    data: Bytes,
    shape: Shape,
    top: Object,
    choices: Vec<Choice>,
    deltas: Vec<Delta>,
    error: bool,
}

/// What a chunk says of one choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) struct Delta {
    /// The choice's `index`.
    pub(in crate::wire) index: u32,
    /// More of its text.
    pub(in crate::wire) content: Option<Fragment>,
    /// The `finish_reason`: the choice is over.
    pub(in crate::wire) finish: Option<String>,
}

#[derive(Serialize)]
struct Made<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<MadeDelta<'a>>,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
struct MadeDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl Chunk {
    /// Reads what was made of this one.
    pub(in crate::wire) fn again(&self, data: &[u8]) -> Result<Self, Error> {
        Self::read(data, self.shape)
    }

    /// Reads one `data:` payload; `[DONE]` is none.
    ///
    /// # Errors
    /// [`Error`] where it is no JSON object, or has a key twice in an object that is read.
    pub(in crate::wire) fn read(data: &[u8], shape: Shape) -> Result<Self, Error> {
        let (mut found, mut error) = (Vec::new(), false);
        let top = json::open(data)?.object(&Path::Root, |cursor, name, path| {
            match name {
                "choices" => found = choices(cursor, path)?,
                "error" => error |= cursor.skip(path)? != "null",
                "object" => error |= cursor.text().is_some_and(|object| object == "error"), // vLLM's errors
                _ => {}
            }
            Ok(())
        })?;
        let deltas = found.iter().map(Delta::of).collect();
        let shape = found.iter().find_map(|choice| choice.shape).unwrap_or(shape);
        Ok(Self { data: Bytes::copy_from_slice(data), shape, top, choices: found, deltas, error })
    }

    /// What it says, choice by choice.
    pub(in crate::wire) fn deltas(&self) -> &[Delta] {
        &self.deltas
    }

    /// What it has beside texts.
    pub(in crate::wire) fn beside(&self) -> Vec<Beside> {
        self.choices.iter().flat_map(|choice| choice.beside.clone()).collect()
    }

    /// Whether it reports an error in the midst of the stream.
    pub(in crate::wire) fn error(&self) -> bool {
        self.error
    }

    /// The chunk with other texts for its choices, all else as it came.
    pub(in crate::wire) fn saying(&self, texts: &BTreeMap<u32, String>) -> Vec<u8> {
        let mut edits = Edits::default();
        for choice in &self.choices {
            let Some(text) = texts.get(&choice.index).map(json::written) else { continue };
            match &choice.said {
                Some(delta) => edits.members(delta, vec![("content", Change::Replace(text))]),
                None => edits.members(&choice.object, vec![("text", Change::Replace(text))]),
            }
        }
        edits.apply(&self.data)
    }

    /// A chunk with this one's envelope and a text for one choice.
    pub(in crate::wire) fn with_text(&self, choice: u32, text: &str) -> Vec<u8> {
        self.made(choice, Some(text), None)
    }

    /// A chunk with this one's envelope that ends one choice.
    pub(in crate::wire) fn finishing(&self, choice: u32, reason: &str) -> Vec<u8> {
        self.made(choice, None, Some(reason))
    }

    /// A chunk with this one's envelope, no choices, and the verdict in OpenAI's slot.
    pub(in crate::wire) fn moderation(&self, moderation: &Moderation) -> Vec<u8> {
        let mut changes = envelope(b"[]".to_vec());
        changes.push(("moderation", Change::Set(json::written(moderation))));
        self.edited(changes)
    }

    /// The chunk without what could tell a text that is held back, and without the padding that fits its old length. `None`: nothing has to change.
    ///
    /// A refusal stays, since it is an answer of its own, and so do annotations, which name sources.
    pub(in crate::wire) fn without_leaks(&self) -> Option<Vec<u8>> {
        let mut edits = Edits::default();
        for choice in &self.choices {
            if choice.logprobs {
                let logprobs = ("logprobs", Change::Replace(b"null".to_vec()));
                edits.members(&choice.object, vec![logprobs, ("token_ids", Change::Remove)]);
            }
            if let Some(delta) = choice.said.as_ref() {
                // Some servers say the same in the other API's place, too; where they say it there alone, it is what is read.
                let content = delta.value("content").and_then(|span| self.data.get(span));
                if content.is_some_and(|content| content != b"null") {
                    edits.members(&choice.object, vec![("text", Change::Remove)]);
                }
                edits.members(delta, self.telling(choice, delta));
            }
        }
        edits.members(&self.top, vec![("obfuscation", Change::Remove)]);
        (!edits.is_empty()).then(|| edits.apply(&self.data))
    }

    /// The removal of what tells of the text in other words.
    fn telling(&self, choice: &Choice, delta: &Object) -> Vec<(&'static str, Change)> {
        let value = |key: &str| delta.value(key).and_then(|span| std::str::from_utf8(self.data.get(span)?).ok());
        let says = |key: &&str| value(key).is_some_and(says_something);
        let mut changes: Vec<_> =
            REASONING.into_iter().chain(["audio"]).filter(says).map(|key| (key, Change::Remove)).collect();
        // Parts, with reasoning among them: the texts alone.
        if choice.thinks() && value("content").is_some_and(|content| content.starts_with('[')) {
            changes.push(("content", Change::Replace(json::written(&choice.content.as_ref().map(Fragment::alone)))));
        }
        changes
    }

    fn made(&self, index: u32, content: Option<&str>, finish_reason: Option<&str>) -> Vec<u8> {
        let (text, delta) = match self.shape {
            Shape::Message => (None, Some(MadeDelta { content })),
            Shape::Text => (Some(content.unwrap_or_default()), None),
        };
        let made = Made { index, text, delta, logprobs: None, finish_reason };
        let mut changes = envelope(json::written(&[made]));
        changes.push(("moderation", Change::Remove));
        self.edited(changes)
    }

    fn edited(&self, changes: Vec<(&str, Change)>) -> Vec<u8> {
        let mut edits = Edits::default();
        edits.members(&self.top, changes);
        edits.apply(&self.data)
    }
}

/// Other choices, and nothing that belongs to the old ones.
fn envelope(choices: Vec<u8>) -> Vec<(&'static str, Change)> {
    vec![("choices", Change::Set(choices)), ("usage", Change::Remove), ("obfuscation", Change::Remove)]
}

impl Delta {
    fn of(choice: &Choice) -> Self {
        Self { index: choice.index, content: choice.content.clone(), finish: choice.finish.clone() }
    }
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
