//! What the tests of the gateway stand on: a model server that follows a script, models whose answers can be worked out by hand, a gateway between them,
//! and clients that see every byte.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod bodies;
pub(crate) mod client;
pub(crate) mod gateway;
pub(crate) mod models;
pub(crate) mod pack;
pub(crate) mod picture_host;
pub(crate) mod upstream;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// The longest that any single wait may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `future`, and fails the test where that takes too long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let came = tokio::time::timeout(PATIENCE, future).await;
    came.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// A gate that a test opens when it has seen enough. Clones are the same gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        drop(self.0.subscribe().wait_for(|open| *open).await);
    }

    /// The same for a thread, up to the patience of a test.
    pub(crate) fn passed_by_thread(&self) {
        for _ in 0..PATIENCE.as_millis() / 5 {
            if *self.0.borrow() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
