//! JSON where it lies: which value stands at which bytes of a text.
//!
//! `serde_json` checks the grammar once; behind that, a [`Cursor`] walks a text known to be JSON in a single pass and looks only into what is read. So a picture of
//! a megabyte is passed over, not copied, and everything has the byte offsets that edits need.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::de::IgnoredAny;

use super::Error;

/// The most levels of arrays and objects within each other.
pub(super) const DEEPEST: usize = 128;

/// Byte offsets within a body.
pub(super) type Span = Range<usize>;

/// The way from the whole body to a value, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// OpenAI's `param`.
    pub(super) fn param(&self) -> Option<String> {
        match self {
            Self::Root => None,
            Self::Key(..) | Self::Item(..) => Some(self.to_string()),
        }
    }

    /// The error that the value here is not what it should be.
    pub(super) fn is_not(&self, expected: &'static str) -> Error {
        Error::InvalidType { param: self.param(), expected }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            // A key is the client's: bounded, since messages are logged and sent back.
            Self::Key(Path::Root, key) => write!(f, "{key:.80}"),
            Self::Key(parent, key) => write!(f, "{parent}.{key:.80}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What a value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Bool,
    Null,
}

impl Kind {
    /// JSON's word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::Text => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
            Self::Null => "null",
        }
    }
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The key, unescaped.
    pub(super) name: String,
    /// Where the key's quote stands.
    pub(super) at: usize,
    pub(super) value: Span,
}

/// Where an object and its members stand.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) span: Span,
    pub(super) members: Vec<Member>,
}

/// Where an array and its items stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Array {
    pub(super) span: Span,
    pub(super) items: Vec<Span>,
}

/// A string as it stands in the text, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) text: &'a str,
    pub(super) escaped: bool,
}

impl<'a> Raw<'a> {
    /// The string that is meant. A surrogate without its partner is read as U+FFFD.
    pub(super) fn unescaped(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.text)) } else { Cow::Borrowed(self.text) }
    }
}

