//! The input of a request: what it says, and where it stands.

use bytes::Bytes;

use crate::domain::{Message, Part, Role, Turn};
use crate::wire::Error;
use crate::wire::content::{BREAKPOINTS, Layout, content};
use crate::wire::json::{Array, Cursor, Kind, Path, Span, says_something, spelt};
use crate::wire::part;

/// What a request says.
#[derive(Debug, Default)]
pub(in crate::wire) struct Input {
    /// The instructions, where there are any, and behind them the input, item by item.
    pub(in crate::wire) turn: Turn,
    /// Where the input stands.
    pub(super) items: Items,
    /// What belongs to the conversation, or to its answer, and cannot be seen here, and why.
    pub(in crate::wire) unseen: Vec<(String, &'static str)>,
    /// Whether the first message of the turn is the instructions, which are no item.
    pub(super) instructed: bool,
}

/// Where the input stands.
#[derive(Debug, Default)]
pub(super) enum Items {
    /// There is none, or it is null.
    #[default]
    Missing,
    /// One string, its quotes included.
    Text(Span),
    /// An array, with the layout of each item.
    Array(Array, Vec<Layout>),
}

impl Input {
    /// The keys of a request that [`Input::read`] reads.
    pub(in crate::wire) const KEYS: [&str; 6] =
        ["input", "instructions", "previous_response_id", "conversation", "prompt", "background"];

    /// Reads the value of one of the keys.
    pub(in crate::wire) fn read(
        &mut self,
        body: &Bytes,
        cursor: &mut Cursor<'_>,
        key: &str,
        path: &Path<'_>,
    ) -> Result<(), Error> {
        match key {
            "input" => self.input(body, cursor, path),
            "instructions" => self.instructions(cursor, path),
            "background" => self.unseen(cursor, path, ("background", "answered-later")),
            "previous_response_id" => self.unseen(cursor, path, ("previous_response_id", "kept-upstream")),
            "conversation" => self.unseen(cursor, path, ("conversation", "kept-upstream")),
            _ => self.unseen(cursor, path, ("prompt", "kept-upstream")),
        }
    }

    fn input(&mut self, body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        match cursor.kind() {
            Kind::Null => {}
            Kind::Text => {
                let start = cursor.at();
                let parts = cursor.text().map(|text| Part::Text(text.into())).into_iter().collect();
                self.turn.messages.push(Message { role: Some(Role::User), parts });
                self.items = Items::Text(start..cursor.at());
            }
            Kind::Array => {
                let mut layouts = Vec::new();
                let array = cursor.array(path, |cursor, path| {
                    let (message, layout) = item(body, cursor, path)?;
                    self.turn.messages.push(message);
                    layouts.push(layout);
                    Ok(())
                })?;
                self.items = Items::Array(array, layouts);
            }
            Kind::Object | Kind::Number | Kind::Bool => return Err(path.is_not("a string or an array of items")),
        }
        Ok(())
    }

    /// They come before the input, wherever they stand.
    fn instructions(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        if cursor.kind() == Kind::Null {
            return Ok(());
        }
        let text = cursor.text().ok_or_else(|| path.is_not("a string or null"))?;
        let message = Message { role: Some(Role::System), parts: vec![Part::Text(text.into())] };
        self.turn.messages.insert(0, message);
        self.instructed = true;
        Ok(())
    }

    fn unseen(
        &mut self,
        cursor: &mut Cursor<'_>,
        path: &Path<'_>,
        what: (&'static str, &'static str),
    ) -> Result<(), Error> {
        if !matches!(cursor.skip(path)?, "null" | "false") {
            self.unseen.push((what.0.to_owned(), what.1));
        }
        Ok(())
    }
}

/// What one item says. Messages may come without a `type`; what is no message is told by the keys that it has.
fn item(body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(Message, Layout), Error> {
    let (mut message, mut layout, mut kind) = (Message { role: None, parts: Vec::new() }, Layout::default(), None);
    cursor.object(path, |cursor, name, path| {
        spelt(name, &["type", "role", "content", "output"], path)?;
        match name {
            "type" if cursor.kind() != Kind::Null => {
                kind = Some(cursor.text().ok_or_else(|| path.is_not("a string"))?.into_owned());
            }
            "role" if cursor.kind() != Kind::Null => {
                message.role = cursor.text().ok_or_else(|| path.is_not("a string"))?.parse().ok();
            }
            // A reasoning item's content is what the model thought.
            "content" if cursor.kind() == Kind::Object => other("content", cursor, path, &mut message)?,
            "content" => content(body, cursor, path, &mut message, &mut layout)?,
            "output" if matches!(cursor.kind(), Kind::Text | Kind::Array) => {
                content(body, cursor, path, &mut message, &mut layout)?;
            }
            "output" if cursor.kind() == Kind::Object => message.parts.push(part::read(body, cursor, path)?.0),
            "arguments" | "input" => other("tool-arguments", cursor, path, &mut message)?,
            "summary" | "encrypted_content" => other("reasoning", cursor, path, &mut message)?,
            key if BREAKPOINTS.contains(&key) => layout.breakpoint |= cursor.skip(path)? != "null",
            _ => {}
        }
        Ok(())
    })?;
    let kind = kind.as_deref().unwrap_or("message");
    match kind {
        "message" => {}
        kind if kind.ends_with("_output") => message.role = Some(Role::Tool),
        kind => {
            // What the model did before. A text in it is no answer and no question.
            message.role = None;
            if message.parts.is_empty() {
                message.parts.push(Part::Other(kind.chars().take(40).collect()));
            }
        }
    }
    Ok((message, layout))
}

fn other(name: &str, cursor: &mut Cursor<'_>, path: &Path<'_>, message: &mut Message) -> Result<(), Error> {
    let part = Part::Other(name.to_owned());
    if says_something(cursor.skip(path)?) && !message.parts.contains(&part) {
        message.parts.push(part);
    }
    Ok(())
}
