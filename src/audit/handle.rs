//! The handle that requests hold.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::writer::{Counts, Writer};
use super::{AuditError, Jsonl, Sink, Sqlite};
use crate::domain::Record;

/// A kind of sink and where it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// One `SQLite` file, which [`super::Store`] reads back.
    Sqlite {
        /// The file; made where there is none.
        path: PathBuf,
    },
    /// A file of JSON lines, for other programs to take up.
    Jsonl {
        /// The file; `path.1`, `path.2` … are older ones.
        path: PathBuf,
        /// The size in bytes from which a new file is begun.
        rotate_bytes: u64,
        /// How many older files are kept.
        keep: usize,
    },
}

/// How records are kept.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// Where they go. None: records go nowhere.
    pub sinks: Vec<SinkKind>,
    /// Records that may wait to be written.
    pub queue: usize,
    /// How long they are kept.
    pub retention: Duration,
}

/// Takes records. Clones share one queue and one writing thread.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    /// `None` once closed, or where there is nowhere to write.
    sender: RwLock<Option<SyncSender<Box<Record>>>>,
    writer: Mutex<Option<(JoinHandle<()>, Receiver<()>)>>,
    counts: Arc<Counts>,
    idle: bool,
}

impl Audit {
    /// Opens the sinks and starts the writing thread.
    ///
    /// # Errors
    /// Why a sink could not be opened, such as a file that a newer Comity wrote.
    pub fn open(options: AuditOptions) -> Result<Self, AuditError> {
        let sinks = options.sinks.into_iter().map(|kind| -> Result<Box<dyn Sink>, AuditError> {
            match kind {
                SinkKind::Sqlite { path } => Ok(Box::new(Sqlite::open(&path)?)),
                SinkKind::Jsonl { path, rotate_bytes, keep } => Ok(Box::new(Jsonl::open(path, rotate_bytes, keep)?)),
            }
        });
        Self::start(sinks.collect::<Result<_, _>>()?, options.queue, options.retention)
    }

    /// Starts the writing thread for sinks that are open already.
    ///
    /// # Errors
    /// [`AuditError::Thread`].
    pub fn start(sinks: Vec<Box<dyn Sink>>, queue: usize, retention: Duration) -> Result<Self, AuditError> {
        let counts = Arc::new(Counts::default());
        if sinks.is_empty() {
            let (sender, writer) = (RwLock::new(None), Mutex::new(None));
            return Ok(Self(Arc::new(Inner { sender, writer, counts, idle: true })));
        }
        let (sender, receiver) = sync_channel(queue.max(1));
        let (ending, ended) = sync_channel::<()>(0);
        let writer = Writer { receiver, sinks, retention, counts: Arc::clone(&counts) };
        let run = move || {
            let _ending = ending; // dropped when the thread ends, however it does
            writer.run();
        };
        let thread = Builder::new().name("comity-audit".to_owned()).spawn(run).map_err(AuditError::Thread)?;
        let (sender, writer) = (RwLock::new(Some(sender)), Mutex::new(Some((thread, ended))));
        Ok(Self(Arc::new(Inner { sender, writer, counts, idle: false })))
    }

    /// Hands a record over. Never waits: where the queue is full, or the audit closed, the record is dropped and counted.
    pub fn record(&self, record: Record) {
        let Inner { sender, counts, idle, .. } = &*self.0;
        if *idle {
            return;
        }
        counts.queued.fetch_add(1, Ordering::Relaxed);
        let sender = sender.read().unwrap_or_else(PoisonError::into_inner);
        if sender.as_ref().is_none_or(|sender| sender.try_send(Box::new(record)).is_err()) {
            counts.queued.fetch_sub(1, Ordering::Relaxed);
            counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records lost: for want of room in the queue, after [`Audit::close`], or because a sink could not write them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.counts.dropped.load(Ordering::Relaxed)
    }

    /// Records that every sink wrote.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.0.counts.written.load(Ordering::Relaxed)
    }

