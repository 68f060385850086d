//! The norm note among the messages, and the messages for a repaired answer.

use serde::Serialize;

use crate::domain::{Message, Role};
use crate::wire::content::{Content, Layout};
use crate::wire::json::{self, Object};
use crate::wire::note::{NotePlace, continued};
use crate::wire::splice::{Change, Edits};

use super::conversation::Conversation;

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

impl Conversation {
    /// Puts the note into the conversation.
    pub(in crate::wire) fn teach(&self, note: &str, place: NotePlace, edits: &mut Edits) {
        if let Some((at, note)) = self.put(note, place, edits) {
            edits.items(&self.array, at, &[note]);
        }
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
        let put = if note.is_empty() { None } else { self.put(note, place, edits) };
        let said = [("assistant", draft), ("user", ask)];
        let mut last: Vec<Vec<u8>> = said.map(|(role, content)| json::written(&Said { role, content })).into();
        let end = self.array.items.len();
        match put {
            Some((at, note)) if at < end => edits.items(&self.array, at, &[note]),
            Some((_, note)) => last.insert(0, note),
            None => {}
        }
        edits.items(&self.array, end, &last);
        edits.members(top, repair_changes(top));
    }

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

fn repair_changes(top: &Object) -> Vec<(&'static str, Change)> {
    let values: [(&str, &[u8]); 3] = [("stream", b"false"), ("n", b"1"), ("store", b"false")];
    let mut changes: Vec<_> = values.map(|(key, value)| (key, Change::Replace(value.to_vec()))).into();
    changes.extend(NOT_FOR_REPAIR.map(|key| (key, Change::Remove)));
    if top.value("store").is_some() {
        // OpenAI refuses metadata on what is not stored.
        changes.push(("metadata", Change::Remove));
    }
    changes
}
