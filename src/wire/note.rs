//! The norm note in a request, and the request for a repaired answer.

use bytes::Bytes;
use serde::Serialize;

use crate::domain::{Message, Role};

use super::content::{Content, Layout};
use super::inbound::{Form, Inbound};
use super::json::{self, Array};
use super::splice::Edits;

/// Where the note stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotePlace {
    /// A message of the operator right before the newest user message.
    ///
    /// Where that would be before the end of a cached prompt, it stands at the first place behind it that does not part a tool call from its result.
    #[default]
    BeforeUser,
    /// The end of the newest user message, for model servers that refuse an operator's message late in the conversation.
    ///
    /// It stands there even where a cached prompt ends further on: such servers have none. Without a user message that says something, as the other place.
    InUser,
}

impl Inbound {
    /// The request with the norm note in it. The same note in the same request gives the same bytes; an empty note gives the request as it came.
    #[must_use]
    pub fn educated(&self, note: &str, place: NotePlace) -> Bytes {
        if note.is_empty() {
            return self.body().clone();
        }
        let mut edits = Edits::default();
        match &self.form {
            Form::Chat(conversation) => conversation.teach(note, place, &mut edits),
            Form::Responses(input) => input.teach(&self.top, note, place, &mut edits),
            Form::Completions(prompt) => prompt.teach(note, &mut edits),
        }
        edits.apply(self.body()).into()
    }

    /// The request for a repaired answer in the place of the text of that number: the educated request, the draft as the model's answer, and what is asked of it now.
    ///
    /// One choice, not as a stream, without tools, and stored nowhere. `n`, `stream` and `store` are changed where they are there; their defaults are the same,
    /// but for `store` of a Responses request, which is set. `None`: what is asked for is not known, since it came in tokens.
    #[must_use]
    pub fn repair(&self, number: u32, note: &str, place: NotePlace, draft: &str, ask: &str) -> Option<Bytes> {
        let mut edits = Edits::default();
        match &self.form {
            Form::Chat(conversation) => conversation.ask_again(&self.top, (note, place), draft, ask, &mut edits),
            Form::Responses(input) => input.ask_again(&self.top, (note, place), draft, ask, &mut edits),
            Form::Completions(prompt) => {
                edits = prompt.ask_again(&self.top, (number, self.each()), note, draft, ask)?;
            }
        }
        Some(edits.apply(self.body()).into())
    }
}

/// The messages of a request, or the items of an input, as they stand in an array of the body.
pub(super) struct List<'a> {
    pub(super) array: &'a Array,
    pub(super) layouts: &'a [Layout],
    pub(super) messages: &'a [Message],
    /// The role that the conversation uses for the operator.
    pub(super) operator: Role,
    /// The `type` of a part that is text.
    pub(super) text_part: &'static str,
    /// Writes a message by role and content.
    pub(super) said: fn(Role, &str) -> Vec<u8>,
}

#[derive(Serialize)]
struct TextPart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl List<'_> {
    /// Puts a note into the list, and messages behind it.
    pub(super) fn go_on(&self, note: Option<(&str, NotePlace)>, mut last: Vec<Vec<u8>>, edits: &mut Edits) {
        let end = self.array.items.len();
        match note.and_then(|(note, place)| self.put(note, place, edits)) {
            Some((at, note)) if at < end => edits.items(self.array, at, &[note]),
            Some((_, note)) => last.insert(0, note),
            None => {}
        }
        if !last.is_empty() {
            edits.items(self.array, end, &last);
        }
    }

    /// Puts the note into the newest user message, or says before which message it stands, and as what.
    fn put(&self, note: &str, place: NotePlace, edits: &mut Edits) -> Option<(usize, Vec<u8>)> {
        let newest = self.messages.iter().rposition(|message| message.role == Some(Role::User));
        let content = newest.and_then(|at| self.layouts.get(at)).map(|layout| &layout.content);
        match (place, content) {
            (NotePlace::InUser, Some(Content::Text(span))) => {
                edits.insert(span.end.saturating_sub(1), continued(note));
                None
            }
            (NotePlace::InUser, Some(Content::Parts(parts))) => {
                let part = json::written(&TextPart { kind: self.text_part, text: note });
                edits.items(parts, parts.items.len(), &[part]);
                None
            }
            (NotePlace::InUser, Some(Content::Missing) | None) | (NotePlace::BeforeUser, _) => {
                Some((self.place(newest), (self.said)(self.operator, note)))
            }
        }
    }

    /// Before which message the note stands: never between calls of tools, which may be items of no role, and their results.
    fn place(&self, newest_user: Option<usize>) -> usize {
        let cached = self.layouts.iter().rposition(|layout| layout.breakpoint).map_or(0, |at| at + 1);
        match newest_user {
            Some(user) if user >= cached => user,
            Some(_) => {
                let calls = |message: &&Message| matches!(message.role, Some(Role::Tool) | None);
                cached + self.messages.iter().skip(cached).take_while(calls).count()
            }
            None => self.messages.len(),
        }
    }
}

/// The note as it goes on within a JSON string, two lines below what stands there.
pub(super) fn continued(note: &str) -> Vec<u8> {
    within(&format!("\n\n{note}"))
}

/// A text as it stands within a JSON string.
pub(super) fn within(text: &str) -> Vec<u8> {
    let quoted = json::written(&text);
    quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or_default().to_vec()
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
