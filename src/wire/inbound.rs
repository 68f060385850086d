//! A request that is guarded, as it came.

use bytes::Bytes;

use crate::domain::{Country, Hint, Turn};

use super::Error;
use super::chat::Conversation;
use super::completions::Prompt;
use super::json::{self, Cursor, Kind, Object, Path};
use super::responses::Input;

/// The APIs whose requests are guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Chat completions: `messages` in, `choices` out.
    Chat,
    /// Responses: `input` in, `output` out.
    Responses,
    /// The older completions: `prompt` in, `choices` with a `text` out.
    Completions,
}

/// What the request's `moderation` object asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModerationMode {
    /// Every mode in it is `score`: say what is found and change nothing.
    Score,
    /// Anything else: say what is found.
    Include,
}

/// A request as it came, and what was read in it.
#[derive(Debug)]
pub struct Inbound {
    body: Bytes,
    pub(super) top: Object,
    pub(super) form: Form,
    fields: Fields,
}

/// Where what is said stands.
#[derive(Debug)]
pub(super) enum Form {
    Chat(Conversation),
    Responses(Input),
    Completions(Prompt),
}

/// What is read beside the conversation. All APIs have the same names for it.
#[derive(Debug, Default)]
struct Fields {
    hint: Hint,
    notes: Vec<String>,
    model: Option<String>,
    stream: bool,
    include_usage: bool,
    choices: Option<u32>,
    moderation: Option<ModerationMode>,
}

/// The model that a JSON body asks for, if any, whatever endpoint it is for; `None` where the body cannot be read.
#[must_use]
pub fn asked_model(body: &Bytes) -> Option<Option<String>> {
    let mut model = None;
    let read = json::open(body).ok()?.object(&Path::Root, |cursor, name, _| {
        if name == "model" {
            model = cursor.text().map(Into::into);
        }
        Ok(())
    });
    read.ok().map(|_| model)
}

impl Inbound {
    /// Reads a request. Keys that are not known here may have any value.
    ///
    /// # Errors
    /// [`Error`] where the body is no JSON object, is nested too deeply, has a key twice in an object that is read, has no `messages` (chat completions), or has a
    /// value of a wrong type where that would leave something unread.
    pub fn read(api: Api, body: Bytes) -> Result<Self, Error> {
        match api {
            Api::Chat => Self::read_chat(body),
            Api::Responses => Self::read_responses(body),
            Api::Completions => Self::read_completions(body),
        }
    }

    fn read_chat(body: Bytes) -> Result<Self, Error> {
        let (mut fields, mut conversation) = (Fields::default(), None);
        let top = json::open(&body)?.object(&Path::Root, |cursor, name, path| {
            json::spelt(name, &["messages"], path)?;
            if name == "messages" {
                conversation = Some(Conversation::read(&body, cursor, path)?);
                return Ok(());
            }
            fields.read(cursor, name, path)
        })?;
        let conversation = conversation.ok_or(Error::MissingMessages)?;
        Ok(Self { body, top, form: Form::Chat(conversation), fields })
    }

    fn read_responses(body: Bytes) -> Result<Self, Error> {
        let (mut fields, mut input) = (Fields::default(), Input::default());
        let top = json::open(&body)?.object(&Path::Root, |cursor, name, path| {
            json::spelt(name, &Input::KEYS, path)?;
            match name {
                // The user's place stands in the tool for searching.
                "tools" if cursor.kind() == Kind::Array => {
                    cursor.array(path, |cursor, path| fields.location(cursor, path)).map(drop)
                }
                key if Input::KEYS.contains(&key) => input.read(&body, cursor, key, path),
                key => fields.read(cursor, key, path),
            }
        })?;
        input.complete();
        Ok(Self { body, top, form: Form::Responses(input), fields })
    }

    fn read_completions(body: Bytes) -> Result<Self, Error> {
        let (mut fields, mut prompt) = (Fields::default(), Prompt::default());
        let top = json::open(&body)?.object(&Path::Root, |cursor, name, path| {
            json::spelt(name, &Prompt::KEYS, path)?;
            if Prompt::KEYS.contains(&name) {
                return prompt.read(cursor, name, path);
            }
            fields.read(cursor, name, path)
        })?;
        Ok(Self { body, top, form: Form::Completions(prompt), fields })
    }

    /// The API that it is a request of.
    #[must_use]
    pub fn api(&self) -> Api {
        match &self.form {
            Form::Chat(_) => Api::Chat,
            Form::Responses(_) => Api::Responses,
            Form::Completions(_) => Api::Completions,
        }
    }

    /// The body, byte for byte.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The conversation.
    #[must_use]
    pub fn turn(&self) -> &Turn {
        match &self.form {
            Form::Chat(conversation) => &conversation.turn,
            Form::Responses(input) => &input.turn,
            Form::Completions(prompt) => &prompt.turn,
        }
    }

    /// What belongs to the conversation, or to its answer, and cannot be seen here, each with why: a history that the model server keeps, an answer that is fetched later;
    /// or a note that cannot be put in.
    #[must_use]
    pub fn unseen(&self) -> &[(String, &'static str)] {
        match &self.form {
            Form::Chat(_) => &[],
            Form::Responses(input) => &input.unseen,
            Form::Completions(prompt) => &prompt.unseen,
        }
    }

    /// What the body says about its culture outside the conversation: `metadata.country`, and the user's place as a tool for searching has it.
    #[must_use]
    pub fn hint(&self) -> Hint {
        self.fields.hint.clone()
    }

    /// What was understood in part only, a sentence each: a country that is none.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.fields.notes
    }

