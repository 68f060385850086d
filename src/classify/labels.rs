//! What a picture shows: a distribution over names.

use std::collections::BTreeSet;

use crate::domain::{Label, Thing};

use super::words;

/// A label below this probability is not named to the text encoder.
const NAMED: f32 = 0.1;
/// The most labels of one picture that are named.
const NAMED_PER_PICTURE: usize = 3;
/// The most labels of all pictures that are named.
const NAMED_PER_TURN: usize = 6;
/// How sure a labeller is taken to be of what somebody says a picture shows.
const MADE_UP: f32 = 0.8;
/// A label below this probability is not reported.
const REPORTED: f32 = 0.01;
/// The most labels of one picture that are reported.
const REPORTED_PER_PICTURE: usize = 10;

/// The names that a labeller knows, in the order of its logits.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    names: Vec<String>,
    words: Vec<BTreeSet<String>>,
}

impl Labels {
    /// Labels by these names.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        let words = names.iter().map(|name| words::words(name)).collect();
        Self { names, words }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The labels that fit at least one of the cues, by index.
    pub(super) fn fitting(&self, cues: &[String]) -> Vec<usize> {
        let cues: Vec<_> = cues.iter().map(|cue| words::words(cue)).collect();
        let fits = |label: &BTreeSet<String>| cues.iter().any(|cue| words::fits(label, cue));
        self.words.iter().enumerate().filter(|(_, label)| fits(label)).map(|(index, _)| index).collect()
    }

    /// The likeliest labels of a distribution, best first.
    pub(super) fn reported(&self, distribution: &[f32]) -> Vec<Label> {
        let best = best(distribution, REPORTED, REPORTED_PER_PICTURE);
        let label =
            |(index, probability): (usize, f32)| Some(Label { name: self.names.get(index)?.clone(), probability });
        best.into_iter().filter_map(label).collect()
    }

    /// A distribution that holds what [`Labels::reported`] kept of one.
    pub(super) fn distribution(&self, labels: &[Label]) -> Vec<f32> {
        let probability =
            |name: &String| labels.iter().find(|label| label.name == *name).map_or(0.0, |label| label.probability);
        self.names.iter().map(probability).collect()
    }

    /// The label that bears a name, or else the first one that fits it as it would fit a cue.
    pub(super) fn called(&self, name: &str) -> Option<usize> {
        let lower = name.trim().to_lowercase();
        let same = self.names.iter().position(|label| label.to_lowercase() == lower);
        same.or_else(|| self.fitting(&[lower]).first().copied())
    }

    /// The distribution of a picture that is known only by the label it shows (`models/FEATURES.md`, section 8).
    pub(super) fn made_up(&self, shown: usize) -> Vec<f32> {
        #[expect(clippy::cast_precision_loss, reason = "a thousand labels")]
        let rest = (1.0 - MADE_UP) / self.names.len().saturating_sub(1).max(1) as f32;
        (0..self.names.len()).map(|index| if index == shown { MADE_UP } else { rest }).collect()
    }

    /// The question with what its pictures show (`models/FEATURES.md`, section 3); the question itself where they show nothing sure.
    pub(super) fn scene<'a>(&'a self, query: &str, pictures: impl Iterator<Item = (&'a [f32], &'a [Thing])>) -> String {
        let mut named: Vec<&str> = Vec::new();
        for (labels, things) in pictures {
            let labels = best(labels, NAMED, NAMED_PER_PICTURE).into_iter();
            let labels = labels.filter_map(|(index, _)| self.names.get(index).map(String::as_str));
            let things = things.iter().take(NAMED_PER_PICTURE).map(|thing| thing.name.as_str());
            for name in labels.chain(things) {
                if !named.contains(&name) && named.len() < NAMED_PER_TURN {
                    named.push(name);
                }
            }
        }
        if named.is_empty() { query.to_owned() } else { format!("{query} (in the photo: {})", named.join(", ")) }
    }
}

/// The entries above `least`, the largest first and among equals the first first, at most `most`.
fn best(distribution: &[f32], least: f32, most: usize) -> Vec<(usize, f32)> {
    let mut best: Vec<(usize, f32)> = distribution.iter().copied().enumerate().filter(|(_, p)| *p > least).collect();
    best.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    best.truncate(most);
    best
}

/// Turns logits into probabilities.
pub(super) fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Detector;

    fn labels() -> Labels {
        Labels::new(["wall clock", "vase", "wine bottle", "shoe"].map(str::to_owned).to_vec())
    }

    #[test]
    fn probabilities_add_up_to_one_even_for_huge_logits() {
        let probabilities = softmax(&[1000.0, 999.0, -1000.0]);
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((probabilities[0] - 0.731).abs() < 1e-3);
    }

    #[test]
    fn a_scene_names_what_is_sure_and_each_name_once() {
        let pictures: [&[f32]; 2] = [&[0.5, 0.3, 0.1, 0.1], &[0.2, 0.0, 0.7, 0.1]];
        let labels = labels();
        let scene = labels.scene("May I bring these?", pictures.into_iter().map(|picture| (picture, &[][..])));
        assert_eq!(scene, "May I bring these? (in the photo: wall clock, vase, wine bottle)");
        let things = ["vase", "thumbs up"].map(|name| Thing {
            name: name.to_owned(),
            probability: 0.9,
            detector: Detector::Gestures,
        });
        let scene = labels.scene("May I?", [(pictures[0], &things[..])].into_iter());
        assert_eq!(scene, "May I? (in the photo: wall clock, vase, thumbs up)", "things stand behind labels");
        assert_eq!(labels.scene("Hm?", std::iter::empty()), "Hm?");
    }

    #[test]
    fn of_equal_labels_the_first_comes_first() {
        let names: Vec<String> =
            labels().reported(&[0.2, 0.3, 0.3, 0.005]).into_iter().map(|label| label.name).collect();
        assert_eq!(names, ["vase", "wine bottle", "wall clock"]);
    }

    #[test]
    fn what_was_reported_can_be_read_back() {
        let reported = labels().reported(&[0.6, 0.39, 0.005, 0.005]);
        assert_eq!(labels().distribution(&reported), [0.6, 0.39, 0.0, 0.0]);
    }

    #[test]
    fn a_picture_known_by_name_shows_mostly_that() {
        assert_eq!(labels().called("Wine Bottle"), Some(2));
        assert_eq!((labels().called("clocks"), labels().called("sofa")), (Some(0), None));
        let made_up = labels().made_up(1);
        assert!((made_up[1] - 0.8).abs() < 1e-6 && (made_up[0] - 0.2 / 3.0).abs() < 1e-6);
        assert!((made_up.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn cues_choose_labels() {
        assert_eq!(labels().fitting(&["clock".into(), "shoes".into()]), [0, 3]);
        assert!(labels().fitting(&[]).is_empty());
    }
}
