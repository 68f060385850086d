//! A look at a body on its way, where the model that it asks for decides which server gets it.

use http::{HeaderValue, header, request};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Incoming};

use crate::wire;

use super::app::App;
use super::begun::{Begun, Read};
use super::body::{self, Body};
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
    let mut begun = Begun::new(body);
    let reading = tokio::time::timeout(limits.body_patience, begun.read(limits.body, room)).await;
    let model = if let Ok(Read::Whole(bytes)) = reading {
        let plain = body::decoded(bytes, &parts.headers, limits.body, room).await;
        plain.ok().and_then(|plain| wire::asked_model(&plain))
    } else {
        None
    };
    (model, begun.boxed_unsync())
}
