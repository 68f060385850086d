//! What people are told, in their language: `phrases.toml` around the norms' own texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Language, Norm, Texts};

use super::floor::format_one;
use super::sheet::{Sheet, Table, Value};

/// The most norms of which one answer speaks: more would be a lecture.
const MOST_NORMS: usize = 3;

/// Languages written from right to left. English inside them is kept apart, or its full stops would jump to the wrong end.
const RIGHT_TO_LEFT: [&str; 8] = ["ar", "dv", "fa", "he", "ps", "sd", "ug", "ur"];

const KEYS: [&str; 4] = ["correction", "refusal", "unchecked", "openings"];

/// The phrases of all languages; English is always among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrases {
    english: Phrase,
    others: BTreeMap<Language, Phrase>,
}

/// The phrases of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phrase {
    correction: Template,
    refusal: Template,
    unchecked: String,
    /// The word with which a norm's `instead` begins where it speaks to an assistant, and the one that people read.
    openings: Vec<(String, String)>,
}

/// A phrase with places for a norm's texts. What stands from the first of them to the last is said for each norm.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Template {
    before: String,
    body: Vec<Piece>,
    after: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Says,
    Why,
    Instead,
}

impl Phrases {
    /// Reads `phrases.toml`; `None` where something in it was wrong.
    pub(super) fn read(sheet: &Sheet<'_>) -> Option<Self> {
        let parsed = sheet.parse()?;
        let root = Table::root(sheet, &parsed);
        let format = format_one(&root);
        let mut all = BTreeMap::new();
        for (name, value) in root.entries().filter(|(name, _)| *name != "format") {
            let language = value.language_of_key(name);
            let phrase = value.table().and_then(|table| read_phrase(&table.only(&KEYS)));
            all.extend(language.map(|language| (language, phrase)));
        }
        let english = all.remove(&Language::ENGLISH);
        if english.is_none() {
            root.error("`[en]` is missing: add it, for English speaks where a language has no phrases");
        }
        format?;
        let others = all.into_iter().map(|(language, phrase)| Some((language, phrase?))).collect::<Option<_>>();
        Some(Self { english: english??, others: others? })
    }

    /// Whether there are phrases in a language.
    pub(super) fn speak(&self, language: Language) -> bool {
        language == Language::ENGLISH || self.others.contains_key(&language)
    }

    /// What is appended to an answer that goes against `norms`; empty where there are none.
    pub(super) fn correction(&self, norms: &[Arc<Norm>], language: Language) -> String {
        if norms.is_empty() { String::new() } else { self.fill(&self.of(language).correction, norms, language) }
    }

    /// What is said in place of an answer, because of `norms` or, where there are none, because it could not be checked.
    pub(super) fn refusal(&self, norms: &[Arc<Norm>], language: Language) -> String {
        let phrase = self.of(language);
        if norms.is_empty() { phrase.unchecked.clone() } else { self.fill(&phrase.refusal, norms, language) }
    }

    fn of(&self, language: Language) -> &Phrase {
        self.others.get(&language).unwrap_or(&self.english)
    }

