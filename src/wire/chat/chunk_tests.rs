use super::*;
use crate::domain::{Action, Decision, Findings};
use crate::wire::sse::{self, tests::recorded};
use crate::wire::surface::{Surface, Words};

const FULL: &str = r#"{"id":"c-1","object":"chat.completion.chunk", "created":1727346172.0,"model":"m","system_fingerprint":null,"service_tier":"default","vendor":{"a":1e2},"choices":[{"index":1,"delta":{"role":"assistant","content":"se\u0063ret","reasoning":"S"},"logprobs":{"content":[]},"finish_reason":null}],"usage":null,"obfuscation":"xyz"}"#;

fn read(data: &str) -> Chunk {
    Chunk::read(data.as_bytes(), Shape::Message).unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn delta(choice: &str) -> Delta {
    let chunk = read(&format!(r#"{{"choices":[{choice}]}}"#));
    assert_eq!(chunk.deltas().len(), 1);
    chunk.deltas()[0].clone()
}

#[test]
fn deltas_are_told_by_choice() {
    let expected = Delta { index: 1, content: Some("secret".into()), finish: None };
    assert_eq!(read(FULL).deltas(), [expected]);
    let last = delta(r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}"#);
    assert_eq!(last, Delta { index: 0, content: None, finish: Some("stop".into()) });
    // As Azure sends them.
    assert_eq!(delta(r#"{"index":0}"#).content, None);
    assert_eq!(delta(r#"{"index":0,"delta":null}"#).content, None);
}

/// What a chunk says beside its texts: choice, part, and words.
fn beside(choices: &str) -> Vec<(u32, u32, Surface, Words)> {
    let all = read(&format!(r#"{{"choices":[{choices}]}}"#)).beside();
    all.into_iter().map(|one| (one.number, one.part, one.surface, one.words)).collect()
}

#[test]
fn what_stands_beside_a_text_is_told_by_choice_and_call() {
    let more = |text: &str| Words::More(text.into());
    for (said, part, surface, words) in [
        (r#""refusal":"no""#, 0, Surface::Refusal, more("no")),
        (
            r#""tool_calls":[{"index":2,"function":{"name":"f","arguments":"{\"a"}}]"#,
            2,
            Surface::ToolCalls,
            more("{\"a"),
        ),
        (r#""tool_calls":[{"custom":{"input":"ls"}}]"#, 0, Surface::ToolCalls, more("ls")),
        (r#""tool_calls":[{"function":{"arguments":{"a":1}}}]"#, 0, Surface::ToolCalls, more(r#"{"a":1}"#)),
        (r#""tool_calls":[{"index":1}]"#, 1, Surface::ToolCalls, Words::Unread),
        (r#""tool_calls":"odd""#, 0, Surface::ToolCalls, Words::Unread),
        (r#""function_call":{"arguments":"{}"}"#, u32::MAX, Surface::ToolCalls, more("{}")),
        (r#""audio":{"id":"a","transcript":"hm"}"#, 0, Surface::Transcript, more("hm")),
        (r#""audio":{"data":"AAAA"}"#, 0, Surface::Audio, Words::Unread),
        (r#""reasoning_content":"hm""#, 0, Surface::Reasoning, Words::Unread),
        (r#""reasoning_details":[{"summary":"hm"}]"#, 0, Surface::Reasoning, Words::Unread),
    ] {
        let choices = format!(r#"{{"delta":{{}}}},{{"delta":{{{said}}},"index":7}}"#);
        assert_eq!(beside(&choices), [(7, part, surface, words)], "{said}");
    }
    let nothing =
        r#""refusal":"","reasoning":null,"annotations":[],"tool_calls":null,"function_call":null,"audio":null"#;
    assert_eq!(beside(&format!(r#"{{"delta":{{{nothing}}},"logprobs":null}}"#)), []);
}

#[test]
fn half_a_character_is_kept_and_another_text_can_take_its_place() {
    let data = r#"{"choices":[{"index":0, "delta":{"content":"a \ud83d" , "x":1.0}}],"y":2e1}"#;
    let chunk = read(data);
    assert!(chunk.deltas()[0].content.as_ref().unwrap().parted());
    let without = chunk.saying(&BTreeMap::from([(0, "a ".to_owned())]));
    assert_eq!(text(without), data.replace(r"\ud83d", ""));
}

#[test]
fn errors_are_told() {
    let error = |data: &str| read(data).error();
    assert!(error(r#"{"error":{"message":"a"}}"#));
    assert!(error(r#"{"object":"error","message":"a"}"#));
    assert!(!error(r#"{"choices":[],"usage":{"total_tokens":1},"error":null}"#));
    assert!(!error(FULL));
}

#[test]
fn a_made_chunk_has_the_envelope_byte_for_byte() {
    let envelope = r#"{"id":"c-1","object":"chat.completion.chunk", "created":1727346172.0,"model":"m","system_fingerprint":null,"service_tier":"default","vendor":{"a":1e2},"choices":"#;
    let chunk = read(FULL);
    let made =
        format!(r#"{envelope}[{{"index":1,"delta":{{"content":"a \"b\""}},"logprobs":null,"finish_reason":null}}]}}"#);
    assert_eq!(text(chunk.with_text(1, "a \"b\"")), made);
    let finish = format!(r#"{envelope}[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop"}}]}}"#);
    assert_eq!(text(chunk.finishing(0, "stop")), finish);
    let decision = Decision { action: Action::Pass, norms: Vec::new(), trace: Vec::new() };
    let known = Findings::Known { findings: Vec::new(), threshold: 0.5 };
    let moderation = Moderation::new(&known, &decision, None);
    let json = text(json::written(&moderation));
    assert_eq!(text(chunk.moderation(&moderation)), format!(r#"{envelope}[],"moderation":{json}}}"#));
    // On the upstream's own moderation chunk, too.
    let theirs = read(r#"{"id":"a","choices":[],"moderation":{"input":1}}"#);
    assert_eq!(text(theirs.moderation(&moderation)), format!(r#"{{"id":"a","choices":[],"moderation":{json}}}"#));
    assert!(!text(theirs.finishing(0, "stop")).contains("moderation"));
}

#[test]
fn leaks_go_and_the_rest_stays() {
    let clean = text(read(FULL).without_leaks().unwrap());
    let expected = FULL
        .replace(r#","reasoning":"S""#, "")
        .replace(r#"{"content":[]}"#, "null")
        .replace(r#","obfuscation":"xyz""#, "");
    assert_eq!(clean, expected);
    assert_eq!(read(&clean).without_leaks(), None);
    let thinking = read(
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"text":"S"}]},{"type":"text","text":"a"}]}}]}"#,
    );
    assert_eq!(text(thinking.without_leaks().unwrap()), r#"{"choices":[{"delta":{"content":"a"}}]}"#);
    let audio = read(r#"{"choices":[{"delta":{"audio":{"transcript":"S"}}}]}"#);
    assert_eq!(text(audio.without_leaks().unwrap()), r#"{"choices":[{"delta":{}}]}"#);
}

#[test]
fn a_chunk_of_the_older_completions_keeps_its_shape() {
    let data = r#"{"id":"c","object":"text_completion","choices":[{"text":"a \ud83d","index":2,"logprobs":{"tokens":["a"]},"finish_reason":null}]}"#;
    let chunk = Chunk::read(data.as_bytes(), Shape::Message).unwrap();
    assert_eq!((chunk.deltas()[0].index, chunk.deltas()[0].content.as_ref().unwrap().parted()), (2, true));
    let made = |text: &str, finish: &str| {
        format!(
            r#"{{"id":"c","object":"text_completion","choices":[{{"index":2,"text":"{text}","logprobs":null,"finish_reason":{finish}}}]}}"#
        )
    };
    assert_eq!(text(chunk.with_text(2, "b")), made("b", "null"));
    assert_eq!(text(chunk.finishing(2, "stop")), made("", r#""stop""#));
    assert_eq!(text(chunk.saying(&BTreeMap::from([(2, "b".to_owned())]))), data.replace(r"a \ud83d", "b"));
    assert_eq!(text(chunk.without_leaks().unwrap()), data.replace(r#"{"tokens":["a"]}"#, "null"));
    // By its API where nothing in it tells: the usage comes without choices.
    let usage = Chunk::read(br#"{"choices":[]}"#, Shape::Text).unwrap();
    assert!(text(usage.with_text(0, "b")).contains(r#""text":"b""#));
}

#[test]
fn what_is_no_chunk_is_refused() {
    for (data, code) in [
        ("[DONE]", "invalid_json"),
        ("", "invalid_json"),
        ("[]", "invalid_type"),
        (r#"{"choices":7}"#, "invalid_type"),
        (r#"{"choices":[{"delta":{"content":"a","content":"b"}}]}"#, "duplicate_key"),
        (r#"{"choices":[],"choices":[]}"#, "duplicate_key"),
    ] {
        assert_eq!(Chunk::read(data.as_bytes(), Shape::Message).unwrap_err().code(), code, "{data}");
    }
}

#[test]
fn recorded_streams_are_read_and_made_anew() {
    for (path, stream) in recorded().unwrap_or_default() {
        let mut decoder = sse::Decoder::new(1 << 20);
        decoder.push(&Bytes::from(stream));
        let (mut finished, mut said) = (0, 0);
        while let Some(event) = decoder.next().unwrap() {
            if sse::is_done(&event) {
                continue;
            }
            let data = event.data.unwrap();
            let chunk = Chunk::read(&data, Shape::Message).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&data).unwrap();
            let calls =
                |beside: &Beside| matches!((beside.surface, &beside.words), (Surface::ToolCalls, Words::More(_)));
            assert_eq!(chunk.beside().iter().any(calls), String::from_utf8_lossy(&data).contains("\"arguments\""));
            for (delta, choice) in chunk.deltas().iter().zip(value["choices"].as_array().unwrap()) {
                assert_eq!(delta.content.as_ref().map(Fragment::alone).as_deref(), choice["delta"]["content"].as_str());
                assert_eq!(delta.finish.as_deref(), choice["finish_reason"].as_str());
                assert_eq!(u64::from(delta.index), choice["index"].as_u64().unwrap());
                let made: serde_json::Value = serde_json::from_slice(&chunk.with_text(delta.index, "x")).unwrap();
                assert_eq!(
                    (&made["id"], &made["created"], &made["choices"][0]["delta"]["content"]),
                    (&value["id"], &value["created"], &"x".into())
                );
                said += 1;
                finished += usize::from(delta.finish.is_some());
            }
            if let Some(clean) = chunk.without_leaks() {
                assert!(Chunk::read(&clean, Shape::Message).unwrap().without_leaks().is_none(), "{}", path.display());
            }
        }
        assert!(finished >= 1 && said > finished, "{}", path.display());
    }
}

#[test]
fn a_text_beside_a_delta_goes_where_the_delta_says_it() {
    let both = read(r#"{"choices":[{"index":0,"text":"a","delta":{"content":"a"}}]}"#);
    assert_eq!(text(both.without_leaks().unwrap()), r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#);
    let alone = read(r#"{"choices":[{"index":0,"text":"a","delta":{"content":null}}]}"#);
    assert_eq!((alone.without_leaks(), alone.deltas()[0].content.clone()), (None, Some("a".into())));
}
