//! Threads and caches at work for turns and answers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join, try_join_all};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::{Finding, Norm, Unavailable};

use super::cache::{Cache, Key};
use super::card::Card;
use super::classifier::Gauges;
use super::features::{Labelled, Question, Shown};
use super::jobs::{Glance, Sight, Spent, embedded, first_look, read_together};
use super::keys::{norm_key, pair_key};
use super::model::{AnswerOdds, Embedding, Model, ModelError, Pair};
use super::picture::{PictureError, PictureLimits};
use super::plan::{Plan, Read};
use super::pool::Pool;
use super::shelf::Shelf;
use super::vectors::{NormTexts, NormVectors};

/// The room for the norms of the packs in force: some 20 KB a norm, so this is a bound for thousands.
const NORM_BYTES: u64 = 256 << 20;
/// The room for what was said of texts that were read together, with or without an answer: some hundred bytes a reading.
const READ_BYTES: u64 = 4 << 20;
/// How long a pack's norms may take to be embedded, all in all.
const PREPARATION: Duration = Duration::from_mins(10);
/// How long preparing waits when requests fill the queue.
const PAUSE: Duration = Duration::from_millis(25);

/// What was found out about a turn.
pub(super) struct Found {
    /// One finding for each norm, best first.
    pub(super) findings: Vec<Finding>,
    /// What became of each picture, in the order of the turn.
    pub(super) sights: Vec<Result<Shown, PictureError>>,
    /// How far the question was read.
    pub(super) read: Read,
}

/// Threads and caches at work.
pub(super) struct Live {
    pub(super) pool: Arc<Pool>,
    pub(super) limits: PictureLimits,
    pub(super) pictures: Cache<Sight>,
    /// The words that go with any picture, as the dual encoder has them.
    pub(super) background: OnceCell<Vec<Vec<f32>>>,
    texts: Cache<Embedding>,
    pairs: Cache<f32>,
    pub(super) triples: Cache<AnswerOdds>,
    norms: Cache<Arc<NormVectors>>,
    /// Where the norms' embeddings outlive the program.
    shelf: Option<Shelf>,
    tasks: TaskTracker,
}

impl Live {
    /// Puts threads and caches together.
    pub(super) fn new(pool: Pool, cache_bytes: u64, limits: PictureLimits, shelf: Option<Shelf>) -> Self {
        let tasks = TaskTracker::new();
        Self {
            pool: Arc::new(pool),
            limits,
            pictures: Cache::new(cache_bytes / 2, &tasks, |sight| sight.as_ref().map_or(0, |looked| looked.bytes())),
            background: OnceCell::new(),
            texts: Cache::new(cache_bytes / 2, &tasks, Embedding::bytes),
            pairs: Cache::new(READ_BYTES, &tasks, |_| size_of::<f32>()),
            triples: Cache::new(READ_BYTES, &tasks, |_| size_of::<AnswerOdds>()),
            norms: Cache::new(NORM_BYTES, &tasks, |norm| norm.bytes()),
            shelf,
            tasks,
        }
    }

    /// The most pictures of a turn that are looked at.
    pub(super) fn most_pictures(&self) -> usize {
        self.limits.count
    }

    /// Waits until no work is under way.
    pub(super) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Embeds norms ahead of the requests that need them.
    pub(super) async fn prepare(&self, card: &Arc<Card>, norms: &[Arc<Norm>]) -> Result<(), Unavailable> {
        let deadline = Instant::now() + PREPARATION;
        if let Some(matching) = &card.matching {
            self.background(matching, deadline).await?;
        }
        for some in norms.chunks(self.pool.alive().max(1)) {
            try_join_all(some.iter().map(|norm| self.norm_patiently(card, norm, deadline))).await?;
        }
        Ok(())
    }

