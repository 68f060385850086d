//! Percentiles of times, in bounded memory.

use std::collections::BTreeMap;

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

    proptest! {
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
