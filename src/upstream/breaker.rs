//! The circuit breaker: leaves a server alone that cannot be reached. A value without a clock: the time comes in.

use std::time::{Duration, Instant};

/// How often the breaker did what. Counters only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BreakerCounts {
    /// How often it opened.
    pub opened: u64,
    /// Requests that it refused.
    pub refused: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Requests go through; so many have failed in a row.
    Closed { failures: u32 },
    /// Requests are refused until then; after that, one may try.
    Open { until: Instant },
}

/// Opens after a number of failures in a row, rests, then lets one request through at a time until one succeeds.
#[derive(Debug, Clone)]
pub struct Breaker {
    threshold: u32,
    rest: Duration,
    state: State,
    counts: BreakerCounts,
}

impl Breaker {
    /// A closed breaker that opens after `threshold` failures in a row (at least one) and rests for `rest`.
    #[must_use]
    pub fn new(threshold: u32, rest: Duration) -> Self {
        let state = State::Closed { failures: 0 };
        Self { threshold: threshold.max(1), rest, state, counts: BreakerCounts::default() }
    }

    /// Whether a request may go out now. After the rest, the one that asks first may, and the next only after another rest: so a trial whose
    /// client went away, and which never reports, keeps nobody out for good.
    pub fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } if now < until => {
                self.counts.refused += 1;
                false
            }
            State::Open { .. } => {
                self.state = State::Open { until: now + self.rest };
                true
            }
        }
    }

    /// The server was reached.
    pub fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// The server was not reached.
    pub fn failed(&mut self, now: Instant) {
        match &mut self.state {
            State::Closed { failures } if *failures + 1 < self.threshold => *failures += 1,
            State::Closed { .. } => {
                self.counts.opened += 1;
                self.state = State::Open { until: now + self.rest };
            }
            State::Open { until } => *until = now + self.rest,
        }
    }

    /// Whether requests are refused now.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        matches!(self.state, State::Open { until } if now < until)
    }

    /// What it did so far.
    #[must_use]
    pub fn counts(&self) -> BreakerCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REST: Duration = Duration::from_secs(2);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(3, REST);
        (0..3).for_each(|_| breaker.failed(now));
        breaker
    }

    #[test]
    fn it_opens_only_after_failures_in_a_row() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3, REST);
        breaker.failed(now);
        breaker.failed(now);
        breaker.succeeded();
        breaker.failed(now);
        breaker.failed(now);
        assert!(breaker.admits(now) && !breaker.is_open(now));
        breaker.failed(now);
        assert!(!breaker.admits(now) && breaker.is_open(now));
        assert_eq!(breaker.counts(), BreakerCounts { opened: 1, refused: 1 });
    }

    #[test]
    fn after_the_rest_one_may_try() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(!breaker.admits(now + REST.mul_f32(0.999)));
        assert!(breaker.admits(now + REST), "the trial");
        assert!(!breaker.admits(now + REST), "only one");
    }

    #[test]
    fn a_trial_that_fails_means_another_rest_and_one_that_succeeds_closes() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.admits(now + REST));
        breaker.failed(now + REST);
        assert!(!breaker.admits(now + REST + REST / 2));
        assert!(breaker.admits(now + REST * 2));
        breaker.succeeded();
        assert!((0..10).all(|_| breaker.admits(now + REST * 2)));
    }

    #[test]
    fn a_trial_that_never_reports_keeps_nobody_out_for_good() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.admits(now + REST));
        assert!(breaker.admits(now + REST * 2));
    }

    proptest! {
        #[test]
        fn nobody_is_refused_for_longer_than_a_rest(steps in proptest::collection::vec((0..3u8, 0..3000u64), 0..60)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(2, REST);
            for (step, millis) in steps {
                now += Duration::from_millis(millis);
                match step {
                    0 => breaker.failed(now),
                    1 => breaker.succeeded(),
                    _ => drop(breaker.admits(now)),
                }
            }
            prop_assert!(breaker.clone().admits(now + REST));
        }
    }
}
