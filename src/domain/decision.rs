//! What is done about a turn, and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::norm::words;
use super::{Evidence, Language, Norm, NormId};

words! {
    /// What is done, mildest first: the order is the order of strictness.
    Action, "action" {
        /// Nothing is at stake: nothing is done.
        Pass = "pass",
        /// Record it, change nothing.
        Observe = "observe",
        /// Teach the model the norm before it answers.
        Educate = "educate",
        /// Teach, check the answer, and repair it where it breaches the norm.
        Rewrite = "rewrite",
        /// Answer with a polite refusal instead of the model.
        Decline = "decline",
    }
}

words! {
    /// Whether decisions are carried out.
    Mode, "mode" {
        /// Beside the traffic: record what would have been done, change nothing.
        Shadow = "shadow",
        /// In the traffic.
        Enforce = "enforce",
    }
}

words! {
    /// How an answer that streams is held while it is checked, mildest first.
    StreamGuard, "stream guard" {
        /// Release at once; the verdict comes late.
        Pass = "pass",
        /// Hold one sentence, release it once checked.
        Sentence = "sentence",
        /// Hold the whole answer.
        Hold = "hold",
    }
}

words! {
    /// What happens when no repair holds.
    Fallback, "fallback" {
        /// Append a correction to what was said.
        Append = "append",
        /// Decline politely.
        Decline = "decline",
    }
}

/// One norm at stake and what is done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The norm.
    pub norm: Arc<Norm>,
    /// How likely it is at stake, 0..=1.
    pub probability: f32,
    /// The threshold that it reached.
    pub threshold: f32,
    /// What spoke for it.
    pub evidence: Evidence,
    /// What is done about it.
    pub action: Action,
}

/// One step of the way to a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The norm that it is about; `None` for the turn as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<NormId>,
    /// What was found or chosen, and which rule said so.
    pub says: String,
}

/// What is done about a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The strictest action of the norms at stake; [`Action::Pass`] where there are none.
    pub action: Action,
    /// The norms at stake, strictest action first, then most likely first.
    pub norms: Vec<Ruling>,
    /// How it came about.
    pub trace: Vec<Step>,
}

impl Decision {
    /// The norms whose note goes into the request, those of [`Action::Educate`] and stricter.
    pub fn taught(&self) -> impl Iterator<Item = &Arc<Norm>> {
        self.norms.iter().filter(|ruling| ruling.action >= Action::Educate).map(|ruling| &ruling.norm)
    }
}

/// How the answer to one turn is watched over.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardPlan {
    /// The norms that the answer is judged by, those at stake.
    pub norms: Vec<Arc<Norm>>,
    /// The norms among them whose breach is repaired. A breach of another one is recorded only.
    pub repaired: Vec<NormId>,
    /// How an answer that streams is held.
    pub stream: StreamGuard,
    /// How often a repaired answer is asked for.
    pub tries: u32,
    /// Seconds that all repairs together may take.
    pub repair_seconds: u32,
    /// What happens when no repair holds.
    pub fallback: Fallback,
    /// Whether a piece that cannot be checked is withheld (fail closed) or shown and recorded as unverified (fail open).
    pub fail_closed: bool,
    /// The language in which the person is spoken to.
    pub language: Language,
    /// The most text, in bytes, that [`StreamGuard::Hold`] keeps back; a longer answer goes on as [`StreamGuard::Sentence`].
    pub most_held: usize,
}
