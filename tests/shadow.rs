//! Shadow, as a property: whatever comes, from either side, goes on byte for byte, however the models are; and the record says what would have been done.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use comity::domain::{Action, Ended, Mode, Outcome, Record, Scan};
use comity::wire::{Api, Inbound};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use support::Gate;
use support::bodies::{ask, ask_stream, completion, gzip, stream};
use support::client::{CHAT, RawAnswer};
use support::gateway::{Gateway, Setup};
use support::models::{FAUX_PAS, Mind};
use support::upstream::{Got, Reply, Step};

/// A request's body and its content coding.
#[derive(Clone, Debug)]
struct Request {
    body: Vec<u8>,
    coding: Option<&'static str>,
    /// What would be done, if the models could say; `None` where the body cannot be read.
    action: Option<Action>,
}

/// Words that decide, and what they decide.
const WORDS: [(&str, Action); 5] = [
    ("Where is the museum?", Action::Pass),
    ("watchword?", Action::Observe),
    ("teachword?", Action::Educate),
    ("mendword?", Action::Rewrite),
    ("refuseword?", Action::Decline),
];

fn request() -> impl Strategy<Value = Request> {
    let chat = (select(&WORDS[..]), "\\PC{0,40}", any::<bool>(), any::<bool>()).prop_map(
        |((word, action), more, streams, packs)| {
            let text = format!("{more} {word}");
            let body = if streams { ask_stream(&text) } else { ask(&text) };
            let body = if packs { gzip(body.as_bytes()) } else { body.into_bytes() };
            Request { body, coding: packs.then_some("gzip"), action: Some(action) }
        },
    );
    // Chance writes a sound body now and then, such as {"messages":[]}: that one is read, and is no case of this kind.
    let broken = |text: &String| Inbound::read(Api::Chat, Bytes::from(text.clone())).is_err();
    let unread = |body: Vec<u8>| Request { body, coding: None, action: None };
    prop_oneof![
        4 => chat,
        1 => vec(any::<u8>(), 0..600).prop_map(unread),
        1 => "\\{\"messages\":\\[[\\[\\]{}\":,a-z0-9 ]{0,60}\\}?\\}".prop_filter("it cannot be read", broken).prop_map(move |text| unread(text.into_bytes())),
        1 => (vec(any::<u8>(), 0..200), select(vec!["gzip", "br", "zstd", "nonsense"]))
            .prop_map(|(body, coding)| Request { body, coding: Some(coding), action: None }),
    ]
}

/// An answer, cut into pieces, perhaps broken off.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    kind: &'static str,
    coding: Option<&'static str>,
    pieces: Vec<Bytes>,
    breaks: bool,
    /// Whether the length is told before the body.
    measured: bool,
}

fn answer() -> impl Strategy<Value = Answer> {
    let text = prop_oneof!["\\PC{0,60}", Just(format!("A {FAUX_PAS} it is. Do it."))];
    let said = (text, any::<bool>()).prop_map(|(text, streams)| {
        if streams {
            ("text/event-stream", stream(&[&text, " More."]).concat().into_bytes())
        } else {
            ("application/json", completion(&text).into_bytes())
        }
    });
    let any_bytes = (select(vec!["application/json", "text/event-stream", "image/png"]), vec(any::<u8>(), 0..900));
    let body = prop_oneof![3 => said, 1 => any_bytes];
    let status = prop_oneof![4 => Just(200), 1 => select(vec![201, 400, 404, 429, 500, 503])];
    let cuts = vec(any::<Index>(), 0..6);
    (body, status, cuts, any::<bool>(), prop::bool::weighted(0.25), any::<bool>()).prop_map(
        |((kind, body), status, cuts, packs, breaks, measured)| {
            let body = if packs { gzip(&body) } else { body };
            let pieces = cut(&body, &cuts);
            Answer { status, kind, coding: packs.then_some("gzip"), pieces, breaks, measured }
        },
    )
}

