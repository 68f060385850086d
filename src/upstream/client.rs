//! Sending requests to the model server.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header, request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use super::body::{Body, Outbound, Timed, broken, stalled};
use super::breaker::{Breaker, BreakerCounts};
use super::connector::Connector;
use super::error::{HEAD, SetupError, UpstreamError, chain};
use super::headers::{forget_credentials, join_cookies, strip_hop_by_hop};
use super::options::Options;
use super::target::Target;

/// How long idle connections are kept.
const KEPT: Duration = Duration::from_secs(30);
/// The first wait before a request is sent again; each further one doubles, up to [`MOST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(25);
const MOST_WAIT: Duration = Duration::from_millis(400);

/// The HTTP client to one model server. Clones share connections and circuit breaker.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: legacy::Client<Connector, Body>,
    /// For requests that leave HTTP: only a connection that speaks HTTP/1.1 can be switched.
    switching: legacy::Client<Connector, Body>,
    target: Target,
    key: Option<HeaderValue>,
    breaker: Mutex<Breaker>,
    options: Options,
}

/// A try that brought no answer.
pub(super) struct Failure {
    pub(super) why: UpstreamError,
    /// Whether surely nothing of the request was delivered.
    pub(super) unsent: bool,
}

/// A request extension: the key with which this one request goes to the model server, in place of the server's own.
#[derive(Debug, Clone)]
pub struct Key(pub SecretString);

impl Client {
    /// Makes a client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`]: what is wrong with the options.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let target = Target::new(&options.base)?;
        let key = options.key.as_ref().map(|key| credential(key, &options.key_header)).transpose()?;
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .pool_max_idle_per_host(options.max_idle)
            .http2_only(options.http2_prior_knowledge)
            // Pictures of many MiB must not crawl through the default windows.
            .http2_initial_stream_window_size(1 << 20)
            .http2_initial_connection_window_size(4 << 20)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(20));
        Ok(Self(Arc::new(Inner {
            http: builder.build(Connector::new(&options, false)?),
            switching: legacy::Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_max_idle_per_host(0)
                .build(Connector::new(&options, true)?),
            target,
            key,
            breaker: Mutex::new(Breaker::new(options.breaker_failures, options.breaker_rest)),
            options,
        })))
    }

    /// Sends a request on and returns the answer's head, with a body that comes as it arrives.
    ///
    /// The request's path and query are joined to the base URL; headers of one hop go, both ways; `Host` is the model server's. A request is sent
    /// again only where surely nothing of it was delivered and its body is whole (see [`Whole`](super::Whole)). Dropping the future, or the answer's body, ends
    /// the request at the model server.
    ///
    /// # Errors
    /// [`UpstreamError`]. An answer with an error status is an answer. The answer's body fails with a boxed [`UpstreamError`].
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let (mut head, body) = request.into_parts();
        let mut body = Outbound::of_request(&mut head, body);
        self.deliver(head, &mut body).await.map_err(|failure| failure.why)
    }

    /// The same; where nothing was delivered and `body` is still ready, another server can be tried.
    pub(super) async fn deliver(
        &self,
        mut head: request::Parts,
        body: &mut Outbound,
    ) -> Result<Response<Body>, Failure> {
        let failed = |why| Failure { why, unsent: true };
        self.0.address(&mut head).map_err(failed)?;
        let mut tries = 0;
        loop {
            if !self.0.breaker().admits(Instant::now()) {
                return Err(failed(UpstreamError::Open));
            }
            let (piece, moved) = body.take();
            let request = Request::from_parts(head.clone(), piece);
            let failure = match self.0.attempt(&self.0.http, request, moved).await {
                Ok(response) => return self.0.answer(response).map_err(|why| Failure { why, unsent: false }),
                Err(failure) => failure,
            };
            // A connection that took too long is not tried again here: the client waited long enough.
            let again = failure.unsent && !matches!(failure.why, UpstreamError::Timeout { .. });
            if !(again && body.ready() && tries < self.0.options.retries) {
                return Err(failure);
            }
            tokio::time::sleep(wait(tries)).await;
            tries += 1;
        }
    }

    /// Asks whether the server is well: a GET of [`Options::health`], answered with success within `patience`. `None`: there is no such path.
    pub(super) async fn probe(&self, patience: Duration) -> Option<bool> {
        let mut request = Request::new(Outbound::Whole(Bytes::new()).take().0);
        *request.uri_mut() = self.0.target.beside(self.0.options.health.as_deref()?)?;
        if let Some(key) = &self.0.key {
            request.headers_mut().insert(self.0.options.key_header.clone(), key.clone());
        }
        let answered = tokio::time::timeout(patience, self.0.http.request(request)).await;
        Some(answered.is_ok_and(|answered| answered.is_ok_and(|response| response.status().is_success())))
    }

    /// Asks for another protocol on the connection (RFC 9110, 7.8), such as a WebSocket, and returns the answer's head. Where that has the status 101, the
    /// answer's extensions hold the connection (`hyper::upgrade::on`). Nothing is sent again.
    ///
    /// # Errors
    /// [`UpstreamError`], also where the model server is said to speak HTTP/2 only.
    pub async fn switch(&self, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let (mut head, body) = request.into_parts();
        let protocol = head.headers.get(header::UPGRADE).cloned();
        let Some(protocol) = protocol.filter(|_| !self.0.options.http2_prior_knowledge) else {
            return Err(UpstreamError::Protocol);
        };
        self.0.address(&mut head)?;
        switches(&mut head.headers, protocol);
        if !self.0.breaker().admits(Instant::now()) {
            return Err(UpstreamError::Open);
        }
        let (piece, moved) = Outbound::of(body).take();
        let answered = self.0.attempt(&self.0.switching, Request::from_parts(head, piece), moved).await;
        let mut response = answered.map_err(|failure| failure.why)?;
        let protocol = response.headers_mut().remove(header::UPGRADE);
        match (response.status(), protocol) {
            (StatusCode::SWITCHING_PROTOCOLS, Some(protocol)) => {
                strip_hop_by_hop(response.headers_mut());
                switches(response.headers_mut(), protocol);
                Ok(response.map(|body| Timed::new(body, self.0.options.idle_timeout).boxed_unsync()))
            }
            _ => self.0.answer(response),
        }
    }

    /// What the circuit breaker did so far.
    #[must_use]
    pub fn breaker(&self) -> BreakerCounts {
        self.0.breaker().counts()
    }

    /// Whether the circuit breaker refuses requests now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.breaker().is_open(Instant::now())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("target", &self.0.target).finish_non_exhaustive()
    }
}

