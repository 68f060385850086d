//! The norm note in a request, and the request for a repaired answer.

use bytes::Bytes;
use serde::Serialize;

use crate::domain::{Message, Role};
use crate::wire::json;
use crate::wire::splice::{Change, Edits};

use super::conversation::{Content, Conversation, Layout};
use super::inbound::Inbound;

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

#[derive(Serialize)]
struct Said<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct TextPart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

/// What a request for a repaired answer does not ask for: tools, sound, padding, and what would tell the draft's tokens.
const NOT_FOR_REPAIR: [&str; 11] = [
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "logprobs",
    "top_logprobs",
    "stream_options",
    "audio",
    "modalities",
    "prediction",
];

impl Inbound {
    /// The request with the norm note in it. The same note in the same request gives the same bytes; an empty note gives the request as it came.
    #[must_use]
    pub fn educated(&self, note: &str, place: NotePlace) -> Bytes {
        if note.is_empty() {
            return self.body().clone();
        }
        let mut edits = Edits::default();
        if let Some((at, note)) = self.conversation.put(note, place, &mut edits) {
            edits.items(&self.conversation.array, at, &[note]);
        }
        edits.apply(self.body()).into()
    }

    /// The request for a repaired answer: the educated request, the draft as the model's answer, and what is asked of it now.
    ///
    /// One choice, not as a stream, without tools, and stored nowhere. `n`, `stream` and `store` are changed where they are there; their defaults are the same.
    #[must_use]
    pub fn repair(&self, note: &str, place: NotePlace, draft: &str, ask: &str) -> Bytes {
        let mut edits = Edits::default();
        let conversation = &self.conversation;
        let put = if note.is_empty() { None } else { conversation.put(note, place, &mut edits) };
        let said = [("assistant", draft), ("user", ask)];
        let mut last: Vec<Vec<u8>> = said.map(|(role, content)| json::written(&Said { role, content })).into();
        let end = conversation.array.items.len();
        match put {
            Some((at, note)) if at < end => edits.items(&conversation.array, at, &[note]),
            Some((_, note)) => last.insert(0, note),
            None => {}
        }
        edits.items(&conversation.array, end, &last);
        edits.members(&self.top, self.repair_changes());
        edits.apply(self.body()).into()
    }

    fn repair_changes(&self) -> Vec<(&'static str, Change)> {
        let values: [(&str, &[u8]); 3] = [("stream", b"false"), ("n", b"1"), ("store", b"false")];
        let mut changes: Vec<_> = values.map(|(key, value)| (key, Change::Replace(value.to_vec()))).into();
        changes.extend(NOT_FOR_REPAIR.map(|key| (key, Change::Remove)));
        if self.top.value("store").is_some() {
            // OpenAI refuses metadata on what is not stored.
            changes.push(("metadata", Change::Remove));
        }
        changes
    }
}

impl Conversation {
    /// Puts the note into the newest user message, or says before which message it stands, and as what.
    fn put(&self, note: &str, place: NotePlace, edits: &mut Edits) -> Option<(usize, Vec<u8>)> {
        let newest = self.newest_user();
        let content = newest.and_then(|at| self.layouts.get(at)).map(|layout| &layout.content);
        match (place, content) {
            (NotePlace::InUser, Some(Content::Text(span))) => {
                edits.insert(span.end.saturating_sub(1), continued(note));
            }
            (NotePlace::InUser, Some(Content::Parts(array))) => {
                let part = json::written(&TextPart { kind: "text", text: note });
                edits.items(array, array.items.len(), &[part]);
            }
            (NotePlace::InUser, Some(Content::Missing) | None) | (NotePlace::BeforeUser, _) => {
                let said = Said { role: self.operator().word(), content: note };
                return Some((self.place(newest), json::written(&said)));
            }
        }
        None
    }

    fn newest_user(&self) -> Option<usize> {
        self.turn.messages.iter().rposition(|message| message.role == Some(Role::User))
    }

    /// The role that the conversation uses for the operator.
    fn operator(&self) -> Role {
        let developer = |message: &Message| message.role == Some(Role::Developer);
        if self.turn.messages.iter().any(developer) { Role::Developer } else { Role::System }
    }

    /// Before which message the note stands.
    fn place(&self, newest_user: Option<usize>) -> usize {
        let end = self.layouts.len();
        let cached = self.layouts.iter().rposition(|layout: &Layout| layout.breakpoint).map_or(0, |at| at + 1);
        match newest_user {
            Some(user) if user >= cached => user,
            Some(_) => {
                let after = self.turn.messages.iter().skip(cached);
                cached + after.take_while(|message| message.role == Some(Role::Tool)).count()
            }
            None => end,
        }
    }
}

/// The note as it goes on within a JSON string, two lines below what stands there.
fn continued(note: &str) -> Vec<u8> {
    let quoted = json::written(&format!("\n\n{note}"));
    quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or_default().to_vec()
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
