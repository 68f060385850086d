//! Many values and what they tell of all there could be.

use serde::{Deserialize, Serialize};

/// The 97.5 % point of the standard normal distribution: 95 % lie within it on both sides.
const Z: f64 = 1.959_963_984_540_054;

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Wilson's score interval for a share.
    Wilson,
    /// Student's interval for a mean.
    Student,
}

/// The mean of some values in 0..=1 and where the mean of all such values lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many values there are.
    pub n: usize,
    /// Their mean.
    pub mean: f32,
    /// The lower end of the 95 % interval.
    pub low: f32,
    /// Its upper end.
    pub high: f32,
    /// How the interval was made.
    pub method: Method,
}

/// Sums up values in 0..=1; `None` where there are none: see [`Tally`].
#[must_use]
pub fn summarize(values: &[f32]) -> Option<Summary> {
    let mut tally = Tally::default();
    for value in values {
        tally.add(f64::from(*value));
    }
    tally.summary()
}

/// A [`Summary`] in the making, in the same few bytes for any number of values (Welford's method).
///
/// Where every value is 0 or 1, their mean is a share and the interval is Wilson's, which holds for few values and near the ends, too. Otherwise it is
/// Student's for a mean, cut at 0 and 1. Values that are all alike, a single one among them, say nothing of how far others would lie apart: there, too,
/// it is Wilson's, which is the widest that values of this mean could need.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    n: usize,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
    /// The smallest and the largest value.
    ends: Option<(f64, f64)>,
    /// Whether a value lies between 0 and 1.
    between: bool,
}

impl Tally {
    /// Adds a value. What is no number does not count; what lies outside 0..=1 counts as the nearest end.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let value = value.clamp(0.0, 1.0);
        self.n += 1;
        let distance = value - self.mean;
        self.mean += distance / count(self.n);
        self.squares += distance * (value - self.mean);
        let (least, most) = self.ends.unwrap_or((value, value));
        self.ends = Some((least.min(value), most.max(value)));
        self.between |= value > 0.0 && value < 1.0;
    }

    /// What the values tell; `None` where there were none.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let (least, most) = self.ends?;
        let n = count(self.n);
        let alike = least.total_cmp(&most).is_eq();
        let (method, (low, high)) = if alike || !self.between {
            (Method::Wilson, wilson(self.mean, n))
        } else {
            (Method::Student, student(self.mean, self.squares, n))
        };
        let [mean, low, high] = [self.mean.clamp(least, most), low.max(0.0), high.min(1.0)].map(narrow);
        Some(Summary { n: self.n, mean, low: low.min(mean), high: high.max(mean), method })
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 values")]
fn count(n: usize) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a figure in 0..=1; the last digits are no loss")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
fn wilson(share: f64, n: f64) -> (f64, f64) {
    let shrink = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    (centre - half, centre + half)
}

fn student(mean: f64, squares: f64, n: f64) -> (f64, f64) {
    let half = t975(n - 1.0) * (squares / (n - 1.0) / n).sqrt();
    (mean - half, mean + half)
}

/// The 97.5 % point of Student's distribution: from a table for one to eight degrees of freedom, beyond them by the expansion in their reciprocal
/// (Abramowitz and Stegun, 26.7.5), which is then right to three digits.
fn t975(freedom: f64) -> f64 {
    const FEW: [f64; 8] = [12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004];
    let few = FEW.iter().zip(1_u8..).find(|(_, degrees)| freedom <= f64::from(*degrees));
    if let Some((quantile, _)) = few {
        return *quantile;
    }
    let [z3, z5, z7] = [3, 5, 7].map(|power| Z.powi(power));
    Z + (z3 + Z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / (96.0 * freedom.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * Z) / (384.0 * freedom.powi(3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(left: f32, right: f32) -> bool {
        (left - right).abs() < 5e-4
    }

    #[test]
    fn a_share_has_wilsons_interval() {
        // Eight of ten: 0.4902 to 0.9433 (R: prop.test(8, 10, correct = FALSE)).
        let summary = summarize(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]).unwrap();
        assert_eq!((summary.n, summary.method), (10, Method::Wilson));
        assert!(near(summary.mean, 0.8) && near(summary.low, 0.4902) && near(summary.high, 0.9433), "{summary:?}");
    }

    #[test]
    fn a_mean_has_students_interval() {
        // Mean 0.5, standard deviation 0.158114, t(4) = 2.776445: 0.5 -+ 0.196324.
        let summary = summarize(&[0.3, 0.4, 0.5, 0.6, 0.7]).unwrap();
        assert_eq!((summary.n, summary.method), (5, Method::Student));
        assert!(near(summary.low, 0.303_676) && near(summary.high, 0.696_324), "{summary:?}");
    }

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (freedom, quantile) in
            [(1.0, 12.7062), (4.0, 2.7764), (5.0, 2.5706), (9.0, 2.2622), (10.0, 2.2281), (30.0, 2.0423), (1e6, 1.96)]
        {
            assert!((t975(freedom) - quantile).abs() < 1e-3, "{freedom}: {}", t975(freedom));
        }
    }

    #[test]
    fn few_values_are_never_certain() {
        for values in [&[1.0][..], &[0.7], &[0.7, 0.7], &[0.0, 0.0, 0.0]] {
            let summary = summarize(values).unwrap();
            assert!(summary.high - summary.low > 0.4, "{summary:?}");
        }
        assert_eq!((summarize(&[]), summarize(&[f32::NAN])), (None, None));
    }

    proptest! {
        #[test]
        fn the_mean_lies_within_its_interval(values in prop::collection::vec(any::<f32>(), 0..60)) {
            if let Some(Summary { low, mean, high, .. }) = summarize(&values) {
                prop_assert!(0.0 <= low && low <= mean && mean <= high && high <= 1.0);
            }
        }
    }
}
