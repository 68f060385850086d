//! The chat completions API: requests, answers, and answers that stream.

mod answer;
mod choice;
mod chunk;
mod conversation;
mod declined;
mod inbound;
mod note;
mod part;

pub use answer::{Answer, Rewrite, first_text, with_moderation};
pub use chunk::{Chunk, Delta};
pub use declined::{declined, declined_stream};
pub use inbound::{Inbound, ModerationMode};
pub use note::NotePlace;
