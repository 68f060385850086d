//! Objects of a fixed list, found anywhere in a picture.

use serde::Deserialize;

use crate::domain::Label;

use super::bundle::Bundle;
use super::detectors::{Session, sound_side};
use super::engine::{Engine, Graph};
use super::loaded::{outputs, rows};
use super::model::ModelError;
use super::network::Tensor;
use super::options::OpenError;
use super::picture::{self, Photo};

#[derive(Deserialize)]
struct Facts {
    threshold: f32,
    input: Input,
}

#[derive(Deserialize)]
struct Input {
    image_size: u32,
}

/// A detector: `image` f32 `[1,3,S,S]`, RGB 0..=255, the whole picture in the middle of a black square -> `scores` f32 `[1,N]`, for each name how sure it is that one is there.
#[derive(Debug)]
pub(super) struct Objects {
    graph: Graph,
    names: Vec<String>,
    side: u32,
    threshold: f32,
}

impl Objects {
    /// Opens the bundle.
    pub(super) fn open(bundle: &Bundle, engine: &Engine) -> Result<Self, OpenError> {
        let facts: Facts = bundle.facts()?;
        let names: Vec<String> =
            serde_json::from_slice(&bundle.file("names.json")?).map_err(|error| bundle.flaw("names.json", &error))?;
        sound_side(bundle, facts.input.image_size)?;
        let graph = engine.load(&bundle.file("objects.onnx")?)?;
        Ok(Self { graph, names, side: facts.input.image_size, threshold: facts.threshold })
    }

    /// What it can find.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// What is in a picture, in the order of the names.
    pub(super) fn detect(&self, session: &mut Session, picture: &Photo) -> Result<Vec<Label>, ModelError> {
        let pixels = picture::letterbox(picture, self.side).map_err(|flaw| ModelError::Other(flaw.to_string()))?;
        let image = Tensor::floats(&[1, 3, pixels.side, pixels.side], pixels.planes);
        let [scores] = outputs(session.on(&self.graph, &["scores"])?, &[("image", image)])?;
        rows(scores.len(), self.names.len())?;
        let found = self.names.iter().zip(scores).filter(|(_, score)| *score >= self.threshold);
        Ok(found.map(|(name, probability)| Label { name: name.clone(), probability }).collect())
    }
}
