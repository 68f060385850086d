//! The output of a response: its texts, where they stand, and what stands beside them. Whole answers have it once; a stream has pieces of it in its events.

use std::collections::BTreeMap;

use crate::wire::Error;
use crate::wire::fragment::Fragment;
use crate::wire::json::{self, Cursor, Kind, Object, Path, Span, says_something};
use crate::wire::splice::{Change, Edits};
use crate::wire::surface::{Beside, Surface, Words, given, heard};

/// What was read of an output, or of a piece of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Output {
    pub(super) texts: Vec<Text>,
    /// What stands beside the texts, with the number of the first part of its item.
    pub(super) beside: Vec<Beside>,
    /// What the model thought: items, and parts of messages.
    thoughts: Vec<Object>,
    /// What is heard: parts with a sound and its words.
    sounds: Vec<Object>,
    /// All texts in one, as some servers give it beside the output.
    joined: Option<(Span, String)>,
}

/// One part that is text.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) key: u32,
    /// The id of its item.
    pub(super) id: Option<String>,
    pub(super) said: String,
    /// Whether it is said on the way to the answer (`phase` is `commentary`).
    pub(super) aside: bool,
    place: Place,
}

/// Where a text stands.
#[derive(Debug, Clone)]
enum Place {
    /// In a part of a message.
    Part(Object),
    /// As a string, where servers give a message's content, or the whole output, as one.
    Value(Span),
}

/// The number of a part by the indices of its item and within it.
pub(super) fn key(item: u32, part: u32) -> u32 {
    item.saturating_mul(PARTS).saturating_add(part.min(PARTS - 1))
}

/// The indices of an item and within it by the number of a part.
pub(in crate::wire) fn indices(key: u32) -> (u32, u32) {
    (key / PARTS, key % PARTS)
}

/// More parts than that of one item are counted as one.
const PARTS: u32 = 256;

/// Members of items that are no messages: what is asked for in other ways than by arguments.
const ASKING: [&str; 6] = ["action", "actions", "code", "queries", "operation", "operations"];

/// Members of items that are no messages: what tools of the model server's own gave.
const GIVING: [&str; 4] = ["output", "outputs", "result", "results"];

/// What an item says that is no message.
#[derive(Default)]
struct Call {
    words: Option<Fragment>,
    asks: bool,
    gives: bool,
}

impl Output {
    /// Reads a member of a response object.
    pub(super) fn response(&mut self, cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>) -> Result<(), Error> {
        match name {
            "output" if cursor.kind() != Kind::Null => {
                let mut index = 0;
                cursor.array(path, |cursor, path| {
                    index += 1;
                    self.item(cursor, path, index - 1)
                })?;
            }
            "output_text" if cursor.kind() == Kind::Text => {
                let start = cursor.at();
                let said = cursor.text().unwrap_or_default().into_owned();
                self.joined = Some((start..cursor.at(), said));
            }
            _ => {}
        }
        Ok(())
    }

    /// Everything was read: a text that stands beside the output alone is the only one.
    pub(super) fn complete(&mut self) {
        if self.texts.is_empty()
            && let Some((span, said)) = self.joined.take()
            && !said.is_empty()
        {
            self.texts.push(Text { key: 0, id: None, said, aside: false, place: Place::Value(span) });
        }
    }

    /// Reads an item of an output.
    pub(super) fn item(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>, index: u32) -> Result<(), Error> {
        if cursor.kind() != Kind::Object {
            return Ok(());
        }
        let before = (self.texts.len(), self.beside.len(), self.thoughts.len(), self.sounds.len());
        let (mut kind, mut id, mut aside, mut call) = (String::new(), None, false, Call::default());
        let object = cursor.object(path, |cursor, name, path| {
            match name {
                "type" => kind = cursor.text().unwrap_or_default().into_owned(),
                "id" => id = cursor.text().map(Into::into),
                "phase" => aside = cursor.text().is_some_and(|phase| phase == "commentary"),
                "content" if cursor.kind() == Kind::Array => {
                    let mut part = 0;
                    cursor.array(path, |cursor, path| {
                        part += 1;
                        call.asks = true;
                        self.part(cursor, path, key(index, part - 1))
                    })?;
                }
                "content" if cursor.kind() == Kind::Text => {
                    let start = cursor.at();
                    let said = cursor.text().unwrap_or_default().into_owned();
                    let place = Place::Value(start..cursor.at());
                    self.texts.push(Text { key: key(index, 0), id: None, said, aside: false, place });
                }
                name => call.read(cursor, name, path)?,
            }
            Ok(())
        })?;
        if matches!(kind.as_str(), "message" | "") {
            for text in self.texts.iter_mut().skip(before.0) {
                (text.id, text.aside) = (id.clone(), aside);
            }
            return Ok(());
        }
        // What stands in an item of another kind is no answer.
        self.texts.truncate(before.0);
        self.beside.truncate(before.1);
        self.thoughts.truncate(before.2);
        self.sounds.truncate(before.3);
        if kind == "reasoning" {
            self.beside(key(index, 0), Surface::Reasoning, Words::Unread);
            self.thoughts.push(object);
        } else {
            call.told(index, self);
        }
        Ok(())
    }

