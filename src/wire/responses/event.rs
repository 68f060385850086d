//! One event of an answer that streams.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::wire::Error;
use crate::wire::event::Piece;
use crate::wire::fragment::Fragment;
use crate::wire::inbound::Api;
use crate::wire::json::{self, Cursor, Object, Path};
use crate::wire::moderation::Moderation;
use crate::wire::splice::{Change, Edits};
use crate::wire::surface::{Beside, Surface, Words, given};

use super::output::{Output, indices, key};

/// One event, and what was read in it.
#[derive(Debug, Clone)]
pub(in crate::wire) struct Event {
    data: Bytes,
    top: Object,
    kind: String,
    number: Option<u64>,
    item: u32,
    part: u32,
    id: Option<String>,
    delta: Option<Fragment>,
    /// The text of an event that repeats it at its top.
    text: Option<String>,
    /// What it says itself beside the texts.
    beside: Option<Words>,
    /// What it repeats of the output.
    output: Output,
    response: Option<Object>,
}

#[derive(Serialize)]
struct Made<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    item_id: &'a str,
    output_index: u32,
    content_index: u32,
    delta: &'a str,
    logprobs: [(); 0],
    sequence_number: u64,
}

impl Event {
    /// The event that brings more of a text.
    pub(in crate::wire) const DELTA: &str = "response.output_text.delta";

    /// Reads one `data:` payload.
    pub(in crate::wire) fn read(data: &Bytes) -> Result<Self, Error> {
        let mut event = Self {
            data: data.clone(),
            top: Object { span: 0..0, members: Vec::new() },
            kind: String::new(),
            number: None,
            item: 0,
            part: 0,
            id: None,
            delta: None,
            text: None,
            beside: None,
            output: Output::default(),
            response: None,
        };
        let start = json::open(data)?;
        // The indices may stand behind what they are the indices of.
        event.top = start.clone().object(&Path::Root, |cursor, name, path| event.place(cursor, name, path))?;
        start.clone().object(&Path::Root, |cursor, name, path| event.said(cursor, name, path))?;
        event.output.complete();
        Ok(event)
    }

    fn place(&mut self, cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>) -> Result<(), Error> {
        match name {
            "type" => self.kind = cursor.text().unwrap_or_default().into_owned(),
            "sequence_number" => self.number = cursor.skip(path)?.parse().ok(),
            "output_index" => self.item = whole(cursor, path)?,
            "content_index" => self.part = whole(cursor, path)?,
            "item_id" => self.id = cursor.text().map(Into::into),
            _ => {}
        }
        Ok(())
    }

    fn said(&mut self, cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>) -> Result<(), Error> {
        match name {
            "delta" if self.kind == Self::DELTA => self.delta = Fragment::read(cursor),
            "text" if self.kind == "response.output_text.done" => self.text = cursor.text().map(Into::into),
            "part" if self.kind.starts_with("response.content_part.") => {
                self.output.part(cursor, path, key(self.item, self.part))?;
            }
            "item" if self.kind.starts_with("response.output_item.") => self.output.item(cursor, path, self.item)?,
            "response" if cursor.kind() == json::Kind::Object => {
                let output = &mut self.output;
                self.response = Some(cursor.object(path, |cursor, name, path| output.response(cursor, name, path))?);
            }
            "delta" if self.surface().is_some_and(Surface::read) => self.beside = given(cursor, path)?.map(Words::More),
            "refusal" | "arguments" | "input" | "transcript" if self.surface().is_some_and(Surface::read) => {
                self.beside = given(cursor, path)?.map(Words::More).map(Words::whole);
            }
            _ => {}
        }
        Ok(())
    }

    /// What it brings more of beside the texts, or repeats.
    fn surface(&self) -> Option<Surface> {
        let (what, _) = self.kind.strip_prefix("response.")?.rsplit_once('.')?;
        match what {
            "refusal" => Some(Surface::Refusal),
            "function_call_arguments" | "mcp_call_arguments" | "custom_tool_call_input" => Some(Surface::ToolCalls),
            "audio.transcript" | "audio_transcript" | "output_audio_transcript" => Some(Surface::Transcript),
            "audio" | "output_audio" => Some(Surface::Audio),
            what if what.starts_with("reasoning") => Some(Surface::Reasoning),
            _ => None,
        }
    }

    /// Its number in the stream.
    pub(in crate::wire) fn sequence(&self) -> Option<u64> {
        self.number
    }

    /// More of the text of a part; an annotation of it adds nothing, but belongs to it.
    pub(in crate::wire) fn delta(&self) -> Option<Piece> {
        let annotates = self.kind.starts_with("response.output_text.annotation.");
        let text = self.delta.clone().or_else(|| annotates.then(Fragment::default))?;
        Some(piece(key(self.item, self.part), self.id.as_deref(), text, false))
    }

    /// The texts that it repeats whole. What only announces them repeats nothing.
    pub(in crate::wire) fn repeats(&self) -> Vec<Piece> {
        if self.step() != "done" && !self.last() {
            return Vec::new();
        }
        let own =
            self.text.iter().map(|text| piece(key(self.item, self.part), self.id.as_deref(), text.as_str(), true));
        own.chain(self.texts(true)).collect()
    }

