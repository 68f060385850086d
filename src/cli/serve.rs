//! `comity serve`: the proxy.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::config::{Config, Overrides};
use crate::gateway::{App, Listener, Shutdown, Sources, Tls, keep_fresh, serve, serve_admin};
use crate::telemetry::{self, LogOptions, Metrics};

use super::open::{self, ModelArgs};
use super::runtime;

/// Flags of `comity serve`. Each wins over the file.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model server's base URL, such as `http://127.0.0.1:8000/v1`
    #[arg(long, env = "COMITY_UPSTREAM", value_name = "URL")]
    upstream: Option<String>,
    /// The settings file; examples/comity.toml shows every setting
    #[arg(long, env = "COMITY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where clients connect [default: 127.0.0.1:8080]
    #[arg(long, env = "COMITY_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// shadow: record what would be done; enforce: do it [default: enforce]
    #[arg(long, env = "COMITY_MODE", value_name = "MODE")]
    mode: Option<String>,
    /// The folder of the policy packs [default: those in the program]
    #[arg(long, env = "COMITY_POLICIES", value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Where /healthz, /readyz and /metrics are [default: 127.0.0.1:9090]
    #[arg(long, env = "COMITY_ADMIN_LISTEN", value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// The audit's SQLite file [default: comity.sqlite]
    #[arg(long, env = "COMITY_AUDIT", value_name = "FILE")]
    audit: Option<PathBuf>,
    #[command(flatten)]
    models: ModelArgs,
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = read(args)?;
    let _logging = telemetry::init(&LogOptions { format: config.log_format, filter: config.log_filter.clone() })?;
    let runtime = runtime()?;
    let served = runtime.block_on(until_signal(&config));
    runtime.shutdown_timeout(Duration::from_secs(2));
    served.map(|()| ExitCode::SUCCESS)
}

fn read(args: &Args) -> anyhow::Result<Config> {
    let (path, text) = match &args.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("the settings file {} cannot be read", path.display()))?;
            (path.display().to_string(), text)
        }
        None => ("settings".to_owned(), String::new()),
    };
    let over = Overrides {
        listen: args.listen.clone(),
        mode: args.mode.clone(),
        upstream: args.upstream.clone(),
        policies: args.policies.clone(),
        models: args.models.models.clone(),
        admin_listen: args.admin_listen.clone(),
        sqlite: args.audit.clone(),
        backend: args.models.backend.clone(),
        runtime: args.models.onnxruntime.clone(),
        cache_dir: args.models.cache_dir.clone(),
    };
    Ok(Config::read(&path, &text, &over)?)
}

async fn until_signal(config: &Config) -> anyhow::Result<()> {
    let listener = bind(config.listen, "--listen").await?;
    let admin = bind(config.admin.listen, "--admin-listen").await?;
    let tls = config.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
    let app = open::app(config, Metrics::new())?;
    let (switch, shutdown) = Shutdown::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let hang_up = signal(SignalKind::hangup())?;
    tracing::info!(listen = %listener.local_addr()?, admin = %admin.local_addr()?, mode = %config.mode, tls = tls.is_some(), "comity is ready");
    let sources = Sources { policies: config.policies.clone(), tenants: config.tenants.clone(), tls: tls.clone() };
    let listener = Listener::new(listener, tls, config.limits.connections);
    let serving = serve(app.clone(), listener, shutdown.clone(), config.limits.drain);
    let operating = serve_admin(app.clone(), admin, config.admin.token.clone(), shutdown.clone());
    let stopping = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("shutting down: requests under way are served to their end");
        // Listeners that are gone already need no switch.
        let _ = switch.send(true);
    };
    let keeping = keep(&app, sources, hang_up, shutdown);
    tokio::join!(serving, operating, stopping, keeping);
    app.close(Duration::from_secs(5));
    Ok(())
}

/// Embeds the norms, asks the model servers how they are, and reads what can change again when its folder changes or SIGHUP comes.
async fn keep(app: &Arc<App>, sources: Sources, mut hang_up: Signal, mut shutdown: Shutdown) {
    let again = Arc::new(Notify::new());
    let hanging_up = async {
        while hang_up.recv().await.is_some() {
            again.notify_one();
        }
    };
    // Requests are served meanwhile; a norm that one of them needs is embedded at once.
    let warming = async {
        match app.prepare().await {
            Ok(()) => tracing::info!("every norm is embedded"),
            Err(why) => tracing::warn!(%why, "the norms could not be embedded ahead; the first requests wait for it"),
        }
    };
    let keeping = keep_fresh(Arc::clone(app), sources, Arc::clone(&again));
    tokio::select! {
        () = shutdown.begun() => {}
        () = async { tokio::join!(hanging_up, warming, keeping, app.watch_servers()); } => {}
    }
}

async fn bind(address: std::net::SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| {
        format!("cannot listen on {address}: another program may have the port; give {flag} another one")
    })
}
