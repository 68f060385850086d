//! A whole answer.

use bytes::Bytes;

use crate::wire::Error;
use crate::wire::json::{self, Object, Path};
use crate::wire::moderation::Moderation;
use crate::wire::splice::{Change, Edits};

use super::choice::{Choice, REASONING, Surface, choices};

/// A chat completion as it came, and what was read in it.
#[derive(Debug, Clone)]
pub struct Answer {
    body: Bytes,
    choices: Vec<Choice>,
}

/// What one choice is to say instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The choice's `index`.
    pub choice: u32,
    /// Its new text.
    pub text: String,
    /// Its new `finish_reason`; `None` leaves it.
    pub finish: Option<String>,
}

impl Answer {
    /// Reads a chat completion.
    ///
    /// # Errors
    /// [`Error`] where the body is no JSON object, has a key twice in an object that is read, or has no `choices`.
    pub fn read(body: Bytes) -> Result<Self, Error> {
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
    #[must_use]
    pub fn texts(&self) -> Vec<(u32, String)> {
        self.choices.iter().filter_map(|choice| Some((choice.index, choice.content.clone()?))).collect()
    }

    /// What the choices have beside their text and is not read: `refusal`, `tool_calls`, `reasoning`, `audio`, each with the choice's `index`.
    #[must_use]
    pub fn other_surfaces(&self) -> Vec<(u32, &'static str)> {
        let names = |choice: &Choice| {
            let index = choice.index;
            choice.surfaces.clone().into_iter().filter_map(move |surface| Some((index, name(surface)?)))
        };
        self.choices.iter().flat_map(names).collect()
    }

    /// The completion with other texts. What would tell the old text goes with it: log probabilities, reasoning, refusal, sound, tool calls, annotations.
    /// Everything else, the usage included, stays byte for byte.
    #[must_use]
    pub fn rewritten(&self, rewrites: &[Rewrite]) -> Bytes {
        let mut edits = Edits::default();
        for choice in &self.choices {
            if let Some(rewrite) = rewrites.iter().find(|rewrite| rewrite.choice == choice.index) {
                rewrite_choice(choice, rewrite, &mut edits);
            }
        }
        edits.apply(&self.body).into()
    }
}

/// The name of a surface that carries something of the model's beside its text.
fn name(surface: Surface) -> Option<&'static str> {
    match surface {
        Surface::Refusal => Some("refusal"),
        Surface::ToolCalls => Some("tool_calls"),
        Surface::Reasoning => Some("reasoning"),
        Surface::Audio => Some("audio"),
        Surface::Annotations | Surface::Logprobs => None,
    }
}

fn rewrite_choice(choice: &Choice, rewrite: &Rewrite, edits: &mut Edits) {
    let null = || Change::Replace(b"null".to_vec());
    let mut outer = vec![("logprobs", null()), ("token_ids", Change::Remove)];
    if let Some(finish) = &rewrite.finish {
        outer.push(("finish_reason", Change::Set(json::written(finish))));
    }
    let text = json::written(&rewrite.text);
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

/// The first choice's text of a completion; `None` where it has none, or says nothing.
#[must_use]
pub fn first_text(body: &Bytes) -> Option<String> {
    let answer = Answer::read(body.clone()).ok()?;
    let first = answer.choices.into_iter().min_by_key(|choice| choice.index)?;
    first.content.filter(|text| !text.trim().is_empty())
}

/// A completion with the verdict in OpenAI's slot, `moderation`: set, or put in the place of another.
///
/// # Errors
/// [`Error`] where the body is no JSON object or has a key twice.
#[expect(clippy::needless_pass_by_value, reason = "bodies are handed over, as everywhere here")]
pub fn with_moderation(body: Bytes, moderation: &Moderation) -> Result<Bytes, Error> {
    let top: Object = json::open(&body)?.object(&Path::Root, |_, _, _| Ok(()))?;
    let mut edits = Edits::default();
    edits.members(&top, vec![("moderation", Change::Set(json::written(moderation)))]);
    Ok(edits.apply(&body).into())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
