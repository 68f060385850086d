//! What is wrong with a body, and OpenAI's form of saying so.

use bytes::Bytes;
use serde::Serialize;

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not UTF-8.
    #[error("The body is not UTF-8: byte {at} begins no character. Send JSON in UTF-8.")]
    NotUtf8 {
        /// The offset of the first byte that fits into no character.
        at: usize,
    },
    /// The text is not JSON.
    #[error("The body is not JSON: {problem}. Send one JSON object and nothing behind it.")]
    InvalidJson {
        /// What the parser says, with line and column.
        problem: String,
    },
    /// Arrays and objects are nested too deeply.
    #[error("The body is nested more than {limit} levels deep. Send flatter JSON.", limit = super::json::DEEPEST)]
    TooDeep {
        /// Where the limit was passed.
        param: Option<String>,
    },
    /// An object that is read has a key twice: two readers might understand two different things.
    #[error("The key `{param}` is there twice. Send each key once.")]
    DuplicateKey {
        /// The path of the key.
        param: String,
    },
    /// A key that is spelt as some servers take it for another one.
    #[error("The key `{param}` is `{known}` to some model servers and nothing to others. Spell it as the API does.")]
    AmbiguousKey {
        /// The path of the key.
        param: String,
        /// The key that it may be taken for.
        known: &'static str,
    },
    /// A chat request without `messages`.
    #[error("The request has no `messages`. Send an array of messages, each an object with `role` and `content`.")]
    MissingMessages,
    /// A chat completion without `choices`.
    #[error("The answer has no `choices`. Check that the model server speaks the chat completions API.")]
    MissingChoices,
    /// A response without `output`.
    #[error("The answer has no `output`. Check that the model server speaks the Responses API.")]
    MissingOutput,
    /// A value is of another type than the API says.
    #[error("`{}` must be {expected}. Send it as such.", param.as_deref().unwrap_or("body"))]
    InvalidType {
        /// The path of the value; `None` for the whole body.
        param: Option<String>,
        /// What it should be, with an article: `an array`.
        expected: &'static str,
    },
}

impl Error {
    /// OpenAI's `code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "invalid_utf8",
            Self::InvalidJson { .. } => "invalid_json",
            Self::TooDeep { .. } => "too_deep",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::AmbiguousKey { .. } => "ambiguous_key",
            Self::MissingMessages => "missing_messages",
            Self::MissingChoices => "missing_choices",
            Self::MissingOutput => "missing_output",
            Self::InvalidType { .. } => "invalid_type",
        }
    }

    /// OpenAI's `param`: the path of what is wrong, such as `messages[2].content`.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::NotUtf8 { .. } | Self::InvalidJson { .. } => None,
            Self::TooDeep { param } | Self::InvalidType { param, .. } => param.as_deref(),
            Self::DuplicateKey { param } | Self::AmbiguousKey { param, .. } => Some(param),
            Self::MissingMessages => Some("messages"),
            Self::MissingChoices => Some("choices"),
            Self::MissingOutput => Some("output"),
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// The JSON body of an error: `{"error":{"message","type","param","code"}}` with all four keys, as OpenAI's clients expect.
///
/// `kind` is OpenAI's `type`, such as `invalid_request_error`.
#[must_use]
pub fn body(message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Bytes {
    super::json::written(&Envelope { error: Fields { message, kind, param, code } }).into()
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
    sequence_number: u64,
    /// OpenAI's clients raise where they find this, and take the event for one of many without it.
    error: Fields<'a>,
}

/// The event with which a response's stream says that it failed.
#[must_use]
pub fn event(message: &str, param: Option<&str>, code: &str, sequence_number: u64) -> Bytes {
    let error = Fields { message, kind: "server_error", param, code: Some(code) };
    super::sse::named(
        "error",
        &super::json::written(&Event { kind: "error", code, message, param, sequence_number, error }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_all_four_keys() {
        let body = body("Say \"please\".", "invalid_request_error", None, Some("rude"));
        let expected =
            r#"{"error":{"message":"Say \"please\".","type":"invalid_request_error","param":null,"code":"rude"}}"#;
        assert_eq!(body, expected);
    }

    #[test]
    fn a_message_names_the_place_and_what_to_send() {
        let error = Error::InvalidType { param: Some("messages[2].content".into()), expected: "a string or an array" };
        assert_eq!(error.to_string(), "`messages[2].content` must be a string or an array. Send it as such.");
        assert_eq!((error.code(), error.param()), ("invalid_type", Some("messages[2].content")));
    }
}
