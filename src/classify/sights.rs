//! What pictures show: labels, and the things that norms in play ask for.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::domain::{Detector, Thing, Unavailable};

use super::cache::Key;
use super::card::Card;
use super::features::Shown;
use super::jobs::{Spent, sight};
use super::live::Live;
use super::payload;
use super::picture::PictureError;
use super::things::{Matching, by, told};
use super::vectors::NormVectors;
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
        let wanted: Arc<[Detector]> = wanted(card, norms).into();
        let limits = self.limits;
        let work = || {
            let (pool, payload, wanted) = (Arc::clone(&self.pool), payload.clone(), Arc::clone(&wanted));
            let (card, spent) = (Arc::clone(card), Arc::clone(spent));
            async move { pool.run(deadline, move |model| sight(model, &card, &payload, &limits, &wanted, &spent)).await }
        };
        let looked = match self.pictures.get(picture_key(payload, &wanted), deadline, work).await? {
            Ok(looked) => looked,
            Err(flaw) => return Ok(Err(flaw)),
        };
        let (mut things, mut missed) = (Vec::new(), Vec::new());
        for (detector, found) in &looked.found {
            match found {
                Ok(found) => things.extend(by(*detector, found).filter(|thing| asked_for(thing, norms))),
                Err(why) => missed.push((*detector, *why)),
            }
        }
        if let (Some(matching), Some(view)) = (&card.matching, &looked.view) {
            let background = self.background(matching, deadline).await;
            match view.as_ref().map_err(|why| *why).and_then(|view| Ok(compare(matching, view, norms, background?))) {
                Ok(Some(seen)) => things.extend(seen),
                Ok(None) => missed.push((Detector::DualEncoder, Unavailable::Failed)),
                Err(why) => missed.push((Detector::DualEncoder, why)),
            }
        }
        Ok(Ok(Shown {
            labels: Arc::clone(&looked.labels),
            things: told(things),
            missed,
            more_frames: looked.more_frames,
        }))
    }

    /// The words that go with any picture, as the dual encoder has them: read once, when packs load.
    pub(super) async fn background(&self, matching: &Matching, deadline: Instant) -> Result<&[Vec<f32>], Unavailable> {
        let read = self.background.get_or_try_init(|| {
            let texts = matching.background.clone();
            self.pool.run(deadline, move |model| texts.iter().map(|text| model.caption(text)).collect())
        });
        read.await.map(Vec::as_slice)
    }
}

/// What a picture is looked at for, beside its labels: what norms in play ask for.
fn wanted(card: &Card, norms: &[Arc<NormVectors>]) -> Vec<Detector> {
    let lists = card.finds.iter().map(|finds| finds.detector).filter(|one| norms.iter().any(|norm| norm.wants(*one)));
    let cued = card.matching.is_some() && norms.iter().any(|norm| norm.captions().next().is_some());
    lists.chain(cued.then_some(Detector::DualEncoder)).collect()
}

fn asked_for(thing: &Thing, norms: &[Arc<NormVectors>]) -> bool {
    let name = Name::of(&thing.name);
    norms.iter().any(|norm| norm.asks_for(&name))
}

/// The cues of norms in play that a dual encoder sees; `None` where its pictures and words are of different spaces.
fn compare(
    matching: &Matching,
    view: &[f32],
    norms: &[Arc<NormVectors>],
    background: &[Vec<f32>],
) -> Option<Vec<Thing>> {
    let background: Vec<&[f32]> = background.iter().map(Vec::as_slice).collect();
    let cues = || norms.iter().flat_map(|norm| norm.captions());
    if cues().map(|(_, cue)| cue).chain(background.iter().copied()).any(|words| words.len() != view.len()) {
        return None;
    }
    let seen = cues().filter_map(|(name, cue)| {
        let probability = matching.probability(view, cue, &background);
        let thing = Thing { name: name.to_string(), probability, detector: Detector::DualEncoder };
        (probability >= matching.threshold).then_some(thing)
    });
    Some(seen.collect())
}

/// A hash of a picture and of what it is looked at for. The latter goes first: words behind a payload of a client's choice could be part of another.
fn picture_key(payload: &[u8], wanted: &[Detector]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for detector in wanted {
        hasher.update(detector.word().as_bytes());
    }
    hasher.update(&[0]).update(payload);
    *hasher.finalize().as_bytes()
}
