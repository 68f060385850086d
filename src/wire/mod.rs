//! Bytes of the OpenAI API and the domain's words. No I/O.
//!
//! Bodies are read where they lie and edited by splicing bytes; nothing is modelled and written anew, so that unknown fields, the order of keys, the spelling of
//! numbers and white space survive byte for byte.

#![allow(clippy::doc_markdown, reason = "OpenAI is a name, not a piece of code")]

pub mod adjust;
pub mod chat;
pub mod error;
mod json;
pub mod moderation;
mod picture;
mod splice;
pub mod sse;

pub use error::Error;
