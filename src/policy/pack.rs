//! One country's pack: its head, its norms and their cases.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::sync::Arc;

use crate::domain::{Action, Country, Language, Norm, Strength};

use super::case::{self, Case};
use super::floor::{Floor, format_one, read_actions};
use super::norm::{self, Head};
use super::phrases::Phrases;
use super::sheet::{Sheet, Table, Value};
use super::terms::{Entry, Origin, Terms};

pub(super) const KEYS: [&str; 8] = ["format", "country", "name", "languages", "names", "actions", "threshold", "norm"];

/// One country's norms.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// The country.
    pub country: Country,
    /// Its name in English, as the pack writes it.
    pub name: String,
    /// The languages besides English in which every text is written.
    pub languages: Vec<Language>,
    /// Words beside the country's and its cities' names that place a question there.
    pub names: Vec<String>,
    /// The norms, in the order of the file.
    pub norms: Vec<Arc<Norm>>,
    /// The norms' own test cases, in the order of the file.
    pub cases: Vec<Case>,
    /// The norms' terms, in their order.
    terms: Vec<Terms>,
}

impl Pack {
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.norms.iter().zip(&self.terms).map(|(norm, terms)| Entry::new(Arc::clone(norm), terms.clone()))
    }
}

/// What stands above every pack.
pub(super) struct Above<'f> {
    pub(super) floor: &'f Floor,
    /// `None` where they could not be read.
    pub(super) phrases: Option<&'f Phrases>,
}

/// Reads `<CC>.toml`, whose name says `country`; `None` where something in the head was wrong. A norm in which something was wrong is left out: the
/// sheet's problems tell.
pub(super) fn read(sheet: &Sheet<'_>, country: Country, above: &Above<'_>) -> Option<Pack> {
    let parsed = sheet.parse()?;
    let root = Table::root(sheet, &parsed).only(&KEYS);
    let format = format_one(&root);
    if let Some(value) = root.need("country") {
        check_country(&value, country);
    }
    let name = root.need("name").and_then(|value| value.text().map(str::to_owned));
    let languages = root.need("languages").and_then(|value| read_languages(&value, above.phrases));
    let names = root.may("names").map(|value| value.texts()).unwrap_or_default();
    let actions = root.may("actions").and_then(|value| read_actions_above(&value, above.floor)).unwrap_or_default();
    let threshold = root.may("threshold").and_then(|value| norm::read_threshold(&value));
    let languages_of_texts = languages.clone().unwrap_or_default();
    let floor = above.floor;
    let head = Head { country, languages: languages_of_texts, actions, threshold, floor, by: Origin::Pack };
    let tables = root.need("norm").and_then(|value| value.some_tables("a pack has at least one norm"));
    let body = read_body(&tables.unwrap_or_default(), &head, sheet);
    format?;
    let (name, languages) = (name?, languages?);
    let Body { norms, terms, cases } = body;
    Some(Pack { country, name, languages, names, norms, cases, terms })
}

#[derive(Default)]
pub(super) struct Body {
    pub(super) norms: Vec<Arc<Norm>>,
    /// The norms' terms, in the same order.
    pub(super) terms: Vec<Terms>,
    pub(super) cases: Vec<Case>,
}

/// Reads norms and their cases. A norm in which something was wrong is left out: the sheet's problems tell.
pub(super) fn read_body(tables: &[Table<'_>], head: &Head<'_>, sheet: &Sheet<'_>) -> Body {
    let mut body = Body::default();
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut said: Vec<(usize, BTreeSet<String>)> = Vec::new();
    for table in tables {
        let read = norm::read(table, head);
        let id = read.as_ref().map(|(norm, _)| &norm.id);
        body.cases.extend(case::read(table, id, head.country, sheet.path()));
        tell_twice(table, &mut lines);
        if let Some((norm, terms)) = read {
            let says = words(norm.says.english());
            if let Some((line, _)) = said.iter().find(|(_, other)| alike(&says, other)) {
                table.warn(format!(
                    "this says nearly the same as the norm on line {line}: join the two, or tell them apart"
                ));
            }
            said.push((table.line(), says));
            body.norms.push(Arc::new(norm));
            body.terms.push(terms);
        }
    }
    body
}

/// The words of an English text that carry meaning, more or less: those of four letters and more.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.chars().count() > 3);
    words.map(str::to_lowercase).collect()
}

/// Whether two texts share nearly all of their words (Jaccard index of 0.8 or more).
pub(super) fn alike(one: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
    let (shared, all) = (one.intersection(other).count(), one.union(other).count());
    all > 0 && shared * 5 >= all * 4
}

/// Tells an id that an earlier norm of the pack has, too.
fn tell_twice(table: &Table<'_>, lines: &mut BTreeMap<String, usize>) {
    let Some(value) = table.may("id") else { return };
    let Some(id) = value.as_str() else { return };
    match lines.entry(id.to_owned()) {
        btree_map::Entry::Occupied(first) => {
            value.error(format!("line {} has this id, too: give each norm its own", first.get()));
        }
        btree_map::Entry::Vacant(free) => drop(free.insert(value.line())),
    }
}

fn check_country(value: &Value<'_>, named: Country) {
    let Some(country) = value.word::<Country>() else { return };
    if country != named {
        value.error(format!("the file is named {named}.toml and speaks of {country}: make the two agree"));
    }
}

fn read_languages(value: &Value<'_>, phrases: Option<&Phrases>) -> Option<Vec<Language>> {
    let mut languages = Vec::new();
    for item in value.list()? {
        let language: Language = item.word()?;
        if languages.contains(&language) {
            item.error(format!("`{language}` is named twice: take one out"));
        }
        if phrases.is_some_and(|phrases| !phrases.speak(language)) {
            item.warn(format!(
                "phrases.toml has no [{language}], so corrections and refusals begin in English: add it"
            ));
        }
        languages.push(language);
    }
    if languages.is_empty() {
        value.error("this list is empty: name the languages that people in the country read");
    }
    Some(languages)
}

/// The actions of a pack or an overlay, each at least as strict as the floor's and none of a locked strength.
pub(super) fn read_actions_above(value: &Value<'_>, floor: &Floor) -> Option<BTreeMap<Strength, Action>> {
    let table = value.table()?;
    let actions = read_actions(&table, false)?;
    for (strength, action) in &actions {
        let Some(value) = table.may(strength.word()) else { continue };
        let least = floor.action(*strength);
        if floor.locks.contains(strength) {
            value.error_at_key(format!("the floor locks {strength} norms at `{least}`: take this line out"));
        } else if *action < least {
            value.error(format!("`{action}` is milder than the floor's `{least}`: use that or a stricter one"));
        }
    }
    Some(actions)
}
