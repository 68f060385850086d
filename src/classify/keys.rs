//! Hashes of what is read: under them lies what was said of it, and where norms' embeddings lie on disk.

use crate::domain::Norm;

use super::cache::Key;
use super::model::{Pair, Triple};

/// A hash of all that a pair's probability is made from.
pub(super) fn pair_key(pair: &Pair) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(pair.scene.key()).update(pair.norm.key());
    for value in pair.evidence {
        hasher.update(&value.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// A hash of all that the odds of a piece of an answer are made from.
pub(super) fn triple_key(triple: &Triple) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(triple.scene.states.key()).update(triple.answer.states.key()).update(triple.norm.key());
    for value in triple.scene.values.iter().chain(&*triple.answer.values).chain(&triple.evidence) {
        hasher.update(&value.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
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
