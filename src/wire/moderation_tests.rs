use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::{Action, Domain, Judgement, Norm, NormJudgement, Strength, Texts};
use crate::wire::json::written;

fn id(text: &str) -> NormId {
    text.parse().unwrap()
}

fn norm(name: &str) -> Norm {
    let texts = || Texts::new("", BTreeMap::new());
    Norm {
        id: id(name),
        domain: Domain::ALL[0],
        strength: Strength::Custom,
        says: texts(),
        why: texts(),
        instead: texts(),
        see: Vec::new(),
        asks: Vec::new(),
        answers: Vec::new(),
        regions: Vec::new(),
        among: None,
        sources: Vec::new(),
    }
}

fn json_of(moderation: &Moderation) -> Value {
    serde_json::from_slice(&written(moderation)).unwrap()
}

fn nothing_decided() -> Decision {
    Decision { action: Action::Pass, norms: Vec::new(), trace: Vec::new() }
}

fn finding(norm: &str, probability: f32, evidence: Evidence) -> Finding {
    Finding { norm: id(norm), probability, evidence }
}

fn judged(norm: &str, breaches: f32) -> Judgement {
    let norm = NormJudgement { norm: id(norm), breaches, aware: 0.5, educates: 0.5 };
    Judgement { norms: vec![norm], helpful: 0.5, threshold: 0.5 }
}

fn verdict(outcome: Outcome, breached: &[&str], pieces: Vec<Judgement>) -> Verdict {
    let breached = breached.iter().map(|norm| (id(norm), 0)).collect();
    Verdict { outcome, breached, pieces, ..Verdict::unguarded() }
}

#[test]
fn findings_are_categories_of_the_input() {
    let findings = Findings::Known {
        findings: vec![
            finding("JP/chopsticks-upright", 0.75, Evidence::Both),
            finding("JP/shoes-indoors", 0.25, Evidence::Picture),
        ],
        threshold: 0.5,
    };
    let moderation = Moderation::new(&findings, &nothing_decided(), None);
    assert_eq!(
        json_of(&moderation),
        json!({
            "input": {"type": "moderation_results", "model": "comity", "results": [{
                "type": "moderation_result",
                "model": "comity",
                "flagged": false,
                "categories": {"culture/JP/chopsticks-upright": false, "culture/JP/shoes-indoors": false},
                "category_scores": {"culture/JP/chopsticks-upright": 0.75, "culture/JP/shoes-indoors": 0.25},
                "category_applied_input_types":
                    {"culture/JP/chopsticks-upright": ["text", "image"], "culture/JP/shoes-indoors": ["image"]},
            }]},
            "output": {"type": "moderation_results", "model": "comity", "results": []},
        })
    );
}

#[test]
fn a_norm_at_stake_is_flagged() {
    let norm = Arc::new(norm("CN/clock-as-gift"));
    let ruling = crate::domain::Ruling {
        norm: Arc::clone(&norm),
        probability: 0.9,
        threshold: 0.5,
        evidence: Evidence::Query,
        action: Action::Educate,
    };
    let decision = Decision { action: Action::Educate, norms: vec![ruling], trace: Vec::new() };
    let findings = vec![finding("CN/clock-as-gift", 0.9, Evidence::Query), finding("CN/other", 0.1, Evidence::Query)];
    let moderation = Moderation::new(&Findings::Known { findings, threshold: 0.5 }, &decision, None);
    let result = &json_of(&moderation)["input"]["results"][0];
    assert_eq!(result["flagged"], true);
    assert_eq!(result["categories"], json!({"culture/CN/clock-as-gift": true, "culture/CN/other": false}));
}

#[test]
fn a_silent_classifier_is_an_error_not_a_clean_result() {
    let moderation = Moderation::new(&Findings::Unknown(Unavailable::Late), &nothing_decided(), None);
    let expected = json!({"type": "error", "code": "late", "message": "The request could not be classified in time."});
    assert_eq!(json_of(&moderation)["input"], expected);
}

#[test]
fn judgements_are_categories_of_the_output() {
    let pieces = || vec![judged("CN/a", 0.25), judged("CN/a", 0.75), judged("CN/b", 0.125)];
    let known = Findings::Known { findings: Vec::new(), threshold: 0.5 };
    let output =
        |verdict: &Verdict| json_of(&Moderation::new(&known, &nothing_decided(), Some(verdict)))["output"].clone();

    let breached = &output(&verdict(Outcome::Breached, &["CN/a"], pieces()))["results"][0];
    assert_eq!(breached["flagged"], true);
    assert_eq!(breached["categories"], json!({"culture/CN/a": true, "culture/CN/b": false}));
    assert_eq!(breached["category_scores"], json!({"culture/CN/a": 0.75, "culture/CN/b": 0.125}));

    let kept = &output(&verdict(Outcome::Kept, &[], pieces()))["results"][0];
    assert_eq!(kept["flagged"], false);

    // The scores are of what was shown: none is made up for a breach that is gone.
    let repaired = &output(&verdict(Outcome::Repaired, &["CN/a"], vec![judged("CN/a", 0.0)]))["results"][0];
    assert_eq!(repaired["categories"], json!({"culture/CN/a": true}));
    assert_eq!(repaired["category_scores"], json!({}));

    assert_eq!(output(&verdict(Outcome::Unverified, &[], Vec::new()))["code"], "unverified");
    assert_eq!(output(&Verdict::unguarded())["results"], json!([]));
}

#[test]
fn the_input_of_a_turn_without_norms_in_play_is_clean() {
    let known = Findings::Known { findings: Vec::new(), threshold: 0.5 };
    let result = &json_of(&Moderation::new(&known, &nothing_decided(), None))["input"]["results"][0];
    assert_eq!((&result["flagged"], &result["categories"]), (&json!(false), &json!({})));
}
