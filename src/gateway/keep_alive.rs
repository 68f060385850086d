//! The client's side of a guarded stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use crate::wire::sse;

use super::body::{Body, BoxError};

/// The client's side: frames from the guard, and a comment where none came for a while.
pub(super) struct KeptAlive {
    frames: mpsc::Receiver<Result<Bytes, BoxError>>,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
}

impl KeptAlive {
    /// The body of an answer whose frames come from `frames`.
    pub(super) fn body(frames: mpsc::Receiver<Result<Bytes, BoxError>>, patience: Duration) -> Body {
        let timer = Box::pin(tokio::time::sleep(patience));
        BodyExt::boxed_unsync(Self { frames, patience, timer })
    }
}

impl HttpBody for KeptAlive {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (ready, frame) = match self.frames.poll_recv(cx) {
            Poll::Ready(frame) => (true, frame),
            Poll::Pending => (self.timer.as_mut().poll(cx).is_ready(), Some(Ok(sse::comment("comity")))),
        };
        if !ready {
            return Poll::Pending;
        }
        let next = Instant::now() + self.patience;
        self.timer.as_mut().reset(next);
        Poll::Ready(frame.map(|frame| frame.map(Frame::data)))
    }
}
