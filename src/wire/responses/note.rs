//! The norm note in the input, and the input for a repaired answer.

use serde::Serialize;

use crate::domain::{Message, Role};
use crate::wire::json::{self, Object, Span};
use crate::wire::note::{List, NotePlace, continued};
use crate::wire::splice::{Change, Edits};

use super::input::{Input, Items};

#[derive(Serialize)]
struct Said<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'a str,
    content: &'a str,
}

/// What a request for a repaired answer does not ask for: tools, padding, what would tell the draft's tokens, and a conversation that it would be added to.
const NOT_FOR_REPAIR: [&str; 8] = [
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tool_calls",
    "include",
    "stream_options",
    "top_logprobs",
    "conversation",
];

fn said(role: Role, content: &str) -> Vec<u8> {
    json::written(&Said { kind: "message", role: role.word(), content })
}

impl Input {
    /// Puts the note into the input.
    pub(in crate::wire) fn teach(&self, top: &Object, note: &str, place: NotePlace, edits: &mut Edits) {
        self.go_on(top, Some((note, place)), Vec::new(), edits);
    }

    /// Goes on with the draft and what is asked of it, and changes what a repair is not asked with.
    pub(in crate::wire) fn ask_again(
        &self,
        top: &Object,
        (note, place): (&str, NotePlace),
        draft: &str,
        ask: &str,
        edits: &mut Edits,
    ) {
        let note = (!note.is_empty()).then_some((note, place));
        self.go_on(top, note, vec![said(Role::Assistant, draft), said(Role::User, ask)], edits);
        let values: [(&str, &[u8]); 2] = [("stream", b"false"), ("background", b"false")];
        let mut changes: Vec<_> = values.map(|(key, value)| (key, Change::Replace(value.to_vec()))).into();
        changes.push(("store", Change::Set(b"false".to_vec())));
        changes.extend(NOT_FOR_REPAIR.map(|key| (key, Change::Remove)));
        edits.members(top, changes);
    }

    /// Puts a note into the input, and items behind it.
    fn go_on(&self, top: &Object, note: Option<(&str, NotePlace)>, last: Vec<Vec<u8>>, edits: &mut Edits) {
        let messages = self.turn.messages.get(usize::from(self.instructed)..).unwrap_or_default();
        let system = |message: &Message| message.role == Some(Role::System);
        let operator = if messages.iter().any(system) { Role::System } else { Role::Developer };
        match &self.items {
            Items::Missing => {
                let note = note.map(|(note, _)| said(operator, note));
                let items = note.into_iter().chain(last).collect::<Vec<_>>().join(b",".as_slice());
                edits.members(top, vec![("input", Change::Set([b"[", items.as_slice(), b"]"].concat()))]);
            }
            Items::Text(span) => around(span, operator, note, &last, edits),
            Items::Array(array, layouts) => {
                let items = List { array, layouts, messages, operator, text_part: "input_text", said };
                items.go_on(note, last, edits);
            }
        }
    }
}

/// Makes an array of an input that is one string, or goes on within the string where nothing else is wanted.
fn around(span: &Span, operator: Role, note: Option<(&str, NotePlace)>, last: &[Vec<u8>], edits: &mut Edits) {
    let within = note.filter(|(_, place)| *place == NotePlace::InUser);
    let before = note.filter(|(_, place)| *place == NotePlace::BeforeUser);
    if before.is_some() || !last.is_empty() {
        let note = before.map(|(note, _)| [said(operator, note), b",".to_vec()].concat());
        let note = note.unwrap_or_default();
        let begin = [b"[", note.as_slice(), br#"{"type":"message","role":"user","content":"#];
        edits.insert(span.start, begin.concat());
    }
    if let Some((note, _)) = within {
        edits.insert(span.end.saturating_sub(1), continued(note));
    }
    if before.is_some() || !last.is_empty() {
        let items = last.iter().flat_map(|item| [b",".as_slice(), item]).collect::<Vec<_>>().concat();
        edits.insert(span.end, [b"}", items.as_slice(), b"]"].concat());
    }
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
