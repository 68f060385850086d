//! Requests on their way to the model server.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};

use crate::upstream::UpstreamError;
use crate::wire::{Answer, Inbound};

use super::app::App;
use super::body::{self, Body, Bounds, full};
use super::budget::Room;
use super::hints::{ADJUST, COUNTRY, GROUP, REGION, VERDICT};
use super::tenants::Caller;

/// A request that can be sent, and sent again with a draft to repair.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) caller: Arc<Caller>,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// The body as it came, in whatever content coding.
    pub(super) came: Bytes,
    pub(super) inbound: Arc<Inbound>,
    pub(super) note: Option<String>,
}

impl Outgoing {
    /// Sends the request, with the norm note where there is one. The answer comes without a content coding, so that it can be read.
    pub(super) async fn send(&self, app: &App) -> Result<Response<Body>, UpstreamError> {
        match &self.note {
            Some(note) => self.post(app, self.inbound.educated(note, app.settings.note_place), self.changed()).await,
            None => self.post(app, self.came.clone(), self.headers.clone()).await,
        }
    }

    /// Asks for a repaired answer. `None` where none came, whatever the reason: the guard has a fallback for that.
    pub(super) async fn repaired(&self, app: &App, room: &Room, number: u32, draft: &str, ask: &str) -> Option<String> {
        let note = self.note.as_deref().unwrap_or_default();
        let body = self.inbound.repair(number, note, app.settings.note_place, draft, ask)?;
        let mut headers = self.changed();
        // It is another request: under the same key a server may give the draft again.
        headers.remove("idempotency-key");
        let response = self.post(app, body, headers).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let limits = &app.settings.limits;
        let (head, answer) = response.into_parts();
        // The caller's timeout bounds the whole repair.
        let (limit, patience) = (limits.answer, limits.body_patience);
        let answer = body::read(answer, Bounds { limit, patience, room }).await.ok()?;
        let answer = body::decoded(answer, &head.headers, limit, room).await.ok()?;
        Answer::read(self.inbound.api(), answer).ok()?.first_text()
    }

    /// The headers for another body than the one that came.
    fn changed(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        body::forget_bytes(&mut headers);
        headers
    }

    async fn post(&self, app: &App, body: Bytes, mut headers: HeaderMap) -> Result<Response<Body>, UpstreamError> {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let request = request(Method::POST, self.uri.clone(), headers, full(body));
        app.send(&self.caller, self.inbound.model(), request).await
    }
}

/// A request for the model server: what is Comity's own stays here.
pub(super) fn request(method: Method, uri: Uri, mut headers: HeaderMap, body: Body) -> Request<Body> {
    for name in [COUNTRY, REGION, GROUP, ADJUST, VERDICT] {
        headers.remove(name);
    }
    headers.remove(header::EXPECT);
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}
