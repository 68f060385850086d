//! Events of a stream that wait until what they carry may be shown.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::guard::{Answer, RepairRequest};
use crate::wire::chat::Chunk;
use crate::wire::sse;

/// One choice on its way.
pub(super) struct Choice {
    pub(super) answer: Answer,
    /// How far its text may be shown.
    pub(super) released: usize,
    /// Whether something else is shown in place of the rest.
    pub(super) stopped: bool,
    pub(super) over: bool,
    /// Whether the model server has ended it.
    pub(super) finished: bool,
    /// A repair that waits until the upstream is let go.
    pub(super) due: Option<RepairRequest>,
}

/// What an event carries of one choice.
pub(super) struct Carried {
    pub(super) choice: u32,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) finish: bool,
}

/// An event that waits for its turn.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) chunk: Option<Chunk>,
    pub(super) carried: Vec<Carried>,
}

/// What is done with an event at the head of those that wait.
pub(super) enum Turn {
    Wait,
    Drop,
    Emit(Bytes),
}

impl Held {
    /// What is done with the event now.
    pub(super) fn turn(&self, choices: &BTreeMap<u32, Choice>) -> Turn {
        let mut cut = false;
        for carried in &self.carried {
            let Some(choice) = choices.get(&carried.choice) else { continue };
            if carried.to == 0 && !carried.finish {
                continue; // Who speaks: it comes before any text, whatever becomes of that.
            }
            let free = carried.to <= choice.released;
            if choice.stopped {
                cut |= !free || carried.finish || (carried.to == carried.from && carried.to == choice.released);
            } else if !free || (carried.finish && !choice.over) || choice.due.is_some() {
                return Turn::Wait;
            }
        }
        if cut { self.part_of(choices) } else { Turn::Emit(self.bytes.clone()) }
    }

    /// What is left of an event in which a choice was cut short: its text before the cut, and what is said of the other choices.
    fn part_of(&self, choices: &BTreeMap<u32, Choice>) -> Turn {
        let Some(chunk) = &self.chunk else { return Turn::Drop };
        let mut left = BytesMut::new();
        for carried in &self.carried {
            let Some(choice) = choices.get(&carried.choice) else { continue };
            let to = if choice.stopped { choice.released.min(carried.to) } else { carried.to };
            if let Some(text) = choice.answer.draft().get(carried.from..to).filter(|text| !text.is_empty()) {
                left.extend_from_slice(&sse::event(&chunk.with_text(carried.choice, text)));
            }
            let mut deltas = chunk.deltas().iter().filter(|delta| delta.index == carried.choice && !choice.stopped);
            if let Some(reason) = deltas.find_map(|delta| delta.finish.as_deref()) {
                left.extend_from_slice(&sse::event(&chunk.finishing(carried.choice, reason)));
            }
        }
        if left.is_empty() { Turn::Drop } else { Turn::Emit(left.freeze()) }
    }
}
