//! A look at a body on its way, where the model that it asks for decides which server gets it.

use http::{HeaderValue, header, request};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Incoming};

use crate::upstream::Asked;
use crate::wire;

use super::app::App;
use super::begun::{Begun, Read};
use super::body::{self, Body};
use super::budget::Room;
use super::tenants::Caller;

/// What a look at a body told.
pub(super) enum Told {
    /// The model that it asks for, if any.
    Model(Option<String>),
    /// Nothing: it is no JSON, was not there in time, or there was too much of it.
    Nothing,
}

impl Told {
    pub(super) fn asked(&self) -> Asked<'_> {
        match self {
            Self::Model(model) => model.as_deref().into(),
            Self::Nothing => Asked::Untold,
        }
    }
}

/// The model that a request asks for, and its body as it came. Nothing is waited for where one server is as good as another, nor where a body is a form, as uploads
/// are: those name no model here.
pub(super) async fn model_asked_for(
    app: &App,
    caller: &Caller,
    parts: &request::Parts,
    body: Incoming,
    room: &Room,
) -> (Told, Body) {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let form = kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    if !app.upstream.chooses_by_model() || caller.server.is_some() || form || body.is_end_stream() {
        return (Told::Model(None), body.map_err(Into::into).boxed_unsync());
    }
    let limits = &app.settings.limits;
    let mut begun = Begun::new(body);
    let reading = tokio::time::timeout(limits.body_patience, begun.read(limits.body, room)).await;
    let model = if let Ok(Read::Whole(bytes)) = reading {
        let plain = body::decoded(bytes, &parts.headers, limits.body, room).await;
        plain.ok().and_then(|plain| wire::asked_model(&plain)).map_or(Told::Nothing, Told::Model)
    } else {
        Told::Nothing
    };
    (model, begun.boxed_unsync())
}