fn cut(body: &[u8], cuts: &[Index]) -> Vec<Bytes> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).chain([0, body.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|pair| Bytes::copy_from_slice(&body[pair[0]..pair[1]])).collect()
}

impl Answer {
    fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn reply(&self) -> Reply {
        let steps = self.pieces.iter().cloned().map(Step::Send).collect();
        let mut reply = Reply::new(self.status, self.kind, steps).header("x-odd", "\"a, b\"; c").header("x-odd", "");
        if let Some(coding) = self.coding {
            reply = reply.header("content-encoding", coding);
        }
        if self.measured {
            // One that breaks off has announced more.
            let length = self.body().len() + usize::from(self.breaks);
            reply = reply.header("content-length", &length.to_string());
        }
        if self.breaks { reply.then(Step::Break) } else { reply }
    }
}

/// How the models are; made anew for each case, since some of them wait for a gate.
const MINDS: [fn() -> Mind; 7] = [
    || Mind::Fine,
    || Mind::Dead,
    || Mind::Slow(Gate::new()),
    || Mind::Panicking,
    || Mind::Busy(Gate::new()),
    || Mind::Off,
    || Mind::NoJudge,
];

/// Sends a request in pieces, in chunks or with its length.
async fn exchange(mind: Mind, request: &Request, answer: &Answer, chunked: bool) -> (RawAnswer, bool, Got, Record) {
    let waits = matches!(mind, Mind::Slow(_) | Mind::Busy(_));
    let mut setup = Setup::shadow(mind);
    if waits {
        setup.settings.limits.classify = Duration::from_millis(10);
    }
    let gateway = Gateway::start(setup, vec![answer.reply()]).await;
    let mut raw = gateway.raw().await;
    let coding = request.coding.map_or_else(String::new, |coding| format!("Content-Encoding: {coding}\r\n"));
    let length = request.body.len();
    let length = if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {length}") };
    raw.write(format!(
        "POST {CHAT}?a=%2f HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAccept-Encoding: gzip, br\r\nX-Odd: 1,  2\r\nX-Odd: \r\n{coding}{length}\r\n\r\n"
    ))
    .await;
    let middle = request.body.len() / 2;
    for piece in [&request.body[..middle], &request.body[middle..]] {
        if !chunked {
            raw.write(piece).await;
        } else if !piece.is_empty() {
            raw.write([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await;
        }
    }
    if chunked {
        raw.write("0\r\n\r\n").await;
    }
    let (came, whole) = raw.last_answer().await;
    let got = gateway.upstream.only();
    if waits {
        // Shutting down lets the models go on: their deadline has to pass before.
        gateway.recorded(1).await;
    }
    (came, whole, got, gateway.finish_one().await)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What the model server got is what was sent.
fn same_request(request: &Request, got: &Got) {
    assert!(got.body == request.body, "{} bytes were sent, {} came", request.body.len(), got.body.len());
    assert_eq!((got.target.as_str(), got.header("content-encoding")), (&*format!("{CHAT}?a=%2f"), request.coding));
    assert_eq!(got.header("accept-encoding"), Some("gzip, br"));
    let odd: Vec<_> = got.headers.get_all("x-odd").iter().collect();
    assert_eq!(odd, ["1,  2", ""]);
}

/// What the client got is what the model server said: the status, the bytes, and every header in its order.
fn same_answer(answer: &Answer, came: &RawAnswer, whole: bool) {
    let body = answer.body();
    assert_eq!(came.status(), answer.status, "never a status of Comity's own");
    if answer.breaks {
        assert!(!whole && body.starts_with(&came.body), "it breaks off as it did");
    } else {
        assert!(whole && came.body == body, "{} bytes were said, {} came", body.len(), came.body.len());
    }
    let reply = answer.reply();
    let said: Vec<String> =
        reply.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    let own = ["comity-", "x-request-id:", "date:", "connection:", "transfer-encoding:"];
    let kept: Vec<&str> =
        came.headers().into_iter().filter(|line| !own.iter().any(|name| line.starts_with(name))).collect();
    assert_eq!(kept, said);
}

/// What would have been done is told, or why that is not known; nothing else happened.
fn told(mind: &Mind, request: &Request, answer: &Answer, record: &Record) {
    assert_eq!((record.mode, record.status), (Mode::Shadow, answer.status));
    assert_eq!(record.ended, if answer.breaks { Ended::UpstreamFailed } else { Ended::Complete });
    let Some(action) = request.action else {
        let request = record.coverage.iter().find(|one| one.part == "request").expect("a word about the request");
        assert_ne!(request.scan, Scan::Scanned);
        return assert!(record.findings.is_empty() && record.action == Action::Pass);
    };
    match mind {
        Mind::Fine | Mind::NoJudge => assert_eq!((record.action, record.unavailable), (action, None)),
        Mind::Dead | Mind::Slow(_) | Mind::Panicking | Mind::Busy(_) | Mind::Off | Mind::SlowJudge(_) => {
            assert!(record.unavailable.is_some() && record.action == Action::Pass, "{record:?}");
        }
    }
    let told = record.answer.as_ref();
    assert!(told.is_none_or(|told| told.repairs == 0));
    let breaches =
        answer.kind == "application/json" && answer.coding.is_none() && !answer.breaks && answer.status < 300;
    if breaches && String::from_utf8_lossy(&answer.body()).contains(FAUX_PAS) && matches!(mind, Mind::Fine) {
        let expected = if action == Action::Pass { Outcome::Kept } else { Outcome::Breached };
        assert_eq!(told.map(|told| told.outcome), Some(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_in_are_bytes_out(request in request(), answer in answer(), mind in select(&MINDS[..]), chunked in any::<bool>()) {
        let mind = mind();
        let (came, whole, got, record) = block_on(exchange(mind.clone(), &request, &answer, chunked));
        same_request(&request, &got);
        same_answer(&answer, &came, whole);
        told(&mind, &request, &answer, &record);
    }
}

#[test]
fn what_would_be_done_is_told_for_each_action() {
    for (query, action) in WORDS {
        for streams in [false, true] {
            let text = format!("A {FAUX_PAS} it is. Do it.");
            let (kind, body) = if streams {
                ("text/event-stream", stream(&[&text]).concat())
            } else {
                ("application/json", completion(&text))
            };
            let request = Request { body: ask(query).into_bytes(), coding: None, action: Some(action) };
            let pieces = vec![Bytes::from(body)];
            let answer = Answer { status: 200, kind, coding: None, pieces, breaks: false, measured: false };
            let (came, whole, got, record) = block_on(exchange(Mind::Fine, &request, &answer, false));
            same_request(&request, &got);
            same_answer(&answer, &came, whole);
            told(&Mind::Fine, &request, &answer, &record);
            let expected = if action == Action::Pass { Outcome::Kept } else { Outcome::Breached };
            assert_eq!(record.answer.map(|told| told.outcome), Some(expected), "{query}");
            assert_eq!(came.header("comity-decision"), Some("shadow"));
        }
    }
}

#[test]
fn the_classifier_delays_nothing() {
    block_on(async {
        let gate = Gate::new();
        let gateway =
            Gateway::start(Setup::shadow(Mind::Slow(gate.clone())), vec![Reply::json(completion("Tea."))]).await;
        // The models are stuck until the test says otherwise, and their deadline is far away; the answer does not wait.
        for _ in 0..3 {
            assert_eq!(gateway.client.chat(ask("mendword?")).await.body, completion("Tea."));
        }
        gate.open();
        let records = gateway.finish().await;
        assert!(records.len() == 3 && records.iter().all(|record| record.action == Action::Rewrite), "{records:?}");
    });
}
