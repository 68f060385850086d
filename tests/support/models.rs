//! Models that read words: a norm is at stake where the question says its word, and a piece of an answer breaches where it says the word for that.

use std::sync::Arc;

use comity::classify::{
    AnswerOdds, Card, Classifier, Embedding, Labels, Model, ModelError, NormRows, PictureLimits, Pixels, Triple,
};

use super::Gate;

/// The norms of the test pack and the words that put them at stake.
pub(crate) const AT_STAKE: [(&str, &str); 4] =
    [("JP/watched", "watchword"), ("JP/taught", "teachword"), ("JP/mended", "mendword"), ("JP/refused", "refuseword")];

/// A piece of an answer that says this breaches every norm that it is judged by.
pub(crate) const FAUX_PAS: &str = "fauxpas";

/// A piece of an answer that says this explains a norm.
pub(crate) const LECTURE: &str = "lecture";

/// How the models are.
#[derive(Clone, Debug)]
pub(crate) enum Mind {
    Fine,
    /// No thread lives.
    Dead,
    /// Every call waits at the gate.
    Slow(Gate),
    /// Every call panics.
    Panicking,
    /// The only thread waits at the gate, and one job waits behind it.
    Busy(Gate),
    Off,
    /// Fine with questions; whatever judges an answer waits at the gate.
    SlowJudge(Gate),
    /// Fine with questions; whatever judges an answer fails.
    NoJudge,
}

impl Mind {
    pub(crate) fn classifier(&self) -> Classifier {
        let with = |count: usize, queue: usize| {
            let models = (0..count).map(|_| Box::new(Reader { mind: self.clone() }) as Box<dyn Model>).collect();
            Classifier::with(models, queue, 1 << 20, PictureLimits::default())
        };
        match self {
            Self::Off => Classifier::off(),
            Self::Dead => with(0, 64),
            Self::Busy(_) => with(1, 1),
            Self::Fine | Self::Slow(_) | Self::Panicking | Self::SlowJudge(_) | Self::NoJudge => with(2, 64),
        }
    }

    /// Lets go whoever waits.
    pub(crate) fn release(&self) {
        match self {
            Self::Slow(gate) | Self::Busy(gate) | Self::SlowJudge(gate) => gate.open(),
            Self::Fine | Self::Dead | Self::Panicking | Self::Off | Self::NoJudge => {}
        }
    }
}

struct Reader {
    mind: Mind,
}

impl Reader {
    fn meet(&self) {
        match &self.mind {
            Mind::Slow(gate) | Mind::Busy(gate) => gate.passed_by_thread(),
            Mind::Panicking => panic!("these models panic, as the test wants it"),
            Mind::Fine | Mind::Dead | Mind::Off | Mind::SlowJudge(_) | Mind::NoJudge => {}
        }
    }
}

fn flag(holds: bool) -> f32 {
    if holds { 1.0 } else { 0.0 }
}

impl Model for Reader {
    fn look(&mut self, _: &Pixels) -> Result<Vec<f32>, ModelError> {
        self.meet();
        Ok(vec![0.9, 0.1])
    }

    /// One coordinate for each word.
    fn embed(&mut self, text: &str) -> Result<Embedding, ModelError> {
        self.meet();
        let words = AT_STAKE.iter().map(|(_, word)| *word).chain([FAUX_PAS, LECTURE]);
        let values = words.map(|word| flag(text.contains(word))).chain([1.0]).collect();
        Ok(Embedding::of(values))
    }

    fn norms(&mut self, rows: &NormRows) -> Result<Vec<f32>, ModelError> {
        self.meet();
        let at_stake = |id: String| {
            let word = AT_STAKE.iter().position(|(norm, _)| *norm == id).expect("a norm of the test pack");
            if rows.query[word] > 0.5 { 0.9 } else { 0.05 }
        };
        Ok(rows.rows.iter().map(|row| at_stake(row.id.to_string())).collect())
    }

    fn answer(&mut self, triple: &Triple) -> Result<AnswerOdds, ModelError> {
        self.meet();
        match &self.mind {
            Mind::SlowJudge(gate) => gate.passed_by_thread(),
            Mind::NoJudge => return Err(ModelError::Other("no judge today".to_owned())),
            Mind::Fine | Mind::Dead | Mind::Slow(_) | Mind::Panicking | Mind::Busy(_) | Mind::Off => {}
        }
        let (breaches, educates) = (triple.answer.values[AT_STAKE.len()], triple.answer.values[AT_STAKE.len() + 1]);
        Ok(AnswerOdds { breaches: breaches * 0.9, aware: 0.7, educates: educates * 0.8, helpful: 0.6 })
    }

    fn card(&self) -> Arc<Card> {
        let labels = Labels::new(vec!["vase".to_owned(), "clock".to_owned()]);
        Arc::new(Card { labels, label_embeddings: vec![0.0; 14], ..Card::default() })
    }
}
