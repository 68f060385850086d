//! Thresholds against recall and false alarms.

/// Probabilities of what is at stake and of what is not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scored {
    pub(super) at_stake: Vec<f32>,
    pub(super) harmless: Vec<f32>,
}

/// What a threshold does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) threshold: f32,
    /// The share of what is at stake that reaches it; `None` where nothing is at stake.
    pub(super) recall: Option<f64>,
    /// The share of what is harmless that reaches it; `None` where nothing is harmless.
    pub(super) alarms: Option<f64>,
}

impl Scored {
    pub(super) fn at(&self, threshold: f32) -> Point {
        let share = |all: &[f32]| {
            let reach = all.iter().filter(|probability| **probability >= threshold).count();
            #[expect(clippy::cast_precision_loss, reason = "counts of cases are small")]
            (!all.is_empty()).then(|| reach as f64 / all.len() as f64)
        };
        Point { threshold, recall: share(&self.at_stake), alarms: share(&self.harmless) }
    }

    /// The curve at a hundred thresholds.
    pub(super) fn curve(&self) -> Vec<Point> {
        (1..100_u8).map(|percent| self.at(f32::from(percent) / 100.0)).collect()
    }

    /// The threshold with the highest recall among those that keep false alarms within `budget`; of equal ones the highest, which leaves the most room to
    /// what was not measured. `None` without cases of both kinds.
    pub(super) fn best_within(&self, budget: f64) -> Option<Point> {
        let curve = self.curve();
        let within = curve.into_iter().filter(|point| point.alarms.is_some_and(|alarms| alarms <= budget));
        within.filter(|point| point.recall.is_some()).max_by(|a, b| {
            let recall = |point: &Point| point.recall.unwrap_or_default();
            recall(a).total_cmp(&recall(b)).then(a.threshold.total_cmp(&b.threshold))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(at_stake: &[f32], harmless: &[f32]) -> Scored {
        Scored { at_stake: at_stake.to_vec(), harmless: harmless.to_vec() }
    }

    #[test]
    fn the_best_threshold_keeps_to_the_budget_and_leaves_room() {
        let scored = scored(&[0.9, 0.7, 0.5, 0.2], &[0.6, 0.1, 0.1, 0.1]);
        let none = scored.best_within(0.0).unwrap();
        assert_eq!((none.threshold, none.recall, none.alarms), (0.7, Some(0.5), Some(0.0)));
        let some = scored.best_within(0.25).unwrap();
        assert_eq!((some.threshold, some.recall, some.alarms), (0.2, Some(1.0), Some(0.25)));
    }

    #[test]
    fn without_cases_of_both_kinds_nothing_is_suggested() {
        assert_eq!(scored(&[], &[0.5]).best_within(1.0), None);
        assert_eq!(scored(&[0.5], &[]).best_within(1.0), None);
        assert_eq!(scored(&[], &[]).at(0.5), Point { threshold: 0.5, recall: None, alarms: None });
    }
}
