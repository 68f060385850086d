//! The verdict in OpenAI's form: the `moderation` object of a chat completion, or of a response.
//!
//! The forms are `ChatCompletionModeration` and `Moderation` of OpenAI's API description, version 2.3.0. Categories are norms, named `culture/JP/chopsticks-upright`.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::domain::{Decision, Evidence, Finding, Findings, NormId, Outcome, Unavailable, Verdict};

/// What stands as the moderation model.
const MODEL: &str = "comity";

/// What was found in a request and in its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moderation {
    /// The request: the norms in play, flagged where they are at stake.
    pub input: Results,
    /// The answer: the norms that it was judged by, flagged where the model's own answer breached them.
    pub output: Results,
}

/// What was found in one of the two.
#[derive(Debug, Clone, PartialEq)]
pub enum Results {
    /// It was looked at, with these categories.
    Found(Vec<Category>),
    /// There was nothing to look at: an empty list of results.
    Nothing,
    /// It could not be looked at.
    Failed {
        /// A few fixed words, such as `late`.
        code: &'static str,
        /// What happened, for people.
        message: &'static str,
    },
}

/// One norm.
#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    /// The norm.
    pub norm: NormId,
    /// Whether it is at stake, or breached.
    pub flagged: bool,
    /// How likely that is, 0..=1; `None` where it was not measured.
    pub score: Option<f32>,
    /// What it was told from: `text`, `image`.
    pub told_from: &'static [&'static str],
}

/// The form that the Responses API has for the same: one result each in the place of a list.
#[derive(Serialize)]
pub(super) struct Single<'a> {
    input: SingleResult<'a>,
    output: SingleResult<'a>,
}

struct SingleResult<'a>(&'a Results);

impl Moderation {
    /// The verdict as the Responses API has it.
    pub(super) fn single(&self) -> Single<'_> {
        Single { input: SingleResult(&self.input), output: SingleResult(&self.output) }
    }

    /// Puts what was found into OpenAI's form. `verdict` is `None` where there is no answer of the model's.
    #[must_use]
    pub fn new(findings: &Findings, decision: &Decision, verdict: Option<&Verdict>) -> Self {
        let input = match findings {
            Findings::Known { findings, .. } => {
                Results::Found(findings.iter().map(|finding| Category::of_input(finding, decision)).collect())
            }
            Findings::Unknown(why) => Results::Failed { code: why.word(), message: explained(*why) },
        };
        Self { input, output: verdict.map_or(Results::Nothing, Results::of_output) }
    }
}

impl Results {
    fn of_output(verdict: &Verdict) -> Self {
        match verdict.outcome {
            Outcome::Unverified => {
                Self::Failed { code: "unverified", message: "The answer could not be checked, or not to its end." }
            }
            Outcome::Unguarded => Self::Nothing,
            Outcome::Kept | Outcome::Breached | Outcome::Repaired | Outcome::Corrected | Outcome::Declined => {
                Self::Found(output_categories(verdict))
            }
        }
    }
}

/// The norms that an answer was judged by.
///
/// The judgements are of the answer as it was shown, and of what stands beside it. Where a breach itself is shown no more, what it was told by is gone, and it has no
/// score.
fn output_categories(verdict: &Verdict) -> Vec<Category> {
    let mut scores = BTreeMap::<&NormId, (Option<f32>, bool)>::new();
    for judgement in verdict.pieces.iter().chain(&verdict.beside) {
        for judged in &judgement.norms {
            let (most, shown) = scores.entry(&judged.norm).or_default();
            *most = Some(most.map_or(judged.breaches, |score| score.max(judged.breaches)));
            *shown |= judged.breaches >= judgement.threshold;
        }
    }
    for (norm, _) in &verdict.breached {
        let (score, shown) = scores.entry(norm).or_default();
        *score = score.filter(|_| *shown);
    }
    let flagged = |norm: &NormId| verdict.breached.iter().any(|(breached, _)| breached == norm);
    let category = |(norm, (score, _)): (&NormId, (Option<f32>, bool))| Category {
        norm: norm.clone(),
        flagged: flagged(norm),
        score,
        told_from: &["text"],
    };
    scores.into_iter().map(category).collect()
}

impl Category {
    fn of_input(finding: &Finding, decision: &Decision) -> Self {
        let told_from: &[&str] = match finding.evidence {
            Evidence::Query => &["text"],
            Evidence::Picture => &["image"],
            Evidence::Both => &["text", "image"],
        };
        let flagged = decision.norms.iter().any(|ruling| ruling.norm.id == finding.norm);
        Self { norm: finding.norm.clone(), flagged, score: Some(finding.probability), told_from }
    }

    fn name(&self) -> String {
        format!("culture/{}", self.norm)
    }
}

fn explained(why: Unavailable) -> &'static str {
    match why {
        Unavailable::Late => "The request could not be classified in time.",
        Unavailable::Busy => "The classifier was too busy for the request.",
        Unavailable::Failed => "The classifier failed.",
        Unavailable::Off => "The server runs without a classifier.",
        Unavailable::Language => {
            "Nothing was found, but the request is in a language that the classifier is not known to read well enough."
        }
        Unavailable::Unread => "The request could not be read.",
    }
}

impl Serialize for Results {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Failed { code, message } => {
                let mut object = serializer.serialize_struct("ChatCompletionModerationError", 3)?;
                object.serialize_field("type", "error")?;
                object.serialize_field("code", code)?;
                object.serialize_field("message", message)?;
                object.end()
            }
            Self::Found(categories) => serialize_results(serializer, &[Body::of(categories)]),
            Self::Nothing => serialize_results(serializer, &[]),
        }
    }
}

impl Serialize for SingleResult<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Results::Failed { .. } => self.0.serialize(serializer),
            Results::Found(categories) => Body::of(categories).serialize(serializer),
            // The form has no word for an answer that is not there: a result without categories.
            Results::Nothing => Body::of(&[]).serialize(serializer),
        }
    }
}

fn serialize_results<S: Serializer>(serializer: S, results: &[Body]) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_struct("ChatCompletionModerationResults", 3)?;
    object.serialize_field("type", "moderation_results")?;
    object.serialize_field("model", MODEL)?;
    object.serialize_field("results", results)?;
    object.end()
}

/// `ModerationResultBody`.
#[derive(Serialize)]
struct Body {
    #[serde(rename = "type")]
    kind: &'static str,
    model: &'static str,
    flagged: bool,
    categories: BTreeMap<String, bool>,
    category_scores: BTreeMap<String, f32>,
    category_applied_input_types: BTreeMap<String, &'static [&'static str]>,
}

impl Body {
    fn of(categories: &[Category]) -> Self {
        Self {
            kind: "moderation_result",
            model: MODEL,
            flagged: categories.iter().any(|category| category.flagged),
            categories: categories.iter().map(|category| (category.name(), category.flagged)).collect(),
            category_scores: categories.iter().filter_map(|one| Some((one.name(), one.score?))).collect(),
            category_applied_input_types: categories.iter().map(|one| (one.name(), one.told_from)).collect(),
        }
    }
}

#[cfg(test)]
#[path = "moderation_tests.rs"]
mod tests;
