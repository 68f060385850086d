//! The language of a text.

use std::sync::LazyLock;

use whatlang::{Detector, Lang};

use super::fold::fold;
use super::words::Votes;
use crate::domain::Language;

/// How much of a text is looked at, in bytes: enough to tell, little enough to cost the same for every text.
const SAMPLE: usize = 600;
/// How much of it whatlang sees, in bytes: its work grows with the trigrams.
const TRIGRAM_SAMPLE: usize = 240;
/// Fewer Latin letters than these tell no language: names and greetings are written alike in many.
const FEWEST_LATIN_LETTERS: u32 = 12;
/// The least confidence in a language among those of the Latin script, 0..=1.
const LEAST_LATIN_CONFIDENCE: f64 = 0.3;

/// Without Latin and Esperanto, in which nobody shops or travels and which short texts resemble.
static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::with_denylist(vec![Lang::Lat, Lang::Epo]));

/// How a letter is written, as far as it tells a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Latin,
    Cyrillic,
    Arabic,
    Devanagari,
    Han,
    Kana,
    /// A script of one language, or of one that outweighs the others by far.
    Sole(&'static str),
}

/// The language in which a text is written, or `None` where it cannot be told: too short, without letters, or Latin letters
/// that could be several languages.
#[must_use]
pub fn language(text: &str) -> Option<Language> {
    let sample = beginning(text.trim_start(), SAMPLE);
    let (writing, letters) = main_writing(sample)?;
    let code = match writing {
        Writing::Sole(code) => code,
        Writing::Kana => "ja",
        Writing::Han => "zh",
        Writing::Latin => latin(sample, letters)?,
        Writing::Cyrillic => cyrillic(sample),
        Writing::Arabic => arabic(sample),
        Writing::Devanagari => detected(sample, &["hi", "mr", "ne"]).unwrap_or("hi"),
    };
    code.parse().ok()
}

/// The beginning of a text of at most so many bytes, cut between two letters.
fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// The writing that carries most of a text, and the number of its letters.
fn main_writing(text: &str) -> Option<(Writing, u32)> {
    let mut tally: Vec<(Writing, u32)> = Vec::new();
    for writing in text.chars().filter_map(writing_of) {
        match tally.iter_mut().find(|(known, _)| *known == writing) {
            Some((_, count)) => *count += 1,
            None => tally.push((writing, 1)),
        }
    }
    let count = |wanted| tally.iter().find(|(writing, _)| *writing == wanted).map_or(0, |&(_, count)| count);
    // Japanese is written in both. A Chinese text may hold a brand's name in kana.
    let (han, kana) = (count(Writing::Han), count(Writing::Kana));
    let eastern = if kana * 8 > han { (Writing::Kana, han + kana) } else { (Writing::Han, han) };
    let others = tally.iter().copied().filter(|(writing, _)| !matches!(writing, Writing::Han | Writing::Kana));
    others.chain((eastern.1 > 0).then_some(eastern)).max_by_key(|&(writing, count)| count * weight(writing))
}

/// About how many Latin letters one letter of another script stands for.
fn weight(writing: Writing) -> u32 {
    match writing {
        Writing::Han | Writing::Kana | Writing::Sole("ko") => 3,
        Writing::Sole("am") => 2,
        Writing::Latin | Writing::Cyrillic | Writing::Arabic | Writing::Devanagari | Writing::Sole(_) => 1,
    }
}

fn writing_of(c: char) -> Option<Writing> {
    let writing = match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Writing::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Writing::Sole("el"),
        '\u{400}'..='\u{52f}' => Writing::Cyrillic,
        '\u{531}'..='\u{587}' => Writing::Sole("hy"),
        '\u{5d0}'..='\u{5f2}' => Writing::Sole("he"),
        '\u{620}'..='\u{6d5}' | '\u{750}'..='\u{77f}' => Writing::Arabic,
        '\u{900}'..='\u{963}' => Writing::Devanagari,
        '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{ac00}'..='\u{d7a3}' => Writing::Sole("ko"),
        '\u{1200}'..='\u{139f}' => Writing::Sole("am"),
        '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}' => Writing::Kana,
        '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => Writing::Han,
        _ => Writing::Sole(southern(c)?),
    };
    Some(writing)
}

