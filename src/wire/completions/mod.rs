//! The older completions API: its requests. Its answers differ from those of chat completions in where a choice has its text, and are read there.

mod declined;
mod prompt;

pub(super) use declined::{declined, declined_stream};
pub(super) use prompt::Prompt;
