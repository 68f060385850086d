use super::*;
use crate::domain::{Action, Decision, Findings};

#[test]
fn the_first_text_is_that_of_the_lowest_index() {
    let first = |body: &str| Answer::read(Api::Chat, Bytes::from(body.to_owned())).ok()?.first_text();
    assert_eq!(
        first(r#"{"choices":[{"index":1,"message":{"content":"b"}},{"index":0,"message":{"content":"a"}}]}"#)
            .as_deref(),
        Some("a")
    );
    for none in [r#"{"choices":[]}"#, r#"{"choices":[{"message":{"content":" "}}]}"#, "{}", "x"] {
        assert_eq!(first(none), None, "{none}");
    }
}

#[test]
fn the_verdict_is_set_or_takes_the_place_of_another() {
    let decision = Decision { action: Action::Pass, norms: Vec::new(), trace: Vec::new() };
    let known = Findings::Known { findings: Vec::new(), threshold: 0.5 };
    let moderation = Moderation::new(&known, &decision, None);
    let json = String::from_utf8(json::written(&moderation)).unwrap();
    let with = |body: &str| {
        Api::Chat
            .with_moderation(Bytes::from(body.to_owned()), &moderation)
            .map(|body| String::from_utf8(body.to_vec()).unwrap())
    };
    assert_eq!(with("{\"id\":1.0 }\n").unwrap(), format!("{{\"id\":1.0,\"moderation\":{json} }}\n"));
    assert_eq!(with(r#"{"moderation": null, "id":1}"#).unwrap(), format!(r#"{{"moderation": {json}, "id":1}}"#));
    assert_eq!(with("[]").unwrap_err().code(), "invalid_type");
}
