//! Norms, turns and models for this module's tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tokio::time::Instant;

use crate::domain::{Detector, Domain, Label, Message, Norm, Part, Picture, Role, Strength, Texts, Turn};

use super::card::Card;
use super::labels::Labels;
use super::model::{AnswerOdds, Embedding, Model, ModelError, NormRows, Pair, Triple};
use super::picture::{Photo, Pixels};
use super::states::States;
use super::things::Finds;
use super::vectors::NormVectors;

/// A norm that says `says`, with cues, asks and answers.
pub(super) fn norm(id: &str, says: &str, [see, asks, answers]: [&[&str]; 3]) -> Arc<Norm> {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let text = |text: &str| Texts::new(text, BTreeMap::new());
    Arc::new(Norm {
        id: id.parse().unwrap(),
        domain: Domain::Gifts,
        strength: Strength::Taboo,
        says: text(says),
        why: text(""),
        instead: text(""),
        see: list(see),
        asks: list(asks),
        answers: list(answers),
        regions: Vec::new(),
        among: None,
        sources: Vec::new(),
    })
}

/// A user's message with a text and pictures, each of one colour.
pub(super) fn turn(text: &str, colours: &[[u8; 3]]) -> Turn {
    let pictures = colours.iter().map(|colour| Part::Picture(Picture::Inline(payload(*colour))));
    let parts = std::iter::once(Part::Text(text.to_owned())).chain(pictures).collect();
    Turn { messages: vec![Message { role: Some(Role::User), parts }] }
}

/// A png of one colour in base64.
pub(super) fn payload(colour: [u8; 3]) -> Bytes {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgb8(RgbImage::from_pixel(16, 16, Rgb(colour)));
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    base64_simd::STANDARD.encode_to_string(file.into_inner()).into()
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// A model whose answers can be worked out by hand, and which counts what it was asked.
#[derive(Clone)]
pub(super) struct Toy {
    pub(super) embedded: Arc<Heard>,
    pub(super) looked: Arc<AtomicUsize>,
    /// Pictures that a detector looked at.
    pub(super) detected: Arc<AtomicUsize>,
    /// Pairs that were read.
    pub(super) paired: Arc<AtomicUsize>,
    /// A text that makes it panic.
    pub(super) fears: Option<&'static str>,
    /// How long a look takes.
    pub(super) pause: Duration,
    /// What reading together makes of a probability.
    pub(super) closer: f32,
}

impl Default for Toy {
    /// It fears nothing, and reading together changes nothing.
    fn default() -> Self {
        let (embedded, looked, detected, paired) = Default::default();
        Self { embedded, looked, detected, paired, fears: None, pause: Duration::ZERO, closer: 1.0 }
    }
}

/// The texts that were embedded.
#[derive(Default)]
pub(super) struct Heard(std::sync::Mutex<Vec<String>>);

impl Heard {
    pub(super) fn sorted(&self) -> Vec<String> {
        let mut texts = self.0.lock().unwrap().clone();
        texts.sort();
        texts
    }
}

impl Toy {
    pub(super) fn boxed(&self) -> Box<dyn Model> {
        Box::new(self.clone())
    }
}

impl Model for Toy {
    /// Red pictures show a clock, others a vase.
    fn look(&mut self, picture: &Pixels) -> Result<Vec<f32>, ModelError> {
        std::thread::sleep(self.pause);
        self.looked.fetch_add(1, Ordering::SeqCst);
        let red = picture.planes.first().is_some_and(|value| *value > 128.0);
        Ok(if red { vec![0.9, 0.1] } else { vec![0.1, 0.9] })
    }

    /// A wine glass in red pictures, and a spoon in all.
    fn detect(&mut self, _: Detector, picture: &Photo) -> Result<Vec<Label>, ModelError> {
        self.detected.fetch_add(1, Ordering::SeqCst);
        let label = |name: &str, probability| Label { name: name.to_owned(), probability };
        let red = picture.get_pixel(0, 0).0[0] > 128;
        Ok(red.then(|| label("wine glass", 0.8)).into_iter().chain([label("spoon", 0.7)]).collect())
    }

    /// Two coordinates: how often the text says `clock`, and 1. One state: its length.
    fn embed(&mut self, text: &str) -> Result<Embedding, ModelError> {
        assert!(self.fears.is_none_or(|fear| !text.contains(fear)), "the model met what it fears");
        self.embedded.0.lock().unwrap().push(text.to_owned());
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let clocks = text.matches("clock").count() as f32;
        #[expect(clippy::cast_precision_loss, reason = "short texts")]
        let states = States::of(&[text.len() as f32], 1);
        Ok(Embedding { cut: text.contains("cut"), states, ..Embedding::of(vec![clocks, 1.0]) })
    }

    /// The evidence that the cues are seen.
    fn norms(&mut self, rows: &NormRows) -> Result<Vec<f32>, ModelError> {
        Ok(rows.rows.iter().map(|row| row.evidence[3]).collect())
    }

    /// The same, times `closer`.
    fn pair(&mut self, pair: &Pair) -> Result<f32, ModelError> {
        self.paired.fetch_add(1, Ordering::SeqCst);
        Ok(pair.evidence[3] * self.closer)
    }

    /// A breach where the piece says `clock`; helpful by the picture.
    fn answer(&mut self, triple: &Triple) -> Result<AnswerOdds, ModelError> {
        let breaches = triple.answer.values[0].max(triple.evidence[1]) / 2.0;
        Ok(AnswerOdds { breaches, aware: 0.2, educates: 0.3, helpful: triple.scene.values[0] / 4.0 })
    }

    fn card(&self) -> Arc<Card> {
        Arc::new(Card {
            labels: Labels::new(vec!["wall clock".to_owned(), "vase".to_owned()]),
            label_embeddings: vec![1.0, 1.0, 0.0, 1.0],
            finds: vec![Finds::new(Detector::Objects, ["wine glass", "spoon"])],
            languages: Some(vec![crate::domain::Language::ENGLISH]),
            at_stake: 0.6,
            shortlist: 2,
            breach: 0.4,
            ..Card::default()
        })
    }
}

/// A norm's vectors by a model.
pub(super) fn vectors(model: &mut dyn Model, card: &Card, norm: &Norm) -> Result<NormVectors, ModelError> {
    let embedded = NormVectors::embedded(model, card, norm)?;
    Ok(NormVectors::of(card, norm, &embedded).unwrap())
}
