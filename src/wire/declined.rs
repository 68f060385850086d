//! An answer that Comity gives in the model's place, whatever the API.

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use super::chat::{self, Chunk};
use super::inbound::Api;
use super::moderation::Moderation;
use super::{completions, responses, sse};

/// A polite refusal.
#[derive(Debug, Clone, Copy)]
pub struct Declined<'a> {
    /// What is unique about it; the API's prefix comes before it.
    pub id: &'a str,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: i64,
    /// The model that was asked for.
    pub model: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The `finish_reason` of a chat completion.
    pub finish: &'a str,
    /// How many choices were asked for: a completion has as many, since clients know them by their prompts; a chat completion has one.
    pub choices: u32,
    /// Whether a stream of chunks is to end with its usage.
    pub include_usage: bool,
    /// The verdict, where it is wanted.
    pub verdict: Option<&'a Moderation>,
}

/// The usage of an answer for which no model was asked: no token was spent.
#[derive(Serialize, Default)]
#[expect(clippy::struct_field_names, reason = "the names are OpenAI's")]
pub(super) struct Tokens {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
}

impl Declined<'_> {
    /// As a whole answer.
    #[must_use]
    pub fn whole(&self, api: Api) -> Bytes {
        let bytes = match api {
            Api::Chat => chat::declined(self),
            Api::Responses => responses::declined(self),
            Api::Completions => completions::declined(self),
        };
        match self.verdict {
            Some(verdict) => api.with_moderation(bytes.clone(), verdict).unwrap_or(bytes),
            None => bytes,
        }
    }

    /// As a stream of events, to its end.
    #[must_use]
    pub fn stream(&self, api: Api) -> Bytes {
        match api {
            Api::Chat => self.chunks(api, &chat::declined_stream(self)),
            Api::Responses => responses::declined_stream(self),
            Api::Completions => self.chunks(api, &completions::declined_stream(self)),
        }
    }

    fn chunks(&self, api: Api, events: &[Bytes]) -> Bytes {
        let mut all = BytesMut::new();
        let first = events.first().and_then(|event| {
            Chunk::read(event.strip_prefix(b"data: ".as_slice())?.trim_ascii_end(), api.shape()).ok()
        });
        for event in events {
            all.extend_from_slice(event);
        }
        if let (Some(envelope), Some(verdict)) = (first, self.verdict) {
            all.extend_from_slice(&sse::event(&envelope.moderation(verdict)));
        }
        all.extend_from_slice(&sse::DONE);
        all.freeze()
    }
}
