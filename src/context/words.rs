//! Frequent words of the languages in Latin letters: in a short question they tell more than trigrams do.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A language and words that nearly every question in it holds. Folded; shared words stand with each of their languages.
const LANGUAGES: &[(&str, &str)] = &[
    (
        "en",
        "the a an is are this that these to of and in on for with what which how should can could may do does i my me you it be or at wear bring gift if would will when there we they from",
    ),
    (
        "es",
        "el la los las un una es esta este esto estos que qué cómo para por con mi me puedo debo en de del al y o si se su le lo llevar regalo regalar quiero cuál está hay cuando",
    ),
    (
        "fr",
        "le la les un une est ce cet cette ces que quel quelle comment pour par avec mon ma mes je puis peux dois en dans de du des au et ou si on il à ça porter cadeau voudrais offrir chez pas quand",
    ),
    (
        "pt",
        "o a os as um uma é esta este isto isso que como para por com meu minha posso devo em no na de do da ao e ou se eu levar presente qual quero não usar à quando",
    ),
    (
        "it",
        "il lo la gli le un una è questo questa questi che come per con mio mia posso devo in nel nella di del della al e o se si portare regalo quale vorrei non da va cosa quando",
    ),
    (
        "de",
        "der die das ein eine einen ist dies diese dieses dieser zu zum zur und in im für mit was welche wie soll kann darf ich mein meine meinen meiner es oder ob auf den dem mitbringen geschenk nicht wenn bei",
    ),
    (
        "nl",
        "de het een is dit dat deze te naar van en in op voor met wat welke hoe moet kan mag ik mijn of meenemen cadeau niet als bij zijn",
    ),
    (
        "sv",
        "en ett är det den detta här till av och i på för med vad vilken hur ska kan får jag min mitt mina om present inte att när som",
    ),
    (
        "da",
        "en et er det den dette til af og i på for med hvad hvilken hvordan skal kan må jeg min mit mine om gave ikke at når som tage",
    ),
    (
        "nb",
        "en et er det den dette til av og i på for med hva hvilken hvordan skal kan må jeg min mitt mine om gave ikke å når som",
    ),
    (
        "fi",
        "on tämä tämän ja mitä mikä miten voin voinko saanko pitäisikö minun minä se että jos lahja kun ei olla onko häihin",
    ),
    (
        "pl",
        "jest to ten ta te czy na do w z i dla co jaki jaka jak mogę powinienem mój moja moje ja się prezent nie że kiedy o po wziąć",
    ),
    (
        "cs",
        "je to ten ta tyto na do v s a pro co jaký jaká jak mohu můžu mám můj moje já se si dárek ne že když nebo tohle",
    ),
    (
        "hr",
        "je to ovo ovaj ova na do u s i za što koji koja kako mogu smijem li moj moja ja se poklon ne da kada ili trebam",
    ),
    (
        "ro",
        "este acest această asta aceste la de și în pe pentru cu ce care cum pot ar trebui meu mea eu să se un o cadou nu dacă când sau",
    ),
    (
        "hu",
        "a az ez ezt egy és vagy hogy mit milyen hogyan lehet szabad kell nekem én van nem ha ajándék esküvőre vihetem is mi",
    ),
    (
        "tr",
        "da de nin bu bunu bir ve için ile ne hangi nasil mi mu mü miyim muyum müyüm ben benim var yok değil hediye olur uygun eğer götürebilir gibi daha çok",
    ),
    (
        "id",
        "ini itu yang apa apakah bolehkah boleh bagaimana saya untuk ke di dari dengan dan atau bisa bisakah adalah tidak kalau hadiah pakai membawa bawa ada pada aku cocok",
    ),
    (
        "vi",
        "tôi có thể không này cái cho được là và với đến của nên gì như thế nào mang mặc đi trong khi ở nếu quà tặng mình một những",
    ),
    (
        "tl",
        "ang ng mga sa ba ko ako ito ay na at para po pwede dapat kung ano paano bang regalo hindi dalhin ni si isang",
    ),
    (
        "ms",
        "ini itu yang apa adakah boleh bolehkah bagaimana saya untuk ke di dari dengan dan atau ialah tidak kalau hadiah pakai bawa majlis perkahwinan kenduri",
    ),
    (
        "sw",
        "ni na ya wa kwa hii hiki hizi je naweza ninaweza nini gani vipi mimi yangu katika kwenye kama au si zawadi kuvaa kuleta za la cha vya kwamba",
    ),
    ("so", "waa waxaan ma ka ku u iyo tan kan karaa keeni maxaa sidee aniga ama hadiyad leh oo la aan"),
    ("ha", "na da a zan iya wannan don ko ni mene yaya shin ba kyauta ga wajen zuwa ne ce biki"),
    ("yo", "ṣe mo lè wá sí èyí kí ni fún àti tàbí báwo ẹ̀bùn mi wọ ó"),
];
/// Each word and its languages, a bit each in the order of [`LANGUAGES`].
static WORDS: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    for (at, (_, list)) in LANGUAGES.iter().enumerate() {
        for word in list.split(' ') {
            *words.entry(word).or_default() |= 1_u32 << at;
        }
    }
    words
});

/// How many words of a text are frequent in each language.
pub(super) struct Votes([u32; LANGUAGES.len()]);

impl Votes {
    /// Counts the words of a folded text.
    pub(super) fn of(folded: &str) -> Self {
        let mut votes = [0; LANGUAGES.len()];
        for word in folded.split(|c: char| !c.is_alphabetic() && !unicode_normalization::char::is_combining_mark(c)) {
            let languages = WORDS.get(word).copied().unwrap_or_default();
            for (at, count) in votes.iter_mut().enumerate() {
                *count += languages >> at & 1;
            }
        }
        Self(votes)
    }

    /// The votes for one language.
    pub(super) fn of_language(&self, code: &str) -> u32 {
        let named = LANGUAGES.iter().zip(self.0).find(|((name, _), _)| *name == code);
        named.map_or(0, |(_, count)| count)
    }

    /// The language with the most votes, its votes, and those of the next.
    pub(super) fn best(&self) -> (&'static str, u32, u32) {
        let mut best = ("", 0, 0);
        for ((code, _), count) in LANGUAGES.iter().zip(self.0) {
            if count > best.1 {
                best = (*code, count, best.1);
            } else {
                best.2 = best.2.max(count);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::*;

    #[test]
    fn the_words_are_folded_and_counted() {
        let votes = Votes::of(&fold("¿Puedo llevar esto a la boda?"));
        assert_eq!(votes.best().0, "es");
        assert!(votes.of_language("es") > votes.of_language("pt"));
        assert_eq!(Votes::of("").best(), ("", 0, 0));
    }
}
