//! One TOML file under reading. The walk goes on after a mistake, so that all of them are told at once, each with its place.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::Language;

use super::problem::{Problem, Severity};

/// A file's name and text, and what was found wrong with it so far.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    path: &'a str,
    text: &'a str,
    /// The byte offset at which each line begins.
    lines: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path, text, lines, problems: RefCell::default() }
    }

    pub(super) fn path(&self) -> &'a str {
        self.path
    }

    /// The file as a table, or `None` where it is no TOML at all: that is told, too.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'a>>> {
        DeTable::parse(self.text)
            .map_err(|error| {
                let at = error.span().unwrap_or_default();
                self.error(at, format!("this is no TOML: {}", error.message()));
            })
            .ok()
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.as_bytes().get(start..offset).unwrap_or_default();
        // Continuation bytes of UTF-8 begin with the bits 10: what is left are the characters.
        let column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        (line, column)
    }

    pub(super) fn error(&self, at: Range<usize>, message: impl Display) {
        self.tell(at, Severity::Error, message);
    }

    pub(super) fn warn(&self, at: Range<usize>, message: impl Display) {
        self.tell(at, Severity::Warning, message);
    }

    fn tell(&self, at: Range<usize>, severity: Severity, message: impl Display) {
        let (line, column) = self.place(at.start);
        let problem = Problem { path: self.path.to_owned(), line, column, severity, message: message.to_string() };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// A table of a sheet, with the place to which things that are missing in it are told.
#[derive(Debug, Clone)]
pub(super) struct Table<'s> {
    sheet: &'s Sheet<'s>,
    entries: &'s DeTable<'s>,
    at: Range<usize>,
}

impl<'s> Table<'s> {
    /// The file's own table.
    pub(super) fn root(sheet: &'s Sheet<'s>, table: &'s Spanned<DeTable<'s>>) -> Self {
        Self { sheet, entries: table.get_ref(), at: 0..0 }
    }

    /// Tells every key that is none of `keys`.
    pub(super) fn only(self, keys: &[&str]) -> Self {
        for (key, _) in self.entries.iter().filter(|(key, _)| !keys.contains(&key.get_ref().as_ref())) {
            let message = format!("`{}` is not known here: use {}", key.get_ref(), one_of(keys));
            self.sheet.error(key.span(), message);
        }
        self
    }

    /// What stands under `key`, if anything does.
    pub(super) fn may(&self, key: &str) -> Option<Value<'s>> {
        let (name, found) = self.entries.get_key_value(key)?;
        Some(Value { sheet: self.sheet, name_at: name.span(), found })
    }

    /// What stands under `key`; where nothing does, that is told.
    pub(super) fn need(&self, key: &str) -> Option<Value<'s>> {
        let found = self.may(key);
        if found.is_none() {
            self.error(format!("`{key}` is missing: add it"));
        }
        found
    }

    /// Every key with its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'s str, Value<'s>)> + use<'s> {
        let sheet = self.sheet;
        let value = move |name: &'s Spanned<_>, found| Value { sheet, name_at: name.span(), found };
        self.entries.iter().map(move |(name, found)| (name.get_ref().as_ref(), value(name, found)))
    }

    /// Tells a mistake of the table as a whole.
    pub(super) fn error(&self, message: impl Display) {
        self.sheet.error(self.at.clone(), message);
    }

    /// Tells what is doubtful about the table as a whole.
    pub(super) fn warn(&self, message: impl Display) {
        self.sheet.warn(self.at.clone(), message);
    }

    /// The line on which the table begins.
    pub(super) fn line(&self) -> usize {
        self.sheet.place(self.at.start).0
    }
}

/// A value of a sheet and the key that it stands under.
#[derive(Debug, Clone)]
pub(super) struct Value<'s> {
    sheet: &'s Sheet<'s>,
    /// Where the key stands; empty for an item of a list.
    name_at: Range<usize>,
    found: &'s Spanned<DeValue<'s>>,
}

impl<'s> Value<'s> {
    /// Tells a mistake of the value.
    pub(super) fn error(&self, message: impl Display) {
        self.sheet.error(self.found.span(), message);
    }