    pub(super) async fn read(
        &self,
        card: &Arc<Card>,
        plan: &Plan,
        norms: &[Arc<Norm>],
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Found, Unavailable> {
        // The question is embedded while the pictures are looked at; below it comes from the cache.
        let seen = async {
            let norms = self.norms(card, norms, deadline).await?;
            let sights = plan.pictures.iter().map(|(_, payload)| self.see(card, payload, &norms, deadline, spent));
            let sights = join_all(sights).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok((norms, sights))
        };
        let ((norms, sights), _) = try_join(seen, self.embed(card, card.query(&plan.query), deadline, spent)).await?;
        let pictures = sights.iter().filter_map(|sight| sight.as_ref().ok().cloned()).collect();
        let (findings, read) = self.hold_against(card, &plan.query, pictures, &norms, deadline, spent).await?;
        Ok(Found { findings, sights, read })
    }

    /// Holds a question against norms whose pictures are known only by the names of what they show.
    pub(super) async fn read_named(
        &self,
        card: &Arc<Card>,
        query: &str,
        shows: &[String],
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Result<Vec<Finding>, Unavailable> {
        let spent = Arc::default();
        let mut pictures = Vec::with_capacity(shows.len());
        for name in shows {
            let label = match card.labels.called(name) {
                Some(label) => Some(label),
                None => card.nearest_label(&self.embed(card, card.query(name), deadline, &spent).await?.values),
            };
            let labelled = label.map(|label| Arc::new(Labelled::new(card.labels.made_up(label), card)));
            pictures.extend(labelled.map(|labels| Shown {
                labels,
                things: Vec::new(),
                missed: Vec::new(),
                more_frames: false,
            }));
        }
        let norms = self.norms(card, norms, deadline).await?;
        Ok(self.hold_against(card, query, pictures, &norms, deadline, &spent).await?.0)
    }

    /// Holds a question and what its pictures show against norms.
    async fn hold_against(
        &self,
        card: &Arc<Card>,
        query_text: &str,
        pictures: Vec<Shown>,
        norms: &[Arc<NormVectors>],
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<(Vec<Finding>, Read), Unavailable> {
        let query = self.embed(card, card.query(query_text), deadline, spent).await?;
        let shown = pictures.iter().map(|shown| (shown.labels.distribution.as_slice(), shown.things.as_slice()));
        let scene = card.labels.scene(query_text.trim(), shown);
        let scene = self.embed(card, card.query(&scene), deadline, spent).await?;
        let question = Arc::new(Question::new(query_text, &query, &scene, pictures, card));
        let read = if query.cut { Read::Cut } else { Read::Whole };
        let (asked, in_play, spent_here) = (Arc::clone(&question), norms.to_vec(), Arc::clone(spent));
        let job = move |model: &mut dyn Model| first_look(model, &asked, &query, &scene, &in_play, &spent_here);
        let glances = self.pool.run(deadline, job).await?;
        let probabilities = self.read_closely(card, &question, norms, &glances, deadline, spent).await?;
        let finding = |(norm, probability): (&Arc<NormVectors>, f32)| Finding {
            norm: norm.id.clone(),
            probability,
            evidence: question.spoken_for(norm),
        };
        let mut findings: Vec<Finding> = norms.iter().zip(probabilities).map(finding).collect();
        findings.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok((findings, read))
    }

    /// Reads the likeliest norms together with the question, and returns the probabilities of all. One that was not read stays below those that were: the
    /// first look alone cannot put it before them.
    async fn read_closely(
        &self,
        card: &Arc<Card>,
        question: &Question,
        norms: &[Arc<NormVectors>],
        glances: &[Glance],
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Vec<f32>, Unavailable> {
        let chosen = shortlist(card, glances);
        let pairs = chosen.iter().filter_map(|&at| {
            let (norm, glance) = (norms.get(at)?, glances.get(at)?);
            Some(self.pair(question.with(norm, glance.evidence, glance.probability), deadline, spent))
        });
        let read = try_join_all(pairs).await?;
        let least = read.iter().copied().fold(1.0, f32::min);
        let mut probabilities: Vec<f32> = glances.iter().map(|glance| glance.probability.min(least)).collect();
        for (at, read) in chosen.into_iter().zip(read) {
            if let Some(probability) = probabilities.get_mut(at) {
                *probability = read;
            }
        }
        Ok(probabilities)
    }

    async fn pair(&self, pair: Pair, deadline: Instant, spent: &Arc<Spent>) -> Result<f32, Unavailable> {
        let (key, pair) = (pair_key(&pair), Arc::new(pair));
        let work = || {
            let (pool, pair, spent) = (Arc::clone(&self.pool), Arc::clone(&pair), Arc::clone(spent));
            async move { pool.run(deadline, move |model| read_together(model, &pair, &spent)).await }
        };
        self.pairs.get(key, deadline, work).await
    }

    pub(super) async fn embed(
        &self,
        card: &Arc<Card>,
        text: String,
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Embedding, Unavailable> {
        let key = *blake3::hash(text.as_bytes()).as_bytes();
        let text: Arc<str> = text.into();
        let work = || {
            let (pool, card) = (Arc::clone(&self.pool), Arc::clone(card));
            let (text, spent) = (Arc::clone(&text), Arc::clone(spent));
            async move { pool.run(deadline, move |model| embedded(model, &card, &text, &spent)).await }
        };
        self.texts.get(key, deadline, work).await
    }

    /// The vectors of norms, which a prepared pack has in the cache.
    pub(super) async fn norms(
        &self,
        card: &Arc<Card>,
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Result<Vec<Arc<NormVectors>>, Unavailable> {
        // Not all at once: norms that are not in the cache must not fill the queue. (A stream of borrowing futures would do, but the compiler cannot
        // tell that it is `Send`.)
        let mut vectors = Vec::with_capacity(norms.len());
        for some in norms.chunks(self.pool.alive().max(1)) {
            vectors.extend(try_join_all(some.iter().map(|norm| self.norm(card, norm, deadline))).await?);
        }
        Ok(vectors)
    }

    async fn norm(
        &self,
        card: &Arc<Card>,
        norm: &Arc<Norm>,
        deadline: Instant,
    ) -> Result<Arc<NormVectors>, Unavailable> {
        let key = norm_key(norm);
        let work = || {
            let (pool, card, norm) = (Arc::clone(&self.pool), Arc::clone(card), Arc::clone(norm));
            let kept = self.shelf.clone();
            async move {
                let job = move |model: &mut dyn Model| vectors(model, &card, &norm, kept.as_ref(), &key).map(Arc::new);
                pool.run(deadline, job).await
            }
        };
        self.norms.get(key, deadline, work).await
    }

    /// As [`Live::norm`], but lets requests go first where they fill the queue.
    async fn norm_patiently(&self, card: &Arc<Card>, norm: &Arc<Norm>, deadline: Instant) -> Result<(), Unavailable> {
        loop {
            match self.norm(card, norm, deadline).await {
                Err(Unavailable::Busy) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                result => return result.map(drop),
            }
        }
    }

    pub(super) fn gauges(&self) -> Gauges {
        let counts = self.pool.counts();
        let kept = [
            (self.pictures.entries(), self.pictures.bytes()),
            (self.texts.entries(), self.texts.bytes()),
            (self.pairs.entries(), self.pairs.bytes()),
            (self.triples.entries(), self.triples.bytes()),
            (self.norms.entries(), self.norms.bytes()),
        ];
        Gauges {
            queued: self.pool.waiting(),
            queue: self.pool.most(),
            threads: self.pool.alive(),
            done: counts.done,
            late: counts.late,
            busy: counts.busy,
            failed: counts.failed,
            cache_entries: kept.iter().map(|(entries, _)| entries).sum(),
            cache_bytes: kept.iter().map(|(_, bytes)| bytes).sum(),
        }
    }
}

/// The norms that are read together with the question: those with the highest probabilities at the first look, the earlier one of equals.
fn shortlist(card: &Card, glances: &[Glance]) -> Vec<usize> {
    let mut chosen: Vec<(usize, f32)> = glances.iter().map(|glance| glance.probability).enumerate().collect();
    chosen.retain(|(_, probability)| *probability >= card.shortlisted);
    chosen.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    chosen.truncate(card.shortlist);
    chosen.into_iter().map(|(at, _)| at).collect()
}

/// A norm's vectors: from the shelf where they lie there, else from the model, and then they go there.
fn vectors(
    model: &mut dyn Model,
    card: &Card,
    norm: &Norm,
    shelf: Option<&Shelf>,
    key: &Key,
) -> Result<NormVectors, ModelError> {
    let kept = shelf.and_then(|shelf| NormTexts::from_bytes(&shelf.get(key)?, card.query_centre.len()));
    if let Some(vectors) = kept.and_then(|texts| NormVectors::of(card, norm, &texts)) {
        return Ok(vectors);
    }
    let texts = NormVectors::embedded(model, card, norm)?;
    if let Some(shelf) = shelf {
        shelf.put(key, &texts.to_bytes());
    }
    NormVectors::of(card, norm, &texts)
        .ok_or_else(|| ModelError::Other("a norm's texts were not all embedded".to_owned()))
}
