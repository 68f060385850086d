use super::*;
use crate::domain::{Scan, UnreadPicture};

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role: Some(role), parts }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn picture(payload: &'static str) -> Part {
    Part::Picture(Picture::Inline(Bytes::from_static(payload.as_bytes())))
}

fn said(coverage: &[Coverage]) -> Vec<(&str, &str)> {
    let word = |scan: &'_ Scan| match scan {
        Scan::Scanned => "scanned".to_owned(),
        Scan::Unscanned(why) => why.clone(),
    };
    coverage.iter().map(|one| (one.part.as_str(), &*word(&one.scan).leak())).collect()
}

fn payloads(plan: &Plan) -> Vec<(usize, &[u8])> {
    plan.pictures.iter().map(|(at, payload)| (*at, payload.as_ref())).collect()
}

#[test]
fn the_newest_question_and_its_pictures_are_looked_at() {
    let turn = Turn {
        messages: vec![
            message(Role::System, vec![text("You sell clocks.")]),
            message(Role::User, vec![text("What is this?"), picture("OLD=")]),
            message(Role::Assistant, vec![text("A clock.")]),
            message(
                Role::User,
                vec![
                    text("And these?"),
                    picture("AAA="),
                    Part::Other("input_audio".into()),
                    picture("BBB="),
                    text("Thanks."),
                ],
            ),
        ],
    };
    let plan = Plan::of(&turn, 16);
    assert_eq!(plan.query, "And these? Thanks.");
    assert_eq!(payloads(&plan), [(3, &b"AAA="[..]), (3, b"BBB=")]);
    assert_eq!(
        said(&plan.coverage(Read::Cut, true, &[Ok(shown()), Err(PictureError::NotAPicture)])),
        [
            ("messages[0]: text", "not-read"),
            ("messages[1]: text", "other-turn"),
            ("messages[1]: picture", "other-turn"),
            ("messages[2]: text", "other-turn"),
            ("messages[3]: text", "scanned"),
            ("messages[3]: text, its end", "too-long"),
            ("messages[3]: picture", "scanned"),
            ("messages[3]: input_audio", "not-read"),
            ("messages[3]: picture", "not-a-picture"),
        ]
    );
    let unscanned = plan.unscanned("late");
    assert_eq!(said(&unscanned)[4..6], [("messages[3]: text", "late"), ("messages[3]: picture", "late")]);
    assert_eq!(said(&unscanned)[0], ("messages[0]: text", "not-read"));
}

#[test]
fn a_picture_of_an_earlier_message_is_meant_where_the_newest_has_none() {
    let turn = Turn {
        messages: vec![
            message(Role::User, vec![picture("AAA=")]),
            message(Role::User, vec![text("Look:"), picture("BBB=")]),
            message(Role::Assistant, vec![text("Nice.")]),
            message(Role::User, vec![text("May I bring it?")]),
        ],
    };
    let plan = Plan::of(&turn, 16);
    assert_eq!((plan.query.as_str(), payloads(&plan)), ("May I bring it?", vec![(1, &b"BBB="[..])]));
}

#[test]
fn what_a_tool_shows_after_the_question_is_looked_at() {
    let turn = Turn {
        messages: vec![
            message(Role::User, vec![text("Compare this with my room."), picture("AAA=")]),
            message(Role::Assistant, vec![Part::Other("tool_calls".into())]),
            message(Role::Tool, vec![text("room.jpg"), picture("BBB=")]),
        ],
    };
    let plan = Plan::of(&turn, 16);
    assert_eq!(payloads(&plan), [(0, &b"AAA="[..]), (2, b"BBB=")]);
    assert!(said(&plan.coverage(Read::Whole, true, &[])).contains(&("messages[2]: text", "not-read")));
}

#[test]
fn a_message_of_pictures_alone_keeps_the_question_before_it() {
    let turn = Turn {
        messages: vec![
            message(Role::User, vec![text("May I bring this?")]),
            message(Role::User, vec![picture("AAA=")]),
        ],
    };
    let plan = Plan::of(&turn, 16);
    assert_eq!((plan.query.as_str(), plan.pictures.len()), ("May I bring this?", 1));
}

