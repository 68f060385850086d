//! Which norms are at stake: the only part that runs models.
//!
//! A turn becomes jobs (a picture to look at, a text to embed, rows for the norm head, texts to read together). Jobs wait in one bounded queue for the inference threads, each of
//! which owns one [`Model`]. What was seen and read before is cached by its hash. Nothing here fails a request: what the models cannot say is
//! [`Findings::Unknown`](crate::domain::Findings), with the reason.

mod answers;
mod bundle;
mod cache;
mod card;
mod classifier;
mod detectors;
mod dual;
mod engine;
#[cfg(test)]
mod fakes;
mod features;
mod frames;
mod hands;
mod jobs;
mod keys;
mod labels;
mod live;
mod loaded;
mod model;
#[cfg(feature = "rten")]
mod native;
mod network;
mod objects;
#[cfg(feature = "ort")]
mod onnx;
mod options;
mod payload;
mod picture;
mod plan;
mod pool;
mod shelf;
mod sights;
mod states;
mod things;
mod tokens;
mod vectors;
mod words;

pub use bundle::BundleError;
pub use card::Card;
pub use classifier::{Classifier, Gauges};
pub use features::{ANSWER_FEATURES, NORM_FEATURES, PAIR_FEATURES};
pub use keys::norm_key;
pub use labels::Labels;
pub use model::{AnswerOdds, Embedding, Model, ModelError, NormRow, NormRows, Pair, Triple};
pub use network::NetworkError;
#[cfg(feature = "ort")]
pub use onnx::RuntimeError;
pub use options::{Backend, OpenError, Options, UnknownBackend};
pub use picture::{Frame, Photo, PictureError, PictureLimits, Pixels};
pub use shelf::Shelf;
pub use states::States;
pub use things::{Finds, Matching};
pub use tokens::TokenError;
