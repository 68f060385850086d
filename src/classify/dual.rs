//! A dual encoder: pictures and words as points of one space, so that a norm's own cues can be looked for. The files are laid out as exports of CLIP
//! and its kin have them; `docs/dual-encoder.md` says how a bundle is made.

use serde::Deserialize;
use tokenizers::{Tokenizer, TruncationParams};

use super::bundle::Bundle;
use super::detectors::{Session, sound_side};
use super::engine::{Engine, Graph};
use super::loaded::{outputs, rows};
use super::model::ModelError;
use super::network::Tensor;
use super::options::OpenError;
use super::picture::{self, Frame, Photo};
use super::things::Matching;
use super::tokens::TokenError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vision {
    input: String,
    output: String,
    image_size: u32,
    /// The whole picture in a square, or a square out of its middle.
    resize: Resize,
    mean: [f32; 3],
    std: [f32; 3],
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Resize {
    Squash,
    Crop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    ids: String,
    mask: Option<String>,
    output: String,
    max_tokens: usize,
    /// The token that fills a text up to `max_tokens`; none: texts are as long as they are.
    pad: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    template: String,
    #[serde(default)]
    background: Vec<String>,
    scale: f32,
    bias: f32,
    threshold: f32,
    /// How many numbers pictures and words become.
    dimensions: usize,
}

#[derive(Deserialize)]
struct Facts {
    vision: Vision,
    text: Text,
    #[serde(rename = "match")]
    matching: Match,
}

/// A dual encoder's two graphs.
pub(super) struct Dual {
    vision: (Graph, Vision),
    text: (Graph, Text),
    tokenizer: Tokenizer,
    matching: Matching,
    dimensions: usize,
}

impl std::fmt::Debug for Dual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dual").field("matching", &self.matching).finish_non_exhaustive()
    }
}

impl Dual {
    /// Opens the bundle.
    pub(super) fn open(bundle: &Bundle, engine: &Engine) -> Result<Self, OpenError> {
        let Facts { vision, text, matching } = bundle.facts()?;
        sound_side(bundle, vision.image_size)?;
        let said = |message: &str| OpenError::from(bundle.flaw("model.toml", &message));
        let numbers = [matching.scale, matching.bias, matching.threshold];
        if !numbers.iter().chain(&vision.mean).chain(&vision.std).all(|number| number.is_finite()) {
            return Err(said("mean, std, scale, bias and threshold must be finite numbers"));
        }
        if vision.std.iter().any(|deviation| *deviation <= 0.0) {
            return Err(said("the values of std must be greater than 0"));
        }
        // What tokenizers put around a text must fit, too.
        if !(8..=1024).contains(&text.max_tokens) {
            return Err(said("max_tokens must be between 8 and 1024"));
        }
        if !matching.template.contains("{}") {
            return Err(said("template must hold {} where the cue goes"));
        }
        let tokenizer = tokenizer(&bundle.file("tokenizer.json")?, text.max_tokens);
        let tokenizer = tokenizer.map_err(|error| bundle.flaw("tokenizer.json", &error))?;
        let Match { template, background, scale, bias, threshold, dimensions } = matching;
        Ok(Self {
            vision: (engine.load(&bundle.file("vision_model.onnx")?)?, vision),
            text: (engine.load(&bundle.file("text_model.onnx")?)?, text),
            tokenizer,
            matching: Matching { template, background, scale, bias, threshold },
            dimensions,
        })
    }

    /// How its pictures and words are compared.
    pub(super) fn matching(&self) -> &Matching {
        &self.matching
    }

    /// A picture, of length 1.
    pub(super) fn view(&self, session: &mut Session, photo: &Photo) -> Result<Vec<f32>, ModelError> {
        let (graph, facts) = &self.vision;
        let pixels = match facts.resize {
            Resize::Squash => picture::squashed(photo, facts.image_size),
            Resize::Crop => picture::cut(photo, Frame { side: facts.image_size, crop: 1.0 }),
        };
        let mut pixels = pixels.map_err(|flaw| ModelError::Other(flaw.to_string()))?;
        let planes = pixels.planes.chunks_exact_mut(pixels.side * pixels.side);
        for (plane, (mean, deviation)) in planes.zip(facts.mean.iter().zip(facts.std)) {
            for value in plane {
                *value = (*value / 255.0 - mean) / deviation;
            }
        }
        let image = Tensor::floats(&[1, 3, pixels.side, pixels.side], pixels.planes);
        let [view] = outputs(session.on(graph, &[&facts.output])?, &[(&facts.input, image)])?;
        rows(view.len(), self.dimensions)?;
        Ok(unit(view))
    }

    /// Words, of length 1.
    pub(super) fn caption(&self, session: &mut Session, words: &str) -> Result<Vec<f32>, ModelError> {
        let (graph, facts) = &self.text;
        let encoding = self.tokenizer.encode_fast(words, true).map_err(|error| TokenError(error.to_string()))?;
        let mut ids: Vec<i64> = encoding.get_ids().iter().copied().map(i64::from).collect();
        let mut mask = vec![1; ids.len()];
        if let Some(pad) = facts.pad {
            ids.resize(facts.max_tokens, pad);
            mask.resize(facts.max_tokens, 0);
        }
        let shape = [1, ids.len()];
        let mut inputs = vec![(facts.ids.as_str(), Tensor::integers(&shape, ids))];
        if let Some(name) = &facts.mask {
            inputs.push((name, Tensor::integers(&shape, mask)));
        }
        let [caption] = outputs(session.on(graph, &[&facts.output])?, &inputs)?;
        rows(caption.len(), self.dimensions)?;
        Ok(unit(caption))
    }
}

fn tokenizer(file: &[u8], most: usize) -> Result<Tokenizer, TokenError> {
    let said = |error: tokenizers::Error| TokenError(error.to_string());
    let mut tokenizer = Tokenizer::from_bytes(file).map_err(said)?;
    tokenizer
        .with_truncation(Some(TruncationParams { max_length: most, ..TruncationParams::default() }))
        .map_err(said)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    for value in &mut values {
        *value /= length;
    }
    values
}
