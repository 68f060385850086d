//! One choice of an answer, whole or in a stream.

use crate::wire::Error;
use crate::wire::json::{Array, Cursor, Kind, Object, Path, says_something};

/// One choice of an answer.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) index: u32,
    pub(super) object: Object,
    /// Its `message`, or its `delta`.
    pub(super) said: Option<Object>,
    pub(super) content: Option<String>,
    pub(super) finish: Option<String>,
    /// What it has beside the text, each once.
    pub(super) surfaces: Vec<Surface>,
}

/// What a choice can have beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    Refusal,
    ToolCalls,
    Reasoning,
    Audio,
    Annotations,
    Logprobs,
}

/// Keys of a message under which model servers tell what the model thought before it answered. vLLM, `DeepSeek`, `OpenRouter` and `LiteLLM` differ.
pub(super) const REASONING: [&str; 6] =
    ["reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks", "provider_specific_fields"];

impl Surface {
    fn of_said(key: &str) -> Option<Self> {
        match key {
            "refusal" => Some(Self::Refusal),
            "tool_calls" | "function_call" => Some(Self::ToolCalls),
            "audio" => Some(Self::Audio),
            "annotations" => Some(Self::Annotations),
            key if REASONING.contains(&key) => Some(Self::Reasoning),
            _ => None,
        }
    }

    fn of_choice(key: &str) -> Option<Self> {
        // vLLM: the answer's tokens by their numbers.
        matches!(key, "logprobs" | "token_ids").then_some(Self::Logprobs)
    }
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
        let (mut index, mut finish, mut said, mut surfaces) = (position, None, Said::default(), Vec::new());
        let object = cursor.object(path, |cursor, name, path| {
            match name {
                "index" if cursor.kind() != Kind::Null => {
                    index = cursor.skip(path)?.parse().map_err(|_| path.is_not("a whole number such as 0"))?;
                }
                // Some servers write an empty one into every chunk.
                "finish_reason" => finish = cursor.text().filter(|reason| !reason.is_empty()).map(Into::into),
                "message" | "delta" if cursor.kind() != Kind::Null => said.read(cursor, path)?,
                key => note(Surface::of_choice(key), cursor, path, &mut surfaces)?,
            }
            Ok(())
        })?;
        let Said { object: message, content, surfaces: more } = said;
        surfaces.extend(more);
        Ok(Self { index, object, said: message, content, finish, surfaces })
    }

    pub(super) fn has(&self, surface: Surface) -> bool {
        self.surfaces.contains(&surface)
    }
}

#[derive(Default)]
struct Said {
    object: Option<Object>,
    content: Option<String>,
    surfaces: Vec<Surface>,
}

impl Said {
    fn read(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        let object = cursor.object(path, |cursor, name, path| {
            if name == "content" {
                self.content = content(cursor, path, &mut self.surfaces)?;
                return Ok(());
            }
            note(Surface::of_said(name), cursor, path, &mut self.surfaces)
        })?;
        self.object = Some(object);
        Ok(())
    }
}

fn note(
    surface: Option<Surface>,
    cursor: &mut Cursor<'_>,
    path: &Path<'_>,
    all: &mut Vec<Surface>,
) -> Result<(), Error> {
    if let Some(surface) = surface
        && says_something(cursor.skip(path)?)
        && !all.contains(&surface)
    {
        all.push(surface);
    }
    Ok(())
}

/// A text, or the texts of an array of parts, as Mistral answers.
fn content(cursor: &mut Cursor<'_>, path: &Path<'_>, surfaces: &mut Vec<Surface>) -> Result<Option<String>, Error> {
    match cursor.kind() {
        Kind::Null => Ok(None),
        Kind::Text => Ok(cursor.text().map(Into::into)),
        Kind::Array => {
            let mut text = String::new();
            let _: Array = cursor.array(path, |cursor, path| part(cursor, path, &mut text, surfaces))?;
            Ok(Some(text))
        }
        Kind::Object | Kind::Number | Kind::Bool => Err(path.is_not("a string, an array of parts, or null")),
    }
}

fn part(cursor: &mut Cursor<'_>, path: &Path<'_>, text: &mut String, surfaces: &mut Vec<Surface>) -> Result<(), Error> {
    if cursor.kind() != Kind::Object {
        text.push_str(&cursor.text().unwrap_or_default());
        return Ok(());
    }
    let _: Object = cursor.object(path, |cursor, name, path| {
        if name == "text" {
            text.push_str(&cursor.text().unwrap_or_default());
            return Ok(());
        }
        note(Surface::of_said(name), cursor, path, surfaces)
    })?;
    Ok(())
}