/// The scripts of South and South-East Asia and of the Caucasus, a language each.
fn southern(c: char) -> Option<&'static str> {
    match c {
        '\u{980}'..='\u{9fb}' => Some("bn"),
        '\u{a01}'..='\u{a75}' => Some("pa"),
        '\u{a81}'..='\u{af1}' => Some("gu"),
        '\u{b01}'..='\u{b77}' => Some("or"),
        '\u{b82}'..='\u{bd7}' => Some("ta"),
        '\u{c00}'..='\u{c63}' => Some("te"),
        '\u{c80}'..='\u{cf2}' => Some("kn"),
        '\u{d00}'..='\u{d7f}' => Some("ml"),
        '\u{d81}'..='\u{df4}' => Some("si"),
        '\u{e01}'..='\u{e4e}' => Some("th"),
        '\u{e81}'..='\u{ec6}' => Some("lo"),
        '\u{f40}'..='\u{fbc}' => Some("bo"),
        '\u{1000}'..='\u{109d}' => Some("my"),
        '\u{10a0}'..='\u{10ff}' => Some("ka"),
        '\u{1780}'..='\u{17d3}' => Some("km"),
        _ => None,
    }
}

/// Frequent words decide where they are clear; whatlang's trigrams where they are not.
fn latin(text: &str, letters: u32) -> Option<&'static str> {
    let votes = Votes::of(&fold(text));
    let (code, most, next) = votes.best();
    if most >= next + 2 {
        return Some(code);
    }
    let guess = DETECTOR.detect(beginning(text, TRIGRAM_SAMPLE));
    let guess = guess.map(|info| (code_of(info.lang()), info.confidence()));
    match guess {
        Some((guessed, _)) if most >= 2 && votes.of_language(guessed) == most => Some(guessed),
        // Of languages that share their words, as Indonesian and Malay do, the more spoken one stands first.
        _ if most >= 2 && (most > next || most >= 3) => Some(code),
        Some((guessed, sure)) if letters >= FEWEST_LATIN_LETTERS && sure >= LEAST_LATIN_CONFIDENCE => Some(guessed),
        _ => None,
    }
}

/// Letters that one language alone has tell more than a guess at a short text.
fn cyrillic(text: &str) -> &'static str {
    match () {
        () if text.contains(['ї', 'є', 'ґ', 'Ї', 'Є', 'Ґ']) => "uk",
        () if text.contains(['ў', 'Ў']) && text.contains(['і', 'І']) => "be",
        () if text.contains(['қ', 'ң', 'ғ', 'ұ', 'ә', 'Қ', 'Ғ', 'Ұ', 'Ә']) => "kk",
        () if text.contains(['ө', 'ү', 'Ө', 'Ү']) => "mn",
        () if text.contains(['ѓ', 'ќ', 'ѕ', 'Ѓ', 'Ќ', 'Ѕ']) => "mk",
        () if text.contains(['ђ', 'ћ', 'ј', 'љ', 'њ', 'Ђ', 'Ћ', 'Ј', 'Љ', 'Њ']) => "sr",
        () if text.contains(['ы', 'э', 'ё', 'Ы', 'Э', 'Ё']) => "ru",
        () => detected(text, &["ru", "uk", "bg", "be", "mk", "sr"]).unwrap_or("ru"),
    }
}

fn arabic(text: &str) -> &'static str {
    match () {
        () if text.contains(['ٹ', 'ڈ', 'ڑ', 'ں', 'ے', 'ہ', 'ھ']) => "ur",
        () if text.contains(['پ', 'چ', 'ژ', 'گ', 'ی', 'ک']) => "fa",
        () if text.contains(['ة', 'ى', 'أ', 'إ', 'ي', 'ك']) => "ar",
        () => detected(text, &["ar", "fa", "ur"]).unwrap_or("ar"),
    }
}

/// The language by its trigrams, where it is one of those that are written so.
fn detected(text: &str, among: &[&str]) -> Option<&'static str> {
    let code = code_of(DETECTOR.detect(beginning(text, TRIGRAM_SAMPLE))?.lang());
    among.contains(&code).then_some(code)
}

/// ISO 639-1 for a language that whatlang names by ISO 639-3; a test sees that none is left out.
fn code_of(lang: Lang) -> &'static str {
    CODES.iter().find_map(|&(long, short)| (long == lang.code()).then_some(short)).unwrap_or_default()
}

