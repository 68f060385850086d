//! The norm note in a request, and the request for a repaired answer.

use bytes::Bytes;

use super::inbound::{Form, Inbound};
use super::json;
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
        }
        edits.apply(self.body()).into()
    }

    /// The request for a repaired answer: the educated request, the draft as the model's answer, and what is asked of it now.
    ///
    /// One choice, not as a stream, without tools, and stored nowhere. `n`, `stream` and `store` are changed where they are there; their defaults are the same,
    /// but for `store` of a Responses request, which is set.
    #[must_use]
    pub fn repair(&self, note: &str, place: NotePlace, draft: &str, ask: &str) -> Bytes {
        let mut edits = Edits::default();
        match &self.form {
            Form::Chat(conversation) => conversation.ask_again(&self.top, (note, place), draft, ask, &mut edits),
            Form::Responses(input) => input.ask_again(&self.top, (note, place), draft, ask, &mut edits),
        }
        edits.apply(self.body()).into()
    }
}

/// The note as it goes on within a JSON string, two lines below what stands there.
pub(super) fn continued(note: &str) -> Vec<u8> {
    let quoted = json::written(&format!("\n\n{note}"));
    quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or_default().to_vec()
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
