//! The messages of a request: what they say, and where they stand.

use bytes::Bytes;

use crate::domain::{Message, Part, Role, Turn};
use crate::wire::Error;
use crate::wire::json::{Array, Cursor, Kind, Path, Span, says_something};

use super::part;

/// The messages of a request.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) turn: Turn,
    /// Where the messages stand.
    pub(super) array: Array,
    /// Message by message, as in `turn`.
    pub(super) layouts: Vec<Layout>,
}

/// How one message lies in the body.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) content: Content,
    /// Whether a prompt cache ends in it.
    pub(super) breakpoint: bool,
}

/// Where a message's content stands.
#[derive(Debug, Default)]
pub(super) enum Content {
    /// There is none, or it is null.
    #[default]
    Missing,
    /// One string, its quotes included.
    Text(Span),
    /// An array of parts.
    Parts(Array),
}

/// Keys under which OpenAI, and Anthropic behind some gateways, mark the end of a prompt that is to be cached.
pub(super) const BREAKPOINTS: [&str; 2] = ["prompt_cache_breakpoint", "cache_control"];

impl Conversation {
    /// Reads the array of messages at the cursor.
    pub(super) fn read(body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<Self, Error> {
        let (mut turn, mut layouts) = (Turn::default(), Vec::new());
        let array = cursor.array(path, |cursor, path| {
            let (message, layout) = message(body, cursor, path)?;
            turn.messages.push(message);
            layouts.push(layout);
            Ok(())
        })?;
        Ok(Self { turn, array, layouts })
    }
}

fn message(body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(Message, Layout), Error> {
    let (mut message, mut layout) = (Message { role: None, parts: Vec::new() }, Layout::default());
    cursor.object(path, |cursor, name, path| {
        match name {
            "role" => message.role = role(&cursor.text().ok_or_else(|| path.is_not("a string"))?),
            "content" => content(body, cursor, path, &mut message, &mut layout)?,
            "refusal" => message.parts.extend(cursor.text().map(|text| Part::Text(text.into()))),
            "tool_calls" | "function_call" => other("tool-arguments", cursor, path, &mut message)?,
            "audio" | "reasoning" | "reasoning_content" => other(name, cursor, path, &mut message)?,
            key if BREAKPOINTS.contains(&key) => layout.breakpoint |= cursor.skip(path)? != "null",
            _ => {}
        }
        Ok(())
    })?;
    Ok((message, layout))
}

fn role(word: &str) -> Option<Role> {
    if word == "function" { Some(Role::Tool) } else { word.parse().ok() }
}

fn other(name: &str, cursor: &mut Cursor<'_>, path: &Path<'_>, message: &mut Message) -> Result<(), Error> {
    if says_something(cursor.skip(path)?) {
        message.parts.push(Part::Other(name.to_owned()));
    }
    Ok(())
}

fn content(
    body: &Bytes,
    cursor: &mut Cursor<'_>,
    path: &Path<'_>,
    message: &mut Message,
    layout: &mut Layout,
) -> Result<(), Error> {
    match cursor.kind() {
        Kind::Null => {}
        Kind::Text => {
            let start = cursor.at();
            message.parts.extend(cursor.text().map(|text| Part::Text(text.into())));
            layout.content = Content::Text(start..cursor.at());
        }
        Kind::Array => {
            let array = cursor.array(path, |cursor, path| {
                let (part, breakpoint) = part::read(body, cursor, path)?;
                message.parts.push(part);
                layout.breakpoint |= breakpoint;
                Ok(())
            })?;
            layout.content = Content::Parts(array);
        }
        Kind::Object | Kind::Number | Kind::Bool => return Err(path.is_not("a string, an array of parts, or null")),
    }
    Ok(())
}
