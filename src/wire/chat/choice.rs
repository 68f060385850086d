//! One choice of an answer, whole or in a stream.

use crate::wire::Error;
use crate::wire::fragment::Fragment;
use crate::wire::json::{Array, Cursor, Kind, Object, Path, says_something};
use crate::wire::surface::{Beside, Surface};

use super::beside;

/// How an API puts the text of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Shape {
    /// As the `content` of a `message` or a `delta`: chat completions.
    Message,
    /// As a `text` of the choice itself: the older completions.
    Text,
}

/// One choice of an answer.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) index: u32,
    pub(super) object: Object,
    /// Where its text stands, or would stand, if anything in it tells: some servers answer in the other API's shape.
    pub(super) shape: Option<Shape>,
    /// Its `message`, or its `delta`.
    pub(super) said: Option<Object>,
    pub(super) content: Option<Fragment>,
    pub(super) finish: Option<String>,
    /// What it has beside the text.
    pub(super) beside: Vec<Beside>,
    /// Whether it has log probabilities, or the answer's tokens by their numbers.
    pub(super) logprobs: bool,
}

/// Reads the array of choices at the cursor; null is none.
pub(super) fn choices(cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<Vec<Choice>, Error> {
    let mut choices = Vec::new();
    if cursor.kind() != Kind::Null {
        cursor.array(path, |cursor, path| {
            let position = u32::try_from(choices.len()).unwrap_or(u32::MAX);
            choices.push(Choice::read(cursor, path, position)?);
            Ok(())
        })?;
    }
    Ok(choices)
}

impl Choice {
    fn read(cursor: &mut Cursor<'_>, path: &Path<'_>, position: u32) -> Result<Self, Error> {
        let (mut index, mut finish, mut said, mut logprobs) = (position, None, Said::default(), false);
        let mut text = None;
        let object = cursor.object(path, |cursor, name, path| {
            match name {
                "index" if cursor.kind() != Kind::Null => {
                    index = cursor.skip(path)?.parse().map_err(|_| path.is_not("a whole number such as 0"))?;
                }
                // Some servers write an empty one into every chunk.
                "finish_reason" => finish = cursor.text().filter(|reason| !reason.is_empty()).map(Into::into),
                "message" | "delta" if cursor.kind() != Kind::Null => said.read(cursor, path)?,
                "text" => text = Fragment::read(cursor),
                // vLLM has `token_ids`.
                "logprobs" | "token_ids" => logprobs |= says_something(cursor.skip(path)?),
                _ => {}
            }
            Ok(())
        })?;
        let Said { object: message, content, mut beside } = said;
        for one in &mut beside {
            one.number = index;
        }
        let shape = match (&message, &text) {
            (Some(_), _) => Some(Shape::Message),
            (None, Some(_)) => Some(Shape::Text),
            (None, None) => None,
        };
        Ok(Self { index, object, shape, said: message, content: content.or(text), finish, beside, logprobs })
    }

    /// Whether it has what the model thought.
    pub(super) fn thinks(&self) -> bool {
        self.beside.iter().any(|one| one.surface == Surface::Reasoning)
    }
}

#[derive(Default)]
struct Said {
    object: Option<Object>,
    content: Option<Fragment>,
    beside: Vec<Beside>,
}

impl Said {
    fn read(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        let object = cursor.object(path, |cursor, name, path| {
            if name == "content" {
                self.content = content(cursor, path, &mut self.beside)?;
                return Ok(());
            }
            beside::read(name, cursor, path, &mut self.beside)
        })?;
        self.object = Some(object);
        Ok(())
    }
}

/// A text, or the texts of an array of parts, as Mistral answers.
fn content(cursor: &mut Cursor<'_>, path: &Path<'_>, beside: &mut Vec<Beside>) -> Result<Option<Fragment>, Error> {
    match cursor.kind() {
        Kind::Null => Ok(None),
        Kind::Text => Ok(Fragment::read(cursor)),
        Kind::Array => {
            let mut text = String::new();
            let _: Array = cursor.array(path, |cursor, path| part(cursor, path, &mut text, beside))?;
            Ok(Some(text.into()))
        }
        Kind::Object | Kind::Number | Kind::Bool => Err(path.is_not("a string, an array of parts, or null")),
    }
}

fn part(cursor: &mut Cursor<'_>, path: &Path<'_>, text: &mut String, all: &mut Vec<Beside>) -> Result<(), Error> {
    if cursor.kind() != Kind::Object {
        text.push_str(&cursor.text().unwrap_or_default());
        return Ok(());
    }
    let _: Object = cursor.object(path, |cursor, name, path| {
        if name == "text" {
            text.push_str(&cursor.text().unwrap_or_default());
            return Ok(());
        }
        beside::read(name, cursor, path, all)
    })?;
    Ok(())
}
