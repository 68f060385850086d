//! The prompt of a request: what it says, the norm note in it, and the prompt for a repaired text.
//!
//! A raw model goes on with whatever its prompt ends with, so the note stands in front, in brackets. An answer that is to repeat its prompt (`echo`) would show the note:
//! such a prompt gets none.

use crate::domain::{Message, Part, Role, Turn};
use crate::wire::Error;
use crate::wire::json::{self, Cursor, Kind, Object, Path, Span};
use crate::wire::note::within;
use crate::wire::splice::{Change, Edits};

/// What a request says.
#[derive(Debug)]
pub(in crate::wire) struct Prompt {
    /// One message of the user: the prompts that are text, and the suffix.
    pub(in crate::wire) turn: Turn,
    /// Prompt by prompt, where it stands, its quotes included, and which part of the message it is; `None` for one in tokens.
    prompts: Vec<Option<(Span, usize)>>,
    /// Whether answers repeat the prompt.
    echo: bool,
    /// What nobody is taught by, and why.
    pub(in crate::wire) unseen: Vec<(String, &'static str)>,
}

/// What a request for a repaired text does not ask for: text between two others, the best of several, padding, and what would tell the draft's tokens.
const NOT_FOR_REPAIR: [&str; 4] = ["suffix", "best_of", "stream_options", "logprobs"];

/// What a prompt in tokens is called: what they say is known to the model server alone.
const TOKENS: &str = "tokens";

impl Default for Prompt {
    fn default() -> Self {
        let message = Message { role: Some(Role::User), parts: Vec::new() };
        Self { turn: Turn { messages: vec![message] }, prompts: Vec::new(), echo: false, unseen: Vec::new() }
    }
}

impl Prompt {
    /// The keys of a request that [`Prompt::read`] reads.
    pub(in crate::wire) const KEYS: [&str; 3] = ["prompt", "suffix", "echo"];

    /// Reads the value of one of the keys.
    pub(in crate::wire) fn read(&mut self, cursor: &mut Cursor<'_>, key: &str, path: &Path<'_>) -> Result<(), Error> {
        match (key, cursor.kind()) {
            (_, Kind::Null) => Ok(()),
            ("echo", _) => {
                self.echo = cursor.skip(path)? != "false";
                if self.echo {
                    self.unseen.push(("note".to_owned(), "echo"));
                }
                Ok(())
            }
            ("suffix", Kind::Text) => {
                self.say(cursor);
                Ok(())
            }
            ("suffix", _) => Err(path.is_not("a string or null")),
            (_, Kind::Text) => self.prompt(cursor, path),
            (_, Kind::Array) => self.prompts(cursor, path),
            _ => Err(path.is_not("a string, or an array of strings or of tokens")),
        }
    }

    /// Reads strings, arrays of tokens, or the tokens of one prompt.
    fn prompts(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        let mut single = false;
        cursor.array(path, |cursor, path| {
            if cursor.kind() == Kind::Number {
                single = true;
                return cursor.skip(path).map(drop);
            }
            self.prompt(cursor, path)
        })?;
        if single {
            self.tokens();
        }
        Ok(())
    }

    fn prompt(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        match cursor.kind() {
            Kind::Text => {
                let start = cursor.at();
                let part = self.say(cursor);
                self.prompts.push(Some((start..cursor.at(), part)));
            }
            Kind::Array => {
                cursor.skip(path)?;
                self.tokens();
            }
            Kind::Object | Kind::Number | Kind::Bool | Kind::Null => {
                return Err(path.is_not("a string or an array of tokens"));
            }
        }
        Ok(())
    }

    /// Reads a text, and says which part of the message it is.
    fn say(&mut self, cursor: &mut Cursor<'_>) -> usize {
        let text = cursor.text().map(|text| Part::Text(text.into()));
        let Some(message) = self.turn.messages.first_mut() else { return 0 };
        message.parts.extend(text);
        message.parts.len().saturating_sub(1)
    }

    /// A prompt that nobody reads. It is told once, however many there are.
    fn tokens(&mut self) {
        self.prompts.push(None);
        let tokens = Part::Other(TOKENS.to_owned());
        if let Some(message) = self.turn.messages.first_mut().filter(|message| !message.parts.contains(&tokens)) {
            message.parts.push(tokens);
        }
    }

    /// How many prompts there are.
    pub(in crate::wire) fn count(&self) -> u32 {
        u32::try_from(self.prompts.len()).unwrap_or(u32::MAX)
    }

    /// Puts the note in front of each prompt that is text.
    pub(in crate::wire) fn teach(&self, note: &str, edits: &mut Edits) {
        if self.echo {
            return;
        }
        let note = within(&bracketed(note));
        for (span, _) in self.prompts.iter().flatten() {
            edits.insert(span.start + 1, note.clone());
        }
    }

    /// Asks for the text of one choice again, of which there are `each` for a prompt: the prompt, the draft, and what is asked of it now in brackets. `None`: the
    /// prompt is in tokens, and nobody knows what it says.
    pub(in crate::wire) fn ask_again(
        &self,
        top: &Object,
        (choice, each): (u32, u32),
        note: &str,
        draft: &str,
        ask: &str,
    ) -> Option<Edits> {
        let (_, part) = self.prompts.get(usize::try_from(choice.checked_div(each)?).ok()?)?.as_ref()?;
        let Some(Part::Text(prompt)) = self.turn.messages.first()?.parts.get(*part) else { return None };
        let note = if note.is_empty() { String::new() } else { bracketed(note) };
        let draft = draft.strip_prefix(prompt.as_str()).filter(|_| self.echo).unwrap_or(draft);
        let again = format!("{note}{prompt}{draft}\n\n{}", bracketed(ask));
        let values: [(&str, &[u8]); 3] = [("stream", b"false"), ("n", b"1"), ("echo", b"false")];
        let mut changes: Vec<_> = values.map(|(key, value)| (key, Change::Replace(value.to_vec()))).into();
        changes.push(("prompt", Change::Replace(json::written(&again))));
        changes.extend(NOT_FOR_REPAIR.map(|key| (key, Change::Remove)));
        let mut edits = Edits::default();
        edits.members(top, changes);
        Some(edits)
    }
}

/// What the operator says to a model that only goes on with a text.
fn bracketed(said: &str) -> String {
    format!("[{}]\n\n", said.trim_end())
}

#[cfg(test)]
#[path = "prompt_tests.rs"]
mod tests;
