//! From findings to what is done, and why.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{
    Action, Context, Decision, Evidence, Finding, Findings, GuardPlan, Norm, NormId, Place, Ruling, Step, Unavailable,
};

use super::force::Policy;
use super::terms::{Origin, Scope, Terms};

/// How far below its threshold a norm is still told of in the trace.
const NEAR: f32 = 0.15;

/// Decides what is done about a turn. The strictest norm at stake decides; the same arguments always give the same decision, whatever the order of the
/// findings. Findings about norms that are not in play do not count.
///
/// Silence is never taken for "nothing at stake": where the models could not say, or said nothing usable about a norm in play, the floor's
/// `[when_unknown]` counts as well. Only where no norm is in play can nothing be at stake, unless that is so because the exchange could not be read.
#[must_use]
pub fn decide(policy: &Policy, context: &Context, findings: &Findings) -> Decision {
    let mut trace = vec![turn_step(in_play(policy, context))];
    trace.extend_from_slice(policy.layers());
    let (norms, silence) = match findings {
        Findings::Known { findings, threshold } => weigh(policy, findings, *threshold, &mut trace),
        Findings::Unknown(why) => (Vec::new(), silence(policy, *why, &mut trace)),
    };
    let when_unknown = policy.floor().when_unknown;
    let least = if silence { when_unknown } else { Action::Pass };
    if silence {
        trace.push(turn_step(format!("the floor's [when_unknown] says {when_unknown}")));
    }
    let action = norms.iter().map(|ruling| ruling.action).fold(least, Action::max);
    trace.push(turn_step(outcome(action, &norms, silence)));
    Decision { action, norms, trace }
}

/// What is left of findings where silence says nothing, as in a language that the models are not known to read well enough: those that led to the decision,
/// or [`Unavailable::Language`] where none did.
#[must_use]
pub fn without_silence(findings: Findings, decision: &Decision) -> Findings {
    let Findings::Known { mut findings, threshold } = findings else { return findings };
    findings.retain(|finding| decision.norms.iter().any(|ruling| ruling.norm.id == finding.norm));
    if findings.is_empty() { Findings::Unknown(Unavailable::Language) } else { Findings::Known { findings, threshold } }
}

/// Says how the answer is watched over: judged by the norms at stake, repaired for those of [`Action::Rewrite`] and stricter, held as the floor says.
#[must_use]
pub fn plan(policy: &Policy, context: &Context, decision: &Decision) -> GuardPlan {
    let floor = policy.floor();
    let repaired = decision.norms.iter().filter(|ruling| ruling.action >= Action::Rewrite);
    GuardPlan {
        norms: decision.norms.iter().map(|ruling| Arc::clone(&ruling.norm)).collect(),
        repaired: repaired.map(|ruling| ruling.norm.id.clone()).collect(),
        stream: floor.stream,
        tries: floor.repair_tries,
        repair_seconds: floor.repair_seconds,
        fallback: floor.fallback,
        fail_closed: floor.withhold_unchecked,
        language: context.reply_language(),
        most_held: floor.most_held,
    }
}

fn turn_step(says: String) -> Step {
    Step { norm: None, says }
}

fn in_play(policy: &Policy, context: &Context) -> String {
    let place = |place: &Place| match &place.name {
        Some(name) => format!("{} ({}: {name})", place.country, place.source),
        None => format!("{} ({})", place.country, place.source),
    };
    let places: Vec<String> = context.places.iter().map(place).collect();
    match (places.is_empty(), policy.norms().len()) {
        (true, _) => "no country is named: no norm is in play".to_owned(),
        (false, 0) if policy.layers().is_empty() => format!("{}: no pack, so no norm is in play", places.join(", ")),
        (false, 0) => format!("{}: no norm is in play", places.join(", ")),
        (false, norms) => format!("{}: norms in play: {norms}", places.join(", ")),
    }
}

/// Whether the models' silence leaves something open.
fn silence(policy: &Policy, why: Unavailable, trace: &mut Vec<Step>) -> bool {
    let open = !policy.norms().is_empty() || why == Unavailable::Unread;
    let rest = if open { "" } else { ", but with no norm in play nothing could be at stake" };
    trace.push(turn_step(format!("the models could not say ({why}){rest}")));
    open
}

