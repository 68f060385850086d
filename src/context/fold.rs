//! The form in which names and texts are compared.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Folds a name or a text: NFC, letter case, white space, apostrophes, hyphens, and the spellings of Arabic and Hebrew.
///
/// Names and texts go through the same function, so it may lose what readers of a name need: it is for comparing.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends the folded text. White space at the beginning is dropped, at the end one space may stay.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    // Most listed names are of this form already.
    if text.bytes().all(|byte| byte.is_ascii_lowercase()) {
        folded.push_str(text);
        return;
    }
    let start = folded.len();
    for c in composed(text).chars() {
        match c {
            'A'..='Z' => folded.push(c.to_ascii_lowercase()),
            // A short way for most letters: lower-case Latin and Cyrillic, and the scripts without letter case, from
            // Syriac to Myanmar and from the CJK punctuation to Hangul.
            'a'..='z'
            | '\u{e0}'..='\u{f6}'
            | '\u{430}'..='\u{44f}'
            | '\u{700}'..='\u{109f}'
            | '\u{3001}'..='\u{a63f}'
            | '\u{ac00}'..='\u{d7a3}' => {
                folded.push(c);
            }
            '\u{590}'..='\u{6ff}' => folded.extend(semitic(c)),
            // A name may be broken over two lines or set with a no-break space; Persian writes a non-joiner for a space.
            _ if c.is_whitespace() || c == '\u{200c}' => {
                if folded.len() > start && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            '’' | '‘' | 'ʼ' | 'ʻ' | '´' | '`' => folded.push('\''),
            '‐' | '‑' | '–' | '—' => folded.push('-'),
            // Invisible marks: soft hyphen, zero-width space and joiner, directions, byte order mark.
            '\u{ad}' | '\u{200b}' | '\u{200d}'..='\u{200f}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            _ if c.is_ascii() => folded.push(c),
            _ => caseless(c, folded),
        }
    }
}

fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        IsNormalized::Maybe | IsNormalized::No => Cow::Owned(text.nfc().collect()),
    }
}

/// Lower, upper and lower again, so that every spelling meets: `ß` and `SS`, `ı` and `I`, `ς` and `Σ`.
fn caseless(c: char, folded: &mut String) {
    for lower in c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase) {
        // The dot that Turkish `İ` leaves behind.
        if lower != '\u{307}' || !folded.ends_with('i') {
            // `ŉ` is an apostrophe and a letter in upper case.
            folded.push(if lower == 'ʼ' { '\'' } else { lower });
        }
    }
}

/// Drops vowel points and lengthening, and joins the letters that writers of Arabic, Persian and Urdu interchange.
fn semitic(c: char) -> Option<char> {
    match c {
        '\u{591}'..='\u{5bd}'
        | '\u{5bf}'
        | '\u{5c1}'
        | '\u{5c2}'
        | '\u{5c4}'
        | '\u{5c5}'
        | '\u{5c7}'
        | '\u{640}'
        | '\u{64b}'..='\u{65f}'
        | '\u{670}' => None,
        'أ' | 'إ' | 'آ' | 'ٱ' => Some('ا'),
        'ى' | 'ی' => Some('ي'),
        'ک' => Some('ك'),
        'ة' | 'ہ' | 'ھ' | 'ۃ' => Some('ه'),
        _ => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_meet() {
        for (one, other) in [
            ("ISTANBUL", "İstanbul"),
            ("DIYARBAKIR", "Diyarbakır"),
            ("GIESSEN", "Gießen"),
            ("ΑΘΉΝΑΣ", "Αθήνας"),
            ("Sa\u{303}o  Paulo", "são paulo"),
            ("Xi’an", "xi'an"),
            ("New\nYork", "new york"),
            ("مِصْر", "مصر"),
            ("ایران", "إيران"),
            ("السعوديه", "السعودية"),
            ("תֵּל אָבִיב", "תל אביב"),
            ("ශ්‍රී ලංකා", "ශ්රී ලංකා"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for text in ["Ǆ ŉ ﬁ ẞ İI ıi ΌΣΟΣ", "ＡＢＣ 東京", "e\u{301} \u{1e9e}"] {
            assert_eq!(fold(&fold(text)), fold(text), "{text}");
        }
    }
}
