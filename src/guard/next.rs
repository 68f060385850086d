//! What an answer wants of whoever drives it.

use crate::domain::NormId;

/// What the machine needs next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// More of the model's answer, or its end: [`super::Answer::push`], [`super::Answer::finish`].
    Wait,
    /// A judgement of this piece, which comes with the one before it for its context: [`super::Answer::judged`].
    Judge(String),
    /// The model's answer may be shown up to this byte offset. Offsets only grow.
    Release(usize),
    /// A repaired answer: [`super::Answer::repaired`]. Nothing more of the model's own answer is wanted.
    Repair(RepairRequest),
    /// The words of a correction that names these norms, in the person's language: [`super::Answer::worded`].
    Correct(Vec<NormId>),
    /// The words of a refusal that names these norms, in the person's language: [`super::Answer::worded`].
    Refuse(Vec<NormId>),
    /// This is to be shown after what was released, in place of the rest of the model's answer.
    Say(String),
    /// Nothing: [`super::Answer::verdict`] is final.
    Done,
}

/// What a repair is asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRequest {
    /// What the client has already been shown; the repaired answer goes on from here. Empty: it replaces the whole answer.
    pub shown: String,
    /// The model's own answer as far as it is known, the breach included.
    pub draft: String,
    /// The norms that it breached.
    pub breached: Vec<NormId>,
}
