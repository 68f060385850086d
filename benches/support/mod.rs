//! What the benchmarks run against: a model server that answers at once, two gateways before it, and a client that keeps its connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use comity::audit::{Audit, AuditOptions};
use comity::classify::{self, Classifier};
use comity::domain::{Layers, Mode};
use comity::gateway::{App, Limits, Listener, Parts, Policies, Settings, Shutdown, Tenants, serve};
use comity::policy::PolicySet;
use comity::remote::{self, Fetcher};
use comity::telemetry::Metrics;
use comity::upstream::{Client, Fleet, Options};
use comity::wire::NotePlace;
use http::{Method, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;

/// What the model server says: it breaches nothing, and the models see it so. Were that to change, the benchmarks of the guard would end with an error.
pub(crate) const ANSWER: &str =
    "Avoid that: standing chopsticks are part of funeral rites, so lay them down on the rest.";
/// The guarded endpoint.
pub(crate) const CHAT: &str = "/v1/chat/completions";
/// An endpoint that is passed through.
pub(crate) const EMBEDDINGS: &str = "/v1/embeddings";
/// How a request for a stream ends; for a model of this name the sentences of each answer are new.
const NEW_SENTENCES: &[u8] = br#""model":"new","stream":true}"#;
const STREAM: &[u8] = br#""stream":true}"#;

/// Gateways, models and model server run here, as many threads as there are cores.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().enable_all().build().unwrap());

/// The models of this repository on the engine that is found, with every pack's norms embedded.
pub(crate) static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let classifier = Classifier::open(&classify::Options { models, ..classify::Options::default() }).unwrap();
    RUNTIME.block_on(classifier.prepare(&policies().norms().cloned().collect::<Vec<_>>())).unwrap();
    eprintln!("\nmodels {} on {}", classifier.hash(), classifier.backend());
    classifier
});

static STAND: LazyLock<Stand> = LazyLock::new(|| {
    LazyLock::force(&CLASSIFIER); // it waits for the runtime itself, which nothing may within it
    RUNTIME.block_on(Stand::start())
});
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A number that was not there before, for what is to be new.
pub(crate) fn fresh() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// The packs in the program.
pub(crate) fn policies() -> PolicySet {
    PolicySet::embedded().0.unwrap()
}

/// Whom a request is sent to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// The model server itself: the baseline.
    Direct,
    /// A gateway that enforces.
    Enforce,
    /// A gateway that only looks.
    Shadow,
}

/// A model server and two gateways before it.
struct Stand {
    direct: SocketAddr,
    enforce: SocketAddr,
    shadow: SocketAddr,
    _running: tokio::sync::watch::Sender<bool>,
}

impl Stand {
    async fn start() -> Self {
        let (listener, direct) = bind().await;
        let tasks = TaskTracker::new();
        tasks.spawn(model_server(listener));
        let (running, shutdown) = Shutdown::new();
        let open = async |mode| {
            let (listener, address) = bind().await;
            tasks.spawn(serve(
                app(mode, direct),
                Listener::new(listener, None, 1024),
                shutdown.clone(),
                Duration::from_secs(1),
            ));
            address
        };
        let (enforce, shadow) = (open(Mode::Enforce).await, open(Mode::Shadow).await);
        Self { direct, enforce, shadow, _running: running }
    }

    fn address(&self, door: Door) -> SocketAddr {
        match door {
            Door::Direct => self.direct,
            Door::Enforce => self.enforce,
            Door::Shadow => self.shadow,
        }
    }
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn app(mode: Mode, upstream: SocketAddr) -> Arc<App> {
    let patience = Duration::from_secs(10);
    let limits = Limits {
        body: 64 << 20,
        answer: 8 << 20,
        bodies: 1 << 30,
        body_patience: patience,
        concurrent: 512,
        observers: 64,
        classify: patience,
        judge: patience,
        keep_alive: patience,
    };
    let settings = Settings {
        mode,
        limits,
        default_country: None,
        layers: Layers::default(),
        include_verdict: false,
        finish_reason: "stop".to_owned(),
        note_place: NotePlace::BeforeUser,
        keep_contents: false,
    };
    let audit = AuditOptions { sinks: Vec::new(), queue: 8192, retention: Duration::from_mins(1) };
    App::new(Parts {
        settings,
        classifier: CLASSIFIER.clone(),
        policies: Policies::new(policies()),
        upstream: Fleet::only(Client::new(Options::new(format!("http://{upstream}").parse().unwrap())).unwrap()),
        tenants: Tenants::default(),
        remote: Fetcher::new(remote::Options::default()).unwrap(),
        audit: Audit::open(audit).unwrap(),
        metrics: Metrics::new(),
    })
}

/// Reads the request whole and answers at once: whole, or as a stream of 20 sentences, an event each.
async fn model_server(listener: TcpListener) {
    let tasks = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tasks.spawn(async move {
            let service = service_fn(async |request: Request<Incoming>| {
                let body = request.into_body().collect().await?.to_bytes();
                Ok::<_, hyper::Error>(answer(&body))
            });
            drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

fn answer(request: &[u8]) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let (kind, body) = if request.ends_with(STREAM) {
        let new = request.ends_with(NEW_SENTENCES);
        let events = events(20, new).into_iter().map(|event| Ok(Frame::data(event)));
        ("text/event-stream", StreamBody::new(futures_util::stream::iter(events)).boxed_unsync())
    } else {
        ("application/json", Full::new(completion()).boxed_unsync())
    };
    Response::builder().header(header::CONTENT_TYPE, kind).body(body).unwrap()
}

fn completion() -> Bytes {
    let message = json!({ "role": "assistant", "content": ANSWER });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice] })
        .to_string()
        .into()
}

/// Events of a sentence each, the same one or each time a new one, and the event that ends the stream.
pub(crate) fn events(sentences: usize, new: bool) -> Vec<Bytes> {
    let event = |_| {
        let sentence = if new {
            format!(
                "Avoid that at table {:07}: standing chopsticks are part of funeral rites, so lay them down on the rest. ",
                fresh()
            )
        } else {
            format!("{ANSWER} ")
        };
        let choice = json!({ "index": 0, "delta": { "content": sentence }, "finish_reason": null });
        let chunk =
            json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] });
        format!("data: {chunk}\n\n").into()
    };
    (0..sentences).map(event).chain([Bytes::from_static(b"data: [DONE]\n\n")]).collect()
}

/// A client with one connection, on a thread of its own.
pub(crate) struct Connection {
    runtime: Runtime,
    sender: http1::SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(door: Door) -> Self {
        let address = STAND.address(door);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (sender, connection) = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            http1::handshake(TokioIo::new(stream)).await.unwrap()
        });
        drop(runtime.spawn(connection));
        Self { runtime, sender }
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) fn call(&mut self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        let Self { runtime, sender } = self;
        runtime.block_on(async {
            sender.ready().await.unwrap();
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes())
        })
    }
}

/// A POST of JSON.
pub(crate) fn post(path: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .unwrap()
}
