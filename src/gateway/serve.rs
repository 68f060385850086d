//! Accepting connections, handing out places, and draining on shutdown.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::app::App;
use super::body::{Body, BoxError};
use super::error::Error;
use super::exchange::Exchange;
use super::guarded::guarded;
use super::pass::pass;
use super::routes::{Route, route};

/// Tells every listener to stop: the sender's value turns `true` once.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A shutdown and the switch that starts it.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (switch, shutdown) = watch::channel(false);
        (switch, Self(shutdown))
    }

    /// Waits for the switch. A switch that was dropped counts as pulled.
    pub async fn begun(&mut self) {
        drop(self.0.wait_for(|begun| *begun).await);
    }
}

/// Serves requests until `shutdown`, then waits up to `drain` for those under way and for what was spawned for them.
pub async fn serve(app: Arc<App>, listener: TcpListener, mut shutdown: Shutdown, drain: Duration) {
    let graceful = GracefulShutdown::new();
    let connections = tokio_util::task::TaskTracker::new();
    loop {
        let stream = tokio::select! {
            () = shutdown.begun() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: waiting a little lets connections end.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Without this, small events wait for one another (Nagle). A socket that refuses it still works.
        drop(stream.set_nodelay(true));
        let app = Arc::clone(&app);
        let service = service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, std::convert::Infallible>(respond(&app, request).await) }
        });
        let builder = protocol();
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    connections.close();
    app.tasks.close();
    let drained = async {
        graceful.shutdown().await;
        connections.wait().await;
        app.tasks.wait().await;
    };
    if tokio::time::timeout(drain, pin!(drained)).await.is_err() {
        tracing::warn!(seconds = drain.as_secs(), "requests were still under way when the time to drain was over");
    }
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30)).pipeline_flush(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        // Pictures of many MiB must not crawl through the default window of 64 KiB.
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(256);
    builder
}

/// One request, one response, one record.
async fn respond(app: &Arc<App>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let route = route(&parts.method, parts.uri.path());
    let exchange = Exchange::begin(app, &parts, route != Route::Pass);
    let place = match app.place() {
        Ok(place) => place,
        Err(error) => return refuse(&error, &exchange),
    };
    let answered = match route {
        Route::Guarded(api) => guarded(app, api, parts, body, &exchange).await,
        Route::Pass => pass(app, parts, body, &exchange).await,
    };
    match answered {
        Ok(mut response) => {
            exchange.status(response.status());
            exchange.stamp(response.headers_mut());
            response.map(|body| BodyExt::boxed_unsync(Placed { body, _place: place }))
        }
        Err(error) => refuse(&error, &exchange),
    }
}

fn refuse(error: &Error, exchange: &Exchange) -> Response<Body> {
    tracing::debug!(%error, "request not served");
    exchange.refused(error);
    let mut response = error.response();
    exchange.stamp(response.headers_mut());
    // No decision was carried out, whatever was decided.
    response.headers_mut().insert("comity-decision", http::HeaderValue::from_static("none"));
    response
}

/// Keeps the request's place among those under way until its answer is out.
struct Placed {
    body: Body,
    _place: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Placed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
