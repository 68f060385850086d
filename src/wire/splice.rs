//! Edits by byte offset: everything that no edit names stays as it came.

use super::json::{Array, Object, Span};

/// What happens to one member of an object.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// It goes, with its comma.
    Remove,
    /// Its value is replaced; where the key is not there, nothing happens.
    Replace(Vec<u8>),
    /// Its value is replaced; where the key is not there, it comes behind the last member.
    Set(Vec<u8>),
}

/// Edits of one text, in any order; they must not overlap.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Span, Vec<u8>)>);

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts bytes in the place of others.
    pub(super) fn replace(&mut self, span: Span, bytes: Vec<u8>) {
        self.0.push((span, bytes));
    }

    /// Puts bytes before others. What is put at the same place twice stands in the order in which it was put.
    pub(super) fn insert(&mut self, at: usize, bytes: Vec<u8>) {
        self.0.push((at..at, bytes));
    }

    /// Changes members of an object by their keys.
    pub(super) fn members(&mut self, object: &Object, changes: Vec<(&str, Change)>) {
        let removed = |name: &str| changes.iter().any(|(key, change)| *key == name && matches!(change, Change::Remove));
        let last = object.members.iter().rposition(|member| !removed(&member.name));
        let mut before = object.span.start;
        for (at, member) in object.members.iter().enumerate() {
            if removed(&member.name) {
                let next = object.members.get(at + 1).filter(|_| last > Some(at));
                let span = match next {
                    Some(next) => member.at..next.at,
                    None if at == 0 => member.at..member.value.end,
                    None => before..member.value.end,
                };
                self.replace(span, Vec::new());
            }
            before = member.value.end;
        }
        let mut kept = last.and_then(|at| object.members.get(at)).map(|member| member.value.end);
        for (key, change) in changes {
            self.change(object, key, change, &mut kept);
        }
    }

    /// `kept` is the end of the last member that stays, or that was added.
    fn change(&mut self, object: &Object, key: &str, change: Change, kept: &mut Option<usize>) {
        match (change, object.value(key)) {
            (Change::Replace(bytes) | Change::Set(bytes), Some(value)) => self.replace(value, bytes),
            (Change::Set(bytes), None) => {
                let comma = if kept.is_some() { "," } else { "" };
                let at = *kept.get_or_insert(object.span.start + 1);
                self.insert(at, [format!("{comma}\"{key}\":").as_bytes(), &bytes].concat());
            }
            (Change::Remove, _) | (Change::Replace(_), None) => {}
        }
    }

    /// Puts items before the item at `index`, or behind the last one.
    pub(super) fn items(&mut self, array: &Array, index: usize, items: &[Vec<u8>]) {
        let all = items.join(b",".as_slice());
        match (array.items.get(index), array.items.last()) {
            (Some(next), _) => self.insert(next.start, [all.as_slice(), b","].concat()),
            (None, Some(last)) => self.insert(last.end, [b",", all.as_slice()].concat()),
            (None, None) => self.insert(array.span.start + 1, all),
        }
    }

    /// The text with all edits done.
    pub(super) fn apply(mut self, text: &[u8]) -> Vec<u8> {
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let grown: usize = self.0.iter().map(|(_, bytes)| bytes.len()).sum();
        let (mut out, mut from) = (Vec::with_capacity(text.len() + grown), 0);
        for (span, bytes) in self.0 {
            // Within what was replaced already there is nothing left to change.
            if span.start < from {
                continue;
            }
            out.extend_from_slice(text.get(from..span.start).unwrap_or_default());
            out.extend_from_slice(&bytes);
            from = span.end;
        }
        out.extend_from_slice(text.get(from..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
#[path = "splice_tests.rs"]
mod tests;
