//! What holds in every country.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Action, Fallback, StreamGuard, Strength};

use super::sheet::{Sheet, Table, Value, one_of};

/// The actions that a norm may have; [`Action::Pass`] is no action of a norm.
pub(super) const OF_A_NORM: [Action; 4] = [Action::Observe, Action::Educate, Action::Rewrite, Action::Decline];

/// What holds in every country, whatever a pack says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floor {
    /// What is done about a norm of each strength that names no action of its own. A pack may be stricter, never milder.
    pub actions: BTreeMap<Strength, Action>,
    /// The strengths whose action no layer changes.
    pub locks: BTreeSet<Strength>,
    /// Whether a request may only tighten what holds for it.
    pub requests_tighten: bool,
    /// What is done when the models cannot say: [`Action::Pass`] or [`Action::Decline`].
    pub when_unknown: Action,
    /// Whether a piece of an answer that cannot be checked is withheld; otherwise it is shown and recorded as unverified.
    pub withhold_unchecked: bool,
    /// How an answer that streams is held while it is checked.
    pub stream: StreamGuard,
    /// The most text, in bytes, that [`StreamGuard::Hold`] keeps back.
    pub most_held: usize,
    /// How often a repaired answer is asked for.
    pub repair_tries: u32,
    /// Seconds that all repairs together may take.
    pub repair_seconds: u32,
    /// What happens when no repair holds.
    pub fallback: Fallback,
}

impl Floor {
    /// The floor's action for a strength.
    #[must_use]
    pub fn action(&self, strength: Strength) -> Action {
        self.actions.get(&strength).copied().unwrap_or(Action::Educate)
    }

    /// Reads `floor.toml`; `None` where something in it was wrong.
    pub(super) fn read(sheet: &Sheet<'_>) -> Option<Self> {
        let parsed = sheet.parse()?;
        let root = Table::root(sheet, &parsed);
        let root = root.only(&["format", "actions", "locks", "when_unknown", "when_unchecked", "stream", "repair"]);
        let format = format_one(&root);
        let actions = section(&root, "actions").map(|table| read_actions(&table, true));
        let locks = section(&root, "locks").map(|table| table.only(&["strengths", "requests"]));
        let requests_tighten = locks.as_ref().map_or(Some(false), read_requests);
        let locks = locks.and_then(|table| read_locks(&table));
        let when_unknown = section(&root, "when_unknown").and_then(|table| {
            choice(&table.only(&["action"]), "action", &[("pass", Action::Pass), ("decline", Action::Decline)])
        });
        let withhold_unchecked = section(&root, "when_unchecked")
            .and_then(|table| choice(&table.only(&["action"]), "action", &[("show", false), ("withhold", true)]));
        let stream = section(&root, "stream").map(|table| read_stream(&table.only(&["guard", "most_held_kib"])));
        let repair = section(&root, "repair").map(|table| table.only(&["tries", "seconds", "fallback"]));
        let number = |key, most| repair.as_ref().and_then(|table| table.need(key)?.whole(0..=most));
        let (repair_tries, repair_seconds) = (number("tries", 5), number("seconds", 600));
        let fallback = repair.as_ref().and_then(|table| table.need("fallback")?.word());
        format?;
        let (stream, most_held) = stream?;
        Some(Self {
            actions: actions??,
            locks: locks?,
            requests_tighten: requests_tighten?,
            when_unknown: when_unknown?,
            withhold_unchecked: withhold_unchecked?,
            stream: stream?,
            most_held: most_held?,
            repair_tries: repair_tries?,
            repair_seconds: repair_seconds?,
            fallback: fallback?,
        })
    }
}

/// `format = 1`: the one that there is.
pub(super) fn format_one(root: &Table<'_>) -> Option<()> {
    root.need("format")?.whole(1..=1).map(drop)
}

fn section<'s>(root: &Table<'s>, key: &str) -> Option<Table<'s>> {
    root.need(key)?.table()
}

/// An action that a norm may have.
pub(super) fn action_of_a_norm(value: &Value<'_>) -> Option<Action> {
    let text = value.text()?;
    let action = OF_A_NORM.into_iter().find(|action| action.word() == text);
    if action.is_none() {
        value.error(format!("`{text}` is no action of a norm: use {}", one_of(&OF_A_NORM.map(Action::word))));
    }
    action
}

/// An action for each strength; `all` of them, or those that are named.
pub(super) fn read_actions(table: &Table<'_>, all: bool) -> Option<BTreeMap<Strength, Action>> {
    let words: Vec<&str> = Strength::ALL.iter().map(|strength| strength.word()).collect();
    let table = table.clone().only(&words);
    let mut actions = BTreeMap::new();
    let mut sound = true;
    for strength in Strength::ALL {
        let value = if all { table.need(strength.word()) } else { table.may(strength.word()) };
        let action = value.as_ref().and_then(action_of_a_norm);
        sound &= action.is_some() || (value.is_none() && !all);
        actions.extend(action.map(|action| (*strength, action)));
    }
    sound.then_some(actions)
}

fn read_locks(table: &Table<'_>) -> Option<BTreeSet<Strength>> {
    table.need("strengths")?.list()?.iter().map(Value::word).collect()
}

fn read_stream(table: &Table<'_>) -> (Option<StreamGuard>, Option<usize>) {
    let guard = table.need("guard").and_then(|value| value.word());
    let kib = table.need("most_held_kib").and_then(|value| value.whole(1..=16 * 1024));
    (guard, kib.and_then(|kib| usize::try_from(kib).ok()?.checked_mul(1024)))
}

/// What requests may do: everything that is open where nothing is said.
fn read_requests(table: &Table<'_>) -> Option<bool> {
    if table.may("requests").is_none() {
        return Some(false);
    }
    choice(table, "requests", &[("open", false), ("tighten", true)])
}

/// One of a few words that stand for something.
fn choice<T: Copy>(table: &Table<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
    let value = table.need(key)?;
    let text = value.text()?;
    let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    if chosen.is_none() {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        value.error(format!("`{text}` is not known here: use {}", one_of(&words)));
    }
    chosen
}
