//! The jobs that the pool's threads do: look at a picture, embed a text, hold a question against norms, judge a piece of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use crate::domain::{Detector, Judgement, Label, NormJudgement};

use super::card::Card;
use super::features::{Labelled, NormVectors, Question};
use super::loaded::rows;
use super::model::{AnswerOdds, AnswerRow, AnswerRows, Embedding, Model, ModelError, NormRow, NormRows, Pair};
use super::payload;
use super::picture::{self, Photo, PictureError, PictureLimits};

/// What one picture shows, or why it could not be looked at.
pub(super) type Sight = Result<Arc<Labelled>, PictureError>;

/// Microseconds spent for one turn, summed over the threads that worked for it.
#[derive(Debug, Default)]
pub(super) struct Spent {
    decode: AtomicU64,
    infer: AtomicU64,
}

impl Spent {
    /// For decoding, and in the models.
    pub(super) fn micros(&self) -> (u64, u64) {
        (self.decode.load(Ordering::Relaxed), self.infer.load(Ordering::Relaxed))
    }

    fn add(counter: &AtomicU64, since: Instant) {
        let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        counter.fetch_add(micros, Ordering::Relaxed);
    }
}

/// A job: decodes a picture and says what it shows.
pub(super) fn sight(
    model: &mut dyn Model,
    card: &Card,
    payload: &[u8],
    limits: &PictureLimits,
    spent: &Spent,
) -> Result<Sight, ModelError> {
    let pixels = decoded(payload, limits, spent, |photo| picture::cut(&photo, card.frame));
    let since = Instant::now();
    let sight = match pixels {
        Ok(pixels) => Ok(Arc::new(Labelled::new(model.look(&pixels)?, card))),
        Err(flaw) => Err(flaw),
    };
    Spent::add(&spent.infer, since);
    Ok(sight)
}

/// A job: decodes a picture and lets a detector look at it. In a picture that cannot be read it finds nothing: [`sight`] says what is wrong with it.
pub(super) fn detected(
    model: &mut dyn Model,
    detector: Detector,
    payload: &[u8],
    limits: &PictureLimits,
    spent: &Spent,
) -> Result<Arc<[Label]>, ModelError> {
    let Ok(photo) = decoded(payload, limits, spent, Ok) else { return Ok(Arc::default()) };
    let since = Instant::now();
    let found = model.detect(detector, &photo);
    Spent::add(&spent.infer, since);
    found?.into_iter().map(|label| Ok(Label { probability: sound(label.probability)?, ..label })).collect()
}

/// A job: decodes a picture and says where the dual encoder sees it; empty for one that cannot be read.
pub(super) fn viewed(
    model: &mut dyn Model,
    payload: &[u8],
    limits: &PictureLimits,
    spent: &Spent,
) -> Result<Arc<[f32]>, ModelError> {
    let Ok(photo) = decoded(payload, limits, spent, Ok) else { return Ok(Arc::default()) };
    let since = Instant::now();
    let view = model.view(&photo);
    Spent::add(&spent.infer, since);
    view.map(Arc::from)
}

fn decoded<T>(
    payload: &[u8],
    limits: &PictureLimits,
    spent: &Spent,
    make: impl FnOnce(Photo) -> Result<T, PictureError>,
) -> Result<T, PictureError> {
    let since = Instant::now();
    let result = payload::decode(payload, limits.bytes).and_then(|file| picture::read(&file, limits, make));
    Spent::add(&spent.decode, since);
    result
}

/// A job: says what a text means.
pub(super) fn embedded(model: &mut dyn Model, card: &Card, text: &str, spent: &Spent) -> Result<Embedding, ModelError> {
    let since = Instant::now();
    let embedding = model.embed(text);
    let embedding = embedding.map(|embedding| Embedding { spread: card.spread(&embedding.values), ..embedding });
    Spent::add(&spent.infer, since);
    embedding
}

/// A job: a first look at a question and all norms in play. One probability for each norm, in their order.
pub(super) fn first_look(
    model: &mut dyn Model,
    question: &Question,
    query: &Embedding,
    scene: &Embedding,
    norms: &[Arc<NormVectors>],
    spent: &Spent,
) -> Result<Vec<Glance>, ModelError> {
    let since = Instant::now();
    let evidence: Vec<[f32; 12]> = norms.iter().map(|norm| question.evidence(norm)).collect();
    let row = |(norm, evidence): (&Arc<NormVectors>, &[f32; 12])| NormRow {
        id: norm.id.clone(),
        norm: norm.says.clone(),
        evidence: *evidence,
    };
    let probabilities = model.norms(&NormRows {
        query: Arc::clone(&query.values),
        scene: Arc::clone(&scene.values),
        scene_middle: Arc::clone(&scene.middle),
        rows: norms.iter().zip(&evidence).map(row).collect(),
    })?;
    Spent::add(&spent.infer, since);
    rows(probabilities.len(), norms.len())?;
    let glance = |(probability, evidence)| Ok(Glance { probability: sound(probability)?, evidence });
    probabilities.into_iter().zip(evidence).map(glance).collect()
}

/// What the first look says of one norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glance {
    pub(super) probability: f32,
    pub(super) evidence: [f32; 12],
}

/// A job: reads a question and a norm together.
pub(super) fn read_together(model: &mut dyn Model, pair: &Pair, spent: &Spent) -> Result<f32, ModelError> {
    let since = Instant::now();
    let probability = model.pair(pair);
    Spent::add(&spent.infer, since);
    sound(probability?)
}

/// A job: judges a piece of an answer.
pub(super) fn judged(model: &mut dyn Model, questions: &AnswerRows, threshold: f32) -> Result<Judgement, ModelError> {
    let odds = model.answers(questions)?;
    rows(odds.len(), questions.rows.len())?;
    let judgement = |(row, odds): (&AnswerRow, &AnswerOdds)| {
        Ok(NormJudgement {
            norm: row.id.clone(),
            breaches: sound(odds.breaches)?,
            aware: sound(odds.aware)?,
            educates: sound(odds.educates)?,
        })
    };
    let norms = questions.rows.iter().zip(&odds).map(judgement).collect::<Result<_, ModelError>>()?;
    Ok(Judgement { norms, helpful: mean(&odds)?, threshold })
}

/// Whether a piece helps does not hang on the norm: each row is one more opinion.
fn mean(odds: &[AnswerOdds]) -> Result<f32, ModelError> {
    #[expect(clippy::cast_precision_loss, reason = "there are a few norms")]
    let count = odds.len() as f32;
    sound(odds.iter().map(|odds| odds.helpful).sum::<f32>() / count)
}

/// A probability, or an error where a model gave none.
fn sound(probability: f32) -> Result<f32, ModelError> {
    if probability.is_nan() {
        return Err(ModelError::Other("a model gave a number that is none".to_owned()));
    }
    Ok(probability.clamp(0.0, 1.0))
}
