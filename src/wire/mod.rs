//! Bytes of the OpenAI API and the domain's words. No I/O.
//!
//! Bodies are read where they lie and edited by splicing bytes; nothing is modelled and written anew, so that unknown fields, the order of keys, the spelling of
//! numbers and white space survive byte for byte.

#![allow(clippy::doc_markdown, reason = "OpenAI is a name, not a piece of code")]

pub mod adjust;
mod answer;
mod chat;
mod completions;
mod content;
mod declined;
pub mod error;
mod event;
mod fragment;
mod inbound;
mod json;
pub mod moderation;
mod note;
mod part;
mod picture;
mod responses;
mod splice;
pub mod sse;
mod surface;

pub use answer::Answer;
pub use declined::Declined;
pub use error::Error;
pub use event::{Event, Piece};
pub use fragment::{Fragment, Joint};
pub use inbound::{Api, Inbound, ModerationMode, asked_model};
pub use note::NotePlace;
pub use surface::{Beside, Surface, Words};
