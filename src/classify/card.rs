//! The model card: what the models have in common and how their numbers are to be read.

use crate::domain::Language;

use super::features::dot;
use super::labels::Labels;
use super::picture::Frame;
use super::things::{Finds, Matching};

/// What is known about a set of models beside their weights.
#[derive(Debug, Clone)]
pub struct Card {
    /// A hash of every bundle, 16 hex digits; `off` without models.
    pub hash: String,
    /// The engine and its version, such as `ONNX Runtime 1.28.0`.
    pub backend: String,
    /// The languages in which the models are known to find enough; `None`: any.
    pub languages: Option<Vec<Language>>,
    /// Goes before what a user says.
    pub query_prefix: String,
    /// Goes before norms and answers.
    pub passage_prefix: String,
    /// What the labeller sees of a picture.
    pub frame: Frame,
    /// The labeller's names.
    pub labels: Labels,
    /// What else is looked for in pictures where norms ask for it.
    pub finds: Vec<Finds>,
    /// How pictures and words are compared, with a dual encoder.
    pub matching: Option<Matching>,
    /// The embedding of each label's name, one after the other.
    pub label_embeddings: Vec<f32>,
    /// The mean of many embeddings of queries. Empty: none is taken away.
    pub query_centre: Vec<f32>,
    /// The mean of many embeddings of passages. Empty: none is taken away.
    pub passage_centre: Vec<f32>,
    /// The calibrated probability from which a norm counts as at stake.
    pub at_stake: f32,
    /// The most norms that are read together with a question; 0: the first look decides.
    pub shortlist: usize,
    /// The probability at the first look from which a norm may be among them.
    pub shortlisted: f32,
    /// The calibrated probability from which a piece of an answer counts as a breach.
    pub breach: f32,
}

/// How near all labels are to one embedding.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Spread {
    mean: f32,
    deviation: f32,
}

impl Spread {
    /// The standing of labels that together weigh `weight` and are `near` the embedding: 0 for labels that are as near as labels are on the whole.
    pub(super) fn standing(self, near: f32, weight: f32) -> f32 {
        if self.deviation < 1e-6 { 0.0 } else { (near - weight * self.mean) / self.deviation }
    }
}

impl Default for Card {
    /// The card of models that know no labels, as tests make them.
    fn default() -> Self {
        Self {
            hash: "0".repeat(16),
            backend: "none".to_owned(),
            languages: None,
            query_prefix: "query: ".to_owned(),
            passage_prefix: "passage: ".to_owned(),
            frame: Frame::default(),
            labels: Labels::default(),
            finds: Vec::new(),
            matching: None,
            label_embeddings: Vec::new(),
            query_centre: Vec::new(),
            passage_centre: Vec::new(),
            at_stake: 0.5,
            shortlist: 0,
            shortlisted: 0.0,
            breach: 0.5,
        }
    }
}

impl Card {
    /// A hash of models, engine and program, 16 hex digits: two engines differ in the last digits of what they say.
    pub(super) fn key(&self) -> String {
        let all = format!("{} {} {}", self.hash, self.backend, env!("CARGO_PKG_VERSION"));
        blake3::hash(all.as_bytes()).to_hex().chars().take(16).collect()
    }

    /// A user's text as the encoder takes it.
    pub(super) fn query(&self, text: &str) -> String {
        format!("{}{}", self.query_prefix, text.trim())
    }

    /// A norm's or an answer's text as the encoder takes it.
    pub(super) fn passage(&self, text: &str) -> String {
        format!("{}{}", self.passage_prefix, text.trim())
    }

    /// Whether what is not found in a question of this language is not there. A language that could not be told is taken as covered.
    pub(super) fn vouches_for(&self, language: Option<Language>) -> bool {
        match (&self.languages, language) {
            (Some(covered), Some(language)) => covered.contains(&language),
            (None, _) | (_, None) => true,
        }
    }

    /// The label whose name is nearest to an embedding; `None` without labels.
    pub(super) fn nearest_label(&self, embedding: &[f32]) -> Option<usize> {
        let near = self.label_embeddings.chunks_exact(embedding.len().max(1)).map(|label| dot(label, embedding));
        near.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(index, _)| index)
    }

    /// How near an embedding is to the labels, all in all: what a standing among them is reckoned from.
    pub(super) fn spread(&self, embedding: &[f32]) -> Spread {
        let near: Vec<f32> =
            self.label_embeddings.chunks_exact(embedding.len().max(1)).map(|label| dot(label, embedding)).collect();
        #[expect(clippy::cast_precision_loss, reason = "there are about a thousand labels")]
        let count = near.len().max(1) as f32;
        let mean = near.iter().sum::<f32>() / count;
        let deviation = (near.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt();
        Spread { mean, deviation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standings_compare_labels_with_each_other() {
        let card = Card { label_embeddings: vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0], ..Card::default() };
        let spread = card.spread(&[1.0, 0.0]);
        assert!((spread.standing(1.0, 1.0) - 2.0_f32.sqrt()).abs() < 1e-5);
        assert!((spread.standing(0.0, 1.0) + 0.5_f32.sqrt()).abs() < 1e-5);
        let flat = [card.spread(&[0.0, 0.0]), Card::default().spread(&[1.0]), card.spread(&[])];
        assert!(flat.iter().all(|spread| spread.standing(1.0, 1.0) == 0.0), "{flat:?}");
    }

    #[test]
    fn the_nearest_label_is_found() {
        let card = Card { label_embeddings: vec![1.0, 0.0, 0.0, 1.0], ..Card::default() };
        assert_eq!((card.nearest_label(&[0.2, 0.9]), card.nearest_label(&[0.9, 0.2])), (Some(1), Some(0)));
        assert_eq!(Card::default().nearest_label(&[1.0]), None);
    }

    #[test]
    fn a_language_that_could_not_be_told_is_covered() {
        let card = Card { languages: Some(vec![Language::ENGLISH]), ..Card::default() };
        assert!(card.vouches_for(None) && card.vouches_for(Some(Language::ENGLISH)));
        assert!(!card.vouches_for("zu".parse().ok()) && Card::default().vouches_for("zu".parse().ok()));
    }

    #[test]
    fn blanks_around_a_text_are_left_out() {
        assert_eq!(Card::default().query(" May I? \n"), "query: May I?");
    }
}
