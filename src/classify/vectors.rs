//! A norm as numbers: everything about it that does not depend on the turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{Detector, Norm, NormId};

use super::card::{Card, Spread};
use super::features::{Direction, Named};
use super::model::{Model, ModelError};
use super::states::States;
use super::words::{self, Name};

/// A norm's texts as the encoder has them: what is dear to make and is kept from one start to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NormTexts {
    /// The tokens of what it says.
    pub(super) states: States,
    /// What it says, its cues, asks and answers.
    pub(super) embeddings: Vec<Arc<[f32]>>,
    /// Its cues as a dual encoder has them, one after the other; empty without one.
    pub(super) captions: Vec<f32>,
}

impl NormTexts {
    /// As bytes, for the shelf.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.states.to_bytes();
        bytes.extend_from_slice(&self.captions.len().to_le_bytes());
        let embeddings = self.embeddings.iter().flat_map(|row| row.iter());
        bytes.extend(self.captions.iter().chain(embeddings).flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// From such bytes, with rows of `width` numbers; `None` where they do not come out even.
    pub(super) fn from_bytes(bytes: &[u8], width: usize) -> Option<Self> {
        let (states, rest) = States::from_bytes(bytes, width)?;
        let (captions, rest) = rest.split_first_chunk::<{ size_of::<usize>() }>()?;
        let (numbers, rest) = rest.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let (captions, numbers) = numbers.split_at_checked(usize::from_le_bytes(*captions))?;
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
    pub(super) toward: Direction,
    pub(super) asks: Vec<Direction>,
    pub(super) cues: Vec<Direction>,
    pub(super) breaches: Vec<Direction>,
    pub(super) spread: Spread,
    pub(super) cue_spreads: Vec<Spread>,
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
    pub(super) fn see_match(&self, labels: &[f32], things: &[Named]) -> f32 {
        let labels = self.fitting.iter().filter_map(|&index| labels.get(index)).sum::<f32>().min(1.0);
        let answering = things.iter().filter(|thing| self.asks_for(&thing.name));
        answering.map(|thing| thing.probability).fold(labels, f32::max)
    }
}
