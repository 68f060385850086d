//! The places that a text names.

use super::edges::stands;
use super::fold::fold;
use super::origin::{goes_on, is_origin};
use super::places::{Kind, Occurrence, Places};
use crate::domain::Country;

/// How many countries of one text are in play at most.
const MOST_COUNTRIES: usize = 3;
/// How many names are looked at in one text at most. What stands behind them is not the subject.
const MOST_NAMES: usize = 1024;

/// A country that a text names, and by which name (folded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// The country.
    pub(super) country: Country,
    /// The name as it was compared.
    pub(super) name: String,
    /// The parts of the country that the text names, by the names of their overlays.
    pub(super) regions: Vec<String>,
}

/// The countries that a text is about, in the order in which it names them, at most three.
///
/// Places come before adjectives ("a Chinese tea set for a wedding in Osaka" is about Japan), and the place where somebody
/// comes from yields to the other places.
pub(super) fn mentions(text: &str, places: &Places) -> Vec<Mention> {
    let folded = fold(text);
    let all = longest(occurrences(&folded, places));
    let (adjectives, explicit): (Vec<_>, Vec<_>) = all.into_iter().partition(|name| name.row.kind == Kind::Adjective);
    if explicit.is_empty() {
        return first_countries(&folded, places, adjectives.iter());
    }
    let origins = origins(&folded, &explicit);
    let elsewhere = explicit.iter().zip(&origins).filter_map(|(name, is_origin)| (!is_origin).then_some(name));
    let found = first_countries(&folded, places, elsewhere);
    if found.is_empty() { first_countries(&folded, places, explicit.iter()) } else { found }
}

/// The names that stand as words, leftmost first, at one place the longest first.
fn occurrences(folded: &str, places: &Places) -> Vec<Occurrence> {
    let stand = places.occurrences(folded).filter(|found| {
        let (left, right) = (folded.get(..found.start), folded.get(found.end..));
        let name = folded.get(found.start..found.end);
        matches!((left, name, right), (Some(left), Some(name), Some(right)) if stands(left, name, right))
    });
    let mut found: Vec<_> = stand.take(MOST_NAMES).collect();
    found.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end), found.row.kind));
    found
}

/// Leftmost-longest: drops what overlaps a name already taken. Equal names of one standing are all kept.
fn longest(sorted: Vec<Occurrence>) -> Vec<Occurrence> {
    let mut taken: Vec<Occurrence> = Vec::new();
    for found in sorted {
        let keep = taken.last().is_none_or(|last| {
            let equal = (last.start, last.end, standing(last)) == (found.start, found.end, standing(&found));
            equal || found.start >= last.end
        });
        if keep {
            taken.push(found);
        }
    }
    taken
}

/// An added name wins over an embedded one, a place over an adjective.
fn standing(found: &Occurrence) -> u8 {
    match found.row.kind {
        Kind::Added => 0,
        Kind::Country | Kind::City | Kind::Region | Kind::Landmark => 1,
        Kind::Adjective => 2,
    }
}

/// For each name whether it only says where somebody comes from. What goes on about an origin is one, too.
fn origins(folded: &str, named: &[Occurrence]) -> Vec<bool> {
    let mut before: Option<(usize, bool)> = None;
    named
        .iter()
        .map(|name| {
            let (left, right) = (folded.get(..name.start), folded.get(name.end..));
            let gap = before.and_then(|(end, origin)| Some((folded.get(end..name.start)?, origin)));
            let goes_on = gap.is_some_and(|(gap, origin)| origin && goes_on(gap));
            let origin = goes_on || is_origin(left.unwrap_or_default(), right.unwrap_or_default());
            before = Some((name.end, origin));
            origin
        })
        .collect()
}

fn first_countries<'a>(folded: &str, places: &Places, names: impl Iterator<Item = &'a Occurrence>) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    for name in names {
        let country = name.row.country;
        if found.len() < MOST_COUNTRIES && found.iter().all(|mention| mention.country != country) {
            let written = folded.get(name.start..name.end).unwrap_or_default();
            found.push(Mention { country, name: written.to_owned(), regions: Vec::new() });
        }
        let mention = found.iter_mut().find(|mention| mention.country == country);
        if let (Some(mention), Some(region)) = (mention, places.region(name.row))
            && !mention.regions.iter().any(|known| known == region)
        {
            mention.regions.push(region.to_owned());
        }
    }
    found
}
