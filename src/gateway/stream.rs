//! An answer that streams through the guard.
//!
//! Events are held in the order in which they came and go out as the very bytes they came in, once the text they carry is released. Only where a breach cuts a
//! text short are events made anew, with the envelope of the last one that came. A response's events say a text up to five times: those that repeat it wait until it
//! is settled, and say what was shown.

mod intake;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use crate::domain::{Coverage, Ended};
use crate::wire::moderation::Moderation;
use crate::wire::{Api, Event, Surface, sse};

use super::answer::moderation;
use super::app::App;
use super::beside::Others;
use super::body::{self, Body, BoxError};
use super::error::Error;
use super::exchange::Exchange;
use super::held::{End, Held, Repeated, Text, Turn};
use super::judging::{Seen, Understood, Watch};
use super::keep_alive::KeptAlive;
use super::numbers::{Known, Sequence};

/// How long the end of the upstream's body is waited for behind its last event.
const LINGER: Duration = Duration::from_millis(50);

/// Everything that a stream is guarded with.
pub(super) struct Plan {
    pub(super) app: Arc<App>,
    pub(super) exchange: Exchange,
    pub(super) understood: Understood,
    /// `None`: nothing judges the answer, only the verdict on the request is added.
    pub(super) watch: Option<Watch>,
    pub(super) api: Api,
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
    texts: BTreeMap<u32, Text>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// The bytes for which room was taken.
    charged: usize,
    /// The last event that carried text: its envelope serves for the verdict.
    envelope: Option<Arc<Event>>,
    /// The event that ends the stream, as it came: `[DONE]`, or the one that carries the whole response.
    end: Option<Held>,
    known: Known,
    sequence: Sequence,
    others: Others,
    /// Whether an event could not be read.
    unread: bool,
    /// Whether the upstream reported an error.
    failed: bool,
    /// Whether the upstream's stream broke off.
    broken: bool,
}

/// The client has gone away.
struct Gone;

impl Guarded {
    fn new(plan: Plan, to_client: mpsc::Sender<Result<Bytes, BoxError>>) -> Self {
        Self {
            plan,
            to_client,
            texts: BTreeMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            charged: 0,
            envelope: None,
            end: None,
            known: Known::default(),
            sequence: Sequence::default(),
            others: Others::default(),
            unread: false,
            failed: false,
            broken: false,
        }
    }

    async fn run(mut self, mut upstream: Body) {
        let mut decoder = sse::Decoder::new(self.event_limit());
        let came = self.listen(&mut upstream, &mut decoder).await;
        let ended = match came {
            Ok(()) if self.to_client.is_closed() => Err(Gone),
            Ok(()) => {
                drop(upstream); // before any repair is asked for
                self.wind_up().await
            }
            Err(Error::AnswerTooLarge { .. }) if self.may_go_by() => self.go_by(decoder.rest(), upstream).await,
            Err(error) => self.fail(&error).await,
        };
        // A client that has gone away is what the record says anyway.
        drop(ended);
    }

    /// Takes in the upstream's stream to its end, or until no text wants more of it.
    async fn listen(&mut self, upstream: &mut Body, decoder: &mut sse::Decoder) -> Result<(), Error> {
        let limit = self.event_limit();
        while let Some(frame) = upstream.frame().await {
            let Ok(frame) = frame else {
                self.broken = true;
                break;
            };
            let Ok(data) = frame.into_data() else { continue };
            self.plan.exchange.upstream_spoke();
            decoder.push(&data);
            while self.end.is_none()
                && let Some(event) = decoder.next().map_err(|_| Error::AnswerTooLarge { limit })?
            {
                self.take(event)?;
            }
            if self.advance().await.is_err() || self.wants_no_more() {
                return Ok(());
            }
            if self.end.is_some() {
                // The end of the body mostly comes right behind, and with it the connection can be used again.
                drop(tokio::time::timeout(LINGER, upstream.frame()).await);
                return Ok(());
            }
        }
        let last = std::mem::replace(decoder, sse::Decoder::new(limit)).finish();
        last.map_or(Ok(()), |event| self.take(event))
    }

    /// Whether what cannot be checked to its end may be shown: the policy does not withhold it, and nothing in it was found that is to be mended.
    fn may_go_by(&self) -> bool {
        let sound = |text: &Text| !text.stopped && text.due.is_none() && !text.answer.has_breach();
        !self.withholds() && self.texts.values().all(sound)
    }

