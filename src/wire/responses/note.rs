//! The norm note in the input, and the input for a repaired answer.

use serde::Serialize;

use crate::domain::{Message, Role};
use crate::wire::content::{Content, Layout};
use crate::wire::json::{self, Array, Object, Span};
use crate::wire::note::{NotePlace, continued};
use crate::wire::splice::{Change, Edits};

use super::input::{Input, Items};

#[derive(Serialize)]
struct Said<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct TextPart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
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

fn said(role: &str, content: &str) -> Vec<u8> {
    json::written(&Said { kind: "message", role, content })
}

impl Input {
    /// Puts the note into the input.
    pub(in crate::wire) fn teach(&self, top: &Object, note: &str, place: NotePlace, edits: &mut Edits) {
        self.go_on(top, Some((note, place)), &[], edits);
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
        self.go_on(top, note, &[said("assistant", draft), said("user", ask)], edits);
        let values: [(&str, &[u8]); 2] = [("stream", b"false"), ("background", b"false")];
        let mut changes: Vec<_> = values.map(|(key, value)| (key, Change::Replace(value.to_vec()))).into();
        changes.push(("store", Change::Set(b"false".to_vec())));
        changes.extend(NOT_FOR_REPAIR.map(|key| (key, Change::Remove)));
        edits.members(top, changes);
    }

    /// Puts a note into the input, and items behind it.
    fn go_on(&self, top: &Object, note: Option<(&str, NotePlace)>, last: &[Vec<u8>], edits: &mut Edits) {
        match &self.items {
            Items::Missing => {
                let note = note.map(|(note, _)| said(self.operator().word(), note));
                let items: Vec<Vec<u8>> = note.into_iter().chain(last.iter().cloned()).collect();
                let array = [b"[", items.join(b",".as_slice()).as_slice(), b"]"].concat();
                edits.members(top, vec![("input", Change::Set(array))]);
            }
            Items::Text(span) => self.around(span, note, last, edits),
            Items::Array(array, layouts) => {
                let put = note.and_then(|(note, place)| self.put(array, layouts, note, place, edits));
                let mut last = last.to_vec();
                match put {
                    Some((at, note)) if at < array.items.len() => edits.items(array, at, &[note]),
                    Some((_, note)) => last.insert(0, note),
                    None => {}
                }
                if !last.is_empty() {
                    edits.items(array, array.items.len(), &last);
                }
            }
        }
    }

    /// Makes an array of an input that is one string, or goes on within the string where nothing else is wanted.
    fn around(&self, span: &Span, note: Option<(&str, NotePlace)>, last: &[Vec<u8>], edits: &mut Edits) {
        let within = note.filter(|(_, place)| *place == NotePlace::InUser);
        let before = note.filter(|(_, place)| *place == NotePlace::BeforeUser);
        if before.is_some() || !last.is_empty() {
            let note = before.map(|(note, _)| [said(self.operator().word(), note), b",".to_vec()].concat());
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

    /// Puts the note into the newest user message, or says before which item it stands, and as what.
    fn put(
        &self,
        array: &Array,
        layouts: &[Layout],
        note: &str,
        place: NotePlace,
        edits: &mut Edits,
    ) -> Option<(usize, Vec<u8>)> {
        let newest = self.newest_user();
        let content = newest.and_then(|at| layouts.get(at)).map(|layout| &layout.content);
        match (place, content) {
            (NotePlace::InUser, Some(Content::Text(span))) => {
                edits.insert(span.end.saturating_sub(1), continued(note));
                None
            }
            (NotePlace::InUser, Some(Content::Parts(parts))) => {
                let part = json::written(&TextPart { kind: "input_text", text: note });
                edits.items(parts, parts.items.len(), &[part]);
                None
            }
            (NotePlace::InUser, Some(Content::Missing) | None) | (NotePlace::BeforeUser, _) => {
                let cached = layouts.iter().rposition(|layout| layout.breakpoint).map_or(0, |at| at + 1);
                let at = newest.map_or(array.items.len(), |user| self.behind_results(user.max(cached), user));
                Some((at, said(self.operator().word(), note)))
            }
        }
    }

    /// The first place from `at` on that does not part calls from one another and from their results; at the newest user message itself there is nothing to part.
    fn behind_results(&self, at: usize, user: usize) -> usize {
        let calls = |message: &&Message| matches!(message.role, Some(Role::Tool) | None);
        if at == user { at } else { at + self.messages().skip(at).take_while(calls).count() }
    }

    /// The messages of the turn that are items.
    fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> + ExactSizeIterator {
        self.turn.messages.get(usize::from(self.instructed)..).unwrap_or_default().iter()
    }

    fn newest_user(&self) -> Option<usize> {
        self.messages().rposition(|message| message.role == Some(Role::User))
    }

    /// The role that the input uses for the operator.
    fn operator(&self) -> Role {
        let system = |message: &Message| message.role == Some(Role::System);
        if self.messages().any(system) { Role::System } else { Role::Developer }
    }
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
