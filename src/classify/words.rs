//! Words: which labels fit a cue, and whether a question points at something. `models/FEATURES.md`, sections 1 and 5, defines every rule here.

use std::collections::BTreeSet;

/// The words of a text: lower-cased, split at what is neither letter nor digit, made singular.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(singular).collect()
}

/// The singular of an English word, as far as its ending tells it.
fn singular(word: &str) -> String {
    let letters = word.chars().count();
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if let Some(stem) = word.strip_suffix("ies").filter(|_| letters > 4) {
        return format!("{stem}y");
    }
    if let Some(stem) = word.strip_suffix("es").filter(|_| ends(&["sses", "shes", "ches", "xes", "zes"])) {
        return stem.to_owned();
    }
    let plural = letters > 3 && !ends(&["ss", "us", "is"]);
    word.strip_suffix('s').filter(|_| plural).unwrap_or(word).to_owned()
}

/// Whether a label fits a cue: one's words are all among the other's.
pub(super) fn fits(label: &BTreeSet<String>, cue: &BTreeSet<String>) -> bool {
    !label.is_empty() && !cue.is_empty() && (cue.is_subset(label) || label.is_subset(cue))
}

/// The name of a thing: its words, and the last of them, which says what it is.
#[derive(Debug, Clone)]
pub(super) struct Name {
    words: BTreeSet<String>,
    head: String,
}

impl Name {
    /// The words of a name.
    pub(super) fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        let head = lower.rsplit(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
        Self { words: words(text), head: head.map(singular).unwrap_or_default() }
    }

    /// Whether the thing is one that a cue asks for: the cue says what it is, and nothing that it may not be. A label need not be as special as the cue; a
    /// thing must be, or every bottle would be one of wine. Nor is a wine glass wine.
    pub(super) fn answers(&self, cue: &BTreeSet<String>) -> bool {
        cue.contains(&self.head) && cue.is_subset(&self.words)
    }
}

/// Whether a question points at something: "may I bring *this*?"
pub(super) fn points(query: &str) -> bool {
    let lower = query.to_lowercase();
    runs(&lower).any(|word| POINTING_WORDS.contains(&word))
        || POINTING_PHRASES.iter().any(|phrase| lower.contains(phrase))
}

/// How much a question says beside its pointing, in letters and digits. One of a script that writes a syllable or a word with a single character
/// counts for three.
pub(super) fn content(query: &str) -> usize {
    let mut lower = query.to_lowercase();
    for phrase in POINTING_PHRASES {
        lower = lower.replace(phrase, " ");
    }
    let said = runs(&lower).filter(|word| !POINTING_WORDS.contains(word));
    said.flat_map(str::chars).filter(|c| c.is_alphanumeric()).map(|c| if c >= '\u{0e00}' { 3 } else { 1 }).sum()
}

/// What stands between white space and punctuation: letters with their vowel signs stay whole that way.
fn runs(lower: &str) -> impl Iterator<Item = &str> {
    let parts = |c: char| c.is_whitespace() || c.is_ascii_punctuation() || PUNCTUATION.contains(c);
    lower.split(parts).filter(|word| !word.is_empty())
}

/// The punctuation that parts words beside that of ASCII.
const PUNCTUATION: &str = "¿¡«»“”„‘’‹›、。，！？：；（）「」『』《》…—–।؟،؛٬·";

#[rustfmt::skip]
const POINTING_WORDS: &[&str] = &[
    "this", "these", "those", "pictured",
    "este", "esta", "esto", "estos", "estas", "ese", "esa", "eso", "esos", "esas",
    "isto", "isso", "esse", "essa", "esses", "essas",
    "ce", "cet", "cette", "ces", "ceci", "cela", "ça",
    "questo", "questa", "questi", "queste", "quest",
    "dies", "diese", "dieser", "dieses", "diesen", "diesem",
    "deze", "dit",
    "tego", "tym", "tę", "tej",
    "это", "этот", "эта", "эти", "эту", "этого", "этой", "этих", "этим", "этом",
    "bu", "bunu", "bunun", "bunlar", "bunları", "şu", "şunu",
    "هذا", "هذه", "هذي", "هذول", "هؤلاء", "هاي", "هاد", "هاذا", "بهذا", "بهذه", "لهذا", "لهذه",
    "این", "اینها", "اینو", "همین",
    "یہ", "اس", "ان",
    "זה", "זאת", "זו", "אלה", "הזה", "הזאת",
    "ini",
    "này",
    "hii", "hiki", "hizi", "huyu", "hili", "haya",
    "ito", "nito", "itong",
    "ይህ", "ይህን", "ይሄ", "ይሄን", "ይህንን", "እነዚህ", "እነዚህን",
    "यह", "ये", "इस", "इसे", "इन", "इन्हें", "इनमें", "इसको",
    "এটা", "এটি", "এই", "এগুলো",
    "αυτό", "αυτή", "αυτά", "αυτόν", "αυτήν",
];

#[rustfmt::skip]
const POINTING_PHRASES: &[&str] = &[
    "one of them", "in the photo", "in the picture",
    "這", "这", "圖中", "图中", "照片里",
    "これ", "この", "こちら", "こういう", "写真の",
    "이거", "이것", "이걸", "이런", "이건", "이게", "사진 속",
    "นี้", "ในรูป",
    "இது", "இந்த", "இதை",
    "ဒီ",
    "នេះ",
    "ນີ້",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_become_singular() {
        for (word, expected) in [
            ("watches", "watch"),
            ("glasses", "glass"),
            ("shoes", "shoe"),
            ("cherries", "cherry"),
            ("ties", "tie"),
            ("boxes", "box"),
            ("bus", "bus"),
            ("gas", "gas"),
            ("cactus", "cactus"),
            ("dress", "dress"),
            ("tennis", "tennis"),
        ] {
            assert_eq!(singular(word), expected, "{word}");
        }
    }

    #[test]
    fn a_label_fits_a_cue_when_one_names_the_other() {
        let fit = |label: &str, cue: &str| fits(&words(label), &words(cue));
        assert!(fit("wall clock", "clock") && fit("clock", "wall clock") && fit("wine bottle", "Wine Bottles"));
        assert!(!fit("wall clock", "wall socket") && !fit("", "clock") && !fit("clock", "—"));
    }

    #[test]
    fn pointing_is_seen_in_many_languages() {
        for query in [
            "May I bring one of THESE?",
            "What should I do with one of them?",
            "¿Puedo llevar esto?",
            "Puis-je offrir ça ?",
            "这个可以送人吗",
            "これをあげてもいい？",
            "이거 선물해도 돼요?",
            "ใส่ชุดนี้ได้ไหม",
            "क्या मैं इन्हें ले जाऊँ?",
            "এটি কি নেওয়া যাবে?",
            "ይህን ልስጥ?",
            "هل أهدي هذه؟",
            "Tôi mặc cái này được không?",
            "இதை தரலாமா?",
        ] {
            assert!(points(query), "{query}");
        }
        for query in ["Where is the station?", "钟楼几点开门", "thistle seeds", "駅はどこ"] {
            assert!(!points(query), "{query}");
        }
    }

    #[test]
    fn content_is_what_is_said_beside_the_pointing() {
        assert_eq!(content("This?"), 0);
        assert_eq!(content("OK in the photo?"), 2);
        assert_eq!(content("这好吗"), 6);
        assert!(content("May I bring these to the wedding?") > 12);
    }
}
