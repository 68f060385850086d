//! Cutting an answer into pieces that are judged one by one.
//!
//! A piece is a sentence or a line. Where it ends depends on the text alone, never on how the text was cut into deltas: an end is only told once the
//! character behind it is known or the text is over. So the same text has the same pieces, streamed or whole.

use std::ops::Range;

/// The most characters of a piece. Scripts without sentence marks (Thai) and run-on texts are cut at white space before this, or here.
const MOST_CHARS: usize = 320;

/// The fewest characters of a piece, white space not counted, so that "1." and "Dr." are not judged by themselves.
const FEWEST_CHARS: usize = 12;

/// The byte length of the first piece of `text`, or `None` where that cannot be told yet. `over`: no more text comes.
pub(super) fn first(text: &str, over: bool) -> Option<usize> {
    let mut solid = 0;
    let mut last_space = None;
    let mut chars = text.char_indices().enumerate().peekable();
    while let Some((count, (at, c))) = chars.next() {
        if count >= MOST_CHARS {
            return Some(last_space.unwrap_or(at));
        }
        let end = at + c.len_utf8();
        if c.is_whitespace() {
            last_space = Some(end);
        } else {
            solid += 1;
        }
        if solid < FEWEST_CHARS || !(c == '\n' || ends_sentence(text.get(..end).unwrap_or_default())) {
            continue;
        }
        if c == '\n'
            || closes_by_itself(c)
                && !matches!(chars.peek(), None | Some((_, (_, '\u{201d}' | '」' | '』' | '）' | ')' | '"'))))
        {
            return Some(end);
        }
        match chars.peek() {
            Some((_, (_, next))) if next.is_whitespace() => return Some(end),
            Some(_) | None => {}
        }
    }
    (over && !text.is_empty()).then_some(text.len())
}

/// Where the pieces of `text` from an offset on lie, as far as that can be told.
pub(super) fn ranges(text: &str, mut from: usize, over: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    while let Some(length) = text.get(from..).and_then(|rest| first(rest, over)) {
        found.push(from..from + length);
        from += length;
    }
    found
}

/// Whether `text` ends with a sentence mark, closing quotes and brackets left aside.
fn ends_sentence(text: &str) -> bool {
    let bare = text.trim_end_matches(['"', '\'', ')', ']', '*', '_', '»', '\u{201d}', '\u{2019}', '」', '』', '）']);
    bare.ends_with(['.', '!', '?', '…', '。', '！', '？', '｡', '।', '॥', '።', '፧', '؟', '۔'])
}

/// Whether a sentence mark needs no white space behind it.
fn closes_by_itself(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '।' | '॥' | '።' | '፧' | '」' | '』' | '）')
}

/// All pieces of a whole text, in order; together they are the text.
#[must_use]
pub fn pieces(text: &str) -> Vec<&str> {
    ranges(text, 0, true).into_iter().filter_map(|range| text.get(range)).collect()
}

/// A repaired answer as it goes on from what was shown: without a repeated beginning, and with a blank where words would run together.
pub(super) fn continued(shown: &str, text: &str) -> String {
    if shown.trim().is_empty() {
        return text.to_owned();
    }
    let rest = text.trim_start().strip_prefix(shown.trim()).unwrap_or(text);
    let runs_together = rest.starts_with(char::is_alphanumeric) && shown.ends_with(|c: char| c.is_ascii_punctuation());
    if runs_together { format!(" {rest}") } else { rest.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_and_lines_are_pieces() {
        let text = "Take tea instead. A clock sounds like a farewell!\n1. Wrap it in red.\n好的，可以送茶叶或者水果给他们。不要送钟表，因为谐音不吉利。";
        assert_eq!(
            pieces(text),
            [
                "Take tea instead.",
                " A clock sounds like a farewell!",
                "\n1. Wrap it in red.",
                "\n好的，可以送茶叶或者水果给他们。",
                "不要送钟表，因为谐音不吉利。"
            ]
        );
    }

    #[test]
    fn numbers_and_abbreviations_do_not_end_a_piece() {
        assert_eq!(pieces("It costs 3.50 or so at Dr.Li's."), ["It costs 3.50 or so at Dr.Li's."]);
    }

    #[test]
    fn a_text_without_marks_is_cut_at_white_space() {
        let text = "ไม่ควรแตะศีรษะ ".repeat(60);
        assert!(pieces(&text).iter().all(|piece| piece.chars().count() <= MOST_CHARS && piece.ends_with(' ')));
    }

    /// What a stream would cut, fed in `steps`.
    fn streamed(text: &str, steps: &[usize]) -> Vec<String> {
        let (mut held, mut found, mut from) = (String::new(), Vec::new(), 0);
        let take = |held: &mut String, over: bool, found: &mut Vec<String>| {
            while let Some(length) = first(held, over) {
                found.push(held.drain(..length).collect());
            }
        };
        for step in steps.iter().cycle() {
            let to = (from..=text.len()).filter(|at| text.is_char_boundary(*at)).nth(*step).unwrap_or(text.len());
            held.push_str(&text[from..to]);
            from = to;
            take(&mut held, false, &mut found);
            if from == text.len() {
                break;
            }
        }
        take(&mut held, true, &mut found);
        found
    }

    proptest! {
        #[test]
        fn the_cut_does_not_depend_on_the_deltas(text in "([a-zA-Z .!?\n\"。」ก]|。」|\\. ){0,700}", steps in proptest::collection::vec(1usize..9, 1..20)) {
            prop_assert_eq!(streamed(&text, &steps), pieces(&text));
        }

        #[test]
        fn nothing_is_lost(text in "\\PC{0,900}") {
            prop_assert_eq!(pieces(&text).concat(), text);
        }
    }
}
