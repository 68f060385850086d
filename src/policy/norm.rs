//! Reading one `[[norm]]` of a pack.

use std::collections::BTreeMap;

use crate::domain::{Action, Country, Language, Layer, Layers, Norm, NormId, Source, Strength, Texts};

use super::floor::{Floor, action_of_a_norm};
use super::sheet::{Table, Value};
use super::terms::{Origin, Scope, Terms, Threshold};

/// The most characters of one text. It goes into requests and is read by people: a norm is said in a sentence or two.
pub(super) const MOST_TEXT: usize = 600;

/// The most words of a `see` cue: it is compared with a labeller's names for things.
pub(super) const MOST_CUE_WORDS: usize = 3;

/// The keys of a norm; `country` belongs to one that an overlay adds.
pub(super) const KEYS: [&str; 17] = [
    "country",
    "id",
    "domain",
    "strength",
    "says",
    "why",
    "instead",
    "see",
    "asks",
    "answers",
    "regions",
    "among",
    "action",
    "threshold",
    "lock",
    "sources",
    "case",
];

/// What a norm is read against: its pack's head and the floor.
#[derive(Debug)]
pub(super) struct Head<'f> {
    pub(super) country: Country,
    /// The languages besides English that every text must have.
    pub(super) languages: Vec<Language>,
    /// The pack's own actions.
    pub(super) actions: BTreeMap<Strength, Action>,
    /// The pack's own threshold.
    pub(super) threshold: Option<f32>,
    pub(super) floor: &'f Floor,
    /// The layer that holds the norm.
    pub(super) by: Origin,
}

impl<'f> Head<'f> {
    /// The head of a norm that an overlay adds.
    pub(super) fn of_overlay(country: Country, languages: Vec<Language>, by: Origin, floor: &'f Floor) -> Self {
        Self { country, languages, actions: BTreeMap::new(), threshold: None, floor, by }
    }
}

/// The layers under which a norm of `by` is in force.
pub(super) fn layers_of(by: &Origin) -> Layers {
    let Origin::Overlay(layer, name) = by else { return Layers::default() };
    let name = name.to_string();
    match layer {
        Layer::Region => Layers { regions: vec![name], ..Layers::default() },
        Layer::Group => Layers { groups: vec![name], ..Layers::default() },
        Layer::Tenant => Layers { tenant: Some(name), ..Layers::default() },
    }
}

/// Thresholds below, or above, leave the models nothing to decide.
pub(super) const LEAST_THRESHOLD: f32 = 0.01;
pub(super) const MOST_THRESHOLD: f32 = 0.99;

/// Cues that fit most pictures, and so say nothing about any.
const VAGUE: [&str; 24] = [
    "thing", "object", "item", "product", "stuff", "person", "people", "human", "man", "woman", "child", "food",
    "drink", "dish", "clothes", "clothing", "animal", "building", "room", "place", "scene", "photo", "picture", "text",
];

/// Reads a norm; `None` where something in it was wrong.
pub(super) fn read(table: &Table<'_>, head: &Head<'_>) -> Option<(Norm, Terms)> {
    let table = table.clone().only(if head.by == Origin::Pack { KEYS.get(1..).unwrap_or_default() } else { &KEYS });
    let id = table.need("id").and_then(|value| read_id(&value, head.country));
    let domain = table.need("domain").and_then(|value| value.word());
    let strength: Option<Strength> = table.need("strength").and_then(|value| value.word());
    let [says, why, instead] = ["says", "why", "instead"].map(|key| read_texts(&table, key, &head.languages));
    let see = table.may("see").map_or(Some(Vec::new()), |value| read_cues(&value));
    let asks = some(&table, "asks", "say what a breach looks like in a question");
    let answers = some(&table, "answers", "say what a breach looks like in an answer");
    let regions = table.may("regions").map(|value| value.texts()).unwrap_or_default();
    let among = table.may("among").map(|value| value.text().map(str::to_owned));
    let own = table.may("action");
    let action = strength.and_then(|strength| choose_action(strength, own.as_ref(), head));
    let threshold = table.may("threshold").map(|value| read_threshold(&value));
    let lock = table.may("lock").map_or(Some(false), |value| value.flag());
    let sources = read_sources(&table);
    let (action, action_by) = action?;
    let threshold = threshold.map_or(Some(head.threshold), |own| own.map(Some))?;
    let terms = Terms {
        action,
        action_by,
        threshold: threshold.map(|threshold| Threshold::stated(threshold, head.by.clone())),
        lock: lock?.then(|| head.by.clone()),
    };
    let norm = Norm {
        id: id?,
        domain: domain?,
        strength: strength?,
        says: says?,
        why: why?,
        instead: instead?,
        see: see?,
        asks: asks?,
        answers: answers?,
        regions,
        among: among.map_or(Some(None), |among| among.map(Some))?,
        sources: sources?,
    };
    Some((norm, terms))
}

