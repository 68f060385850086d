//! Things: what detectors find in a picture beside the labels. `models/FEATURES.md`, section 10, says what becomes of them.

use std::collections::BTreeSet;

use crate::domain::{Detector, Label, Thing};

use super::features::dot;
use super::words::Name;

/// The most things of one picture that are told.
const MOST: usize = 8;

/// What a detector can find.
#[derive(Debug, Clone)]
pub struct Finds {
    /// The detector.
    pub detector: Detector,
    things: Vec<Name>,
}

impl Finds {
    /// A detector that finds things of these names.
    #[must_use]
    pub fn new<'a>(detector: Detector, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { detector, things: names.into_iter().map(Name::of).collect() }
    }

    /// Whether a cue asks for one of them.
    pub(super) fn answer(&self, cue: &BTreeSet<String>) -> bool {
        self.things.iter().any(|thing| thing.answers(cue))
    }
}

/// How a dual encoder's picture and words are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// What a cue is put into, with `{}` where it goes.
    pub template: String,
    /// Words that go with any picture: a cue must be nearer than they are. Empty for encoders whose nearness means something by itself.
    pub background: Vec<String>,
    /// What nearness is multiplied by.
    pub scale: f32,
    /// What is added then.
    pub bias: f32,
    /// The probability from which a cue counts as seen.
    pub threshold: f32,
}

impl Matching {
    /// A cue as the dual encoder's text side takes it.
    pub(super) fn caption(&self, cue: &str) -> String {
        self.template.replace("{}", cue.trim())
    }

    /// How likely a picture shows what a caption says; all are of length 1.
    pub(super) fn probability(&self, view: &[f32], caption: &[f32], background: &[&[f32]]) -> f32 {
        let least = background.iter().map(|words| dot(view, words)).reduce(f32::max).unwrap_or(0.0);
        1.0 / (1.0 + (-(self.scale * (dot(view, caption) - least) + self.bias)).exp())
    }
}

/// Things of which each answers a cue in play, the surest first.
pub(super) fn told(mut things: Vec<Thing>) -> Vec<Thing> {
    things.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let mut names = BTreeSet::new();
    things.retain(|thing| names.insert(thing.name.clone()));
    things.truncate(MOST);
    things
}

/// What a detector found, as things.
pub(super) fn by(detector: Detector, found: &[Label]) -> impl Iterator<Item = Thing> {
    found.iter().map(move |label| Thing { name: label.name.clone(), probability: label.probability, detector })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(text: &str) -> BTreeSet<String> {
        super::super::words::words(text)
    }

    #[test]
    fn a_thing_answers_a_cue_that_is_no_more_special() {
        let finds = Finds::new(Detector::Objects, ["wine glass", "bottle"]);
        assert!(finds.answer(&words_of("glass")) && finds.answer(&words_of("wine glasses")));
        assert!(!finds.answer(&words_of("wine bottle")), "a bottle may be one of water");
        assert!(!finds.answer(&words_of("wine")), "a glass for wine is a glass");
        assert!(!finds.answer(&words_of("")));
    }

    #[test]
    fn a_caption_must_be_nearer_than_the_background() {
        let matching = Matching {
            template: "a photo of {}".to_owned(),
            background: vec!["a photo".to_owned()],
            scale: 100.0,
            bias: 0.0,
            threshold: 0.5,
        };
        assert_eq!(matching.caption(" wall clock"), "a photo of wall clock");
        let (view, near, far) = ([1.0, 0.0], [0.8, 0.6], [0.0, 1.0]);
        assert!(matching.probability(&view, &near, &[&far]) > 0.99);
        assert!(matching.probability(&view, &far, &[&near]) < 0.01);
        let alone = matching.probability(&view, &far, &[]);
        assert!((alone - 0.5).abs() < 1e-6, "{alone}");
    }

    #[test]
    fn the_surest_things_are_told_each_once() {
        let thing = |name: &str, probability| Thing { name: name.to_owned(), probability, detector: Detector::Objects };
        let many = (0..20_u8).map(|number| thing(&number.to_string(), f32::from(number) / 40.0));
        let things = told(many.chain([thing("clock", 0.6), thing("clock", 0.9)]).collect());
        assert_eq!(things.len(), MOST);
        assert_eq!(things[0], thing("clock", 0.9));
        assert_eq!(things[1].name, "19");
    }
}
