//! Overlays: what holds in a part of a country, for a group or for a tenant, on top of the packs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{Action, Country, Language, Layer, Norm, NormId, Strength, Wish};

use super::case::Case;
use super::floor::{Floor, action_of_a_norm, format_one};
use super::norm::{self, Head};
use super::pack::{self, Pack, read_actions_above};
use super::sheet::{Sheet, Table, Value};
use super::terms::{Entry, Origin, Refusal, Scope, Terms};

pub(super) const KEYS: [&str; 8] = ["format", "layer", "country", "names", "actions", "threshold", "change", "norm"];

pub(super) const CHANGE_KEYS: [&str; 11] =
    ["norm", "action", "threshold", "off", "lock", "says", "why", "instead", "see", "asks", "answers"];

/// One file of `overlays/`.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// Its kind.
    pub layer: Layer,
    /// Its name, which is that of its file.
    pub name: Arc<str>,
    /// The country to which it belongs; always there for a region. `None`: it speaks about all countries.
    pub country: Option<Country>,
    /// Words that put a region in force where the newest text, or an earlier one, names them.
    pub names: Vec<String>,
    /// The test cases of the norms that it adds.
    pub cases: Vec<Case>,
    actions: BTreeMap<Strength, Action>,
    threshold: Option<f32>,
    pub(super) changes: BTreeMap<NormId, Change>,
    norms: Vec<Arc<Norm>>,
    terms: Vec<Terms>,
}

/// What an overlay changes about a norm of a pack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) wish: Wish,
    pub(super) lock: bool,
    /// The line on which it begins.
    pub(super) line: usize,
    wording: Option<Wording>,
    /// The pack's norm, and the same in the overlay's words.
    reworded: Option<(Arc<Norm>, Arc<Norm>)>,
}

/// Texts that stand in place of the pack's.
#[derive(Debug, Clone, PartialEq, Default)]
struct Wording {
    /// `says`, `why`, `instead`, as far as they are worded anew.
    texts: [BTreeMap<Language, Box<str>>; 3],
    see: Option<Vec<String>>,
    asks: Option<Vec<String>>,
    answers: Option<Vec<String>>,
}

impl Overlay {
    /// The norms in words of the overlay's own: those that it adds, and those that it words anew.
    pub fn norms(&self) -> impl Iterator<Item = &Arc<Norm>> + '_ {
        let reworded = self.changes.values().filter_map(|change| change.reworded.as_ref().map(|(_, norm)| norm));
        self.norms.iter().chain(reworded)
    }

    /// The norms for which two overlays of one layer wish different things, with the line in this one. Which of the two prevails depends on their names
    /// alone.
    pub(super) fn quarrels<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a NormId, usize)> + 'a {
        let elsewhere = self.country.zip(other.country).is_some_and(|(mine, theirs)| mine != theirs);
        let apart = self.layer == Layer::Tenant || self.layer != other.layer || elsewhere;
        let changes = self.changes.iter().filter(move |_| !apart);
        changes.filter_map(|(id, change)| {
            let theirs = other.changes.get(id)?;
            (change.wish != theirs.wish || change.wording != theirs.wording).then_some((id, change.line))
        })
    }

    /// How many norms it changes, and how many it adds.
    #[must_use]
    pub fn extent(&self) -> (usize, usize) {
        (self.changes.len(), self.norms.len())
    }

    pub(super) fn origin(&self) -> Origin {
        Origin::Overlay(self.layer, Arc::clone(&self.name))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.norms.iter().zip(&self.terms).map(|(norm, terms)| Entry::new(Arc::clone(norm), terms.clone()))
    }

    /// What it wishes for a norm as for all of its strength: as in a pack, an action that a norm states itself stands above that.
    pub(super) fn general(&self, entry: &Entry) -> Wish {
        let action = self.actions.get(&entry.norm.strength).copied();
        let action = action.filter(|_| entry.terms.action_by.1 != Scope::Norm);
        Wish { action, threshold: self.threshold, off: None }
    }
}

impl Change {
    /// Gives a norm the overlay's words, where an earlier layer did not lock it.
    pub(super) fn reword(&self, entry: &mut Entry) {
        let Some(wording) = self.wording.as_ref().filter(|_| entry.terms.lock.is_none()) else { return };
        entry.norm = match &self.reworded {
            Some((plain, reworded)) if Arc::ptr_eq(plain, &entry.norm) => Arc::clone(reworded),
            Some(_) | None => Arc::new(wording.of(&entry.norm)),
        };
    }
}

