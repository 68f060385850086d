//! The cases of a norm: turns at which it is at stake, and near misses.

use std::collections::BTreeSet;

use crate::domain::{Country, Language, Layers, NormId};

use super::sheet::{Table, Value};

/// How many cases at stake, and how many that are not, a norm has at least.
pub(super) const LEAST_OF_A_KIND: usize = 2;

/// In how many languages a norm's cases are asked at least.
pub(super) const LEAST_LANGUAGES: usize = 2;

pub(super) const KEYS: [&str; 5] = ["query", "language", "picture", "country", "at_stake"];

/// A test case of a norm.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The norm.
    pub norm: NormId,
    /// What is asked.
    pub query: String,
    /// The query's language.
    pub language: Language,
    /// The country it is set in; `None`: the pack's.
    pub country: Option<Country>,
    /// What the photograph shows; empty: there is none.
    pub picture: Vec<String>,
    /// Whether the norm is at stake.
    pub at_stake: bool,
    /// The overlays under which it is asked.
    pub layers: Layers,
    /// The line on which the case begins, from 1.
    pub line: usize,
    /// The file as the caller named it.
    pub path: String,
}

/// What is counted over a norm's cases.
#[derive(Default)]
struct Count {
    at_stake: usize,
    not: usize,
    languages: BTreeSet<Language>,
    /// A case could not be read: what is missing may be what it was meant to be.
    unread: bool,
}

/// Reads the cases of the norm in `table`. Where the norm has no name (`None`) the cases are checked all the same, though not returned.
pub(super) fn read(table: &Table<'_>, norm: Option<&NormId>, pack: Country, path: &str) -> Vec<Case> {
    let Some(value) = table.may("case") else {
        table.error("this norm has no cases: add [[norm.case]] tables, at least two at stake and two that are not");
        return Vec::new();
    };
    let tables = value.some_tables("add at least two cases at stake and two that are not").unwrap_or_default();
    let mut count = Count { unread: tables.is_empty(), ..Count::default() };
    let cases = tables.into_iter().filter_map(|case| read_one(case, norm, pack, path, &mut count)).collect();
    tell_too_few(table, &count);
    cases
}

fn read_one(table: Table<'_>, norm: Option<&NormId>, pack: Country, path: &str, count: &mut Count) -> Option<Case> {
    let table = table.only(&KEYS);
    let query = table.need("query").and_then(|value| value.text().map(str::to_owned));
    let language: Option<Language> = table.need("language").and_then(|value| value.word());
    let picture = table.may("picture").map(|value| value.texts()).unwrap_or_default();
    let country = table.may("country").map(|value| value.word());
    let at_stake = table.need("at_stake").and_then(|value| value.flag());
    match (at_stake, language) {
        (Some(at_stake), Some(language)) => count.add(at_stake, language),
        (None, _) | (_, None) => count.unread = true,
    }
    let country: Option<Country> = country.map_or(Some(None), |country| country.map(Some))?;
    if let (Some(elsewhere), Some(true)) = (country.filter(|country| *country != pack), at_stake) {
        let message =
            format!("a norm of {pack} is in play in {pack} alone: a case in {elsewhere} is `at_stake = false`");
        table.may("at_stake").iter().for_each(|value: &Value<'_>| value.error(&message));
    }
    let (line, path) = (table.line(), path.to_owned());
    Some(Case {
        norm: norm?.clone(),
        query: query?,
        language: language?,
        country,
        picture,
        at_stake: at_stake?,
        layers: Layers::default(),
        line,
        path,
    })
}

impl Count {
    fn add(&mut self, at_stake: bool, language: Language) {
        *(if at_stake { &mut self.at_stake } else { &mut self.not }) += 1;
        self.languages.insert(language);
    }
}

fn tell_too_few(table: &Table<'_>, count: &Count) {
    if count.unread {
        return;
    }
    let Count { at_stake, not, languages, .. } = count;
    if *at_stake < LEAST_OF_A_KIND || *not < LEAST_OF_A_KIND {
        table.error(format!(
            "this norm has {at_stake} cases at stake and {not} that are not: write at least {LEAST_OF_A_KIND} of each"
        ));
    }
    if languages.len() < LEAST_LANGUAGES {
        table.error(format!("the cases of this norm are all in one language: ask in at least {LEAST_LANGUAGES}"));
    }
}
