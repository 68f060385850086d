//! Connections that leave HTTP, such as the WebSocket of the realtime API: passed through in both directions, and recorded as not covered.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use http::{HeaderMap, Response, StatusCode, Version, header, request};
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

/// How long nothing may come from either side.
const IDLE: Duration = Duration::from_mins(10);

/// Whether a request asks for another protocol on its connection (RFC 9110, 7.8). HTTP/2 has no such thing.
pub(super) fn asked_for(parts: &request::Parts) -> bool {
    parts.version == Version::HTTP_11 && parts.headers.contains_key(header::UPGRADE) && names_upgrade(&parts.headers)
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// Asks the model server for the other protocol. Where it agrees, both connections become one; else its answer passes.
///
/// # Errors
/// [`Error::Busy`] where too many requests are under way: a tunnel counts as one until it is closed. The upstream's failure.
pub(super) async fn open(
    app: &Arc<App>,
    mut parts: request::Parts,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    let place = Arc::clone(&app.requests).try_acquire_owned().map_err(|_| Error::Busy)?;
    let client = parts.extensions.remove::<OnUpgrade>();
    let request = outgoing::request(parts.method, parts.uri, parts.headers, full(Bytes::new()));
    let mut response = app.upstream.switch(request).await?;
    let (StatusCode::SWITCHING_PROTOCOLS, Some(client)) = (response.status(), client) else {
        return Ok(observe::passed(response, exchange));
    };
    let (upstream, exchange) = (hyper::upgrade::on(&mut response), exchange.clone());
    app.tasks.spawn(async move {
        let _place = place;
        let ended = match try_join(client, upstream).await {
            Ok((client, upstream)) => joined(client, upstream).await,
            Err(_) => Ended::ClientGone,
        };
        exchange.ended(ended);
    });
    Ok(response.map(|_| full(Bytes::new())))
}

/// Passes bytes on until both sides are at their end, one breaks off, or nothing comes any more.
async fn joined(client: Upgraded, upstream: Upgraded) -> Ended {
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let moved = Notify::new();
    let both = try_join(pump(from_client, to_upstream, &moved), pump(from_upstream, to_client, &moved));
    tokio::select! {
        ended = both => ended.map_or(Ended::ClientGone, |_| Ended::Complete),
        () = silence(&moved) => Ended::Complete,
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, moved: &Notify) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        moved.notify_one();
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}

async fn silence(moved: &Notify) {
    while tokio::time::timeout(IDLE, moved.notified()).await.is_ok() {}
}
