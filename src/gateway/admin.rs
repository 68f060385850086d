//! The operator's listener: health, readiness, figures.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;

use super::app::App;
use super::body::{Body, full};
use super::serve::Shutdown;
use crate::wire;

/// Serves `/healthz`, `/readyz` and `/metrics` until `shutdown`. With a token, `/metrics` wants it as a bearer token.
pub async fn serve_admin(app: Arc<App>, listener: TcpListener, token: Option<SecretString>, mut shutdown: Shutdown) {
    let token = Arc::new(token);
    loop {
        let stream = tokio::select! {
            () = shutdown.begun() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let (app, token) = (Arc::clone(&app), Arc::clone(&token));
        let tasks = app.tasks.clone();
        let mut ends = shutdown.clone();
        tasks.spawn(async move {
            let service = service_fn(|request| {
                let response = respond(&app, token.as_ref().as_ref(), &request);
                async move { Ok::<_, std::convert::Infallible>(response) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = ends.begun() => {}
                _ = connection => {}
            }
        });
    }
}

fn respond(app: &App, token: Option<&SecretString>, request: &Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
        (&Method::GET, "/readyz") => match app.not_ready() {
            None => text(StatusCode::OK, "ready\n"),
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        (&Method::GET, "/metrics") if allowed(token, request) => {
            app.observe();
            let mut response = Response::new(full(Bytes::from(app.metrics.render())));
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        (&Method::GET, "/metrics") => {
            error(StatusCode::UNAUTHORIZED, "Send the admin token as a bearer token.", "invalid_admin_token")
        }
        _ => error(StatusCode::NOT_FOUND, "There is /healthz, /readyz and /metrics here.", "not_found"),
    }
}

fn allowed(token: Option<&SecretString>, request: &Request<Incoming>) -> bool {
    let Some(token) = token else { return true };
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // Hashes are compared, so that the time it takes tells nothing about the token.
    sent.is_some_and(|sent| blake3::hash(sent) == blake3::hash(token.expose_secret().as_bytes()))
}

fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn error(status: StatusCode, message: &str, code: &str) -> Response<Body> {
    let mut response = Response::new(full(wire::error::body(message, "invalid_request_error", None, Some(code))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl App {
    /// Why requests should not be sent here yet, or `None`.
    fn not_ready(&self) -> Option<&'static str> {
        if self.tasks.is_closed() {
            return Some("draining\n");
        }
        (self.classifier.gauges().threads == 0 && self.classifier.hash() != "off")
            .then_some("no inference thread is alive\n")
    }
}
