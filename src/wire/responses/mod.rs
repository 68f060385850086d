//! The Responses API: requests, answers, and answers that stream.

mod answer;
mod declined;
mod event;
mod input;
mod note;
mod output;

pub(super) use answer::Answer;
pub(super) use declined::{declined, declined_stream};
pub(super) use event::Event;
pub(super) use input::Input;
pub(super) use output::indices;
