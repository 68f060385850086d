//! What the pool's threads ask of the models.

use std::sync::Arc;

use crate::domain::{Detector, Label, NormId};

use super::card::{Card, Spread};
use super::network::NetworkError;
use super::picture::{Photo, Pixels};
use super::states::States;
use super::tokens::TokenError;

/// A model that failed on one input. Nothing of the input is in the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A graph failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The tokenizer failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A model gave fewer or more rows than it was asked for.
    #[error("a model gave {found} rows where {expected} were asked for")]
    Rows {
        /// Rows that came.
        found: usize,
        /// Rows that were asked for.
        expected: usize,
    },
    /// Another reason, in words.
    #[error("{0}")]
    Other(String),
}

/// What a text means, as a point in space.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The coordinates; length 1 for the shipped encoder.
    pub values: Arc<[f32]>,
    /// What the encoder makes of the text half way, which the norm head reads beside it.
    pub middle: Arc<[f32]>,
    /// The text's tokens half way, from which the pair model and the answer model go on.
    pub states: States,
    /// Whether the text was too long to be read to its end.
    pub cut: bool,
    /// How near the labels' names are to it, which the classifier works out once for each text.
    pub(super) spread: Spread,
}

impl Embedding {
    /// The embedding of a text that was read to its end by an encoder that gives nothing half way.
    #[must_use]
    pub fn of(values: Vec<f32>) -> Self {
        let (middle, states, spread) = Default::default();
        Self { values: values.into(), middle, states, cut: false, spread }
    }

    /// The room that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        4 * (self.values.len() + self.middle.len()) + self.states.bytes()
    }
}

/// A question and its pictures held against norms, one row each.
#[derive(Debug, Clone, PartialEq)]
pub struct NormRows {
    /// The embedding of the question.
    pub query: Arc<[f32]>,
    /// The embedding of the question with what its pictures show.
    pub scene: Arc<[f32]>,
    /// The same, half way through the encoder.
    pub scene_middle: Arc<[f32]>,
    /// The norms.
    pub rows: Vec<NormRow>,
}

/// One norm of [`NormRows`].
#[derive(Debug, Clone, PartialEq)]
pub struct NormRow {
    /// The norm.
    pub id: NormId,
    /// Its embedding.
    pub norm: Vec<f32>,
    /// The evidence, as `models/FEATURES.md` section 4 orders it.
    pub evidence: [f32; 12],
}

/// A question and a norm that are read together.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The question with what its pictures show.
    pub scene: States,
    /// What the norm says.
    pub norm: States,
    /// The evidence, as `models/FEATURES.md` section 9 orders it.
    pub evidence: [f32; 15],
}

/// A question, a piece of its answer and a norm that are read together.
#[derive(Debug, Clone, PartialEq)]
pub struct Triple {
    /// The question with what its pictures show.
    pub scene: Embedding,
    /// The piece.
    pub answer: Embedding,
    /// What the norm says.
    pub norm: States,
    /// The evidence, as `models/FEATURES.md` section 6 orders it.
    pub evidence: [f32; 4],
}

/// What the answer model says about one piece of an answer and one norm, each in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerOdds {
    /// How likely the piece breaches the norm.
    pub breaches: f32,
    /// How likely it shows that the norm is known.
    pub aware: f32,
    /// How likely it explains the norm.
    pub educates: f32,
    /// How likely it helps with the question.
    pub helpful: f32,
}

/// The models as one thread of the pool uses them: it owns one of these, and calls it for one job at a time.
///
/// A call may fail; a call that panics is taken as failed, and the thread goes on with [`Model::renew`].
pub trait Model: Send {
    /// What a picture shows: a probability for each of the card's labels, in their order.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails.
    fn look(&mut self, picture: &Pixels) -> Result<Vec<f32>, ModelError>;

    /// The things that a detector finds in a picture, each at most once, with how sure it is of them. It is asked only for detectors of the card.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails, or has no such detector.
    fn detect(&mut self, _detector: Detector, _picture: &Photo) -> Result<Vec<Label>, ModelError> {
        Err(ModelError::Other("this model detects nothing".to_owned()))
    }

    /// A picture as the dual encoder's picture side has it, of length 1. It is asked only where the card has a matching.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails, or there is no dual encoder.
    fn view(&mut self, _picture: &Photo) -> Result<Vec<f32>, ModelError> {
        Err(ModelError::Other("this model has no dual encoder".to_owned()))
    }

    /// Words as the dual encoder's text side has them, of length 1. They are asked only where the card has a matching.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails, or there is no dual encoder.
    fn caption(&mut self, _words: &str) -> Result<Vec<f32>, ModelError> {
        Err(ModelError::Other("this model has no dual encoder".to_owned()))
    }

    /// What a text means. The text bears its prefix.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails.
    fn embed(&mut self, text: &str) -> Result<Embedding, ModelError>;

    /// How likely each norm is at stake, 0..=1, in the order of the rows, by a first look that chooses the norms for [`Model::pair`].
    ///
    /// # Errors
    /// [`ModelError`] where the model fails.
    fn norms(&mut self, rows: &NormRows) -> Result<Vec<f32>, ModelError>;

    /// How likely a norm is at stake, 0..=1, read together with the question. It is asked only where the card has a shortlist.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails, or has no such reading.
    fn pair(&mut self, _pair: &Pair) -> Result<f32, ModelError> {
        Err(ModelError::Other("this model reads no pairs".to_owned()))
    }

    /// What a piece of an answer does to a norm.
    ///
    /// # Errors
    /// [`ModelError`] where the model fails.
    fn answer(&mut self, triple: &Triple) -> Result<AnswerOdds, ModelError>;

    /// How the numbers are to be read. All models of a pool have the same card.
    fn card(&self) -> Arc<Card> {
        Arc::default()
    }

    /// A fresh model in place of one that panicked; `None`: its thread ends.
    fn renew(&self) -> Option<Box<dyn Model>> {
        None
    }
}
