//! What an answer says beside its texts: a refusal, the words of what is heard, what tools are called with, thoughts.

use super::Error;
use super::fragment::Fragment;
use super::json::{self, Cursor, Kind, Path, says_something};

/// What an answer can have beside its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surface {
    /// The words of a refusal: a person reads them.
    Refusal,
    /// The words of what is heard.
    Transcript,
    /// What is heard, as sound.
    Audio,
    /// What tools are called with.
    ToolCalls,
    /// What tools of the model server's own gave.
    ToolResults,
    /// What the model thought on the way.
    Reasoning,
}

/// One thing beside the texts, or a piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// A number of its choice or item.
    pub number: u32,
    /// Which of several of its kind it is there.
    pub part: u32,
    /// What it is.
    pub surface: Surface,
    /// What it says.
    pub words: Words,
}

/// What something beside the texts says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// It has no words that are read.
    Unread,
    /// More of them.
    More(Fragment),
    /// All of them, those that came before among them.
    Whole(String),
}

impl Surface {
    /// Its word in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refusal => "refusal",
            Self::Transcript => "transcript",
            Self::Audio => "audio",
            Self::ToolCalls => "tool_calls",
            Self::ToolResults => "tool_results",
            Self::Reasoning => "reasoning",
        }
    }

    /// Whether its words are read.
    #[must_use]
    pub const fn read(self) -> bool {
        matches!(self, Self::Refusal | Self::Transcript | Self::ToolCalls)
    }

    /// Whether a person reads or hears it: it is as much an answer as a text is.
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::Refusal | Self::Transcript)
    }

    /// The texts in what it says. Of what a tool is called with these are the strings among its arguments that have three words or more, keys not counted;
    /// where the arguments are no JSON, all of it.
    #[must_use]
    pub fn texts(self, said: &str) -> Vec<String> {
        if self != Self::ToolCalls {
            return vec![said.to_owned()];
        }
        let mut all = Vec::new();
        let read = json::open(said.as_bytes()).and_then(|mut cursor| strings(&mut cursor, &Path::Root, &mut all));
        match read {
            Ok(()) => all.into_iter().filter(|text| speaks(text)).collect(),
            Err(_) => vec![said.to_owned()],
        }
    }
}

impl Words {
    /// The same, where nothing came before and nothing follows.
    pub(super) fn whole(self) -> Self {
        match self {
            Self::More(words) => Self::Whole(words.alone()),
            Self::Unread | Self::Whole(_) => self,
        }
    }
}

impl Beside {
    /// Something whose choice or item is not known yet.
    pub(super) fn new(surface: Surface, part: u32, words: Words) -> Self {
        Self { number: 0, part, surface, words }
    }
}

/// What a tool is called with, at the cursor: a string, or, as some servers have it, JSON itself. `None`: there is nothing.
pub(super) fn given(cursor: &mut Cursor<'_>, path: &Path<'_>) -> Result<Option<Fragment>, Error> {
    if let Some(text) = Fragment::read(cursor) {
        return Ok(Some(text));
    }
    let json = cursor.skip(path)?;
    Ok((json != "null").then(|| Fragment::from(json)))
}

/// What is heard, at the cursor: its words, and its sound. Clients know it by an id, too.
pub(super) fn heard(cursor: &mut Cursor<'_>, path: &Path<'_>, all: &mut Vec<Beside>) -> Result<(), Error> {
    if cursor.kind() != Kind::Object {
        if says_something(cursor.skip(path)?) {
            all.push(Beside::new(Surface::Audio, 0, Words::Unread));
        }
        return Ok(());
    }
    let (mut transcript, mut sounds) = (None, false);
    let object = cursor.object(path, |cursor, name, path| {
        match name {
            "transcript" => transcript = Fragment::read(cursor),
            "data" => sounds = says_something(cursor.skip(path)?),
            _ => {}
        }
        Ok(())
    })?;
    let known = !object.members.is_empty();
    if sounds || (transcript.is_none() && known) {
        all.push(Beside::new(Surface::Audio, 0, Words::Unread));
    }
    all.extend(transcript.map(|words| Beside::new(Surface::Transcript, 0, Words::More(words))));
    Ok(())
}

/// The strings within a value, keys not counted. The depth of the JSON bounds that of the calls.
fn strings(cursor: &mut Cursor<'_>, path: &Path<'_>, all: &mut Vec<String>) -> Result<(), Error> {
    match cursor.kind() {
        Kind::Text => all.extend(cursor.text().map(Into::into)),
        Kind::Object => drop(cursor.object(path, |cursor, _, path| strings(cursor, path, all))?),
        Kind::Array => drop(cursor.array(path, |cursor, path| strings(cursor, path, all))?),
        Kind::Number | Kind::Bool | Kind::Null => {}
    }
    Ok(())
}

/// Whether a text has three words or more. What is written without spaces has a word for each two of its letters.
fn speaks(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count();
    let unspaced = text.chars().filter(|letter| unspaced(*letter)).count();
    words >= 3 || unspaced >= 6
}

/// Whether a letter is of a script that is written without spaces: Thai, Lao, Tibetan, Burmese, Khmer, kana, Chinese characters.
fn unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_arguments_the_strings_that_say_something_are_read() {
        let texts = |said: &str| Surface::ToolCalls.texts(said);
        assert_eq!(
            texts(r#"{"to":"Li","mail":{"subject":"Hi","body":"Bring a clock"},"n":3,"cc":["a b","one two three"]}"#),
            ["Bring a clock", "one two three"]
        );
        assert_eq!(texts(r#"{"a":"時計を贈りましょう","b":"時計","c":"- - - 12 4"}"#), ["時計を贈りましょう"]);
        assert_eq!(texts(r#"{"a":"นาฬิกาเป็นของขวัญ"}"#), ["นาฬิกาเป็นของขวัญ"]);
        assert!(texts("{}").is_empty() && texts("3").is_empty());
        assert_eq!(texts(r#"{"picture":"iVBORw0KGgoAAAANSUhEUg=="}"#), Vec::<String>::new());
    }

    #[test]
    fn arguments_that_are_no_json_are_one_text() {
        for said in ["ls", r#"{"a":"bring a clock"#, r#"{"a":"bring a clock","a":"no"}"#] {
            assert_eq!(Surface::ToolCalls.texts(said), [said]);
        }
        let deep = format!("{}\"bring a clock\"{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(Surface::ToolCalls.texts(&deep), [deep.as_str()]);
    }

    #[test]
    fn what_a_person_reads_or_hears_is_one_text() {
        for surface in [Surface::Refusal, Surface::Transcript] {
            assert_eq!(surface.texts(r#"{"a":"b"}"#), [r#"{"a":"b"}"#]);
            assert!(surface.answers());
        }
        assert!(!Surface::ToolCalls.answers());
    }
}
