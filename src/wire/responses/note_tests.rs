use bytes::Bytes;

use crate::domain::{Part, Picture, Role, UnreadPicture};
use crate::wire::{Api, Inbound, NotePlace};

fn read(body: &str) -> Inbound {
    Inbound::read(Api::Responses, Bytes::from(body.to_owned())).unwrap()
}

fn text(body: &Bytes) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

const NOTE: &str = r#"{"type":"message","role":"developer","content":"Be kind."}"#;

#[test]
fn the_note_is_put_into_every_form_of_input() {
    let user = r#"{"role":"user","content":"May I?"}"#;
    let cached =
        r#"{"role":"user","content":[{"type":"input_text","text":"Long.","prompt_cache_breakpoint":{"mode":"x"}}]}"#;
    for (input, before, within) in [
        (
            r#""May I?""#.to_owned(),
            format!(r#"[{NOTE},{{"type":"message","role":"user","content":"May I?"}}]"#),
            r#""May I?\n\nBe kind.""#.to_owned(),
        ),
        (
            format!("[ {user} ]"),
            format!("[ {NOTE},{user} ]"),
            r#"[ {"role":"user","content":"May I?\n\nBe kind."} ]"#.to_owned(),
        ),
        (
            r#"[{"role":"user","content":[{"type":"input_text","text":"a"}]}]"#.to_owned(),
            format!(r#"[{NOTE},{{"role":"user","content":[{{"type":"input_text","text":"a"}}]}}]"#),
            r#"[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"Be kind."}]}]"#
                .to_owned(),
        ),
        ("[]".to_owned(), format!("[{NOTE}]"), format!("[{NOTE}]")),
        (
            format!("[{cached}]"),
            format!("[{cached},{NOTE}]"),
            format!("[{}]", cached.replace(r#""x"}}"#, r#""x"}},{"type":"input_text","text":"Be kind."}"#)),
        ),
    ] {
        let body = |input: &str| format!(r#"{{"model":"m","input":{input},"z":1.0}}"#);
        for (place, expected) in [(NotePlace::BeforeUser, before), (NotePlace::InUser, within)] {
            assert_eq!(text(&read(&body(&input)).educated("Be kind.", place)), body(&expected), "{input}");
        }
    }
    assert_eq!(
        text(&read(r#"{"model":"m"}"#).educated("Be kind.", NotePlace::BeforeUser)),
        format!(r#"{{"model":"m","input":[{NOTE}]}}"#)
    );
}

#[test]
fn the_note_has_the_role_that_the_input_uses() {
    let body = r#"{"input":[{"role":"system","content":"Be brief."},{"role":"user","content":"May I?"}]}"#;
    assert!(
        text(&read(body).educated("n", NotePlace::BeforeUser))
            .contains(r#"{"type":"message","role":"system","content":"n"}"#)
    );
}

#[test]
fn the_note_does_not_part_a_call_from_its_result() {
    let cached = r#"{"type":"function_call","call_id":"1","arguments":"{}","cache_control":{"type":"ephemeral"}}"#;
    let result = r#"{"type":"function_call_output","call_id":"1","output":"sunny"}"#;
    let body = format!(r#"{{"input":[{{"role":"user","content":"a"}},{cached},{result}]}}"#);
    let expected = body.replace(result, &format!("{result},{NOTE}"));
    assert_eq!(text(&read(&body).educated("Be kind.", NotePlace::BeforeUser)), expected);
}

#[test]
fn a_repair_goes_on_with_the_draft_and_stores_nothing() {
    let said = r#"{"type":"message","role":"assistant","content":"d"},{"type":"message","role":"user","content":"a"}"#;
    let body = r#"{"input":"May I?","stream":true,"background":true,"tools":[{}],"conversation":"c","include":["x"],"max_output_tokens":9}"#;
    assert_eq!(
        text(&read(body).repair(0, "Be kind.", NotePlace::BeforeUser, "d", "a").unwrap()),
        format!(
            r#"{{"input":[{NOTE},{{"type":"message","role":"user","content":"May I?"}},{said}],"stream":false,"background":false,"max_output_tokens":9,"store":false}}"#
        )
    );
    assert_eq!(
        text(&read(r#"{"store":true,"input":"May I?"}"#).repair(0, "Be kind.", NotePlace::InUser, "d", "a").unwrap()),
        format!(
            r#"{{"store":false,"input":[{{"type":"message","role":"user","content":"May I?\n\nBe kind."}},{said}]}}"#
        )
    );
    assert_eq!(
        text(&read(r#"{"input":[]}"#).repair(0, "Be kind.", NotePlace::BeforeUser, "d", "a").unwrap()),
        format!(r#"{{"input":[{NOTE},{said}],"store":false}}"#)
    );
}

#[test]
fn items_are_read_by_what_they_are() {
    let body = r#"{"input":[
        {"role":"user","content":[{"type":"input_text","text":"Look."},{"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"auto"},
            {"type":"input_image","file_id":"file-1","detail":"low"},{"type":"input_file","file_id":"file-2"}]},
        {"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"x"},
        {"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Nice.","annotations":[]}]},
        {"type":"computer_call","call_id":"2","action":{"type":"screenshot"}},
        {"type":"computer_call_output","call_id":"2","output":{"type":"computer_screenshot","image_url":"https://example.org/a.png"}},
        {"type":"item_reference","id":"i"}],
        "instructions":"Be brief.","previous_response_id":"resp_0","background":false,
        "tools":[{"type":"web_search","user_location":{"type":"approximate","country":"JP"}},{"type":"function","name":"f"}]}"#;
    let inbound = read(body);
    let roles: Vec<_> = inbound.turn().messages.iter().map(|message| message.role).collect();
    assert_eq!(
        roles,
        [Some(Role::System), Some(Role::User), None, Some(Role::Assistant), None, Some(Role::Tool), None]
    );
    let parts = |at: usize| inbound.turn().messages[at].parts.clone();
    assert_eq!(
        parts(1),
        [
            Part::Text("Look.".into()),
            Part::Picture(Picture::Inline(Bytes::from_static(b"QUJD"))),
            Part::Picture(Picture::Unread(UnreadPicture::FileId)),
            Part::Other("input_file".into())
        ]
    );
    assert_eq!(parts(2), [Part::Other("reasoning".into()), Part::Other("encrypted-content".into())]);
    assert_eq!(parts(3), [Part::Text("Nice.".into())]);
    assert_eq!(parts(4), [Part::Other("computer_call".into())]);
    assert_eq!(parts(5), [Part::Picture(Picture::Remote("https://example.org/a.png".into()))]);
    assert_eq!(parts(6), []);
    let kept = ["previous_response_id", "messages[6]: item_reference"].map(|part| (part.to_owned(), "kept-upstream"));
    assert_eq!(inbound.unseen(), kept);
    assert_eq!(inbound.hint().user_location.unwrap().code(), "JP");
}
