//! The classifier: turns in, findings out; pieces of answers in, judgements out.

use std::fmt;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::domain::{Findings, Judgement, Language, Norm, Reading, Seen, Turn, Unavailable};

use super::answers::Judged;
use super::card::Card;
use super::engine::Engine;
use super::features::Shown;
use super::jobs::Spent;
use super::live::{Found, Live};
use super::loaded::{Loaded, OnnxModel};
use super::model::Model;
use super::options::{OpenError, Options};
use super::picture::{PictureError, PictureLimits};
use super::plan::Plan;
use super::pool::Pool;
use super::shelf::Shelf;

/// Reads turns and answers with the models. Clones share threads and caches.
#[derive(Clone)]
pub struct Classifier {
    card: Arc<Card>,
    live: Option<Arc<Live>>,
}

/// The classifier's state, for metrics. Counters only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Jobs that wait for a thread.
    pub queued: usize,
    /// The most jobs that may wait.
    pub queue: usize,
    /// Inference threads that live.
    pub threads: usize,
    /// Jobs done.
    pub done: u64,
    /// Jobs dropped because their deadline had passed before their turn came.
    pub late: u64,
    /// Jobs refused because the queue was full.
    pub busy: u64,
    /// Jobs that failed, by an error, a panic, or for want of a living thread.
    pub failed: u64,
    /// Entries of all caches, about.
    pub cache_entries: u64,
    /// Bytes of all caches, about.
    pub cache_bytes: u64,
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifier")
            .field("hash", &self.card.hash)
            .field("backend", &self.card.backend)
            .finish_non_exhaustive()
    }
}

impl Classifier {
    /// Verifies the model bundles and starts the inference threads.
    ///
    /// # Errors
    /// [`OpenError`] says which file or library does not serve, what was expected, and what to do.
    pub fn open(options: &Options) -> Result<Self, OpenError> {
        let engine = Engine::start(options.backend, options.runtime.as_deref(), &options.models)?;
        let loaded = Arc::new(Loaded::open(&options.models, &engine)?);
        let models = (0..options.threads.max(1)).map(|_| Ok(Box::new(OnnxModel::open(&loaded)?) as Box<dyn Model>));
        let (pool, refused) = Pool::start(models.collect::<Result<_, OpenError>>()?, options.queue);
        match refused {
            Some(error) if pool.alive() == 0 => Err(OpenError::Threads(error)),
            Some(_) | None => {
                let card = loaded.card();
                let shelf = options.cache_dir.as_deref().and_then(|dir| Shelf::open(dir, "vectors", &card.key()));
                Ok(Self::on(pool, &card, options.cache_bytes, options.pictures, shelf))
            }
        }
    }

    /// A classifier on other models, one for each thread; all have the card of the first.
    #[must_use]
    pub fn with(models: Vec<Box<dyn Model>>, queue: usize, cache_bytes: u64, limits: PictureLimits) -> Self {
        let card = models.first().map(|model| model.card()).unwrap_or_default();
        let (pool, _) = Pool::start(models, queue);
        Self::on(pool, &card, cache_bytes, limits, None)
    }

    /// A classifier without models: it says of everything that it is off.
    #[must_use]
    pub fn off() -> Self {
        let card = Card { hash: "off".to_owned(), backend: "off".to_owned(), ..Card::default() };
        Self { card: Arc::new(card), live: None }
    }

    fn on(pool: Pool, card: &Arc<Card>, cache_bytes: u64, limits: PictureLimits, shelf: Option<Shelf>) -> Self {
        let live = Live::new(pool, cache_bytes, limits, shelf);
        Self { card: Arc::clone(card), live: Some(Arc::new(live)) }
    }

