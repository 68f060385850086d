//! Threads and caches at work for turns and answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all, try_join_all};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::{Finding, Judgement, Norm, Seen, Unavailable};

use super::cache::{Cache, Key};
use super::card::Card;
use super::classifier::Gauges;
use super::features::{Direction, NormVectors, Question, answer_evidence};
use super::jobs::{Sight, Spent, embedded, held_against, judged, sight};
use super::model::{AnswerRow, AnswerRows, Embedding, Model, ModelError};
use super::payload;
use super::picture::{PictureError, PictureLimits};
use super::plan::{Plan, Read};
use super::pool::Pool;
use super::shelf::{Shelf, from_bytes, to_bytes};

/// The room for the norms of the packs in force: some 20 KB a norm, so this is a bound for thousands.
const NORM_BYTES: u64 = 256 << 20;
/// How long a pack's norms may take to be embedded, all in all.
const PREPARATION: Duration = Duration::from_mins(10);
/// How long preparing waits when requests fill the queue.
const PAUSE: Duration = Duration::from_millis(25);

/// What was found out about a turn.
pub(super) struct Found {
    /// One finding for each norm, best first.
    pub(super) findings: Vec<Finding>,
    /// What became of each picture, in the order of the turn.
    pub(super) sights: Vec<Sight>,
    /// How far the question was read.
    pub(super) read: Read,
}

