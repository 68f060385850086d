//! What Comity adds to a request, against a direct call to the same model server; and where it goes. `cargo bench`, then read docs/benchmarks.md.
//!
//! The model server answers at once, so the differences are Comity's own. Medians are to be read, as ratios within one run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::indexing_slicing)]
#![allow(clippy::wildcard_imports)] // the groups below are one file's

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use comity::audit::{Audit, AuditOptions};
use comity::classify::{self, Classifier};
use comity::domain::{Country, Language, Message, Mode, Norm, Part, Picture, Role, Turn};
use comity::gateway::{App, Body, Limits, Parts, Policies, Settings, Shutdown, serve};
use comity::policy::PolicySet;
use comity::telemetry::Metrics;
use comity::upstream::{Client, Options};
use comity::wire::chat::{Inbound, NotePlace};
use comity::wire::sse;
use divan::Bencher;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nobody's culture: no pack is in play.
const NOWHERE: &str = "How do I boil an egg?";
/// A pack is in play, nothing is at stake.
const HARMLESS: &str = "Where near the Bund in Shanghai can I get a coffee before nine?";
/// A norm at stake whose action is `educate`.
const TAUGHT: &str = "A mi compañera de Kioto le regalo un cuchillo por su boda el sábado. ¿Cómo lo envuelvo?";
/// A norm at stake whose action is `rewrite`.
const GUARDED: &str = "Dinner at a family home in Kyoto: can I park my chopsticks standing in the rice while I talk?";
/// What the model server says: it breaches nothing.
const ANSWER: &str =
    "Lay the chopsticks on their rest while you talk, since standing in rice they recall an offering to the dead.";

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());
static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let classifier = Classifier::open(&classify::Options { models, ..classify::Options::default() }).unwrap();
    eprintln!("models on {}", classifier.backend());
    RUNTIME.block_on(classifier.prepare(&policies().norms().cloned().collect::<Vec<_>>())).unwrap();
    classifier
});
static BENCH: LazyLock<Bench> = LazyLock::new(|| RUNTIME.block_on(Bench::start()));

fn main() {
    divan::main();
}

fn policies() -> PolicySet {
    PolicySet::embedded().0.unwrap()
}

/// A model server and two gateways before it.
struct Bench {
    direct: SocketAddr,
    enforce: SocketAddr,
    shadow: SocketAddr,
    _running: tokio::sync::watch::Sender<bool>,
}

impl Bench {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let direct = listener.local_addr().unwrap();
        let tasks = tokio_util::task::TaskTracker::new();
        tasks.spawn(model_server(listener));
        let (running, shutdown) = Shutdown::new();
        let mut gateways = Vec::new();
        for mode in [Mode::Enforce, Mode::Shadow] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            gateways.push(listener.local_addr().unwrap());
            tasks.spawn(serve(app(mode, direct), listener, shutdown.clone(), Duration::from_secs(1)));
        }
        Self { direct, enforce: gateways[0], shadow: gateways[1], _running: running }
    }
}

fn app(mode: Mode, upstream: SocketAddr) -> Arc<App> {
    let limits = Limits {
        body: 64 << 20,
        answer: 8 << 20,
        body_patience: Duration::from_secs(10),
        concurrent: 64,
        observers: 64,
        classify: Duration::from_secs(10),
        judge: Duration::from_secs(10),
        keep_alive: Duration::from_secs(10),
    };
    let settings = Settings {
        mode,
        limits,
        default_country: None,
        include_verdict: false,
        finish_reason: "stop".into(),
        note_place: NotePlace::BeforeUser,
        keep_contents: false,
    };
    let audit =
        Audit::open(AuditOptions { sinks: Vec::new(), queue: 1024, retention: Duration::from_mins(1) }).unwrap();
    App::new(Parts {
        settings,
        classifier: CLASSIFIER.clone(),
        policies: Policies::new(policies()),
        upstream: client(upstream),
        audit,
        metrics: Metrics::new(),
    })
}

fn client(address: SocketAddr) -> Client {
    Client::new(Options::new(format!("http://{address}").parse().unwrap())).unwrap()
}

