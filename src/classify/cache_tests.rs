use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

const KEY: Key = [7; 32];

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

fn cache(bytes: u64) -> Cache<usize> {
    Cache::new(bytes, &TaskTracker::new(), |_| 8)
}

/// Work that counts its runs and waits for the gate.
struct Gated {
    runs: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Gated {
    fn new() -> Self {
        Self { runs: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    fn work(&self) -> impl Future<Output = Result<usize, Unavailable>> + Send + 'static {
        let (runs, gate) = (Arc::clone(&self.runs), Arc::clone(&self.gate));
        async move {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            let _ = gate.acquire().await;
            Ok(run)
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    async fn begun(&self) {
        while self.runs() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_hundred_equal_questions_are_one_run() {
    let (cache, gated) = (cache(1 << 20), Gated::new());
    let all = join_all((0..100).map(|_| cache.get(KEY, soon(), || gated.work())));
    let open = async {
        gated.begun().await;
        gated.gate.add_permits(100);
    };
    let (values, ()) = futures_util::future::join(all, open).await;
    assert!(values.iter().all(|value| *value == Ok(1)));
    assert_eq!(cache.get(KEY, soon(), || gated.work()).await, Ok(1));
    assert_eq!(gated.runs(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_work_along() {
    let (cache, gated) = (cache(1 << 20), Gated::new());
    {
        let first = cache.get(KEY, soon(), || gated.work());
        let gone = tokio::select! {
            biased;
            _ = first => false,
            () = gated.begun() => true,
        };
        assert!(gone);
    }
    let others = join_all((0..10).map(|_| cache.get(KEY, soon(), || gated.work())));
    let (values, ()) = futures_util::future::join(others, async { gated.gate.add_permits(1) }).await;
    assert!(values.iter().all(|value| *value == Ok(1)), "{values:?}");
    assert_eq!(gated.runs(), 1);
}

#[tokio::test]
async fn failures_are_not_kept() {
    let cache = cache(1 << 20);
    assert_eq!(cache.get(KEY, soon(), || async { Err(Unavailable::Busy) }).await, Err(Unavailable::Busy));
    assert_eq!(cache.get(KEY, soon(), || async { Ok(3) }).await, Ok(3));
}

#[tokio::test]
async fn work_that_came_too_late_for_another_caller_begins_anew() {
    let (cache, runs) = (cache(1 << 20), AtomicUsize::new(0));
    let work = || {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move { if run == 0 { Err(Unavailable::Late) } else { Ok(run) } }
    };
    assert_eq!(cache.get(KEY, soon(), work).await, Ok(1));
    let late = || async { Err(Unavailable::Late) };
    assert_eq!(cache.get([8; 32], Instant::now(), late).await, Err(Unavailable::Late));
}

#[tokio::test]
async fn work_that_panics_is_a_failure() {
    let cache = cache(1 << 20);
    let work = || async { panic!("in the work") };
    assert_eq!(cache.get(KEY, soon(), work).await, Err(Unavailable::Failed));
}

#[tokio::test]
async fn the_cache_stays_within_its_bytes() {
    let cache = cache(400);
    for index in 0..50_u8 {
        cache.get([index; 32], soon(), || async { Ok(1) }).await.unwrap();
    }
    cache.entries.run_pending_tasks().await;
    assert!(cache.bytes() <= 400 && cache.entries() >= 5, "{} bytes, {} entries", cache.bytes(), cache.entries());
}
