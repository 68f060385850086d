use proptest::prelude::*;

use crate::wire::json::{self, Path};

use super::*;

fn edited(body: &str, changes: Vec<(&str, Change)>) -> String {
    let top = json::open(body.as_bytes()).unwrap().object(&Path::Root, |_, _, _| Ok(())).unwrap();
    let mut edits = Edits::default();
    edits.members(&top, changes);
    String::from_utf8(edits.apply(body.as_bytes())).unwrap()
}

fn set(text: &str) -> Change {
    Change::Set(text.as_bytes().to_vec())
}

#[test]
fn members_go_with_their_comma() {
    let gone = |keys: &[&'static str]| {
        edited(r#"{ "a" : 1 , "b":2, "c": 3 }"#, keys.iter().map(|key| (*key, Change::Remove)).collect())
    };
    assert_eq!(gone(&["a"]), r#"{ "b":2, "c": 3 }"#);
    assert_eq!(gone(&["b"]), r#"{ "a" : 1 , "c": 3 }"#);
    assert_eq!(gone(&["c"]), r#"{ "a" : 1 , "b":2 }"#);
    assert_eq!(gone(&["b", "c"]), r#"{ "a" : 1 }"#);
    assert_eq!(gone(&["a", "b"]), r#"{ "c": 3 }"#);
    assert_eq!(gone(&["a", "b", "c"]), "{  }");
    assert_eq!(gone(&["d"]), r#"{ "a" : 1 , "b":2, "c": 3 }"#);
}

#[test]
fn values_are_replaced_or_added() {
    assert_eq!(edited("{}", vec![("a", set("1")), ("b", set("2"))]), r#"{"a":1,"b":2}"#);
    assert_eq!(edited(r#"{"a" : [0] }"#, vec![("a", set("1")), ("b", set("2"))]), r#"{"a" : 1,"b":2 }"#);
    assert_eq!(edited(r#"{"a":0,"z":0}"#, vec![("z", Change::Remove), ("b", set("2"))]), r#"{"a":0,"b":2}"#);
    assert_eq!(edited(r#"{"z":0}"#, vec![("z", Change::Remove), ("b", set("2"))]), r#"{"b":2}"#);
    assert_eq!(edited(r#"{"a":0}"#, vec![("b", Change::Replace(b"2".to_vec()))]), r#"{"a":0}"#);
}

proptest! {
    #[test]
    fn any_changes_leave_json_with_the_same_other_members(
        spaces in prop::collection::vec(json::tests::blank(), 20),
        kinds in prop::collection::vec(0..4_u8, 5),
        last in 0..5_usize,
    ) {
        let keys = ["a", "b", "c", "d", "e"];
        let mut space = spaces.iter().cycle();
        let mut gap = || *space.next().unwrap();
        let members: Vec<String> =
            keys.iter().take(last).map(|key| format!("{}\"{key}\"{}:{}7.0{}", gap(), gap(), gap(), gap())).collect();
        let body = format!("{{{}}}", members.join(","));
        let mut expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&body).unwrap();
        let mut changes = Vec::new();
        for (key, kind) in keys.iter().zip(kinds) {
            match kind {
                0 => {
                    expected.remove(*key);
                    changes.push((*key, Change::Remove));
                }
                1 => {
                    expected.insert((*key).to_owned(), true.into());
                    changes.push((*key, set("true")));
                }
                2 => {
                    expected.entry(*key).and_modify(|value| *value = false.into());
                    changes.push((*key, Change::Replace(b"false".to_vec())));
                }
                _ => {}
            }
        }
        let after = edited(&body, changes);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&after).unwrap(), serde_json::Value::Object(expected));
    }
}