    /// What waits goes out, and the rest as it comes; the record says that nobody looked at it.
    async fn go_by(&mut self, rest: Bytes, mut upstream: Body) -> Result<(), Gone> {
        for text in self.texts.values_mut() {
            (text.released, text.over) = (text.answer.draft().len(), true);
        }
        self.flush().await?;
        self.conclude().await;
        self.plan.exchange.covered(Coverage::unscanned("answer: the rest", "too-large"));
        self.plan.exchange.unverified();
        let end = self.end.take().map(|end| end.bytes).unwrap_or_default();
        for bytes in [rest, end].into_iter().filter(|bytes| !bytes.is_empty()) {
            self.send(bytes).await?;
        }
        while let Some(frame) = upstream.frame().await {
            let Ok(frame) = frame else {
                self.plan.exchange.ended(Ended::UpstreamFailed);
                return self.break_off().await;
            };
            if let Ok(data) = frame.into_data() {
                self.send(data).await?;
            }
        }
        self.plan.exchange.ended(Ended::Complete);
        Ok(())
    }

    /// Gives every text what it asks for, and sends on what became free.
    async fn advance(&mut self) -> Result<(), Gone> {
        let numbers: Vec<u32> = self.texts.keys().copied().collect();
        for number in numbers {
            self.advance_one(number).await?;
        }
        self.flush().await
    }

    async fn advance_one(&mut self, number: u32) -> Result<(), Gone> {
        loop {
            let (Some(watch), Some(text)) = (self.plan.watch.as_mut(), self.texts.get_mut(&number)) else {
                return Ok(());
            };
            if text.over || text.due.is_some() {
                return Ok(());
            }
            match watch.advance(&mut text.answer).await {
                Seen::Wait => return Ok(()),
                Seen::Released(to) => text.released = to,
                Seen::Repair(request) => text.due = Some(request),
                Seen::Done => text.over = true,
                Seen::Said(said) => {
                    text.stopped = true;
                    self.say(number, &said);
                }
            }
            self.flush().await?;
        }
    }

    /// Puts events that say `said` before what repeats the text, else behind the events that wait with any text, and before the usage, which comes last.
    fn say(&mut self, number: u32, said: &str) {
        let Some((envelope, own, id)) = self.texts.get(&number).and_then(|text| text.envelope.as_ref()) else { return };
        let repeats = self.held.iter().position(|held| held.repeats.iter().any(|repeated| repeated.text == number));
        let behind = || self.held.iter().rposition(|held| !held.carried.is_empty()).map_or(0, |at| at + 1);
        let at = repeats.unwrap_or_else(behind);
        let finish = &self.plan.app.settings.finish_reason;
        let made = [Some(envelope.with_text(*own, id.as_deref(), said)), envelope.ending(*own, finish)];
        // The end goes in first, and the text before it.
        for bytes in made.into_iter().rev().flatten() {
            self.held_bytes += bytes.len();
            self.held.insert(at, Held::bare(bytes));
        }
    }

    /// Whether every choice that was asked for is over or waits for a repair, and more of one would come. Behind the last one there is only the usage.
    ///
    /// A response is heard to its end: what closes its texts and items comes there.
    fn wants_no_more(&self) -> bool {
        let settled = |text: &Text| text.stopped || text.due.is_some();
        self.plan.api != Api::Responses
            && self.texts.len() >= self.plan.choices as usize
            && self.texts.values().all(settled)
            && self.texts.values().any(|text| text.end == End::Open)
    }

    /// Sends on the events whose turn has come.
    async fn flush(&mut self) -> Result<(), Gone> {
        let mut out = BytesMut::new();
        let mut single = None;
        while let Some(held) = self.held.front() {
            let turn = held.turn(&self.texts);
            if matches!(turn, Turn::Wait) {
                break;
            }
            let Some(held) = self.held.pop_front() else { break };
            self.held_bytes = self.held_bytes.saturating_sub(held.bytes.len());
            let Turn::Emit(bytes) = turn else { continue };
            let bytes = self.settled(bytes, &held, None);
            if single.is_none() && out.is_empty() {
                single = Some(bytes);
            } else {
                out.extend_from_slice(&single.take().unwrap_or_default());
                out.extend_from_slice(&bytes);
            }
        }
        match single.or_else(|| (!out.is_empty()).then(|| out.freeze())) {
            Some(bytes) => self.send(bytes).await,
            None => Ok(()),
        }
    }

    /// The bytes of an event with the texts as they were shown, the number that it has in what goes out, and the verdict where it carries the whole response.
    fn settled(&mut self, bytes: Bytes, held: &Held, verdict: Option<&Moderation>) -> Bytes {
        if self.plan.api != Api::Responses {
            return bytes;
        }
        let sequence = held.event.as_ref().and_then(|event| event.sequence());
        if held.repeats.is_empty() && verdict.is_none() && sequence.is_some_and(|number| self.sequence.is_next(number))
        {
            return bytes;
        }
        let shown: BTreeMap<u32, String> =
            held.repeats.iter().filter_map(|repeated| self.otherwise(repeated)).collect();
        let (mut out, mut decoder) = (BytesMut::new(), sse::Decoder::new(usize::MAX));
        decoder.push(&bytes);
        while let Ok(Some(came)) = decoder.next() {
            let event = came.data.as_ref().and_then(|data| Event::read(self.plan.api, data).ok());
            let sequence = event.as_ref().and_then(Event::sequence).map(|number| self.sequence.of(number));
            let edited = event.and_then(|event| event.edited(&shown, sequence, verdict));
            out.extend_from_slice(&edited.unwrap_or(came.raw));
        }
        out.extend_from_slice(&decoder.finish().map(|rest| rest.raw).unwrap_or_default());
        out.freeze()
    }