/// Answers at once: whole, or as a stream of 20 sentences.
async fn model_server(listener: TcpListener) {
    let tasks = tokio_util::task::TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tasks.spawn(async move {
            let service = service_fn(async |request: Request<Incoming>| {
                let body = request.into_body().collect().await?.to_bytes();
                Ok::<_, hyper::Error>(answer(body.windows(13).any(|window| window == b"\"stream\":true")))
            });
            drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

fn answer(stream: bool) -> Response<Full<Bytes>> {
    let (kind, body) = if stream { ("text/event-stream", events(20)) } else { ("application/json", whole()) };
    Response::builder().header(header::CONTENT_TYPE, kind).body(Full::new(body)).unwrap()
}

fn whole() -> Bytes {
    let message = json!({ "role": "assistant", "content": ANSWER });
    json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }] })
        .to_string()
        .into()
}

fn events(sentences: usize) -> Bytes {
    let delta = json!({ "content": format!("{ANSWER} ") });
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": null });
    let chunk =
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] });
    let mut events = format!("data: {chunk}\n\n").repeat(sentences);
    events.push_str("data: [DONE]\n\n");
    events.into()
}

fn request(query: &str, stream: bool) -> Bytes {
    json!({ "model": "m", "stream": stream, "messages": [{ "role": "user", "content": query }] }).to_string().into()
}

/// A request with a picture of about a MiB: random enough not to be cached by anybody else's content.
fn picture_request(query: &str) -> Bytes {
    let url = format!("data:image/jpeg;base64,{}", base64_simd::STANDARD.encode_to_string(big_jpeg()));
    let content = json!([{ "type": "text", "text": query }, { "type": "image_url", "image_url": { "url": url } }]);
    json!({ "model": "m", "messages": [{ "role": "user", "content": content }] }).to_string().into()
}

/// The clock, followed by what a decoder ignores, to the size that a phone's picture has.
fn big_jpeg() -> Vec<u8> {
    let mut bytes = include_bytes!("../examples/pictures/clock.jpg").to_vec();
    bytes.resize(786_432, 0x55);
    bytes
}

/// One request after the other over a kept connection; a fresh body for each where `body` makes one.
fn calls(bencher: Bencher, address: SocketAddr, body: impl Fn() -> Bytes + Sync) {
    let client = client(address);
    let call = |body: Bytes| {
        let body: Body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/chat/completions")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .unwrap();
        RUNTIME.block_on(async { client.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes() })
    };
    call(body());
    bencher.with_inputs(body).bench_values(call);
}

mod request_small {
    use super::*;

    #[divan::bench]
    fn a_direct(bencher: Bencher) {
        calls(bencher, BENCH.direct, || request(NOWHERE, false));
    }

    #[divan::bench]
    fn b_pass_nothing_in_play(bencher: Bencher) {
        calls(bencher, BENCH.enforce, || request(NOWHERE, false));
    }

    #[divan::bench]
    fn c_shadow_nothing_in_play(bencher: Bencher) {
        calls(bencher, BENCH.shadow, || request(NOWHERE, false));
    }

    #[divan::bench]
    fn d_pass_in_play_question_cached(bencher: Bencher) {
        calls(bencher, BENCH.enforce, || request(HARMLESS, false));
    }

    #[divan::bench]
    fn e_educate_question_cached(bencher: Bencher) {
        calls(bencher, BENCH.enforce, || request(TAUGHT, false));
    }

    #[divan::bench]
    fn f_rewrite_whole_answer_holds_all_cached(bencher: Bencher) {
        calls(bencher, BENCH.enforce, || request(GUARDED, false));
    }
}

mod request_stream_of_20_sentences {
    use super::*;

    #[divan::bench]
    fn a_direct(bencher: Bencher) {
        calls(bencher, BENCH.direct, || request(GUARDED, true));
    }

    #[divan::bench]
    fn b_pass_nothing_in_play(bencher: Bencher) {
        calls(bencher, BENCH.enforce, || request(NOWHERE, true));
    }

    #[divan::bench]
    fn c_sentence_guard_holds_all_cached(bencher: Bencher) {
        calls(bencher, BENCH.enforce, || request(GUARDED, true));
    }
}

mod request_1_mib_picture {
    use super::*;

