use super::*;
use crate::domain::{Action, Decision, Findings};
use crate::wire::sse::{self, tests::recorded};

const FULL: &str = r#"{"id":"c-1","object":"chat.completion.chunk", "created":1727346172.0,"model":"m","system_fingerprint":null,"service_tier":"default","vendor":{"a":1e2},"choices":[{"index":1,"delta":{"role":"assistant","content":"se\u0063ret","reasoning":"S"},"logprobs":{"content":[]},"finish_reason":null}],"usage":null,"obfuscation":"xyz"}"#;

fn read(data: &str) -> Chunk {
    Chunk::read(data.as_bytes()).unwrap()
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
    let expected = Delta { index: 1, content: Some("secret".into()), leaks: true, tool_call: false, finish: None };
    assert_eq!(read(FULL).deltas(), [expected]);
    let last = delta(r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}"#);
    assert_eq!(last, Delta { index: 0, content: None, leaks: false, tool_call: false, finish: Some("stop".into()) });
    assert!(delta(r#"{"delta":{"tool_calls":[{"index":0}]}}"#).tool_call);
    // As Azure sends them.
    assert_eq!(delta(r#"{"index":0}"#).content, None);
    assert_eq!(delta(r#"{"index":0,"delta":null}"#).content, None);
}

#[test]
fn what_could_tell_a_withheld_text_is_told() {
    for leak in
        [r#""refusal":"a""#, r#""reasoning_content":"a""#, r#""audio":{"transcript":"a"}"#, r#""annotations":[{}]"#]
    {
        assert!(delta(&format!(r#"{{"delta":{{{leak}}}}}"#)).leaks, "{leak}");
    }
    assert!(delta(r#"{"delta":{},"logprobs":{"content":[{"token":"a"}]}}"#).leaks);
    assert!(!delta(r#"{"delta":{"refusal":"","reasoning":null,"annotations":[]},"logprobs":null}"#).leaks);
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
    assert!(!read(&clean).deltas()[0].leaks);
    let thinking = read(
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"text":"S"}]},{"type":"text","text":"a"}]}}]}"#,
    );
    assert_eq!(text(thinking.without_leaks().unwrap()), r#"{"choices":[{"delta":{"content":"a"}}]}"#);
    let audio = read(r#"{"choices":[{"delta":{"audio":{"transcript":"S"}}}]}"#);
    assert_eq!(text(audio.without_leaks().unwrap()), r#"{"choices":[{"delta":{}}]}"#);
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
        assert_eq!(Chunk::read(data.as_bytes()).unwrap_err().code(), code, "{data}");
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
            let chunk = Chunk::read(&data).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&data).unwrap();
            for (delta, choice) in chunk.deltas().iter().zip(value["choices"].as_array().unwrap()) {
                assert_eq!(delta.content.as_deref(), choice["delta"]["content"].as_str());
                assert_eq!(delta.finish.as_deref(), choice["finish_reason"].as_str());
                assert_eq!(u64::from(delta.index), choice["index"].as_u64().unwrap());
                assert_eq!(delta.tool_call, choice["delta"]["tool_calls"].is_array());
                let made: serde_json::Value = serde_json::from_slice(&chunk.with_text(delta.index, "x")).unwrap();
                assert_eq!(
                    (&made["id"], &made["created"], &made["choices"][0]["delta"]["content"]),
                    (&value["id"], &value["created"], &"x".into())
                );
                said += 1;
                finished += usize::from(delta.finish.is_some());
            }
            if let Some(clean) = chunk.without_leaks() {
                assert!(Chunk::read(&clean).unwrap().without_leaks().is_none(), "{}", path.display());
            }
        }
        assert!(finished >= 1 && said > finished, "{}", path.display());
    }
}