impl Wording {
    fn of(&self, norm: &Norm) -> Norm {
        let [says, why, instead] = &self.texts;
        let list = |new: &Option<Vec<String>>, old: &Vec<String>| new.as_ref().unwrap_or(old).clone();
        Norm {
            says: norm.says.with(says),
            why: norm.why.with(why),
            instead: norm.instead.with(instead),
            see: list(&self.see, &norm.see),
            asks: list(&self.asks, &norm.asks),
            answers: list(&self.answers, &norm.answers),
            ..norm.clone()
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What stands below an overlay that is read.
pub(super) struct Below<'a> {
    pub(super) floor: &'a Floor,
    pub(super) packs: &'a BTreeMap<Country, Pack>,
    /// The norms that the overlays before it have added.
    pub(super) added: &'a BTreeMap<NormId, Entry>,
}

impl Below<'_> {
    /// A norm of a pack or of an overlay before.
    fn norm(&self, id: &NormId) -> Option<Entry> {
        let pack = self.packs.get(&id.country());
        let of_pack = pack.and_then(|pack| pack.entries().find(|entry| entry.id() == id));
        of_pack.or_else(|| self.added.get(id).cloned())
    }
}

/// The layer that an overlay belongs to, if its file says so: overlays are read in the order in which they speak.
pub(super) fn layer_of(text: &str) -> Option<Layer> {
    let parsed = toml::de::DeTable::parse(text).ok()?;
    parsed.get_ref().get("layer")?.get_ref().as_str()?.parse().ok()
}

/// Reads `overlays/<name>.toml`; `None` where something in its head was wrong.
pub(super) fn read(sheet: &Sheet<'_>, name: &str, below: &Below<'_>) -> Option<Overlay> {
    let parsed = sheet.parse()?;
    let root = Table::root(sheet, &parsed).only(&KEYS);
    let format = format_one(&root);
    let layer: Option<Layer> = root.need("layer").and_then(|value| value.word());
    let country = read_country(&root, layer, below);
    let names = read_names(&root, layer);
    let actions = root.may("actions").and_then(|value| read_actions_above(&value, below.floor)).unwrap_or_default();
    let threshold = root.may("threshold").and_then(|value| norm::read_threshold(&value));
    let by = Origin::Overlay(layer.unwrap_or(Layer::Group), name.into());
    let read = Reading { country, by: &by, below };
    let changes = read.changes(&root);
    let (norms, terms, cases) = read.norms(&root, sheet);
    if ["actions", "threshold", "change", "norm"].iter().all(|key| root.may(key).is_none()) {
        root.error("this overlay changes nothing: add [actions], a threshold, [[change]] or [[norm]]");
    }
    format?;
    let layer = layer?;
    Some(Overlay { layer, name: name.into(), country, names, cases, actions, threshold, changes, norms, terms })
}

/// The country, if one is named.
fn read_country(root: &Table<'_>, layer: Option<Layer>, below: &Below<'_>) -> Option<Country> {
    let Some(value) = root.may("country") else {
        if layer == Some(Layer::Region) {
            root.error("`country` is missing: say which country the region is a part of");
        }
        return None;
    };
    let country: Country = value.word()?;
    if !below.packs.contains_key(&country) {
        value.warn(format!("there is no pack for {country}, so only the norms that this overlay adds can be at stake"));
    }
    Some(country)
}

fn read_names(root: &Table<'_>, layer: Option<Layer>) -> Vec<String> {
    let Some(value) = root.may("names") else { return Vec::new() };
    if matches!(layer, Some(Layer::Group | Layer::Tenant)) {
        value.error_at_key("only a region is put in force by names in a text: take this line out");
    }
    value.texts()
}

/// An overlay's body under reading.
struct Reading<'a> {
    country: Option<Country>,
    by: &'a Origin,
    below: &'a Below<'a>,
}

