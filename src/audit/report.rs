//! What happened, row by row: counting and averaging, without the database.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{Action, Country, Outcome};
use crate::score::{Summary, Tally};

use super::times::Times;

/// Which records are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those from then on, in milliseconds since 1970 UTC.
    pub since_ms: Option<i64>,
    /// Those whose first country in play is this one.
    pub country: Option<Country>,
}

/// What a row of the report stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The first country in play; `-` where there was none.
    Country,
    /// A norm that was in play. A request with several is counted in each; its scores count only where the norm was at stake.
    Norm,
    /// Shadow or enforce.
    Mode,
}

/// One row of the report. In shadow, actions are those that would have been taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The country, norm or mode.
    pub key: String,
    /// Requests.
    pub requests: u64,
    /// Requests with something at stake (any action but pass).
    pub at_stake: u64,
    /// Requests whose strictest action was to educate; by norm: that norm's action. So are the next two.
    pub educated: u64,
    /// … to rewrite.
    pub rewritten: u64,
    /// … to decline.
    pub declined: u64,
    /// Answers that were shown although they breached a norm.
    pub breached: u64,
    /// Answers that were replaced by a repaired one.
    pub repaired: u64,
    /// Answers with a correction appended.
    pub corrected: u64,
    /// Answers that could not be checked.
    pub unverified: u64,
    /// Requests about which the models could not say anything.
    pub unavailable: u64,
    /// The share of answers that lecture about a norm although none was at stake, among those that were judged for it.
    pub over_warned: Option<Summary>,
    /// Awareness, over the answers that were judged for it. So are the next three.
    pub awareness: Option<Summary>,
    /// Education.
    pub education: Option<Summary>,
    /// Compliance.
    pub compliance: Option<Summary>,
    /// Helpfulness.
    pub helpfulness: Option<Summary>,
    /// The median of the whole request's time in milliseconds, to 1 %.
    pub p50_ms: Option<f64>,
    /// The time that 95 of 100 requests do not exceed, in milliseconds, to 1 %.
    pub p95_ms: Option<f64>,
}

/// What a report knows of one request, under one key.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) action: Action,
    pub(super) outcome: Option<Outcome>,
    pub(super) unavailable: bool,
    pub(super) over_warned: Option<bool>,
    /// Awareness, education, compliance, helpfulness.
    pub(super) scores: [Option<f64>; 4],
    pub(super) total_us: i64,
}

/// A row in the making.
#[derive(Debug, Default)]
struct Group {
    requests: u64,
    actions: BTreeMap<Action, u64>,
    outcomes: BTreeMap<Outcome, u64>,
    unavailable: u64,
    over_warned: Tally,
    scores: [Tally; 4],
    times: Times,
}

/// A report in the making.
#[derive(Debug, Default)]
pub(super) struct Report(BTreeMap<String, Group>);

impl Report {
    pub(super) fn add(&mut self, line: Line, by: By) {
        let group = self.0.entry(line.key).or_default();
        group.requests += 1;
        *group.actions.entry(line.action).or_default() += 1;
        group.unavailable += u64::from(line.unavailable);
        group.times.add(line.total_us);
        if by == By::Norm && line.action == Action::Pass {
            return; // the answer and its scores are about other norms
        }
        if let Some(outcome) = line.outcome {
            *group.outcomes.entry(outcome).or_default() += 1;
        }
        if let Some(over_warned) = line.over_warned {
            group.over_warned.add(f64::from(u8::from(over_warned)));
        }
        for (tally, score) in group.scores.iter_mut().zip(line.scores) {
            if let Some(score) = score {
                tally.add(score);
            }
        }
    }

    /// The rows, those with the most requests first.
    pub(super) fn rows(self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.0.into_iter().map(|(key, group)| group.row(key)).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.requests)); // stable: equal ones stay in the order of their keys
        rows
    }
}

impl Group {
    fn row(self, key: String) -> Row {
        let acted = |action| self.actions.get(&action).copied().unwrap_or_default();
        let came = |outcome| self.outcomes.get(&outcome).copied().unwrap_or_default();
        let [awareness, education, compliance, helpfulness] = self.scores.map(|tally| tally.summary());
        Row {
            key,
            requests: self.requests,
            at_stake: self.requests - acted(Action::Pass),
            educated: acted(Action::Educate),
            rewritten: acted(Action::Rewrite),
            declined: acted(Action::Decline),
            breached: came(Outcome::Breached),
            repaired: came(Outcome::Repaired),
            corrected: came(Outcome::Corrected),
            unverified: came(Outcome::Unverified),
            unavailable: self.unavailable,
            over_warned: self.over_warned.summary(),
            awareness,
            education,
            compliance,
            helpfulness,
            p50_ms: self.times.percentile(0.5),
            p95_ms: self.times.percentile(0.95),
        }
    }
}
