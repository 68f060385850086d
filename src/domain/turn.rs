//! One turn of a conversation, free of any wire format, and whose culture it is about.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::norm::words;
use super::{Country, Language, Layers};

words! {
    /// Who speaks.
    Role, "role" {
        /// The operator, in the older spelling.
        System = "system",
        /// The operator, in the newer spelling.
        Developer = "developer",
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// A tool's result (the older `function` role, too).
        Tool = "tool",
    }
}

/// A conversation up to the question at hand, oldest message first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Turn {
    /// The messages in the order of the conversation.
    pub messages: Vec<Message>,
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// Who speaks; `None` for a role that this version does not know.
    pub role: Option<Role>,
    /// Texts and pictures in their order.
    pub parts: Vec<Part>,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text, unescaped.
    Text(String),
    /// A picture.
    Picture(Picture),
    /// Something that is neither, by the name the wire gives it (`input_audio`, `file`, a tool call's `arguments`).
    Other(String),
}

/// A picture as it came. Decoding is the classifier's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// The base64 text of a `data:` URL, as it came (white space, missing padding and the URL-safe alphabet included).
    Inline(Bytes),
    /// An http(s) URL, as it came, behind which nobody has looked yet.
    Remote(String),
    /// One that cannot be looked at, and why.
    Unread(UnreadPicture),
}

words! {
    /// Why a picture was not looked at before it reached the classifier.
    UnreadPicture, "reason" {
        /// An http(s) URL that is not fetched: fetching is off, or the URL is none of those that the settings allow.
        RemoteUrl = "remote-url",
        /// A URL that leads where nothing is fetched from: to an address that is not public, or by a redirect to another URL than the settings allow.
        RemoteRefused = "remote-refused",
        /// A URL behind which nothing was got: no connection, no time, no answer as it should be.
        RemoteFailed = "remote-failed",
        /// Beyond the URLs that are fetched for one turn.
        OverLimit = "over-picture-limit",
        /// It was fetched, and the bodies under way left no room for it.
        NoRoom = "no-room",
        /// What lies behind the URL has more bytes than may be fetched.
        TooLarge = "picture-too-large",
        /// What lies behind the URL says of itself that it is no picture.
        NotAPicture = "not-a-picture",
        /// What lies behind the URL says of itself that it is a picture of a kind that is not read here.
        Unsupported = "unsupported-format",
        /// A file id at the upstream.
        FileId = "file-id",
        /// Neither a data: URL in base64 nor an http(s) URL.
        BadUrl = "bad-url",
    }
}

impl Turn {
    /// The newest message of the user, or `None` where there is none.
    #[must_use]
    pub fn newest_user(&self) -> Option<&Message> {
        self.messages.iter().rev().find(|message| message.role == Some(Role::User))
    }

    /// The text of the newest user message that has one: the query. Empty where nobody wrote any.
    #[must_use]
    pub fn query(&self) -> String {
        let users = self.messages.iter().rev().filter(|message| message.role == Some(Role::User));
        users.map(Message::text).find(|text| !text.trim().is_empty()).unwrap_or_default()
    }

    /// The messages whose pictures are meant: the newest message of the user and what follows it (a tool may have taken a picture). Where these have no picture, the
    /// newest message that has any: "here is my photo" may be two messages before "may I bring it?".
    #[must_use]
    pub fn shown(&self) -> Range<usize> {
        let newest_user = self.messages.iter().rposition(|message| message.role == Some(Role::User));
        let newest_user = newest_user.unwrap_or_default();
        match self.messages.iter().rposition(Message::shows) {
            Some(newest) if newest >= newest_user => newest_user..newest + 1,
            Some(newest) => newest..newest + 1,
            None => 0..0,
        }
    }

    /// The pictures of the whole conversation, the newest message's first, with the index of their message.
    pub fn pictures(&self) -> impl Iterator<Item = (usize, &Picture)> {
        self.messages.iter().enumerate().rev().flat_map(|(at, message)| {
            message.parts.iter().filter_map(move |part| match part {
                Part::Picture(picture) => Some((at, picture)),
                Part::Text(_) | Part::Other(_) => None,
            })
        })
    }
}

impl Message {
    fn shows(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Picture(_)))
    }

    /// The message's text parts, a line each.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Picture(_) | Part::Other(_) => None,
            })
            .collect();
        texts.join("\n")
    }
}

words! {
    /// Where a country was found, strongest first.
    PlaceSource, "source" {
        /// The request's `comity-country` header.
        Header = "header",
        /// The request's `metadata.country`.
        Metadata = "metadata",
        /// A place named in the newest user text.
        Query = "query",
        /// A place named in an earlier turn.
        History = "history",
        /// A place named in the system or developer prompt.
        Prompt = "prompt",
        /// `web_search_options.user_location.approximate.country`.
        UserLocation = "user-location",
        /// The key's or the server's default.
        Default = "default",
        /// The region of `Accept-Language`.
        AcceptLanguage = "accept-language",
    }
}

/// What a request says about its culture outside the conversation's texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hint {
    /// The `comity-country` header: one or more countries.
    pub header: Vec<Country>,
    /// `metadata.country`.
    pub metadata: Option<Country>,
    /// `web_search_options.user_location.approximate.country`.
    pub user_location: Option<Country>,
    /// The key's or the server's default.
    pub default: Option<Country>,
    /// The `Accept-Language` header as it came.
    pub accept_language: Option<String>,
    /// The layers above the countries' packs.
    pub layers: Layers,
}

/// A country and where it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The country.
    pub country: Country,
    /// Where it was found.
    pub source: PlaceSource,
    /// The name that was recognised in a text, such as `beijing`; `None` where a code was given and no text names the country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The overlays for parts of the country that names in the text put in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
}

/// Whose culture a turn is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// The countries in play: those of the strongest source, in the order in which they were found.
    pub places: Vec<Place>,
    /// What weaker sources said otherwise. Recorded, not used.
    pub conflicts: Vec<Place>,
    /// The query's language, where it could be told.
    pub language: Option<Language>,
    /// The layers above the countries' packs.
    pub layers: Layers,
}

impl Context {
    /// The countries in play.
    pub fn countries(&self) -> impl Iterator<Item = Country> + '_ {
        self.places.iter().map(|place| place.country)
    }

    /// The language in which people are spoken to: the query's, else English.
    #[must_use]
    pub fn reply_language(&self) -> Language {
        self.language.unwrap_or(Language::ENGLISH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, parts: Vec<Part>) -> Message {
        Message { role: Some(role), parts }
    }

    #[test]
    fn an_image_only_message_keeps_the_last_written_query() {
        let picture = Picture::Inline(Bytes::from_static(b"AAAA"));
        let turn = Turn {
            messages: vec![
                message(Role::User, vec![Part::Text("May I bring this?".into())]),
                message(Role::User, vec![Part::Picture(picture.clone())]),
            ],
        };
        assert_eq!(turn.query(), "May I bring this?");
        assert_eq!(turn.pictures().collect::<Vec<_>>(), [(1, &picture)]);
    }
}
