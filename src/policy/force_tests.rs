//! The layers: each changes what those before it leave open, and tightens alone what they lock.

use proptest::prelude::*;

use super::*;
use crate::domain::{Action, Layers, Place, Wish};
use crate::policy::fixture::{PACK, context, findings};
use crate::policy::{Source, decide};

const BALI: &str = r#"format = 1
layer = "region"
country = "CN"
names = ["Bali"]
[[change]]
norm = "CN/clock-as-gift"
threshold = 0.3
action = "decline"
lock = true
"#;

const CALM: &str = r#"format = 1
layer = "group"
threshold = 0.9
[[change]]
norm = "CN/open-debate"
off = true
"#;

const ACME: &str = r#"format = 1
layer = "tenant"
[actions]
taboo = "rewrite"
[[change]]
norm = "CN/clock-as-gift"
says.en = "At Acme, clocks are not given."
"#;

fn read(files: &[(&str, &str)]) -> PolicySet {
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    let (set, problems) = PolicySet::read(&sources);
    set.unwrap_or_else(|| panic!("{problems:#?}"))
}

fn layered() -> PolicySet {
    read(&[("CN.toml", PACK), ("overlays/bali.toml", BALI), ("overlays/calm.toml", CALM), ("overlays/acme.toml", ACME)])
}

