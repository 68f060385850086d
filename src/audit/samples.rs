//! Records for tests.

use crate::domain::{
    Action, AnswerRecord, ContextRecord, Coverage, Ended, Evidence, FindingRecord, Hashes, Layers, Mode, ModelInfo,
    NormId, Outcome, Place, PlaceSource, RECORD_VERSION, Record, Scores, Step, Timings,
};

pub(super) fn norm(text: &str) -> NormId {
    text.parse().unwrap()
}

/// A repaired answer about China, with every optional field that a report reads.
pub(super) fn record(id: &str) -> Record {
    let finding = |norm, probability, action| FindingRecord { norm, probability, evidence: Evidence::Both, action };
    Record {
        version: RECORD_VERSION,
        id: id.to_owned(),
        at: 1_760_000_000_000,
        endpoint: "/v1/chat/completions".to_owned(),
        stream: true,
        tenant: None,
        mode: Mode::Enforce,
        model: ModelInfo { requested: Some("some-model".to_owned()) },
        context: ContextRecord {
            places: vec![Place {
                country: "CN".parse().unwrap(),
                source: PlaceSource::Query,
                name: Some("beijing".to_owned()),
                regions: vec!["old-town".to_owned()],
            }],
            conflicts: Vec::new(),
            language: Some("zh".parse().unwrap()),
            layers: Layers { groups: vec!["halal".to_owned()], ..Layers::default() },
        },
        coverage: vec![
            Coverage::scanned("messages[0]: text"),
            Coverage::unscanned("messages[0]: picture", "remote-url"),
        ],
        guarded: true,
        seen: Vec::new(),
        findings: vec![
            finding(norm("CN/clock-as-gift"), 0.93, Action::Rewrite),
            finding(norm("CN/green-hat"), 0.04, Action::Pass),
        ],
        threshold: Some(0.5),
        unavailable: None,
        action: Action::Rewrite,
        trace: vec![Step { norm: None, says: "the strictest action is rewrite".to_owned() }],
        answer: Some(AnswerRecord {
            outcome: Outcome::Repaired,
            breached: vec![norm("CN/clock-as-gift")],
            repairs: 1,
            scores: Scores {
                awareness: Some(0.9),
                education: Some(0.8),
                compliance: Some(1.0),
                helpfulness: Some(0.7),
            },
        }),
        over_warned: None,
        status: 200,
        ended: Ended::Complete,
        timings: Timings {
            total: 1_234_567,
            infer: Some(42_000),
            upstream_first: Some(300_000),
            client_first: Some(350_000),
            ..Timings::default()
        },
        hashes: Hashes { policy: "0123456789abcdef".to_owned(), models: "fedcba9876543210".to_owned() },
        contents: None,
    }
}
