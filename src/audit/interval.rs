//! Means with their intervals, and percentiles, in bounded memory.

use std::collections::BTreeMap;

use serde::Serialize;

/// A mean and its 95 % interval by the normal approximation (mean ± 1.96 · s / √n), cut to 0..=1.
///
/// For a few values, or values near 0 or 1, the approximation is coarse. Of one value there is no spread: the interval is then 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// How many values there are.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The mean of values in 0..=1. `None` of no values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<Mean> {
    let mut tally = Tally::default();
    for value in values {
        tally.add(*value);
    }
    tally.mean()
}

/// A mean in the making (Welford's method).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    n: u64,
    mean: f64,
    /// The sum of the squared distances from the mean.
    spread: f64,
}

impl Tally {
    pub(super) fn add(&mut self, value: f64) {
        self.n += 1;
        let distance = value - self.mean;
        self.mean += distance / count(self.n);
        self.spread += distance * (value - self.mean);
    }

    pub(super) fn mean(&self) -> Option<Mean> {
        let n = self.n;
        let half = match n {
            0 => return None,
            1 => 1.0,
            _ => 1.96 * (self.spread / count(n - 1) / count(n)).sqrt(),
        };
        let mean = self.mean;
        Some(Mean { n, mean, low: (mean - half).max(0.0), high: (mean + half).min(1.0) })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

/// How much wider each bucket is than the one before.
const STEP: f64 = 1.02;

/// Times, gathered in buckets that grow by 2 %: their percentiles are exact to 1 %, in a few hundred counters however many there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    n: u64,
    buckets: BTreeMap<i32, u64>,
}

impl Times {
    pub(super) fn add(&mut self, micros: i64) {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a logarithm of 63 bits to base 1.02 is below 2210"
        )]
        let bucket = (micros.max(1) as f64).log(STEP).round() as i32;
        *self.buckets.entry(bucket).or_default() += 1;
        self.n += 1;
    }

    /// The time in milliseconds that `share` of all times (0..=1) do not exceed.
    pub(super) fn percentile(&self, share: f64) -> Option<f64> {
        let wanted = (count(self.n) * share).ceil().max(1.0);
        let mut seen = 0;
        let (bucket, _) = self.buckets.iter().find(|(_, held)| {
            seen += **held;
            count(seen) >= wanted
        })?;
        Some(STEP.powi(*bucket) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mean_has_the_textbook_interval() {
        // s² = 0.0125 / 4 … worked by hand: values 0.2 0.4 0.6 0.8, mean 0.5, s² = 0.2 / 3, half = 1.96 · √(0.2 / 3 / 4).
        let mean = mean(&[0.2, 0.4, 0.6, 0.8]).unwrap();
        assert_eq!(mean.n, 4);
        assert!((mean.mean - 0.5).abs() < 1e-12);
        assert!((mean.high - (0.5 + 0.253_034_9)).abs() < 1e-6, "{}", mean.high);
        assert!((mean.low - (0.5 - 0.253_034_9)).abs() < 1e-6, "{}", mean.low);
    }

    #[test]
    fn of_nothing_there_is_no_mean_and_one_value_says_little() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[0.7]), Some(Mean { n: 1, mean: 0.7, low: 0.0, high: 1.0 }));
        assert_eq!(mean(&[1.0; 9]), Some(Mean { n: 9, mean: 1.0, low: 1.0, high: 1.0 }));
    }

    proptest! {
        #[test]
        fn the_mean_lies_in_its_interval(values in proptest::collection::vec(0.0..=1.0f64, 1..200)) {
            let found = mean(&values).unwrap();
            let plain = values.iter().sum::<f64>() / count(values.len() as u64);
            prop_assert!((found.mean - plain).abs() < 1e-9);
            prop_assert!(0.0 <= found.low && found.low <= found.mean + 1e-12 && found.mean <= found.high + 1e-12 && found.high <= 1.0);
        }

        #[test]
        fn percentiles_are_right_to_one_percent(mut times in proptest::collection::vec(1..100_000_000i64, 1..300), share in 0.01..=1.0f64) {
            let mut gathered = Times::default();
            for time in &times {
                gathered.add(*time);
            }
            times.sort_unstable();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive rank")]
            let rank = (count(times.len() as u64) * share).ceil() as usize;
            let exact = count(times[rank - 1].unsigned_abs()) / 1000.0;
            let found = gathered.percentile(share).unwrap();
            prop_assert!((found / exact - 1.0).abs() < 0.0101, "{found} for {exact}");
        }
    }
}
