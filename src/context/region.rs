//! The region of an `Accept-Language` header (RFC 9110, section 12.5.4; tags as in RFC 5646).

use crate::domain::Country;

/// The country of the most wanted language range that names one: `th-TH,th;q=0.9,en;q=0.8` gives TH, a bare `th` nothing.
///
/// Ranges with a quality of 0 or one that cannot be read are left out; of equal ones the first counts.
#[must_use]
pub fn region(accept_language: &str) -> Option<Country> {
    let mut best: Option<(f32, Country)> = None;
    for (quality, country) in accept_language.split(',').filter_map(read) {
        if best.is_none_or(|(most, _)| quality > most) {
            best = Some((quality, country));
        }
    }
    best.map(|(_, country)| country)
}

fn read(range: &str) -> Option<(f32, Country)> {
    let mut pieces = range.split(';').map(str::trim);
    let country = country_of(pieces.next()?)?;
    let quality = pieces.find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")));
    let quality: f32 = quality.map_or(Ok(1.0), |value| value.trim().parse()).ok()?;
    (quality > 0.0 && quality <= 1.0).then_some((quality, country))
}

/// The region subtag: two letters behind the language, before any extension.
fn country_of(tag: &str) -> Option<Country> {
    let behind = tag.split(['-', '_']).skip(1);
    behind.take_while(|subtag| subtag.len() > 1).find(|subtag| subtag.len() == 2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_most_wanted_region_counts() {
        for (header, country) in [
            ("th-TH,th;q=0.9,en;q=0.8", Some("TH")),
            ("en;q=0.8, zh-Hant-TW;q=0.9, de-AT;q=0.5", Some("TW")),
            ("en-US;q=0.4,ja-JP", Some("JP")),
            ("pt_br", Some("BR")),
            ("en-GB;q=0, fr-CA;q=0.1", Some("CA")),
            ("en-US;q=2,fr-FR;q=nan,de-DE;q=x,it-IT;Q=0.2", Some("IT")),
            ("th", None),
            ("*", None),
            ("es-419,es;q=0.9", None),
            ("en-u-ca-gregory", None),
            ("xx-XX", None),
            ("", None),
        ] {
            assert_eq!(region(header).map(|c| c.code().to_owned()).as_deref(), country, "{header}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(header in ".{0,80}") {
            let _ = region(&header);
        }
    }
}