    fn fill(&self, template: &Template, norms: &[Arc<Norm>], language: Language) -> String {
        let mut said = template.before.clone();
        let spaced = template.body.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(' ')));
        for (at, norm) in norms.iter().take(MOST_NORMS).enumerate() {
            if at > 0 && spaced {
                said.push(' ');
            }
            for piece in &template.body {
                match piece {
                    Piece::Text(text) => said.push_str(text),
                    Piece::Slot(slot) => push_sentence(&mut said, &self.text(norm, *slot, language)),
                }
            }
        }
        said + &template.after
    }

    /// A norm's text for people who read `language`, in English where it is not written in theirs.
    fn text(&self, norm: &Norm, slot: Slot, language: Language) -> String {
        let texts: &Texts = match slot {
            Slot::Says => &norm.says,
            Slot::Why => &norm.why,
            Slot::Instead => &norm.instead,
        };
        let own = texts.exactly(language);
        let spoken = if own.is_some() { language } else { Language::ENGLISH };
        let text = own.unwrap_or(texts.english());
        let text = if slot == Slot::Instead { self.to_people(text, spoken) } else { text.to_owned() };
        let foreign = own.is_none() && self.speak(language) && RIGHT_TO_LEFT.contains(&language.code());
        if foreign { format!("\u{2068}{text}\u{2069}") } else { text }
    }

    /// The text with its opening turned from the assistant to the person: "Suggest tea" is "Consider tea".
    fn to_people(&self, text: &str, language: Language) -> String {
        let openings = if self.speak(language) { self.of(language).openings.as_slice() } else { &[] };
        let turn = |(from, to): &(String, String)| {
            let rest = text.strip_prefix(from.as_str()).filter(|rest| rest.starts_with(char::is_whitespace))?;
            Some(format!("{to}{rest}"))
        };
        openings.iter().find_map(turn).unwrap_or_else(|| text.to_owned())
    }
}

/// Appends a text, with a space where a Latin sentence ends right before it.
fn push_sentence(said: &mut String, text: &str) {
    if said.ends_with(['.', '!', '?']) {
        said.push(' ');
    }
    said.push_str(text);
}

fn read_phrase(table: &Table<'_>) -> Option<Phrase> {
    let [correction, refusal] =
        ["correction", "refusal"].map(|key| table.need(key).and_then(|value| read_template(&value)));
    let unchecked = table.need("unchecked").and_then(|value| read_plain(&value));
    let openings = table.may("openings").map(|value| read_openings(&value));
    Some(Phrase {
        correction: correction?,
        refusal: refusal?,
        unchecked: unchecked?,
        openings: openings.map_or(Some(Vec::new()), |openings| openings)?,
    })
}

fn read_openings(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    let entries = value.table()?;
    entries.entries().map(|(from, to)| Some((from.to_owned(), to.text()?.to_owned()))).collect()
}

fn read_plain(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if text.contains(['{', '}']) {
        value.error("no norm is named in this phrase: leave out { and }");
        return None;
    }
    Some(text.to_owned())
}

fn read_template(value: &Value<'_>) -> Option<Template> {
    let pieces = cut(value.text()?).map_err(|message| value.error(message)).ok()?;
    let times = |slot| pieces.iter().filter(|piece| **piece == Piece::Slot(slot)).count();
    if times(Slot::Says) != 1 || times(Slot::Instead) != 1 || times(Slot::Why) > 1 {
        value.error("this phrase names {says} and {instead} once each, and {why} at most once: mend it");
        return None;
    }
    Some(around(pieces))
}

/// Cuts a phrase at its slots.
fn cut(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or("a { is never closed: write {says}, {why} or {instead}")?;
        let slot = match name {
            "says" => Slot::Says,
            "why" => Slot::Why,
            "instead" => Slot::Instead,
            other => return Err(format!("{{{other}}} is not known here: write {{says}}, {{why}} or {{instead}}")),
        };
        pieces.extend([Piece::Text(before.to_owned()), Piece::Slot(slot)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    let stray = pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains('}')));
    if stray { Err("a } is never opened: write {says}, {why} or {instead}".to_owned()) } else { Ok(pieces) }
}