    /// What is said in the place of a text that an event repeats: where it was cut short, or where the event says what nobody judged.
    fn otherwise(&self, repeated: &Repeated) -> Option<(u32, String)> {
        let text = self.texts.get(&repeated.text)?;
        let shown = text.answer.shown();
        let unjudged = self.holds() && shown.trim_end() != repeated.whole.trim_end();
        (text.stopped || unjudged).then_some((repeated.number, shown))
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        self.plan.exchange.client_heard();
        self.to_client.send(Ok(bytes)).await.map_err(|_| Gone)
    }

    /// The upstream is done: judges what is left, asks for the repairs that are due, and closes the stream.
    async fn wind_up(&mut self) -> Result<(), Gone> {
        let numbers: Vec<u32> = self.texts.keys().copied().collect();
        for number in &numbers {
            if let Some(text) = self.texts.get_mut(number) {
                text.finish();
            }
            self.advance_one(*number).await?;
            while let Some(request) = self.texts.get_mut(number).and_then(|text| text.due.take()) {
                if let (Some(watch), Some(text)) = (self.plan.watch.as_mut(), self.texts.get_mut(number)) {
                    watch.repair(&mut text.answer, *number, &request).await;
                }
                self.advance_one(*number).await?;
            }
        }
        self.flush().await?;
        let stopped = self.texts.values().any(|text| text.stopped);
        let verdict = self.conclude().await;
        let cut_short = stopped && self.plan.api != Api::Responses;
        let end = self.end.take().or_else(|| cut_short.then(|| Held::bare(sse::DONE.clone())));
        let breaks_off = self.broken && end.is_none();
        let unfinished = end.is_none() && self.plan.api == Api::Responses; // its last event says how it ended
        let verdict = self.plan.wants_verdict.then_some(&verdict);
        let mut last = BytesMut::new();
        if let (Some(verdict), Some(envelope)) = (verdict, &self.envelope) {
            last.extend_from_slice(&envelope.verdict(verdict).unwrap_or_default());
        }
        if let Some(end) = end {
            last.extend_from_slice(&self.settled(end.bytes.clone(), &end, verdict));
        }
        if !last.is_empty() {
            self.send(last.freeze()).await?;
        }
        let failed = (self.failed || self.broken || unfinished) && !cut_short;
        self.plan.exchange.ended(if failed { Ended::UpstreamFailed } else { Ended::Complete });
        if breaks_off { self.break_off().await } else { Ok(()) }
    }

    /// Judges what stands beside the texts, records what was said about all of it, and puts it into OpenAI's form.
    async fn conclude(&mut self) -> Moderation {
        let (texts, holds, api) = (&self.texts, self.holds(), self.plan.api);
        self.others.take_out(|number, surface, behind| match surface {
            Surface::Reasoning | Surface::Audio | Surface::Transcript => holds,
            // Of a choice that was cut short nothing goes out behind the cut.
            Surface::Refusal | Surface::ToolCalls | Surface::ToolResults => {
                let cut = |text: &Text| text.stopped && behind > 0 && behind >= text.released;
                api != Api::Responses && texts.get(&number).is_some_and(cut)
            }
        });
        let verdicts = self.texts.values().map(|text| text.answer.verdict()).collect();
        for (number, text) in &self.texts {
            self.plan.exchange.covered(Coverage::scanned(api.text_name(*number)));
            self.plan.exchange.texts(text.answer.draft(), &text.answer.shown());
        }
        let verdict = match self.plan.watch.as_mut() {
            Some(watch) => {
                let beside = self.others.judge(watch).await;
                self.others.tell(&self.plan.exchange, api);
                Some(watch.conclude(verdicts, beside))
            }
            None => None,
        };
        moderation(&self.plan.understood, verdict.as_ref())
    }

    /// The upstream broke off: so does the answer, as it would without a guard.
    async fn break_off(&self) -> Result<(), Gone> {
        let error: BoxError = "the model server's stream broke off".into();
        self.to_client.send(Err(error)).await.map_err(|_| Gone)
    }

    /// The stream cannot be checked: the client is told in the stream, and nothing that was held goes out.
    async fn fail(&mut self, error: &Error) -> Result<(), Gone> {
        self.conclude().await;
        self.plan.exchange.ended(error.ended());
        self.send(error.event(self.plan.api, self.sequence.next())).await
    }
}