    /// The texts with which parts begin, where they do not begin empty.
    pub(in crate::wire) fn announces(&self) -> Vec<Piece> {
        if self.step() == "added" { self.begun() } else { Vec::new() }
    }

    /// The texts that stand in it before they are complete, where they are not empty.
    pub(in crate::wire) fn begun(&self) -> Vec<Piece> {
        let begins = matches!(self.step(), "added" | "created" | "queued" | "in_progress");
        self.texts(false).filter(|piece| begins && piece.text.as_ref().is_some_and(|text| !text.is_empty())).collect()
    }

    fn texts(&self, ends: bool) -> impl Iterator<Item = Piece> {
        self.output.texts.iter().map(move |text| {
            let id = text.id.as_deref().or(self.id.as_deref());
            piece(text.key, id, text.said.as_str(), ends)
        })
    }

    /// What it has beside texts, with the number of the first part of its item.
    pub(in crate::wire) fn beside(&self) -> Vec<Beside> {
        let own = self.surface().and_then(|surface| {
            let words = if surface.read() { self.beside.clone()? } else { Words::Unread };
            Some(Beside { number: key(self.item, 0), part: self.part, surface, words })
        });
        own.into_iter().chain(self.output.beside.iter().cloned()).collect()
    }

    /// Whether it ends the stream.
    pub(in crate::wire) fn last(&self) -> bool {
        matches!(self.kind.as_str(), "response.completed" | "response.failed" | "response.incomplete")
    }

    /// Whether it says that the model server failed.
    pub(in crate::wire) fn error(&self) -> bool {
        matches!(self.kind.as_str(), "response.failed" | "error")
    }

    /// Whether it tells a text in another way, and nothing else: what the model thinks, in words, or what is heard.
    pub(in crate::wire) fn echoes(&self) -> bool {
        let heard = ["response.reasoning", "response.audio", "response.output_audio"];
        let part = self.kind.starts_with("response.content_part.") && self.output.only_thinks();
        part || heard.iter().any(|start| self.kind.starts_with(start))
    }

    /// The last word of its name, such as `done`.
    fn step(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or_default()
    }

    /// The event's name, which stands in its `event` line.
    pub(in crate::wire) fn kind(&self) -> &str {
        &self.kind
    }

    /// The event with other texts, another number, and the verdict: whatever is given. `None`: nothing has to change.
    pub(in crate::wire) fn edited(
        &self,
        shown: &BTreeMap<u32, String>,
        number: Option<u64>,
        verdict: Option<&Moderation>,
    ) -> Option<Vec<u8>> {
        let mut edits = Edits::default();
        let mut top = Vec::new();
        if let Some(number) = number.filter(|number| Some(*number) != self.number) {
            top.push(("sequence_number", Change::Replace(number.to_string().into_bytes())));
        }
        let own =
            shown.get(&key(self.item, self.part)).filter(|other| self.text.as_ref().is_some_and(|text| text != *other));
        if let Some(other) = own {
            top.push(("text", Change::Set(json::written(other))));
            top.push(("logprobs", Change::Replace(b"[]".to_vec())));
        }
        edits.members(&self.top, top);
        self.output.rewrite(shown, &mut edits);
        if let (Some(verdict), Some(response)) = (verdict, &self.response) {
            edits.members(response, vec![("moderation", Change::Set(Api::Responses.moderation(verdict)))]);
        }
        (!edits.is_empty()).then(|| edits.apply(&self.data))
    }

    /// The event without what could tell a text that is held back, and without the padding that fits its old length. `None`: nothing has to change.
    pub(in crate::wire) fn without_leaks(&self) -> Option<Vec<u8>> {
        let mut edits = Edits::default();
        edits.members(&self.top, vec![("logprobs", Change::Replace(b"[]".to_vec())), ("obfuscation", Change::Remove)]);
        self.output.without_logprobs(&mut edits);
        self.output.without_echoes(&mut edits);
        let clean = edits.apply(&self.data);
        (clean != self.data).then_some(clean)
    }

    /// The event with another piece of its text, all else as it came.
    pub(in crate::wire) fn saying(&self, text: &str) -> Vec<u8> {
        let mut edits = Edits::default();
        edits.members(&self.top, vec![("delta", Change::Replace(json::written(&text)))]);
        edits.apply(&self.data)
    }

    /// An event with more of a text, in the place of this one's.
    pub(in crate::wire) fn with_text(&self, number: u32, id: Option<&str>, text: &str) -> Vec<u8> {
        let (output_index, content_index) = indices(number);
        json::written(&Made {
            kind: Self::DELTA,
            item_id: id.or(self.id.as_deref()).unwrap_or_default(),
            output_index,
            content_index,
            delta: text,
            logprobs: [],
            sequence_number: self.number.unwrap_or_default(),
        })
    }
}

/// A text by its number, and by the id of its item where that has one: servers do not always agree with themselves about indices.
fn piece(number: u32, id: Option<&str>, text: impl Into<Fragment>, ends: bool) -> Piece {
    let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
    Piece { number, id, text: Some(text.into()), ends }
}

fn whole(cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<u32, Error> {
    match cursor.skip(path)? {
        "null" => Ok(0),
        number => number.parse().map_err(|_| path.is_not("a whole number such as 0")),
    }
}
