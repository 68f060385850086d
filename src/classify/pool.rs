//! The inference threads: each owns one model, all take their jobs from one bounded queue in the order in which they came.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::Unavailable;

use super::model::{Model, ModelError};

/// What a thread does with its model, or hears why it cannot. It answers whether the model may be used again: not after a panic.
type Work = Box<dyn FnOnce(Result<&mut dyn Model, Unavailable>) -> bool + Send>;

struct Job {
    deadline: Instant,
    work: Work,
}

/// How much the pool has done. Counters only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) done: u64,
    pub(super) late: u64,
    pub(super) busy: u64,
    pub(super) failed: u64,
}

#[derive(Default)]
struct Counters {
    done: AtomicU64,
    late: AtomicU64,
    busy: AtomicU64,
    failed: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    alive: usize,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    most: usize,
    counters: Counters,
}

/// The threads and their queue. Dropping it ends the threads as soon as their jobs are done.
pub(super) struct Pool(Arc<Shared>);

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl Pool {
    /// Starts a thread for each model, before which at most `queue` jobs wait.
    ///
    /// Where the system refuses a thread, its word comes along, and the pool works with those that it gave.
    pub(super) fn start(models: Vec<Box<dyn Model>>, queue: usize) -> (Self, Option<std::io::Error>) {
        let shared =
            Shared { state: Mutex::default(), wake: Condvar::new(), most: queue.max(1), counters: Counters::default() };
        let pool = Self(Arc::new(shared));
        let mut refused = None;
        for (index, model) in models.into_iter().enumerate() {
            pool.0.lock().alive += 1;
            let shared = Arc::clone(&pool.0);
            let seat = Seat(shared);
            let started = thread::Builder::new().name(format!("infer-{index}")).spawn(move || seat.serve(model));
            // The seat went away with the closure, and counted itself out.
            refused = started.err().or(refused);
        }
        (pool, refused)
    }

    /// Has a thread do `work`, and waits for it. A job whose deadline has passed when its turn comes is dropped without being run.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&mut dyn Model) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let shared = Arc::clone(&self.0);
        let work = move |model: Result<&mut dyn Model, Unavailable>| {
            let result = model.map(|model| catch_unwind(AssertUnwindSafe(|| work(model))));
            let survived = !matches!(result, Ok(Err(_)));
            let result = result.and_then(|ended| match ended {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(failed(&error)),
                Err(_) => Err(Unavailable::Failed),
            });
            shared.counters.ended(result.as_ref().err().copied());
            // Nobody may wait any more: the work is done all the same.
            let _ = reply.send(result);
            survived
        };
        self.0.push(Job { deadline, work: Box::new(work) })?;
        answer.await.unwrap_or(Err(Unavailable::Failed))
    }

    /// Jobs that wait for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// The most jobs that may wait.
    pub(super) fn most(&self) -> usize {
        self.0.most
    }

    /// Threads that live.
    pub(super) fn alive(&self) -> usize {
        self.0.lock().alive
    }

    /// What became of the jobs so far.
    pub(super) fn counts(&self) -> Counts {
        let Counters { done, late, busy, failed } = &self.0.counters;
        let [done, late, busy, failed] = [done, late, busy, failed].map(|counter| counter.load(Ordering::Relaxed));
        Counts { done, late, busy, failed }
    }
}

fn failed(error: &ModelError) -> Unavailable {
    tracing::error!(%error, "a model failed");
    Unavailable::Failed
}

impl Counters {
    /// Counts a job that ended well, or why it did not.
    fn ended(&self, why: Option<Unavailable>) {
        let counter = match why {
            None => &self.done,
            Some(Unavailable::Late) => &self.late,
            Some(Unavailable::Busy) => &self.busy,
            Some(Unavailable::Failed | Unavailable::Off | Unavailable::Language | Unavailable::Unread) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// A poisoned lock is no harm here: no code that can panic runs while it is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<(), Unavailable> {
        let mut state = self.lock();
        if state.alive == 0 {
            self.counters.ended(Some(Unavailable::Failed));
            return Err(Unavailable::Failed);
        }
        if state.waiting.len() >= self.most {
            self.counters.ended(Some(Unavailable::Busy));
            return Err(Unavailable::Busy);
        }
        state.waiting.push_back(job);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// The next job; `None` once the pool is gone and nothing waits.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A thread's place in the pool. When it is left, however that happens, the thread counts as dead; the last one to leave turns away who still waits.
struct Seat(Arc<Shared>);

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.alive -= 1;
        let stranded = if state.alive == 0 { std::mem::take(&mut state.waiting) } else { VecDeque::new() };
        drop(state);
        for job in stranded {
            (job.work)(Err(Unavailable::Failed));
        }
    }
}

impl Seat {
    fn serve(self, mut model: Box<dyn Model>) {
        while let Some(job) = self.0.next() {
            let in_time = job.deadline > Instant::now();
            let survived = (job.work)(if in_time { Ok(model.as_mut()) } else { Err(Unavailable::Late) });
            if survived {
                continue;
            }
            let Ok(Some(fresh)) = catch_unwind(AssertUnwindSafe(|| model.renew())) else {
                tracing::error!("an inference thread ends after a panic");
                return;
            };
            model = fresh;
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
