//! The models: five verified bundles and the detectors beside them, and one set of sessions on them for each thread.

use std::path::Path;
use std::sync::Arc;

use half::f16;
use serde::Deserialize;

use crate::domain::{Detector, Label, Language};

use super::bundle::{Bundle, BundleError};
use super::card::Card;
use super::detectors::{Detectors, Sessions};
use super::engine::{Engine, Graph};
use super::features::{ANSWER_FEATURES, NORM_FEATURES, PAIR_FEATURES};
use super::labels::{Labels, softmax};
use super::model::{AnswerOdds, Embedding, Model, ModelError, NormRows, Pair, Triple};
use super::network::{Network, NetworkError, Tensor};
use super::options::OpenError;
use super::picture::{Frame, Photo, Pixels};
use super::states::States;
use super::tokens::{TableShape, Tokens};

#[derive(Deserialize)]
struct TextFacts {
    input: TextInput,
}

#[derive(Deserialize)]
struct TextInput {
    query_prefix: String,
    passage_prefix: String,
    max_tokens: usize,
    vocabulary: usize,
    columns: usize,
    block: usize,
}

#[derive(Deserialize)]
struct PictureFacts {
    input: PictureInput,
}

#[derive(Deserialize)]
struct PictureInput {
    image_size: u32,
    crop_fraction: f64,
}

#[derive(Deserialize)]
struct HeadFacts<T> {
    features: Vec<String>,
    threshold: T,
    encoder: Encoder,
}

/// What the pair model's bundle says beside what a head's says.
#[derive(Deserialize)]
struct Closer {
    /// The most norms that it reads for one question.
    shortlist: usize,
    /// The norm head's probability from which a norm is read.
    shortlisted: f32,
    /// The languages in which it was found to work; none: all.
    languages: Option<Vec<Language>>,
}

#[derive(Deserialize)]
struct Encoder {
    text_encoder: String,
    picture_labels: String,
}

#[derive(Deserialize)]
struct AnswerThresholds {
    breaches: f32,
}

/// Everything that the threads share: graphs, tokenizer, token table, card.
#[derive(Debug)]
pub(super) struct Loaded {
    card: Arc<Card>,
    tokens: Tokens,
    encoder: Graph,
    labeller: Graph,
    norm_head: Graph,
    pair_model: Graph,
    answer_model: Graph,
    detectors: Detectors,
}

impl Loaded {
    /// How the models' numbers are to be read.
    pub(super) fn card(&self) -> Arc<Card> {
        Arc::clone(&self.card)
    }

    /// Reads and verifies the five bundles in `models`, and those of detectors that are there.
    pub(super) fn open(models: &Path, engine: &Engine) -> Result<Self, OpenError> {
        let [text, picture, norm, pair, answer] =
            ["text-encoder", "picture-labels", "norm-head", "pair-model", "answer-model"]
                .map(|kind| Bundle::open(&models.join(kind), kind));
        let (text, picture, norm, pair, answer) = (text?, picture?, norm?, pair?, answer?);
        let facts: TextFacts = text.facts()?;
        let norm_facts: HeadFacts<f32> = norm.facts()?;
        let pair_facts: HeadFacts<f32> = pair.facts()?;
        let closer: Closer = pair.facts()?;
        let answer_facts: HeadFacts<AnswerThresholds> = answer.facts()?;
        fits(&norm, &norm_facts, &NORM_FEATURES, &text, &picture)?;
        fits(&pair, &pair_facts, &[&NORM_FEATURES[..], &PAIR_FEATURES].concat(), &text, &picture)?;
        fits(&answer, &answer_facts, &ANSWER_FEATURES, &text, &picture)?;
        let tokens = tokens(&text, &facts.input)?;
        let frame: PictureFacts = picture.facts()?;
        let labels: Vec<String> = serde_json::from_slice(&picture.file("labels.json")?)
            .map_err(|error| picture.flaw("labels.json", &error))?;
        let columns = facts.input.columns;
        norm.measures("label-embeddings.f16", labels.len() * columns * 2)?;
        norm.measures("centre.f32", columns * 4)?;
        answer.measures("centre.f32", columns * 4)?;
        let detectors = Detectors::open(models, engine)?;
        let bundles = [&text, &picture, &norm, &pair, &answer].map(Bundle::hash);
        let card = Card {
            hash: hash(bundles.iter().chain(detectors.hashes())),
            backend: engine.name(),
            languages: closer.languages,
            query_prefix: facts.input.query_prefix,
            passage_prefix: facts.input.passage_prefix,
            frame: Frame { side: frame.input.image_size, crop: frame.input.crop_fraction },
            labels: Labels::new(labels),
            finds: detectors.finds(),
            matching: detectors.matching(),
            label_embeddings: halves(&norm.file("label-embeddings.f16")?),
            query_centre: singles(&norm.file("centre.f32")?),
            passage_centre: singles(&answer.file("centre.f32")?),
            at_stake: pair_facts.threshold,
            shortlist: closer.shortlist,
            shortlisted: closer.shortlisted,
            breach: answer_facts.threshold.breaches,
        };
        Ok(Self {
            card: Arc::new(card),
            tokens,
            encoder: engine.load(&text.file("encoder-body.onnx")?)?,
            labeller: engine.load(&picture.file("picture-labels.onnx")?)?,
            norm_head: engine.load(&norm.file("norm-head.onnx")?)?,
            pair_model: engine.load(&pair.file("pair-model.onnx")?)?,
            answer_model: engine.load(&answer.file("answer-model.onnx")?)?,
            detectors,
        })
    }
}

