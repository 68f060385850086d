//! An answer that streams through the guard.
//!
//! Events are held in the order in which they came and go out as the very bytes they came in, once the text they carry is released. Only where a breach cuts an
//! answer short are events made anew, with the envelope of the last one that came.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use crate::domain::{Coverage, Ended, StreamGuard};
use crate::wire::chat::Chunk;
use crate::wire::moderation::Moderation;
use crate::wire::sse;

use super::answer::moderation;
use super::app::App;
use super::body::{self, Body, BoxError};
use super::error::Error;
use super::exchange::Exchange;
use super::held::{Carried, Choice, Held, Turn};
use super::judging::{Seen, Understood, Watch};
use super::keep_alive::KeptAlive;
use super::observe::EVENT_LIMIT;

/// The most choices of one answer that are watched over: `n` goes to 128 in OpenAI's description.
const MOST_CHOICES: usize = 128;

/// How long the end of the upstream's body is waited for behind its last event.
const LINGER: Duration = Duration::from_millis(50);

/// Everything that a stream is guarded with.
pub(super) struct Plan {
    pub(super) app: Arc<App>,
    pub(super) exchange: Exchange,
    pub(super) understood: Understood,
    /// `None`: nothing judges the answer, only the verdict on the request is added.
    pub(super) watch: Option<Watch>,
    /// How many choices were asked for.
    pub(super) choices: u32,
    pub(super) wants_verdict: bool,
}

/// Puts the guard between upstream and client.
pub(super) fn guarded(response: Response<Body>, plan: Plan) -> Response<Body> {
    let (mut head, upstream) = response.into_parts();
    body::forget_bytes(&mut head.headers);
    head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    head.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    let keep_alive = plan.app.settings.limits.keep_alive;
    let tasks = plan.app.tasks.clone();
    // One frame ahead: a slow client slows the upstream.
    let (to_client, from_guard) = mpsc::channel(1);
    tasks.spawn(async move {
        let gone = to_client.clone();
        tokio::select! {
            () = gone.closed() => {}
            () = Guarded::new(plan, to_client).run(upstream) => {}
        }
    });
    Response::from_parts(head, KeptAlive::body(from_guard, keep_alive))
}

struct Guarded {
    plan: Plan,
    to_client: mpsc::Sender<Result<Bytes, BoxError>>,
    choices: BTreeMap<u32, Choice>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// The last chunk that carried choices: its envelope serves for events made here.
    envelope: Option<Chunk>,
    done: Option<Bytes>,
    /// Whether the upstream reported an error.
    failed: bool,
    /// Whether the upstream's stream broke off.
    broken: bool,
}

/// The client has gone away.
struct Gone;

impl Guarded {
    fn new(plan: Plan, to_client: mpsc::Sender<Result<Bytes, BoxError>>) -> Self {
        let (choices, held) = (BTreeMap::new(), VecDeque::new());
        Self { plan, to_client, choices, held, held_bytes: 0, envelope: None, done: None, failed: false, broken: false }
    }

    async fn run(mut self, upstream: Body) {
        let came = self.listen(upstream).await; // the upstream is let go here, before any repair is asked for
        let ended = match came {
            Ok(()) if self.to_client.is_closed() => Err(Gone),
            Ok(()) => self.wind_up().await,
            Err(error) => self.fail(&error).await,
        };
        // A client that has gone away is what the record says anyway.
        drop(ended);
    }