/// Threads and caches at work.
pub(super) struct Live {
    pool: Arc<Pool>,
    limits: PictureLimits,
    pictures: Cache<Sight>,
    texts: Cache<Embedding>,
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
            pictures: Cache::new(cache_bytes / 2, &tasks, |sight| sight.as_ref().map_or(0, |shows| shows.len() * 4)),
            texts: Cache::new(cache_bytes / 2, &tasks, Embedding::bytes),
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
        let sights = join_all(plan.pictures.iter().map(|(_, payload)| self.look(card, payload, deadline, spent)));
        // The question is embedded while the pictures are looked at; below it comes from the cache.
        let (sights, query) = join(sights, self.embed(card.query(&plan.query), deadline, spent)).await;
        query?;
        let sights = sights.into_iter().collect::<Result<Vec<Sight>, _>>()?;
        let pictures = sights.iter().filter_map(|sight| sight.as_ref().ok().cloned()).collect();
        let (findings, read) = self.hold_against(card, &plan.query, pictures, norms, deadline, spent).await?;
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
                None => card.nearest_label(&self.embed(card.query(name), deadline, &spent).await?.values),
            };
            pictures.extend(label.map(|label| card.labels.made_up(label).into()));
        }
        Ok(self.hold_against(card, query, pictures, norms, deadline, &spent).await?.0)
    }

    /// Holds a question and what its pictures show against norms.
    async fn hold_against(
        &self,
        card: &Arc<Card>,
        query_text: &str,
        pictures: Vec<Arc<[f32]>>,
        norms: &[Arc<Norm>],
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<(Vec<Finding>, Read), Unavailable> {
        let query = self.embed(card.query(query_text), deadline, spent).await?;
        let scene = card.labels.scene(query_text.trim(), pictures.iter().map(AsRef::as_ref));
        let scene = self.embed(card.query(&scene), deadline, spent).await?;
        let norms = self.norms(card, norms, deadline).await?;
        let question = Question::new(query_text, &query, &scene, pictures, card);
        let read = if query.cut { Read::Cut } else { Read::Whole };
        let spent = Arc::clone(spent);
        let job = move |model: &mut dyn Model| held_against(model, &question, &query, &scene, &norms, &spent);
        Ok((self.pool.run(deadline, job).await?, read))
    }

    pub(super) async fn judge(
        &self,
        card: &Arc<Card>,
        query: &str,
        seen: &[Seen],
        piece: &str,
        norms: &[Arc<Norm>],
        deadline: Instant,
    ) -> Result<Judgement, Unavailable> {
        let mut seen: Vec<&Seen> = seen.iter().collect();
        seen.sort_by_key(|one| one.message);
        let pictures: Vec<Vec<f32>> = seen.iter().map(|one| card.labels.distribution(&one.labels)).collect();
        let scene = card.labels.scene(query.trim(), pictures.iter().map(AsRef::as_ref));
        let spent = Arc::default();
        let scene = self.embed(card.query(&scene), deadline, &spent);
        let answer = self.embed(card.passage(piece), deadline, &spent);
        let ((scene, answer), norms) = join(join(scene, answer), self.norms(card, norms, deadline)).await;
        let (scene, answer, norms) = (scene?, answer?, norms?);
        let toward = Direction::from(&answer.values, &card.passage_centre);
        let row = |norm: &Arc<NormVectors>| AnswerRow {
            id: norm.id.clone(),
            norm: norm.says.clone(),
            evidence: answer_evidence(&toward, &pictures, norm),
        };
        let questions = AnswerRows {
            query: scene.values,
            answer: answer.values,
            answer_middle: answer.middle,
            rows: norms.iter().map(row).collect(),
        };
        let threshold = card.breach;
        self.pool.run(deadline, move |model| judged(model, &questions, threshold)).await
    }

    async fn look(
        &self,
        card: &Arc<Card>,
        payload: &Bytes,
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Sight, Unavailable> {
        if payload::surely_larger(payload.len(), self.limits.bytes) {
            return Ok(Err(PictureError::TooLarge));
        }
        let key = *blake3::hash(payload).as_bytes();
        let limits = self.limits;
        let work = || {
            let (pool, payload) = (Arc::clone(&self.pool), payload.clone());
            let (card, spent) = (Arc::clone(card), Arc::clone(spent));
            async move { pool.run(deadline, move |model| sight(model, &card, &payload, &limits, &spent)).await }
        };
        self.pictures.get(key, deadline, work).await
    }

    async fn embed(&self, text: String, deadline: Instant, spent: &Arc<Spent>) -> Result<Embedding, Unavailable> {
        let key = *blake3::hash(text.as_bytes()).as_bytes();
        let text: Arc<str> = text.into();
        let work = || {
            let (pool, text, spent) = (Arc::clone(&self.pool), Arc::clone(&text), Arc::clone(spent));
            async move { pool.run(deadline, move |model| embedded(model, &text, &spent)).await }
        };
        self.texts.get(key, deadline, work).await
    }

    /// The vectors of norms, which a prepared pack has in the cache.
    async fn norms(
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
        Gauges {
            queued: self.pool.waiting(),
            queue: self.pool.most(),
            threads: self.pool.alive(),
            done: counts.done,
            late: counts.late,
            busy: counts.busy,
            failed: counts.failed,
            cache_entries: self.pictures.entries() + self.texts.entries() + self.norms.entries(),
            cache_bytes: self.pictures.bytes() + self.texts.bytes() + self.norms.bytes(),
        }
    }
}

/// A norm's vectors: from the shelf where they lie there, else from the model, and then they go there.
fn vectors(
    model: &mut dyn Model,
    card: &Card,
    norm: &Norm,
    shelf: Option<&Shelf>,
    key: &Key,
) -> Result<NormVectors, ModelError> {
    let kept = shelf.and_then(|shelf| from_bytes(&shelf.get(key)?, card.query_centre.len()));
    if let Some(vectors) = kept.and_then(|embedded| NormVectors::of(card, norm, &embedded)) {
        return Ok(vectors);
    }
    let embedded = NormVectors::embeddings(model, card, norm)?;
    if let Some(shelf) = shelf {
        shelf.put(key, &to_bytes(&embedded));
    }
    let found = embedded.len();
    NormVectors::of(card, norm, &embedded).ok_or(ModelError::Rows { found, expected: found })
}

/// A hash of everything of a norm that its vectors, and so the findings about it, are made from.
#[must_use]
pub fn norm_key(norm: &Norm) -> Key {
    // Gathered first and hashed at once: this is done for every norm in play at every request.
    let mut bytes = Vec::with_capacity(1024);
    let mut gather = |list: u8, text: &str| {
        bytes.push(list);
        bytes.extend_from_slice(&text.len().to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    };
    gather(0, norm.id.country().code());
    gather(0, norm.id.slug());
    gather(0, norm.says.english());
    for (list, number) in [&norm.see, &norm.asks, &norm.answers].into_iter().zip(1_u8..) {
        for text in list {
            gather(number, text);
        }
    }
    *blake3::hash(&bytes).as_bytes()
}