    /// Reads a part of an item.
    pub(super) fn part(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>, key: u32) -> Result<(), Error> {
        if cursor.kind() != Kind::Object {
            return Ok(());
        }
        let (start, mut kind, mut text, mut refusal) = (cursor.clone(), String::new(), None, None);
        let object = cursor.object(path, |cursor, name, _| {
            match name {
                "type" => kind = cursor.text().unwrap_or_default().into_owned(),
                "text" => text = cursor.text().map(Into::into),
                "refusal" => refusal = cursor.text().map(Into::into),
                _ => {}
            }
            Ok(())
        })?;
        match (kind.as_str(), text) {
            ("output_text", text) => self.text(key, text.unwrap_or_default(), object),
            ("reasoning_text" | "summary_text", _) => {
                self.beside(key, Surface::Reasoning, Words::Unread);
                self.thoughts.push(object);
            }
            ("refusal", _) => self.beside(key, Surface::Refusal, refusal.map_or(Words::Unread, Words::Whole)),
            ("output_audio", _) => {
                let mut sounds = Vec::new();
                heard(&mut start.clone(), path, &mut sounds)?;
                for one in sounds {
                    self.beside(key, one.surface, one.words.whole());
                }
                self.sounds.push(object);
            }
            (_, Some(text)) => self.text(key, text, object),
            (_, None) => {}
        }
        Ok(())
    }

    fn beside(&mut self, key: u32, surface: Surface, words: Words) {
        let (item, part) = indices(key);
        self.beside.push(Beside { number: self::key(item, 0), part, surface, words });
    }

    fn text(&mut self, key: u32, said: String, object: Object) {
        self.texts.push(Text { key, id: None, said, aside: false, place: Place::Part(object) });
    }

    /// Whether it has thoughts and no text.
    pub(super) fn only_thinks(&self) -> bool {
        self.texts.is_empty() && !self.thoughts.is_empty()
    }

    /// Puts other texts in the place of those that are not shown, and takes out what tells of them: annotations, whose indices are wrong now, and log probabilities.
    pub(super) fn rewrite(&self, shown: &BTreeMap<u32, String>, edits: &mut Edits) {
        let other = |text: &Text| shown.get(&text.key).filter(|other| **other != text.said);
        for text in &self.texts {
            let Some(other) = other(text) else { continue };
            let empty = || Change::Replace(b"[]".to_vec());
            match &text.place {
                Place::Part(object) => {
                    let set = Change::Set(json::written(other));
                    edits.members(object, vec![("text", set), ("annotations", empty()), ("logprobs", empty())]);
                }
                Place::Value(span) => edits.replace(span.clone(), json::written(other)),
            }
        }
        if let Some((span, _)) = self.joined.as_ref().filter(|_| self.texts.iter().any(|text| other(text).is_some())) {
            let texts = self.texts.iter().map(|text| shown.get(&text.key).unwrap_or(&text.said).as_str());
            edits.replace(span.clone(), json::written(&texts.collect::<String>()));
        }
    }

    /// Takes out the log probabilities of all texts.
    pub(super) fn without_logprobs(&self, edits: &mut Edits) {
        for text in &self.texts {
            if let Place::Part(object) = &text.place {
                edits.members(object, vec![("logprobs", Change::Replace(b"[]".to_vec()))]);
            }
        }
    }

    /// Takes out what tells a text in other ways: what the model thought, in words, and what is heard. The items stay: clients and servers know them by their ids.
    pub(super) fn without_echoes(&self, edits: &mut Edits) {
        for object in &self.thoughts {
            let empty = || Change::Replace(b"[]".to_vec());
            let silent = Change::Replace(b"\"\"".to_vec());
            edits.members(object, vec![("summary", empty()), ("content", empty()), ("text", silent)]);
        }
        self.without_sounds(edits);
    }

    /// Takes out what is heard, as sound and in words.
    pub(super) fn without_sounds(&self, edits: &mut Edits) {
        for object in &self.sounds {
            let silent = || Change::Replace(b"\"\"".to_vec());
            edits.members(object, vec![("data", silent()), ("transcript", silent())]);
        }
    }
}

impl Call {
    fn read(&mut self, cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>) -> Result<(), Error> {
        match name {
            "arguments" | "input" => self.words = given(cursor, path)?,
            name if ASKING.contains(&name) => self.asks |= says_something(cursor.skip(path)?),
            name if GIVING.contains(&name) => self.gives |= says_something(cursor.skip(path)?),
            _ => {}
        }
        Ok(())
    }

    fn told(self, index: u32, output: &mut Output) {
        let key = key(index, 0);
        if let Some(words) = self.words {
            output.beside(key, Surface::ToolCalls, Words::Whole(words.alone()));
        }
        if self.asks {
            output.beside(key.saturating_add(1), Surface::ToolCalls, Words::Unread);
        }
        if self.gives {
            output.beside(key, Surface::ToolResults, Words::Unread);
        }
    }
}
