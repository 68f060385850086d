//! Bodies that are passed on byte for byte, with somebody looking over the shoulder.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;

use crate::domain::{Coverage, Ended, Outcome, Verdict};
use crate::wire::{Answer, Api, Event, Joint, Piece, sse};

use super::answer::is_event_stream;
use super::begun::FRAME;
use super::beside::Others;
use super::body::{self, Body, BoxError};
use super::budget::Room;
use super::exchange::Exchange;
use super::judging::Watch;

/// The most bytes of one event that is looked at.
pub(super) const EVENT_LIMIT: usize = 1 << 20;

/// A copy of a body that went by.
#[derive(Debug, Default)]
pub(super) struct Copied {
    pub(super) chunks: Vec<Bytes>,
    /// Whether the body came to its end.
    pub(super) complete: bool,
    /// Why there is none, if so: it was longer than a copy may be, or there was no room.
    pub(super) lost: Option<&'static str>,
}

impl Copied {
    /// The copy in one piece.
    pub(super) fn concat(self) -> Bytes {
        match <[Bytes; 1]>::try_from(self.chunks) {
            Ok([only]) => only,
            Err(chunks) => chunks.concat().into(),
        }
    }
}

/// Keeps what goes by, up to a limit, and hands it over at the end: the frames are shared, not copied.
#[derive(Debug)]
pub(super) struct Copy {
    copied: Copied,
    left: usize,
    room: Room,
    to: Option<oneshot::Sender<Copied>>,
}

impl Copy {
    pub(super) fn new(limit: usize, room: &Room) -> (Self, oneshot::Receiver<Copied>) {
        let (to, from) = oneshot::channel();
        (Self { copied: Copied::default(), left: limit, room: room.clone(), to: Some(to) }, from)
    }

    fn take(&mut self, data: &Bytes) {
        if self.copied.lost.is_some() {
            return;
        }
        self.copied.lost = match self.left.checked_sub(data.len()) {
            None => Some("too-large"),
            Some(_) if !self.room.take(data.len().max(FRAME)) => Some("no-room"),
            Some(left) => {
                self.left = left;
                self.copied.chunks.push(data.clone());
                return;
            }
        };
        self.copied.chunks.clear();
    }

    fn hand_over(&mut self, complete: bool) {
        if let Some(to) = self.to.take() {
            let copied = std::mem::take(&mut self.copied);
            // Nobody is left to look: then nobody is.
            drop(to.send(Copied { complete, ..copied }));
        }
    }
}

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client: its end is the end of the exchange.
    Down,
}

/// A body that goes by unchanged.
pub(super) struct Passing {
    inner: Body,
    way: Way,
    exchange: Exchange,
    copy: Option<Copy>,
    done: bool,
    /// Whether the last data was the end of a stream of chunks. Clients leave there, and do not wait for the body's own end.
    said_all: bool,
}

impl Passing {
    pub(super) fn body(inner: Body, way: Way, exchange: Exchange, copy: Option<Copy>) -> Body {
        let mut body = Self { inner, way, exchange, copy, done: false, said_all: false };
        if body.inner.is_end_stream() {
            body.finish(Ended::Complete);
        }
        BodyExt::boxed_unsync(body)
    }

    fn finish(&mut self, ended: Ended) {
        if !std::mem::replace(&mut self.done, true) {
            match (self.way, ended) {
                (Way::Down, _) => self.exchange.ended(ended),
                (Way::Up, Ended::Complete) => {}
                (Way::Up, _) => self.exchange.left(),
            }
            if let Some(copy) = self.copy.as_mut() {
                copy.hand_over(ended == Ended::Complete);
            }
        }
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    if self.way == Way::Down {
                        self.exchange.upstream_spoke();
                        self.exchange.client_heard();
                        self.said_all = data.trim_ascii_end().ends_with(b"data: [DONE]");
                    }
                    if let Some(copy) = self.copy.as_mut() {
                        copy.take(data);
                    }
                }
                // A body of known length may never be polled past its last frame.
                if self.inner.is_end_stream() {
                    self.finish(Ended::Complete);
                }
            }
            Some(Err(_)) => self.finish(Ended::UpstreamFailed),
            None => self.finish(Ended::Complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if self.said_all {
            self.finish(Ended::Complete);
        }
        if let Some(copy) = self.copy.as_mut() {
            copy.hand_over(false);
        }
    }
}

