//! A look at a body on its way, where the model that it asks for decides which server gets it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, header, request};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::wire;

use super::app::App;
use super::body::{self, Body, BoxError};
use super::budget::Room;
use super::tenants::Caller;

/// The model that a request asks for, and its body as it came. Nothing is waited for where one server is as good as another; what is no JSON, or is not there in
/// time, or is over the limit, asks for no model that could be told.
pub(super) async fn model_asked_for(
    app: &App,
    caller: &Caller,
    parts: &request::Parts,
    body: Incoming,
    room: &Room,
) -> (Option<String>, Body) {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let json = kind.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/json"));
    if !app.upstream.chooses_by_model() || caller.server.is_some() || !json || body.is_end_stream() {
        return (None, body.map_err(Into::into).boxed_unsync());
    }
    let limits = &app.settings.limits;
    let mut begun = Begun { seen: VecDeque::new(), rest: body };
    let reading = begun.read(limits.body, room);
    let whole = tokio::time::timeout(limits.body_patience, reading).await.is_ok_and(|whole| whole);
    let model = if whole {
        let plain = body::decoded(begun.bytes(), &parts.headers, limits.body, room).await;
        plain.ok().and_then(|plain| wire::asked_model(&plain))
    } else {
        None
    };
    (model, begun.boxed_unsync())
}

/// A body whose first frames were looked at.
struct Begun {
    seen: VecDeque<Result<Frame<Bytes>, BoxError>>,
    rest: Incoming,
}

impl Begun {
    /// Reads on to the end, or until there is more than `limit` or no room. Says whether it is whole.
    async fn read(&mut self, limit: usize, room: &Room) -> bool {
        let mut left = limit;
        while let Some(frame) = self.rest.frame().await {
            let frame = frame.map_err(BoxError::from);
            let size = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
            let broken = frame.is_err();
            self.seen.push_back(frame);
            match left.checked_sub(size) {
                Some(less) if !broken && room.take(size) => left = less,
                Some(_) | None => return false,
            }
        }
        true
    }

    fn bytes(&self) -> Bytes {
        let data: Vec<&Bytes> = self.seen.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref()).collect();
        match data.as_slice() {
            [only] => (*only).clone(),
            several => several.iter().flat_map(|piece| piece.iter().copied()).collect(),
        }
    }
}

impl HttpBody for Begun {
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
