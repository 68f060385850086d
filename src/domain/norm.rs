//! A cultural norm as a policy pack states it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Country, Language, UnknownCountry};

/// A norm's name, unique over all packs: the country and the id within its pack, written `CN/clock-as-gift`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NormId {
    country: Country,
    slug: Box<str>,
}

/// The text is no norm id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownNormId {
    /// There is no `/` between country and id.
    #[error("`{0}` is not a norm's id: write the country and the id, such as CN/clock-as-gift")]
    Form(String),
    /// The part before the `/` is no country.
    #[error(transparent)]
    Country(#[from] UnknownCountry),
    /// The part behind the `/` has other characters than lower-case letters, digits and hyphens.
    #[error("`{0}` is not an id: use lower-case letters, digits and hyphens, 64 at most, such as clock-as-gift")]
    Slug(String),
}

impl NormId {
    /// Names a norm of a country's pack.
    ///
    /// # Errors
    /// [`UnknownNormId::Slug`] where `slug` is not made of lower-case ASCII letters, digits and inner hyphens, 1 to 64 of them.
    pub fn new(country: Country, slug: &str) -> Result<Self, UnknownNormId> {
        let fits = (1..=64).contains(&slug.len())
            && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !slug.starts_with('-')
            && !slug.ends_with('-');
        if fits {
            Ok(Self { country, slug: slug.into() })
        } else {
            Err(UnknownNormId::Slug(slug.chars().take(80).collect()))
        }
    }

    /// The country whose pack holds the norm.
    #[must_use]
    pub fn country(&self) -> Country {
        self.country
    }

    /// The id within the pack.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }
}

impl FromStr for NormId {
    type Err = UnknownNormId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (country, slug) =
            text.split_once('/').ok_or_else(|| UnknownNormId::Form(text.chars().take(80).collect()))?;
        Self::new(country.parse()?, slug)
    }
}

impl TryFrom<String> for NormId {
    type Error = UnknownNormId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NormId> for String {
    fn from(id: NormId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for NormId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.country, self.slug)
    }
}

impl fmt::Debug for NormId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A word of a closed set that is none of its members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no {what}: use one of {allowed}")]
pub struct UnknownWord {
    /// What the word should name, such as `domain`.
    pub what: &'static str,
    /// The word as it came.
    pub found: String,
    /// The words that there are.
    pub allowed: String,
}

/// Makes a closed set of words: the enum, its spelling on the wire and in files, and the reverse.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every member, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as files, records and the wire spell it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|member| member.word() == text).ok_or_else(|| crate::domain::UnknownWord {
                    what: $what,
                    found: text.chars().take(80).collect(),
                    allowed: Self::ALL.iter().map(|member| member.word()).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::domain::UnknownWord;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for &'static str {
            fn from(member: $name) -> Self {
                member.word()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(super) use words;

words! {
    /// The part of life that a norm belongs to.
    Domain, "domain" {
        /// Table manners.
        Dining = "dining",
        /// What is given, when and how.
        Gifts = "gifts",
        /// Clothes.
        Dress = "dress",
        /// Places and acts of worship.
        Worship = "worship",
        /// Hands, feet, heads.
        Gestures = "gestures",
        /// Taking and showing pictures.
        Photography = "photography",
        /// What is eaten and drunk.
        AlcoholFood = "alcohol-food",
        /// What is said, and to whom.
        Conversation = "conversation",
        /// Conduct among strangers.
        PublicBehaviour = "public-behaviour",
        /// What may be restricted by law.
        Law = "law",
    }
}

words! {
    /// How binding a norm is.
    Strength, "strength" {
        /// May be restricted by law.
        Law = "law",
        /// Breaking it gives deep offence.
        Taboo = "taboo",
        /// Widely expected.
        Strong = "strong",
        /// Customary; visitors are readily forgiven.
        Custom = "custom",
        /// Debated in the country itself, or touching people's rights or identity.
        Contested = "contested",
    }
}

/// One text in several languages; English is always among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    english: Box<str>,
    others: BTreeMap<Language, Box<str>>,
}

impl Texts {
    /// A text in English and in others.
    #[must_use]
    pub fn new(english: &str, others: BTreeMap<Language, Box<str>>) -> Self {
        Self { english: english.into(), others }
    }

    /// The English text.
    #[must_use]
    pub fn english(&self) -> &str {
        &self.english
    }

    /// The text in `language`, or `None` where it is not written.
    #[must_use]
    pub fn exactly(&self, language: Language) -> Option<&str> {
        if language == Language::ENGLISH { Some(&self.english) } else { self.others.get(&language).map(AsRef::as_ref) }
    }

    /// The text in `language`, or the English one where it is not written.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        self.exactly(language).unwrap_or(&self.english)
    }

    /// The text with some of its languages written anew.
    #[must_use]
    pub fn with(&self, texts: &BTreeMap<Language, Box<str>>) -> Self {
        let mut all = self.clone();
        for (language, text) in texts {
            if *language == Language::ENGLISH {
                all.english.clone_from(text);
            } else {
                all.others.insert(*language, text.clone());
            }
        }
        all
    }

    /// The languages in which the text is written, English first.
    pub fn languages(&self) -> impl Iterator<Item = Language> + '_ {
        std::iter::once(Language::ENGLISH).chain(self.others.keys().copied())
    }
}

/// Who says that a norm holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The work's title.
    pub title: String,
    /// Who published it.
    pub publisher: String,
}

/// A cultural norm: what is customary, why, and what to do instead. What is done about it is a matter of policy, and stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// Its name.
    pub id: NormId,
    /// The part of life that it belongs to.
    pub domain: Domain,
    /// How binding it is.
    pub strength: Strength,
    /// What is customary, with its reach.
    pub says: Texts,
    /// The reason that people there give.
    pub why: Texts,
    /// What a kind assistant suggests.
    pub instead: Texts,
    /// What a breach shows in a picture: names of things.
    pub see: Vec<String>,
    /// What a breach looks like in a question: short English phrases.
    pub asks: Vec<String>,
    /// What a breach looks like in an answer: short English phrases.
    pub answers: Vec<String>,
    /// Where within the country it holds; empty: everywhere.
    pub regions: Vec<String>,
    /// Among whom it holds; `None`: generally.
    pub among: Option<String>,
    /// Who says so.
    pub sources: Vec<Source>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norm_ids_read_as_they_are_written() {
        let id: NormId = "jp/chopsticks-upright".parse().unwrap();
        assert_eq!(id.to_string(), "JP/chopsticks-upright");
        for text in ["clock", "XX/clock", "CN/", "CN/Clock", "CN/-a", "CN/a b"] {
            assert!(text.parse::<NormId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_word_names_the_known_ones() {
        let error = "soft".parse::<Strength>().unwrap_err();
        assert_eq!(error.to_string(), "`soft` is no strength: use one of law, taboo, strong, custom, contested");
    }

    #[test]
    fn a_missing_language_falls_back_to_english() {
        let zh: Language = "zh".parse().unwrap();
        let texts = Texts::new("shoes off", BTreeMap::from([(zh, "脱鞋".into())]));
        assert_eq!((texts.in_language(zh), texts.in_language("th".parse().unwrap())), ("脱鞋", "shoes off"));
    }
}
