//! What the models say about a turn: which norms are at stake, what was seen, and what was not looked at.

use serde::{Deserialize, Serialize};

use super::NormId;
use super::norm::words;

/// One norm and how likely it is at stake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The norm.
    pub norm: NormId,
    /// Calibrated probability in 0..=1 that it is at stake.
    pub probability: f32,
    /// What spoke for it.
    pub evidence: Evidence,
}

words! {
    /// What spoke for a norm.
    Evidence, "evidence" {
        /// The question alone.
        Query = "query",
        /// The picture, with a question that says little.
        Picture = "picture",
        /// Question and picture together.
        Both = "both",
    }
}

words! {
    /// Why the models could not say. Never the same as "nothing at stake".
    Unavailable, "reason" {
        /// The deadline passed first.
        Late = "late",
        /// The queue before the inference threads was full.
        Busy = "busy",
        /// A model failed or an inference thread died.
        Failed = "failed",
        /// The server runs without models.
        Off = "off",
        /// The query's language is one in which the models are not known to find enough, and they found nothing.
        Language = "language",
        /// The exchange could not be read (too large, malformed, or encoded in a way that is not read).
        Unread = "unread",
    }
}

/// The models' answer about the norms in play: data, never an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Findings {
    /// One finding for each norm in play, best first. Empty where no norm is in play.
    Known {
        /// The findings.
        findings: Vec<Finding>,
        /// The models' calibrated threshold, for norms that state none.
        threshold: f32,
    },
    /// The models could not say.
    Unknown(Unavailable),
}

/// A label and its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The labeller's name for it.
    pub name: String,
    /// Its probability in 0..=1.
    pub probability: f32,
}

words! {
    /// What looks for things in a picture beside the labeller.
    Detector, "detector" {
        /// Objects of a fixed list.
        Objects = "objects",
        /// Gestures of hands.
        Gestures = "gestures",
        /// Whatever the norms' cues name, by nearness of picture and words.
        DualEncoder = "dual-encoder",
    }
}

/// A thing that was found in a picture because a norm in play asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// What it is.
    pub name: String,
    /// How sure the detector is, 0..=1.
    pub probability: f32,
    /// Who found it.
    pub detector: Detector,
}

/// What was seen in one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The index of the message that holds the picture.
    pub message: usize,
    /// The labels, best first.
    pub labels: Vec<Label>,
    /// The things that norms in play ask for, the surest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub things: Vec<Thing>,
}

/// Whether a part of the exchange was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "scan", content = "why")]
pub enum Scan {
    /// It was.
    Scanned,
    /// It was not, and why, in a few fixed words such as `remote-url`.
    Unscanned(String),
}

/// One part of the exchange and whether it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The part, by the path the wire gives it: `messages[2]: picture`, `answer[0]: content`, `request`.
    pub part: String,
    /// Whether it was looked at.
    #[serde(flatten)]
    pub scan: Scan,
}

impl Coverage {
    /// A part that was looked at.
    #[must_use]
    pub fn scanned(part: impl Into<String>) -> Self {
        Self { part: part.into(), scan: Scan::Scanned }
    }

    /// A part that was not, and why.
    #[must_use]
    pub fn unscanned(part: impl Into<String>, why: impl Into<String>) -> Self {
        Self { part: part.into(), scan: Scan::Unscanned(why.into()) }
    }
}

/// Everything the models say about a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which norms are at stake.
    pub findings: Findings,
    /// Whether the models are known to read the query's language well enough that what they do not find is not there. Where not, what they find counts.
    pub vouched: bool,
    /// What was seen, picture by picture, newest first.
    pub seen: Vec<Seen>,
    /// What was looked at, part by part.
    pub coverage: Vec<Coverage>,
    /// Microseconds spent decoding pictures; 0 where all came from the cache.
    pub decode_us: u64,
    /// Microseconds spent in the models; 0 where all came from the cache.
    pub infer_us: u64,
}

impl Reading {
    /// A reading that could not be taken.
    #[must_use]
    pub fn unknown(why: Unavailable) -> Self {
        let coverage = vec![Coverage::unscanned("request", why.word())];
        Self { findings: Findings::Unknown(why), vouched: true, seen: Vec::new(), coverage, decode_us: 0, infer_us: 0 }
    }
}
