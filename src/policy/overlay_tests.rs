//! Reading overlays: what holds, what is refused, and where it says so.

use crate::policy::fixture::PACK;
use crate::policy::{PolicySet, Source};

/// An overlay that adds a norm: that of the small pack under another name.
fn adding() -> String {
    let norm = PACK.find("[[norm]]").and_then(|start| PACK.get(start..)).unwrap();
    let norm = norm.split("# The second").next().unwrap().replacen("clock-as-gift", "clock-at-court", 1);
    format!("format = 1\nlayer = \"group\"\ncountry = \"CN\"\n{norm}")
}

fn told_with(pack: &str, overlay: &str) -> Vec<String> {
    let files = [Source { path: "p/CN.toml", text: pack }, Source { path: "p/overlays/mine.toml", text: overlay }];
    PolicySet::read(&files).1.iter().map(ToString::to_string).collect()
}

fn told(overlay: &str) -> Vec<String> {
    told_with(PACK, overlay)
}

#[test]
fn a_norm_that_an_overlay_adds_is_in_play_under_it_alone() {
    let overlay = adding();
    let files = [Source { path: "CN.toml", text: PACK }, Source { path: "overlays/mine.toml", text: &overlay }];
    let set = PolicySet::read(&files).0.unwrap();
    let mut here = crate::policy::fixture::context(&["CN"]);
    assert_eq!((set.norms().count(), set.of(&here).norms().len()), (3, 2));
    here.layers.groups.push("mine".to_owned());
    assert_eq!(set.of(&here).norms().last().unwrap().id.slug(), "clock-at-court");
    let case = &set.overlays()[0].cases[0];
    assert_eq!((case.layers.groups.as_slice(), case.path.as_str()), (&["mine".to_owned()][..], "overlays/mine.toml"));
}

#[test]
fn each_mistake_is_told_at_its_place() {
    let head = "format = 1\nlayer = \"group\"\n";
    let change = "[[change]]\nnorm = \"CN/clock-as-gift\"\n";
    for (overlay, wanted) in [
        (head.to_owned(), "1:1: error: this overlay changes nothing"),
        (head.replace("group", "planet"), "2:9: error: `planet` is no layer: use one of region, group, tenant"),
        ("format = 1\nlayer = \"region\"\nthreshold = 0.5\n".to_owned(), "1:1: error: `country` is missing"),
        (format!("{head}names = [\"Bali\"]\nthreshold = 0.5\n"), "3:1: error: only a region is put in force by names"),
        (
            format!("{head}[[change]]\nnorm = \"CN/no-such\"\noff = true\n"),
            "4:8: error: no pack and no layer before has a norm CN/no-such",
        ),
        (
            format!("{head}{change}action = \"observe\"\n"),
            "5:1: error: this is not open to change: the floor asks for `rewrite` at least",
        ),
        (
            format!("{head}[[change]]\nnorm = \"CN/open-debate\"\naction = \"rewrite\"\n"),
            "5:1: error: this is not open to change: the floor locks norms of its strength at `observe`",
        ),
        (format!("{head}{change}threshold = 0.6\n"), "3:1: warning: this changes nothing"),
        (format!("{head}{change}of = true\nlock = true\n"), "5:1: error: `of` is not known here"),
        (format!("{head}{change}off = true\n{change}lock = true\n"), "6:1: error: CN/clock-as-gift is changed twice"),
        (
            format!("{head}country = \"DE\"\n{change}off = true\n"),
            "5:8: error: CN/clock-as-gift is no norm of the overlay's country",
        ),
        (format!("{head}[actions]\ncontested = \"rewrite\"\n"), "4:1: error: the floor locks contested norms"),
        (adding().replacen("clock-at-court", "clock-as-gift", 1), "error: there is a norm CN/clock-as-gift already"),
        (
            adding().replacen("country = \"CN\"\n", "", 1),
            "error: `country` is missing: say in which country this norm holds",
        ),
    ] {
        let told = told(&overlay);
        let found = told.iter().any(|told| told.starts_with("p/overlays/mine.toml:") && told.contains(wanted));
        assert!(found, "{wanted}: {told:#?}");
    }
}

#[test]
fn what_a_pack_locks_is_not_open_to_an_overlay() {
    let locked = PACK.replacen("threshold = 0.6", "threshold = 0.6\nlock = true", 1);
    let change =
        |rest: &str| format!("format = 1\nlayer = \"tenant\"\n[[change]]\nnorm = \"CN/clock-as-gift\"\n{rest}\n");
    for (rest, refused) in [
        ("off = true", true),
        ("threshold = 0.7", true),
        ("says.en = \"Clocks are fine.\"", true),
        ("threshold = 0.5", false),
        ("action = \"decline\"", false),
    ] {
        let told = told_with(&locked, &change(rest));
        assert_eq!(
            told.iter().any(|told| told.contains("not open to change: the pack locks it")),
            refused,
            "{rest}: {told:?}"
        );
    }
}

#[test]
fn an_overlay_has_a_plain_name() {
    let files = [Source { path: "CN.toml", text: PACK }, Source { path: "overlays/My Own.toml", text: "format = 1" }];
    let told: Vec<_> = PolicySet::read(&files).1.iter().map(ToString::to_string).collect();
    assert!(told[0].starts_with("overlays/My Own.toml: error: name an overlay's file"), "{told:?}");
}

#[test]
fn two_overlays_of_one_layer_that_wish_different_things_are_told() {
    let change =
        |rest: &str| format!("format = 1\nlayer = \"group\"\n\n[[change]]\nnorm = \"CN/clock-as-gift\"\n{rest}\n");
    let told = |one: &str, other: &str| {
        let files = [
            Source { path: "CN.toml", text: PACK },
            Source { path: "overlays/a.toml", text: one },
            Source { path: "overlays/b.toml", text: other },
        ];
        PolicySet::read(&files).1.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let told_of = told(&change("threshold = 0.4"), &change("threshold = 0.5"));
    assert_eq!(told_of.len(), 1);
    assert!(told_of[0].starts_with("overlays/b.toml:4:1: warning: overlay `a` of the same layer"), "{told_of:?}");
    assert!(told(&change("threshold = 0.4"), &change("threshold = 0.4")).is_empty());
    assert!(told(&change("threshold = 0.4"), &change("threshold = 0.5").replace("group", "tenant")).is_empty());
}

#[test]
fn an_overlay_that_says_what_the_pack_says_is_told() {
    let told = told(&adding());
    let same = "warning: this says nearly the same as CN/clock-as-gift: use [[change]]";
    assert!(told.len() == 1 && told[0].contains(same), "{told:?}");
}

#[test]
fn a_later_layer_changes_what_an_earlier_one_has_added() {
    let group = adding();
    let tenant = "format = 1\nlayer = \"tenant\"\n[[change]]\nnorm = \"CN/clock-at-court\"\naction = \"decline\"\n";
    let files = [
        Source { path: "CN.toml", text: PACK },
        // By its name the tenant's comes first; by its layer it speaks last.
        Source { path: "overlays/acme.toml", text: tenant },
        Source { path: "overlays/mine.toml", text: &group },
    ];
    let (set, problems) = PolicySet::read(&files);
    let set = set.unwrap_or_else(|| panic!("{problems:#?}"));
    let mut here = crate::policy::fixture::context(&["CN"]);
    here.layers.groups.push("mine".to_owned());
    here.layers.tenant = Some("acme".to_owned());
    let policy = set.of(&here);
    let (norm, terms) = policy.entries().last().unwrap();
    assert_eq!((norm.id.slug(), terms.action), ("clock-at-court", crate::domain::Action::Decline));
}