/// An id within a country's pack.
pub(super) fn read_id(value: &Value<'_>, country: Country) -> Option<NormId> {
    NormId::new(country, value.text()?).map_err(|error| value.error(error)).ok()
}

/// A threshold that something can reach, and something can miss.
pub(super) fn read_threshold(value: &Value<'_>) -> Option<f32> {
    let threshold = value.probability()?;
    if threshold < LEAST_THRESHOLD {
        value.error(format!("every question reaches this threshold: use {LEAST_THRESHOLD} to {MOST_THRESHOLD}"));
    } else if threshold > MOST_THRESHOLD {
        value.error(format!(
            "no probability of the models reaches this threshold: use {LEAST_THRESHOLD} to {MOST_THRESHOLD}, or `off = true` in an overlay"
        ));
    }
    Some(threshold)
}

fn some(table: &Table<'_>, key: &str, why: &str) -> Option<Vec<String>> {
    table.need(key)?.some_texts(why)
}

/// A text in English and in each of `languages`, and in any others.
fn read_texts(table: &Table<'_>, key: &str, languages: &[Language]) -> Option<Texts> {
    let value = table.need(key)?;
    let mut texts = texts_by_language(&value)?;
    for language in [Language::ENGLISH].iter().chain(languages).filter(|language| !texts.contains_key(language)) {
        value.error_at_key(format!("`{key}.{language}` is missing: write this text in that language, too"));
    }
    let english = texts.remove(&Language::ENGLISH)??;
    let others = texts.into_iter().filter_map(|(language, text)| Some((language, text?.into()))).collect();
    Some(Texts::new(english, others))
}

/// A text in some languages, those that could be read.
pub(super) fn read_some_texts(value: &Value<'_>) -> Option<BTreeMap<Language, Box<str>>> {
    let texts = texts_by_language(value)?;
    Some(texts.into_iter().filter_map(|(language, text)| Some((language, text?.into()))).collect())
}

fn texts_by_language<'s>(value: &Value<'s>) -> Option<BTreeMap<Language, Option<&'s str>>> {
    let mut texts = BTreeMap::new();
    for (name, text) in value.table()?.entries() {
        let language = text.language_of_key(name);
        texts.extend(language.map(|language| (language, read_text(&text))));
    }
    Some(texts)
}

fn read_text<'s>(value: &Value<'s>) -> Option<&'s str> {
    let text = value.text()?;
    let length = text.chars().count();
    if length > MOST_TEXT {
        value.error(format!("this text has {length} characters: say it in a sentence or two, at most {MOST_TEXT}"));
        return None;
    }
    Some(text)
}

pub(super) fn read_cues(value: &Value<'_>) -> Option<Vec<String>> {
    let mut cues = Vec::new();
    for item in value.list()? {
        let Some(cue) = item.text() else { continue };
        let words = cue.split_whitespace().count();
        if words > MOST_CUE_WORDS {
            item.error(format!(
                "`{cue}` has {words} words: name the thing as a picture labeller would, in {MOST_CUE_WORDS} words at most"
            ));
        }
        if VAGUE.contains(&cue.to_lowercase().trim_end_matches('s')) || VAGUE.contains(&cue.to_lowercase().as_str()) {
            item.error(format!("`{cue}` fits almost every picture: name the very things that a breach shows"));
        }
        cues.push(cue.to_owned());
    }
    Some(cues)
}

fn read_sources(table: &Table<'_>) -> Option<Vec<Source>> {
    let tables = table.need("sources")?.some_tables("name at least one work that says so")?;
    let source = |table: Table<'_>| {
        let table = table.only(&["title", "publisher"]);
        let [title, publisher] =
            ["title", "publisher"].map(|key| table.need(key).and_then(|value| value.text().map(str::to_owned)));
        Some(Source { title: title?, publisher: publisher? })
    };
    Some(tables.into_iter().filter_map(source).collect())
}

/// The action of a norm and the rule that chose it: its own, else its pack's, else the floor's; a lock stands above all.
fn choose_action(strength: Strength, own: Option<&Value<'_>>, head: &Head<'_>) -> Option<(Action, (Origin, Scope))> {
    let floor = head.floor.action(strength);
    if head.floor.locks.contains(&strength) {
        if let Some(own) = own {
            own.error_at_key(format!("the floor locks {strength} norms at `{floor}`: take this line out"));
        }
        return Some((floor, (Origin::Floor, Scope::Locked)));
    }
    let Some(own) = own else {
        let pack = head.actions.get(&strength).map(|action| (*action, (Origin::Pack, Scope::Strength)));
        return pack.or(Some((floor, (Origin::Floor, Scope::Strength))));
    };
    let action = action_of_a_norm(own)?;
    if action < floor {
        own.error(format!(
            "`{action}` is milder than the floor's `{floor}` for {strength} norms: use that or a stricter one"
        ));
    }
    Some((action, (head.by.clone(), Scope::Norm)))
}