impl Reading<'_> {
    fn changes(&self, root: &Table<'_>) -> BTreeMap<NormId, Change> {
        let tables = root.may("change").and_then(|value| value.some_tables("say what is changed, or take it out"));
        let mut changes = BTreeMap::new();
        for table in tables.unwrap_or_default() {
            let Some((id, change)) = self.change(table.clone()) else { continue };
            if changes.insert(id.clone(), change).is_some() {
                table.error(format!("{id} is changed twice: join the two"));
            }
        }
        changes
    }

    fn change(&self, table: Table<'_>) -> Option<(NormId, Change)> {
        let table = table.only(&CHANGE_KEYS);
        let value = table.need("norm")?;
        let id: NormId = value.word()?;
        let Some(entry) = self.below.norm(&id) else {
            value.error(format!("no pack and no layer before has a norm {id}: look it up in {}.toml", id.country()));
            return None;
        };
        if self.country.is_some_and(|country| country != id.country()) {
            value.error(format!("{id} is no norm of the overlay's country: take it out, or name no `country` above"));
        }
        let action = table.may("action").and_then(|value| action_of_a_norm(&value));
        let threshold = table.may("threshold").and_then(|value| norm::read_threshold(&value));
        let flag = |key| table.may(key).and_then(|value| value.flag());
        let (wish, lock) = (Wish { action, threshold, off: flag("off") }, flag("lock").unwrap_or(false));
        let wording = read_wording(&table);
        self.tell_vain(&table, &mut entry.clone(), &wish, lock, &wording);
        let wording = (!wording.is_empty()).then_some(wording);
        let reworded = wording.as_ref().map(|wording| {
            let plain = Arc::clone(&entry.norm);
            (Arc::clone(&plain), Arc::new(wording.of(&plain)))
        });
        Some((id, Change { wish, lock, line: table.line(), wording, reworded }))
    }

    /// Tells wishes that are refused, and changes that change nothing.
    fn tell_vain(&self, table: &Table<'_>, entry: &mut Entry, wish: &Wish, lock: bool, wording: &Wording) {
        let before = entry.clone();
        for refusal in entry.grant(wish, self.by, Scope::Norm, self.below.floor) {
            let key = match refusal {
                Refusal::Held(_) | Refusal::BelowFloor(_) => "action",
                Refusal::Locked(_) => {
                    ["off", "action", "threshold"].into_iter().find(|key| table.may(key).is_some()).unwrap_or("norm")
                }
            };
            table
                .may(key)
                .iter()
                .for_each(|value| value.error_at_key(format!("this is not open to change: {refusal}")));
        }
        if let Some(lock) = before.terms.lock.as_ref().filter(|_| !wording.is_empty()) {
            table.error(format!("the words of this norm are not open to change: {}", Refusal::Locked(lock.clone())));
        }
        let stated = before.terms.threshold.as_ref().map(|old| old.value.to_bits());
        let same = wish.action.is_none_or(|action| action == before.terms.action)
            && wish.threshold.is_none_or(|new| stated == Some(new.to_bits()));
        if same && wish.off.is_none() && !lock && wording.is_empty() {
            table.warn("this changes nothing: the norm stands so already");
        }
    }

    fn norms(&self, root: &Table<'_>, sheet: &Sheet<'_>) -> (Vec<Arc<Norm>>, Vec<Terms>, Vec<Case>) {
        let tables = root.may("norm").and_then(|value| value.some_tables("add one, or take this out"));
        let (mut norms, mut terms, mut cases) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen: BTreeSet<NormId> = self.below.added.keys().cloned().collect();
        for table in tables.unwrap_or_default() {
            let Some(country) = self.country_of(&table) else { continue };
            let pack = self.below.packs.get(&country);
            let languages = pack.map(|pack| pack.languages.clone()).unwrap_or_default();
            let head = Head::of_overlay(country, languages, self.by.clone(), self.below.floor);
            let mut body = pack::read_body(std::slice::from_ref(&table), &head, sheet);
            let known = |id: &NormId| pack.is_some_and(|pack| pack.norms.iter().any(|norm| norm.id == *id));
            for norm in &body.norms {
                let says = pack::words(norm.says.english());
                let mut of_pack = pack.iter().flat_map(|pack| &pack.norms);
                if let Some(same) = of_pack.find(|of_pack| pack::alike(&says, &pack::words(of_pack.says.english()))) {
                    table.warn(format!("this says nearly the same as {}: use [[change]]", same.id));
                }
                if known(&norm.id) || !seen.insert(norm.id.clone()) {
                    let id = &norm.id;
                    table.error(format!("there is a norm {id} already: give this one another id, or use [[change]]"));
                }
            }
            for case in &mut body.cases {
                case.layers = norm::layers_of(self.by);
            }
            norms.append(&mut body.norms);
            terms.append(&mut body.terms);
            cases.append(&mut body.cases);
        }
        (norms, terms, cases)
    }

    fn country_of(&self, table: &Table<'_>) -> Option<Country> {
        if let Some(value) = table.may("country") {
            return value.word();
        }
        if self.country.is_none() {
            table.error("`country` is missing: say in which country this norm holds");
        }
        self.country
    }
}

fn read_wording(table: &Table<'_>) -> Wording {
    let texts = ["says", "why", "instead"].map(|key| {
        let texts = table.may(key).and_then(|value: Value<'_>| norm::read_some_texts(&value));
        texts.unwrap_or_default()
    });
    let list = |key, why: &str| table.may(key).and_then(|value: Value<'_>| value.some_texts(why));
    Wording {
        texts,
        see: table.may("see").and_then(|value| norm::read_cues(&value)),
        asks: list("asks", "say what a breach looks like in a question"),
        answers: list("answers", "say what a breach looks like in an answer"),
    }
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
