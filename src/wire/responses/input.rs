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
    /// The items that stand for others, which the model server keeps.
    referring: Vec<usize>,
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

    /// Everything was read.
    pub(in crate::wire) fn complete(&mut self) {
        let named =
            |at: usize| (format!("messages[{}]: item_reference", at + usize::from(self.instructed)), "kept-upstream");
        let referring: Vec<_> = self.referring.iter().take(MOST_REFERRING).map(|at| named(*at)).collect();
        self.unseen.extend(referring);
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
                    let item = Item::read(body, cursor, path)?;
                    if item.refers() {
                        self.referring.push(layouts.len());
                    }
                    let (message, layout) = item.message();
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

/// The most items that stand for others of which the record tells, each by itself.
const MOST_REFERRING: usize = 128;

/// What one item says.
#[derive(Default)]
struct Item {
    kind: Option<String>,
    /// Whether it has an id by which the model server may know it.
    known: bool,
    message: Message,
    layout: Layout,
}

impl Item {
    fn read(body: &Bytes, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<Self, Error> {
        let mut item = Self::default();
        cursor.object(path, |cursor, name, path| item.member(body, cursor, name, path))?;
        Ok(item)
    }

    fn member(&mut self, body: &Bytes, cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>) -> Result<(), Error> {
        spelt(name, &["type", "role", "content", "output"], path)?;
        let Self { message, layout, .. } = self;
        match name {
            "type" if cursor.kind() != Kind::Null => {
                self.kind = Some(cursor.text().ok_or_else(|| path.is_not("a string"))?.into_owned());
            }
            "id" => self.known = cursor.kind() == Kind::Text,
            "role" if cursor.kind() != Kind::Null => {
                message.role = cursor.text().ok_or_else(|| path.is_not("a string"))?.parse().ok();
            }
            // A reasoning item's content is what the model thought.
            "content" if cursor.kind() == Kind::Object => other("content", cursor, path, message)?,
            "content" => content(body, cursor, path, message, layout)?,
            "output" if matches!(cursor.kind(), Kind::Text | Kind::Array) => {
                content(body, cursor, path, message, layout)?;
            }
            "output" if cursor.kind() == Kind::Object => message.parts.push(part::read(body, cursor, path)?.0),
            "arguments" | "input" => other("tool-arguments", cursor, path, message)?,
            "summary" => other("reasoning", cursor, path, message)?,
            "encrypted_content" => other("encrypted-content", cursor, path, message)?,
            key if BREAKPOINTS.contains(&key) => layout.breakpoint |= cursor.skip(path)? != "null",
            _ => {}
        }
        Ok(())
    }

    /// Whether it only stands for another item, which the model server keeps. The `type` of such a one may be left out.
    fn refers(&self) -> bool {
        match self.kind.as_deref() {
            Some(kind) => kind == "item_reference",
            None => self.known && self.message.role.is_none() && self.message.parts.is_empty(),
        }
    }

    /// What it says as a message. One may come without a `type`; what is no message is told by the keys that it has, else by its kind.
    fn message(self) -> (Message, Layout) {
        let refers = self.refers();
        let Self { kind, mut message, layout, .. } = self;
        if refers {
            return (message, layout);
        }
        let kind = kind.as_deref().unwrap_or("message");
        if kind == "message" {
            return (message, layout);
        }
        // What the model did before is of no role: a text in it is no answer and no question.
        message.role = kind.ends_with("_output").then_some(Role::Tool);
        let itself = Part::Other(kind.chars().take(40).collect());
        let before = message.parts.len();
        message.parts.retain(|part| !matches!(part, Part::Other(name) if name == "untyped"));
        if message.parts.is_empty() || message.parts.len() < before {
            message.parts.push(itself);
        }
        (message, layout)
    }
}

fn other(name: &str, cursor: &mut Cursor<'_>, path: &Path<'_>, message: &mut Message) -> Result<(), Error> {
    let part = Part::Other(name.to_owned());
    if says_something(cursor.skip(path)?) && !message.parts.contains(&part) {
        message.parts.push(part);
    }
    Ok(())
}
