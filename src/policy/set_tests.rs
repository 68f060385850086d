//! Reading packs: what holds, what is refused, and where it says so.

use proptest::prelude::*;

use super::*;
use crate::domain::Action;
use crate::policy::fixture::{self, context};

fn read(pack: &str) -> (Option<PolicySet>, Vec<Problem>) {
    PolicySet::read(&[Source { path: "policies/CN.toml", text: pack }])
}

fn told(pack: &str) -> Vec<String> {
    read(pack).1.iter().map(ToString::to_string).collect()
}

/// The one problem of the good pack with `from` replaced by `to`.
fn told_after(from: &str, to: &str) -> String {
    let pack = fixture::PACK.replacen(from, to, 1);
    assert_ne!(pack, fixture::PACK, "`{from}` is in the pack");
    let told = told(&pack);
    assert_eq!(told.len(), 1, "{told:#?}");
    told.concat()
}

#[test]
fn a_good_pack_has_no_problem() {
    let (set, problems) = read(fixture::PACK);
    assert_eq!(problems, []);
    let set = set.unwrap();
    let pack = set.pack("CN".parse().unwrap()).unwrap();
    let ids: Vec<_> = pack.norms.iter().map(|norm| norm.id.to_string()).collect();
    assert_eq!(ids, ["CN/clock-as-gift", "CN/open-debate"]);
    assert_eq!((pack.cases.len(), pack.cases[0].line), (8, 20));
    let actions: Vec<_> = fixture::actions(&set).into_iter().map(|(_, action)| action).collect();
    assert_eq!(actions, [Action::Rewrite, Action::Observe]);
}

#[test]
fn what_comes_with_comity_is_sound() {
    let (set, problems) = PolicySet::embedded();
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    let set = set.unwrap();
    let countries: Vec<String> = set.countries().map(|country| country.to_string()).collect();
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned())).collect();
    files.retain(|name| name.len() == 2);
    files.sort();
    assert_eq!(countries, files, "every pack of the folder comes with the program");
    for (norm, action) in fixture::actions(&set) {
        assert!(norm.strength != crate::domain::Strength::Contested || action == Action::Observe, "{}", norm.id);
    }
}

#[test]
fn three_mistakes_give_three_problems_with_their_places() {
    let pack = fixture::PACK
        .replacen("strength = \"taboo\"", "strength = \"tabu\"", 1)
        .replacen("see = [\"clock\"]", "see = [\"a very old clock\"]", 1)
        .replacen("at_stake = false", "at_steak = false\nat_stake = false", 1);
    let (set, problems) = read(&pack);
    assert!(set.is_none());
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "policies/CN.toml:10:12: error: `tabu` is no strength: use one of law, taboo, strong, custom, contested",
            "policies/CN.toml:15:8: error: `a very old clock` has 4 words: name the thing as a picture labeller would, in 3 words \
             at most",
            "policies/CN.toml:33:1: error: `at_steak` is not known here: use `query`, `language`, `picture`, `country` or \
             `at_stake`",
        ]
    );
}

