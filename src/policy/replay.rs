//! What policies decide about turns that were recorded: the recorded findings, the same `decide`, no models and no texts.

use std::collections::BTreeMap;

use crate::domain::{Action, Context, Finding, Findings, NormId, Record};

use super::decide::decide;
use super::set::PolicySet;

/// A recorded turn under other policies.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// What was decided then.
    pub before: Action,
    /// What would be decided now.
    pub after: Action,
    /// The norms about which something else would be done, with what was done and what would be.
    pub norms: Vec<(NormId, Action, Action)>,
    /// Norms in play now about which nothing was recorded: they were in no policy then. They do not count.
    pub unmeasured: Vec<NormId>,
}

/// Decides anew about a recorded turn. `None` where nothing was decided then: an endpoint that is not guarded, a request that was refused or not read.
///
/// The probabilities are those of then, so what is replayed are thresholds, actions, locks, layers and which norms there are. Other words of a norm
/// (`says`, `see`, `asks`, `answers`) would change the probabilities: only the models can tell how.
#[must_use]
pub fn replay(set: &PolicySet, record: &Record) -> Option<Replayed> {
    let findings = findings(record)?;
    let context = Context::from(record.context.clone());
    let recorded: BTreeMap<&NormId, Action> =
        record.findings.iter().map(|finding| (&finding.norm, finding.action)).collect();
    let mut policy = set.of(&context);
    let mut unmeasured = Vec::new();
    // Under the very policies of then, a norm without a finding is one that the models left out: silence, which decides, too.
    if set.hash() != record.hashes.policy && record.unavailable.is_none() {
        let missing = policy.norms().iter().map(|norm| &norm.id).filter(|id| !recorded.contains_key(id));
        unmeasured = missing.cloned().collect();
        policy = policy.only(|id| recorded.contains_key(id));
    }
    let decision = decide(&policy, &context, &findings);
    let now = |norm: &NormId| {
        let ruling = decision.norms.iter().find(|ruling| ruling.norm.id == *norm);
        ruling.map_or(Action::Pass, |ruling| ruling.action)
    };
    let norms = recorded.into_iter().map(|(norm, before)| (norm.clone(), before, now(norm)));
    let norms = norms.filter(|(_, before, after)| before != after).collect();
    Some(Replayed { before: record.action, after: decision.action, norms, unmeasured })
}

fn findings(record: &Record) -> Option<Findings> {
    match (record.unavailable, record.threshold) {
        (Some(why), _) => Some(Findings::Unknown(why)),
        (None, Some(threshold)) => {
            let findings = record.findings.iter().map(|finding| Finding {
                norm: finding.norm.clone(),
                probability: finding.probability,
                evidence: finding.evidence,
            });
            Some(Findings::Known { findings: findings.collect(), threshold })
        }
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Evidence, FindingRecord, Unavailable};
    use crate::policy::Source;
    use crate::policy::fixture::{PACK, context, small};

    fn record(set: &PolicySet, probability: f32) -> Record {
        let here = context(&["CN"]);
        let finding = |norm: &NormId, action| FindingRecord {
            norm: norm.clone(),
            probability,
            evidence: Evidence::Query,
            action,
        };
        let policy = set.of(&here);
        let findings = policy.norms().iter().map(|norm| finding(&norm.id, Action::Pass)).collect();
        let mut record = crate::policy::fixture::record(&here, findings);
        record.hashes.policy = set.hash().to_owned();
        let decision = decide(&policy, &here, &super::findings(&record).unwrap());
        record.action = decision.action;
        for finding in &mut record.findings {
            let ruling = decision.norms.iter().find(|ruling| ruling.norm.id == finding.norm);
            finding.action = ruling.map_or(Action::Pass, |ruling| ruling.action);
        }
        record
    }

    fn changed(from: &str, to: &str) -> PolicySet {
        let pack = PACK.replacen(from, to, 1);
        PolicySet::read(&[Source { path: "CN.toml", text: &pack }]).0.unwrap()
    }

    #[test]
    fn a_threshold_flips_decisions_in_both_directions() {
        let set = small();
        let mild = replay(&changed("threshold = 0.6", "threshold = 0.9"), &record(&set, 0.7)).unwrap();
        assert_eq!((mild.before, mild.after), (Action::Rewrite, Action::Observe));
        assert_eq!(mild.norms, [("CN/clock-as-gift".parse().unwrap(), Action::Rewrite, Action::Pass)]);
        let strict = replay(&changed("threshold = 0.6", "threshold = 0.1"), &record(&set, 0.3)).unwrap();
        assert_eq!((strict.before, strict.after), (Action::Pass, Action::Rewrite));
        let same = replay(&set, &record(&set, 0.7)).unwrap();
        assert_eq!((same.before == same.after, same.norms, same.unmeasured), (true, vec![], vec![]));
    }

    #[test]
    fn a_norm_of_which_nothing_is_recorded_does_not_count_and_is_named() {
        let other = changed("clock-as-gift", "clock-at-court");
        let replayed = replay(&other, &record(&small(), 0.7)).unwrap();
        assert_eq!(replayed.unmeasured, ["CN/clock-at-court".parse().unwrap()]);
        assert_eq!((replayed.before, replayed.after), (Action::Rewrite, Action::Observe));
    }

    #[test]
    fn silence_is_replayed_as_silence_and_what_was_never_read_is_not_replayed() {
        let mut record = record(&small(), 0.7);
        record.threshold = None;
        assert_eq!(replay(&small(), &record), None);
        (record.unavailable, record.action) = (Some(Unavailable::Late), Action::Pass);
        record.findings.clear();
        assert_eq!(replay(&small(), &record).map(|replayed| replayed.after), Some(Action::Pass));
        let floor = include_str!("../../policies/floor.toml").replacen("action = \"pass\"", "action = \"decline\"", 1);
        let files = [Source { path: "CN.toml", text: PACK }, Source { path: "floor.toml", text: &floor }];
        let strict = PolicySet::read(&files).0.unwrap();
        assert_eq!(replay(&strict, &record).map(|replayed| replayed.after), Some(Action::Decline));
    }
}