/// A place in a text that is known to be JSON.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Checks that a body is one JSON value, a byte order mark before it and white space around it allowed, and stands at that value.
pub(super) fn open(body: &[u8]) -> Result<Cursor<'_>, Error> {
    let text = std::str::from_utf8(body).map_err(|error| Error::NotUtf8 { at: error.valid_up_to() })?;
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str::<IgnoredAny>(json).map_err(|error| Error::InvalidJson { problem: error.to_string() })?;
    let mut cursor = Cursor { text, at: text.len() - json.len(), depth: 0 };
    cursor.blank();
    Ok(cursor)
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> u8 {
        self.rest().first().copied().unwrap_or_default()
    }

    fn blank(&mut self) {
        self.at += self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    /// Goes on to the next item or member, or to the closing bracket.
    fn comma(&mut self) {
        self.blank();
        if self.peek() == b',' {
            self.at += 1;
            self.blank();
        }
    }

    fn enter(&mut self, path: &Path<'_>) -> Result<(), Error> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST { Err(Error::TooDeep { param: path.param() }) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
    }

    /// The offset of the value here.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What the value here is.
    pub(super) fn kind(&self) -> Kind {
        match self.peek() {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Passes over the string here.
    fn quoted(&mut self) -> Raw<'a> {
        self.at += 1;
        let (start, mut escaped) = (self.at, false);
        loop {
            self.at += calm(self.rest());
            if self.peek() != b'\\' {
                break;
            }
            escaped = true;
            self.at += 2;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Raw { text, escaped }
    }

    /// Passes over the value here, whatever it is, and returns its text.
    pub(super) fn skip(&mut self, path: &Path<'_>) -> Result<&'a str, Error> {
        let (start, outside) = (self.at, self.depth);
        while self.at < self.text.len() {
            match self.peek() {
                b'"' => drop(self.quoted()),
                b'{' | b'[' => self.enter(path)?,
                b'}' | b']' => self.leave(),
                b',' | b':' => self.at += 1,
                _ => self.at += self.rest().iter().take_while(|byte| !b",]} \t\n\r".contains(byte)).count(),
            }
            if self.depth <= outside {
                break;
            }
            self.blank();
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// The string here; `None`, and nothing passed over, where the value is none.
    pub(super) fn raw(&mut self) -> Option<Raw<'a>> {
        (self.kind() == Kind::Text).then(|| self.quoted())
    }

    /// The string here, unescaped; `None`, and nothing passed over, where the value is none.
    pub(super) fn text(&mut self) -> Option<Cow<'a, str>> {
        self.raw().map(Raw::unescaped)
    }

    /// Passes over the object here, handing each value to `each` with its key. What `each` leaves unread is passed over.
    pub(super) fn object(
        &mut self,
        path: &Path<'_>,
        mut each: impl FnMut(&mut Self, &str, &Path<'_>) -> Result<(), Error>,
    ) -> Result<Object, Error> {
        if self.kind() != Kind::Object {
            return Err(path.is_not("an object"));
        }
        let (start, mut members, mut seen) = (self.at, Vec::new(), BTreeSet::new());
        self.enter(path)?;
        self.blank();
        while self.peek() == b'"' {
            let at = self.at;
            let name = self.quoted().unescaped();
            let here = Path::Key(path, &name);
            if !seen.insert(name.clone()) {
                return Err(Error::DuplicateKey { param: here.to_string() });
            }
            self.blank();
            self.at += 1; // the colon
            self.blank();
            let value = self.visit(&here, |cursor| each(cursor, &name, &here))?;
            members.push(Member { name: name.into_owned(), at, value });
            self.comma();
        }
        self.leave();
        Ok(Object { span: start..self.at, members })
    }

    /// Passes over the array here, handing each item to `each`. What `each` leaves unread is passed over.
    pub(super) fn array(
        &mut self,
        path: &Path<'_>,
        mut each: impl FnMut(&mut Self, &Path<'_>) -> Result<(), Error>,
    ) -> Result<Array, Error> {
        if self.kind() != Kind::Array {
            return Err(path.is_not("an array"));
        }
        let (start, mut items) = (self.at, Vec::new());
        self.enter(path)?;
        self.blank();
        while !matches!(self.peek(), b']' | 0) {
            let here = Path::Item(path, items.len());
            items.push(self.visit(&here, |cursor| each(cursor, &here))?);
            self.comma();
        }
        self.leave();
        Ok(Array { span: start..self.at, items })
    }

    fn visit(&mut self, path: &Path<'_>, each: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<Span, Error> {
        let start = self.at;
        each(self)?;
        if self.at == start {
            self.skip(path)?;
        }
        Ok(start..self.at)
    }
}

impl Object {
    /// The value of a key.
    pub(super) fn value(&self, name: &str) -> Option<Span> {
        self.members.iter().find(|member| member.name == name).map(|member| member.value.clone())
    }
}

/// Refuses a key that is one of `known` but for the case of its letters: servers in Go read it as that key, others do not, and each would see another conversation.
pub(super) fn spelt(name: &str, known: &[&'static str], path: &Path<'_>) -> Result<(), Error> {
    let folded =
        |key: &&&'static str| **key != name && key.len() <= name.len() && key.chars().eq(name.chars().map(fold));
    match known.iter().find(folded) {
        Some(known) => Err(Error::AmbiguousKey { param: path.to_string(), known }),
        None => Ok(()),
    }
}

/// The lower-case letter that a letter is folded to where case does not count: two letters beyond ASCII are among those that fold to ASCII.
fn fold(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',  // long s
        '\u{212a}' => 'k', // the sign of kelvins
        letter => letter.to_ascii_lowercase(),
    }
}

/// Whether a value carries anything: neither null nor empty.
pub(super) fn says_something(value: &str) -> bool {
    !matches!(value, "null" | "\"\"" | "[]" | "{}")
}

/// How many bytes come before the next quote or backslash.
///
/// Blocks are searched without a branch and in numbers, not truth values: that is what the compiler makes vector instructions of, 20 times as fast.
fn calm(bytes: &[u8]) -> usize {
    let ends = |byte: u8| u8::from(byte == b'"') | u8::from(byte == b'\\');
    let blocks = bytes.chunks_exact(64).take_while(|block| block.iter().fold(0, |any, byte| any | ends(*byte)) == 0);
    let calm = blocks.count() * 64;
    calm + bytes.get(calm..).unwrap_or_default().iter().take_while(|byte| ends(**byte) == 0).count()
}

fn unescape(raw: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(raw.len()), raw);
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        rest = unescape_one(escape, &mut out);
    }
    out.push_str(rest);
    out
}

/// Reads one escape, its backslash gone, and returns what stands behind it.
fn unescape_one<'a>(escape: &'a str, out: &mut String) -> &'a str {
    let mut chars = escape.chars();
    match chars.next() {
        Some('u') => return unescape_unicode(escape, out),
        Some('n') => out.push('\n'),
        Some('t') => out.push('\t'),
        Some('r') => out.push('\r'),
        Some('b') => out.push('\u{8}'),
        Some('f') => out.push('\u{c}'),
        Some(itself) => out.push(itself),
        None => {}
    }
    chars.as_str()
}

/// Reads `uXXXX`, or two of them where they are a pair of surrogates.
fn unescape_unicode<'a>(escape: &'a str, out: &mut String) -> &'a str {
    let (first, rest) = unit(escape);
    let (second, behind) = rest.strip_prefix('\\').filter(|next| next.starts_with('u')).map_or((0, rest), unit);
    match char::decode_utf16([first, second]).next() {
        Some(Ok(char)) if char.len_utf16() == 2 => {
            out.push(char);
            behind
        }
        Some(Ok(char)) => {
            out.push(char);
            rest
        }
        Some(Err(_)) | None => {
            out.push(char::REPLACEMENT_CHARACTER);
            rest
        }
    }
}

/// The code unit of `uXXXX` and what stands behind it.
fn unit(escape: &str) -> (u16, &str) {
    let hex = escape.get(1..5).unwrap_or_default();
    (u16::from_str_radix(hex, 16).unwrap_or_default(), escape.get(5..).unwrap_or_default())
}

/// A value of ours as JSON.
pub(super) fn written(value: &impl Serialize) -> Vec<u8> {
    // Writing to memory fails only for maps with keys that are no strings, and there are none.
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec())
}

#[cfg(test)]
#[path = "json_tests.rs"]
pub(super) mod tests;