    /// Tells what is doubtful about the value.
    pub(super) fn warn(&self, message: impl Display) {
        self.sheet.warn(self.found.span(), message);
    }

    /// Tells a mistake of the key.
    pub(super) fn error_at_key(&self, message: impl Display) {
        self.sheet.error(self.name_at.clone(), message);
    }

    fn wrong_kind<T>(&self, wanted: &str) -> Option<T> {
        let found = self.found.get_ref().type_str();
        self.error(format!("here stands a value of the kind {found}: write {wanted}"));
        None
    }

    /// A text that is more than white space.
    pub(super) fn text(&self) -> Option<&'s str> {
        let Some(text) = self.found.get_ref().as_str() else { return self.wrong_kind("a text in quotation marks") };
        if text.trim().is_empty() {
            self.error("this text is empty: write it, or take the line out");
            return None;
        }
        Some(text.trim())
    }

    /// The text, if it is one; nothing is told.
    pub(super) fn as_str(&self) -> Option<&'s str> {
        self.found.get_ref().as_str()
    }

    /// The line on which the value begins.
    pub(super) fn line(&self) -> usize {
        self.sheet.place(self.found.span().start).0
    }

    /// A text that reads as a `T`.
    pub(super) fn word<T: FromStr<Err: Display>>(&self) -> Option<T> {
        self.text()?.parse().map_err(|error| self.error(error)).ok()
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.found.get_ref().as_bool();
        flag.or_else(|| self.wrong_kind("true or false"))
    }

    /// A whole number within `range`.
    pub(super) fn whole(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let Some(number) = self.found.get_ref().as_integer() else { return self.wrong_kind("a whole number") };
        let number = u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.error(format!("this is out of range: use {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A probability in 0..=1.
    pub(super) fn probability(&self) -> Option<f32> {
        let value = self.found.get_ref();
        let number = value.as_float().map(toml::de::DeFloat::as_str);
        let Some(number) = number.or_else(|| value.as_integer().map(toml::de::DeInteger::as_str)) else {
            return self.wrong_kind("a number from 0 to 1");
        };
        let number = number.parse().ok().filter(|number| (0.0..=1.0).contains(number));
        if number.is_none() {
            self.error("this is no probability: use a number from 0 to 1");
        }
        number
    }

    /// The table that stands here.
    pub(super) fn table(&self) -> Option<Table<'s>> {
        let at = if self.name_at.is_empty() { self.found.span() } else { self.name_at.clone() };
        match self.found.get_ref().as_table() {
            Some(entries) => Some(Table { sheet: self.sheet, entries, at }),
            None => self.wrong_kind("a table"),
        }
    }

    /// The list that stands here.
    pub(super) fn list(&self) -> Option<Vec<Value<'s>>> {
        let Some(array) = self.found.get_ref().as_array() else { return self.wrong_kind("a list in square brackets") };
        let value = |found| Value { sheet: self.sheet, name_at: 0..0, found };
        Some(array.iter().map(value).collect())
    }

    /// A list of texts; those that are none are told and left out.
    pub(super) fn texts(&self) -> Vec<String> {
        self.list().unwrap_or_default().iter().filter_map(Value::text).map(str::to_owned).collect()
    }

    /// A list of texts that has at least one.
    pub(super) fn some_texts(&self, why: &str) -> Option<Vec<String>> {
        let list = self.list()?;
        if list.is_empty() {
            self.error(format!("this list is empty: {why}"));
            return None;
        }
        Some(list.iter().filter_map(Value::text).map(str::to_owned).collect())
    }

    /// A list of tables that has at least one.
    pub(super) fn some_tables(&self, why: &str) -> Option<Vec<Table<'s>>> {
        let list = self.list()?;
        if list.is_empty() {
            self.error(format!("this list is empty: {why}"));
        }
        Some(list.iter().filter_map(Value::table).collect())
    }

    /// The language that a key names.
    pub(super) fn language_of_key(&self, name: &str) -> Option<Language> {
        name.parse().map_err(|error| self.error_at_key(error)).ok()
    }
}

/// The words, as a sentence lists them.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
    }
}
