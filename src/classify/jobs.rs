//! The jobs that the pool's threads do: look at a picture, embed a text, hold a question against norms, judge a piece of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use crate::domain::{Detector, Label, Unavailable};

use super::card::Card;
use super::features::{Labelled, Question};
use super::frames;
use super::loaded::rows;
use super::model::{AnswerOdds, Embedding, Model, ModelError, NormRow, NormRows, Pair, Triple};
use super::payload;
use super::picture::{self, Photo, PictureError, PictureLimits};
use super::vectors::NormVectors;

/// What one picture shows, or why it could not be looked at.
pub(super) type Sight = Result<Arc<Looked>, PictureError>;

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

/// All that was seen in one picture.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) labels: Arc<Labelled>,
    /// What each detector of a fixed list found that was asked. A failure stands here like a find: the same picture would make it fail again.
    pub(super) found: Vec<(Detector, Result<Vec<Label>, Unavailable>)>,
    /// Where the dual encoder sees it, if that was asked.
    pub(super) view: Option<Result<Vec<f32>, Unavailable>>,
    /// Whether the file has frames beside the one that was looked at.
    pub(super) more_frames: bool,
}

impl Looked {
    /// The room that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let names = self.found.iter().flat_map(|(_, found)| found.iter().flatten());
        let view = self.view.iter().flatten().map(|view| 4 * view.len());
        self.labels.bytes() + names.map(|label| label.name.len() + size_of::<Label>()).chain(view).sum::<usize>()
    }
}

/// A job: decodes a picture once and lets the labeller and all that is wanted look at it.
pub(super) fn sight(
    model: &mut dyn Model,
    card: &Card,
    payload: &[u8],
    limits: &PictureLimits,
    wanted: &[Detector],
    spent: &Spent,
) -> Result<Sight, ModelError> {
    let since = Instant::now();
    let framed = |photo: Photo| picture::cut(&photo, card.frame).map(|pixels| (photo, pixels));
    let decoded = payload::decode(payload, limits.bytes)
        .and_then(|file| Ok((picture::read(&file, limits, framed)?, frames::has_more(&file))));
    Spent::add(&spent.decode, since);
    let ((photo, pixels), more_frames) = match decoded {
        Ok(decoded) => decoded,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let since = Instant::now();
    let labels = Arc::new(Labelled::new(model.look(&pixels)?, card));
    let mut looked = Looked { labels, found: Vec::new(), view: None, more_frames };
    for &detector in wanted {
        match detector {
            Detector::DualEncoder => looked.view = Some(or_failed(detector, model.view(&photo))),
            Detector::Objects | Detector::Gestures => {
                let found = model.detect(detector, &photo).and_then(|labels| labels.into_iter().map(certain).collect());
                looked.found.push((detector, or_failed(detector, found)));
            }
        }
    }
    Spent::add(&spent.infer, since);
    Ok(Ok(Arc::new(looked)))
}

/// A detector that fails takes nothing else with it.
fn or_failed<T>(detector: Detector, result: Result<T, ModelError>) -> Result<T, Unavailable> {
    result.map_err(|error| {
        tracing::warn!(%error, %detector, "a detector failed: the picture is read without it");
        Unavailable::Failed
    })
}

fn certain(label: Label) -> Result<Label, ModelError> {
    Ok(Label { probability: sound(label.probability)?, ..label })
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

/// A job: reads a question, a piece of its answer and a norm together.
pub(super) fn judged(model: &mut dyn Model, triple: &Triple) -> Result<AnswerOdds, ModelError> {
    let odds = model.answer(triple)?;
    Ok(AnswerOdds {
        breaches: sound(odds.breaches)?,
        aware: sound(odds.aware)?,
        educates: sound(odds.educates)?,
        helpful: sound(odds.helpful)?,
    })
}

/// A probability, or an error where a model gave none.
fn sound(probability: f32) -> Result<f32, ModelError> {
    if probability.is_nan() {
        return Err(ModelError::Other("a model gave a number that is none".to_owned()));
    }
    Ok(probability.clamp(0.0, 1.0))
}
