//! The norm note among the messages, and the messages for a repaired answer.

use serde::Serialize;

use crate::domain::{Message, Role};
use crate::wire::json::{self, Object};
use crate::wire::note::{List, NotePlace};
use crate::wire::splice::{Change, Edits};

use super::conversation::Conversation;

#[derive(Serialize)]
struct Said<'a> {
    role: &'a str,
    content: &'a str,
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

fn said(role: Role, content: &str) -> Vec<u8> {
    json::written(&Said { role: role.word(), content })
}

impl Conversation {
    /// Puts the note into the conversation.
    pub(in crate::wire) fn teach(&self, note: &str, place: NotePlace, edits: &mut Edits) {
        self.list().go_on(Some((note, place)), Vec::new(), edits);
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
        self.list().go_on(note, vec![said(Role::Assistant, draft), said(Role::User, ask)], edits);
        edits.members(top, repair_changes(top));
    }

    fn list(&self) -> List<'_> {
        let developer = |message: &Message| message.role == Some(Role::Developer);
        let operator = if self.turn.messages.iter().any(developer) { Role::Developer } else { Role::System };
        List {
            array: &self.array,
            layouts: &self.layouts,
            messages: &self.turn.messages,
            operator,
            text_part: "text",
            said,
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
