//! The list of place names, as one automaton.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::fold::fold_into;
use crate::domain::Country;

/// Names of countries, cities, regions, landmarks, and adjectives: name, country and kind, tab-separated.
const GAZETTEER: &str = include_str!("places.tsv");

/// Built at the first call of [`Places::embedded`], shared afterwards: a reload of the packs does not build it again.
static EMBEDDED: LazyLock<Arc<Index>> = LazyLock::new(|| Arc::new(Index::new(rows(GAZETTEER))));

/// Place names and the countries they lead to.
#[derive(Clone)]
pub struct Places {
    /// The embedded list.
    gazetteer: Arc<Index>,
    /// The names that were added.
    added: Arc<Index>,
    /// What `added` was built from, so that more can be added.
    names: Vec<AddedName>,
}

/// A name that is added to the embedded ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedName {
    /// The country that it leads to.
    pub country: Country,
    /// The name.
    pub name: String,
    /// The overlay for a part of the country that it puts in force.
    pub region: Option<String>,
}

impl Places {
    /// The names that come with Comity.
    #[must_use]
    pub fn embedded() -> Self {
        Self::over(Arc::clone(&EMBEDDED))
    }

    fn over(gazetteer: Arc<Index>) -> Self {
        Self { gazetteer, added: Arc::new(Index::new(std::iter::empty())), names: Vec::new() }
    }

    /// Adds names, such as those of the packs. Where a text could mean an added or an embedded name, the added one is meant;
    /// a name that was added for several countries means them all.
    #[must_use]
    pub fn with_names(self, names: impl Iterator<Item = AddedName>) -> Self {
        let names: Vec<_> = self.names.into_iter().chain(names).collect();
        let rows = names.iter().enumerate().map(|(at, added)| {
            let added_as = u32::try_from(at).ok().filter(|_| added.region.is_some());
            (added.name.as_str(), Row { country: added.country, kind: Kind::Added, added_as })
        });
        Self { gazetteer: self.gazetteer, added: Arc::new(Index::new(rows)), names }
    }

    /// The part of a country that an added name names.
    pub(super) fn region(&self, row: Row) -> Option<&str> {
        self.names.get(usize::try_from(row.added_as?).ok()?)?.region.as_deref()
    }

    /// Every occurrence of a name in a folded text, whether or not it stands there as a word.
    pub(super) fn occurrences<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = Occurrence> + 'a {
        self.added.occurrences(folded).chain(self.gazetteer.occurrences(folded))
    }
}

#[cfg(test)]
impl Places {
    /// A list of its own, in the form of the embedded one.
    pub(super) fn of(list: &'static str) -> Self {
        Self::over(Arc::new(Index::new(rows(list))))
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gazetteer, added) = (self.gazetteer.entries.len(), self.added.entries.len());
        f.debug_struct("Places").field("gazetteer", &gazetteer).field("added", &added).finish_non_exhaustive()
    }
}

/// What a name names. The order is the order in which one of two equal names is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Added by a pack.
    Added,
    Country,
    City,
    Region,
    Landmark,
    /// `thai`, `chinese`: weaker than any place.
    Adjective,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        match word {
            "country" => Some(Self::Country),
            "city" => Some(Self::City),
            "region" => Some(Self::Region),
            "landmark" => Some(Self::Landmark),
            "adjective" => Some(Self::Adjective),
            _ => None,
        }
    }
}

/// Where a name leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// The country.
    pub(super) country: Country,
    /// What the name names.
    pub(super) kind: Kind,
    /// Where an added name that names a part of the country stands among the added ones.
    pub(super) added_as: Option<u32>,
}

/// A name found in a text, by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) row: Row,
}

/// The longest beginning of a name that the automaton knows, in bytes.
/// An automaton over whole names would have several times the states and take several times as long to build; what stands
/// behind the beginning is compared name by name, seldom more than two.
const HEAD: usize = 6;

/// Folded names, their rows, and an automaton over the names' beginnings.
struct Index {
    /// `None` only where the names are too many for 32-bit states (gigabytes of them): then no name is known.
    automaton: Option<AhoCorasick>,
    /// For each pattern of the automaton, the names that begin so: a range of `entries`.
    heads: Vec<Range<usize>>,
    /// The names with their rows, sorted by name.
    entries: Vec<(Range<usize>, Row)>,
    /// The text of the names, by the ranges of `entries`.
    names: String,
}

