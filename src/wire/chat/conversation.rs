//! The messages of a request: what they say, and where they stand.

use bytes::Bytes;

use crate::domain::{Message, Part, Role, Turn};
use crate::wire::Error;
use crate::wire::content::{BREAKPOINTS, Layout, content};
use crate::wire::json::{Array, Cursor, Path, says_something, spelt};

use super::beside::REASONING;

/// The messages of a request.
#[derive(Debug)]
pub(in crate::wire) struct Conversation {
    pub(in crate::wire) turn: Turn,
    /// Where the messages stand.
    pub(super) array: Array,
    /// Message by message, as in `turn`.
    pub(super) layouts: Vec<Layout>,
}

impl Conversation {
    /// Reads the array of messages at the cursor.
    pub(in crate::wire) fn read(body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<Self, Error> {
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
        spelt(name, &["role", "content"], path)?;
        match name {
            "role" => message.role = role(&cursor.text().ok_or_else(|| path.is_not("a string"))?),
            "content" => content(body, cursor, path, &mut message, &mut layout)?,
            "refusal" => message.parts.extend(cursor.text().map(|text| Part::Text(text.into()))),
            "tool_calls" | "function_call" => other("tool-arguments", cursor, path, &mut message)?,
            "audio" => other(name, cursor, path, &mut message)?,
            key if REASONING.contains(&key) => other("reasoning", cursor, path, &mut message)?,
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
    let part = Part::Other(name.to_owned());
    if says_something(cursor.skip(path)?) && !message.parts.contains(&part) {
        message.parts.push(part);
    }
    Ok(())
}
