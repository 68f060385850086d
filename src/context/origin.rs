//! Words beside a name which say that somebody or something comes from there.
//!
//! "I'm from Texas" does not ask about Texas. Where another place is named in the same text, that one is meant.
//! The list is short on purpose: an unknown marker costs a second country in play, a wrong one would lose the right country.

use super::edges::is_spaced_letter;

/// Before the name, a space or nothing between. Folded.
const BEFORE: &[&str] = &[
    // English
    "from",
    "native of",
    "citizen of",
    "born in",
    "raised in",
    "grew up in",
    // German, Dutch, Swedish, Danish and Norwegian
    "aus",
    "uit",
    "från",
    "fra",
    // French
    "viens de",
    "viens du",
    "viens des",
    "viens d'",
    "venons de",
    "venons du",
    "venons des",
    "venons d'",
    "vient de",
    "vient du",
    "vient d'",
    "originaire de",
    "originaire du",
    "originaire d'",
    "originaires de",
    "venant de",
    "venant du",
    "venant d'",
    // Spanish
    "soy de",
    "somos de",
    "vengo de",
    "venimos de",
    "vengo desde",
    "originario de",
    "originaria de",
    "procedente de",
    // Portuguese
    "sou de",
    "sou do",
    "sou da",
    "somos do",
    "somos da",
    "venho de",
    "venho do",
    "venho da",
    "viemos de",
    "viemos do",
    "viemos da",
    "vim de",
    "vim do",
    "vim da",
    // Italian
    "vengo da",
    "vengo dal",
    "vengo dalla",
    "vengo dall'",
    "vengo dagli",
    "veniamo da",
    "veniamo dal",
    "sono di",
    // Polish, Czech, Romanian, Greek
    "jestem z",
    "jestem ze",
    "pochodzę z",
    "pochodzę ze",
    "przyjechałem z",
    "przyjechałam z",
    "jsem z",
    "jsem ze",
    "pocházím z",
    "din",
    "από",
    // Russian, Ukrainian, Bulgarian
    "из",
    "із",
    "родом з",
    "приїхав з",
    "приїхала з",
    "от",
    // Indonesian and Malay, Vietnamese, Tagalog, Swahili
    "dari",
    "từ",
    "taga",
    "mula sa",
    "galing sa",
    "kutoka",
    "natoka",
    "ninatoka",
    "tunatoka",
    // Arabic, Persian, Hebrew, Amharic
    "من",
    "از",
    "اهل",
    "מ",
    "ከ",
    // Chinese, Thai, Lao, Khmer, Burmese has it behind
    "来自",
    "來自",
    "从",
    "從",
    "มาจาก",
    "เป็นคน",
    "จาก",
    "ມາຈາກ",
    "មកពី",
];

/// Behind the name, a space or nothing between. Folded.
const BEHIND: &[&str] = &[
    // Turkish and Azerbaijani
    "'dan",
    "'den",
    "'tan",
    "'ten",
    "'liyim",
    "'luyum",
    "'lüyüm",
    // Japanese
    "出身",
    "から来",
    "からき",
    "から参",
    "から訪",
    // Korean
    "에서 온",
    "에서 왔",
    "에서온",
    "에서왔",
    "출신",
    // Hindi, Nepali and Marathi, Urdu, Bengali, Burmese
    "से हू",
    "से हैं",
    "से आया",
    "से आई",
    "से आए",
    "का रहने",
    "की रहने",
    "का रहनेवाल",
    "سے هوں",
    "سے ايا",
    "থেকে",
    "က လာ",
];

/// Articles between a marker and the name.
const ARTICLES: &[&str] = &["the", "der", "dem", "den", "la", "le", "les", "el", "los", "las", "l'"];

/// Whether the words beside a name say that somebody comes from there.
pub(super) fn is_origin(left: &str, right: &str) -> bool {
    let left = left.trim_end();
    let bare = ARTICLES.iter().find_map(|article| word_before(left, article));
    marked_before(left) || bare.is_some_and(|left| marked_before(left.trim_end())) || marked_behind(right)
}

/// Whether a name goes on about the place named before it: "Austin, Texas", `美国德州`.
pub(super) fn goes_on(gap: &str) -> bool {
    matches!(gap.trim(), "" | "," | "、" | "，" | "،" | "(" | "（")
}

fn marked_before(left: &str) -> bool {
    BEFORE.iter().any(|marker| word_before(left, marker).is_some())
}

fn marked_behind(right: &str) -> bool {
    let near = right.strip_prefix(' ').unwrap_or(right);
    BEHIND.iter().any(|marker| near.starts_with(marker))
}

/// What stands before `word` where `left` ends with it, and with all of it.
fn word_before<'a>(left: &'a str, word: &str) -> Option<&'a str> {
    left.strip_suffix(word).filter(|rest| !(rest.ends_with(is_spaced_letter) && word.starts_with(is_spaced_letter)))
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::*;

    #[test]
    fn the_lists_are_folded() {
        for marker in BEFORE.iter().chain(BEHIND).chain(ARTICLES) {
            assert_eq!(fold(marker), *marker);
        }
    }

    #[test]
    fn origins_are_told() {
        for (left, right) in [
            ("i'm from ", " and"),
            ("fresh from the ", ""),
            ("ich komme aus der ", ""),
            ("我来自", "，"),
            ("je viens d'", ""),
            ("", "'dan geliyorum"),
            ("", "から来ました"),
            ("मैं ", " से हूँ"),
            ("אני מ", ""),
            ("ผมมาจาก", ""),
            ("", "에서 왔어요"),
        ] {
            assert!(is_origin(left, right), "{left}[]{right}");
        }
    }

    #[test]
    fn other_words_are_no_markers() {
        for (left, right) in [
            ("in ", ""),
            ("haus ", ""),
            ("afrom ", ""),
            ("to the ", ""),
            ("在", ""),
            ("", "に行く"),
            ("le roi de ", ""),
        ] {
            assert!(!is_origin(left, right), "{left}[]{right}");
        }
    }
}