impl Index {
    fn new<'a>(rows: impl Iterator<Item = (&'a str, Row)>) -> Self {
        let (mut names, mut entries) = (String::new(), Vec::new());
        for (name, row) in rows {
            if let Some(range) = push_name(name, &mut names) {
                let joined = push_joined_article(range.clone(), &mut names);
                entries.extend(joined.into_iter().chain([range]).map(|range| (range, row)));
            }
        }
        let name_at = |range: &Range<usize>| names.get(range.clone()).unwrap_or_default();
        entries.sort_unstable_by(|(one, a), (other, b)| (name_at(one), a.kind).cmp(&(name_at(other), b.kind)));
        let (mut patterns, mut heads): (Vec<&str>, Vec<Range<usize>>) = (Vec::new(), Vec::new());
        for (at, (range, _)) in entries.iter().enumerate() {
            let name = name_at(range);
            let head = name.get(..name.floor_char_boundary(HEAD)).unwrap_or(name);
            match heads.last_mut().filter(|_| patterns.last() == Some(&head)) {
                Some(same) => same.end = at + 1,
                None => (patterns.push(head), heads.push(at..at + 1)).1,
            }
        }
        // Matches are filtered by where they stand before the longest is chosen, so all of them are wanted: the standard
        // match kind. Without a prefilter, which could only slow a search for this many names.
        let mut builder = AhoCorasick::builder();
        let automaton = builder.kind(Some(AhoCorasickKind::ContiguousNFA)).prefilter(false).build(patterns).ok();
        Self { automaton, heads, entries, names }
    }

    fn occurrences<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = Occurrence> + 'a {
        let automaton = self.automaton.iter();
        let heads = automaton.filter_map(move |automaton| automaton.try_find_overlapping_iter(folded).ok()).flatten();
        heads.flat_map(move |head| {
            let start = head.start();
            let rest = folded.get(start..).unwrap_or_default();
            let named = self.heads.get(head.pattern().as_usize()).and_then(|range| self.entries.get(range.clone()));
            named.unwrap_or_default().iter().filter_map(move |(range, row)| {
                let name = self.names.get(range.clone())?;
                rest.starts_with(name).then(|| Occurrence { start, end: start + name.len(), row: *row })
            })
        })
    }
}

/// Appends a folded name and tells where it stands. A name without a letter or digit is none.
fn push_name(name: &str, names: &mut String) -> Option<Range<usize>> {
    let start = names.len();
    fold_into(name.trim(), names);
    let range = start..names.len();
    names.get(range.clone()).is_some_and(|folded| folded.contains(char::is_alphanumeric)).then_some(range)
}

/// Appends the Arabic article as it is joined with "for": `اليابان` is written `لليابان`.
fn push_joined_article(name: Range<usize>, names: &mut String) -> Option<Range<usize>> {
    let rest = names.get(name)?.strip_prefix("ال")?.to_owned();
    let start = names.len();
    names.push_str("لل");
    names.push_str(&rest);
    Some(start..names.len())
}

/// The rows of a list. Lines of comment and lines of another form are left out; a test sees that the embedded list has none.
fn rows<'a>(list: &'a str) -> impl Iterator<Item = (&'a str, Row)> {
    let mut countries: HashMap<&'a str, Option<Country>> = HashMap::new();
    list.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        let mut cells = line.split('\t');
        let (name, code, kind) = (cells.next()?, cells.next()?, Kind::of(cells.next()?)?);
        let country = (*countries.entry(code).or_insert_with(|| code.parse().ok()))?;
        Some((name, Row { country, kind, added_as: None }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_shared<T: fmt::Debug + Send + Sync>(_: &T) {}

    #[test]
    fn places_can_be_shared_and_shown() {
        let places = Places::embedded();
        assert_shared(&places);
        assert!(format!("{places:?}").starts_with("Places { gazetteer: "), "{places:?}");
    }

    #[test]
    fn every_line_of_the_embedded_list_is_read() {
        // Kosovo's XK is a user-assigned code, not one that ISO 3166 assigned: a country cannot hold it.
        let is_row = |line: &&str| !line.starts_with('#') && !line.contains("\tXK\t");
        let written = GAZETTEER.lines().filter(is_row).count();
        assert!(written > 0 && written <= 60_000, "{written}");
        assert_eq!(rows(GAZETTEER).count(), written);
        assert!(EMBEDDED.entries.len() >= written, "{} of {written} names are usable", EMBEDDED.entries.len());
    }

    #[test]
    fn the_embedded_list_takes_less_than_25_megabytes() {
        let automaton = EMBEDDED.automaton.as_ref().unwrap();
        let bytes = automaton.memory_usage()
            + EMBEDDED.entries.capacity() * size_of::<(Range<usize>, Row)>()
            + EMBEDDED.heads.capacity() * size_of::<Range<usize>>()
            + EMBEDDED.names.capacity();
        assert!(bytes < 25_000_000, "{bytes}");
    }

    #[test]
    fn rows_of_another_form_are_left_out() {
        let list = "# x\tJP\tcountry\n\njapan\tJP\tcountry\nnowhere\tXX\tcity\nodd\tJP\tvillage\nshort\tJP\n";
        let read: Vec<_> = rows(list).map(|(name, row)| (name, row.country.code().to_owned(), row.kind)).collect();
        assert_eq!(read, [("japan", "JP".to_owned(), Kind::Country)]);
    }

    #[test]
    fn names_without_a_letter_are_none() {
        let places = Places::of("").with_names(
            ["", "  ", "-", "\u{200b}"]
                .map(|name| AddedName { country: "JP".parse().unwrap(), name: name.into(), region: None })
                .into_iter(),
        );
        assert_eq!(places.occurrences("a - b").count(), 0);
    }
}
