//! From embeddings and distributions to the rows of evidence that the heads read. `models/FEATURES.md` defines every number here; a head whose
//! `features` are others is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{Detector, Evidence, Norm, NormId, Thing, Unavailable};

use super::card::{Card, Spread};
use super::model::{Embedding, Model, ModelError, Pair};
use super::states::States;
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

/// The columns of evidence of the answer head, in their order.
pub const ANSWER_FEATURES: [&str; 4] = ["has_picture", "see_match", "norm_has_answers", "answer_breach"];

/// From here on a picture is said to show what a norm's cues name.
const MATCHES: f32 = 0.1;
/// A question that says no more than that beside its pointing is short of content.
const SHORT: usize = 12;

/// A norm's texts as the encoder has them: what is dear to make and is kept from one start to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NormTexts {
    /// The tokens of what it says.
    states: States,
    /// What it says, its cues, asks and answers.
    embeddings: Vec<Arc<[f32]>>,
    /// Its cues as a dual encoder has them, one after the other; empty without one.
    captions: Vec<f32>,
}

impl NormTexts {
    /// As bytes, for the shelf.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.states.to_bytes();
        bytes.extend_from_slice(&u32::try_from(self.captions.len()).unwrap_or_default().to_le_bytes());
        let embeddings = self.embeddings.iter().flat_map(|row| row.iter());
        bytes.extend(self.captions.iter().chain(embeddings).flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// From such bytes, with rows of `width` numbers; `None` where they do not come out even.
    pub(super) fn from_bytes(bytes: &[u8], width: usize) -> Option<Self> {
        let (states, rest) = States::from_bytes(bytes, width)?;
        let (captions, rest) = rest.split_first_chunk::<4>()?;
        let (numbers, rest) = rest.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let (captions, numbers) = numbers.split_at_checked(u32::from_le_bytes(*captions).try_into().ok()?)?;
        let even = rest.is_empty() && width > 0 && numbers.len().is_multiple_of(width);
        let embeddings = || numbers.chunks(width).map(Arc::from).collect();
        even.then(|| Self { states, embeddings: embeddings(), captions: captions.to_vec() })
    }
}

/// Everything about a norm that does not depend on the turn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NormVectors {
    /// The norm.
    pub(super) id: NormId,
    /// The embedding of what it says.
    pub(super) says: Vec<f32>,
    /// The tokens of what it says, half way through the encoder.
    pub(super) states: States,
    /// Where what it says lies, as seen from the centre of queries.
    toward: Direction,
    asks: Vec<Direction>,
    cues: Vec<Direction>,
    breaches: Vec<Direction>,
    spread: Spread,
    cue_spreads: Vec<Spread>,
    fitting: Vec<usize>,
    /// The cues themselves, their words, and the cues as a dual encoder has them.
    names: Vec<(Arc<str>, BTreeSet<String>)>,
    captions: Vec<f32>,
    /// The detectors that may find what a cue names.
    wants: Vec<Detector>,
}

impl NormVectors {
    /// All texts of a norm as the encoder has them, from which [`NormVectors::of`] makes the rest.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails.
    pub(super) fn embedded(model: &mut dyn Model, card: &Card, norm: &Norm) -> Result<NormTexts, ModelError> {
        let mut states = States::default();
        let mut embeddings = Vec::new();
        for (at, text) in Self::texts(card, norm).iter().enumerate() {
            let embedding = model.embed(text)?;
            embeddings.push(embedding.values);
            if at == 0 {
                states = embedding.states;
            }
        }
        let mut captions = Vec::new();
        if let Some(matching) = &card.matching {
            for cue in &norm.see {
                captions.extend(model.caption(&matching.caption(cue))?);
            }
        }
        Ok(NormTexts { states, embeddings, captions })
    }

    /// What is embedded: what the norm says, its cues, asks and answers.
    fn texts(card: &Card, norm: &Norm) -> Vec<String> {
        let says = std::iter::once(card.passage(norm.says.english()));
        let queries = norm.see.iter().chain(&norm.asks).map(|text| card.query(text));
        says.chain(queries).chain(norm.answers.iter().map(|text| card.passage(text))).collect()
    }

    /// A norm's vectors from its texts as the encoder has them; `None` where these are not as many as its texts.
    pub(super) fn of(card: &Card, norm: &Norm, texts: &NormTexts) -> Option<Self> {
        let (says, rest) = texts.embeddings.split_first()?;
        let (cues, rest) = rest.split_at_checked(norm.see.len())?;
        let (asks, breaches) = rest.split_at_checked(norm.asks.len())?;
        let captioned = texts.captions.is_empty() != card.matching.is_some() || norm.see.is_empty();
        let captioned = captioned && texts.captions.len().is_multiple_of(norm.see.len().max(1));
        if breaches.len() != norm.answers.len() || !captioned {
            return None;
        }
        let names: Vec<_> = norm.see.iter().map(|cue| (Arc::from(cue.as_str()), words::words(cue))).collect();
        let wanted = card.finds.iter().filter(|finds| names.iter().any(|(_, words)| finds.answer(words)));
        let wants = wanted.map(|finds| finds.detector).collect();
        let toward = |all: &[Arc<[f32]>], centre: &[f32]| all.iter().map(|one| Direction::from(one, centre)).collect();
        Some(Self {
            id: norm.id.clone(),
            spread: card.spread(says),
            cue_spreads: cues.iter().map(|cue| card.spread(cue)).collect(),
            asks: toward(asks, &card.query_centre),
            cues: toward(cues, &card.query_centre),
            breaches: toward(breaches, &card.passage_centre),
            fitting: card.labels.fitting(&norm.see),
            says: says.to_vec(),
            states: texts.states.clone(),
            toward: Direction::from(says, &card.query_centre),
            captions: texts.captions.clone(),
            names,
            wants,
        })
    }

    /// The room that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let directions = [&self.toward]
            .into_iter()
            .chain(&self.asks)
            .chain(&self.cues)
            .chain(&self.breaches)
            .map(|one| one.unit.len());
        let names = self.names.iter().map(|(name, words)| name.len() + words.len() * size_of::<String>() * 2);
        4 * (self.says.len() + directions.sum::<usize>() + self.captions.len())
            + self.states.bytes()
            + names.sum::<usize>()
            + 8 * (self.fitting.len() + self.cue_spreads.len())
            + size_of::<Self>()
    }

    /// Whether a detector may find what a cue names.
    pub(super) fn wants(&self, detector: Detector) -> bool {
        self.wants.contains(&detector)
    }

    /// Whether a thing of that name is one that a cue names.
    pub(super) fn asks_for(&self, thing: &Name) -> bool {
        self.names.iter().any(|(_, cue)| thing.answers(cue))
    }

    /// The cues, each as a dual encoder has it.
    pub(super) fn captions(&self) -> impl Iterator<Item = (&Arc<str>, &[f32])> {
        let width = self.captions.len() / self.names.len().max(1);
        self.names.iter().map(|(name, _)| name).zip(self.captions.chunks_exact(width.max(1)))
    }

    /// How much of a picture the cues name, 0..=1.
    fn see_match(&self, labels: &[f32], things: &[Named]) -> f32 {
        let labels = self.fitting.iter().filter_map(|&index| labels.get(index)).sum::<f32>().min(1.0);
        let answering = things.iter().filter(|thing| self.asks_for(&thing.name));
        answering.map(|thing| thing.probability).fold(labels, f32::max)
    }
}

/// Where an embedding lies as seen from the centre of many.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Direction {
    /// Of length 1, or all zeros where it lies in the centre.
    unit: Vec<f32>,
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
    name: Name,
    probability: f32,
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
