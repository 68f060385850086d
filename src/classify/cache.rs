//! What was seen and read before. Equal work under way is done once; whoever began it may go away without the others losing it.

use std::future::Future;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::Unavailable;

/// A BLAKE3 hash of what the entry was made from. Clients choose the content, so the hash must be one that they cannot forge.
pub(super) type Key = [u8; 32];

/// A bounded cache of one kind of value.
pub(super) struct Cache<V> {
    entries: moka::future::Cache<Key, V>,
    tasks: TaskTracker,
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    /// A cache of at most `bytes`, as `weigh` counts them. Its work runs as tasks of `tasks`.
    pub(super) fn new(bytes: u64, tasks: &TaskTracker, weigh: fn(&V) -> usize) -> Self {
        let weigher = move |_: &Key, value: &V| u32::try_from(weigh(value) + size_of::<Key>()).unwrap_or(u32::MAX);
        let entries = moka::future::Cache::builder().max_capacity(bytes).weigher(weigher).build();
        Self { entries, tasks: tasks.clone() }
    }

    /// The value for `key`, from the cache, from work under way, or from `work`.
    ///
    /// `work` runs as a task of its own, so that it goes on when the caller does not. Where others' work comes too late for them and not yet for this
    /// caller, it begins anew.
    pub(super) async fn get<F, W>(&self, key: Key, deadline: Instant, work: F) -> Result<V, Unavailable>
    where
        F: Fn() -> W,
        W: Future<Output = Result<V, Unavailable>> + Send + 'static,
    {
        if let Some(value) = self.entries.get(&key).await {
            return Ok(value);
        }
        loop {
            let (entries, work) = (self.entries.clone(), work());
            let task = self.tasks.spawn(async move { entries.try_get_with(key, work).await.map_err(|why| *why) });
            match task.await.unwrap_or(Err(Unavailable::Failed)) {
                Err(Unavailable::Late) if Instant::now() < deadline => {}
                result => return result,
            }
        }
    }

    /// Entries, about.
    pub(super) fn entries(&self) -> u64 {
        self.entries.entry_count()
    }

    /// Bytes, about.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
