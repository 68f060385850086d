//! Deciding: the strictest wins, silence is not safety, and the trace says which rule spoke.

use proptest::prelude::*;

use super::*;
use crate::domain::{Fallback, StreamGuard, Strength};
use crate::policy::fixture::{context, findings, set, small};
use crate::policy::note::note;
use crate::policy::{PolicySet, Source};

fn says(decision: &Decision) -> Vec<&str> {
    decision.trace.iter().map(|step| step.says.as_str()).collect()
}

#[test]
fn the_strictest_norm_at_stake_decides_and_the_trace_says_why() {
    let (policy, context) = (small().of(&context(&["CN"])), context(&["CN"]));
    let decision = decide(&policy, &context, &findings(&policy, &[0.7, 0.9], 0.5));
    assert_eq!(decision.action, Action::Rewrite);
    assert_eq!(
        says(&decision),
        [
            "CN (query: here): norms in play: 2",
            "0.900 by question and picture together reaches the models' threshold 0.500: observe, where the floor locks contested norms",
            "0.700 by question and picture together reaches the pack's threshold 0.600: rewrite, the floor's action for taboo norms",
            "rewrite: the strictest for 2 norms at stake",
        ]
    );
    let order: Vec<_> = decision.norms.iter().map(|ruling| ruling.norm.id.slug()).collect();
    assert_eq!(order, ["clock-as-gift", "open-debate"]);
}

#[test]
fn a_near_miss_is_told_and_does_nothing() {
    let (policy, context) = (small().of(&context(&["CN"])), context(&["CN"]));
    let decision = decide(&policy, &context, &findings(&policy, &[0.5, 0.1], 0.5));
    assert_eq!((decision.action, decision.norms.len()), (Action::Pass, 0));
    assert_eq!(
        says(&decision)[1..],
        [
            "0.500 by question and picture together stays below the pack's threshold 0.600: nothing is done",
            "pass: no norm is at stake"
        ]
    );
}

/// The small set under a floor that declines when the models cannot say.
fn strict() -> PolicySet {
    let floor = include_str!("../../policies/floor.toml").replacen("action = \"pass\"", "action = \"decline\"", 1);
    let pack = crate::policy::fixture::PACK;
    let files = [Source { path: "CN.toml", text: pack }, Source { path: "floor.toml", text: &floor }];
    PolicySet::read(&files).0.unwrap()
}

#[test]
fn silence_is_what_the_floor_makes_of_it() {
    let here = context(&["CN"]);
    for why in Unavailable::ALL {
        let unknown = Findings::Unknown(*why);
        assert_eq!(decide(&small().of(&here), &here, &unknown).action, Action::Pass, "{why}");
        let declined = decide(&strict().of(&here), &here, &unknown);
        assert_eq!(declined.action, Action::Decline, "{why}");
        assert!(says(&declined).contains(&format!("the models could not say ({why})").as_str()));
        assert!(says(&declined).contains(&"the floor's [when_unknown] says decline"));
    }
}

#[test]
fn with_no_norm_in_play_only_an_unread_exchange_leaves_something_open() {
    let nowhere = Context::default();
    let policy = strict().of(&nowhere);
    let action = |why| decide(&policy, &nowhere, &Findings::Unknown(why)).action;
    assert_eq!((action(Unavailable::Off), action(Unavailable::Unread)), (Action::Pass, Action::Decline));
}

#[test]
fn what_is_no_number_is_silence_and_not_safety() {
    let here = context(&["CN"]);
    let policy = strict().of(&here);
    assert_eq!(decide(&policy, &here, &findings(&policy, &[0.1], 0.5)).action, Action::Pass);
    assert_eq!(decide(&policy, &here, &findings(&policy, &[f32::NAN, 0.1], 0.5)).action, Action::Decline);
    assert_eq!(decide(&policy, &here, &findings(&policy, &[0.1], f32::NAN)).action, Action::Decline);
    assert_eq!(
        decide(&policy, &here, &Findings::Known { findings: Vec::new(), threshold: 0.5 }).action,
        Action::Decline
    );
}

#[test]
fn the_plan_follows_the_floor() {
    let here = Context { language: "zh".parse().ok(), ..context(&["CN"]) };
    let policy = small().of(&here);
    let plan = plan(&policy, &here, &decide(&policy, &here, &findings(&policy, &[0.9], 0.5)));
    assert_eq!(plan.norms.len(), 2);
    assert_eq!(plan.repaired.iter().map(ToString::to_string).collect::<Vec<_>>(), ["CN/clock-as-gift"]);
    assert_eq!((plan.stream, plan.fallback, plan.fail_closed), (StreamGuard::Sentence, Fallback::Append, false));
    assert_eq!((plan.tries, plan.repair_seconds, plan.most_held), (1, 20, 256 * 1024));
    assert_eq!(plan.language.code(), "zh");
}

