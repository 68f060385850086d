//! A whole answer, whatever its API.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Error;
use super::chat::Shape;
use super::inbound::Api;
use super::json::{self, Path};
use super::moderation::Moderation;
use super::splice::{Change, Edits};
use super::surface::{Beside, Surface};
use super::{chat, responses};

/// An answer as it came, and what was read in it.
///
/// Its texts have numbers: a choice's `index`, or the number of a part of an output.
#[derive(Debug, Clone)]
pub struct Answer(Form);

#[derive(Debug, Clone)]
enum Form {
    Chat(chat::Answer),
    Responses(responses::Answer),
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Error`] where the body is no JSON object, has a key twice in an object that is read, or has no `choices` or no `output`.
    pub fn read(api: Api, body: Bytes) -> Result<Self, Error> {
        Ok(Self(match api {
            Api::Chat | Api::Completions => Form::Chat(chat::Answer::read(body, api.shape())?),
            Api::Responses => Form::Responses(responses::Answer::read(body)?),
        }))
    }

    /// Each text with its number.
    #[must_use]
    pub fn texts(&self) -> Vec<(u32, String)> {
        match &self.0 {
            Form::Chat(answer) => answer.texts(),
            Form::Responses(answer) => answer.texts(),
        }
    }

    /// What it says: the first choice of a chat completion, the texts of a response one behind the other; `None` where that is nothing.
    #[must_use]
    pub fn first_text(&self) -> Option<String> {
        let text = match &self.0 {
            Form::Chat(answer) => answer.texts().into_iter().min_by_key(|(number, _)| *number).map(|(_, text)| text),
            Form::Responses(answer) => Some(answer.said()),
        };
        text.filter(|text| !text.trim().is_empty())
    }

    /// What stands beside the texts.
    #[must_use]
    pub fn beside(&self) -> Vec<Beside> {
        match &self.0 {
            Form::Chat(answer) => answer.beside(),
            Form::Responses(answer) => answer.beside(),
        }
    }

    /// The answer with other texts, by their numbers. What would tell the old texts goes with them: log probabilities, reasoning, annotations; of a chat completion also
    /// refusal, sound and tool calls, and it gets the `finish_reason`. Everything else, the usage included, stays byte for byte.
    ///
    /// What is heard of the choices that are `silenced` goes by itself; a choice of a chat completion gets words in its place where some are given.
    #[must_use]
    pub fn rewritten(
        &self,
        shown: &BTreeMap<u32, String>,
        silenced: &BTreeMap<u32, Option<String>>,
        finish_reason: &str,
    ) -> Bytes {
        match &self.0 {
            Form::Chat(answer) => answer.rewritten(shown, silenced, finish_reason),
            Form::Responses(answer) => answer.rewritten(shown),
        }
    }
}

impl Api {
    /// How a choice has its text.
    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Chat | Self::Responses => Shape::Message,
            Self::Completions => Shape::Text,
        }
    }

    /// A text by its number, as records name it.
    #[must_use]
    pub fn text_name(self, number: u32) -> String {
        match self {
            Self::Chat => format!("answer[{number}]: content"),
            Self::Completions => format!("answer[{number}]: text"),
            Self::Responses => {
                let (item, part) = responses::indices(number);
                format!("answer.output[{item}].content[{part}]: text")
            }
        }
    }

    /// The number that a text has within its choice or item.
    #[must_use]
    pub fn within(self, number: u32) -> u32 {
        match self {
            Self::Chat | Self::Completions => 0,
            Self::Responses => responses::indices(number).1,
        }
    }

    /// Something beside the texts, as records name it.
    #[must_use]
    pub fn surface_name(self, number: u32, surface: Surface) -> String {
        match self {
            Self::Chat | Self::Completions => format!("answer[{number}]: {}", surface.word()),
            Self::Responses => format!("answer.output[{}]: {}", responses::indices(number).0, surface.word()),
        }
    }

    /// Whether something beside the texts goes when these are rewritten.
    #[must_use]
    pub fn goes_with(self, surface: Surface, number: u32, rewritten: &BTreeMap<u32, String>) -> bool {
        match self {
            Self::Chat | Self::Completions => rewritten.contains_key(&number),
            Self::Responses => {
                matches!(surface, Surface::Reasoning | Surface::Audio | Surface::Transcript) && !rewritten.is_empty()
            }
        }
    }

    /// An answer with the verdict in OpenAI's slot, `moderation`: set, or put in the place of another.
    ///
    /// # Errors
    /// [`Error`] where the body is no JSON object or has a key twice.
    #[expect(clippy::needless_pass_by_value, reason = "bodies are handed over, as everywhere here")]
    pub fn with_moderation(self, body: Bytes, moderation: &Moderation) -> Result<Bytes, Error> {
        let top = json::open(&body)?.object(&Path::Root, |_, _, _| Ok(()))?;
        let mut edits = Edits::default();
        edits.members(&top, vec![("moderation", Change::Set(self.moderation(moderation)))]);
        Ok(edits.apply(&body).into())
    }

    /// The verdict in the API's form.
    pub(super) fn moderation(self, moderation: &Moderation) -> Vec<u8> {
        match self {
            Self::Chat | Self::Completions => json::written(moderation),
            Self::Responses => json::written(&moderation.single()),
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
