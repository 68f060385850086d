//! A string as a stream brings it, piece by piece.
//!
//! JSON writes a character beyond U+FFFF as two escapes, and some servers send the first of them in one event and the second in the next. Neither is a character by
//! itself: what is known of one waits until the other comes.

use super::json::{Cursor, Raw};

/// One piece of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// The second half of a character, with which it begins.
    first: Option<u16>,
    text: String,
    /// The first half of a character, with which it ends.
    last: Option<u16>,
}

/// Where pieces of one text meet: the half of a character that waits for the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Joint(Option<u16>);

/// How long an escape such as `\ud83d` is, in bytes.
const ESCAPE: usize = 6;

impl Fragment {
    /// The string at the cursor; `None`, and nothing passed over, where the value is none.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.raw().map(Self::of)
    }

    fn of(raw: Raw<'_>) -> Self {
        let Raw { mut text, escaped } = raw;
        let (mut first, mut last) = (None, None);
        if escaped {
            first = text.get(..ESCAPE).and_then(unit).filter(|unit| (0xdc00..0xe000).contains(unit));
            text = text.get(first.map_or(0, |_| ESCAPE)..).unwrap_or_default();
            let (before, end) = text.split_at_checked(text.len().saturating_sub(ESCAPE)).unwrap_or((text, ""));
            // A backslash that is itself escaped begins no escape.
            let backslashes = before.len() - before.trim_end_matches('\\').len();
            last = unit(end).filter(|unit| backslashes % 2 == 0 && (0xd800..0xdc00).contains(unit));
            text = if last.is_some() { before } else { text };
        }
        Self { first, text: Raw { text, escaped }.unescaped().into_owned(), last }
    }

    /// Whether it says nothing, not even half a character.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.parted()
    }

    /// Whether it begins or ends within a character.
    #[must_use]
    pub fn parted(&self) -> bool {
        self.first.is_some() || self.last.is_some()
    }

    /// The text by itself: half a character is U+FFFD.
    #[must_use]
    pub fn alone(&self) -> String {
        let mut joint = Joint::default();
        let text = joint.join(self);
        text + joint.rest()
    }
}

impl<T: Into<String>> From<T> for Fragment {
    fn from(text: T) -> Self {
        Self { first: None, text: text.into(), last: None }
    }
}

impl Joint {
    /// What a piece adds to the text before it. A first half at its end is kept; one that no second half follows becomes U+FFFD.
    pub fn join(&mut self, fragment: &Fragment) -> String {
        if fragment.is_empty() {
            return String::new();
        }
        let halves = self.0.take().into_iter().chain(fragment.first);
        let between = char::decode_utf16(halves).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.0 = fragment.last;
        between.collect::<String>() + &fragment.text
    }

    /// What is left when nothing more comes.
    pub fn rest(&mut self) -> &'static str {
        if self.0.take().is_some() { "\u{fffd}" } else { "" }
    }
}

/// The code unit of an escape.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix("\\u").filter(|hex| hex.len() == 4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::json;

    fn read(json: &str) -> Fragment {
        Fragment::read(&mut json::open(json.as_bytes()).unwrap()).unwrap()
    }

    fn joined(pieces: &[&str]) -> String {
        let mut joint = Joint::default();
        let text: String = pieces.iter().map(|piece| joint.join(&read(piece))).collect();
        text + joint.rest()
    }

    #[test]
    fn a_character_that_was_cut_in_two_is_one_again() {
        assert_eq!(joined(&[r#""Tea \ud83d""#, r#""\ude00 is good""#]), "Tea \u{1f600} is good");
        assert_eq!(joined(&[r#""\ud83d""#, r#""""#, r#""\uDE00\ud83d""#, r#""\ude00""#]), "\u{1f600}\u{1f600}");
        assert_eq!(joined(&[r#""a\ud83d\ude00""#, r#""b""#]), "a\u{1f600}b");
    }

    #[test]
    fn half_a_character_alone_is_none() {
        assert_eq!(joined(&[r#""a\ud83d""#, r#""b""#]), "a\u{fffd}b");
        assert_eq!(joined(&[r#""\ude00b""#]), "\u{fffd}b");
        assert_eq!(joined(&[r#""a\ud83d""#]), "a\u{fffd}");
        assert_eq!(read(r#""\ude00a\ud83d""#).alone(), "\u{fffd}a\u{fffd}");
        assert_eq!(joined(&[r#""\ud83d""#, r#""\ud83d""#, r#""\ude00""#]), "\u{fffd}\u{1f600}");
    }

    #[test]
    fn a_backslash_that_is_meant_begins_no_escape() {
        assert_eq!(joined(&[r#""C:\\ud83d""#, r#""\\ude00""#]), r"C:\ud83d\ude00");
        assert_eq!(joined(&[r#""C:\\\ud83d""#, r#""\ude00""#]), "C:\\\u{1f600}");
        assert!(!read(r#""C:\\ud83d""#).parted() && read(r#""C:\\\ud83d""#).parted());
    }

    proptest! {
        #[test]
        fn a_text_is_the_same_wherever_its_code_units_are_parted(text in any::<String>(), every in 1_usize..5) {
            let units: Vec<u16> = text.encode_utf16().collect();
            let piece = |units: &[u16]| {
                let escapes: Vec<String> = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{}\"", escapes.concat())
            };
            let pieces: Vec<String> = units.chunks(every).map(piece).collect();
            prop_assert_eq!(joined(&pieces.iter().map(String::as_str).collect::<Vec<_>>()), text);
        }
    }
}
