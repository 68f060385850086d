//! Opening what commands work with: packs, models, the pieces of a gateway.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::audit::{Audit, AuditOptions, SinkKind};
use crate::classify::{self, Backend, Classifier};
use crate::config::{Config, models_dir};
use crate::gateway::{App, Limits, Parts, Policies, Settings};
use crate::policy::{PolicySet, Problem, Source};
use crate::telemetry::Metrics;
use crate::upstream::Client;

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
}

impl ModelArgs {
    /// Opens the bundles.
    pub(super) fn open(&self) -> anyhow::Result<Classifier> {
        let backend: Backend = self.backend.as_deref().unwrap_or("auto").parse()?;
        let models = models_dir(self.models.as_deref());
        let options =
            classify::Options { models, backend, runtime: self.onnxruntime.clone(), ..classify::Options::default() };
        Ok(Classifier::open(&options)?)
    }
}

/// A folder's packs, or those in the program, with every problem that they have.
pub(super) fn packs(dir: Option<&Path>) -> anyhow::Result<(Option<PolicySet>, Vec<Problem>)> {
    let Some(dir) = dir else { return Ok(PolicySet::embedded()) };
    let mut files = Vec::new();
    let entries =
        std::fs::read_dir(dir).with_context(|| format!("the policies folder {} cannot be read", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            files.push((path.display().to_string(), text));
        }
    }
    if files.is_empty() {
        bail!("there is no .toml file in {}: name the folder that holds the packs", dir.display());
    }
    files.sort();
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    Ok(PolicySet::read(&sources))
}

/// Packs that have no mistake.
pub(super) fn sound_packs(dir: Option<&Path>) -> anyhow::Result<PolicySet> {
    let (set, problems) = packs(dir)?;
    set.with_context(|| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("the policies have mistakes:\n{}", lines.join("\n"))
    })
}

/// A gateway from its settings.
pub(super) fn app(config: &Config, metrics: Metrics) -> anyhow::Result<Arc<App>> {
    let set = sound_packs(config.policies.as_deref())?;
    let classifier = Classifier::open(&classify::Options {
        models: models_dir(config.models.as_deref()),
        threads: config.threads,
        queue: config.queue,
        cache_bytes: config.cache_bytes,
        backend: config.backend,
        runtime: config.runtime.clone(),
        pictures: config.pictures,
    })?;
    tracing::info!(
        backend = classifier.backend(),
        models = classifier.hash(),
        policies = set.hash(),
        "models and policies are read"
    );
    let upstream = Client::new(config.upstream.clone())?;
    let audit = audit(config)?;
    Ok(App::new(Parts {
        settings: settings(config),
        classifier,
        policies: Policies::new(set),
        upstream,
        audit,
        metrics,
    }))
}

fn settings(config: &Config) -> Settings {
    let limits = &config.limits;
    Settings {
        mode: config.mode,
        limits: Limits {
            body: limits.body,
            answer: limits.answer,
            body_patience: limits.body_patience,
            concurrent: limits.requests,
            observers: limits.observers,
            classify: limits.turn,
            judge: limits.piece,
            keep_alive: limits.keep_alive,
        },
        default_country: config.country,
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
