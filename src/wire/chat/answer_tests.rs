use super::*;
use crate::wire::surface::Surface;

const TWO: &str = r#"{
  "id": "chatcmpl-1", "object": "chat.completion", "created": 1.741570283E9, "model": "m",
  "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "old", "refusal": null, "annotations": [{"start": 1}], "vendor": 1.0},
     "logprobs": {"content": [{"token": "old"}]}, "finish_reason": "length"},
    {"index": 1, "message": {"role": "assistant", "content": "fine", "reasoning_content": "hm"}, "logprobs": null, "finish_reason": "stop"}
  ],
  "usage": {"prompt_tokens": 9007199254740993}
}
"#;

fn read(body: &str) -> Answer {
    Answer::read(Bytes::from(body.to_owned()), Shape::Message).unwrap()
}

fn rewritten(body: &str) -> String {
    let shown = BTreeMap::from([(0, "new \"text\"".to_owned())]);
    String::from_utf8(read(body).rewritten(&shown, &BTreeMap::new(), "stop").to_vec()).unwrap()
}

fn beside(answer: &Answer) -> Vec<(u32, Surface)> {
    answer.beside().into_iter().map(|one| (one.number, one.surface)).collect()
}

#[test]
fn texts_and_what_stands_beside_them_are_told_by_choice() {
    let answer = read(TWO);
    assert_eq!(answer.texts(), [(0, "old".to_owned()), (1, "fine".to_owned())]);
    assert_eq!(beside(&answer), [(1, Surface::Reasoning)]);
    let calls = read(
        r#"{"choices":[{"index":0,"message":{"content":null,"refusal":"no","tool_calls":[{}],"function_call":{"a":1},"audio":{"id":"a"}}}]}"#,
    );
    assert_eq!(calls.texts(), []);
    let of_the_first = [Surface::Refusal, Surface::ToolCalls, Surface::ToolCalls, Surface::Audio];
    assert_eq!(beside(&calls), of_the_first.map(|surface| (0, surface)));
}

#[test]
fn parts_are_read_as_one_text() {
    let answer = read(
        r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},"b"]}}]}"#,
    );
    assert_eq!((answer.texts(), beside(&answer)), (vec![(0, "ab".to_owned())], vec![(0, Surface::Reasoning)]));
}

#[test]
fn a_rewritten_choice_keeps_everything_that_does_not_tell_the_old_text() {
    let expected = TWO
        .replace(r#""content": "old""#, r#""content": "new \"text\"""#)
        .replace(r#"[{"start": 1}]"#, "[]")
        .replace(r#"{"content": [{"token": "old"}]}"#, "null")
        .replace(r#""length""#, r#""stop""#);
    assert_eq!(rewritten(TWO), expected);
    assert_eq!(read(TWO).rewritten(&BTreeMap::new(), &BTreeMap::new(), "stop"), TWO);
}

#[test]
fn nothing_of_a_rewritten_choice_tells_the_old_text() {
    let body = r#"{"choices":[{"index":0,"token_ids":[1],"message":{"reasoning":"S","content":"S","reasoning_content":"S","reasoning_details":[{"text":"S"}],
        "thinking":"S","thinking_blocks":["S"],"provider_specific_fields":{"r":"S"},"audio":{"transcript":"S"},"tool_calls":["S"],"function_call":{"arguments":"S"},"refusal":"S"}}],"usage":{}}"#;
    let expected = r#"{"choices":[{"index":0,"message":{"content":"new \"text\"","refusal":null},"finish_reason":"stop"}],"usage":{}}"#;
    let after = rewritten(body);
    assert!(!after.contains('S'), "{after}");
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parse(&after), parse(expected));
}

#[test]
fn a_choice_that_is_silenced_loses_its_sound_alone() {
    let body = r#"{"choices":[{"index":0,"message":{"content":"a","audio":{"data":"S"},"tool_calls":[{}]}, "finish_reason":"stop"},{"index":1,"message":{"content":null,"audio":{"transcript":"S"}}}]}"#;
    let silenced = BTreeMap::from([(0, None), (1, Some("no".to_owned()))]);
    let after = String::from_utf8(read(body).rewritten(&BTreeMap::new(), &silenced, "stop").to_vec()).unwrap();
    let expected = r#"{"choices":[{"index":0,"message":{"content":"a","tool_calls":[{}]}, "finish_reason":"stop"},{"index":1,"message":{"content":"no"}}]}"#;
    assert_eq!(after, expected);
}

#[test]
fn a_choice_without_a_message_or_content_gets_one() {
    let expected = r#"{"choices":[{"message":{"content":"new \"text\""},"finish_reason":"stop"}]}"#;
    assert_eq!(rewritten(r#"{"choices":[{"message":{}}]}"#), expected);
    let expected = r#"{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"new \"text\""}}]}"#;
    assert_eq!(rewritten(r#"{"choices":[{}]}"#), expected);
}

#[test]
fn what_is_no_completion_is_refused() {
    let code =
        |body: &'static str| Answer::read(Bytes::from_static(body.as_bytes()), Shape::Message).unwrap_err().code();
    assert_eq!(code(r#"{"error":{"message":"no"}}"#), "missing_choices");
    assert_eq!(code("<html>"), "invalid_json");
    assert_eq!(code(r#"{"choices":{}}"#), "invalid_type");
    assert_eq!(code(r#"{"choices":[{"message":{"content":{}}}]}"#), "invalid_type");
    assert_eq!(code(r#"{"choices":[{"message":{"content":"a","content":"b"}}]}"#), "duplicate_key");
    assert_eq!(code(r#"{"choices":[{"index":-1}]}"#), "invalid_type");
}

#[test]
fn the_texts_of_the_older_completions_are_read_and_rewritten_where_they_stand() {
    let body = r#"{"object":"text_completion","choices":[{"text":"old","index":0,"logprobs":{"tokens":["old"]}, "finish_reason":"length"},{"text":"b","index":1}],"usage":{"n":1.0}}"#;
    for shape in [Shape::Text, Shape::Message] {
        let answer = Answer::read(Bytes::from(body.to_owned()), shape).unwrap();
        assert_eq!(answer.texts(), [(0, "old".to_owned()), (1, "b".to_owned())]);
        let shown = BTreeMap::from([(0, "new".to_owned())]);
        let after = String::from_utf8(answer.rewritten(&shown, &BTreeMap::new(), "stop").to_vec()).unwrap();
        let expected =
            body.replacen("\"old\"", "\"new\"", 1).replace(r#"{"tokens":["old"]}"#, "null").replace("length", "stop");
        assert_eq!(after, expected);
    }
    let empty = Answer::read(Bytes::from_static(br#"{"choices":[{}]}"#), Shape::Text).unwrap();
    let after = empty.rewritten(&BTreeMap::from([(0, "a".to_owned())]), &BTreeMap::new(), "stop");
    assert_eq!(after, r#"{"choices":[{"finish_reason":"stop","text":"a"}]}"#);
}

#[test]
fn a_draft_that_stands_in_the_other_place_too_goes() {
    let both = r#"{"choices":[{"index":0,"text":"old","message":{"content":"old"}}]}"#;
    let new = rewritten(both);
    assert!(!new.contains("old") && new.contains(r#""content":"new \"text\"""#), "{new}");
}
