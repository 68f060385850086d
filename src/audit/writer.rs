//! The thread that writes: batches in, sinks out, old records away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::AuditError;
use crate::domain::Record;

/// Where records go. A sink lives on the audit's thread, one batch at a time.
pub trait Sink: Send {
    /// Writes a batch, oldest first.
    ///
    /// # Errors
    /// Why it could not. The batch is then lost to this sink; nothing is kept for another try.
    fn write(&mut self, batch: &[Record]) -> Result<(), AuditError>;

    /// Takes away some of the records from before `before_ms` (milliseconds since 1970 UTC) and says how many; 0 once there are none. Each call is
    /// short, so that writing does not wait for it.
    ///
    /// # Errors
    /// Why it could not.
    fn prune(&mut self, before_ms: i64) -> Result<u64, AuditError>;
}

/// Records in a batch at most.
pub(super) const BATCH: usize = 256;
/// The longest that a record waits for its batch to fill.
const FILL: Duration = Duration::from_millis(100);
/// How often old records are looked for.
const PRUNE: Duration = Duration::from_mins(10);
/// How often failures are told at most.
const TELL: Duration = Duration::from_mins(1);

/// What is counted, for metrics.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) queued: AtomicUsize,
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failures: AtomicU64,
}

/// What the thread owns.
pub(super) struct Writer {
    pub(super) receiver: Receiver<Box<Record>>,
    pub(super) sinks: Vec<Box<dyn Sink>>,
    pub(super) retention: Duration,
    pub(super) counts: Arc<Counts>,
}

impl Writer {
    /// Writes until every sender is gone and the queue is empty.
    pub(super) fn run(mut self) {
        let mut tell = Tell::default();
        let mut next_prune = Instant::now();
        while let Some(batch) = self.batch(next_prune) {
            self.write(&batch, &mut tell);
            if Instant::now() >= next_prune {
                let more = self.prune(&mut tell);
                next_prune = Instant::now() + if more { FILL } else { PRUNE };
            }
        }
    }

    /// The next batch; an empty one at `until`; `None` once every sender is gone and the queue is empty.
    fn batch(&self, until: Instant) -> Option<Vec<Record>> {
        let first = match self.receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        let filled = Instant::now() + FILL;
        let mut batch = vec![*first];
        while batch.len() < BATCH {
            match self.receiver.recv_timeout(filled.saturating_duration_since(Instant::now())) {
                Ok(next) => batch.push(*next),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        Some(batch)
    }

    fn write(&mut self, batch: &[Record], tell: &mut Tell) {
        if batch.is_empty() {
            return;
        }
        let mut taken = true;
        for sink in &mut self.sinks {
            if let Err(error) = sink.write(batch) {
                taken = false;
                self.counts.failures.fetch_add(1, Ordering::Relaxed);
                tell.failed(&error, batch.len());
            }
        }
        let count = if taken { &self.counts.written } else { &self.counts.dropped };
        count.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.counts.queued.fetch_sub(batch.len(), Ordering::Relaxed);
    }

    /// Whether there is more to take away.
    fn prune(&mut self, tell: &mut Tell) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = i64::try_from(now.saturating_sub(self.retention).as_millis()).unwrap_or(i64::MAX);
        let mut more = false;
        for sink in &mut self.sinks {
            match sink.prune(before) {
                Ok(gone) => more |= gone > 0,
                Err(error) => {
                    self.counts.failures.fetch_add(1, Ordering::Relaxed);
                    tell.failed(&error, 0);
                }
            }
        }
        more
    }
}

/// Tells of failures, once a minute at most.
#[derive(Debug, Default)]
struct Tell {
    last: Option<Instant>,
    /// Records lost since then.
    lost: usize,
}

impl Tell {
    fn failed(&mut self, error: &AuditError, lost: usize) {
        self.lost += lost;
        if self.last.is_none_or(|last| last.elapsed() >= TELL) {
            tracing::error!(%error, lost = self.lost, "the audit could not write; the records are lost to this sink");
            *self = Self { last: Some(Instant::now()), lost: 0 };
        }
    }
}