    /// Takes in the upstream's stream to its end, or until no choice wants more of it.
    async fn listen(&mut self, mut upstream: Body) -> Result<(), Error> {
        let mut decoder = sse::Decoder::new(EVENT_LIMIT);
        while let Some(frame) = upstream.frame().await {
            let Ok(frame) = frame else {
                self.broken = true;
                break;
            };
            let Ok(data) = frame.into_data() else { continue };
            self.plan.exchange.upstream_spoke();
            decoder.push(&data);
            while self.done.is_none()
                && let Some(event) = decoder.next().map_err(|_| Error::AnswerTooLarge { limit: EVENT_LIMIT })?
            {
                self.take(event)?;
            }
            if self.advance().await.is_err() || self.wants_no_more() {
                return Ok(());
            }
            if self.done.is_some() {
                // The end of the body mostly comes right behind, and with it the connection can be used again.
                drop(tokio::time::timeout(LINGER, upstream.frame()).await);
                return Ok(());
            }
        }
        if let Some(event) = decoder.finish() {
            self.take(event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: sse::Event) -> Result<(), Error> {
        if sse::is_done(&event) {
            self.done = Some(event.raw);
            return Ok(());
        }
        let chunk = event.data.as_ref().map(|data| Chunk::read(data));
        let limit = self.plan.app.settings.limits.answer;
        self.held_bytes += event.raw.len();
        if self.held_bytes > limit {
            return Err(Error::AnswerTooLarge { limit });
        }
        let held = match chunk {
            None => Held { bytes: event.raw, chunk: None, carried: Vec::new() },
            Some(Ok(chunk)) => self.read(event.raw, chunk)?,
            Some(Err(_)) if self.withholds() => return Err(Error::AnswerUnread),
            Some(Err(_)) => {
                self.plan.exchange.covered(Coverage::unscanned("answer: event", "malformed"));
                Held { bytes: event.raw, chunk: None, carried: Vec::new() }
            }
        };
        self.held.push_back(held);
        Ok(())
    }

    /// Whether text is held back in this stream at all, so that what would leak a withheld draft has to go, too.
    fn holds(&self) -> bool {
        self.plan.watch.as_ref().is_some_and(|watch| watch.plan.stream != StreamGuard::Pass)
    }

    fn withholds(&self) -> bool {
        self.holds() && self.plan.watch.as_ref().is_some_and(|watch| watch.plan.fail_closed)
    }

    fn read(&mut self, raw: Bytes, chunk: Chunk) -> Result<Held, Error> {
        self.failed |= chunk.error();
        if !chunk.deltas().is_empty() {
            self.envelope = Some(chunk.clone());
        }
        let mut carried = Vec::new();
        let Some(watch) = self.plan.watch.as_ref() else { return Ok(Held { bytes: raw, chunk: Some(chunk), carried }) };
        for delta in chunk.deltas() {
            if self.choices.len() >= MOST_CHOICES && !self.choices.contains_key(&delta.index) {
                return Err(Error::AnswerUnread);
            }
            let choice = self.choices.entry(delta.index).or_insert_with(|| Choice {
                answer: watch.answer(),
                released: 0,
                stopped: false,
                over: false,
                finished: false,
                due: None,
            });
            let from = choice.answer.draft().len();
            choice.answer.push(delta.content.as_deref().unwrap_or_default());
            let (to, finish) = (choice.answer.draft().len(), delta.finish.is_some());
            if finish {
                choice.answer.finish();
                choice.finished = true;
            }
            carried.push(Carried { choice: delta.index, from, to, finish });
        }
        let clean = self.holds().then(|| chunk.without_leaks()).flatten();
        let bytes = clean.map_or(raw, |json| sse::event(&json));
        Ok(Held { bytes, chunk: Some(chunk), carried })
    }

    /// Gives every choice what it asks for, and sends on what became free.
    async fn advance(&mut self) -> Result<(), Gone> {
        let indices: Vec<u32> = self.choices.keys().copied().collect();
        for index in indices {
            self.advance_one(index).await?;
        }
        self.flush().await
    }

    async fn advance_one(&mut self, index: u32) -> Result<(), Gone> {
        loop {
            let (Some(watch), Some(choice)) = (self.plan.watch.as_mut(), self.choices.get_mut(&index)) else {
                return Ok(());
            };
            if choice.over || choice.due.is_some() {
                return Ok(());
            }
            match watch.advance(&mut choice.answer).await {
                Seen::Wait => return Ok(()),
                Seen::Released(to) => choice.released = to,
                Seen::Repair(request) => choice.due = Some(request),
                Seen::Done => choice.over = true,
                Seen::Said(text) => {
                    choice.stopped = true;
                    self.say(index, &text);
                }
            }
            self.flush().await?;
        }
    }

    /// Puts events that say `text` behind those of the choices that wait, and before the usage, which comes last.
    fn say(&mut self, index: u32, text: &str) {
        let Some(envelope) = self.envelope.as_ref() else { return };
        let finish = &self.plan.app.settings.finish_reason;
        let behind = self.held.iter().rposition(|held| !held.carried.is_empty()).map_or(0, |at| at + 1);
        // The end goes in first, and the text before it.
        for json in [envelope.finishing(index, finish), envelope.with_text(index, text)] {
            self.held.insert(behind, Held { bytes: sse::event(&json), chunk: None, carried: Vec::new() });
        }
    }

    /// Whether every choice that was asked for is over or waits for a repair, and more of one would come. Behind the last one there is only the usage.
    fn wants_no_more(&self) -> bool {
        let settled = |choice: &Choice| choice.stopped || choice.due.is_some();
        self.choices.len() >= self.plan.choices as usize
            && self.choices.values().all(settled)
            && self.choices.values().any(|choice| !choice.finished)
    }

    /// Sends on the events whose turn has come.
    async fn flush(&mut self) -> Result<(), Gone> {
        let mut out = BytesMut::new();
        let mut single = None;
        while let Some(held) = self.held.front() {
            match held.turn(&self.choices) {
                Turn::Wait => break,
                Turn::Drop => {}
                Turn::Emit(bytes) if single.is_none() && out.is_empty() => single = Some(bytes),
                Turn::Emit(bytes) => {
                    out.extend_from_slice(&single.take().unwrap_or_default());
                    out.extend_from_slice(&bytes);
                }
            }
            let length = self.held.pop_front().map_or(0, |held| held.bytes.len());
            self.held_bytes = self.held_bytes.saturating_sub(length);
        }
        match single.or_else(|| (!out.is_empty()).then(|| out.freeze())) {
            Some(bytes) => self.send(bytes).await,
            None => Ok(()),
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        self.plan.exchange.client_heard();
        self.to_client.send(Ok(bytes)).await.map_err(|_| Gone)
    }

    /// The upstream is done: judges what is left, asks for the repairs that are due, and closes the stream.
    async fn wind_up(&mut self) -> Result<(), Gone> {
        let indices: Vec<u32> = self.choices.keys().copied().collect();
        for index in &indices {
            if let Some(choice) = self.choices.get_mut(index) {
                choice.answer.finish();
            }
            self.advance_one(*index).await?;
            while let Some(request) = self.choices.get_mut(index).and_then(|choice| choice.due.take()) {
                if let (Some(watch), Some(choice)) = (self.plan.watch.as_mut(), self.choices.get_mut(index)) {
                    watch.repair(&mut choice.answer, &request).await;
                }
                self.advance_one(*index).await?;
            }
        }
        self.flush().await?;
        let stopped = self.choices.values().any(|choice| choice.stopped);
        let verdict = self.conclude();
        let done = self.done.take().or_else(|| stopped.then(|| sse::DONE.clone()));
        let breaks_off = self.broken && done.is_none();
        let mut last = BytesMut::new();
        if self.plan.wants_verdict
            && let Some(envelope) = &self.envelope
        {
            last.extend_from_slice(&sse::event(&envelope.moderation(&verdict)));
        }
        last.extend_from_slice(&done.unwrap_or_default());
        if !last.is_empty() {
            self.send(last.freeze()).await?;
        }
        let failed = (self.failed || self.broken) && !stopped;
        self.plan.exchange.ended(if failed { Ended::UpstreamFailed } else { Ended::Complete });
        if breaks_off { self.break_off().await } else { Ok(()) }
    }

    /// Records what was said about every choice, and puts it into OpenAI's form.
    fn conclude(&mut self) -> Moderation {
        let verdicts = self.choices.values().map(|choice| choice.answer.verdict()).collect();
        for (index, choice) in &self.choices {
            self.plan.exchange.covered(Coverage::scanned(format!("answer[{index}]: content")));
            self.plan.exchange.texts(choice.answer.draft(), &choice.answer.shown());
        }
        let verdict = self.plan.watch.as_ref().map(|watch| watch.conclude(verdicts));
        moderation(&self.plan.understood, verdict.as_ref())
    }

    /// The upstream broke off: so does the answer, as it would without a guard.
    async fn break_off(&self) -> Result<(), Gone> {
        let error: BoxError = "the model server's stream broke off".into();
        self.to_client.send(Err(error)).await.map_err(|_| Gone)
    }

    /// The stream cannot be checked: the client is told in the stream, and nothing that was held goes out.
    async fn fail(&mut self, error: &Error) -> Result<(), Gone> {
        self.conclude();
        self.plan.exchange.ended(error.ended());
        self.send(sse::event(&error.wire())).await
    }
}