    /// The model that is asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.fields.model.as_deref()
    }

    /// Whether a stream is asked for.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.fields.stream
    }

    /// Whether a stream is to end with its usage.
    #[must_use]
    pub fn include_usage(&self) -> bool {
        self.fields.include_usage
    }

    /// How many choices are asked for: at least 1. Each prompt of a completion has `n` of them, any other request has `n` in all.
    #[must_use]
    pub fn choices(&self) -> u32 {
        match &self.form {
            Form::Chat(_) | Form::Responses(_) => self.each(),
            Form::Completions(prompt) => prompt.count().max(1).saturating_mul(self.each()),
        }
    }

    /// `n`: how many choices are asked for each prompt.
    pub(super) fn each(&self) -> u32 {
        self.fields.choices.unwrap_or(1).max(1)
    }

    /// What the `moderation` object asks for; `None` where there is none.
    #[must_use]
    pub fn moderation(&self) -> Option<ModerationMode> {
        self.fields.moderation
    }
}

impl Fields {
    fn read(&mut self, cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>) -> Result<(), Error> {
        match name {
            "model" => self.model = cursor.text().map(Into::into),
            "stream" => self.stream = boolean(cursor, path)?,
            "n" => self.choices = count(cursor, path)?,
            "stream_options" => objects(cursor, path, &["include_usage"], &mut |cursor, _, path| {
                self.include_usage = cursor.skip(path)? == "true";
                Ok(())
            })?,
            "metadata" => {
                objects(cursor, path, &["country"], &mut |cursor, _, path| {
                    self.hint.metadata = country(cursor, path, &mut self.notes);
                    Ok(())
                })?;
            }
            "web_search_options" => self.location(cursor, path)?,
            "moderation" => self.moderation = moderation(cursor, path)?,
            _ => {}
        }
        Ok(())
    }

    fn location(&mut self, cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<(), Error> {
        objects(cursor, path, &["user_location", "approximate", "country"], &mut |cursor, name, path| {
            if name == "country" {
                self.hint.user_location = country(cursor, path, &mut self.notes).or(self.hint.user_location.take());
            }
            Ok(())
        })
    }
}

/// Reads an object and those within it that stand at one of the `keys`; whatever else stands at one of the keys goes to `leaf`.
fn objects(
    cursor: &mut Cursor<'_>,
    path: &Path<'_>,
    keys: &[&str],
    leaf: &mut dyn FnMut(&mut Cursor<'_>, &str, &Path<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    if cursor.kind() != Kind::Object {
        return Ok(());
    }
    let within = |cursor: &mut Cursor<'_>, name: &str, path: &Path<'_>| match keys.iter().position(|key| *key == name) {
        // Each level takes its key away, so that the nesting of the keys bounds that of the calls.
        Some(at) if cursor.kind() == Kind::Object => {
            objects(cursor, path, keys.get(at + 1..).unwrap_or_default(), &mut *leaf)
        }
        Some(_) => leaf(cursor, name, path),
        None => Ok(()),
    };
    cursor.object(path, within).map(drop)
}

fn boolean(cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<bool, Error> {
    match cursor.kind() {
        Kind::Bool => Ok(cursor.skip(path)? == "true"),
        Kind::Null => Ok(false),
        Kind::Object | Kind::Array | Kind::Text | Kind::Number => Err(path.is_not("true or false")),
    }
}

fn count(cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<Option<u32>, Error> {
    match cursor.skip(path)? {
        "null" => Ok(None),
        number => number
            .parse()
            .ok()
            .or_else(|| whole(number))
            .map(Some)
            .ok_or_else(|| path.is_not("a whole number such as 1")),
    }
}

/// A whole number in another spelling, such as `1.0` or `1e0`: JSON Schema takes them for integers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is whole and within bounds")]
fn whole(number: &str) -> Option<u32> {
    let value: f64 = number.parse().ok()?;
    (value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value)).then_some(value as u32)
}

fn country(cursor: &mut Cursor<'_>, path: &Path<'_>, notes: &mut Vec<String>) -> Option<Country> {
    let text = cursor.text()?;
    text.parse().map_err(|unknown| notes.push(format!("{path}: {unknown}"))).ok()
}

/// OpenAI puts a mode for the request into `policy.input` and one for the answer into `policy.output`; one beside `policy` counts, too.
fn moderation(cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<Option<ModerationMode>, Error> {
    if cursor.kind() != Kind::Object {
        return Ok(None);
    }
    let mut modes = Vec::new();
    let way = ["policy", "input", "output", "mode"];
    objects(cursor, path, &way, &mut |cursor, name, _| {
        if name == "mode" {
            modes.push(cursor.text().is_some_and(|mode| mode == "score"));
        }
        Ok(())
    })?;
    let scores = !modes.is_empty() && modes.into_iter().all(|scores| scores);
    Ok(Some(if scores { ModerationMode::Score } else { ModerationMode::Include }))
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
