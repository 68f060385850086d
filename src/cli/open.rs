//! Opening what commands work with: packs, models, the pieces of a gateway.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::audit::{Audit, AuditOptions, SinkKind};
use crate::classify::{self, Backend, Classifier};
use crate::config::{Config, caches, models_dir, read_tenants};
use crate::domain::Layers;
use crate::gateway::{App, Limits, Parts, Policies, Settings, Tenants, read_packs, unknown_overlay};
use crate::policy::PolicySet;
use crate::remote::Fetcher;
use crate::telemetry::Metrics;
use crate::upstream::Fleet;

/// The models' flags, the same for every command that runs them.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ModelArgs {
    /// The folder of the model bundles [default: ./models, then beside the program]
    #[arg(long, env = "COMITY_MODELS", value_name = "DIR")]
    pub(super) models: Option<PathBuf>,
    /// The inference engine: auto, ort (ONNX Runtime) or rten (built in)
    #[arg(long, env = "COMITY_BACKEND", value_name = "NAME")]
    pub(super) backend: Option<String>,
    /// ONNX Runtime's shared library, where it is not found by itself
    #[arg(long, env = "ORT_DYLIB_PATH", value_name = "FILE")]
    pub(super) onnxruntime: Option<PathBuf>,
    /// Where embeddings of norms, and what cases came to, are kept from one run to the next; empty: nowhere [default: comity in the user's cache folder]
    #[arg(long, env = "COMITY_CACHE_DIR", value_name = "DIR")]
    pub(super) cache_dir: Option<PathBuf>,
}

impl ModelArgs {
    /// Opens the bundles.
    pub(super) fn open(&self) -> anyhow::Result<Classifier> {
        self.open_on(classify::Options::default().threads)
    }

    /// Opens the bundles with a thread for each core.
    pub(super) fn open_on_all_cores(&self) -> anyhow::Result<Classifier> {
        self.open_on(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    fn open_on(&self, threads: usize) -> anyhow::Result<Classifier> {
        let backend: Backend = self.backend.as_deref().unwrap_or("auto").parse()?;
        let models = models_dir(self.models.as_deref());
        let (runtime, cache_dir) = (self.onnxruntime.clone(), self.caches());
        let options =
            classify::Options { models, threads, backend, runtime, cache_dir, ..classify::Options::default() };
        Ok(Classifier::open(&options)?)
    }

    /// The folder of caches.
    pub(super) fn caches(&self) -> Option<PathBuf> {
        caches(self.cache_dir.as_deref())
    }
}

/// Packs that have no mistake.
pub(super) fn sound_packs(dir: Option<&Path>) -> anyhow::Result<PolicySet> {
    let (set, problems) = read_packs(dir)?;
    set.with_context(|| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("the policies have mistakes:\n{}", lines.join("\n"))
    })
}

/// A gateway from its settings.
pub(super) fn app(config: &Config, metrics: Metrics) -> anyhow::Result<Arc<App>> {
    let set = sound_packs(config.policies.as_deref())?;
    known(&set, &config.layers)?;
    let classifier = Classifier::open(&classify::Options {
        models: models_dir(config.models.as_deref()),
        threads: config.threads,
        queue: config.queue,
        cache_bytes: config.cache_bytes,
        backend: config.backend,
        runtime: config.runtime.clone(),
        pictures: config.pictures,
        cache_dir: config.caches.clone(),
    })?;
    tracing::info!(
        backend = classifier.backend(),
        models = classifier.hash(),
        policies = set.hash(),
        "models and policies are read"
    );
    let upstream = Fleet::new(config.upstreams.clone())?;
    let settings = settings(config);
    let tenants = tenants(config, &set, &upstream, &settings)?;
    let remote = Fetcher::new(config.remote.clone())?;
    let audit = audit(config)?;
    Ok(App::new(Parts {
        settings,
        classifier,
        policies: Policies::new(set),
        upstream,
        tenants,
        remote,
        audit,
        metrics,
    }))
}

fn tenants(config: &Config, set: &PolicySet, upstream: &Fleet, settings: &Settings) -> anyhow::Result<Tenants> {
    let all = match &config.tenants {
        Some(path) => read_tenants(path, &upstream.names())?,
        None => Vec::new(),
    };
    if let Some(problem) = unknown_overlay(set, &all) {
        bail!("{problem}");
    }
    Ok(Tenants::new(all, config.others, settings))
}

/// Refuses settings that name overlays which the policies do not have.
fn known(set: &PolicySet, layers: &Layers) -> anyhow::Result<()> {
    match set.unknown(layers).first() {
        Some((layer, name)) => bail!(
            "the settings name the {layer} `{name}`, and the policies have no overlays/{name}.toml of that layer: add it, or take it out of [policies]"
        ),
        None => Ok(()),
    }
}

fn settings(config: &Config) -> Settings {
    let limits = &config.limits;
    Settings {
        mode: config.mode,
        limits: Limits {
            body: limits.body,
            answer: limits.answer,
            bodies: limits.bodies,
            body_patience: limits.body_patience,
            concurrent: limits.requests,
            observers: limits.observers,
            classify: limits.turn,
            judge: limits.piece,
            keep_alive: limits.keep_alive,
        },
        default_country: config.country,
        layers: config.layers.clone(),
        include_verdict: config.include_verdict,
        finish_reason: config.finish_reason.clone(),
        note_place: config.note_place,
        keep_contents: config.audit.contents,
    }
}

fn audit(config: &Config) -> anyhow::Result<Audit> {
    let sqlite = config.audit.sqlite.clone().map(|path| SinkKind::Sqlite { path });
    let jsonl = config.audit.jsonl.clone().map(|path| SinkKind::Jsonl { path, rotate_bytes: 256 << 20, keep: 8 });
    let options = AuditOptions {
        sinks: sqlite.into_iter().chain(jsonl).collect(),
        queue: config.audit.queue,
        retention: config.audit.retention,
    };
    Ok(Audit::open(options)?)
}
