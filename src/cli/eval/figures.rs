//! What is counted over many items: recall beside false alarms, calibration, the area under the curve, times.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::NormId;

/// How one item came out.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Outcome {
    /// Whether a norm is at stake.
    pub(super) at_stake: bool,
    /// Whether a pack in play holds the right norm.
    pub(super) in_pack: bool,
    /// The right norm's place among the findings, 0 for the first.
    pub(super) rank: Option<usize>,
    /// Whether the decision is about any norm.
    pub(super) fired: bool,
    /// Whether the decision is about the right norm.
    pub(super) right_fired: bool,
    /// The first finding's probability; `None` where nothing was found or the models could not say.
    pub(super) best: Option<f32>,
    /// Whether the models could not say.
    pub(super) unverified: bool,
}

/// Items summed up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    outcomes: Vec<Outcome>,
    /// How often the right norm of a question at stake is likelier there than in a near miss of it, ties half.
    wins: f64,
    pairs: usize,
}

/// The probabilities of an item's norms, to be held against those of another item of its group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Odds {
    /// The right norms; none where nothing is at stake.
    pub(super) right: BTreeSet<NormId>,
    pub(super) found: BTreeMap<NormId, f32>,
}

impl Odds {
    /// Whether the right norm is likelier here than in a near miss: 1, or 0.5 where it is as likely, or 0. `None` where either was not read.
    pub(super) fn before(&self, near_miss: &Self) -> Option<f64> {
        let best = |odds: &Self| {
            let found = self.right.iter().filter_map(|id| odds.found.get(id).copied());
            found.reduce(f32::max)
        };
        Some(match best(self)?.total_cmp(&best(near_miss)?) {
            Ordering::Greater => 1.0,
            Ordering::Equal => 0.5,
            Ordering::Less => 0.0,
        })
    }
}

/// The figures of a tally. A share is `None` where nothing was to be counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Items at stake.
    pub(super) at_stake: usize,
    /// Those of them whose norm no pack in play holds. They count as missed in `recall`, `first` and `in_three`.
    pub(super) not_in_any_pack: usize,
    /// The right norm is the likeliest, and the decision is about it.
    pub(super) recall: Option<f64>,
    /// The same among the items whose norm a pack holds.
    pub(super) recall_in_packs: Option<f64>,
    /// The decision is about the right norm, likeliest or not.
    pub(super) right_fired: Option<f64>,
    /// The right norm is the likeliest, above its threshold or not.
    pub(super) first: Option<f64>,
    /// The right norm is among the three likeliest.
    pub(super) in_three: Option<f64>,
    /// Of pairs of an item at stake and a near miss of it (the same group and language, nothing at stake): its right norm is likelier in the former.
    pub(super) before_near_miss: Option<f64>,
    /// Items with nothing at stake.
    pub(super) harmless: usize,
    /// Of these, those about which a decision was made all the same.
    pub(super) false_alarms: Option<f64>,
    /// Expected calibration error, ten bins (Guo et al. 2017, arXiv 1706.04599): the likeliest norm's probability against how often it is the right one.
    pub(super) calibration_error: Option<f64>,
    /// Items of which the models could not say.
    pub(super) unverified: usize,
}

#[expect(clippy::cast_precision_loss, reason = "counts of items are small")]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Tally {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Counts a pair of an item at stake and its near miss, by what [`Odds::before`] says.
    pub(super) fn add_pair(&mut self, before: f64) {
        self.wins += before;
        self.pairs += 1;
    }

    pub(super) fn figures(&self) -> Figures {
        let count = |of: &dyn Fn(&Outcome) -> bool| self.outcomes.iter().filter(|outcome| of(outcome)).count();
        let at_stake = count(&|o| o.at_stake);
        let in_packs = count(&|o| o.at_stake && o.in_pack);
        let harmless = count(&|o| !o.at_stake);
        let found = count(&|o| o.at_stake && o.right_fired && o.rank == Some(0));
        Figures {
            at_stake,
            not_in_any_pack: at_stake - in_packs,
            recall: share(found, at_stake),
            recall_in_packs: share(found, in_packs),
            right_fired: share(count(&|o| o.at_stake && o.right_fired), at_stake),
            first: share(count(&|o| o.at_stake && o.rank == Some(0)), at_stake),
            in_three: share(count(&|o| o.at_stake && o.rank.is_some_and(|rank| rank < 3)), at_stake),
            before_near_miss: share(1, self.pairs).map(|one| self.wins * one),
            harmless,
            false_alarms: share(count(&|o| !o.at_stake && o.fired), harmless),
            calibration_error: self.calibration_error(),
            unverified: count(&|o| o.unverified),
        }
    }

    fn calibration_error(&self) -> Option<f64> {
        const BINS: u8 = 10;
        let told: Vec<(f64, bool)> =
            self.outcomes.iter().filter_map(|o| Some((f64::from(o.best?), o.at_stake && o.rank == Some(0)))).collect();
        let mut error = 0.0;
        for bin in 0..BINS {
            let (low, high) = (f64::from(bin) / f64::from(BINS), f64::from(bin + 1) / f64::from(BINS));
            let last = bin + 1 == BINS;
            let here: Vec<_> = told.iter().filter(|(p, _)| *p >= low && (*p < high || last)).collect();
            let right = here.iter().filter(|(_, right)| *right).count();
            let (Some(weight), Some(right)) = (share(here.len(), told.len()), share(right, here.len())) else {
                continue;
            };
            let said = here.iter().map(|(p, _)| p).sum::<f64>() * share(1, here.len()).unwrap_or_default();
            error += weight * (said - right).abs();
        }
        (!told.is_empty()).then_some(error)
    }
}

