//! The four dimensions of an answer, and many of them summed up. Nothing here judges: [`crate::domain::Judgement`]s come from a model.

mod answer;
mod summary;

pub use answer::{over_warned, scores};
pub use summary::{Method, Summary, Tally, summarize};
