//! A turn that was understood, as JSON: the same fields wherever a command prints one.

use serde_json::{Value, json};

use crate::domain::Findings;
use crate::gateway::Understood;

/// Whose culture, what was seen and found, and what is done about it.
pub(super) fn told(understood: &Understood) -> Value {
    let Understood { context, reading, decision, .. } = understood;
    let ruling = |ruling: &crate::domain::Ruling| {
        json!({
            "norm_id": ruling.norm.id, "probability": ruling.probability, "threshold": ruling.threshold,
            "action": ruling.action, "evidence": ruling.evidence,
        })
    };
    let unavailable = match &reading.findings {
        Findings::Known { .. } => None,
        Findings::Unknown(why) => Some(why),
    };
    json!({
        "context": {
            "places": context.places, "conflicts": context.conflicts, "language": context.language, "layers": context.layers,
        },
        "seen": reading.seen,
        "coverage": reading.coverage,
        "findings": findings(understood),
        "unavailable": unavailable,
        "decision": {
            "action": decision.action, "norms": decision.norms.iter().map(ruling).collect::<Vec<_>>(), "trace": decision.trace,
        },
    })
}

/// The norms in play, likeliest first.
fn findings(understood: &Understood) -> Vec<Value> {
    let Findings::Known { findings, .. } = &understood.reading.findings else { return Vec::new() };
    let says = |id: &crate::domain::NormId| {
        understood.policy.norms().iter().find(|norm| norm.id == *id).map(|norm| norm.says.english())
    };
    let finding = |finding: &crate::domain::Finding| {
        json!({
            "norm_id": finding.norm, "says": says(&finding.norm),
            "probability": finding.probability, "evidence": finding.evidence,
        })
    };
    findings.iter().map(finding).collect()
}
