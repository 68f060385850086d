//! Events of a stream that wait until what they carry may be shown.
//!
//! A *text* is a choice of a chat completion, or a part of a response's output.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::guard::{Answer, RepairRequest};
use crate::wire::{Event, Joint};

/// One text on its way.
pub(super) struct Text {
    pub(super) answer: Answer,
    /// Where its pieces meet.
    pub(super) joint: Joint,
    /// How far its text may be shown.
    pub(super) released: usize,
    /// Whether something else is shown in place of the rest.
    pub(super) stopped: bool,
    pub(super) over: bool,
    pub(super) end: End,
    /// The last event that carried some of it, and the number and id that it has there: its envelope serves for events made here.
    pub(super) envelope: Option<(Arc<Event>, u32, Option<String>)>,
    /// A repair that waits until the upstream is let go.
    pub(super) due: Option<RepairRequest>,
}

/// How a text stands with the model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// More of it may come.
    Open,
    /// It was ended.
    Reached,
    /// More of it came behind its end.
    Overrun,
}

/// What an event carries of one text.
pub(super) struct Carried {
    pub(super) text: u32,
    /// The number that it has in the event.
    pub(super) number: u32,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) ends: bool,
}

/// An event that waits for its turn.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) event: Option<Arc<Event>>,
    pub(super) carried: Vec<Carried>,
    /// The texts that it repeats whole.
    pub(super) repeats: Vec<Repeated>,
    /// Whether nobody could read it.
    pub(super) unread: bool,
    /// Whether something in it is not to be shown: only what it carries is left of it.
    pub(super) partial: bool,
}

/// A text that an event repeats whole.
pub(super) struct Repeated {
    pub(super) text: u32,
    /// The number that it has in the event.
    pub(super) number: u32,
    pub(super) whole: String,
}

/// What is done with an event at the head of those that wait.
pub(super) enum Turn {
    Wait,
    Drop,
    Emit(Bytes),
}

impl Text {
    /// No more of it comes.
    pub(super) fn finish(&mut self) {
        let rest = self.joint.rest();
        self.answer.push(rest);
        self.answer.finish();
        if self.end == End::Open {
            self.end = End::Reached;
        }
    }
}

impl Held {
    /// An event about which nothing is known but its bytes.
    pub(super) fn bare(bytes: Bytes) -> Self {
        Self { bytes, event: None, carried: Vec::new(), repeats: Vec::new(), unread: false, partial: false }
    }

    /// What is done with the event now.
    pub(super) fn turn(&self, texts: &BTreeMap<u32, Text>) -> Turn {
        let mut cut = self.partial;
        for carried in &self.carried {
            let Some(text) = texts.get(&carried.text) else { continue };
            if carried.to == 0 && !carried.ends {
                continue; // Who speaks: it comes before any text, whatever becomes of that.
            }
            let free = carried.to <= text.released;
            if text.stopped {
                cut |= !free || carried.ends || (carried.to == carried.from && carried.to == text.released);
            } else if !free || (carried.ends && !text.over) || text.due.is_some() {
                return Turn::Wait;
            }
        }
        if self.repeats.iter().any(|repeated| texts.get(&repeated.text).is_some_and(|text| !text.over)) {
            return Turn::Wait;
        }
        if self.unread {
            return self.unread_turn(texts);
        }
        if cut { self.part_of(texts) } else { Turn::Emit(self.bytes.clone()) }
    }

    /// What nobody could read may say what another event was not let say: it goes with the first text that is cut short, and waits for those that may be.
    fn unread_turn(&self, texts: &BTreeMap<u32, Text>) -> Turn {
        if texts.values().any(|text| text.stopped) {
            Turn::Drop
        } else if texts.values().all(|text| text.over) {
            Turn::Emit(self.bytes.clone())
        } else {
            Turn::Wait
        }
    }

    /// What is left of an event in which a text was cut short: that text before the cut, and what is said of the other texts.
    fn part_of(&self, texts: &BTreeMap<u32, Text>) -> Turn {
        let Some(event) = &self.event else { return Turn::Drop };
        let mut left = BytesMut::new();
        for carried in &self.carried {
            let Some(text) = texts.get(&carried.text) else { continue };
            let to = if text.stopped { text.released.min(carried.to) } else { carried.to };
            if let Some(shown) = text.answer.draft().get(carried.from..to).filter(|shown| !shown.is_empty()) {
                left.extend_from_slice(&event.with_text(carried.number, None, shown));
            }
            let reason = event.reason(carried.number).filter(|_| !text.stopped);
            if let Some(ending) = reason.and_then(|reason| event.ending(carried.number, reason)) {
                left.extend_from_slice(&ending);
            }
        }
        if left.is_empty() { Turn::Drop } else { Turn::Emit(left.freeze()) }
    }
}
