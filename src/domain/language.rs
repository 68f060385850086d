//! Languages by their primary subtag.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language by the primary subtag of a BCP 47 tag (ISO 639-1 where there is one, else 639-3), lower case: `zh`, `am`, `ceb`.
///
/// Scripts and regions are left out: the packs' texts are one a language.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language([u8; 3]);

impl Language {
    /// English, the language in which every norm is stated.
    pub const ENGLISH: Self = Self(*b"en\0");

    /// The two or three lower-case letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default().trim_end_matches('\0')
    }
}

/// The text does not begin like a BCP 47 language tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language: give a code such as en, zh or am")]
pub struct UnknownLanguage(pub String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads the primary subtag of a BCP 47 tag and ignores the rest: `zh-Hant-TW` is `zh`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownLanguage(text.chars().take(40).collect());
        let primary = text.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        if !primary.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(unknown());
        }
        match *primary.as_bytes() {
            [a, b] => Ok(Self([a, b, 0])),
            [a, b, c] => Ok(Self([a, b, c])),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Language {
    type Error = UnknownLanguage;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.code().to_owned()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_subtag_counts() {
        assert_eq!("zh-Hant-TW".parse::<Language>().unwrap().code(), "zh");
        assert_eq!("EN_us".parse::<Language>().unwrap(), Language::ENGLISH);
        assert_eq!("ceb".parse::<Language>().unwrap().code(), "ceb");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "e", "english", "*", "e1"] {
            assert!(text.parse::<Language>().is_err(), "{text}");
        }
    }
}
