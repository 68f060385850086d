use proptest::prelude::*;

use super::*;
use crate::domain::{Message, Role};
use crate::wire::Api;
use crate::wire::json::tests::{blank, literal, value};

const NOTE: &str = "Say \"clock\" politely.\n再见";

fn read(body: &str) -> Inbound {
    Inbound::read(Api::Chat, Bytes::from(body.to_owned())).unwrap()
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A word for each message of the educated request: its role's first letter, or `N` for the note.
fn order(roles: &str) -> String {
    let message = |role: char| match role {
        's' => r#"{"role":"system","content":"s"}"#,
        'd' => r#"{"role":"developer","content":"d"}"#,
        'u' => r#"{"role":"user","content":"u"}"#,
        'U' => {
            r#"{"role":"user","content":[{"type":"text","text":"u","prompt_cache_breakpoint":{"mode":"explicit"}}]}"#
        }
        'S' => r#"{"role":"system","content":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}"#,
        'a' => r#"{"role":"assistant","content":"a"}"#,
        'c' => r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{}}]}"#,
        't' => r#"{"role":"tool","content":"t"}"#,
        _ => r#"{"role":"tool","content":[{"type":"text","text":"t","prompt_cache_breakpoint":{"mode":"explicit"}}]}"#,
    };
    let messages: Vec<&str> = roles.chars().map(message).collect();
    let inbound = read(&format!(r#"{{"messages":[{}]}}"#, messages.join(",")));
    let educated = read(&text(&inbound.educated(NOTE, NotePlace::BeforeUser)));
    let mut before = roles.chars();
    let word = |message: &Message| if message.text() == NOTE { 'N' } else { before.next().unwrap() };
    educated.turn().messages.iter().map(word).collect()
}

#[test]
fn the_note_stands_right_before_the_newest_user_message() {
    for (roles, expected) in [("u", "Nu"), ("su", "sNu"), ("suau", "suaNu"), ("suct", "sNuct"), ("uctau", "uctaNu")] {
        assert_eq!(order(roles), expected);
    }
}

#[test]
fn the_note_stands_behind_the_cached_prompt() {
    for (roles, expected) in [("SuaU", "SuaUN"), ("Su", "SNu"), ("sUu", "sUNu"), ("sUct", "sUNct")] {
        assert_eq!(order(roles), expected);
    }
}

#[test]
fn the_note_does_not_part_a_tool_call_from_its_results() {
    for (roles, expected) in [("ucT", "ucTN"), ("ucTt", "ucTtN"), ("ucTtat", "ucTtNat"), ("ucTtu", "ucTtNu")] {
        assert_eq!(order(roles), expected);
    }
}

#[test]
fn a_conversation_without_a_user_ends_with_the_note() {
    for (roles, expected) in [("", "N"), ("s", "sN"), ("sa", "saN")] {
        assert_eq!(order(roles), expected);
    }
}

#[test]
fn the_note_has_the_operators_role() {
    let role = |first: &str| {
        let body = format!(r#"{{"messages":[{{"role":"{first}","content":"x"}},{{"role":"user","content":"y"}}]}}"#);
        let educated = read(&text(&read(&body).educated(NOTE, NotePlace::BeforeUser)));
        educated.turn().messages[1].role
    };
    assert_eq!(
        (role("system"), role("developer"), role("user")),
        (Some(Role::System), Some(Role::Developer), Some(Role::System))
    );
}

#[test]
fn the_note_is_spliced_in_and_nothing_else_changes() {
    let body = "\u{feff}{ \"seed\" : 1.0e+2, \"messages\" : [ {\"role\":\"user\", \"content\":\"hi\\u0021\"} ] }\n";
    let inbound = read(body);
    assert_eq!(
        text(&inbound.educated("Be kind.", NotePlace::BeforeUser)),
        "\u{feff}{ \"seed\" : 1.0e+2, \"messages\" : [ {\"role\":\"system\",\"content\":\"Be kind.\"},{\"role\":\"user\", \"content\":\"hi\\u0021\"} ] }\n"
    );
    assert_eq!(
        text(&inbound.educated("Be kind.", NotePlace::InUser)),
        "\u{feff}{ \"seed\" : 1.0e+2, \"messages\" : [ {\"role\":\"user\", \"content\":\"hi\\u0021\\n\\nBe kind.\"} ] }\n"
    );
    assert_eq!(inbound.educated("", NotePlace::BeforeUser), inbound.body());
}

#[test]
fn a_note_in_the_user_message_is_its_last_part() {
    for (content, expected) in [
        (r#"[ {"type":"text","text":"u"} ]"#, r#"[ {"type":"text","text":"u"},{"type":"text","text":"Be kind."} ]"#),
        ("[]", r#"[{"type":"text","text":"Be kind."}]"#),
    ] {
        let body = |content: &str| {
            format!(r#"{{"messages":[{{"role":"user","content":{content}}},{{"role":"tool","content":"t"}}]}}"#)
        };
        assert_eq!(text(&read(&body(content)).educated("Be kind.", NotePlace::InUser)), body(expected));
    }
    // No content to put it into: a message of its own.
    let bare = read(r#"{"messages":[{"role":"user"}]}"#);
    let expected = r#"{"messages":[{"role":"system","content":"Be kind."},{"role":"user"}]}"#;
    assert_eq!(text(&bare.educated("Be kind.", NotePlace::InUser)), expected);
}

#[test]
fn a_repair_asks_with_the_draft_and_for_text_only() {
    let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"n":3,"messages":[{"role":"user","content":"q"}],
 "tools":[{"type":"function"}],"tool_choice":"auto","parallel_tool_calls":true,"functions":[],"function_call":"none","response_format":{"type":"json_object"},
 "logprobs":true,"top_logprobs":5,"audio":{"voice":"a"},"modalities":["text","audio"],"prediction":{},"store":true,"metadata":{"country":"CN"},"seed":7.0}"#;
    let repair = text(&read(body).repair(0, "Be kind.", NotePlace::BeforeUser, "a \"draft\"", "Again.").unwrap());
    let expected = r#"{"model":"m","stream":false,"n":1,"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"q"},{"role":"assistant","content":"a \"draft\""},{"role":"user","content":"Again."}],
 "response_format":{"type":"json_object"},
 "store":false,"seed":7.0}"#;
    assert_eq!(repair, expected);
}

#[test]
fn a_repair_adds_nothing_that_was_not_there() {
    let bare = read(r#"{"messages":[]}"#);
    let said = r#"{"role":"assistant","content":"d"},{"role":"user","content":"a"}"#;
    assert_eq!(
        text(&bare.repair(0, "", NotePlace::BeforeUser, "d", "a").unwrap()),
        format!(r#"{{"messages":[{said}]}}"#)
    );
    let cached = r#"{"messages":[{"role":"user","content":[{"text":"u","type":"text","prompt_cache_breakpoint":{}}]}],"metadata":{"a":"b"}}"#;
    let expected = cached.replace("}]}],", &format!(r#"}}]}},{{"role":"system","content":"n"}},{said}],"#));
    assert_eq!(text(&read(cached).repair(0, "n", NotePlace::BeforeUser, "d", "a").unwrap()), expected);
}

/// Whether `after` is `before` with bytes put in at one place.
fn is_spliced(before: &[u8], after: &[u8]) -> bool {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    (0..=head).any(|at| after.ends_with(&before[at..]))
}

/// A message as clients send it, with keys that are not known here.
fn message() -> impl Strategy<Value = String> {
    let role = prop::sample::select(vec!["system", "developer", "user", "assistant", "tool", "critic"]);
    let text = (literal(), value(), blank())
        .prop_map(|(text, extra, gap)| format!(r#"{{"type":{gap}"text","text":{text}{gap},"vendor":{extra}}}"#));
    let cached =
        literal().prop_map(|text| format!(r#"{{"prompt_cache_breakpoint":{{}},"text":{text}, "type":"text"}}"#));
    let picture = Just(r#"{"type":"image_url","image_url":{"url":"data:image\/png;base64,QUJD"}}"#.to_owned());
    let part = prop_oneof![4 => text, 1 => cached, 1 => picture];
    let content = prop_oneof![
        literal(),
        Just("null".to_owned()),
        prop::collection::vec(part, 0..3).prop_map(|parts| format!("[{}]", parts.join(" , "))),
    ];
    (role, content, value(), blank(), blank()).prop_map(|(role, content, extra, a, b)| {
        format!(r#"{{{a}"x":{extra},"role"{b}:"{role}","content":{a}{content}{b}}}"#)
    })
}

proptest! {
    #[test]
    fn educating_puts_bytes_in_at_one_place_and_changes_no_other(
        messages in prop::collection::vec((blank(), message(), blank()), 0..5),
        (before, behind) in (value(), value()),
        note in "[ -~é中]{1,40}",
        in_user in any::<bool>(),
    ) {
        let messages: Vec<String> = messages.iter().map(|(a, message, b)| format!("{a}{message}{b}")).collect();
        let body = format!(r#" {{"before":{before} ,"messages":[{}],"stream":false,"behind":{behind}}}"#, messages.join(","));
        let inbound = read(&body);
        let place = if in_user { NotePlace::InUser } else { NotePlace::BeforeUser };
        let educated = inbound.educated(&note, place);
        prop_assert!(is_spliced(body.as_bytes(), &educated), "{}", text(&educated));
        prop_assert_eq!(&educated, &inbound.educated(&note, place));
        let taught = Inbound::read(Api::Chat, educated).unwrap();
        let said: String = taught.turn().messages.iter().map(Message::text).collect();
        prop_assert!(said.contains(&note));

        let repair = Inbound::read(Api::Chat, inbound.repair(0, &note, place, "draft", "ask").unwrap()).unwrap();
        let last: Vec<String> = repair.turn().messages.iter().rev().take(2).map(Message::text).collect();
        prop_assert_eq!(last, ["ask", "draft"]);
        prop_assert_eq!(repair.turn().messages.len(), taught.turn().messages.len() + 2);
        let kept = format!(r#""behind":{behind}}}"#);
        prop_assert!(repair.body().ends_with(kept.as_bytes()));
    }
}