impl Inner {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns a client's head into one for the model server.
    fn address(&self, head: &mut request::Parts) -> Result<(), UpstreamError> {
        if head.method == Method::CONNECT {
            return Err(UpstreamError::Protocol);
        }
        head.uri = self.target.url(&head.uri).ok_or(UpstreamError::Protocol)?;
        head.version = Version::HTTP_11; // a request for whichever version the connection speaks
        let own = head.extensions.remove::<Key>().map(|Key(key)| credential(&key, &self.options.key_header));
        head.extensions.clear();
        strip_hop_by_hop(&mut head.headers);
        head.headers.remove(header::HOST); // the connection's own is put in
        join_cookies(&mut head.headers);
        // A key that no header can carry is found when it is read from its file: this one would be a bug, and no key is better than another's.
        if let Some(key) = own.map_or_else(|| self.key.clone(), Result::ok) {
            forget_credentials(&mut head.headers);
            head.headers.insert(self.options.key_header.clone(), key);
        }
        Ok(())
    }

    async fn attempt(
        &self,
        http: &legacy::Client<Connector, Body>,
        request: Request<Body>,
        moved: watch::Receiver<()>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut answer = pin!(http.request(request));
        let answered = tokio::select! {
            biased;
            answered = &mut answer => answered,
            () = stalled(moved, self.options.first_byte_timeout) => {
                return Err(Failure { why: UpstreamError::Timeout { stage: HEAD }, unsent: false });
            }
        };
        let failure = match answered {
            Ok(response) => {
                self.breaker().succeeded();
                return Ok(response);
            }
            Err(error) => failure(&error),
        };
        if failure.why.unreachable() {
            self.breaker().failed(Instant::now());
        } else {
            self.breaker().succeeded();
        }
        Err(failure)
    }

    fn answer(&self, mut response: Response<Incoming>) -> Result<Response<Body>, UpstreamError> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamError::Protocol); // nobody asked for it
        }
        *response.version_mut() = Version::HTTP_11;
        // Chunks say where the body ends; a length beside them is wrong (RFC 9112, 6.3).
        if response.headers().contains_key(header::TRANSFER_ENCODING) {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        strip_hop_by_hop(response.headers_mut());
        Ok(response.map(|body| Timed::new(body, self.options.idle_timeout).boxed_unsync()))
    }
}

/// The headers of a message that leaves HTTP for another protocol.
fn switches(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

/// A key as a header carries it: `Authorization` as a bearer token (RFC 6750), another header as it is.
fn credential(key: &SecretString, name: &HeaderName) -> Result<HeaderValue, SetupError> {
    let scheme = if *name == header::AUTHORIZATION { "Bearer " } else { "" };
    let value = HeaderValue::try_from(format!("{scheme}{}", key.expose_secret()));
    let mut value = value.map_err(|_| SetupError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

fn wait(tries: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << tries.min(8)).min(MOST_WAIT)
}

/// What the pool's error means.
fn failure(error: &legacy::Error) -> Failure {
    if let Some(&why) = cause::<UpstreamError>(error) {
        return Failure { why, unsent: true }; // the connector's own word
    }
    tracing::warn!(error = chain(error), "the model server gave no answer");
    match cause::<hyper::Error>(error) {
        // Hyper gives this only where it hands the request back unsent.
        Some(cause) if cause.is_canceled() => Failure { why: UpstreamError::Closed, unsent: true },
        Some(cause) => Failure { why: broken(cause), unsent: false },
        None => Failure { why: UpstreamError::Connect, unsent: error.is_connect() },
    }
}

/// The first cause of a kind.
fn cause<E: Error + 'static>(error: &legacy::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
