//! The chat completions API: requests, answers, and answers that stream.

mod answer;
mod beside;
mod choice;
mod chunk;
mod conversation;
mod declined;
mod note;

pub(super) use answer::Answer;
pub(super) use chunk::{Chunk, Delta};
pub(super) use conversation::Conversation;
pub(super) use declined::{declined, declined_stream};