/// What [`cut`] gives begins and ends with a text: the frame around the body.
fn around(mut pieces: Vec<Piece>) -> Template {
    let text = |piece| match piece {
        Some(Piece::Text(text)) => text,
        Some(Piece::Slot(_)) | None => String::new(),
    };
    let after = text(pieces.pop());
    let before = if pieces.is_empty() { String::new() } else { text(Some(pieces.remove(0))) };
    Template { before, body: pieces, after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixture::{set, small};
    use crate::policy::{PolicySet, Problem, Source};

    fn language(code: &str) -> Language {
        code.parse().unwrap()
    }

    fn norms(set: &PolicySet) -> Vec<Arc<Norm>> {
        set.norms().cloned().collect()
    }

    #[test]
    fn people_are_told_in_their_language() {
        let set = small();
        let clock = &norms(&set)[..1];
        let said = |code| set.correction(clock, language(code));
        assert_eq!(
            said("en"),
            "One thing to keep in mind: Clocks are not given as presents in many families. Consider tea or fruit."
        );
        assert_eq!(said("zh"), "有一点值得留意：多数家庭不拿钟送礼。可以改送茶叶或水果。");
        assert_eq!(
            said("de"),
            "Gut zu wissen: Clocks are not given as presents in many families. Consider tea or fruit."
        );
        assert_eq!(
            said("ja"),
            "ひとつ、ご参考までに。Clocks are not given as presents in many families. Consider tea or fruit."
        );
        assert!(said("ar").contains("\u{2068}Clocks are not given as presents in many families.\u{2069}"));
        assert_eq!(said("yo"), said("en"));
    }

    #[test]
    fn several_norms_are_said_one_after_the_other_and_no_more_than_three() {
        let set = small();
        let both = norms(&set);
        assert_eq!(
            set.correction(&both, Language::ENGLISH),
            "One thing to keep in mind: Clocks are not given as presents in many families. Consider tea or fruit. Some subjects may be \
             restricted or sensitive. Consider listening first."
        );
        let many = [both.clone(), both.clone()].concat();
        assert_eq!(set.refusal(&many, Language::ENGLISH).matches("Consider").count(), MOST_NORMS);
    }

    #[test]
    fn without_norms_a_refusal_says_that_nothing_could_be_checked() {
        let set = small();
        assert_eq!(set.correction(&[], Language::ENGLISH), "");
        assert!(set.refusal(&[], Language::ENGLISH).starts_with("I cannot give a reliable answer just now."));
    }

    #[test]
    fn seventeen_languages_are_spoken() {
        let set = set();
        let english = set.refusal(&[], Language::ENGLISH);
        for code in "zh ja th ar es fr pt ru hi fa id am ko vi tr de".split(' ') {
            assert_ne!(set.refusal(&[], language(code)), english, "{code}");
        }
    }

    /// What an assistant is told begins with "Suggest"; nobody reads that word in a correction.
    #[test]
    fn the_packs_openings_are_turned_to_people() {
        let set = set();
        for (norm, action) in crate::policy::fixture::actions(set) {
            if action < crate::domain::Action::Rewrite {
                continue;
            }
            for code in ["en", "ar"] {
                let said = set.correction(std::slice::from_ref(&norm), language(code));
                assert!(!said.contains("Suggest ") && !said.contains(" اقترح "), "{said}");
            }
        }
    }

    fn told(from: &str, to: &str) -> Vec<String> {
        let text = include_str!("../../policies/phrases.toml").replacen(from, to, 1);
        let (_, problems) = PolicySet::read(&[
            Source { path: "phrases.toml", text: &text },
            Source { path: "CN.toml", text: crate::policy::fixture::PACK },
        ]);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn placeholders_are_checked() {
        let good = "\"One thing to keep in mind: {says} {instead}\"";
        for (bad, told_of) in [
            ("\"{says} {insted}\"", "{insted} is not known here"),
            ("\"{says}\"", "names {says} and {instead} once each"),
            ("\"{says} {instead} {says}\"", "names {says} and {instead} once each"),
            ("\"{says {instead}\"", "{says {instead} is not known here"),
            ("\"{says} {instead\"", "a { is never closed"),
            ("\"{says} {instead}}\"", "a } is never opened"),
        ] {
            let told = told(good, bad);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("phrases.toml:11:14: error: ") && told[0].contains(told_of), "{told:?}");
        }
        assert!(told("[zh]", "[xh]").concat().contains("CN.toml:4:14: warning: phrases.toml has no [zh]"));
        assert!(told("[en]", "[eo]").concat().contains("phrases.toml:1:1: error: `[en]` is missing"));
    }
}
