//! Judging a piece of an answer: what it does to each of the norms.

use std::sync::Arc;

use futures_util::future::{join, try_join_all};
use tokio::time::Instant;

use crate::domain::{Judgement, Norm, NormJudgement, Seen, Thing, Unavailable};

use super::card::Card;
use super::features::{Direction, Named, answer_evidence, named};
use super::jobs::{Spent, judged};
use super::keys::triple_key;
use super::live::Live;
use super::model::{AnswerOdds, Embedding, Triple};
use super::vectors::NormVectors;

/// The most parts in which a piece is read that is too long for the encoder. The guard's pieces are short: this many are more than any text of that length has.
const MOST_PARTS: usize = 64;

/// What a piece does to norms, and whether it was read to its end.
pub(super) struct Judged {
    pub(super) judgement: Judgement,
    pub(super) whole: bool,
}

/// What is the same for all parts of a piece.
struct Before<'a> {
    scene: Embedding,
    pictures: Vec<(Vec<f32>, Vec<Named>)>,
    norms: &'a [Arc<NormVectors>],
}

impl Live {
    /// Judges a piece. One that is too long for the encoder, as a sentence in a script of which it knows little may be, is read in parts: each norm counts with what the
    /// parts do to it at most, and the most helpful part tells whether it helps, as the pieces of an answer are counted.
    pub(super) async fn judge(
        &self,
        card: &Arc<Card>,
        query: &str,
        seen: &[Seen],
        piece: &str,
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Result<Judged, Unavailable> {
        let mut seen: Vec<&Seen> = seen.iter().collect();
        seen.sort_by_key(|one| one.message);
        let pictures: Vec<(Vec<f32>, &[Thing])> =
            seen.iter().map(|one| (card.labels.distribution(&one.labels), one.things.as_slice())).collect();
        let scene = pictures.iter().map(|(labels, things)| (labels.as_slice(), *things));
        let scene = card.labels.scene(query.trim(), scene);
        let spent = Arc::default();
        let scene = self.embed(card, card.query(&scene), deadline, &spent);
        let first = self.embed(card, card.passage(piece), deadline, &spent);
        let ((scene, first), norms) = join(join(scene, first), self.norms(card, norms, deadline)).await;
        let (scene, first, norms) = (scene?, first?, norms?);
        let pictures = pictures.into_iter().map(|(labels, things)| (labels, named(things))).collect();
        let before = Before { scene, pictures, norms: &norms };
        self.judge_in_parts(card, &before, (piece, first), deadline, &spent).await
    }

    async fn judge_in_parts(
        &self,
        card: &Arc<Card>,
        before: &Before<'_>,
        (piece, embedding): (&str, Embedding),
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Judged, Unavailable> {
        let (mut odds, mut helpful, mut whole) = (Vec::new(), 0.0_f32, true);
        let (mut waiting, mut read) = (vec![(piece, Some(embedding))], 0);
        while let Some((part, embedding)) = waiting.pop() {
            let answer = match embedding {
                Some(embedding) => embedding,
                None => self.embed(card, card.passage(part), deadline, spent).await?,
            };
            read += 1;
            if answer.cut {
                if let Some((left, right)) = halves(part).filter(|_| read < MOST_PARTS) {
                    waiting.extend([(right, None), (left, None)]);
                    continue;
                }
                whole = false;
            }
            let part = self.read_by(before, &answer, card, deadline).await?;
            helpful = helpful.max(mean(&part));
            odds = graver(odds, part);
        }
        let norms = before.norms.iter().zip(&odds).map(|(norm, odds)| NormJudgement {
            norm: norm.id.clone(),
            breaches: odds.breaches,
            aware: odds.aware,
            educates: odds.educates,
        });
        let judgement = Judgement { norms: norms.collect(), helpful, threshold: card.breach };
        Ok(Judged { judgement, whole })
    }

    /// What a text does to each norm.
    async fn read_by(
        &self,
        before: &Before<'_>,
        answer: &Embedding,
        card: &Card,
        deadline: Instant,
    ) -> Result<Vec<AnswerOdds>, Unavailable> {
        let toward = Direction::from(&answer.values, &card.passage_centre);
        let readings = before.norms.iter().map(|norm| {
            let evidence = answer_evidence(&toward, &before.pictures, norm);
            let (scene, answer, norm) = (before.scene.clone(), answer.clone(), norm.states.clone());
            self.triple(Triple { scene, answer, norm, evidence }, deadline)
        });
        try_join_all(readings).await
    }

    async fn triple(&self, triple: Triple, deadline: Instant) -> Result<AnswerOdds, Unavailable> {
        let (key, triple) = (triple_key(&triple), Arc::new(triple));
        let work = || {
            let (pool, triple) = (Arc::clone(&self.pool), Arc::clone(&triple));
            async move { pool.run(deadline, move |model| judged(model, &triple)).await }
        };
        self.triples.get(key, deadline, work).await
    }
}

/// A text in two, at the white space nearest to its middle where there is some not far from it. `None` where it has but one character.
fn halves(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let middle = match text.floor_char_boundary(text.len() / 2) {
        0 => text.chars().next()?.len_utf8(),
        middle => middle,
    };
    let (left, right) = text.split_at_checked(middle)?;
    let ends = [left.rfind(char::is_whitespace), right.find(char::is_whitespace).map(|at| middle + at)];
    let near = ends.into_iter().flatten().filter(|at| at.abs_diff(middle) <= text.len() / 4);
    let at = near.min_by_key(|at| at.abs_diff(middle)).unwrap_or(middle);
    let (left, right) = text.split_at_checked(at)?;
    let (left, right) = (left.trim(), right.trim());
    (!left.is_empty() && !right.is_empty()).then_some((left, right))
}

/// What two parts of a piece do to each norm at most.
fn graver(so_far: Vec<AnswerOdds>, part: Vec<AnswerOdds>) -> Vec<AnswerOdds> {
    if so_far.is_empty() {
        return part;
    }
    let most = |(one, other): (AnswerOdds, AnswerOdds)| AnswerOdds {
        breaches: one.breaches.max(other.breaches),
        aware: one.aware.max(other.aware),
        educates: one.educates.max(other.educates),
        helpful: one.helpful.max(other.helpful),
    };
    so_far.into_iter().zip(part).map(most).collect()
}

/// Whether a piece helps does not hang on the norm: each reading is one more opinion.
fn mean(odds: &[AnswerOdds]) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "there are a few norms")]
    let count = odds.len().max(1) as f32;
    odds.iter().map(|odds| odds.helpful).sum::<f32>() / count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::classify::fakes::{Toy, norm, soon};
    use crate::classify::{Classifier, PictureLimits};

    #[tokio::test]
    async fn a_piece_that_is_too_long_is_read_in_parts_and_nothing_of_it_is_lost() {
        let toy = Toy::default(); // a text is too long for it that says `cut`
        let classifier = Classifier::with(vec![toy.boxed()], 8, 1 << 20, PictureLimits::default());
        let norms = [norm("CN/clock-as-gift", "Clocks.", [&[], &[], &[]])];
        let judged = classifier.judge("May I?", "You may cut it and then wrap the clock.", &norms, soon()).await;
        assert!(judged.unwrap().norms[0].breaches > 0.4, "the end is read");
        let heard = toy.embedded.sorted();
        assert!(heard.contains(&"passage: then wrap the clock.".to_owned()), "{heard:?}");
        let judged = classifier.judge("May I?", "You may cut it and then wrap the vase.", &norms, soon()).await;
        assert!(judged.unwrap().norms[0].breaches < 0.4);
    }

    #[tokio::test]
    async fn what_is_too_long_even_in_parts_is_never_taken_for_clean() {
        let classifier = Classifier::with(vec![Toy::default().boxed()], 8, 1 << 20, PictureLimits::default());
        let norms = [norm("CN/clock-as-gift", "Clocks.", [&[], &[], &[]])];
        let long = "cut ".repeat(2 * MOST_PARTS);
        assert_eq!(classifier.judge("May I?", &long, &norms, soon()).await, Err(Unavailable::Unread));
        let breaching = format!("Wrap the clock. {long}");
        assert!(classifier.judge("May I?", &breaching, &norms, soon()).await.is_ok(), "what is found counts");
    }

    #[test]
    fn a_text_is_parted_between_words_where_it_has_any() {
        assert_eq!(halves("one two three four"), Some(("one two", "three four")));
        assert_eq!(halves(" a verylongwordbehindit "), Some(("a verylongw", "ordbehindit")));
        assert_eq!(halves("これは日本語です"), Some(("これは日", "本語です")));
        assert_eq!(halves("ﷺﷺﷺ"), Some(("ﷺ", "ﷺﷺ")));
        assert_eq!(halves("ﷺab"), Some(("ﷺ", "ab")));
        assert_eq!((halves("ﷺ"), halves("a"), halves("  ")), (None, None, None));
    }

    proptest! {
        #[test]
        fn parts_are_the_text_and_shorter_than_it(text in "\\PC{2,60}") {
            let solid = |text: &str| text.split_whitespace().collect::<String>();
            if let Some((left, right)) = halves(&text) {
                prop_assert_eq!(solid(left) + &solid(right), solid(&text));
                prop_assert!(left.len() < text.len() && right.len() < text.len());
            } else {
                prop_assert!(text.trim().chars().count() < 2, "{text}");
            }
        }
    }
}
