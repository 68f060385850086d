use proptest::prelude::*;

use super::*;
use crate::domain::{Message, Part, Picture, Role, UnreadPicture};
use crate::wire::{Answer, Event, NotePlace};

fn read(body: &str) -> Inbound {
    Inbound::read(Api::Chat, Bytes::from(body.to_owned())).unwrap()
}

fn refused(body: &str) -> (&'static str, Option<String>) {
    let error = Inbound::read(Api::Chat, Bytes::from(body.to_owned())).unwrap_err();
    (error.code(), error.param().map(str::to_owned))
}

/// The parts of a single message.
fn parts(message: &str) -> Vec<Part> {
    let inbound = read(&format!(r#"{{"messages":[{message}]}}"#));
    inbound.turn().messages[0].parts.clone()
}

fn text(text: &str) -> Part {
    Part::Text(text.into())
}

fn unread(why: UnreadPicture) -> Part {
    Part::Picture(Picture::Unread(why))
}

fn is_shared<T: Send + Sync + std::fmt::Debug + 'static>(_: &T) {}

#[test]
fn a_request_is_read() {
    let body = r#"{"model":"gpt-5.6","messages":[
        {"role":"system","content":"Be brief."},
        {"role":"user","content":[{"type":"text","text":"May I \u0067ift this?"},
            {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,QUJD","detail":"low"}}]}
    ],"stream":true,"stream_options":{"include_usage":true},"n":2,"metadata":{"country":"cn"},
    "web_search_options":{"user_location":{"type":"approximate","approximate":{"city":"Oslo","country":"NO"}}}}"#;
    let inbound = read(body);
    is_shared(&inbound);
    assert_eq!(inbound.body(), body);
    assert_eq!((inbound.model(), inbound.stream(), inbound.include_usage()), (Some("gpt-5.6"), true, true));
    assert_eq!((inbound.choices(), inbound.moderation(), inbound.notes()), (2, None, [].as_slice()));
    let hint = inbound.hint();
    assert_eq!(hint.metadata.unwrap().code(), "CN");
    assert_eq!(hint.user_location.unwrap().code(), "NO");
    let picture = Part::Picture(Picture::Inline(Bytes::from_static(b"QUJD")));
    assert_eq!(
        inbound.turn().messages,
        [
            Message { role: Some(Role::System), parts: vec![text("Be brief.")] },
            Message { role: Some(Role::User), parts: vec![text("May I gift this?"), picture] },
        ]
    );
}

#[test]
fn what_is_not_said_has_openais_defaults() {
    let inbound =
        read(r#"{"messages":[],"stream":null,"n":null,"stream_options":null,"metadata":null,"moderation":null}"#);
    assert_eq!((inbound.model(), inbound.stream(), inbound.include_usage()), (None, false, false));
    assert_eq!((inbound.choices(), inbound.moderation()), (1, None));
    assert_eq!(inbound.hint(), Hint::default());
    assert_eq!(read(r#"{"messages":[],"n":0}"#).choices(), 1);
    assert_eq!(read(r#"{"messages":[],"n":2.0}"#).choices(), 2);
    assert_eq!(read(r#"{"messages":[],"n":30e-1}"#).choices(), 3);
}

#[test]
fn a_country_that_is_none_is_noted() {
    let inbound = read(r#"{"messages":[],"metadata":{"country":"Japan"}}"#);
    assert_eq!(inbound.hint().metadata, None);
    assert_eq!(
        inbound.notes(),
        ["metadata.country: `Japan` is not a country: give an ISO 3166-1 alpha-2 code such as CN or TH"]
    );
}

#[test]
fn the_moderation_object_has_a_mode() {
    let mode = |moderation: &str| read(&format!(r#"{{"messages":[],"moderation":{moderation}}}"#)).moderation();
    let (score, include) = (Some(ModerationMode::Score), Some(ModerationMode::Include));
    assert_eq!(mode(r#"{"model":"comity","policy":{"input":{"mode":"score"}}}"#), score);
    assert_eq!(mode(r#"{"policy":{"input":{"mode":"score"},"output":{"mode":"score"}}}"#), score);
    assert_eq!(mode(r#"{"mode":"score"}"#), score);
    assert_eq!(mode(r#"{"policy":{"input":{"mode":"score"},"output":{"mode":"block"}}}"#), include);
    assert_eq!(mode(r#"{"policy":{"input":{"mode":"score"},"output":{"mode":7}}}"#), include);
    assert_eq!(mode(r#"{"model":"omni-moderation-latest"}"#), include);
    assert_eq!(mode(r#"{"policy":null}"#), include);
    assert_eq!(mode("null"), None);
}

#[test]
fn every_kind_of_part_is_told() {
    let data = r#""data:image/png;base64,QUJD""#;
    let picture = Part::Picture(Picture::Inline(Bytes::from_static(b"QUJD")));
    let other = |name: &str| Part::Other(name.into());
    for (part, expected) in [
        (r#"{"type":"text","text":"a"}"#.to_owned(), text("a")),
        (r#"{"type":"input_text","text":"a"}"#.into(), text("a")),
        (r#"{"text":"a","type":"text"}"#.into(), text("a")),
        (r#"{"text":"a"}"#.into(), text("a")),
        (r#"{"type":null,"text":"a"}"#.into(), text("a")),
        (r#""a""#.into(), text("a")),
        (r#"{"type":"refusal","refusal":"no"}"#.into(), text("no")),
        (format!(r#"{{"type":"image_url","image_url":{{"url":{data}}}}}"#), picture.clone()),
        (format!(r#"{{"type":"image_url","image_url":{data}}}"#), picture.clone()),
        (format!(r#"{{"type":"input_image","image_url":{data}}}"#), picture.clone()),
        (format!(r#"{{"image_url":{{"url":{data}}}}}"#), picture.clone()),
        (
            r#"{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}"#.into(),
            Part::Picture(Picture::Remote("https://example.org/a.png".into())),
        ),
        (r#"{"type":"input_image","file_id":"file-1"}"#.into(), unread(UnreadPicture::FileId)),
        (r#"{"type":"image_url"}"#.into(), unread(UnreadPicture::BadUrl)),
        (r#"{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}"#.into(), other("input_audio")),
        (r#"{"type":"file","file":{"file_id":"file-1"}}"#.into(), other("file")),
        (r#"{"type":"text","text":null}"#.into(), other("text")),
        (r#"{"type":"video_url","video_url":{"url":"data:,"}}"#.into(), other("video_url")),
        ("7".into(), other("number")),
    ] {
        assert_eq!(parts(&format!(r#"{{"role":"user","content":[{part}]}}"#)), [expected], "{part}");
    }
}

#[test]
fn tool_calls_and_their_results_are_told() {
    let call = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"arguments":"{}"}}]}"#;
    assert_eq!(parts(call), [Part::Other("tool-arguments".into())]);
    assert_eq!(parts(r#"{"role":"assistant","content":"a","tool_calls":[],"audio":null}"#), [text("a")]);
    let inbound = read(
        r#"{"messages":[{"role":"tool","content":[{"type":"image_url","image_url":"data:;base64,QQ"}]},{"role":"function","content":"a"},{"role":"critic","content":"b"}]}"#,
    );
    let roles: Vec<_> = inbound.turn().messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Some(Role::Tool), Some(Role::Tool), None]);
    assert_eq!(inbound.turn().pictures().count(), 1);
}

#[test]
fn a_megabyte_of_picture_is_shared_with_the_body() {
    let body = Bytes::from(format!(
        r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}"}}}}]}}]}}"#,
        "A".repeat(1 << 20)
    ));
    let inbound = Inbound::read(Api::Chat, body.clone()).unwrap();
    let Some((0, Picture::Inline(payload))) = inbound.turn().pictures().next() else { panic!("no picture") };
    assert_eq!(payload.len(), 1 << 20);
    assert!(body.as_ptr_range().contains(&payload.as_ptr()));
}

#[test]
fn surrogates_without_a_partner_are_replaced_for_reading_only() {
    let body =
        r#"{"messages":[{"role":"user","content":"a\ud800"}],"user":"\udfff","seed":123456789012345678901234567890}"#;
    let inbound = read(body);
    assert_eq!((inbound.turn().query().as_str(), inbound.body().as_ref()), ("a\u{fffd}", body.as_bytes()));
}

#[test]
fn what_would_leave_something_unread_is_refused() {
    let at = |code: &'static str, param: &str| (code, Some(param.to_owned()));
    assert_eq!(refused("[]"), ("invalid_type", None));
    assert_eq!(refused("{"), ("invalid_json", None));
    assert_eq!(refused(r#"{"model":"a"}"#), at("missing_messages", "messages"));
    assert_eq!(refused(r#"{"messages":{}}"#), at("invalid_type", "messages"));
    assert_eq!(refused(r#"{"messages":[1]}"#), at("invalid_type", "messages[0]"));
    assert_eq!(refused(r#"{"messages":[{"role":1}]}"#), at("invalid_type", "messages[0].role"));
    assert_eq!(refused(r#"{"messages":[{"content":{}}]}"#), at("invalid_type", "messages[0].content"));
    assert_eq!(
        refused(r#"{"messages":[{"content":[{"type":[]}]}]}"#),
        at("invalid_type", "messages[0].content[0].type")
    );
    assert_eq!(refused(r#"{"messages":[],"stream":"true"}"#), at("invalid_type", "stream"));
    for n in ["-1", "1.5", "1e10", "-0.5"] {
        assert_eq!(refused(&format!(r#"{{"messages":[],"n":{n}}}"#)), at("invalid_type", "n"), "{n}");
    }
    assert_eq!(refused(r#"{"messages":[],"n":[2]}"#), at("invalid_type", "n"));
}

#[test]
fn a_key_that_is_there_twice_is_refused_where_it_is_read() {
    let twice = |param: &str| ("duplicate_key", Some(param.to_owned()));
    assert_eq!(refused(r#"{"messages":[],"messages":[{"role":"user"}]}"#), twice("messages"));
    assert_eq!(refused(r#"{"messages":[],"\u006d\u0065ssages":[]}"#), twice("messages"));
    assert_eq!(refused(r#"{"messages":[{"role":"user","role":"system"}]}"#), twice("messages[0].role"));
    assert_eq!(
        refused(r#"{"messages":[{"content":[{"type":"text","text":"a","text":"b"}]}]}"#),
        twice("messages[0].content[0].text")
    );
    assert_eq!(
        refused(r#"{"messages":[{"content":[{"image_url":{"url":"a","url":"b"}}]}]}"#),
        twice("messages[0].content[0].image_url.url")
    );
    assert_eq!(refused(r#"{"messages":[],"metadata":{"country":"CN","country":"JP"}}"#), twice("metadata.country"));
    assert_eq!(read(r#"{"messages":[],"vendor":{"a":1,"a":2}}"#).turn().messages.len(), 0);
}

#[test]
fn a_key_that_some_servers_take_for_another_is_refused() {
    for (body, param) in [
        (r#"{"messages":[],"Messages":[]}"#, "Messages"),
        (r#"{"MESSAGES":[]}"#, "MESSAGES"),
        ("{\"messages\":[],\"me\u{17f}sages\":[]}", "me\u{17f}sages"),
        (r#"{"messages":[{"role":"user","content":"a","Content":"b"}]}"#, "messages[0].Content"),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","Text":"b"}]}]}"#,
            "messages[0].content[0].Text",
        ),
    ] {
        assert_eq!(refused(body), ("ambiguous_key", Some(param.to_owned())), "{body}");
    }
    for body in
        [r#"{"input":"a","Input":"b"}"#, r#"{"Instructions":"b"}"#, r#"{"input":[{"Role":"user","content":"a"}]}"#]
    {
        let error = Inbound::read(Api::Responses, Bytes::from(body.to_owned())).unwrap_err();
        assert_eq!(error.code(), "ambiguous_key", "{body}");
    }
    read(r#"{"messages":[{"role":"user","content":"a","NAME":1}],"metadata":{"A":"1","a":"2"},"Model":"x"}"#);
}

const CHAT: &[u8] = br#"{"messages":[{"role":"user","content":[{"type":"text","text":"a\u0041"},{"image_url":{"url":"data:;base64,QQ"}}]}],
    "choices":[{"index":0,"message":{"content":"a","audio":null},"delta":{"content":"b"},"logprobs":{}}],"n":1}"#;
const RESPONSES: &[u8] = br#"{"instructions":"b","input":[{"role":"user","content":[{"type":"input_text","text":"a\u0041"},{"type":"input_image","image_url":"data:;base64,QQ"}]},
    {"type":"function_call_output","output":"x"}],"output":[{"type":"message","content":[{"type":"output_text","text":"a","logprobs":[1]}]},{"type":"reasoning","summary":[1]}],
    "type":"response.output_text.done","text":"a","output_index":0,"content_index":0,"sequence_number":3,"obfuscation":"x","item":{"type":"message"}}"#;

const COMPLETIONS: &[u8] = br#"{"prompt":["a\u0041",[1,2],"b"],"suffix":"c","echo":false,"n":2,"stream_options":{},
    "choices":[{"index":0,"text":"a","logprobs":{"tokens":["a"]},"finish_reason":null},{"index":1,"delta":{"content":"b"}}]}"#;

proptest! {
    #[test]
    fn damaged_bodies_are_read_or_refused_and_what_is_read_stays_json(
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(br#"{}[]",:\\tu0 n"#.to_vec()), any::<bool>()), 1..4),
        which in any::<prop::sample::Index>(),
    ) {
        let apis = [(Api::Chat, CHAT), (Api::Responses, RESPONSES), (Api::Completions, COMPLETIONS)];
        let (api, mut bytes) = (which.get(&apis).0, which.get(&apis).1.to_vec());
        for (at, byte, insert) in damage {
            let at = at.index(bytes.len());
            if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        }
        let is_json = |bytes: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
        let is_event = |bytes: &Bytes| {
            let mut decoder = crate::wire::sse::Decoder::new(1 << 16);
            decoder.push(bytes);
            is_json(&decoder.next().unwrap().unwrap().data.unwrap())
        };
        let body = Bytes::from(bytes);
        let shown = std::collections::BTreeMap::from([(0, "new".to_owned())]);
        if let Ok(inbound) = Inbound::read(api, body.clone()) {
            for place in [NotePlace::BeforeUser, NotePlace::InUser] {
                prop_assert!(is_json(&inbound.educated("note", place)));
                prop_assert!(inbound.repair(0, "note", place, "draft", "ask").is_none_or(|repair| is_json(&repair)));
            }
        }
        if let Ok(answer) = Answer::read(api, body.clone()) {
            prop_assert!(is_json(&answer.rewritten(&shown, &std::collections::BTreeMap::new(), "stop")));
        }
        if let Ok(event) = Event::read(api, &body) {
            prop_assert!(is_event(&event.with_text(0, None, "new")));
            prop_assert!(event.without_leaks().unwrap().is_none_or(|(clean, _)| is_event(&clean)));
            prop_assert!(event.edited(&shown, Some(7), None).is_none_or(|edited| is_event(&edited)));
        }
    }
}