    /// The hash of the model bundles, 16 hex digits; `off` without models.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.card.hash
    }

    /// A hash of models, engine and program, 16 hex digits, under which results are kept.
    #[must_use]
    pub fn key(&self) -> String {
        self.card.key()
    }

    /// The engine and its version, such as `ONNX Runtime 1.28.0`, `rten` or `off`.
    #[must_use]
    pub fn backend(&self) -> String {
        self.card.backend.clone()
    }

    /// The most pictures of a turn that are looked at; without models none.
    #[must_use]
    pub fn most_pictures(&self) -> usize {
        self.live.as_ref().map_or(0, |live| live.most_pictures())
    }

    /// Embeds the norms of packs, so that the first request after a start or a reload is not slow. Without models there is nothing to do.
    ///
    /// # Errors
    /// [`Unavailable`] where the models fail or take longer than ten minutes. Norms that were embedded stay so.
    pub async fn prepare(&self, norms: &[Arc<Norm>]) -> Result<(), Unavailable> {
        match &self.live {
            Some(live) => live.prepare(&self.card, norms).await,
            None => Ok(()),
        }
    }

    /// Reads a turn: how likely each norm is at stake, what was seen, and what was not looked at.
    ///
    /// It never fails: what cannot be said is [`Findings::Unknown`].
    pub async fn classify(
        &self,
        turn: &Turn,
        language: Option<Language>,
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Reading {
        let Some(live) = &self.live else { return Reading::unknown(Unavailable::Off) };
        let plan = Plan::of(turn, live.most_pictures());
        if norms.is_empty() {
            let findings = Findings::Known { findings: Vec::new(), threshold: self.card.at_stake };
            let coverage = plan.unscanned("no-norms");
            return Reading { findings, vouched: true, seen: Vec::new(), coverage, decode_us: 0, infer_us: 0 };
        }
        let spent = Arc::new(Spent::default());
        let found = live.read(&self.card, &plan, norms, deadline, &spent);
        let found = timeout_at(deadline, found).await.unwrap_or(Err(Unavailable::Late));
        self.reading(&plan, found, self.card.vouches_for(language), &spent)
    }

    /// Holds a question against norms when its pictures are not at hand and only names say what they show, one name for each picture.
    ///
    /// This is for cases that name what a photograph shows; a labeller is seldom as sure, so what it says of real photographs is worse.
    pub async fn classify_named(
        &self,
        query: &str,
        shows: &[String],
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Findings {
        let Some(live) = &self.live else { return Findings::Unknown(Unavailable::Off) };
        if norms.is_empty() {
            return Findings::Known { findings: Vec::new(), threshold: self.card.at_stake };
        }
        let found = live.read_named(&self.card, query, shows, norms, deadline);
        match timeout_at(deadline, found).await.unwrap_or(Err(Unavailable::Late)) {
            Ok(findings) => Findings::Known { findings, threshold: self.card.at_stake },
            Err(why) => Findings::Unknown(why),
        }
    }

    fn reading(&self, plan: &Plan, found: Result<Found, Unavailable>, vouched: bool, spent: &Spent) -> Reading {
        let (decode_us, infer_us) = spent.micros();
        match found {
            Ok(Found { findings, sights, read }) => {
                let findings = Findings::Known { findings, threshold: self.card.at_stake };
                let coverage = plan.coverage(read, vouched, &sights);
                Reading { findings, vouched, seen: self.seen(plan, &sights), coverage, decode_us, infer_us }
            }
            Err(why) => {
                let (findings, coverage) = (Findings::Unknown(why), plan.unscanned(why.word()));
                Reading { findings, vouched, seen: Vec::new(), coverage, decode_us, infer_us }
            }
        }
    }

    /// What the pictures show, the newest message's first.
    fn seen(&self, plan: &Plan, sights: &[Result<Shown, PictureError>]) -> Vec<Seen> {
        let seen = plan.pictures.iter().zip(sights).filter_map(|(&(message, _), sight)| {
            let shown = sight.as_ref().ok()?;
            let labels = self.card.labels.reported(&shown.labels.distribution);
            Some(Seen { message, labels, things: shown.things.clone() })
        });
        let mut seen: Vec<Seen> = seen.collect();
        seen.sort_by_key(|one| std::cmp::Reverse(one.message));
        seen
    }

    /// Judges a piece of an answer to a question without pictures, in a language that the models are taken to read. See [`Classifier::judge_seen`].
    ///
    /// # Errors
    /// As [`Classifier::judge_seen`].
    pub async fn judge(
        &self,
        query: &str,
        piece: &str,
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Result<Judgement, Unavailable> {
        self.judge_seen(query, &[], (piece, None), norms, deadline).await
    }

    /// Judges a piece of an answer (a sentence together with the one before it) by the norms at stake, knowing what was seen in the question's pictures.
    ///
    /// The language is that of the answer, where it could be told. In one in which the models are not known to find enough, a breach that they find counts, and that
    /// they find none does not.
    ///
    /// # Errors
    /// [`Unavailable`]; [`Unavailable::Language`] where nothing was found in such a language; [`Unavailable::Unread`] where nothing was found in a piece that could not be read
    /// to its end, not even in parts, and without norms, since there is nothing to judge by.
    pub async fn judge_seen(
        &self,
        query: &str,
        seen: &[Seen],
        (piece, language): (&str, Option<Language>),
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Result<Judgement, Unavailable> {
        let live = self.live.as_ref().ok_or(Unavailable::Off)?;
        if norms.is_empty() {
            return Err(Unavailable::Unread);
        }
        let judged = live.judge(&self.card, query, seen, piece, norms, deadline);
        let Judged { judgement, whole } = timeout_at(deadline, judged).await.unwrap_or(Err(Unavailable::Late))?;
        let found = judgement.norms.iter().any(|norm| norm.breaches >= judgement.threshold);
        match (found, whole, self.card.vouches_for(language)) {
            (true, _, _) | (false, true, true) => Ok(judgement),
            (false, false, _) => Err(Unavailable::Unread),
            (false, true, false) => Err(Unavailable::Language),
        }
    }

    /// The classifier's state, for metrics. All zeros without models.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        self.live.as_ref().map(|live| live.gauges()).unwrap_or_default()
    }

    /// Waits until no work is under way, for an orderly end. Work that begins later is still done.
    pub async fn close(&self) {
        if let Some(live) = &self.live {
            live.close().await;
        }
    }
}

#[cfg(test)]
#[path = "classifier_tests.rs"]
mod tests;
