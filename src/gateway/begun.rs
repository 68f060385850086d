//! A body that was read a little way, or whole, and can still be passed on as it came.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::body::BoxError;
use super::budget::Room;

/// What a frame takes at least, however little it brings.
pub(super) const FRAME: usize = 256;

/// How far a body was read.
#[derive(Debug)]
pub(super) enum Read {
    /// To its end.
    Whole(Bytes),
    /// To the limit.
    Over,
    /// As far as there was room.
    NoRoom,
    /// To where it broke off.
    Broken,
}

/// A body whose first frames were looked at.
pub(super) struct Begun<B> {
    seen: VecDeque<Result<Frame<Bytes>, BoxError>>,
    rest: B,
}

impl<B> Begun<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    pub(super) fn new(body: B) -> Self {
        Self { seen: VecDeque::new(), rest: body }
    }

    /// Reads on to the end, or until there is more than `limit` bytes, or no room.
    pub(super) async fn read(&mut self, limit: usize, room: &Room) -> Read {
        let mut left = limit;
        while let Some(frame) = self.rest.frame().await {
            let frame = frame.map_err(Into::into);
            let size = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
            let broken = frame.is_err();
            self.seen.push_back(frame);
            if broken {
                return Read::Broken;
            }
            match left.checked_sub(size) {
                None => return Read::Over,
                Some(_) if !room.take(size.max(FRAME)) => return Read::NoRoom,
                Some(less) => left = less,
            }
        }
        Read::Whole(self.bytes())
    }

    fn bytes(&self) -> Bytes {
        let data: Vec<&Bytes> = self.seen.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref()).collect();
        match data.as_slice() {
            [only] => (*only).clone(),
            several => several.iter().map(AsRef::as_ref).collect::<Vec<_>>().concat().into(),
        }
    }

    /// What it broke off with, once it did.
    pub(super) fn error(&mut self) -> Option<BoxError> {
        self.seen.pop_back_if(|last| last.is_err()).and_then(Result::err)
    }
}

impl<B> HttpBody for Begun<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.seen.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.seen.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let data =
            |frame: &Result<Frame<Bytes>, BoxError>| frame.as_ref().ok().and_then(Frame::data_ref).map(Bytes::len);
        let seen = self.seen.iter().filter_map(data).sum::<usize>() as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(seen));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(seen));
        }
        hint
    }
}
