//! Policies change without a restart: the folder is watched, a signal asks for it, and the last good version is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::policy::{PolicySet, Severity};

use super::app::{App, Policies, Refused};
use super::packs::read_packs;

/// How long a folder has to be quiet before it is read: an editor, or a copy of many files, writes in several steps.
const QUIET: Duration = Duration::from_millis(400);
/// How long a folder that is never quiet is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// Another version is in force.
    Taken,
    /// The files say what is in force already.
    Same,
    /// The files have mistakes; what was in force stays so.
    Refused,
}

/// Reads the policies again whenever `again` is notified or the folder changes, for as long as it is polled.
pub async fn keep_fresh(app: Arc<App>, dir: Option<PathBuf>, again: Arc<Notify>) {
    let _watcher = dir.as_deref().and_then(|dir| watch(dir, &again));
    loop {
        again.notified().await;
        settled(&again).await;
        reload(&app, dir.clone()).await;
    }
}

/// A watcher that notifies `again`. Where the system cannot watch, signals still work.
fn watch(dir: &Path, again: &Arc<Notify>) -> Option<impl Watcher> {
    let again = Arc::clone(again);
    let told = move |event: notify::Result<notify::Event>| {
        // What reads the folder, we among them, does not change it.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            again.notify_one();
        }
    };
    let watching = notify::recommended_watcher(told).and_then(|mut watcher| {
        watcher.watch(dir, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    watching
        .inspect_err(
            |error| tracing::warn!(%error, "the policies' folder cannot be watched; SIGHUP makes it read again"),
        )
        .ok()
}

async fn settled(again: &Notify) {
    let quiet = async { while tokio::time::timeout(QUIET, again.notified()).await.is_ok() {} };
    // A folder that goes on changing is read all the same; what changes then is read the next time.
    drop(tokio::time::timeout(PATIENCE, quiet).await);
}

/// Reads the policies once more and puts them in force where they have no mistake.
pub async fn reload(app: &App, dir: Option<PathBuf>) -> Reload {
    let read = tokio::task::spawn_blocking(move || read_packs(dir.as_deref())).await;
    let taken = match read {
        Ok(Ok((Some(set), _))) => take(app, set).await,
        Ok(Ok((None, problems))) => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            Err(errors.map(ToString::to_string).collect())
        }
        Ok(Err(error)) => Err(vec![error.to_string()]),
        Err(_) => Err(vec!["reading the policies broke off".to_owned()]),
    };
    let became = taken.unwrap_or_else(|problems| {
        tracing::warn!(problems = problems.join("; "), "the policies have mistakes; those in force stay so");
        app.refuse(Some(Refused::now(problems)));
        Reload::Refused
    });
    app.metrics.policies_reloaded(became.word());
    became
}

async fn take(app: &App, set: PolicySet) -> Result<Reload, Vec<String>> {
    if let Some((layer, name)) = set.unknown(&app.settings.layers).first() {
        return Err(vec![format!("the settings name the {layer} `{name}`, which is no more in the policies")]);
    }
    app.refuse(None);
    if set.hash() == app.policies.load().set.hash() {
        return Ok(Reload::Same);
    }
    // Before the swap: no request waits for norms to be embedded.
    let norms: Vec<_> = set.norms().cloned().collect();
    if let Err(why) = app.classifier.prepare(&norms).await {
        tracing::warn!(%why, "the new norms could not be embedded ahead; the first requests will wait for it");
    }
    tracing::info!(policies = set.hash(), "other policies are in force");
    app.policies.store(Arc::new(Policies::new(set)));
    Ok(Reload::Taken)
}

impl Reload {
    fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Same => "same",
            Self::Refused => "refused",
        }
    }
}