#[test]
fn pictures_that_cannot_be_looked_at_keep_their_reason() {
    let unread = UnreadPicture::ALL.iter().map(|why| Part::Picture(Picture::Unread(*why)));
    let turn = Turn { messages: vec![message(Role::User, unread.collect())] };
    let plan = Plan::of(&turn, 16);
    let reasons: Vec<String> =
        said(&plan.coverage(Read::Whole, true, &[])).iter().map(|(_, why)| (*why).to_owned()).collect();
    assert_eq!(reasons, UnreadPicture::ALL.iter().map(|why| why.word()).collect::<Vec<_>>());
    assert!(plan.pictures.is_empty() && plan.query.is_empty());
}

#[test]
fn pictures_behind_urls_that_nobody_fetched_take_no_place_and_are_told_of() {
    let remote = |name: &str| Part::Picture(Picture::Remote(format!("https://example.org/{name}")));
    let turn = Turn {
        messages: vec![
            message(Role::User, vec![remote("old.png")]),
            message(Role::User, vec![text("Which?"), remote("a.png"), picture("AAA="), picture("BBB=")]),
        ],
    };
    let plan = Plan::of(&turn, 1);
    assert_eq!(payloads(&plan), [(1, &b"AAA="[..])]);
    let coverage = plan.coverage(Read::Whole, true, &[Ok(shown())]);
    let reasons: Vec<&str> = said(&coverage).iter().map(|(_, why)| *why).collect();
    assert_eq!(reasons, ["other-turn", "scanned", "remote-url", "scanned", "over-picture-limit"]);
}

#[test]
fn of_too_many_pictures_the_newest_messages_are_looked_at() {
    let turn = Turn {
        messages: vec![
            message(Role::User, vec![text("Which?"), picture("AAA="), picture("BBB=")]),
            message(Role::Tool, vec![picture("CCC=")]),
        ],
    };
    let plan = Plan::of(&turn, 2);
    assert_eq!(payloads(&plan), [(0, &b"AAA="[..]), (1, b"CCC=")]);
    assert_eq!(said(&plan.coverage(Read::Whole, true, &[]))[2], ("messages[0]: picture", "over-picture-limit"));
    assert!(Plan::of(&turn, 0).pictures.is_empty());
}

#[test]
fn the_same_picture_twice_is_looked_at_twice() {
    let payload = Bytes::from_static(b"AAA=");
    let twice = vec![Part::Picture(Picture::Inline(payload.clone())), Part::Picture(Picture::Inline(payload))];
    assert_eq!(Plan::of(&Turn { messages: vec![message(Role::User, twice)] }, 16).pictures.len(), 2);
}

#[test]
fn an_empty_turn_has_nothing_to_look_at() {
    let plan = Plan::of(&Turn::default(), 16);
    assert!(plan.query.is_empty() && plan.coverage(Read::Whole, true, &[]).is_empty());
}

/// A picture in which nothing was seen.
fn shown() -> Shown {
    let labels = super::super::features::Labelled::new(Vec::new(), &super::super::Card::default());
    Shown { labels: std::sync::Arc::new(labels), things: Vec::new(), missed: Vec::new(), more_frames: false }
}

#[test]
fn the_other_frames_of_an_animation_are_told_of() {
    let plan = Plan::of(&super::super::fakes::turn("This?", &[[9; 3], [8; 3]]), 16);
    let coverage = plan.coverage(Read::Whole, true, &[Ok(shown()), Ok(Shown { more_frames: true, ..shown() })]);
    let pictures = &said(&coverage)[1..];
    let part = "messages[0]: picture";
    assert_eq!(
        pictures,
        [(part, "scanned"), (part, "scanned"), ("messages[0]: picture, its other frames", "not-read")]
    );
}

#[test]
fn a_detector_that_could_not_look_and_a_language_that_is_not_covered_are_told_of() {
    let plan = Plan::of(&super::super::fakes::turn("This?", &[[9; 3]]), 16);
    let missed = Shown { missed: vec![(Detector::Objects, Unavailable::Busy)], ..shown() };
    let coverage = plan.coverage(Read::Whole, false, &[Ok(missed)]);
    let expected = [
        Coverage::scanned("messages[0]: text"),
        Coverage::unscanned("messages[0]: text, beyond what was found", "language"),
        Coverage::scanned("messages[0]: picture"),
        Coverage::unscanned("messages[0]: picture, for objects", "busy"),
    ];
    assert_eq!(coverage, expected);
}