/// Passes an answer on; nobody looks.
pub(super) fn passed(response: Response<Body>, exchange: &Exchange) -> Response<Body> {
    response.map(|body| Passing::body(body, Way::Down, exchange.clone(), None))
}

/// Passes an answer on; when it is over, it is judged beside the traffic.
pub(super) fn looked_at(response: Response<Body>, api: Api, mut watch: Watch) -> Response<Body> {
    let (head, stream) = (response.headers().clone(), is_event_stream(&response));
    let Ok(place) = std::sync::Arc::clone(&watch.app.observers).try_acquire_owned() else {
        watch.exchange.covered(Coverage::unscanned("answer", "observers-busy"));
        return passed(response, &watch.exchange);
    };
    let (copy, from) = Copy::new(watch.app.settings.limits.answer, watch.exchange.room());
    let exchange = watch.exchange.clone();
    let tasks = watch.app.tasks.clone();
    tasks.spawn(async move {
        let _place = place;
        if let Ok(copied) = from.await {
            look(&mut watch, api, copied, &head, stream).await;
        }
    });
    response.map(|body| Passing::body(body, Way::Down, exchange, Some(copy)))
}

/// Judges an answer that went by.
pub(super) async fn look(watch: &mut Watch, api: Api, copied: Copied, head: &HeaderMap, stream: bool) {
    match said(watch, api, copied, head, stream).await {
        Ok(said) => {
            let mut verdicts = Vec::new();
            for (number, text) in said.texts {
                watch.exchange.covered(Coverage::scanned(api.text_name(number)));
                watch.exchange.texts(&text, &text);
                verdicts.push(watch.settle(number, &text).await.1);
            }
            let mut others = said.others;
            let beside = others.judge(watch).await;
            others.tell(&watch.exchange, api);
            watch.conclude(verdicts, beside);
        }
        Err(why) => {
            watch.exchange.covered(Coverage::unscanned("answer", why));
            watch.exchange.answered(
                &Verdict { outcome: Outcome::Unverified, ..Verdict::unguarded() },
                crate::domain::Scores::default(),
                None,
            );
        }
    }
}

/// What an answer says: its texts with their numbers, and what stands beside them.
struct Said {
    texts: Vec<(u32, String)>,
    others: Others,
}

/// What an answer that went by says, or why that cannot be told.
async fn said(watch: &Watch, api: Api, copied: Copied, head: &HeaderMap, stream: bool) -> Result<Said, &'static str> {
    if let Some(why) = copied.lost {
        return Err(why);
    }
    // A stream that broke off is judged as far as it came; half a JSON text says nothing.
    if !copied.complete && !stream {
        return Err("incomplete");
    }
    let limit = watch.app.settings.limits.answer;
    let room = watch.exchange.room();
    let bytes = body::decoded(copied.concat(), head, limit, room).await.map_err(|_| "content-encoding")?;
    if stream {
        return streamed(api, &bytes);
    }
    let answer = Answer::read(api, bytes).map_err(|_| "malformed")?;
    Ok(Said { texts: answer.texts(), others: Others::of(answer.beside()) })
}

fn streamed(api: Api, bytes: &Bytes) -> Result<Said, &'static str> {
    let limit = if api == Api::Responses { usize::MAX } else { EVENT_LIMIT }; // the copy itself is bounded
    let mut decoder = sse::Decoder::new(limit);
    decoder.push(bytes);
    let (mut texts, mut others) = (BTreeMap::<u32, (String, Joint)>::new(), Others::default());
    let mut add = |event: &sse::Event| {
        let Some(Ok(event)) = event.data.as_ref().map(|data| Event::read(api, data)) else { return };
        for piece in event.pieces() {
            let (text, joint) = texts.entry(piece.number).or_default();
            text.push_str(&joint.join(&piece.text.unwrap_or_default()));
        }
        // What an event repeats whole is what the client keeps.
        let whole = |piece: Piece| Some((piece.number, (piece.text?.alone(), Joint::default())));
        texts.extend(event.repeats().into_iter().filter_map(whole));
        for one in event.beside() {
            others.take(one, 0);
        }
    };
    while let Some(event) = decoder.next().map_err(|_| "event-too-large")? {
        add(&event);
    }
    if let Some(event) = decoder.finish() {
        add(&event);
    }
    let texts = texts.into_iter().map(|(number, (text, mut joint))| (number, text + joint.rest())).collect();
    Ok(Said { texts, others })
}
