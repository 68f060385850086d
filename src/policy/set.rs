//! All packs together, under one floor, with the overlays above them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Country, Language, Layer, Layers, Norm, NormId};

use super::embedded;
use super::floor::Floor;
use super::overlay::{self, Overlay};
use super::pack::{self, Pack};
use super::phrases::Phrases;
use super::problem::{Problem, Severity};
use super::sheet::Sheet;
use super::terms::Entry;

/// A file's name and text. Reading it from a disk is the caller's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// The file as the user named it, for messages. Its last part says what it is: `floor.toml`, `phrases.toml`, or a pack such as `CN.toml`; what lies in
    /// a folder `overlays` is an overlay.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    fn name(&self) -> &str {
        self.path.rsplit(['/', '\\']).next().unwrap_or(self.path)
    }

    /// The name of the overlay that the file holds, if it holds one.
    fn overlay(&self) -> Option<&'a str> {
        let mut parts = self.path.rsplit(['/', '\\']);
        let name = parts.next()?.strip_suffix(".toml");
        name.filter(|_| parts.next() == Some("overlays"))
    }
}

/// All packs, the floor above them and the phrases around them: one version, never changed once read.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySet {
    pub(super) packs: BTreeMap<Country, Pack>,
    /// In the order in which they speak.
    pub(super) overlays: Vec<Overlay>,
    pub(super) floor: Arc<Floor>,
    phrases: Phrases,
    hash: String,
}

/// The files by what they are.
struct Files<'a> {
    floor: Source<'a>,
    phrases: Source<'a>,
    packs: BTreeMap<Country, Source<'a>>,
    overlays: BTreeMap<&'a str, Source<'a>>,
}

impl PolicySet {
    /// Reads packs (`<CC>.toml`), overlays (`overlays/<name>.toml`), `floor.toml` and `phrases.toml`, told apart by their names. Where the floor or the phrases are not among them, those
    /// that come with Comity hold.
    ///
    /// Every problem of every file is reported, in the order of the paths and of the places in them. The set is `Some` only when none is an error.
    #[must_use]
    pub fn read(files: &[Source<'_>]) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Vec::new();
        let files = Files::tell_apart(files, &mut problems);
        let floor = walk(files.floor, &mut problems, Floor::read);
        let phrases = walk(files.phrases, &mut problems, Phrases::read);
        // Packs are read under the floor that comes with Comity while the given one is broken, so that their own mistakes are told, too.
        let under = floor.clone().or_else(|| walk(embedded::FLOOR, &mut Vec::new(), Floor::read));
        let mut packs = BTreeMap::new();
        for (country, file) in &files.packs {
            let Some(under) = &under else { break };
            let above = pack::Above { floor: under, phrases: phrases.as_ref() };
            let read = walk(*file, &mut problems, |sheet| pack::read(sheet, *country, &above));
            packs.extend(read.map(|pack| (*country, pack)));
        }
        let overlays = under.map(|under| read_overlays(&files, &under, &packs, &mut problems)).unwrap_or_default();
        problems.sort();
        let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
        let set = floor.zip(phrases).filter(|_| sound).map(|(floor, phrases)| Self {
            packs,
            overlays,
            floor: Arc::new(floor),
            phrases,
            hash: files.hash(),
        });
        (set, problems)
    }

    /// The packs that come with Comity.
    #[must_use]
    pub fn embedded() -> (Option<Self>, Vec<Problem>) {
        Self::read(embedded::PACKS)
    }

    /// BLAKE3 over the files' names and texts in the order of the names, the first 16 hex digits. Folders do not count.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The countries that have a pack, in the order of their codes.
    pub fn countries(&self) -> impl Iterator<Item = Country> + '_ {
        self.packs.keys().copied()
    }

    /// A country's pack, if it has one.
    #[must_use]
    pub fn pack(&self, country: Country) -> Option<&Pack> {
        self.packs.get(&country)
    }

    /// The norms of all packs and overlays; one that an overlay words anew is there in both wordings.
    pub fn norms(&self) -> impl Iterator<Item = &Arc<Norm>> + '_ {
        self.packs.values().flat_map(|pack| &pack.norms).chain(self.overlays.iter().flat_map(Overlay::norms))
    }

    /// The overlays, in the order in which they speak.
    #[must_use]
    pub fn overlays(&self) -> &[Overlay] {
        &self.overlays
    }

    /// The overlays among `layers` that these policies do not have, by kind and name.
    #[must_use]
    pub fn unknown(&self, layers: &Layers) -> Vec<(Layer, String)> {
        let known = |(layer, name): &(Layer, &str)| {
            self.overlays.iter().any(|overlay| overlay.layer == *layer && *overlay.name == **name)
        };
        layers.overlays().filter(|asked| !known(asked)).map(|(layer, name)| (layer, name.to_owned())).collect()
    }

    /// The floor.
    #[must_use]
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// What is appended to an answer that goes against `norms`, in the person's language: what is customary and what to do instead, of the first three.
    /// Empty where there are no norms.
    #[must_use]
    pub fn correction(&self, norms: &[Arc<Norm>], language: Language) -> String {
        self.phrases.correction(norms, language)
    }

    /// What is said in place of an answer, in the person's language: because of `norms`, or, where there are none, because it could not be checked.
    #[must_use]
    pub fn refusal(&self, norms: &[Arc<Norm>], language: Language) -> String {
        self.phrases.refusal(norms, language)
    }
}

