//! One event of an answer that streams, whatever its API.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Error;
use super::chat::Chunk;
use super::fragment::Fragment;
use super::inbound::Api;
use super::moderation::Moderation;
use super::surface::Beside;
use super::{responses, sse};

/// What one `data:` payload says.
#[derive(Debug, Clone)]
pub struct Event(Form);

#[derive(Debug, Clone)]
enum Form {
    Chat(Chunk),
    Responses(Box<responses::Event>),
}

/// What an event says of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text's number.
    pub number: u32,
    /// The id of the item that it is a part of, where it has one.
    pub id: Option<String>,
    /// More of it.
    pub text: Option<Fragment>,
    /// Whether nothing follows it, by this very event.
    pub ends: bool,
}

impl Event {
    /// Reads one `data:` payload; `[DONE]` is none.
    ///
    /// # Errors
    /// [`Error`] where it is no JSON object, or has a key twice in an object that is read.
    pub fn read(api: Api, data: &Bytes) -> Result<Self, Error> {
        Ok(Self(match api {
            Api::Chat | Api::Completions => Form::Chat(Chunk::read(data, api.shape())?),
            Api::Responses => Form::Responses(Box::new(responses::Event::read(data)?)),
        }))
    }

    /// What it adds to texts.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        match &self.0 {
            Form::Chat(chunk) => {
                let piece = |delta: &super::chat::Delta| Piece {
                    number: delta.index,
                    id: None,
                    text: delta.content.clone(),
                    ends: delta.finish.is_some(),
                };
                chunk.deltas().iter().map(piece).collect()
            }
            Form::Responses(event) => event.delta().into_iter().chain(event.announces()).collect(),
        }
    }

    /// The texts that it repeats whole: they are complete, and all that was said of them before has to agree.
    #[must_use]
    pub fn repeats(&self) -> Vec<Piece> {
        match &self.0 {
            Form::Chat(_) => Vec::new(),
            Form::Responses(event) => event.repeats(),
        }
    }

    /// What stands beside the texts.
    #[must_use]
    pub fn beside(&self) -> Vec<Beside> {
        match &self.0 {
            Form::Chat(chunk) => chunk.beside(),
            Form::Responses(event) => event.beside(),
        }
    }

    /// Whether it ends the stream. Chat completions end with `[DONE]` instead.
    #[must_use]
    pub fn last(&self) -> bool {
        matches!(&self.0, Form::Responses(event) if event.last())
    }

    /// Whether it reports an error in the midst of the stream.
    #[must_use]
    pub fn error(&self) -> bool {
        match &self.0 {
            Form::Chat(chunk) => chunk.error(),
            Form::Responses(event) => event.error(),
        }
    }

    /// Whether it tells a text in another way and nothing else, by the model's thoughts or by ear: it goes where text is held back.
    #[must_use]
    pub fn echoes(&self) -> bool {
        matches!(&self.0, Form::Responses(event) if event.echoes())
    }

    /// The number of the event in its stream; `None` where events have none.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        match &self.0 {
            Form::Chat(_) => None,
            Form::Responses(event) => event.sequence(),
        }
    }

    /// The event with other texts in the place of the pieces that it brings, by their numbers, all else as it came.
    #[must_use]
    pub fn saying(&self, texts: &BTreeMap<u32, String>) -> Bytes {
        match &self.0 {
            Form::Chat(chunk) => sse::event(&chunk.saying(texts)),
            Form::Responses(event) => {
                let text = texts.values().next().map(String::as_str).unwrap_or_default();
                framed(&event.saying(text), event.kind())
            }
        }
    }

    /// An event with this one's envelope and more of one text.
    #[must_use]
    pub fn with_text(&self, number: u32, id: Option<&str>, text: &str) -> Bytes {
        match &self.0 {
            Form::Chat(chunk) => sse::event(&chunk.with_text(number, text)),
            Form::Responses(event) => framed(&event.with_text(number, id, text), responses::Event::DELTA),
        }
    }

    /// An event with this one's envelope that ends one text; `None` where the events that repeat it do.
    #[must_use]
    pub fn ending(&self, number: u32, reason: &str) -> Option<Bytes> {
        match &self.0 {
            Form::Chat(chunk) => Some(sse::event(&chunk.finishing(number, reason))),
            Form::Responses(_) => None,
        }
    }

    /// The reason for which one text ends by this event.
    #[must_use]
    pub fn reason(&self, number: u32) -> Option<&str> {
        let Form::Chat(chunk) = &self.0 else { return None };
        chunk.deltas().iter().filter(|delta| delta.index == number).find_map(|delta| delta.finish.as_deref())
    }

    /// An event with this one's envelope that carries the verdict alone; `None` where the last event carries it.
    #[must_use]
    pub fn verdict(&self, moderation: &Moderation) -> Option<Bytes> {
        match &self.0 {
            Form::Chat(chunk) => Some(sse::event(&chunk.moderation(moderation))),
            Form::Responses(_) => None,
        }
    }

    /// The event without what could tell a text that is held back. `None`: nothing has to change.
    ///
    /// # Errors
    /// [`Error`] where what is left cannot be read: then nobody knows what it says.
    pub fn without_leaks(&self) -> Result<Option<(Bytes, Self)>, Error> {
        match &self.0 {
            Form::Chat(chunk) => {
                let Some(json) = chunk.without_leaks() else { return Ok(None) };
                Ok(Some((sse::event(&json), Self(Form::Chat(chunk.again(&json)?)))))
            }
            Form::Responses(event) => {
                let Some(json) = event.without_leaks().map(Bytes::from) else { return Ok(None) };
                let clean = responses::Event::read(&json)?;
                Ok(Some((framed(&json, event.kind()), Self(Form::Responses(Box::new(clean))))))
            }
        }
    }

    /// The event without the texts with which parts begin, and behind it events that bring them: a text can be held back where it stands alone. `None`: it has none.
    #[must_use]
    pub fn apart(&self) -> Option<Vec<Bytes>> {
        let Form::Responses(event) = &self.0 else { return None };
        let empty = event.begun().into_iter().map(|piece| (piece.number, String::new())).collect();
        let texts = event
            .announces()
            .into_iter()
            .map(|piece| self.with_text(piece.number, piece.id.as_deref(), &piece.text.unwrap_or_default().alone()));
        Some(std::iter::once(framed(&event.edited(&empty, None, None)?, event.kind())).chain(texts).collect())
    }

    /// The event with other texts where it repeats them, another number, and the verdict where it carries a response. `None`: nothing has to change.
    #[must_use]
    pub fn edited(
        &self,
        shown: &BTreeMap<u32, String>,
        sequence: Option<u64>,
        verdict: Option<&Moderation>,
    ) -> Option<Bytes> {
        let Form::Responses(event) = &self.0 else { return None };
        Some(framed(&event.edited(shown, sequence, verdict)?, event.kind()))
    }
}

fn framed(json: &[u8], kind: &str) -> Bytes {
    sse::named(kind, json)
}