#[test]
fn each_mistake_is_told_at_its_place() {
    let cases = [
        ("country = \"CN\"", "country = \"TH\"", "2:11: error: the file is named CN.toml and speaks of TH"),
        ("format = 1", "format = 2", "1:10: error: this is out of range: use 1 to 1"),
        ("name = \"China\"", "name = \" \"", "3:8: error: this text is empty"),
        ("says.zh = \"多数家庭不拿钟送礼。\"\n", "", "11:1: error: `says.zh` is missing"),
        ("\"clock-as-gift\"", "\"Clock\"", "8:6: error: `Clock` is not an id"),
        ("\"open-debate\"", "\"clock-as-gift\"", "44:6: error: line 8 has this id, too"),
        ("threshold = 0.6", "threshold = 0.0", "17:13: error: every question reaches this threshold"),
        ("threshold = 0.6", "threshold = 0.999", "17:13: error: no probability of the models reaches this threshold"),
        ("see = [\"clock\"]", "see = [\"objects\"]", "15:8: error: `objects` fits almost every picture"),
        (
            "says = { en = \"Some subjects may be restricted or sensitive.\"",
            "says = { en = \"Clocks are not given as presents in many families.\"",
            "43:1: warning: this says nearly the same as the norm on line 7",
        ),
        ("threshold = 0.6", "threshold = 1.5", "17:13: error: this is no probability"),
        ("threshold = 0.6", "threshold = nan", "17:13: error: this is no probability"),
        (
            "threshold = 0.6",
            "action = \"educate\"",
            "17:10: error: `educate` is milder than the floor's `rewrite` for taboo",
        ),
        ("threshold = 0.6", "action = \"pass\"", "17:10: error: `pass` is no action of a norm"),
        (
            "domain = \"law\"",
            "domain = \"law\"\naction = \"rewrite\"",
            "46:1: error: the floor locks contested norms at `observe`",
        ),
        ("sources = [{ title = \"T\", publisher = \"P\" }]\n", "", "7:1: error: `sources` is missing"),
        ("sources = [{ title = \"T\", publisher = \"P\" }]", "sources = []", "18:11: error: this list is empty"),
        ("asks = [\"giving a clock\"]", "asks = []", "16:8: error: this list is empty"),
        ("at_stake = true", "at_stake = false", "7:1: error: this norm has 1 cases at stake and 3 that are not"),
        ("at_stake = true", "at_stake = true\ncountry = \"DE\"", "23:12: error: a norm of CN is in play in CN alone"),
        ("languages = [\"zh\"]", "languages = [\"zh\", 3]", "4:20: error: here stands a value of the kind integer"),
        ("languages = [\"zh\"]", "languages = [\"zh\"", "5:1: error: this is no TOML"),
    ];
    for (from, to, told) in cases {
        let found = told_after(from, to);
        assert!(found.starts_with(&format!("policies/CN.toml:{told}")), "{to}: {found}");
    }
}

#[test]
fn a_norm_needs_cases_in_two_languages() {
    let one_language = fixture::PACK.replace("language = \"zh\"", "language = \"en\"");
    let told = told(&one_language);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|told| told.contains("all in one language")));
    let without = fixture::PACK.split("[[norm.case]]").next().unwrap();
    assert!(self::told(without).concat().starts_with("policies/CN.toml:7:1: error: this norm has no cases"));
}

#[test]
fn a_pack_may_be_stricter_than_the_floor() {
    let pack = fixture::PACK.replacen("[[norm]]", "[actions]\ntaboo = \"decline\"\n\n[[norm]]", 1);
    let set = read(&pack).0.unwrap();
    assert_eq!(fixture::actions(&set)[0].1, Action::Decline);
    let milder = told(&pack.replacen("decline", "observe", 1));
    assert_eq!(milder.len(), 1, "{milder:#?}");
    assert!(milder[0].starts_with("policies/CN.toml:8:9: error: `observe` is milder"), "{milder:#?}");
}

#[test]
fn files_are_told_apart_by_their_names() {
    let files = |names: &[&'static str]| -> Vec<String> {
        let files: Vec<_> = names.iter().map(|path| Source { path, text: fixture::PACK }).collect();
        PolicySet::read(&files).1.iter().map(ToString::to_string).collect()
    };
    assert_eq!(files(&["a/CN.toml"]), Vec::<String>::new());
    assert!(
        files(&["a/CN.toml", "b/CN.toml"])
            .concat()
            .starts_with("b/CN.toml: error: a/CN.toml is a file of the same name")
    );
    assert!(files(&["CN.toml", "XX.toml"]).concat().starts_with("XX.toml: error: this is no pack"));
    assert!(files(&["CN.toml", "cn.toml"]).concat().starts_with("cn.toml: error: this is no pack"));
    assert!(files(&[]).concat().starts_with("policies: warning: there is no country's pack"));
}

