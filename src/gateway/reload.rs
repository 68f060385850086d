//! Policies, tenants and certificates change without a restart: their folders are watched, a signal asks for it, and the last good version is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::config::{Tenant, read_tenants};
use crate::policy::{PolicySet, Severity};

use super::app::{App, Policies, Refused};
use super::packs::read_packs;
use super::tls::Tls;

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

/// What can change while the server runs.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The folder of the packs; `None`: those in the program.
    pub policies: Option<PathBuf>,
    /// The file of the tenants; `None`: there are none.
    pub tenants: Option<PathBuf>,
    /// TLS for clients.
    pub tls: Option<Arc<Tls>>,
}

impl Sources {
    /// The names of the files that are watched by themselves.
    fn names(&self) -> Vec<std::ffi::OsString> {
        self.files().filter_map(|file| file.file_name()).map(ToOwned::to_owned).collect()
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let certificates = self.tls.iter().map(|tls| tls.files());
        let certificates =
            certificates.flat_map(|files| [Some(&files.certificate), Some(&files.key), files.client_roots.as_ref()]);
        self.tenants.as_ref().into_iter().chain(certificates.flatten())
    }

    /// The folders in which they lie. Files are exchanged by renaming, and in a mounted volume by a link beside them: only their folder tells.
    fn folders(&self) -> impl Iterator<Item = (&Path, RecursiveMode)> {
        let beside = self.files().filter_map(|file| file.parent());
        let here = |folder: &'static str| Path::new(folder);
        let beside = beside.map(move |folder| if folder.as_os_str().is_empty() { here(".") } else { folder });
        let policies = self.policies.iter().map(|folder| (folder.as_path(), RecursiveMode::Recursive));
        policies.chain(beside.map(|folder| (folder, RecursiveMode::NonRecursive)))
    }
}

/// Reads everything again whenever `again` is notified or a folder changes, for as long as it is polled.
pub async fn keep_fresh(app: Arc<App>, sources: Sources, again: Arc<Notify>) {
    let _watcher = watch(&sources, &again);
    loop {
        again.notified().await;
        settled(&again).await;
        reload(&app, &sources).await;
    }
}

/// Reads everything again, and puts in force what has no mistake.
pub async fn reload(app: &App, sources: &Sources) {
    reload_policies(app, sources.policies.clone()).await;
    if let Some(path) = &sources.tenants {
        reload_tenants(app, path.clone()).await;
    }
    if let Some(tls) = sources.tls.clone() {
        let reloaded = tokio::task::spawn_blocking(move || tls.reload()).await;
        let became = match reloaded {
            Ok(Ok(())) => Reload::Taken,
            Ok(Err(why)) => {
                tracing::warn!(%why, "the certificates cannot be used; those in force stay so");
                Reload::Refused
            }
            Err(_) => Reload::Refused,
        };
        app.metrics.reloaded("certificates", became.word());
    }
}

/// A watcher that notifies `again`. Where the system cannot watch, signals still work.
fn watch(sources: &Sources, again: &Arc<Notify>) -> Option<impl Watcher> {
    let again = Arc::clone(again);
    let names = sources.names();
    let policies = sources.policies.clone().and_then(|folder| folder.canonicalize().ok());
    let told = move |event: notify::Result<notify::Event>| {
        let concerns = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            // A volume's files are links into a folder `..data`, which is exchanged as a whole.
            let ours = names.iter().any(|ours| ours == name) || name.as_encoded_bytes().starts_with(b"..");
            let in_policies = policies.as_ref().is_some_and(|folder| path.starts_with(folder));
            ours || (in_policies && path.extension().is_none_or(|extension| extension == "toml"))
        };
        // What reads the folder, we among them, does not change it; and the audit may lie beside a watched file.
        if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(|path| concerns(path))) {
            again.notify_one();
        }
    };
    let watching = notify::recommended_watcher(told).and_then(|mut watcher| {
        // By its real path, by which it is told of.
        sources
            .folders()
            .try_for_each(|(folder, how)| watcher.watch(&folder.canonicalize().unwrap_or(folder.to_owned()), how))?;
        Ok(watcher)
    });
    watching
        .inspect_err(|error| tracing::warn!(%error, "what can change cannot be watched; SIGHUP makes it read again"))
        .ok()
}

async fn settled(again: &Notify) {
    let quiet = async { while tokio::time::timeout(QUIET, again.notified()).await.is_ok() {} };
    // A folder that goes on changing is read all the same; what changes then is read the next time.
    drop(tokio::time::timeout(PATIENCE, quiet).await);
}

/// Reads the policies once more and puts them in force where they have no mistake.
pub async fn reload_policies(app: &App, dir: Option<PathBuf>) -> Reload {
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
    app.metrics.reloaded("policies", became.word());
    became
}

/// Reads the tenants once more and puts them in force where they have no mistake. Whose request is under way is treated as before.
pub async fn reload_tenants(app: &App, path: PathBuf) -> Reload {
    let servers = app.upstream.names();
    let read = tokio::task::spawn_blocking(move || read_tenants(&path, &servers)).await;
    let problems = match read {
        Ok(Ok(tenants)) => match unknown_overlay(&app.policies.load().set, &tenants) {
            None => return take_tenants(app, tenants),
            Some(problem) => problem,
        },
        Ok(Err(problems)) => problems.0.join("; "),
        Err(_) => "reading the tenants broke off".to_owned(),
    };
    tracing::warn!(problems, "the tenants have mistakes; those in force stay so");
    app.metrics.reloaded("tenants", Reload::Refused.word());
    Reload::Refused
}

fn take_tenants(app: &App, tenants: Vec<Tenant>) -> Reload {
    let before = app.tenants.load();
    let same =
        before.all().len() == tenants.len() && before.all().iter().zip(&tenants).all(|(one, other)| one.same(other));
    let became = if same { Reload::Same } else { Reload::Taken };
    if became == Reload::Taken {
        tracing::info!(tenants = tenants.len(), "other tenants are in force");
        app.tenants.store(Arc::new(before.changed(tenants, before.others(), &app.settings)));
    }
    app.metrics.reloaded("tenants", became.word());
    became
}

/// What is wrong where tenants name overlays that the policies do not have.
#[must_use]
pub fn unknown_overlay(set: &PolicySet, tenants: &[Tenant]) -> Option<String> {
    tenants.iter().find_map(|tenant| {
        let (layer, name) = set.unknown(&tenant.layers).into_iter().next()?;
        Some(format!("the tenant `{}` is under the {layer} `{name}`, and the policies have no overlays/{name}.toml of that layer", tenant.name))
    })
}

async fn take(app: &App, set: PolicySet) -> Result<Reload, Vec<String>> {
    if let Some((layer, name)) = set.unknown(&app.settings.layers).first() {
        return Err(vec![format!("the settings name the {layer} `{name}`, which is no more in the policies")]);
    }
    if let Some(problem) = unknown_overlay(&set, app.tenants.load().all()) {
        return Err(vec![problem]);
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
