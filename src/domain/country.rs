//! Countries by their ISO 3166-1 alpha-2 code.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A country, by its assigned ISO 3166-1 alpha-2 code, upper case: `CN`, `TH`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// The two upper-case letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The country's English short name as ISO 3166 gives it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        rust_iso3166::from_alpha2(self.code()).map_or("", |country| country.name)
    }

    /// The country with this English name, or with the only name that begins with it: `Japan`, `Iran`. `None` where none or several have.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (all, name) = (rust_iso3166::ALL, name.trim().to_lowercase());
        let exact = all.iter().find(|country| country.name.to_lowercase() == name);
        let mut beginning =
            all.iter().filter(|country| !name.is_empty() && country.name.to_lowercase().starts_with(&name));
        let only = || beginning.next().filter(|_| beginning.next().is_none());
        exact.or_else(only)?.alpha2.parse().ok()
    }
}

/// The text is no assigned ISO 3166-1 alpha-2 code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a country: give an ISO 3166-1 alpha-2 code such as CN or TH")]
pub struct UnknownCountry(pub String);

impl FromStr for Country {
    type Err = UnknownCountry;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = text.trim().to_ascii_uppercase();
        match (code.as_bytes(), rust_iso3166::from_alpha2(&code)) {
            (&[first, second], Some(_)) => Ok(Self([first, second])),
            _ => Err(UnknownCountry(text.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = UnknownCountry;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.code().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_any_case_and_written_in_upper_case() {
        let country: Country = " cn ".parse().unwrap();
        assert_eq!((country.code(), country.name()), ("CN", "China"));
        assert_eq!("NO".parse::<Country>().unwrap().to_string(), "NO");
    }

    #[test]
    fn names_are_read_where_they_are_clear() {
        for (name, code) in
            [("japan", "JP"), ("Iran", "IR"), ("Niger", "NE"), ("Nigeria", "NG"), ("United States of America", "US")]
        {
            assert_eq!(Country::named(name).map(|country| country.to_string()).as_deref(), Some(code), "{name}");
        }
        assert_eq!([Country::named("United"), Country::named(""), Country::named("Atlantis")], [None; 3]);
    }

    #[test]
    fn what_iso_does_not_assign_is_refused() {
        for text in ["", "C", "CHN", "XX", "ZZ", "中国"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }
}