/// The area under the ROC curve: how likely a true one has a higher score than a false one, ties half. `None` without both kinds.
pub(super) fn area(scored: &[(f32, bool)]) -> Option<f64> {
    let (yes, no): (Vec<_>, Vec<_>) = scored.iter().partition(|(_, truth)| *truth);
    let wins = |(a, _): &(f32, bool)| {
        let of = |(b, _): &(f32, bool)| match a.total_cmp(b) {
            Ordering::Greater => 1.0,
            Ordering::Equal => 0.5,
            Ordering::Less => 0.0,
        };
        no.iter().map(of).sum::<f64>()
    };
    let pairs = share(1, yes.len() * no.len())?;
    Some(yes.iter().map(wins).sum::<f64>() * pairs)
}

/// Milliseconds at quantiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Times {
    pub(super) count: usize,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
}

/// `None` without any.
pub(super) fn times(mut all: Vec<std::time::Duration>) -> Option<Times> {
    all.sort();
    let at = |percent: usize| {
        let index = (all.len() * percent / 100).min(all.len().checked_sub(1)?);
        all.get(index).map(|time| time.as_secs_f64() * 1e3)
    };
    Some(Times { count: all.len(), p50_ms: at(50)?, p95_ms: at(95)? })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MISS: Outcome = Outcome {
        at_stake: true,
        in_pack: true,
        rank: None,
        fired: false,
        right_fired: false,
        best: Some(0.1),
        unverified: false,
    };

    #[test]
    fn recall_wants_the_right_norm_first_and_decided_upon() {
        let mut tally = Tally::default();
        tally.add(Outcome { rank: Some(0), fired: true, right_fired: true, best: Some(0.9), ..MISS });
        tally.add(Outcome { rank: Some(1), fired: true, right_fired: true, best: Some(0.6), ..MISS });
        tally.add(Outcome { rank: Some(0), ..MISS });
        tally.add(Outcome { in_pack: false, ..MISS });
        tally.add(Outcome { at_stake: false, in_pack: false, fired: true, best: Some(0.9), ..MISS });
        tally.add(Outcome { at_stake: false, in_pack: false, best: None, unverified: true, ..MISS });
        let figures = tally.figures();
        assert_eq!((figures.at_stake, figures.not_in_any_pack, figures.harmless), (4, 1, 2));
        assert_eq!((figures.recall, figures.recall_in_packs), (Some(0.25), Some(1.0 / 3.0)));
        assert_eq!((figures.first, figures.in_three, figures.right_fired), (Some(0.5), Some(0.75), Some(0.5)));
        assert_eq!((figures.false_alarms, figures.unverified), (Some(0.5), 1));
    }

    #[test]
    fn a_calibrated_model_has_no_calibration_error() {
        let mut tally = Tally::default();
        for right in [true, true, true, false] {
            tally.add(Outcome { at_stake: right, rank: Some(0), best: Some(0.75), ..MISS });
        }
        assert!(tally.figures().calibration_error.unwrap() < 1e-6);
        tally.add(Outcome { at_stake: false, best: Some(1.0), ..MISS });
        assert!((tally.figures().calibration_error.unwrap() - 0.2).abs() < 1e-6);
        assert_eq!(Tally::default().figures().calibration_error, None);
    }

    #[test]
    fn the_area_is_the_chance_to_rank_a_pair_rightly() {
        assert_eq!(area(&[(0.9, true), (0.1, false)]), Some(1.0));
        assert_eq!(area(&[(0.5, true), (0.5, false)]), Some(0.5));
        assert_eq!(area(&[(0.9, true), (0.4, true), (0.5, false), (0.1, false)]), Some(0.75));
        assert_eq!(area(&[(0.9, true)]), None);
    }

    #[test]
    fn a_question_at_stake_is_held_against_its_near_miss_by_its_own_norm() {
        let odds = |right: &[&str], found: &[(&str, f32)]| Odds {
            right: right.iter().map(|id| id.parse().unwrap()).collect(),
            found: found.iter().map(|(id, p)| (id.parse().unwrap(), *p)).collect(),
        };
        let plan = odds(&["CN/a"], &[("CN/a", 0.4), ("CN/b", 0.9)]);
        assert_eq!(plan.before(&odds(&[], &[("CN/a", 0.3), ("CN/b", 0.95)])), Some(1.0));
        assert_eq!(plan.before(&odds(&[], &[("CN/a", 0.4)])), Some(0.5));
        assert_eq!(plan.before(&odds(&[], &[("CN/a", 0.5)])), Some(0.0));
        assert_eq!(plan.before(&odds(&[], &[])), None, "what was not read is no pair");
        let mut tally = Tally::default();
        assert_eq!(tally.figures().before_near_miss, None);
        for before in [1.0, 0.5, 0.0, 1.0] {
            tally.add_pair(before);
        }
        assert_eq!(tally.figures().before_near_miss, Some(0.625));
    }

    #[test]
    fn times_have_a_middle_and_an_end() {
        let all = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(times(all), Some(Times { count: 100, p50_ms: 51.0, p95_ms: 96.0 }));
        assert_eq!(times(Vec::new()), None);
    }
}