/// Reads one file and keeps what was wrong with it.
fn walk<T>(file: Source<'_>, problems: &mut Vec<Problem>, read: impl FnOnce(&Sheet<'_>) -> Option<T>) -> Option<T> {
    let sheet = Sheet::new(file.path, file.text);
    let found = read(&sheet);
    problems.extend(sheet.into_problems());
    found
}

/// Reads the overlays, in the order in which they speak: regions, groups, tenants, and by name among their like.
fn read_overlays(
    files: &Files<'_>,
    floor: &Floor,
    packs: &BTreeMap<Country, Pack>,
    problems: &mut Vec<Problem>,
) -> Vec<Overlay> {
    let mut overlays: Vec<Overlay> = Vec::new();
    let mut added: BTreeMap<NormId, Entry> = BTreeMap::new();
    let mut in_order: Vec<_> = files.overlays.iter().collect();
    in_order.sort_by_key(|(name, file)| (overlay::layer_of(file.text), **name));
    for (name, file) in in_order {
        if !is_slug(name) {
            problems.push(whole(file.path, Severity::Error, NO_OVERLAY));
        }
        let below = overlay::Below { floor, packs, added: &added };
        let read = walk(*file, problems, |sheet| overlay::read(sheet, name, &below));
        added.extend(read.iter().flat_map(Overlay::entries).map(|entry| (entry.id().clone(), entry)));
        overlays.extend(read);
    }
    for (at, overlay) in overlays.iter().enumerate() {
        let earlier = overlays.get(..at).unwrap_or_default();
        for (norm, line, other) in
            earlier.iter().flat_map(|other| overlay.quarrels(other).map(|(norm, line)| (norm, line, &other.name)))
        {
            let path = files.overlays.get(&*overlay.name).map_or_else(String::new, |file| file.path.to_owned());
            let message = format!(
                "overlay `{other}` of the same layer wishes something else for {norm}: where both are in force, the name decides"
            );
            problems.push(Problem { path, line, column: 1, severity: Severity::Warning, message });
        }
    }
    overlays
}

/// Lower-case ASCII letters, digits and hyphens: a name that headers, settings and file systems spell alike.
fn is_slug(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl<'a> Files<'a> {
    fn tell_apart(files: &[Source<'a>], problems: &mut Vec<Problem>) -> Self {
        let (mut floor, mut phrases, mut packs, mut overlays) = (None, None, BTreeMap::new(), BTreeMap::new());
        for file in files {
            let country = file.name().strip_suffix(".toml").and_then(country_of);
            let earlier = match (file.overlay(), file.name(), country) {
                (Some(name), _, _) => overlays.insert(name, *file),
                (None, "floor.toml", _) => floor.replace(*file),
                (None, "phrases.toml", _) => phrases.replace(*file),
                (None, _, Some(country)) => packs.insert(country, *file),
                (None, _, None) => {
                    problems.push(whole(file.path, Severity::Error, NO_PACK));
                    None
                }
            };
            if let Some(earlier) = earlier {
                let message = format!("{} is a file of the same name: keep one of the two", earlier.path);
                problems.push(whole(file.path, Severity::Error, message));
            }
        }
        if packs.is_empty() {
            let path = files.first().map_or("policies", |file| file.path);
            problems.push(whole(path, Severity::Warning, NO_COUNTRY));
        }
        let (floor, phrases) = (floor.unwrap_or(embedded::FLOOR), phrases.unwrap_or(embedded::PHRASES));
        Self { floor, phrases, packs, overlays }
    }

    /// Names and texts stand behind their lengths: no text can pass for the next file.
    fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut files: Vec<_> = self.packs.values().chain([&self.floor, &self.phrases]).collect();
        files.sort_by_key(|file| file.name());
        files.extend(self.overlays.values());
        for part in files.iter().flat_map(|file| [file.name(), file.text]) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.finalize().to_hex().chars().take(16).collect()
    }
}

const NO_PACK: &str = "this is no pack: name it by its country's ISO 3166-1 code, such as CN.toml, or take it out";

const NO_OVERLAY: &str =
    "name an overlay's file with lower-case letters, digits and hyphens, 64 at most, such as bali.toml";

const NO_COUNTRY: &str = "there is no country's pack, so nothing is ever at stake: add one such as CN.toml";

/// The country of a file's name, written as ISO 3166-1 writes it.
fn country_of(code: &str) -> Option<Country> {
    code.parse().ok().filter(|country: &Country| country.code() == code)
}

/// A problem of a file as a whole.
fn whole(path: &str, severity: Severity, message: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), line: 0, column: 0, severity, message: message.into() }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