fn under(layers: Layers) -> Context {
    Context { layers, ..context(&["CN"]) }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn shown(policy: &Policy) -> Vec<(String, Action, Option<f32>)> {
    let entry = |(norm, terms): (&Arc<Norm>, &Terms)| {
        (norm.id.slug().to_owned(), terms.action, terms.threshold.as_ref().map(|stated| stated.value))
    };
    policy.entries().map(entry).collect()
}

fn wish(norm: Option<&str>, wish: Wish) -> Adjustment {
    Adjustment { norm: norm.map(|norm| norm.parse().unwrap()), wish }
}

#[test]
fn without_layers_the_pack_holds() {
    let policy = layered().of(&context(&["CN"]));
    assert_eq!(
        shown(&policy),
        [("clock-as-gift".to_owned(), Action::Rewrite, Some(0.6)), ("open-debate".to_owned(), Action::Observe, None)]
    );
    assert!(policy.layers().is_empty());
}

#[test]
fn a_later_layer_changes_what_is_open_and_cannot_loosen_what_is_locked() {
    let region = Layers { regions: names(&["bali"]), ..Layers::default() };
    let all = Layers { groups: names(&["calm"]), tenant: Some("acme".to_owned()), ..region.clone() };
    let set = layered();
    assert_eq!(shown(&set.of(&under(region)))[0], ("clock-as-gift".to_owned(), Action::Decline, Some(0.3)));
    // The group's 0.9 and the tenant's words are no match for the region's lock; the group's `off` meets no lock.
    let policy = set.of(&under(all));
    assert_eq!(shown(&policy), [("clock-as-gift".to_owned(), Action::Decline, Some(0.3))]);
    assert!(policy.norms()[0].says.english().starts_with("Clocks are not given"));
    let group = Layers { groups: names(&["calm"]), ..Layers::default() };
    assert_eq!(shown(&set.of(&under(group))), [("clock-as-gift".to_owned(), Action::Rewrite, Some(0.9))]);
}

#[test]
fn explain_shows_which_layer_decided() {
    let layers = Layers { groups: names(&["calm"]), tenant: Some("acme".to_owned()), ..Layers::default() };
    let here = under(layers);
    let policy = layered().of(&here);
    assert_eq!(policy.norms()[0].says.english(), "At Acme, clocks are not given.");
    let decision = decide(&policy, &here, &findings(&policy, &[0.95], 0.5));
    let says: Vec<_> = decision.trace.iter().map(|step| step.says.as_str()).collect();
    assert_eq!(
        says[1..5],
        [
            "group calm is in force",
            "tenant acme is in force",
            "group calm switches it off",
            "0.950 by question and picture together reaches group calm's threshold 0.900: rewrite, tenant acme's action for taboo norms",
        ]
    );
}

#[test]
fn a_region_is_in_force_where_a_name_puts_it_or_a_request_does() {
    let named = |regions: &[&str], country: &str| {
        let mut here = context(&[country]);
        here.places[0] = Place { regions: names(regions), ..here.places[0].clone() };
        here
    };
    let set = layered();
    assert_eq!(shown(&set.of(&named(&["bali"], "CN")))[0].1, Action::Decline);
    assert_eq!(shown(&set.of(&named(&["other"], "CN")))[0].1, Action::Rewrite);
    let elsewhere = Context { layers: Layers { regions: names(&["bali"]), ..Layers::default() }, ..context(&["DE"]) };
    assert!(set.of(&elsewhere).norms().is_empty() && set.of(&elsewhere).layers().is_empty());
}

#[test]
fn requests_change_what_is_open_and_are_told_what_is_not() {
    let locked = PACK.replacen("threshold = 0.6", "threshold = 0.6\nlock = true", 1);
    let set = read(&[("CN.toml", &locked)]);
    let asks = |request| under(Layers { request, ..Layers::default() });
    let off = Wish { off: Some(true), ..Wish::default() };
    let policy = set.of(&asks(vec![wish(Some("CN/clock-as-gift"), off), wish(Some("CN/open-debate"), off)]));
    assert_eq!(shown(&policy).len(), 1);
    let told: Vec<_> = policy.layers().iter().map(|step| step.says.as_str()).collect();
    assert_eq!(
        told,
        [
            "the request does not get its way: the pack locks it: what comes later may be stricter, never milder",
            "the request switches it off"
        ]
    );
    let stricter = Wish { action: Some(Action::Decline), threshold: Some(0.2), off: None };
    let policy = set.of(&asks(vec![wish(None, stricter)]));
    let expected = [
        ("clock-as-gift".to_owned(), Action::Decline, Some(0.2)),
        ("open-debate".to_owned(), Action::Observe, Some(0.2)),
    ];
    assert_eq!(shown(&policy), expected);
}

#[test]
fn the_floor_can_let_requests_tighten_only() {
    let floor = include_str!("../../policies/floor.toml").replacen("requests = \"open\"", "requests = \"tighten\"", 1);
    let set = read(&[("CN.toml", PACK), ("floor.toml", &floor)]);
    let off = vec![wish(None, Wish { off: Some(true), threshold: Some(0.9), ..Wish::default() })];
    let policy = set.of(&under(Layers { request: off, ..Layers::default() }));
    let effective: Vec<f32> = policy.norms().iter().map(|norm| policy.threshold(&norm.id, 0.5)).collect();
    assert_eq!(effective, [0.6, 0.5]);
}

#[test]
fn overlays_that_the_policies_do_not_have_are_named() {
    let asked = Layers { regions: names(&["bali", "java"]), groups: names(&["bali"]), ..Layers::default() };
    let unknown = layered().unknown(&asked);
    assert_eq!(
        unknown.iter().map(|(layer, name)| format!("{layer} {name}")).collect::<Vec<_>>(),
        ["region java", "group bali"]
    );
}

#[test]
fn under_a_lock_that_states_no_threshold_a_lower_one_than_the_models_is_open() {
    let locked = PACK.replacen("threshold = 0.6", "lock = true", 1);
    let set = read(&[("CN.toml", &locked)]);
    let clock: NormId = "CN/clock-as-gift".parse().unwrap();
    let asks = |threshold: f32| {
        let wish = wish(Some("CN/clock-as-gift"), Wish { threshold: Some(threshold), ..Wish::default() });
        set.of(&under(Layers { request: vec![wish], ..Layers::default() })).threshold(&clock, 0.5)
    };
    assert_eq!((asks(0.2), asks(0.9)), (0.2, 0.5));
}

#[test]
fn what_a_layer_switches_off_a_later_one_can_switch_on_again() {
    let off = "format = 1\nlayer = \"group\"\n[[change]]\nnorm = \"CN/clock-as-gift\"\noff = true\n";
    let on = off.replace("group", "tenant").replace("off = true", "off = false");
    let set = read(&[("CN.toml", PACK), ("overlays/quiet.toml", off), ("overlays/acme.toml", &on)]);
    let under = |tenant: Option<&str>| {
        let layers = Layers { groups: names(&["quiet"]), tenant: tenant.map(str::to_owned), ..Layers::default() };
        set.of(&super::tests::under(layers)).norms().len()
    };
    assert_eq!((under(None), under(Some("acme"))), (1, 2));
}

#[test]
fn a_norms_own_action_stands_above_what_an_overlay_says_of_its_strength() {
    let own = PACK.replacen("threshold = 0.6", "action = \"decline\"", 1);
    let tenant = "format = 1\nlayer = \"tenant\"\n[actions]\ntaboo = \"rewrite\"\n";
    let set = read(&[("CN.toml", &own), ("overlays/acme.toml", tenant)]);
    let policy = set.of(&under(Layers { tenant: Some("acme".to_owned()), ..Layers::default() }));
    assert_eq!(shown(&policy)[0].1, Action::Decline);
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let action = proptest::option::of(proptest::sample::select(vec![
        Action::Observe,
        Action::Educate,
        Action::Rewrite,
        Action::Decline,
    ]));
    let threshold = proptest::option::of(0.0_f32..=1.0);
    (action, threshold, any::<Option<bool>>()).prop_map(|(action, threshold, off)| Wish { action, threshold, off })
}

proptest! {
    /// Whatever later layers wish: the floor is never undercut, what it holds stays, and a locked norm only becomes stricter.
    #[test]
    fn no_wish_undercuts_the_floor_or_a_lock(wishes in proptest::collection::vec(any_wish(), 0..6), lock: bool) {
        let pack = if lock { PACK.replacen("threshold = 0.6", "threshold = 0.6\nlock = true", 1) } else { PACK.to_owned() };
        let set = read(&[("CN.toml", &pack)]);
        let request = wishes.into_iter().map(|one| wish(None, one)).collect();
        let policy = set.of(&under(Layers { request, ..Layers::default() }));
        for (norm, terms) in policy.entries() {
            prop_assert!(terms.action >= set.floor().action(norm.strength));
            prop_assert!(!set.floor().locks.contains(&norm.strength) || terms.action == set.floor().action(norm.strength));
        }
        if lock {
            let terms = policy.entries().find(|(norm, _)| norm.id.slug() == "clock-as-gift").map(|(_, terms)| terms);
            let threshold = terms.and_then(|terms| terms.threshold.as_ref()).map(|stated| stated.value);
            prop_assert!(threshold.is_some_and(|threshold| threshold <= 0.6));
        }
    }
}
