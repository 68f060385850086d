//! The audit record: exactly one for each request, however it ends.

use serde::{Deserialize, Serialize};

use super::norm::words;
use super::{
    Action, Context, Coverage, Evidence, Language, Layers, Mode, NormId, Outcome, Place, Scores, Seen, Step,
    Unavailable,
};

/// The version of [`Record`]'s form. It grows when a field changes its meaning or goes; a new field alone does not change it.
pub const RECORD_VERSION: u32 = 1;

words! {
    /// How a request ended.
    Ended, "ending" {
        /// The answer went out to its end.
        Complete = "complete",
        /// The client went away first.
        ClientGone = "client-gone",
        /// The upstream could not be reached, failed, or broke off.
        UpstreamFailed = "upstream-failed",
        /// Comity refused the request (malformed, too large, too many at once).
        Refused = "refused",
    }
}

/// What was found about one norm, and what was done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// The norm.
    pub norm: NormId,
    /// How likely it was at stake, 0..=1.
    pub probability: f32,
    /// What spoke for it.
    pub evidence: Evidence,
    /// What was done about it; [`Action::Pass`] where it stayed below its threshold. In shadow: what would have been done.
    pub action: Action,
}

/// Whose culture the turn was about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContextRecord {
    /// The countries in play.
    pub places: Vec<Place>,
    /// What weaker sources said otherwise.
    pub conflicts: Vec<Place>,
    /// The query's language.
    pub language: Option<Language>,
    /// The layers above the countries' packs.
    #[serde(default, skip_serializing_if = "Layers::is_empty")]
    pub layers: Layers,
}

impl From<&Context> for ContextRecord {
    fn from(context: &Context) -> Self {
        let Context { places, conflicts, language, layers } = context.clone();
        Self { places, conflicts, language, layers }
    }
}

impl From<ContextRecord> for Context {
    fn from(record: ContextRecord) -> Self {
        let ContextRecord { places, conflicts, language, layers } = record;
        Self { places, conflicts, language, layers }
    }
}

/// What was said about the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerRecord {
    /// What became of it.
    pub outcome: Outcome,
    /// The norms that the model's own answer breached.
    pub breached: Vec<NormId>,
    /// How often a repair was asked for.
    pub repairs: u32,
    /// The four dimensions of the answer as it was shown.
    pub scores: Scores,
}

/// How long things took, in microseconds. `None`: it did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// From the request's head to the answer's last byte.
    pub total: u64,
    /// Decoding pictures.
    pub decode: Option<u64>,
    /// In the models, for the turn.
    pub infer: Option<u64>,
    /// From the request's head until the upstream's first content byte.
    pub upstream_first: Option<u64>,
    /// From the request's head until the first content byte that the client got.
    pub client_first: Option<u64>,
    /// Asking for repairs.
    pub repair: Option<u64>,
}

/// What made the decision, by hash (BLAKE3, the first 16 hex digits).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// The policies in force.
    pub policy: String,
    /// The models.
    pub models: String,
}

/// The model that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The request's `model`.
    pub requested: Option<String>,
}

/// Texts and pictures of an exchange: kept only when that is switched on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The newest user text.
    pub query: String,
    /// The note that went into the request.
    pub note: Option<String>,
    /// The model's own answer.
    pub draft: Option<String>,
    /// The answer as it was shown, where that differs.
    pub shown: Option<String>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// The request's id, a UUID of version 7; the `comity-record` header.
    pub id: String,
    /// When it came, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The path without its query string.
    pub endpoint: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The tenant whose key it bore, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Whether decisions were carried out.
    pub mode: Mode,
    /// The model.
    pub model: ModelInfo,
    /// Whose culture it was about.
    pub context: ContextRecord,
    /// What was looked at, part by part. Empty for an endpoint that is not guarded: see `guarded`.
    pub coverage: Vec<Coverage>,
    /// Whether the endpoint is one that Comity guards; `false` is coverage "none".
    pub guarded: bool,
    /// What was seen in the pictures.
    pub seen: Vec<Seen>,
    /// What was found about the norms in play, best first.
    pub findings: Vec<FindingRecord>,
    /// The models' calibrated threshold at the time.
    pub threshold: Option<f32>,
    /// Why the models could not say, if so.
    pub unavailable: Option<Unavailable>,
    /// What was done; in shadow: what would have been done.
    pub action: Action,
    /// How the decision came about.
    pub trace: Vec<Step>,
    /// What was said about the answer. `None`: no answer was looked at.
    pub answer: Option<AnswerRecord>,
    /// Whether the answer lectures about a norm although none was at stake; `None` where that was not judged.
    pub over_warned: Option<bool>,
    /// The HTTP status that the client got; 0 where none was sent.
    pub status: u16,
    /// How it ended.
    pub ended: Ended,
    /// How long things took.
    pub timings: Timings,
    /// What made the decision.
    pub hashes: Hashes,
    /// Texts, when switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
}
