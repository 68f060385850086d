//! `comity demo`: the whole thing on one machine. A scripted model server answers the way careless models do; everything else is real: HTTP both ways,
//! pictures, models, policies, audit.

mod model_server;
mod scenes;
mod show;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::audit::{Audit, AuditOptions, By, Filter, SinkKind, Store};
use crate::classify::Classifier;
use crate::domain::{Layers, Mode, Norm, Record};
use crate::gateway::{App, Body, Limits, Listener, Parts, Policies, Settings, Shutdown, Tenants, serve};
use crate::remote::{self, Fetcher};
use crate::telemetry::{self, LogFormat, LogOptions, Metrics};
use crate::upstream::{self, Client, Fleet};
use crate::wire::NotePlace;

use super::audit::table;
use super::open::{ModelArgs, sound_packs};
use super::runtime;
use scenes::{COUNTRIES, SCENES, Scene};
use show::Played;

/// The longest that one turn may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Connections at once.
const CONNECTIONS: usize = 256;

/// Flags of `comity demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after the report instead of staying up for your own requests
    #[arg(long)]
    once: bool,
    /// Where to listen while it stays up; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
    #[command(flatten)]
    models: ModelArgs,
}

/// Plays every scene. The exit code is 0 when all went as told.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let _logging = telemetry::init(&LogOptions { format: LogFormat::Pretty, filter: "warn".to_owned() })?;
    let runtime = runtime()?;
    let played = runtime.block_on(play(args));
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(if played? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the demo runs on.
struct Stage {
    enforcing: std::net::SocketAddr,
    shadowing: std::net::SocketAddr,
    model: std::net::SocketAddr,
    audit: Audit,
    /// Where the records are.
    store: PathBuf,
}

async fn play(args: &Args) -> anyhow::Result<bool> {
    let mut servers = JoinSet::new();
    let (switch, shutdown) = Shutdown::new();
    let begun = Instant::now();
    let (classifier, policies) = (args.models.open()?, sound_packs(None)?);
    let here = |norm: &&Arc<Norm>| COUNTRIES.contains(&norm.id.country().code());
    let norms: Vec<_> = policies.norms().filter(here).cloned().collect();
    let stage = set(args, &classifier, policies, &mut servers, &shutdown).await?;
    show::opening(&mut out(), &classifier.backend())?;
    let prepared = classifier.prepare(&norms).await;
    prepared.map_err(|why| anyhow::anyhow!("the models could not embed the norms: {why}"))?;
    show::ready(&mut out(), norms.len(), begun.elapsed())?;
    let mut all_well = true;
    for (number, scene) in SCENES.iter().enumerate() {
        let played = play_one(&stage, scene).await.with_context(|| format!("scene {}: {}", number + 1, scene.query))?;
        all_well &= played.faults().is_empty();
        show::scene(&mut out(), number + 1, SCENES.len(), scene, &played)?;
    }
    report(&stage, all_well)?;
    if !args.once {
        show::invitation(&mut out(), stage.enforcing, stage.model)?;
        tokio::signal::ctrl_c().await?;
    }
    // Servers that are gone already need no switch.
    let _ = switch.send(true);
    while tokio::time::timeout(Duration::from_secs(5), servers.join_next()).await.is_ok_and(|server| server.is_some()) {
    }
    stage.audit.close(Duration::from_secs(5));
    // The folder holds nothing but this run's records.
    drop(stage.store.parent().map(std::fs::remove_dir_all));
    Ok(all_well)
}

fn out() -> std::io::StdoutLock<'static> {
    std::io::stdout().lock()
}