    /// Records that wait or are being written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.counts.queued.load(Ordering::Relaxed)
    }

    /// How often a sink failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.counts.failures.load(Ordering::Relaxed)
    }

    /// Takes no more records, and waits up to `patience` until those in the queue are written. Says whether they are. A second call waits for nothing.
    pub fn close(&self, patience: Duration) -> bool {
        drop(self.0.sender.write().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((thread, ended)) = writer else { return self.queued() == 0 };
        match ended.recv_timeout(patience) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => thread.join().is_ok() && self.queued() == 0,
            Err(RecvTimeoutError::Timeout) => {
                tracing::error!(left = self.queued(), "the audit's queue could not be written in time");
                false
            }
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("queued", &self.queued())
            .field("written", &self.written())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::super::samples::record;
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const DAY: Duration = Duration::from_hours(24);

    /// A sink that tells what it got, and waits for a word before each batch.
    struct Gated {
        gate: Receiver<bool>,
        got: Sender<Vec<String>>,
    }

    impl Sink for Gated {
        fn write(&mut self, batch: &[Record]) -> Result<(), AuditError> {
            let works = self.gate.recv().unwrap_or(true);
            self.got.send(batch.iter().map(|record| record.id.clone()).collect()).unwrap();
            let full = || AuditError::Write { path: "disk".into(), why: std::io::ErrorKind::StorageFull.into() };
            if works { Ok(()) } else { Err(full()) }
        }

        fn prune(&mut self, _: i64) -> Result<u64, AuditError> {
            Ok(0)
        }
    }

    fn gated(queue: usize) -> (Audit, Sender<bool>, Receiver<Vec<String>>) {
        let (open, gate) = channel();
        let (got, batches) = channel();
        (Audit::start(vec![Box::new(Gated { gate, got })], queue, DAY).unwrap(), open, batches)
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let (audit, open, batches) = gated(4);
        for number in 0..600 {
            audit.record(record(&format!("r{number}")));
        }
        // One batch is held at the gate, four wait; the rest found no room.
        let (queued, dropped) = (audit.queued() as u64, audit.dropped());
        assert_eq!(queued + dropped, 600);
        assert!(dropped >= 600 - 256 - 5, "{dropped}");
        drop(open);
        assert!(audit.close(LONG));
        assert_eq!((audit.written(), audit.queued(), audit.dropped()), (queued, 0, dropped));
        let written: Vec<String> = batches.iter().flatten().collect();
        assert_eq!((written.len() as u64, written.first().map(String::as_str)), (queued, Some("r0")));
    }

    #[test]
    fn records_go_in_order_and_in_batches_of_256_at_most() {
        let (audit, open, batches) = gated(1000);
        (0..700).for_each(|number| audit.record(record(&number.to_string())));
        drop(open);
        assert!(audit.close(LONG));
        let batches: Vec<Vec<String>> = batches.iter().collect();
        assert!(
            batches.iter().all(|batch| batch.len() <= 256),
            "{:?}",
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        );
        assert_eq!(batches.concat(), (0..700).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_sink_that_fails_loses_its_batch_and_goes_on() {
        let (audit, open, batches) = gated(8);
        audit.record(record("lost"));
        open.send(false).unwrap();
        assert_eq!(batches.recv_timeout(LONG).unwrap(), ["lost"]);
        audit.record(record("kept"));
        drop(open);
        assert!(audit.close(LONG));
        assert_eq!((audit.written(), audit.dropped(), audit.failures(), audit.queued()), (1, 1, 1, 0));
    }

    #[test]
    fn after_closing_records_are_dropped_and_counted() {
        let (audit, open, _batches) = gated(8);
        drop(open);
        let clone = audit.clone();
        assert!(audit.close(LONG) && clone.close(LONG));
        clone.record(record("late"));
        assert_eq!((audit.dropped(), audit.queued()), (1, 0));
    }

    #[test]
    fn closing_gives_up_after_its_patience() {
        let (audit, _open, _batches) = gated(8);
        audit.record(record("stuck"));
        assert!(!audit.close(Duration::from_millis(1)));
        assert_eq!(audit.queued(), 1);
    }

    #[test]
    fn without_sinks_nothing_is_kept_and_nothing_is_lost() {
        let audit = Audit::open(AuditOptions { sinks: Vec::new(), queue: 1, retention: DAY }).unwrap();
        (0..10).for_each(|_| audit.record(record("x")));
        assert_eq!((audit.written(), audit.dropped(), audit.queued()), (0, 0, 0));
        assert!(audit.close(LONG));
    }
}
