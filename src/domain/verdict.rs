//! What is said about an answer.

use serde::{Deserialize, Serialize};

use super::NormId;
use super::norm::words;

/// What the answer model says about one piece of an answer and one norm. All in 0..=1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormJudgement {
    /// The norm.
    pub norm: NormId,
    /// How likely the piece breaches it.
    pub breaches: f32,
    /// How likely it shows that the norm is known.
    pub aware: f32,
    /// How likely it explains the norm.
    pub educates: f32,
}

/// What the answer model says about one piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Norm by norm.
    pub norms: Vec<NormJudgement>,
    /// How likely the piece helps with the question, 0..=1.
    pub helpful: f32,
    /// The calibrated probability from which a piece counts as a breach.
    pub threshold: f32,
}

words! {
    /// What became of an answer.
    Outcome, "outcome" {
        /// Nothing watched over it.
        Unguarded = "unguarded",
        /// It was checked and shown as it came.
        Kept = "kept",
        /// It breached a norm and was shown all the same (shadow, observe, educate, or a late verdict).
        Breached = "breached",
        /// It was replaced, from the breach on, by a repaired one that holds.
        Repaired = "repaired",
        /// A correction was appended to it.
        Corrected = "corrected",
        /// A polite refusal was shown in its place.
        Declined = "declined",
        /// It could not be checked, or not to its end.
        Unverified = "unverified",
    }
}

/// Everything said about one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// The norms that the model's own answer breached, each once, in the order of their first breach, with the byte offset in that answer, or in what stands
    /// beside it, where the breaching piece begins.
    pub breached: Vec<(NormId, usize)>,
    /// The judgements of the answer as it was shown, piece by piece.
    pub pieces: Vec<Judgement>,
    /// The judgements of what stands beside the text, such as what tools are called with. No score is made of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Judgement>,
    /// How often a repair was asked for.
    pub repairs: u32,
}

impl Verdict {
    /// The verdict on an answer that nothing watched over.
    #[must_use]
    pub fn unguarded() -> Self {
        Self { outcome: Outcome::Unguarded, breached: Vec::new(), pieces: Vec::new(), beside: Vec::new(), repairs: 0 }
    }
}
