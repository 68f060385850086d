use proptest::prelude::*;

use super::*;

/// Where everything stands, as a list of what is there.
fn spans(body: &str) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    let top = open(body.as_bytes())?.object(&Path::Root, |_, _, _| Ok(()))?;
    for member in top.members {
        assert_eq!(&body[member.at..=member.at], "\"");
        found.push((member.name, body[member.value].to_owned()));
    }
    Ok(found)
}

/// A string literal, spelt with whatever escapes.
pub(in crate::wire) fn literal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-z{}\\[\\],: é中🥢]{0,70}",
        1 => Just(r#"\""#.to_owned()),
        1 => Just(r"\\".to_owned()),
        1 => Just(r"\/".to_owned()),
        1 => Just(r"\n".to_owned()),
        1 => Just(r"\u00e9".to_owned()),
        1 => Just(r"\ud83e\udd62".to_owned()),
        1 => Just(r"\ud800".to_owned()),
        1 => Just(r"\udc00\ud800".to_owned()),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Any JSON value, with odd spellings of numbers and odd white space.
pub(in crate::wire) fn value() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        "0",
        "-0",
        "1.0",
        "1.00",
        "1e5",
        "1E+05",
        "-0.0e-0",
        "18446744073709551616",
        "1e999",
        "123456789012345678901234567890.5",
    ]);
    let leaf = prop_oneof![
        literal(),
        number.prop_map(str::to_owned),
        prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let items = prop::collection::vec((blank(), inner.clone(), blank()), 0..4);
        let members = prop::collection::vec((blank(), literal(), blank(), blank(), inner, blank()), 0..4);
        prop_oneof![
            (blank(), items).prop_map(|(inside, items)| {
                let items: Vec<String> = items.iter().map(|(a, item, b)| format!("{a}{item}{b}")).collect();
                format!("[{}{inside}]", items.join(","))
            }),
            (blank(), members).prop_map(|(inside, members)| {
                let members: Vec<String> =
                    members.iter().map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}")).collect();
                format!("{{{}{inside}}}", members.join(","))
            }),
        ]
    })
}

pub(in crate::wire) fn blank() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", " ", "\n", "\t ", "\r\n  "])
}

proptest! {
    #[test]
    fn every_value_is_found_where_it_stands(
        members in prop::collection::vec((blank(), value(), blank(), blank()), 0..6),
        around in (blank(), blank()),
    ) {
        let text: Vec<String> = members
            .iter()
            .enumerate()
            .map(|(at, (a, value, b, c))| format!("{a}\"k{at}\"{b}:{c}{value}{a}"))
            .collect();
        let body = format!("{}{{{}}}{}", around.0, text.join(","), around.1);
        let expected: Vec<(String, String)> =
            members.iter().enumerate().map(|(at, (_, value, _, _))| (format!("k{at}"), value.clone())).collect();
        prop_assert_eq!(spans(&body).unwrap(), expected);
    }

    #[test]
    fn strings_are_unescaped_as_serde_json_does(text in literal()) {
        let raw = text.get(1..text.len() - 1).unwrap();
        let read = Raw { text: raw, escaped: raw.contains('\\') }.unescaped();
        match serde_json::from_str::<String>(&text) {
            Ok(expected) => prop_assert_eq!(read, expected),
            // A surrogate without its partner.
            Err(_) => prop_assert!(read.contains(char::REPLACEMENT_CHARACTER)),
        }
    }

    #[test]
    fn a_calm_stretch_ends_at_the_first_quote_or_backslash(before in "[a-zé]{0,200}", after in "[\"\\\\][a-z\"]{0,70}") {
        prop_assert_eq!(calm(format!("{before}{after}").as_bytes()), before.len());
        prop_assert_eq!(calm(before.as_bytes()), before.len());
    }
}

#[test]
fn lone_surrogates_are_read_as_replacement_characters() {
    for (raw, read) in [
        (r"a\ud800b", "a\u{fffd}b"),
        (r"\udc00", "\u{fffd}"),
        (r"\ud800\ud83e\udd62", "\u{fffd}🥢"),
        (r"\ud83e\n", "\u{fffd}\n"),
        (r"\u0041\u00E9", "Aé"),
    ] {
        assert_eq!(Raw { text: raw, escaped: true }.unescaped(), read, "{raw}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_however_it_is_spelt() {
    for body in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#] {
        assert_eq!(spans(body).unwrap_err(), Error::DuplicateKey { param: "a".into() });
    }
    // Not in an object that nobody reads.
    assert_eq!(spans(r#"{"a":{"b":1,"b":2}}"#).unwrap().len(), 1);
}

#[test]
fn a_byte_order_mark_and_white_space_around_are_accepted() {
    assert_eq!(spans("\u{feff} \r\n{ \"a\" : 1 }\n\n").unwrap(), [("a".to_owned(), "1".to_owned())]);
}

#[test]
fn what_is_not_one_json_value_in_utf_8_is_refused() {
    for body in [
        "",
        " ",
        "{",
        "{}{}",
        "{} x",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{'a':1}",
        "{\"a\":1,}",
        "{}\0",
        "{\"a\":01}",
        "// x\n{}",
    ] {
        assert_eq!(spans(body).unwrap_err().code(), "invalid_json", "{body}");
    }
    assert_eq!(open(b"{\"a\":\"\xff\"}").unwrap_err(), Error::NotUtf8 { at: 6 });
    assert_eq!(open(b"\"\xed\xa0\x80\"").unwrap_err().code(), "invalid_utf8");
}

#[test]
fn nesting_has_a_limit_and_takes_no_stack() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(spans(&nested(DEEPEST - 1)).is_ok());
    assert_eq!(spans(&nested(DEEPEST)).unwrap_err(), Error::TooDeep { param: Some("a".into()) });
    assert_eq!(spans(&nested(1_000_000)).unwrap_err().code(), "too_deep");
    let objects = format!("{{\"a\":{}1{}}}", "{\"b\":".repeat(1_000), "}".repeat(1_000));
    assert_eq!(spans(&objects).unwrap_err().code(), "too_deep");
    // Side by side is not deep.
    assert!(spans(&format!("{{\"a\":[{}[]]}}", "[[]],".repeat(1_000))).is_ok());
}

#[test]
fn a_path_is_written_as_openai_writes_it_and_bounded() {
    let (messages, long) = (Path::Key(&Path::Root, "messages"), "k".repeat(500));
    let third = Path::Item(&messages, 2);
    assert_eq!(Path::Key(&third, "content").param().as_deref(), Some("messages[2].content"));
    assert_eq!(Path::Root.param(), None);
    assert_eq!(Path::Key(&Path::Root, &long).to_string().len(), 80);
}