/// Refuses a head that reads other features or was trained on other encoders: its numbers would be noise.
fn fits<T>(
    head: &Bundle,
    facts: &HeadFacts<T>,
    features: &[&str],
    text: &Bundle,
    picture: &Bundle,
) -> Result<(), BundleError> {
    const ADVICE: &str = "train the head again on the encoders that are here (models/train), or restore the bundles that belong together";
    head.agree("features", &facts.features.join(" "), &features.join(" "), ADVICE)?;
    head.agree("encoder.text_encoder", &facts.encoder.text_encoder, text.sha256("encoder-body.onnx")?, ADVICE)?;
    head.agree("encoder.picture_labels", &facts.encoder.picture_labels, picture.sha256("picture-labels.onnx")?, ADVICE)
}

fn tokens(text: &Bundle, input: &TextInput) -> Result<Tokens, OpenError> {
    let TextInput { max_tokens, vocabulary, columns, block, .. } = *input;
    let sound = block > 0 && block.is_multiple_of(2) && columns.is_multiple_of(block) && max_tokens > 2;
    if !sound {
        return Err(text
            .flaw("model.toml", &"columns must be blocks of an even length, max_tokens more than 2")
            .into());
    }
    text.measures("token-table.i4", vocabulary * columns / 2)?;
    text.measures("token-scales.f16", vocabulary * columns / block * 2)?;
    let (table, scales) = (text.file("token-table.i4")?, text.file("token-scales.f16")?);
    let shape = TableShape { columns, block };
    let tokens = Tokens::new(&text.file("tokenizer.json")?, max_tokens, table, scales, shape);
    Ok(tokens.map_err(|error| text.flaw("tokenizer.json", &error))?)
}

