//! What pictures show: labels, and the things that norms in play ask for.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{join, join_all, try_join_all};
use tokio::time::Instant;

use crate::domain::{Detector, Thing, Unavailable};

use super::cache::Key;
use super::card::Card;
use super::features::{NormVectors, Shown};
use super::jobs::{Sight, Spent, detected, sight, viewed};
use super::live::Live;
use super::payload;
use super::picture::PictureError;
use super::things::{Matching, by, told};
use super::words::Name;

impl Live {
    /// What a picture shows: its labels, and the things that norms ask for.
    pub(super) async fn see(
        &self,
        card: &Arc<Card>,
        payload: &Bytes,
        norms: &[Arc<NormVectors>],
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Result<Shown, PictureError>, Unavailable> {
        if payload::surely_larger(payload.len(), self.limits.bytes) {
            return Ok(Err(PictureError::TooLarge));
        }
        let key = *blake3::hash(payload).as_bytes();
        let wanted = |detector: &Detector| norms.iter().any(|norm| norm.wants(*detector));
        let detectors = card.finds.iter().map(|finds| finds.detector).filter(wanted);
        let found =
            join_all(detectors.map(async |one| (one, self.detect(one, key, payload, norms, deadline, spent).await)));
        let cued = norms.iter().any(|norm| norm.captions().next().is_some());
        let matched = async {
            let matching = card.matching.as_ref().filter(|_| cued)?;
            Some((Detector::DualEncoder, self.compare(matching, key, payload, norms, deadline, spent).await))
        };
        let (labels, (found, matched)) =
            join(self.look(card, key, payload, deadline, spent), join(found, matched)).await;
        let (mut things, mut missed) = (Vec::new(), Vec::new());
        for (detector, result) in found.into_iter().chain(matched) {
            match result {
                Ok(found) => things.extend(found),
                // The labels and the words are worth a reading without it.
                Err(why) => missed.push((detector, why)),
            }
        }
        Ok(labels?.map(|labels| Shown { labels, things: told(things), missed }))
    }

    /// The things that norms in play ask for and a detector finds.
    async fn detect(
        &self,
        detector: Detector,
        picture: Key,
        payload: &Bytes,
        norms: &[Arc<NormVectors>],
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Vec<Thing>, Unavailable> {
        let limits = self.limits;
        let work = || {
            let (pool, payload, spent) = (Arc::clone(&self.pool), payload.clone(), Arc::clone(spent));
            async move { pool.run(deadline, move |model| detected(model, detector, &payload, &limits, &spent)).await }
        };
        let found = self.found.get(salted(detector.word(), &picture), deadline, work).await?;
        let asked_for = |thing: &Thing| {
            let name = Name::of(&thing.name);
            norms.iter().any(|norm| norm.asks_for(&name))
        };
        Ok(by(detector, &found).filter(asked_for).collect())
    }

    /// The cues of norms in play that a dual encoder sees.
    async fn compare(
        &self,
        matching: &Matching,
        picture: Key,
        payload: &Bytes,
        norms: &[Arc<NormVectors>],
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Vec<Thing>, Unavailable> {
        let limits = self.limits;
        let work = || {
            let (pool, payload, spent) = (Arc::clone(&self.pool), payload.clone(), Arc::clone(spent));
            async move { pool.run(deadline, move |model| viewed(model, &payload, &limits, &spent)).await }
        };
        let view = self.views.get(salted(Detector::DualEncoder.word(), &picture), deadline, work);
        let words = |text: &String| {
            let (key, text) = (salted("caption", text.as_bytes()), text.clone());
            let pool = Arc::clone(&self.pool);
            self.views.get(key, deadline, move || {
                let (pool, text) = (Arc::clone(&pool), text.clone());
                async move { pool.run(deadline, move |model| model.caption(&text).map(Arc::from)).await }
            })
        };
        let (view, background) = join(view, try_join_all(matching.background.iter().map(words))).await;
        let (view, background): (_, Vec<Arc<[f32]>>) = (view?, background?);
        let background: Vec<&[f32]> = background.iter().map(AsRef::as_ref).collect();
        let captions = norms.iter().flat_map(|norm| norm.captions()).map(|(_, caption)| caption);
        if !view.is_empty() && captions.chain(background.iter().copied()).any(|words| words.len() != view.len()) {
            return Err(Unavailable::Failed);
        }
        let seen = norms.iter().flat_map(|norm| norm.captions()).filter_map(|(name, caption)| {
            let probability = matching.probability(&view, caption, &background);
            let thing = Thing { name: name.to_string(), probability, detector: Detector::DualEncoder };
            (!view.is_empty() && probability >= matching.threshold).then_some(thing)
        });
        Ok(seen.collect())
    }

    async fn look(
        &self,
        card: &Arc<Card>,
        key: Key,
        payload: &Bytes,
        deadline: Instant,
        spent: &Arc<Spent>,
    ) -> Result<Sight, Unavailable> {
        let limits = self.limits;
        let work = || {
            let (pool, payload) = (Arc::clone(&self.pool), payload.clone());
            let (card, spent) = (Arc::clone(card), Arc::clone(spent));
            async move { pool.run(deadline, move |model| sight(model, &card, &payload, &limits, &spent)).await }
        };
        self.pictures.get(key, deadline, work).await
    }
}

/// The key of something that is made of `bytes`, told from other things that are made of them by `salt`.
fn salted(salt: &str, bytes: &[u8]) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt.as_bytes()).update(&[0]).update(bytes);
    *hasher.finalize().as_bytes()
}
