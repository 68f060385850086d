//! Endpoints that are not guarded: passed through in both directions as a stream, and recorded as not covered.

use std::sync::Arc;

use http::{Response, request};
use hyper::body::Incoming;

use super::app::App;
use super::body::Body;
use super::error::Error;
use super::exchange::Exchange;
use super::observe::{self, Passing, Way};
use super::outgoing;
use super::peek::model_asked_for;
use super::serve::Places;
use super::tenants::Caller;
use super::tunnel;

/// Passes a request on and its answer back, byte for byte.
pub(super) async fn pass(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    places: &Arc<Places>,
    parts: request::Parts,
    body: Incoming,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    if tunnel::asked_for(&parts) {
        return tunnel::open(app, caller, places, parts, exchange).await;
    }
    let (model, body) = model_asked_for(app, caller, &parts, body, exchange.room()).await;
    let body = Passing::body(body, Way::Up, exchange.clone(), None);
    let request = outgoing::request(parts.method, parts.uri, parts.headers, body);
    let response = app.send(caller, model.asked(), request).await.map_err(|why| exchange.blamed(why))?;
    Ok(observe::passed(response, exchange))
}
