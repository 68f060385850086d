//! The chat completions API: requests, answers, and answers that stream. Those of the older completions are read here, too.

mod answer;
mod beside;
mod choice;
mod chunk;
mod conversation;
mod declined;
mod note;

pub(super) use answer::Answer;
pub(super) use choice::Shape;
pub(super) use chunk::{Chunk, Delta};
pub(super) use conversation::Conversation;
pub(super) use declined::{declined, declined_stream};
