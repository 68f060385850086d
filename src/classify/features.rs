//! From embeddings and distributions to the rows of evidence that the models read. `models/FEATURES.md` defines every number here; a model whose
//! `features` are others is refused.

use std::sync::Arc;

use crate::domain::{Detector, Evidence, Thing, Unavailable};

use super::card::{Card, Spread};
use super::model::{Embedding, Pair};
use super::states::States;
use super::vectors::NormVectors;
use super::words::{self, Name};

/// The columns of evidence of the norm head, in their order.
pub const NORM_FEATURES: [&str; 12] = [
    "has_picture",
    "norm_has_see",
    "norm_has_asks",
    "see_match",
    "see_near",
    "label_norm",
    "label_query",
    "label_sure",
    "cue_query",
    "ask_query",
    "ask_scene",
    "points",
];

/// The columns of evidence that the pair model reads behind those of the norm head, in their order.
pub const PAIR_FEATURES: [&str; 3] = ["query_norm", "scene_norm", "first_look"];

/// The columns of evidence of the answer model, in their order.
pub const ANSWER_FEATURES: [&str; 4] = ["has_picture", "see_match", "norm_has_answers", "answer_breach"];

/// From here on a picture is said to show what a norm's cues name.
const MATCHES: f32 = 0.1;
/// A question that says no more than that beside its pointing is short of content.
const SHORT: usize = 12;

/// Where an embedding lies as seen from the centre of many.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Direction {
    /// Of length 1, or all zeros where it lies in the centre.
    pub(super) unit: Vec<f32>,
    /// How far it is from the centre.
    length: f32,
}

impl Direction {
    /// The direction of `embedding` from `centre`.
    pub(super) fn from(embedding: &[f32], centre: &[f32]) -> Self {
        let centre = centre.iter().copied().chain(std::iter::repeat(0.0));
        let mut away: Vec<f32> = embedding.iter().zip(centre).map(|(value, middle)| value - middle).collect();
        let length = dot(&away, &away).sqrt();
        for value in &mut away {
            *value = if length < 1e-6 { 0.0 } else { *value / length };
        }
        Self { unit: away, length }
    }

    /// The cosine of two directions.
    fn near(&self, other: &Self) -> f32 {
        dot(&self.unit, &other.unit)
    }

    /// The largest cosine to any of several; 0 without them.
    fn nearest(&self, others: &[Self]) -> f32 {
        largest(others.iter().map(|other| self.near(other)))
    }
}

/// The scalar product. Sixteen sums side by side, which a processor adds at once; one sum would wait for itself at every step.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (left, right) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0_f32; 16];
    for (xs, ys) in left.zip(right) {
        for (sum, (x, y)) in sums.iter_mut().zip(xs.iter().zip(ys)) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The largest of several numbers; 0 without them.
fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.reduce(f32::max).unwrap_or(0.0)
}

/// What the labeller says of a picture, and the embeddings of the labels' names mixed in that proportion. Since every standing of the labels is a sum over
/// them, it can be had from the mixture, without a sum over a thousand labels for every cue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labelled {
    pub(super) distribution: Vec<f32>,
    mixture: Vec<f32>,
    /// The scalar product of the mixture and the centre of queries.
    centred: f32,
    /// The sum of the distribution: 1, but for rounding.
    weight: f32,
    sure: f32,
}

impl Labelled {
    /// Takes together what a distribution over the card's labels is needed for.
    pub(super) fn new(distribution: Vec<f32>, card: &Card) -> Self {
        let width = card.label_embeddings.len() / distribution.len().max(1);
        let mut mixture = vec![0.0; width];
        for (share, label) in distribution.iter().zip(card.label_embeddings.chunks_exact(width.max(1))) {
            for (sum, value) in mixture.iter_mut().zip(label) {
                *sum += share * value;
            }
        }
        Self {
            centred: if card.query_centre.is_empty() { 0.0 } else { dot(&mixture, &card.query_centre) },
            weight: distribution.iter().sum(),
            sure: largest(distribution.iter().copied()),
            mixture,
            distribution,
        }
    }

    /// The standing of the labels beside an embedding: `toward` is where it lies as seen from the centre of queries.
    fn standing(&self, toward: &Direction, spread: Spread) -> f32 {
        spread.standing(toward.length * dot(&self.mixture, &toward.unit) + self.centred, self.weight)
    }

    /// The room that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        4 * (self.distribution.len() + self.mixture.len())
    }
}

/// A thing's words and probability: norms are asked for it by its words, so they are taken apart once.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: Name,
    pub(super) probability: f32,
}