/// A norm in play, and what the models said about it.
struct Weighed<'a> {
    norm: &'a Arc<Norm>,
    terms: &'a Terms,
    finding: &'a Finding,
    threshold: f32,
    /// The layer that states the threshold; `None`: the models.
    by: Option<&'a Origin>,
}

/// The rulings, strictest first, and whether the models left a norm in play out.
fn weigh(policy: &Policy, findings: &[Finding], threshold: f32, trace: &mut Vec<Step>) -> (Vec<Ruling>, bool) {
    let best = best_of(findings);
    let weigh = |(norm, terms)| weigh_one(norm, terms, &best, threshold);
    let mut weighed: Vec<Weighed<'_>> = policy.entries().filter_map(weigh).collect();
    let unsaid = policy.norms().len() - weighed.len();
    weighed.sort_by(|a, b| {
        b.finding.probability.total_cmp(&a.finding.probability).then_with(|| a.norm.id.cmp(&b.norm.id))
    });
    trace.extend(weighed.iter().filter(|weighed| weighed.near()).map(Weighed::step));
    if unsaid > 0 {
        trace.push(turn_step(format!("the models said nothing usable about norms in play: {unsaid}")));
    }
    let mut rulings: Vec<Ruling> = weighed.iter().filter(|weighed| weighed.at_stake()).map(Weighed::ruling).collect();
    // The sort is stable: among equally strict ones the likeliest stays first.
    rulings.sort_by_key(|ruling| Reverse(ruling.action));
    (rulings, unsaid > 0)
}

/// The likeliest usable finding about each norm.
fn best_of(findings: &[Finding]) -> BTreeMap<&NormId, &Finding> {
    let mut best: BTreeMap<&NormId, &Finding> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| !finding.probability.is_nan()) {
        let kept = best.entry(&finding.norm).or_insert(finding);
        let likelier = finding.probability.total_cmp(&kept.probability).then(finding.evidence.cmp(&kept.evidence));
        if likelier.is_gt() {
            *kept = finding;
        }
    }
    best
}

fn weigh_one<'a>(
    norm: &'a Arc<Norm>,
    terms: &'a Terms,
    best: &BTreeMap<&'a NormId, &'a Finding>,
    threshold: f32,
) -> Option<Weighed<'a>> {
    let (threshold, by) = terms.threshold(threshold);
    let finding = best.get(&norm.id).filter(|_| !threshold.is_nan())?;
    Some(Weighed { norm, terms, finding, threshold, by })
}

impl Weighed<'_> {
    fn at_stake(&self) -> bool {
        self.finding.probability >= self.threshold
    }

    fn near(&self) -> bool {
        self.finding.probability >= self.threshold - NEAR
    }

    fn ruling(&self) -> Ruling {
        Ruling {
            norm: Arc::clone(self.norm),
            probability: self.finding.probability,
            threshold: self.threshold,
            evidence: self.finding.evidence,
            action: self.terms.action,
        }
    }

    fn step(&self) -> Step {
        let Self { norm, terms, finding, threshold, by } = self;
        let whose = by.map_or_else(|| "the models'".to_owned(), |by| format!("{by}'s"));
        let says = format!("{:.3} by {}", finding.probability, spoken(finding.evidence));
        let says = if self.at_stake() {
            let why = because(norm, terms);
            format!("{says} reaches {whose} threshold {threshold:.3}: {}, {why}", terms.action)
        } else {
            format!("{says} stays below {whose} threshold {threshold:.3}: nothing is done")
        };
        Step { norm: Some(norm.id.clone()), says }
    }
}

fn spoken(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Query => "the question",
        Evidence::Picture => "the picture",
        Evidence::Both => "question and picture together",
    }
}

fn because(norm: &Norm, terms: &Terms) -> String {
    let strength = norm.strength;
    match &terms.action_by {
        (Origin::Pack, Scope::Norm) => "the norm's own action".to_owned(),
        (by, Scope::Norm) => format!("{by}'s action for it"),
        (by, Scope::Strength) => format!("{by}'s action for {strength} norms"),
        (by, Scope::Locked) => format!("where {by} locks {strength} norms"),
    }
}

fn outcome(action: Action, norms: &[Ruling], silence: bool) -> String {
    match (norms, silence) {
        ([], true) => format!("{action}: what is at stake is not known"),
        ([], false) => format!("{action}: no norm is at stake"),
        ([only], _) => format!("{action}: {} is at stake", only.norm.id),
        (several, _) => format!("{action}: the strictest for {} norms at stake", several.len()),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