/// Starts the scripted model server and two gateways before it: one that enforces, one in shadow.
async fn set(
    args: &Args,
    classifier: &Classifier,
    policies: crate::policy::PolicySet,
    servers: &mut JoinSet<()>,
    shutdown: &Shutdown,
) -> anyhow::Result<Stage> {
    let folder = std::env::temp_dir().join(format!("comity-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let store = folder.join("audit.sqlite");
    let options = AuditOptions {
        sinks: vec![SinkKind::Sqlite { path: store.clone() }],
        queue: 1024,
        retention: Duration::from_hours(24),
    };
    let audit = Audit::open(options)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let model = listener.local_addr()?;
    servers.spawn(model_server::serve(listener, shutdown.clone()));
    let upstream = Client::new(upstream::Options::new(format!("http://{model}/v1").parse()?))?;
    let policies = Arc::new(policies);
    let mut addresses = Vec::new();
    for mode in [Mode::Enforce, Mode::Shadow] {
        let app = App::new(Parts {
            settings: settings(mode),
            classifier: classifier.clone(),
            policies: Policies::new((*policies).clone()),
            upstream: Fleet::only(upstream.clone()),
            tenants: Tenants::default(),
            remote: Fetcher::new(remote::Options::default())?,
            audit: audit.clone(),
            metrics: Metrics::new(),
        });
        // A reader who stays gets a port to remember; shadow, and a run that ends by itself, take any.
        let wanted = if mode == Mode::Enforce && !args.once { args.listen } else { ([127, 0, 0, 1], 0).into() };
        let listener = TcpListener::bind(wanted).await;
        let listener = listener.with_context(|| format!("cannot listen on {wanted}: give --listen another address"))?;
        addresses.push(listener.local_addr()?);
        servers.spawn(serve(app, Listener::new(listener, None, CONNECTIONS), shutdown.clone(), Duration::from_secs(5)));
    }
    let [enforcing, shadowing] = addresses[..] else { anyhow::bail!("two gateways were to be started") };
    Ok(Stage { enforcing, shadowing, model, audit, store })
}

fn settings(mode: Mode) -> Settings {
    let limits = Limits {
        body: 16 << 20,
        answer: 8 << 20,
        bodies: 256 << 20,
        body_patience: Duration::from_secs(30),
        concurrent: 64,
        observers: 16,
        classify: PATIENCE,
        judge: PATIENCE,
        keep_alive: Duration::from_secs(10),
    };
    Settings {
        mode,
        limits,
        default_country: None,
        layers: Layers::default(),
        include_verdict: false,
        finish_reason: "stop".to_owned(),
        note_place: NotePlace::BeforeUser,
        keep_contents: false,
    }
}

/// Asks the model server directly and then through Comity, and reads back what the audit has of it.
async fn play_one(stage: &Stage, scene: &Scene) -> anyhow::Result<Played> {
    let body = Bytes::from(scene.request().to_string());
    let gateway = if scene.shadow { stage.shadowing } else { stage.enforcing };
    let (direct, _) = ask(stage.model, body.clone()).await?;
    let (guarded, head) = ask(gateway, body).await?;
    ensure!(head.status().is_success(), "Comity answered {}: {}", head.status(), String::from_utf8_lossy(&guarded));
    let id =
        head.headers().get("comity-record").and_then(|id| id.to_str().ok()).context("the answer names no record")?;
    let record = recorded(stage, id).await?;
    Ok(Played {
        before: show::text(&direct),
        after: show::text(&guarded),
        same_bytes: direct == guarded,
        record,
        expects: scene.expects,
    })
}

/// One chat completion over HTTP, as any client would ask for it.
async fn ask(address: std::net::SocketAddr, body: Bytes) -> anyhow::Result<(Bytes, Response<()>)> {
    let client = Client::new(upstream::Options::new(format!("http://{address}").parse()?))?;
    let body: Body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/chat/completions")
        .header("content-type", "application/json")
        .header("authorization", "Bearer demo")
        .body(body)?;
    let (head, body) = client.send(request).await?.into_parts();
    let bytes = body.collect().await.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?.to_bytes();
    Ok((bytes, Response::from_parts(head, ())))
}

/// The record of a request, once it is written: records are written in batches, and shadow is judged after the answer is out.
async fn recorded(stage: &Stage, id: &str) -> anyhow::Result<Record> {
    let until = Instant::now() + PATIENCE;
    loop {
        // The file is there once the first batch is written.
        if let Some(record) = Store::open_read(&stage.store).ok().and_then(|store| store.record(id).ok().flatten()) {
            return Ok(record);
        }
        ensure!(Instant::now() < until, "the audit has no record {id}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn report(stage: &Stage, all_well: bool) -> anyhow::Result<()> {
    let rows = Store::open_read(&stage.store)?.report(&Filter::default(), By::Country)?;
    let mut out = out();
    writeln!(out, "{}\n{}\n", show::heading("The audit, by country"), table(&rows, By::Country))?;
    show::verdict(&mut out, all_well)?;
    Ok(())
}