const CODES: &[(&str, &str)] = &[
    ("epo", "eo"),
    ("eng", "en"),
    ("rus", "ru"),
    ("cmn", "zh"),
    ("spa", "es"),
    ("por", "pt"),
    ("ita", "it"),
    ("ben", "bn"),
    ("fra", "fr"),
    ("deu", "de"),
    ("ukr", "uk"),
    ("kat", "ka"),
    ("ara", "ar"),
    ("hin", "hi"),
    ("jpn", "ja"),
    ("heb", "he"),
    ("yid", "yi"),
    ("pol", "pl"),
    ("amh", "am"),
    ("jav", "jv"),
    ("kor", "ko"),
    ("nob", "nb"),
    ("dan", "da"),
    ("swe", "sv"),
    ("fin", "fi"),
    ("tur", "tr"),
    ("nld", "nl"),
    ("hun", "hu"),
    ("ces", "cs"),
    ("ell", "el"),
    ("bul", "bg"),
    ("bel", "be"),
    ("mar", "mr"),
    ("kan", "kn"),
    ("ron", "ro"),
    ("slv", "sl"),
    ("hrv", "hr"),
    ("srp", "sr"),
    ("mkd", "mk"),
    ("lit", "lt"),
    ("lav", "lv"),
    ("est", "et"),
    ("tam", "ta"),
    ("vie", "vi"),
    ("urd", "ur"),
    ("tha", "th"),
    ("guj", "gu"),
    ("uzb", "uz"),
    ("pan", "pa"),
    ("aze", "az"),
    ("ind", "id"),
    ("tel", "te"),
    ("pes", "fa"),
    ("mal", "ml"),
    ("ori", "or"),
    ("mya", "my"),
    ("nep", "ne"),
    ("sin", "si"),
    ("khm", "km"),
    ("tuk", "tk"),
    ("aka", "ak"),
    ("zul", "zu"),
    ("sna", "sn"),
    ("afr", "af"),
    ("lat", "la"),
    ("slk", "sk"),
    ("cat", "ca"),
    ("tgl", "tl"),
    ("hye", "hy"),
    ("cym", "cy"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Option<String> {
        language(text).map(|language| language.code().to_owned())
    }

    #[test]
    fn every_language_of_whatlang_has_a_code() {
        for lang in Lang::all() {
            assert_eq!(code_of(*lang).len(), 2, "{lang}");
        }
    }

    #[test]
    fn questions_in_the_most_spoken_latin_languages_are_told() {
        for (text, wanted) in [
            ("Can I bring this to the baby's party?", "en"),
            ("Is this okay to wear?", "en"),
            ("What should I say here?", "en"),
            ("May I bring one of these to the baby's hundred-day feast?", "en"),
            ("Which of these is better as a gift for my boss in Osaka?", "en"),
            ("Can I wear this to the temple", "en"),
            ("thoughts on this outfit for Diwali", "en"),
            ("I want to surprise my host in Shanghai with this green hat. What card text fits?", "en"),
            ("Kann ich das zur Hochzeit mitbringen?", "de"),
            ("Passt dieses Kleid für den Tempel?", "de"),
            ("Ist das ein gutes Geschenk für meinen Chef in Tokio?", "de"),
            ("Est-ce que je peux porter ça au temple ?", "fr"),
            ("Quel cadeau pour mon hôte à Pékin ?", "fr"),
            ("Je voudrais offrir ces fleurs à ma belle-mère.", "fr"),
            ("¿Puedo llevar esto a la boda?", "es"),
            ("¿Qué le llevo entonces al padre de mi novia?", "es"),
            ("Quiero regalar esto a mi jefe", "es"),
            ("Posso levar isto para o casamento?", "pt"),
            ("O que devo vestir para visitar o templo?", "pt"),
            ("Posso portare questo al matrimonio?", "it"),
            ("Che regalo va bene per il mio capo a Tokyo?", "it"),
        ] {
            assert_eq!(code(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn questions_in_other_latin_languages_are_told() {
        for (text, wanted) in [
            ("Kan ik dit meenemen naar de bruiloft?", "nl"),
            ("Is dit een goed cadeau voor mijn baas?", "nl"),
            ("Bunu düğüne götürebilir miyim?", "tr"),
            ("Japonya'da patronuma ne hediye alabilirim?", "tr"),
            ("Bolehkah saya membawa ini ke pesta pernikahan?", "id"),
            ("Bolehkah saya memakai ini ke kantor di Riyadh besok pagi?", "id"),
            ("Apakah pakaian ini cocok untuk ke pura di Bali?", "id"),
            ("Tôi có thể mang cái này đến đám cưới không?", "vi"),
            ("Czy mogę zabrać to na wesele?", "pl"),
            ("Co kupić szefowi w Tokio na prezent?", "pl"),
            ("Můžu si tohle vzít na svatbu?", "cs"),
            ("Pot să aduc asta la nuntă?", "ro"),
            ("Elvihetem ezt az esküvőre?", "hu"),
            ("Kan jag ta med det här till bröllopet?", "sv"),
            ("Kan jeg tage dette med til brylluppet?", "da"),
            ("Voinko tuoda tämän häihin?", "fi"),
            ("Pwede ko bang dalhin ito sa kasal?", "tl"),
            ("Mogu li ovo ponijeti na vjenčanje?", "hr"),
            ("Je, naweza kuleta hii kwenye harusi?", "sw"),
            ("Ma keeni karaa tan arooska?", "so"),
            ("Zan iya kawo wannan a biki?", "ha"),
            ("Bolehkah saya bawa ini ke majlis perkahwinan?", "ms"),
        ] {
            assert_eq!(code(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn questions_in_other_scripts_are_told() {
        for (text, wanted) in [
            ("Mặc cái này đi chùa được không?", "vi"),
            ("Ṣe mo lè mú èyí wá sí ìgbéyàwó?", "yo"),
            ("Μπορώ να το φέρω στο γάμο;", "el"),
            ("Можно это на свадьбу?", "ru"),
            ("Чи можна принести це на весілля?", "uk"),
            ("Мога ли да донеса това на сватбата?", "bg"),
            ("क्या मैं इसे शादी में ला सकता हूँ?", "hi"),
            ("मी हे लग्नाला आणू शकतो का?", "mr"),
            ("के म यो बिहेमा ल्याउन सक्छु?", "ne"),
            ("هل يمكنني إحضار هذا إلى حفل الزفاف؟", "ar"),
            ("آیا می‌توانم این را به عروسی بیاورم؟", "fa"),
            ("کیا میں یہ شادی میں لا سکتا ہوں؟", "ur"),
            ("中国朋友结婚送什么好？", "zh"),
            ("これを持って行ってもいいですか", "ja"),
            ("이걸 가져가도 되나요?", "ko"),
            ("ใส่ชุดนี้ไปวัดได้ไหม", "th"),
            ("ይህን ወደ ሰርግ ማምጣት እችላለሁ?", "am"),
            ("এটা কি বিয়েতে আনতে পারি?", "bn"),
            ("האם אפשר להביא את זה לחתונה?", "he"),
            ("இதை திருமணத்திற்கு கொண்டு வரலாமா?", "ta"),
            ("តើខ្ញុំអាចយកវាទៅបានទេ?", "km"),
            ("ຂ້ອຍເອົາອັນນີ້ໄປໄດ້ບໍ?", "lo"),
            ("შემიძლია ამის მოტანა?", "ka"),
            ("Կարո՞ղ եմ սա բերել", "hy"),
            ("Мен мұны тойға апара аламын ба?", "kk"),
        ] {
            assert_eq!(code(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn short_or_strange_texts_tell_nothing() {
        for text in
            ["", "ok", "ok thanks", "Osaka Tokyo Kyoto", "IMG_2031.jpg", "iPhone 15 Pro Max", "12345 !?", "🎁🎁"]
        {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn the_writing_that_carries_the_text_counts() {
        for (text, wanted) in [
            ("我可以带 iPhone 去 restaurant 吗？", "zh"),
            ("What does 福 mean on a door?", "en"),
            ("東京の寺で帽子は必要ですか", "ja"),
            ("พาแฟนไป Starbucks ที่วัดได้ไหม", "th"),
        ] {
            assert_eq!(code(text).as_deref(), Some(wanted), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,200}", other in any::<String>()) {
            let _ = (language(&text), language(&other));
        }
    }
}
