//! Endpoints that are not guarded: passed through in both directions as a stream, and recorded as not covered.

use std::sync::Arc;

use http::{Response, request};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::app::App;
use super::body::Body;
use super::error::Error;
use super::exchange::Exchange;
use super::observe::{self, Passing, Way};
use super::outgoing;
use super::tunnel;

/// Passes a request on and its answer back, byte for byte.
pub(super) async fn pass(
    app: &Arc<App>,
    parts: request::Parts,
    body: Incoming,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    if tunnel::asked_for(&parts) {
        return tunnel::open(app, parts, exchange).await;
    }
    let body = Passing::body(body.map_err(Into::into).boxed_unsync(), Way::Up, exchange.clone(), None);
    let request = outgoing::request(parts.method, parts.uri, parts.headers, body);
    let response = app.upstream.send(request).await?;
    Ok(observe::passed(response, exchange))
}
