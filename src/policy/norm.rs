//! Reading one `[[norm]]` of a pack.

use std::collections::BTreeMap;

use crate::domain::{Action, Country, Language, Norm, NormId, Source, Strength, Texts};

use super::floor::{Floor, action_of_a_norm};
use super::sheet::{Table, Value};

/// The most characters of one text. It goes into requests and is read by people: a norm is said in a sentence or two.
const MOST_TEXT: usize = 600;

/// The most words of a `see` cue: it is compared with a labeller's names for things.
const MOST_CUE_WORDS: usize = 3;

const KEYS: [&str; 15] = [
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
    "sources",
    "case",
];

/// Which rule chose a norm's action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The norm's own `action`.
    Norm,
    /// The pack's `[actions]`.
    Pack,
    /// The floor's `[actions]`.
    Floor,
    /// The floor's `[locks]`.
    Lock,
}

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
}

/// Reads a norm; `None` where something in it was wrong.
pub(super) fn read(table: &Table<'_>, head: &Head<'_>) -> Option<(Norm, Rule)> {
    let table = table.clone().only(&KEYS);
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
    let threshold = table.may("threshold").map(|value| value.probability());
    let sources = read_sources(&table);
    let (action, rule) = action?;
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
        action,
        threshold: threshold.map_or(Some(head.threshold), |own| own.map(Some))?,
        sources: sources?,
    };
    Some((norm, rule))
}

/// An id within a country's pack.
pub(super) fn read_id(value: &Value<'_>, country: Country) -> Option<NormId> {
    NormId::new(country, value.text()?).map_err(|error| value.error(error)).ok()
}

fn some(table: &Table<'_>, key: &str, why: &str) -> Option<Vec<String>> {
    table.need(key)?.some_texts(why)
}

/// A text in English and in each of `languages`, and in any others.
fn read_texts(table: &Table<'_>, key: &str, languages: &[Language]) -> Option<Texts> {
    let value = table.need(key)?;
    let mut texts = BTreeMap::new();
    for (name, text) in value.table()?.entries() {
        let language = text.language_of_key(name);
        texts.extend(language.map(|language| (language, read_text(&text))));
    }
    for language in [Language::ENGLISH].iter().chain(languages).filter(|language| !texts.contains_key(language)) {
        value.error_at_key(format!("`{key}.{language}` is missing: write this text in that language, too"));
    }
    let english = texts.remove(&Language::ENGLISH)??;
    let others = texts.into_iter().filter_map(|(language, text)| Some((language, text?.into()))).collect();
    Some(Texts::new(english, others))
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

fn read_cues(value: &Value<'_>) -> Option<Vec<String>> {
    let mut cues = Vec::new();
    for item in value.list()? {
        let Some(cue) = item.text() else { continue };
        let words = cue.split_whitespace().count();
        if words > MOST_CUE_WORDS {
            item.error(format!(
                "`{cue}` has {words} words: name the thing as a picture labeller would, in {MOST_CUE_WORDS} words at most"
            ));
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
fn choose_action(strength: Strength, own: Option<&Value<'_>>, head: &Head<'_>) -> Option<(Action, Rule)> {
    let floor = head.floor.action(strength);
    if head.floor.locks.contains(&strength) {
        if let Some(own) = own {
            own.error_at_key(format!("the floor locks {strength} norms at `{floor}`: take this line out"));
        }
        return Some((floor, Rule::Lock));
    }
    let Some(own) = own else {
        let pack = head.actions.get(&strength).map(|action| (*action, Rule::Pack));
        return pack.or(Some((floor, Rule::Floor)));
    };
    let action = action_of_a_norm(own)?;
    if action < floor {
        own.error(format!(
            "`{action}` is milder than the floor's `{floor}` for {strength} norms: a pack may only be stricter"
        ));
    }
    Some((action, Rule::Norm))
}
