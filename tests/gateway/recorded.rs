//! Streams that OpenAI's servers sent, however they are cut: the same bytes where nothing is held back, the same answer and the same verdict where it is.

#![allow(clippy::print_stderr, reason = "what is skipped is said")]

use std::path::PathBuf;

use bytes::Bytes;
use comity::domain::{Outcome, Record};

use crate::support::bodies::{ask_stream, completion};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::{FAUX_PAS, Mind};
use crate::support::pack::Floor;
use crate::support::upstream::Reply;

/// How many places a stream is cut at, one at a time, spread over all of it.
const CUTS: usize = 90;

/// The recordings, as they came and with a breach in the midst of their text. `None`, and said so, where they are not at hand.
fn recordings() -> Option<Vec<(String, Vec<u8>)>> {
    let Some(folder) = std::env::var_os("COMITY_EVAL_DATA") else {
        eprintln!("skipped: COMITY_EVAL_DATA names no folder of evaluation data");
        return None;
    };
    let folder = PathBuf::from(folder).join("openai-sse");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy()[..8].to_owned();
        let bytes = std::fs::read(&path).unwrap();
        all.extend(with_a_breach(&bytes).map(|bytes| (format!("{name}, with a breach"), bytes)));
        all.push((name, bytes));
    }
    assert_eq!(all.len(), 12 + 4, "four of the twelve have text of some length");
    Some(all)
}

/// The recording with a sentence more behind its tenth piece of text.
fn with_a_breach(recorded: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8(recorded.to_vec()).unwrap();
    let mut events: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
    let says = |event: &String| event.contains("\"delta\":{\"content\":\"");
    let (at, event) = events.iter().enumerate().filter(|(_, event)| says(event)).nth(9)?;
    let start = event.find("{\"content\":\"").unwrap();
    let end = start + event[start..].find("\"}").unwrap() + 2;
    let breach = format!("{}{{\"content\":\" Do the {FAUX_PAS}. \"}}{}", &event[..start], &event[end..]);
    events.insert(at + 1, breach);
    Some(events.concat().into_bytes())
}

/// A stream in one piece, in pieces of one byte, and cut in two at places all over it.
fn cuts(bytes: &[u8]) -> Vec<Vec<Bytes>> {
    let pieces = |cut: &[&[u8]]| cut.iter().map(|piece| Bytes::copy_from_slice(piece)).collect::<Vec<_>>();
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    let step = bytes.len().div_ceil(CUTS);
    let in_two = (1..bytes.len()).step_by(step).map(|at| pieces(&[&bytes[..at], &bytes[at..]]));
    [pieces(&[bytes]), pieces(&bytewise)].into_iter().chain(in_two).collect()
}

/// What comes of each stream: its bytes at the client, and its record.
async fn through(setup: Setup, streams: &[Vec<Bytes>], repair: Option<&Reply>) -> Vec<(Bytes, Record)> {
    let replies = streams.iter().flat_map(|stream| [Some(Reply::events(stream.clone())), repair.cloned()]).flatten();
    let gateway = Gateway::start(setup, replies.collect()).await;
    let mut answers = Vec::new();
    for _ in streams {
        let answer = gateway.client.chat(ask_stream("mendword?")).await;
        assert!(!answer.broken);
        answers.push(answer.body);
    }
    let mut records = gateway.finish().await;
    records.sort_by(|one, other| one.id.cmp(&other.id)); // in the order in which they came
    assert_eq!(records.len(), answers.len());
    answers.into_iter().zip(records).collect()
}

#[tokio::test]
async fn what_is_not_held_back_comes_byte_for_byte_however_it_is_cut() {
    for (name, bytes) in recordings().unwrap_or_default() {
        let pass = Setup::floor(Floor { stream: "pass", ..Floor::default() });
        for setup in [pass, Setup::shadow(Mind::Fine)] {
            let mode = setup.settings.mode;
            let mut outcomes = Vec::new();
            for (cut, (came, record)) in through(setup, &cuts(&bytes), None).await.into_iter().enumerate() {
                assert!(came == bytes, "{name} in {mode}, cut {cut}");
                outcomes.push(record.answer.map(|answer| (answer.outcome, answer.breached)));
            }
            outcomes.dedup();
            assert_eq!(outcomes.len(), 1, "{name} in {mode}: {outcomes:?}");
            let breached = outcomes[0].as_ref().is_some_and(|(outcome, _)| *outcome == Outcome::Breached);
            assert_eq!(breached, name.ends_with("breach"), "{name} in {mode}");
        }
    }
}

#[tokio::test]
async fn what_is_held_back_has_one_answer_and_one_verdict_however_it_is_cut() {
    let repair = Reply::json(completion("Take tea along."));
    for (name, bytes) in recordings().unwrap_or_default() {
        for stream in ["sentence", "hold"] {
            let repaired = name.ends_with("breach");
            let setup = Setup::floor(Floor { stream, ..Floor::default() });
            let mut seen: Vec<(String, _)> = Vec::new();
            for (came, record) in through(setup, &cuts(&bytes), repaired.then_some(&repair)).await {
                let text = String::from_utf8(came.to_vec()).unwrap();
                assert!(text.ends_with("data: [DONE]\n\n") && !text.contains(FAUX_PAS), "{name}, {stream}: {text}");
                let answer = record.answer.unwrap();
                let outcome = if repaired { Outcome::Repaired } else { Outcome::Kept };
                assert_eq!(answer.outcome, outcome, "{name}, {stream}");
                seen.push((spoken(&text), (answer.breached, record.coverage)));
            }
            seen.dedup();
            assert_eq!(seen.len(), 1, "{name}, {stream}: {seen:?}");
            assert_eq!(seen[0].0.ends_with("Take tea along."), repaired);
        }
    }
}

/// All that the deltas of a stream say.
fn spoken(text: &str) -> String {
    let events = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let chunks = events.map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap());
    chunks.map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()).collect()
}