#[test]
fn a_broken_floor_does_not_hide_the_packs_mistakes() {
    let floor = include_str!("../../policies/floor.toml").replace("tries = 1", "tries = -1");
    let pack = fixture::PACK.replace("\"taboo\"", "\"tabu\"");
    let files = [Source { path: "floor.toml", text: &floor }, Source { path: "CN.toml", text: &pack }];
    let (set, problems) = PolicySet::read(&files);
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!((set, paths), (None, vec!["CN.toml", "floor.toml"]));
}

#[test]
fn a_floor_says_everything_itself() {
    let floor = include_str!("../../policies/floor.toml");
    let told = |from: &str, to: &str| -> String {
        let text = floor.replacen(from, to, 1);
        let files = [Source { path: "floor.toml", text: &text }, Source { path: "CN.toml", text: fixture::PACK }];
        PolicySet::read(&files).1.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(told("", ""), "");
    assert_eq!(
        told("[when_unchecked]\naction = \"show\"\n", ""),
        "floor.toml:1:1: error: `when_unchecked` is missing: add it"
    );
    assert_eq!(
        told("action = \"show\"", "action = \"hide\""),
        "floor.toml:27:10: error: `hide` is not known here: use `show` or `withhold`"
    );
    assert_eq!(
        told("guard = \"sentence\"", "guard = \"word\""),
        "floor.toml:33:9: error: `word` is no stream guard: use one of pass, sentence, hold"
    );
    assert_eq!(told("taboo = \"rewrite\"\n", ""), "floor.toml:7:2: error: `taboo` is missing: add it");
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let text = format!("format = {}", "[".repeat(20_000));
    assert!(told(&text).concat().contains("this is no TOML"));
}

#[test]
fn the_hash_follows_texts_and_names_alone() {
    let hash = |path, text: &str| PolicySet::read(&[Source { path, text }]).0.unwrap().hash().to_owned();
    let first = hash("CN.toml", fixture::PACK);
    assert_eq!((first.len(), &first), (16, &hash("elsewhere/CN.toml", fixture::PACK)));
    assert_ne!(first, hash("CN.toml", &format!("{}\n", fixture::PACK)));
}

#[test]
fn a_turn_has_the_norms_of_its_countries() {
    let set = fixture::set();
    let count = |countries: &[&str]| set.of(&context(countries)).norms().len();
    let (cn, jp) = (count(&["CN"]), count(&["JP"]));
    assert_eq!((count(&[]), count(&["IS"]), count(&["CN", "JP", "CN"])), (0, 0, cn + jp));
}

#[test]
fn sets_are_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<PolicySet>();
    shared::<crate::policy::Policy>();
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".{0,400}", name in "(CN|floor|phrases|x)\\.toml") {
        let _ = PolicySet::read(&[Source { path: &name, text: &text }]);
    }

    /// Mistakes that still are TOML, or nearly so: bytes cut out of a good pack and doubled.
    #[test]
    fn reading_a_damaged_pack_never_panics(from in 0_usize..3000, length in 0_usize..60, again in any::<bool>()) {
        let chars: Vec<char> = fixture::PACK.chars().collect();
        let from = from.min(chars.len());
        let to = (from + length).min(chars.len());
        let middle = if again { chars[from..to].iter().chain(&chars[from..to]).collect() } else { String::new() };
        let text: String = chars[..from].iter().copied().chain(middle.chars()).chain(chars[to..].iter().copied()).collect();
        let (set, problems) = read(&text);
        prop_assert_eq!(set.is_some(), problems.iter().all(|problem| problem.severity == Severity::Warning));
        let lines = text.lines().count() + 1;
        prop_assert!(problems.iter().all(|problem| problem.line <= lines));
    }
}
