//! Where a name may begin and end within a text: the scripts differ.

/// How a script shows where a word begins and ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Words stand apart: Latin, Cyrillic, Greek, Devanagari, Armenian, ...
    Spaced,
    /// As [`Script::Spaced`], with one-letter words written onto the next.
    Arabic,
    Hebrew,
    Ethiopic,
    /// Words stand apart, particles are written onto their end.
    Hangul,
    /// Words run on, but a change of script parts them.
    Katakana,
    /// Words run on: Han, Hiragana, Thai, Lao, Khmer, Myanmar, Tibetan.
    Unspaced,
}

/// "And", "in", "for", "like" and the article, in the orders in which they are joined. Folded, as all texts are here.
const ARABIC_PREFIXES: &[&str] = &[
    "و", "ف", "ب", "ل", "ك", "ال", "لل", "وب", "ول", "وك", "فب", "فل", "فك", "وال", "فال", "بال", "كال", "وبال",
    "فبال", "وكال", "ولل", "فلل",
];
/// "And", "in", "to", "from", "that", "as", "the" and their joins.
const HEBREW_PREFIXES: &[&str] = &[
    "ו", "ב", "ל", "מ", "ש", "כ", "ה", "וב", "ול", "ומ", "וש", "וכ", "וה", "שב", "של", "שמ", "שה", "מה", "כש", "כשב",
    "ושב", "לכ", "בה", "לה",
];
/// "In", "from", "to", "of", "about", "like", "as far as".
const ETHIOPIC_PREFIXES: &[&str] = &["በ", "ከ", "ለ", "የ", "ስለ", "እንደ", "እስከ", "በየ", "የበ", "የከ", "ከነ", "እነ"];
/// The object's mark, "too" and "and".
const ETHIOPIC_SUFFIXES: &[&str] = &["ን", "ም", "ና", "ንም"];
/// Particles, and the nouns that are most often written onto a country's name. Not "language" (`어`, `말`).
const HANGUL_SUFFIXES: &[&str] = &[
    "에",
    "에서",
    "에는",
    "에도",
    "에선",
    "에서는",
    "에서도",
    "에서의",
    "에만",
    "에게",
    "의",
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "로",
    "으로",
    "로는",
    "으로는",
    "로도",
    "으로도",
    "와",
    "과",
    "와의",
    "과의",
    "랑",
    "이랑",
    "하고",
    "도",
    "만",
    "까지",
    "까지는",
    "부터",
    "처럼",
    "보다",
    "이나",
    "나",
    "이라",
    "라",
    "라면",
    "이라면",
    "인데",
    "이고",
    "이다",
    "입니다",
    "이에요",
    "예요",
    "인",
    "인들",
    "인이",
    "인은",
    "인의",
    "인과",
    "인에게",
    "식",
    "식으로",
    "산",
    "행",
    "사람",
    "사람들",
    "사람들은",
    "사람은",
    "사람이",
    "사람에게",
    "여행",
    "여행을",
    "여행에서",
    "여행에",
    "여행은",
    "여행할",
    "여행가는",
    "음식",
    "음식을",
    "요리",
    "문화",
    "문화에서",
    "문화에서는",
    "친구",
    "친구에게",
    "친구가",
    "친구의",
    "현지",
    "현지인",
    "시내",
    "공항",
    "전통",
    "출신",
    "출신인",
    "출신이에요",
    "출신입니다",
    "결혼식",
    "결혼식에",
    "에서온",
    "쪽",
    "쪽에서는",
];
/// Khmer and Myanmar signs that put the next letter below the one before.
const STACKERS: &[char] = &['\u{17d2}', '\u{1039}'];

/// Whether `name`, found between `left` and `right`, stands there as a name and not as a piece of another word.
pub(super) fn stands(left: &str, name: &str, right: &str) -> bool {
    let (Some(first), Some(last)) = (name.chars().next(), name.chars().next_back()) else { return false };
    begins(left, first, name) && ends(right, last, name) && !is_tongue(left, right)
}

fn begins(left: &str, first: char, name: &str) -> bool {
    let script = script_of(first);
    let glued = left.get(glued_before(left, script)..).unwrap_or_default();
    match script {
        Script::Spaced | Script::Hangul | Script::Katakana => glued.is_empty(),
        Script::Arabic => glued.is_empty() || ARABIC_PREFIXES.contains(&glued) && takes_prefix(glued, name),
        Script::Hebrew => glued.is_empty() || HEBREW_PREFIXES.contains(&glued),
        Script::Ethiopic => glued.is_empty() || ETHIOPIC_PREFIXES.contains(&glued),
        // A vowel written before its consonant belongs to the consonant that it precedes.
        Script::Unspaced => !left.ends_with(is_leading_vowel) && !left.ends_with(STACKERS),
    }
}

/// The article does not stand before an article, nor before a name so short that the join is an everyday word
/// (`المالي` is "the financial one", not Mali).
fn takes_prefix(prefix: &str, name: &str) -> bool {
    let with_article = prefix.ends_with("ال") || prefix.ends_with("لل");
    !with_article || (!name.starts_with("ال") && name != "مالي")
}

