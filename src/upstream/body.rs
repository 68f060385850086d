//! Bodies on both ways: those that may be sent again, and those whose every wait is bounded.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, header, request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::error::{NEXT, UpstreamError};

/// What a body fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any body, whole or streamed.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

type Next = Option<Result<Frame<Bytes>, BoxError>>;

/// A request extension: these bytes are the request's body, whatever body it has, and may be sent again.
///
/// A body that lies ready in one piece (such as `Full`) needs no such word: it is seen to be whole.
#[derive(Debug, Clone)]
pub struct Whole(pub Bytes);

/// A request's body as it can be sent.
#[derive(Debug)]
pub(super) enum Outbound {
    /// It lies here whole: it can be sent again.
    Whole(Bytes),
    /// It is still coming in: it can be sent once, and then is gone.
    Coming(Option<Body>),
}

impl Outbound {
    /// A request's body: what [`Whole`] says of it, or what can be seen.
    pub(super) fn of_request(head: &mut request::Parts, body: Body) -> Self {
        match head.extensions.remove::<Whole>() {
            Some(Whole(bytes)) => {
                head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                Self::Whole(bytes)
            }
            None => Self::of(body),
        }
    }

    /// Sees whether a body of known length lies ready in one piece. Nothing is waited for and no byte is copied.
    pub(super) fn of(mut body: Body) -> Self {
        if body.is_end_stream() {
            return Self::Whole(Bytes::new());
        }
        let hint = body.size_hint();
        let Some(length) = hint.exact() else { return Self::Coming(Some(body)) };
        let first = match body.frame().now_or_never() {
            None => return Self::Coming(Some(body)),
            Some(None) => return Self::Whole(Bytes::new()),
            Some(Some(first)) => first,
        };
        let data = first.as_ref().ok().and_then(Frame::data_ref).filter(|data| data.len() as u64 == length).cloned();
        match data {
            Some(data) if body.is_end_stream() => Self::Whole(data),
            Some(_) | None => Self::Coming(Some(Resumed { first: Some(first), hint, rest: body }.boxed_unsync())),
        }
    }

    /// A body to send, and word of how it moves.
    pub(super) fn take(&mut self) -> (Body, watch::Receiver<()>) {
        let (progress, moved) = watch::channel(());
        match self {
            Self::Whole(bytes) => (whole(bytes.clone()), moved),
            Self::Coming(body) => {
                let body = body.take().unwrap_or_else(|| whole(Bytes::new()));
                (Moving { body, progress }.boxed_unsync(), moved)
            }
        }
    }

    /// Whether there still is a body to send.
    pub(super) fn ready(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Coming(body) => body.is_some(),
        }
    }
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A body whose first frame was already taken out.
struct Resumed {
    first: Next,
    /// What the body said of its length before that.
    hint: SizeHint,
    rest: Body,
}

impl HttpBody for Resumed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.first.is_some() { self.hint } else { self.rest.size_hint() }
    }
}

/// A body that tells when a piece of it went out.
struct Moving {
    body: Body,
    progress: watch::Sender<()>,
}

impl HttpBody for Moving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.progress.send_replace(());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Waits until nothing has moved for `patience`.
pub(super) async fn stalled(mut moved: watch::Receiver<()>, patience: Duration) {
    loop {
        match tokio::time::timeout(patience, moved.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return tokio::time::sleep(patience).await, // the body is out: what is left is the wait for the answer
            Err(_) => return,
        }
    }
}

/// The model server's answer, with a bound on every wait for its next piece.
pub(super) struct Timed {
    body: Incoming,
    patience: Duration,
    /// Runs while somebody waits: a client that reads slowly is not the model server's fault.
    sleep: Pin<Box<Sleep>>,
    waits: bool,
}

impl Timed {
    pub(super) fn new(body: Incoming, patience: Duration) -> Self {
        Self { body, patience, sleep: Box::pin(tokio::time::sleep(patience)), waits: false }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waits = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| broken(&error).into())));
        }
        if !std::mem::replace(&mut this.waits, true) {
            this.sleep.as_mut().reset(Instant::now() + this.patience);
        }
        ready!(this.sleep.as_mut().poll(cx));
        tracing::warn!(seconds = this.patience.as_secs(), "the model server's answer stalled");
        Poll::Ready(Some(Err(UpstreamError::Timeout { stage: NEXT }.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a failing connection means.
pub(super) fn broken(error: &hyper::Error) -> UpstreamError {
    if error.is_parse() || error.is_user() { UpstreamError::Protocol } else { UpstreamError::Closed }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    fn frames(parts: Vec<&'static str>) -> Body {
        let frames = parts.into_iter().map(|part| Ok(Frame::data(Bytes::from(part))));
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    }

    /// A stream with a length, as a request with `Content-Length` is.
    struct Measured(Body, u64);

    impl HttpBody for Measured {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
            let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
                self.1 -= data.len() as u64;
            }
            Poll::Ready(frame)
        }

        fn is_end_stream(&self) -> bool {
            self.1 == 0
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.1)
        }
    }

    #[test]
    fn a_body_that_lies_ready_in_one_piece_is_whole() {
        let text = Bytes::from("abc");
        let Outbound::Whole(bytes) = Outbound::of(whole(text.clone())) else { panic!("not whole") };
        assert_eq!((bytes.as_ptr(), bytes.len()), (text.as_ptr(), 3), "not copied");
        assert!(matches!(Outbound::of(whole(Bytes::new())), Outbound::Whole(bytes) if bytes.is_empty()));
        let measured = Measured(frames(vec!["abc"]), 3).boxed_unsync();
        assert!(matches!(Outbound::of(measured), Outbound::Whole(bytes) if bytes == "abc"));
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_not_whole_and_loses_nothing() {
        for body in [frames(vec!["ab", "c"]), Measured(frames(vec!["ab", "c"]), 3).boxed_unsync()] {
            let length = body.size_hint().exact();
            let mut outbound = Outbound::of(body);
            assert!(outbound.ready());
            let (body, _moved) = outbound.take();
            assert!(!outbound.ready());
            assert_eq!(body.size_hint().exact(), length);
            assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        }
    }

    #[tokio::test]
    async fn what_moves_is_not_stalled() {
        let (progress, moved) = watch::channel(());
        let out = std::cell::Cell::new(false);
        let sender = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(2)).await;
                progress.send_replace(());
            }
            drop(progress);
            out.set(true);
        };
        let watcher = async {
            stalled(moved, Duration::from_millis(20)).await;
            assert!(out.get(), "it took longer in all than the patience, but it moved");
        };
        tokio::join!(sender, watcher); // the sender is polled first
    }
}
