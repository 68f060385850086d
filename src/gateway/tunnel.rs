//! `WebSockets`, such as those of the realtime API: passed through in both directions, and recorded as not covered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use http::{HeaderName, Method, Response, StatusCode, Version, header, request};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use crate::domain::Ended;

use super::app::App;
use super::body::{Body, full};
use super::error::Error;
use super::exchange::Exchange;
use super::observe;
use super::outgoing;
use super::serve::Places;
use super::tenants::Caller;

/// How long nothing may come from either side.
const IDLE: Duration = Duration::from_mins(10);

/// Whether a request is the handshake of a WebSocket (RFC 6455, 4.1). What asks for another protocol, such as HTTP/2 in plain text, stays an ordinary request:
/// it may have a body, and it can be answered as it is.
pub(super) fn asked_for(parts: &request::Parts) -> bool {
    let names = |name: HeaderName, word: &str| {
        let lines = parts.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
    };
    let plain = parts.method == Method::GET && parts.version == Version::HTTP_11;
    plain && names(header::UPGRADE, "websocket") && names(header::CONNECTION, "upgrade")
}

/// Asks the model server for a WebSocket. Where it agrees, both connections become one; else its answer passes.
///
/// # Errors
/// The upstream's failure.
pub(super) async fn open(
    app: &Arc<App>,
    caller: &Caller,
    places: &Arc<Places>,
    mut parts: request::Parts,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    let client = parts.extensions.remove::<OnUpgrade>();
    let request = outgoing::request(parts.method, parts.uri, parts.headers, full(Bytes::new()));
    let mut response = app.switch(caller, request).await?;
    let (StatusCode::SWITCHING_PROTOCOLS, Some(client)) = (response.status(), client) else {
        return Ok(observe::passed(response, exchange));
    };
    let (upstream, exchange, places) = (hyper::upgrade::on(&mut response), exchange.clone(), Arc::clone(places));
    app.tasks.spawn(async move {
        let _places = places; // it counts as a request until it is closed
        exchange.ended(match try_join(client, upstream).await {
            Ok((client, upstream)) => joined(client, upstream).await,
            Err(_) => Ended::ClientGone,
        });
    });
    Ok(response.map(|_| full(Bytes::new())))
}

/// Passes bytes on until both sides are at their end, one breaks off, or nothing comes any more.
///
/// Tokio's `copy_bidirectional` would do, but for telling who broke off, and that nothing came for long.
async fn joined(client: Upgraded, upstream: Upgraded) -> Ended {
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let moved = Notify::new();
    let up = pump((from_client, Ended::ClientGone), (to_upstream, Ended::UpstreamFailed), &moved);
    let down = pump((from_upstream, Ended::UpstreamFailed), (to_client, Ended::ClientGone), &moved);
    tokio::select! {
        ended = try_join(up, down) => ended.err().unwrap_or(Ended::Complete),
        () = silence(&moved) => Ended::Complete,
    }
}

/// Passes one side's bytes on to the other. Each side comes with what its failure means.
async fn pump(
    (mut from, silenced): (impl AsyncRead + Unpin, Ended),
    (mut to, deaf): (impl AsyncWrite + Unpin, Ended),
    moved: &Notify,
) -> Result<(), Ended> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await.map_err(|_| silenced)?;
        if read == 0 {
            return to.shutdown().await.map_err(|_| deaf);
        }
        moved.notify_one();
        to.write_all(buffer.get(..read).unwrap_or_default()).await.map_err(|_| deaf)?;
    }
}

async fn silence(moved: &Notify) {
    while tokio::time::timeout(IDLE, moved.notified()).await.is_ok() {}
}