fn ends(right: &str, last: char, name: &str) -> bool {
    let script = script_of(last);
    let glued = right.get(..glued_after(right, script)).unwrap_or_default();
    match script {
        Script::Spaced | Script::Arabic | Script::Hebrew => glued.is_empty(),
        Script::Ethiopic => glued.is_empty() || ETHIOPIC_SUFFIXES.contains(&glued),
        Script::Hangul => glued.is_empty() || HANGUL_SUFFIXES.contains(&glued),
        // Two kana begin too many other words: `タイ` is Thailand, `タイプ` is a type.
        Script::Katakana => glued.is_empty() || name.chars().count() > 2 && !right.starts_with('ー'),
        Script::Unspaced => !right.starts_with(is_syllable_rest),
    }
}

/// Where the letters that are written onto the beginning of a word begin.
fn glued_before(left: &str, script: Script) -> usize {
    let outside = left.char_indices().rev().find(|&(_, c)| !joins(c, script));
    outside.map_or(0, |(at, c)| at + c.len_utf8())
}

/// Where the letters that are written onto the end of a word end.
fn glued_after(right: &str, script: Script) -> usize {
    right.find(|c| !joins(c, script)).unwrap_or(right.len())
}

/// Whether a letter next to a word in `script` belongs to that word.
fn joins(c: char, script: Script) -> bool {
    match script {
        Script::Unspaced => false,
        Script::Katakana | Script::Hangul => script_of(c) == script,
        Script::Spaced | Script::Arabic | Script::Hebrew | Script::Ethiopic => is_spaced_letter(c),
    }
}

/// A letter, digit or mark of a script whose words stand apart.
pub(super) fn is_spaced_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let apart = !matches!(script_of(c), Script::Hangul | Script::Katakana | Script::Unspaced);
    apart && (c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c))
}

fn script_of(c: char) -> Script {
    match c {
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' => Script::Arabic,
        '\u{1200}'..='\u{139f}' => Script::Ethiopic,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}' => Script::Hangul,
        '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => Script::Katakana,
        '\u{e00}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{30a0}'
        | '\u{30fb}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Script::Unspaced,
        _ => Script::Spaced,
    }
}

/// Thai and Lao vowels that are written before the consonant they are spoken after.
fn is_leading_vowel(c: char) -> bool {
    matches!(c, 'เ'..='ไ' | 'ເ'..='ໄ')
}

/// Marks and vowels that belong to the syllable before them.
fn is_syllable_rest(c: char) -> bool {
    matches!(c, 'ะ' | 'า' | 'ำ' | 'ๅ' | 'ະ' | 'າ' | 'ຳ') || unicode_normalization::char::is_combining_mark(c)
}

/// Whether the name stands for a language: "answer in ..." says nothing about a place.
fn is_tongue(left: &str, right: &str) -> bool {
    const BEFORE: &[&str] = &["ภาษา", "ພາສາ", "ភាសា", "bahasa ", "tiếng "];
    BEFORE.iter().any(|word| left.ends_with(word)) || right.starts_with(['語', '语'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `left[name]right`
    fn check(text: &str) -> bool {
        let (left, rest) = text.split_once('[').unwrap();
        let (name, right) = rest.split_once(']').unwrap();
        stands(left, name, right)
    }

    #[test]
    fn names_stand() {
        for text in [
            "to [japan]!",
            "[japan]",
            "去[tokyo]玩",
            "[tokyo]에서",
            "[japonya]'da",
            "[jepang]-lah",
            "l'[inde]",
            "今天在[日本]旅行",
            "ไป[ไทย]กับ",
            "[タイ]で",
            "北[インド]カレー",
            "و[مصر]",
            "وب[الصين]",
            "ب[اليابان]؟",
            "ال[هند]",
            "ב[יפן]",
            "በ[ኢትዮጵያ]",
            "[ኢትዮጵያ]ን",
            "[한국]에서는 ",
            "[일본]인 친구",
            "[भारत] में",
            "[भारत]।",
            "[中国]人",
            "2024[日本]",
        ] {
            assert!(check(text), "{text}");
        }
    }

    #[test]
    fn pieces_of_other_words_do_not() {
        for text in [
            "r[oman]",
            "[mali]cious",
            "[oman]2",
            "ネク[タイ]",
            "[タイ]プ",
            "ア[ドバイ]ス",
            "เ[ลาว]",
            "[จีน]ี",
            "ال[مالي]",
            "كت[مصر]",
            "[مصر]ف",
            "[भारत]ी",
            "신[한국]",
            "[한국]어로",
            "[日本]語で",
            "ภาษา[ไทย]",
            "bahasa [indonesia]",
            "[יפן]ית",
            "ወገ[ኢትዮጵያ]",
            "[росси]и",
        ] {
            assert!(!check(text), "{text}");
        }
    }
}