fn turned(findings: &Findings, by: usize) -> Findings {
    match findings {
        Findings::Known { findings, threshold } => {
            let mut findings = findings.clone();
            let by = by % findings.len().max(1);
            findings.rotate_left(by);
            Findings::Known { findings, threshold: *threshold }
        }
        Findings::Unknown(why) => Findings::Unknown(*why),
    }
}

/// Any number at all now and then, else a probability.
fn probability() -> impl Strategy<Value = f32> {
    prop_oneof![9 => 0.0_f32..=1.0, 1 => any::<f32>()]
}

proptest! {
    #[test]
    fn decisions_do_not_depend_on_the_order(probabilities in prop::collection::vec(probability(), 80), by in 0_usize..80) {
        let (set, here) = (set(), context(&["TH", "CN", "JP", "SA"]));
        let policy = set.of(&here);
        let findings = findings(&policy, &probabilities, 0.5);
        let first = decide(&policy, &here, &findings);
        let second = decide(&policy, &here, &turned(&findings, by));
        prop_assert_eq!(format!("{first:?}"), format!("{second:?}"));
        prop_assert_eq!(note(&first), note(&second));
    }

    #[test]
    fn the_note_follows_the_norms_and_not_their_order(probabilities in prop::collection::vec(0.0_f32..=1.0, 80)) {
        let here = context(&["CN", "TH"]);
        let policy = set().of(&here);
        let mut decision = decide(&policy, &here, &findings(&policy, &probabilities, 0.5));
        let before = note(&decision);
        decision.norms.reverse();
        decision.norms.iter_mut().for_each(|ruling| ruling.probability = 1.0);
        prop_assert_eq!(before, note(&decision));
    }

    #[test]
    fn more_likely_is_never_milder(
        probabilities in prop::collection::vec(0.0_f32..=1.0, 18),
        which in 0_usize..18,
        raise in 0.0_f32..=1.0,
    ) {
        let here = context(&["TH"]);
        let policy = set().of(&here);
        let before = decide(&policy, &here, &findings(&policy, &probabilities, 0.5));
        let mut raised = probabilities.clone();
        raised[which] = (raised[which] + raise).min(1.0);
        let after = decide(&policy, &here, &findings(&policy, &raised, 0.5));
        prop_assert!(after.action >= before.action);
        let strictest = after.norms.iter().map(|ruling| ruling.action).max().unwrap_or(Action::Pass);
        prop_assert_eq!(after.action, strictest);
    }

    #[test]
    fn a_locked_strength_keeps_the_floors_action(
        strength in prop::sample::select(Strength::ALL),
        own in prop::sample::select(Action::ALL),
        of_pack in prop::sample::select(Action::ALL),
    ) {
        let pack = crate::policy::fixture::PACK
            .replacen("[[norm]]", &format!("[actions]\n{strength} = \"{of_pack}\"\n\n[[norm]]"), 1)
            .replacen("threshold = 0.6", &format!("action = \"{own}\""), 1)
            .replacen("strength = \"taboo\"", &format!("strength = \"{strength}\""), 1);
        if let Some(set) = PolicySet::read(&[Source { path: "CN.toml", text: &pack }]).0 {
            for (norm, action) in crate::policy::fixture::actions(&set) {
                prop_assert!(action >= set.floor().action(norm.strength));
                prop_assert!(norm.strength != Strength::Contested || action == Action::Observe);
            }
        }
    }
}

#[test]
fn where_silence_says_nothing_only_what_is_at_stake_is_left() {
    let here = context(&["CN"]);
    let policy = small().of(&here);
    let all = findings(&policy, &[0.9, 0.1], 0.5);
    let decision = decide(&policy, &here, &all);
    let Findings::Known { findings: left, .. } = without_silence(all, &decision) else { panic!("one is at stake") };
    assert_eq!(left.iter().map(|one| &one.norm).collect::<Vec<_>>(), [&decision.norms[0].norm.id]);
    let none = findings(&policy, &[0.1, 0.1], 0.5);
    let decision = decide(&policy, &here, &none);
    assert_eq!(without_silence(none, &decision), Findings::Unknown(Unavailable::Language));
    let late = Findings::Unknown(Unavailable::Late);
    assert_eq!(without_silence(late.clone(), &decide(&policy, &here, &late)), late);
}
