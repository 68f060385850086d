//! Requests and answers of the chat completions API, spelt so that reading and writing them anew would show.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use serde_json::Value;

/// A question. Keys stand in an odd order, with odd blanks and numbers.
pub(crate) fn ask(query: &str) -> String {
    request(query, "")
}

/// A question whose answer is to stream.
pub(crate) fn ask_stream(query: &str) -> String {
    request(query, r#""stream" :true, "#)
}

/// A question with more members before `messages`: each ends with a comma.
pub(crate) fn request(query: &str, more: &str) -> String {
    format!(
        "{{ \"temperature\":1.0e0,\t\"x_unknown\":{{\"b\":1, \"a\":[ ]}},\n {more}\"messages\" : [{{\"role\":\"user\",\"content\":{}}}], \
         \"seed\":12345678901234567890,\"model\":\"m-1\"}}",
        quoted(query)
    )
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A completion that says this.
pub(crate) fn completion(text: &str) -> String {
    completions(&[text])
}

/// A completion with several choices.
pub(crate) fn completions(texts: &[&str]) -> String {
    let choice = |(index, text): (usize, &&str)| {
        format!(
            "{{\"index\":{index}, \"message\":{{\"role\":\"assistant\",\"content\":{},\"refusal\":null,\"annotations\":[]}},\"logprobs\":null,\
             \"finish_reason\":\"stop\"}}",
            quoted(text)
        )
    };
    let choices: Vec<String> = texts.iter().enumerate().map(choice).collect();
    format!(
        "{{\"object\":\"chat.completion\", \"id\":\"chatcmpl-1\",\"created\":1700000000,\n\"x_vendor\":1.50,\"model\":\"m-1-2026\",\"choices\":[{}],\
         \"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}},\"system_fingerprint\":\"fp_1\"}}",
        choices.join(" , ")
    )
}

/// A chunk of a stream with these choices, as JSON.
pub(crate) fn chunk(choices: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\", \"created\":1700000000,\"model\":\"m-1-2026\",\"x_vendor\":1.50,\
         \"choices\":[{choices}]}}\n\n"
    )
}

/// A chunk that says more of one choice.
pub(crate) fn delta(index: usize, text: &str) -> String {
    chunk(&format!("{{\"index\":{index},\"delta\":{{\"content\":{}}},\"finish_reason\":null}}", quoted(text)))
}

/// A chunk that ends one choice.
pub(crate) fn finish(index: usize) -> String {
    chunk(&format!("{{\"index\":{index},\"delta\":{{}},\"finish_reason\":\"stop\"}}"))
}

pub(crate) fn role(index: usize) -> String {
    chunk(&format!(
        "{{\"index\":{index},\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}"
    ))
}

pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// The usage in a chunk of its own.
pub(crate) fn usage() -> String {
    chunk("").replace(
        "\"choices\":[]",
        "\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}",
    )
}

/// The events of a stream that says these texts one after the other.
pub(crate) fn stream(texts: &[&str]) -> Vec<String> {
    let mut events = vec![role(0)];
    events.extend(texts.iter().map(|text| delta(0, text)));
    events.extend([finish(0), DONE.to_owned()]);
    events
}

/// What a client reads out of an answer, whole or streamed.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Said {
    /// The texts, choice by choice.
    pub(crate) texts: BTreeMap<u64, String>,
    /// The last `finish_reason` of each choice.
    pub(crate) finished: BTreeMap<u64, String>,
    pub(crate) moderation: Option<Value>,
    pub(crate) usage: Option<Value>,
    /// Whether a stream was ended with `[DONE]`, and nothing came behind.
    pub(crate) done: bool,
    /// The message of an error.
    pub(crate) error: Option<String>,
}

impl Said {
    pub(crate) fn text(&self) -> &str {
        self.texts.get(&0).map(String::as_str).unwrap_or_default()
    }

    /// Reads a completion.
    pub(crate) fn whole(body: &[u8]) -> Self {
        let mut said = Self::default();
        said.add(&serde_json::from_slice(body).unwrap());
        said
    }

    /// Reads a stream, and holds it to what clients need.
    pub(crate) fn streamed(body: &[u8]) -> Self {
        let mut said = Self::default();
        for event in std::str::from_utf8(body).unwrap().replace("\r\n", "\n").split("\n\n") {
            let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
            assert!(!said.done, "an event behind [DONE]: {event}");
            if data == "[DONE]" {
                said.done = true;
                continue;
            }
            let value: Value = serde_json::from_str(data).unwrap();
            for choice in value["choices"].as_array().into_iter().flatten() {
                let index = choice["index"].as_u64().unwrap();
                assert!(choice["delta"].is_object(), "a choice without a delta: {event}");
                assert!(!said.finished.contains_key(&index), "a delta behind the end of its choice: {event}");
            }
            said.add(&value);
        }
        said
    }

    fn add(&mut self, value: &Value) {
        for choice in value["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().unwrap();
            let content = choice["delta"]["content"].as_str().or(choice["message"]["content"].as_str());
            self.texts.entry(index).or_default().push_str(content.unwrap_or_default());
            if let Some(reason) = choice["finish_reason"].as_str() {
                self.finished.insert(index, reason.to_owned());
            }
        }
        if value["moderation"].is_object() {
            assert!(self.moderation.replace(value["moderation"].clone()).is_none(), "one verdict is enough");
        }
        if value["usage"].is_object() {
            self.usage = Some(value["usage"].clone());
        }
        if let Some(error) = value["error"].as_object() {
            for key in ["message", "type", "param", "code"] {
                assert!(error.contains_key(key), "an error without `{key}`: {value}");
            }
            self.error = error["message"].as_str().map(str::to_owned);
        }
    }
}

/// The `code` of an error body that has all four keys.
pub(crate) fn error_code(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap();
    let error = value["error"].as_object().expect("an error");
    let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "message", "param", "type"]);
    error["code"].as_str().expect("a code").to_owned()
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(plain).unwrap();
    packer.finish().unwrap()
}

pub(crate) fn gunzip(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    plain
}
