//! Accepting connections, handing out places, and draining on shutdown.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header, request};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::app::App;
use super::awaited::Awaited;
use super::body::{Body, BoxError, linger};
use super::error::Error;
use super::exchange::Exchange;
use super::guarded::guarded;
use super::head;
use super::pass::pass;
use super::routes::{Route, route};
use super::tenants::Caller;
use super::tls::Tls;

/// How long a new connection may say nothing, and how long the head of a request may take.
const SILENCE: Duration = Duration::from_secs(30);

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

/// Where clients come in.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Arc<Tls>>,
    places: Arc<Semaphore>,
}

impl Listener {
    /// A listener with or without TLS, for so many connections at once. Further ones wait to be accepted.
    #[must_use]
    pub fn new(tcp: TcpListener, tls: Option<Arc<Tls>>, connections: usize) -> Self {
        Self { tcp, tls, places: Arc::new(Semaphore::new(connections)) }
    }

    /// The next connection, once there is a place for it.
    async fn accept(&self) -> std::io::Result<(TcpStream, Option<OwnedSemaphorePermit>)> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok(); // it is never closed
        let (stream, _) = self.tcp.accept().await?;
        // Without this, small events wait for one another (Nagle). A socket that refuses it still works.
        drop(stream.set_nodelay(true));
        Ok((stream, place))
    }
}

/// Serves requests until `shutdown`, then waits up to `drain` for those under way and for what was spawned for them.
pub async fn serve(app: Arc<App>, listener: Listener, mut shutdown: Shutdown, drain: Duration) {
    let graceful = GracefulShutdown::new();
    let connections = tokio_util::task::TaskTracker::new();
    loop {
        let (stream, place) = tokio::select! {
            () = shutdown.begun() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: waiting a little lets connections end.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (app, tls, watcher) = (Arc::clone(&app), listener.tls.clone(), graceful.watcher());
        connections.spawn(async move {
            let _place = place;
            match tls {
                None => connected(app, TokioIo::new(Awaited::new(stream, SILENCE)), watcher).await,
                Some(tls) => {
                    if let Some(stream) = tls.accept(stream).await {
                        connected(app, TokioIo::new(Awaited::new(stream, SILENCE)), watcher).await;
                    }
                }
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

/// Serves one connection to its end.
async fn connected<S>(app: Arc<App>, stream: S, watcher: Watcher)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, std::convert::Infallible>(respond(&app, request).await) }
    });
    let builder = protocol();
    let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(SILENCE).pipeline_flush(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        // Pictures of many MiB must not crawl through the default window of 64 KiB.
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_header_list_size(64 << 10)
        .max_concurrent_streams(256);
    builder
}

/// One request, one response, one record.
async fn respond(app: &Arc<App>, request: Request<Incoming>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let route = route(&parts.method, parts.uri.path());
    let exchange = Exchange::begin(app, &parts, route != Route::Pass);
    let (caller, places) = match admitted(app, &mut parts, &exchange) {
        Ok(admitted) => admitted,
        // Nobody knows where the next request would begin.
        Err(error @ Error::Head(_)) if parts.version <= Version::HTTP_11 => {
            let mut response = refuse(&error, &exchange);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
        Err(error) => {
            linger(&app.tasks, body, &parts.headers);
            return refuse(&error, &exchange);
        }
    };
    let answered = match route {
        Route::Guarded(api) => guarded(app, api, &caller, parts, body, &exchange).await,
        Route::Pass => pass(app, &caller, &places, parts, body, &exchange).await,
    };
    match answered {
        Ok(mut response) => {
            exchange.status(response.status());
            exchange.stamp(response.headers_mut());
            response.map(|body| BodyExt::boxed_unsync(Placed { body, failed: None, _places: places }))
        }
        Err(error) => refuse(&error, &exchange),
    }
}

/// Whom a request comes from, and its places among those under way: the tenant's and the server's.
fn admitted(app: &App, parts: &mut request::Parts, exchange: &Exchange) -> Result<(Arc<Caller>, Arc<Places>), Error> {
    head::sound(parts)?;
    let caller = app.caller(&mut parts.headers)?;
    exchange.comes_from(&caller);
    let places = Places { _tenants: caller.admit()?, _servers: app.place(caller.mode)? };
    Ok((caller, Arc::new(places)))
}

/// What a request holds while it is under way.
#[derive(Debug)]
pub(super) struct Places {
    _tenants: Option<OwnedSemaphorePermit>,
    _servers: Option<OwnedSemaphorePermit>,
}

fn refuse(error: &Error, exchange: &Exchange) -> Response<Body> {
    tracing::debug!(%error, "request not served");
    exchange.refused(error);
    let mut response = error.response();
    exchange.stamp(response.headers_mut());
    // No decision was carried out, whatever was decided.
    response.headers_mut().insert("comity-decision", HeaderValue::from_static("none"));
    response
}

/// An answer on its way out: it keeps the request's places until it is over.
struct Placed {
    body: Body,
    /// The body's failure, which waits until what came before it is on its way.
    failed: Option<BoxError>,
    _places: Arc<Places>,
}

impl HttpBody for Placed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            // An error ends the connection at once, with all that was not written yet; whoever waits is written out first.
            Some(Err(error)) => {
                self.failed = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
