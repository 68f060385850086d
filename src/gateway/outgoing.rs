//! Requests on their way to the model server.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use crate::upstream::UpstreamError;
use crate::wire::{Answer, Inbound, NotePlace};

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
    /// Where the note goes.
    pub(super) place: NotePlace,
}

impl Outgoing {
    /// Sends the request, with the norm note where there is one. The answer comes without a content coding, so that it can be read.
    ///
    /// Prompt templates of many models take an operator's message in the first place alone, and the model server refuses any other: then the note goes into the user's
    /// message, at once for this request and from the beginning for the model's next ones.
    pub(super) async fn send(&mut self, app: &App) -> Result<Response<Body>, UpstreamError> {
        let Some(note) = &self.note else { return self.post(app, self.came.clone(), self.headers.clone()).await };
        self.place = app.note_place(&self.caller, self.inbound.model());
        let educated = self.inbound.educated(note, self.place);
        let answered = self.post(app, educated.clone(), self.changed()).await?;
        if answered.status() != StatusCode::BAD_REQUEST || self.place == NotePlace::InUser {
            return Ok(answered);
        }
        let other = self.inbound.educated(note, NotePlace::InUser);
        if other == educated {
            return Ok(answered);
        }
        match self.post(app, other, self.anew()).await {
            Ok(accepted) if accepted.status().is_success() => {
                self.place = NotePlace::InUser;
                app.note_goes_into_user_messages(&self.caller, self.inbound.model());
                Ok(accepted)
            }
            // What it refuses is not the note.
            Ok(_) | Err(_) => Ok(answered),
        }
    }

    /// Asks for a repaired answer. `None` where none came, whatever the reason: the guard has a fallback for that.
    pub(super) async fn repaired(&self, app: &App, room: &Room, number: u32, draft: &str, ask: &str) -> Option<String> {
        let note = self.note.as_deref().unwrap_or_default();
        let body = self.inbound.repair(number, note, self.place, draft, ask)?;
        let response = self.post(app, body, self.anew()).await.ok()?;
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

    /// The headers for another request than the one that was sent: under the same key a server may give its answer again.
    fn anew(&self) -> HeaderMap {
        let mut headers = self.changed();
        headers.remove("idempotency-key");
        headers
    }

    async fn post(&self, app: &App, body: Bytes, mut headers: HeaderMap) -> Result<Response<Body>, UpstreamError> {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let request = request(Method::POST, self.uri.clone(), headers, full(body));
        app.send(&self.caller, self.inbound.model().into(), request).await
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
