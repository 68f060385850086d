//! What the packs that ship hold, as a whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it is skipped"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use comity::context::resolve;
use comity::domain::{Domain, Hint, Message, NormId, Part, Role, Turn};
use comity::gateway::Policies;
use comity::policy::{PolicySet, Severity, Source};

/// The countries of CROSS (arXiv 2505.14972).
const SIXTEEN: [&str; 16] =
    ["AR", "BR", "CN", "EG", "ET", "FR", "ID", "IN", "IR", "JP", "MA", "MX", "NG", "RU", "SA", "TH"];
/// Those beside them.
const OTHERS: [&str; 16] =
    ["AE", "BD", "DE", "ES", "GB", "IT", "KE", "KR", "MY", "NP", "PE", "PK", "SG", "TR", "US", "VN"];

fn shipped() -> PolicySet {
    PolicySet::embedded().0.unwrap()
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn every_country_is_there_with_enough_norms_over_the_domains() {
    let set = shipped();
    let countries: BTreeSet<String> = set.countries().map(|country| country.to_string()).collect();
    assert_eq!(countries, SIXTEEN.iter().chain(&OTHERS).map(|code| (*code).to_owned()).collect());
    for code in SIXTEEN.iter().chain(&OTHERS) {
        let pack = set.pack(code.parse().unwrap()).unwrap();
        let (least, least_domains) = if SIXTEEN.contains(code) { (30, Domain::ALL.len()) } else { (12, 8) };
        let domains: BTreeSet<Domain> = pack.norms.iter().map(|norm| norm.domain).collect();
        assert!(pack.norms.len() >= least, "{code} has {} norms", pack.norms.len());
        assert!(domains.len() >= least_domains, "{code} has {domains:?}");
        let languages: BTreeSet<_> = pack.cases.iter().map(|case| case.language).collect();
        assert!(languages.len() >= 3, "the cases of {code} are in {languages:?}");
    }
}

/// A name that is an ordinary word somewhere would drag other people's questions into its country.
#[test]
fn the_packs_names_are_no_ordinary_words() {
    let policies = Policies::new(shipped());
    let plain = fs::read_to_string(folder("policies/plain.tsv")).unwrap();
    let mut drawn = Vec::new();
    for line in plain.lines().filter(|line| !line.starts_with('#')) {
        let text = line.split('\t').nth(1).unwrap().to_owned();
        let message = Message { role: Some(Role::User), parts: vec![Part::Text(text.clone())] };
        let context = resolve(&Hint::default(), &Turn { messages: vec![message] }, &policies.places);
        drawn.extend(context.places.into_iter().map(|place| format!("{text}: {} by {:?}", place.country, place.name)));
    }
    assert_eq!(drawn, Vec::<String>::new());
}

#[test]
fn the_overlays_among_the_examples_are_sound_above_the_packs() {
    let read = |path: std::path::PathBuf| (path.display().to_string(), fs::read_to_string(&path).unwrap());
    let of = |dir: &str| {
        let entries = fs::read_dir(folder(dir)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).map(read).collect::<Vec<_>>()
    };
    let files = [of("policies"), of("examples/overlays")].concat();
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    let (set, problems) = PolicySet::read(&sources);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{told:#?}");
    let layers: BTreeSet<_> = set.unwrap().overlays().iter().map(|overlay| overlay.layer).collect();
    assert_eq!(layers.len(), 3, "one of each kind");
}

#[test]
fn what_is_told_to_a_model_and_to_people_is_worded_for_them() {
    let (set, problems) = PolicySet::embedded();
    assert!(problems.iter().all(|problem| problem.severity != Severity::Error && !problem.message.is_empty()));
    for norm in set.unwrap().norms() {
        assert!(norm.instead.english().starts_with("Suggest"), "{}: {}", norm.id, norm.instead.english());
    }
}

/// How many of the norms that CROSS asks about have a counterpart in the packs. The table names items by number and norms by id; no wording is copied.
#[test]
#[expect(clippy::disallowed_methods, reason = "the environment names the evaluation data")]
fn the_packs_know_what_cross_asks_about() {
    let table = fs::read_to_string(folder("tests/cross-counterparts.tsv")).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('\t').unwrap());
    let counterparts: BTreeMap<&str, &str> = rows.collect();
    let known: BTreeSet<NormId> = shipped().norms().map(|norm| norm.id.clone()).collect();
    for (item, ids) in counterparts.iter().filter(|(_, ids)| **ids != "-") {
        for id in ids.split(',') {
            assert!(known.contains(&id.parse().unwrap()), "{item} names {id}, which no pack has");
        }
    }
    let Ok(data) = std::env::var("COMITY_EVAL_DATA") else {
        eprintln!("skipped: COMITY_EVAL_DATA names no folder of evaluation data");
        return;
    };
    let items: Vec<serde_json::Value> =
        serde_json::from_str(&fs::read_to_string(Path::new(&data).join("cross-dev.json")).unwrap()).unwrap();
    let mut norms: BTreeMap<(String, String), bool> = BTreeMap::new();
    for item in &items {
        let text = |key: &str| item[key].as_str().unwrap().to_owned();
        let known = counterparts[format!("{}:{}", text("subset"), text("index")).as_str()] != "-";
        *norms.entry((text("country"), text("norm"))).or_default() |= known;
    }
    let have = norms.values().filter(|known| **known).count();
    eprintln!("{have} of {} norms of CROSS have a counterpart in the packs", norms.len());
    assert!(have * 10 >= norms.len() * 9, "{have} of {}", norms.len());
}
