//! The answer's state machine: what of a model's answer is shown, and when.
//!
//! Whole answers and streams go through the same machine: a whole answer is a stream of one delta. The machine does no work of its own; it says what it needs
//! ([`Next`]) and is told the result, so that it can be tested without a runtime and without a model.

mod answer;
mod next;
mod pieces;

pub use answer::Answer;
pub use next::{Next, RepairRequest};
pub use pieces::pieces;
