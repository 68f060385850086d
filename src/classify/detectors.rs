//! The bundles that a deployment may or may not have: detectors that look for what norms ask for.
//!
//! A folder that is not there is no detector. One that is there must verify like any other bundle. Their sessions open with their first picture, so that a
//! deployment whose norms ask for nothing of the kind pays nothing for them.

use std::path::Path;

use crate::domain::{Detector, Label};

use super::bundle::{Bundle, BundleError};
use super::dual::Dual;
use super::engine::{Engine, Graph};
use super::hands::Hands;
use super::model::ModelError;
use super::network::{Network, NetworkError};
use super::objects::Objects;
use super::options::OpenError;
use super::picture::Photo;
use super::things::{Finds, Matching};

/// The detectors of a deployment, shared by its threads.
#[derive(Debug)]
pub(super) struct Detectors {
    objects: Option<Objects>,
    hands: Option<Hands>,
    dual: Option<Dual>,
    hashes: Vec<blake3::Hash>,
}

/// One thread's sessions on them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    pub(super) objects: Session,
    pub(super) palms: Session,
    pub(super) hand: Session,
    pub(super) vision: Session,
    pub(super) text: Session,
}

/// A session that opens when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Session(Option<Box<dyn Network>>);

impl Session {
    /// The session, on this graph with these outputs.
    pub(super) fn on(&mut self, graph: &Graph, outputs: &[&str]) -> Result<&mut dyn Network, NetworkError> {
        let network = match self.0.take() {
            Some(network) => network,
            None => graph.session(outputs)?,
        };
        Ok(self.0.insert(network).as_mut())
    }
}

impl Detectors {
    /// Reads and verifies the bundles that are there.
    pub(super) fn open(models: &Path, engine: &Engine) -> Result<Self, OpenError> {
        let bundle = |name: &str| {
            let folder = models.join(name);
            // A folder that is there and cannot be looked into is an error, as is a link to nowhere: only what is absent is no detector.
            let absent =
                std::fs::symlink_metadata(&folder).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
            (!absent).then(|| Bundle::open(&folder, name)).transpose()
        };
        let (objects, hands, dual) = (bundle("objects")?, bundle("hands")?, bundle("dual-encoder")?);
        let hashes = [&objects, &hands, &dual].into_iter().flatten().map(Bundle::hash).collect();
        Ok(Self {
            objects: objects.map(|bundle| Objects::open(&bundle, engine)).transpose()?,
            hands: hands.map(|bundle| Hands::open(&bundle, engine)).transpose()?,
            dual: dual.map(|bundle| Dual::open(&bundle, engine)).transpose()?,
            hashes,
        })
    }

    /// The hashes of the bundles that are there, always in the same order.
    pub(super) fn hashes(&self) -> &[blake3::Hash] {
        &self.hashes
    }

    /// What the detectors of fixed lists find.
    pub(super) fn finds(&self) -> Vec<Finds> {
        let objects = self.objects.iter().map(|objects| Finds::new(Detector::Objects, objects.names()));
        let hands = self.hands.iter().map(|_| Finds::new(Detector::Gestures, Hands::names()));
        objects.chain(hands).collect()
    }

    /// How the dual encoder compares pictures with cues.
    pub(super) fn matching(&self) -> Option<Matching> {
        self.dual.as_ref().map(|dual| dual.matching().clone())
    }

    /// What a detector finds in a picture.
    pub(super) fn detect(
        &self,
        sessions: &mut Sessions,
        detector: Detector,
        picture: &Photo,
    ) -> Result<Vec<Label>, ModelError> {
        match (detector, &self.objects, &self.hands) {
            (Detector::Objects, Some(objects), _) => objects.detect(&mut sessions.objects, picture),
            (Detector::Gestures, _, Some(hands)) => hands.detect(&mut sessions.palms, &mut sessions.hand, picture),
            (Detector::Objects | Detector::Gestures | Detector::DualEncoder, ..) => Err(absent(detector)),
        }
    }

    /// A picture as the dual encoder sees it.
    pub(super) fn view(&self, sessions: &mut Sessions, picture: &Photo) -> Result<Vec<f32>, ModelError> {
        let dual = self.dual.as_ref().ok_or_else(|| absent(Detector::DualEncoder))?;
        dual.view(&mut sessions.vision, picture)
    }

    /// Words as the dual encoder reads them.
    pub(super) fn caption(&self, sessions: &mut Sessions, words: &str) -> Result<Vec<f32>, ModelError> {
        let dual = self.dual.as_ref().ok_or_else(|| absent(Detector::DualEncoder))?;
        dual.caption(&mut sessions.text, words)
    }
}

/// Refuses a picture's side that is nothing, or more than a detector could want.
pub(super) fn sound_side(bundle: &Bundle, side: u32) -> Result<(), BundleError> {
    let sound = (1..=2048).contains(&side);
    sound.then_some(()).ok_or_else(|| bundle.flaw("model.toml", &"image_size must be between 1 and 2048"))
}

fn absent(detector: Detector) -> ModelError {
    ModelError::Other(format!("there is no bundle for the detector {detector}"))
}
