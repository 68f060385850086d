//! Shadow: the same pipeline beside the traffic. Nothing that happens here can change, delay or fail a request: bytes in are bytes out, both ways.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, request};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::domain::{Coverage, Mode};
use crate::wire::{Api, Inbound};

use super::answer::is_event_stream;
use super::app::App;
use super::body::{self, Body};
use super::error::Error;
use super::exchange::Exchange;
use super::hints::hint;
use super::judging::{Watch, only_look};
use super::observe::{Copied, Copy, Passing, Way, look, passed};
use super::outgoing;
use super::peek::model_asked_for;
use super::tenants::Caller;

/// Where the copy of a request comes from.
enum Request {
    /// It is still on its way to the upstream.
    Passing(Api, oneshot::Receiver<Copied>),
    /// It was read already.
    Read(Arc<Inbound>),
}

/// One observer: what it needs once request and answer went by.
struct Observer {
    app: Arc<App>,
    caller: Arc<Caller>,
    exchange: Exchange,
    headers: HeaderMap,
    request: Request,
    answer: oneshot::Receiver<Copied>,
    answer_head: HeaderMap,
    stream: bool,
    /// Whether the upstream answered at all, rather than with an error.
    answered: bool,
    _place: OwnedSemaphorePermit,
}

/// Passes a request on as it comes, and looks at copies.
pub(super) async fn beside(
    app: &Arc<App>,
    api: Api,
    caller: &Arc<Caller>,
    parts: request::Parts,
    body: Incoming,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    let (model, body) = model_asked_for(app, caller, &parts, body, exchange.room()).await;
    let Ok(place) = Arc::clone(&app.observers).try_acquire_owned() else {
        exchange.covered(Coverage::unscanned("request", "observers-busy"));
        let body = Passing::body(body, Way::Up, exchange.clone(), None);
        let request = outgoing::request(parts.method, parts.uri, parts.headers, body);
        return Ok(passed(
            app.send(caller, model.asked(), request).await.map_err(|why| exchange.blamed(why))?,
            exchange,
        ));
    };
    let (copy, from) = Copy::new(app.settings.limits.body, exchange.room());
    let body = Passing::body(body, Way::Up, exchange.clone(), Some(copy));
    let request = outgoing::request(parts.method, parts.uri, parts.headers.clone(), body);
    let response = app.send(caller, model.asked(), request).await.map_err(|why| exchange.blamed(why))?;
    Ok(observed((app, caller), response, parts.headers, Request::Passing(api, from), exchange, place))
}

/// Passes one request on in shadow while the server enforces: its client asked for `moderation.mode: "score"`.
pub(super) async fn of_one(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    parts: request::Parts,
    came: Bytes,
    inbound: Arc<Inbound>,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    exchange.shadowed();
    let request = outgoing::request(parts.method, parts.uri, parts.headers.clone(), body::full(came));
    let response = app.send(caller, inbound.model().into(), request).await?;
    let Ok(place) = Arc::clone(&app.observers).try_acquire_owned() else {
        exchange.covered(Coverage::unscanned("request", "observers-busy"));
        return Ok(passed(response, exchange));
    };
    Ok(observed((app, caller), response, parts.headers, Request::Read(inbound), exchange, place))
}

fn observed(
    (app, caller): (&Arc<App>, &Arc<Caller>),
    response: Response<Body>,
    headers: HeaderMap,
    request: Request,
    exchange: &Exchange,
    place: OwnedSemaphorePermit,
) -> Response<Body> {
    let (copy, answer) = Copy::new(app.settings.limits.answer, exchange.room());
    let observer = Observer {
        app: Arc::clone(app),
        caller: Arc::clone(caller),
        exchange: exchange.clone(),
        headers,
        request,
        answer,
        answer_head: response.headers().clone(),
        stream: is_event_stream(&response),
        answered: response.status().is_success(),
        _place: place,
    };
    app.tasks.spawn(observer.observe());
    response.map(|body| Passing::body(body, Way::Down, exchange.clone(), Some(copy)))
}

impl Observer {
    async fn observe(self) {
        let Self { app, caller, exchange, headers, request, answer, answer_head, stream, answered, _place } = self;
        let inbound = match request {
            Request::Read(inbound) => Ok(inbound),
            Request::Passing(api, from) => {
                read(&app, api, from.await.unwrap_or_default(), &headers, &exchange).await.map(Arc::new)
            }
        };
        let inbound = match inbound {
            Ok(inbound) => inbound,
            Err(why) => return exchange.covered(Coverage::unscanned("request", why)),
        };
        exchange.asked(inbound.model(), inbound.stream());
        let (hint, wrong) = hint(&app, &caller, &inbound, &headers);
        let understood = app.understand(&inbound, &hint, exchange.room()).await;
        exchange.understood(&understood, Mode::Shadow, app.settings.keep_contents);
        for wrong in wrong {
            exchange.covered(Coverage::unscanned(wrong.header(), wrong.reason()));
        }
        if !answered {
            return exchange.covered(Coverage::unscanned("answer", "upstream-error"));
        }
        let (Some(plan), Ok(copied)) = (understood.plan(), answer.await) else { return };
        let mut watch = Watch::new(app, exchange, &understood, only_look(plan), None);
        look(&mut watch, inbound.api(), copied, &answer_head, stream).await;
    }
}

/// The request that went by, or why it could not be read.
async fn read(
    app: &App,
    api: Api,
    copied: Copied,
    headers: &HeaderMap,
    exchange: &Exchange,
) -> Result<Inbound, &'static str> {
    if let Some(why) = copied.lost {
        return Err(why);
    }
    if !copied.complete {
        return Err("incomplete");
    }
    let (bytes, limit) = (copied.concat(), app.settings.limits.body);
    let plain = body::decoded(bytes, headers, limit, exchange.room()).await.map_err(|_| "content-encoding")?;
    Inbound::read(api, plain).map_err(|_| "malformed")
}