/// Things, ready to be held against norms.
pub(super) fn named(things: &[Thing]) -> Vec<Named> {
    things.iter().map(|thing| Named { name: Name::of(&thing.name), probability: thing.probability }).collect()
}

/// A picture as it is held against norms.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) labels: Arc<Labelled>,
    pub(super) things: Vec<Thing>,
    /// The detectors that could not look, and why.
    pub(super) missed: Vec<(Detector, Unavailable)>,
    /// Whether the picture has frames beside the one that was looked at.
    pub(super) more_frames: bool,
}

/// A question and its pictures, ready to be held against norms.
#[derive(Debug, Clone)]
pub(super) struct Question {
    query: Direction,
    scene: Direction,
    states: States,
    spread: Spread,
    pictures: Vec<(Arc<Labelled>, Vec<Named>)>,
    points: bool,
    short: bool,
}

impl Question {
    /// Takes together what is known about a question.
    pub(super) fn new(text: &str, query: &Embedding, scene: &Embedding, pictures: Vec<Shown>, card: &Card) -> Self {
        Self {
            query: Direction::from(&query.values, &card.query_centre),
            scene: Direction::from(&scene.values, &card.query_centre),
            states: scene.states.clone(),
            spread: query.spread,
            points: words::points(text),
            short: words::content(text) <= SHORT,
            pictures: pictures.into_iter().map(|shown| (shown.labels, named(&shown.things))).collect(),
        }
    }

    /// The largest of a value over all pictures; 0 without any.
    fn over_pictures(&self, value: impl Fn(&Labelled) -> f32) -> f32 {
        largest(self.pictures.iter().map(|(labels, _)| value(labels)))
    }

    /// The row of evidence for one norm, in the order of [`NORM_FEATURES`].
    pub(super) fn evidence(&self, norm: &NormVectors) -> [f32; 12] {
        [
            flag(!self.pictures.is_empty()),
            flag(!norm.cues.is_empty()),
            flag(!norm.asks.is_empty()),
            self.seen(norm),
            self.over_pictures(|picture| {
                largest(norm.cues.iter().zip(&norm.cue_spreads).map(|(cue, spread)| picture.standing(cue, *spread)))
            }),
            self.over_pictures(|picture| picture.standing(&norm.toward, norm.spread)),
            self.over_pictures(|picture| picture.standing(&self.query, self.spread)),
            self.over_pictures(|picture| picture.sure),
            self.query.nearest(&norm.cues),
            self.query.nearest(&norm.asks),
            self.scene.nearest(&norm.asks),
            flag(self.points),
        ]
    }

    /// The question beside a norm, for the pair model: `evidence` is the norm's row of [`Question::evidence`], to which [`PAIR_FEATURES`] are added, and
    /// `probability` what the norm head says.
    pub(super) fn with(&self, norm: &NormVectors, evidence: [f32; 12], probability: f32) -> Pair {
        let sure = probability.clamp(1e-6, 1.0 - 1e-6);
        let more = [self.query.near(&norm.toward), self.scene.near(&norm.toward), (sure / (1.0 - sure)).ln()];
        let mut all = [0.0; 15];
        for (place, value) in all.iter_mut().zip(evidence.into_iter().chain(more)) {
            *place = value;
        }
        Pair { scene: self.states.clone(), norm: norm.states.clone(), evidence: all }
    }

    /// How much of a picture the norm's cues name.
    fn seen(&self, norm: &NormVectors) -> f32 {
        largest(self.pictures.iter().map(|(labels, things)| norm.see_match(&labels.distribution, things)))
    }

    /// What speaks for a norm.
    pub(super) fn spoken_for(&self, norm: &NormVectors) -> Evidence {
        let seen = self.seen(norm) >= MATCHES;
        match (seen, self.short, self.points) {
            (true, true, _) => Evidence::Picture,
            (true, false, true) => Evidence::Both,
            (true, false, false) | (false, _, _) => Evidence::Query,
        }
    }
}

/// The row of evidence for one norm and one window of an answer, in the order of [`ANSWER_FEATURES`].
pub(super) fn answer_evidence(answer: &Direction, pictures: &[(Vec<f32>, Vec<Named>)], norm: &NormVectors) -> [f32; 4] {
    [
        flag(!pictures.is_empty()),
        largest(pictures.iter().map(|(labels, things)| norm.see_match(labels, things))),
        flag(!norm.breaches.is_empty()),
        answer.nearest(&norm.breaches),
    ]
}

fn flag(holds: bool) -> f32 {
    if holds { 1.0 } else { 0.0 }
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