    #[divan::bench]
    fn a_direct(bencher: Bencher) {
        let body = picture_request(NOWHERE);
        calls(bencher, BENCH.direct, || body.clone());
    }

    #[divan::bench]
    fn b_pass_nothing_in_play(bencher: Bencher) {
        let body = picture_request(NOWHERE);
        calls(bencher, BENCH.enforce, || body.clone());
    }

    #[divan::bench]
    fn c_shadow_nothing_in_play(bencher: Bencher) {
        let body = picture_request(NOWHERE);
        calls(bencher, BENCH.shadow, || body.clone());
    }

    #[divan::bench]
    fn d_pass_in_play_all_cached(bencher: Bencher) {
        let body = picture_request(HARMLESS);
        calls(bencher, BENCH.enforce, || body.clone());
    }
}

mod classification {
    use super::*;

    /// Each call is about something new.
    static FRESH: AtomicU64 = AtomicU64::new(0);

    fn norms() -> Vec<Arc<Norm>> {
        let china: Country = "CN".parse().unwrap();
        policies().pack(china).unwrap().norms.clone()
    }

    fn turn(query: String, picture: Option<Vec<u8>>) -> Turn {
        let picture = picture.map(|bytes| base64_simd::STANDARD.encode_to_string(bytes));
        let picture = picture.map(|base64| Part::Picture(Picture::Inline(Bytes::from(base64))));
        let parts = [Part::Text(query)].into_iter().chain(picture).collect();
        Turn { messages: vec![Message { role: Some(Role::User), parts }] }
    }

    fn fresh_turn(with_picture: bool) -> Turn {
        let number = FRESH.fetch_add(1, Ordering::Relaxed);
        let picture = with_picture.then(|| {
            let mut bytes = include_bytes!("../examples/pictures/clock.jpg").to_vec();
            bytes.extend(number.to_le_bytes());
            bytes
        });
        turn(format!("May I bring one of these to feast number {number} in Beijing?"), picture)
    }

    fn classify(turn: &Turn, norms: &[Arc<Norm>]) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        let reading = RUNTIME.block_on(CLASSIFIER.classify(turn, Some(Language::ENGLISH), norms, deadline));
        assert!(matches!(reading.findings, comity::domain::Findings::Known { .. }));
    }

    #[divan::bench]
    fn question_cold(bencher: Bencher) {
        let norms = norms();
        bencher.with_inputs(|| fresh_turn(false)).bench_values(|turn| classify(&turn, &norms));
    }

    #[divan::bench]
    fn question_and_picture_cold(bencher: Bencher) {
        let norms = norms();
        bencher.with_inputs(|| fresh_turn(true)).bench_values(|turn| classify(&turn, &norms));
    }

    #[divan::bench]
    fn question_and_picture_cached(bencher: Bencher) {
        let (norms, turn) = (norms(), fresh_turn(true));
        classify(&turn, &norms);
        bencher.bench(|| classify(&turn, &norms));
    }

    #[divan::bench]
    fn one_sentence_of_an_answer_cold(bencher: Bencher) {
        let norms = &norms()[..1];
        let sentence = || format!("Take the number {} tea instead.", FRESH.fetch_add(1, Ordering::Relaxed));
        bencher.with_inputs(sentence).bench_values(|sentence| {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
            RUNTIME.block_on(CLASSIFIER.judge(HARMLESS, &sentence, norms, deadline)).unwrap()
        });
    }
}

mod wire {
    use super::*;

    #[divan::bench]
    fn read_a_1_mib_picture_request(bencher: Bencher) {
        let body = picture_request(NOWHERE);
        bencher.bench(|| Inbound::read(body.clone()).unwrap());
    }

    #[divan::bench]
    fn put_a_note_into_it(bencher: Bencher) {
        let inbound = Inbound::read(picture_request(NOWHERE)).unwrap();
        bencher.bench(|| inbound.educated("A note of some length.", NotePlace::BeforeUser));
    }

    #[divan::bench]
    fn decode_1000_events(bencher: Bencher) {
        let bytes = events(1000);
        bencher.bench(|| {
            let mut decoder = sse::Decoder::new(1 << 20);
            decoder.push(&bytes);
            std::iter::from_fn(|| decoder.next().unwrap()).count()
        });
    }
}