/// One name for all bundles together: the first 16 hex digits of a BLAKE3 over the BLAKE3s of their `model.toml`, which hold the files' hashes.
fn hash<'a>(bundles: impl Iterator<Item = &'a blake3::Hash>) -> String {
    let mut hasher = blake3::Hasher::new();
    for bundle in bundles {
        hasher.update(bundle.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

fn halves(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|value| f16::from_le_bytes(*value).to_f32()).collect()
}

fn singles(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// One thread's sessions on the shipped models.
#[derive(Debug)]
pub(super) struct OnnxModel {
    loaded: Arc<Loaded>,
    encoder: Box<dyn Network>,
    labeller: Box<dyn Network>,
    norm_head: Box<dyn Network>,
    pair_model: Box<dyn Network>,
    answer_model: Box<dyn Network>,
    detectors: Sessions,
}

impl OnnxModel {
    /// Opens sessions for one more thread.
    pub(super) fn open(loaded: &Arc<Loaded>) -> Result<Self, NetworkError> {
        Ok(Self {
            encoder: loaded.encoder.session(&["embedding", "middle", "states"])?,
            labeller: loaded.labeller.session(&["logits"])?,
            norm_head: loaded.norm_head.session(&["probability"])?,
            pair_model: loaded.pair_model.session(&["probability"])?,
            answer_model: loaded.answer_model.session(&["breaches", "aware", "educates", "helpful"])?,
            detectors: Sessions::default(),
            loaded: Arc::clone(loaded),
        })
    }
}

impl Model for OnnxModel {
    fn look(&mut self, picture: &Pixels) -> Result<Vec<f32>, ModelError> {
        let image = Tensor::floats(&[1, 3, picture.side, picture.side], picture.planes.clone());
        let [logits] = outputs(self.labeller.as_mut(), &[("image", image)])?;
        rows(logits.len(), self.loaded.card.labels.len())?;
        Ok(softmax(&logits))
    }

    fn embed(&mut self, text: &str) -> Result<Embedding, ModelError> {
        let rows = self.loaded.tokens.rows(text)?;
        let inputs = [("token_embeddings", rows.embeddings), ("attention_mask", rows.mask)];
        let [values, middle, states] = outputs(self.encoder.as_mut(), &inputs)?;
        let states = States::of(&states, values.len());
        Ok(Embedding { middle: middle.into(), states, cut: rows.cut, ..Embedding::of(values) })
    }

    fn detect(&mut self, detector: Detector, picture: &Photo) -> Result<Vec<Label>, ModelError> {
        self.loaded.detectors.detect(&mut self.detectors, detector, picture)
    }

    fn view(&mut self, picture: &Photo) -> Result<Vec<f32>, ModelError> {
        self.loaded.detectors.view(&mut self.detectors, picture)
    }

    fn caption(&mut self, words: &str) -> Result<Vec<f32>, ModelError> {
        self.loaded.detectors.caption(&mut self.detectors, words)
    }

    fn norms(&mut self, rows: &NormRows) -> Result<Vec<f32>, ModelError> {
        let count = rows.rows.len();
        let inputs = [
            ("query", repeated(&rows.query, count)),
            ("scene", repeated(&rows.scene, count)),
            ("scene_middle", repeated(&rows.scene_middle, count)),
            ("norm", stacked(rows.rows.iter().map(|row| row.norm.as_slice()))),
            ("evidence", stacked(rows.rows.iter().map(|row| row.evidence.as_slice()))),
        ];
        let [probabilities] = outputs(self.norm_head.as_mut(), &inputs)?;
        Ok(probabilities)
    }

    /// One pair at a time: the graph's 8 bits have one scale for a whole tensor, so a pair would come out differently beside others.
    fn pair(&mut self, pair: &Pair) -> Result<f32, ModelError> {
        let inputs =
            [("scene", states(&pair.scene)), ("norm", states(&pair.norm)), ("evidence", stacked([&pair.evidence[..]]))];
        let [probability] = outputs(self.pair_model.as_mut(), &inputs)?;
        single(&probability)
    }

    /// One triple at a time, as in [`Model::pair`].
    fn answer(&mut self, triple: &Triple) -> Result<AnswerOdds, ModelError> {
        let inputs = [
            ("scene", states(&triple.scene.states)),
            ("answer", states(&triple.answer.states)),
            ("norm", states(&triple.norm)),
            ("evidence", stacked([&triple.evidence[..]])),
        ];
        let [breaches, aware, educates, helpful] = outputs(self.answer_model.as_mut(), &inputs)?;
        Ok(AnswerOdds {
            breaches: single(&breaches)?,
            aware: single(&aware)?,
            educates: single(&educates)?,
            helpful: single(&helpful)?,
        })
    }

    fn card(&self) -> Arc<Card> {
        self.loaded.card()
    }

    fn renew(&self) -> Option<Box<dyn Model>> {
        match Self::open(&self.loaded) {
            Ok(model) => Some(Box::new(model)),
            Err(error) => {
                tracing::error!(%error, "an inference thread cannot open its models again and ends");
                None
            }
        }
    }
}

/// Runs a graph whose `N` outputs are all floating point.
pub(super) fn outputs<const N: usize>(
    network: &mut dyn Network,
    inputs: &[(&str, Tensor)],
) -> Result<[Vec<f32>; N], ModelError> {
    let outputs: Vec<Vec<f32>> = network.run(inputs)?.into_iter().filter_map(Tensor::into_floats).collect();
    let found = outputs.len();
    outputs.try_into().map_err(|_| ModelError::Rows { found, expected: N })
}

/// The same row `count` times.
fn repeated(row: &[f32], count: usize) -> Tensor {
    Tensor::floats(&[count, row.len()], row.repeat(count))
}

/// Rows of equal length, one below the other.
fn stacked<'a>(rows: impl IntoIterator<Item = &'a [f32]>) -> Tensor {
    let (mut values, mut count, mut columns) = (Vec::new(), 0, 0);
    for row in rows {
        values.extend_from_slice(row);
        (count, columns) = (count + 1, row.len());
    }
    Tensor::floats(&[count, columns], values)
}

/// The tokens of a text, one row each.
fn states(states: &States) -> Tensor {
    Tensor::floats(&[states.len(), states.columns()], states.rows())
}

/// The only number of an output.
fn single(output: &[f32]) -> Result<f32, ModelError> {
    rows(output.len(), 1)?;
    output.first().copied().ok_or(ModelError::Rows { found: 0, expected: 1 })
}

/// Refuses an unexpected number of rows.
pub(super) fn rows(found: usize, expected: usize) -> Result<(), ModelError> {
    if found == expected { Ok(()) } else { Err(ModelError::Rows { found, expected }) }
}

#[cfg(test)]
#[cfg(all(feature = "ort", feature = "rten"))]
#[path = "loaded_tests.rs"]
mod tests;
