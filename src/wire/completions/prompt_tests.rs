use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::wire::{Api, Inbound, NotePlace};

fn read(body: &str) -> Inbound {
    Inbound::read(Api::Completions, Bytes::from(body.to_owned())).unwrap()
}

fn taught(body: &str) -> String {
    String::from_utf8(read(body).educated("Be \"kind\".\n", NotePlace::BeforeUser).to_vec()).unwrap()
}

#[test]
fn the_note_stands_in_brackets_before_each_prompt_that_is_text() {
    let note = r#"[Be \"kind\".]\n\n"#;
    assert_eq!(taught(r#"{"n":1.0, "prompt" : "a\u0041" }"#), format!(r#"{{"n":1.0, "prompt" : "{note}a\u0041" }}"#));
    assert_eq!(
        taught(r#"{"prompt":["a", [1,2],"b"],"suffix":"c"}"#),
        format!(r#"{{"prompt":["{note}a", [1,2],"{note}b"],"suffix":"c"}}"#)
    );
    for none in [r#"{"prompt":[1,2]}"#, r#"{"prompt":null}"#, "{}", r#"{"prompt":"a","echo":true}"#] {
        assert_eq!(taught(none), none);
    }
}

#[test]
fn prompts_and_suffix_are_the_question_and_tokens_are_told_of_once() {
    let parts = |body: &str| read(body).turn().messages[0].parts.clone();
    let text = |text: &str| Part::Text(text.to_owned());
    let tokens = || Part::Other("tokens".to_owned());
    assert_eq!(parts(r#"{"prompt":"a"}"#), [text("a")]);
    assert_eq!(parts(r#"{"prompt":["a","b"],"suffix":"c"}"#), [text("a"), text("b"), text("c")]);
    assert_eq!(parts(r#"{"prompt":[1,2,3]}"#), [tokens()]);
    assert_eq!(parts(r#"{"prompt":[[1],[2],"a"]}"#), [tokens(), text("a")]);
    assert_eq!(read(r#"{"prompt":["a","b"],"suffix":"c"}"#).turn().query(), "a\nb\nc");
    assert_eq!(read(r#"{"prompt":"a","echo":true}"#).unseen(), [("note".to_owned(), "echo")]);
    assert_eq!(read(r#"{"prompt":"a","echo":false}"#).unseen(), []);
}

#[test]
fn each_prompt_has_choices_of_its_own() {
    for (body, choices) in [
        (r#"{"prompt":"a"}"#, 1),
        (r#"{"prompt":"a","n":3}"#, 3),
        (r#"{"n":3,"prompt":["a",[1]]}"#, 6),
        (r#"{"prompt":[1,2,3]}"#, 1),
        ("{}", 1),
    ] {
        assert_eq!(read(body).choices(), choices, "{body}");
    }
}

#[test]
fn a_repair_goes_on_with_the_prompt_that_the_choice_is_of() {
    let body = r#"{"prompt":["Tell of tea. ",[1],"Tell of cups. "],"n":2,"stream":true,"echo":false,"best_of":3,"logprobs":1,"suffix":"x","stop":["END"],"x":1.0}"#;
    let inbound = read(body);
    let repair = |number: u32, note: &str| -> Option<Value> {
        let body = inbound.repair(number, note, NotePlace::BeforeUser, "A draft.", "Again.")?;
        Some(serde_json::from_slice(&body).unwrap())
    };
    let asked =
        |prompt: &str| json!({"prompt": prompt, "n": 1, "stream": false, "echo": false, "stop": ["END"], "x": 1.0});
    assert_eq!(repair(1, "Note.").unwrap(), asked("[Note.]\n\nTell of tea. A draft.\n\n[Again.]\n\n"));
    assert_eq!(repair(5, "").unwrap(), asked("Tell of cups. A draft.\n\n[Again.]\n\n"));
    for unknown in [2, 3, 6, u32::MAX] {
        assert_eq!(repair(unknown, "Note."), None, "{unknown}");
    }
    let echoes = read(r#"{"prompt":"Tell of tea. ","echo":true}"#);
    let repair = echoes.repair(0, "", NotePlace::BeforeUser, "Tell of tea. A draft.", "Again.").unwrap();
    assert_eq!(repair, r#"{"prompt":"Tell of tea. A draft.\n\n[Again.]\n\n","echo":false}"#);
}

#[test]
fn what_is_no_prompt_is_refused() {
    for (body, code) in [
        (r#"{"prompt":7}"#, "invalid_type"),
        (r#"{"prompt":[{}]}"#, "invalid_type"),
        (r#"{"prompt":["a",null]}"#, "invalid_type"),
        (r#"{"prompt":"a","suffix":[]}"#, "invalid_type"),
        (r#"{"prompt":"a","prompt":"b"}"#, "duplicate_key"),
        (r#"{"prompt":"a","Prompt":"b"}"#, "ambiguous_key"),
    ] {
        assert_eq!(Inbound::read(Api::Completions, Bytes::from(body.to_owned())).unwrap_err().code(), code, "{body}");
    }
}
