//! The operator's listener: health, readiness, figures.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::app::App;
use super::body::{Body, full};
use super::serve::Shutdown;
use crate::wire;

/// Serves `/healthz`, `/readyz`, `/metrics` and `/admin/policies` until `shutdown`. With a token, the latter two want it as a bearer token.
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
        (&Method::GET, "/metrics" | "/admin/policies") if !allowed(token, request) => {
            error(StatusCode::UNAUTHORIZED, "Send the admin token as a bearer token.", "invalid_admin_token")
        }
        (&Method::GET, "/admin/policies") => json(&policies(app)),
        (&Method::GET, "/metrics") => {
            app.observe();
            let mut response = Response::new(full(Bytes::from(app.metrics.render())));
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        _ => {
            error(StatusCode::NOT_FOUND, "There is /healthz, /readyz, /metrics and /admin/policies here.", "not_found")
        }
    }
}

fn allowed(token: Option<&SecretString>, request: &Request<Incoming>) -> bool {
    let Some(token) = token else { return true };
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // Hashes are compared, so that the time it takes tells nothing about the token.
    sent.is_some_and(|sent| blake3::hash(sent) == blake3::hash(token.expose_secret().as_bytes()))
}

/// Which policies are in force, since when, and what is wrong with those that were read after them.
fn policies(app: &App) -> Value {
    let policies = app.policies.load();
    let set = &policies.set;
    let packs = set.countries().filter_map(|country| set.pack(country)).map(|pack| {
        json!({
            "country": pack.country, "name": pack.name, "languages": pack.languages,
            "norms": pack.norms.len(), "cases": pack.cases.len(),
        })
    });
    let overlays = set.overlays().iter().map(|overlay| {
        let (changes, norms) = overlay.extent();
        json!({
            "layer": overlay.layer, "name": &*overlay.name, "country": overlay.country, "changes": changes, "norms": norms,
        })
    });
    let refused = app.refused().map(|refused| json!({ "at": seconds(refused.at), "problems": refused.problems }));
    json!({
        "hash": set.hash(),
        "since": seconds(policies.since),
        "age_seconds": policies.since.elapsed().unwrap_or_default().as_secs(),
        "packs": packs.collect::<Vec<_>>(),
        "overlays": overlays.collect::<Vec<_>>(),
        "refused": refused,
    })
}

/// Seconds since 1970-01-01 UTC.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn json(value: &Value) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from(value.to_string())));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
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
        if self.warming() {
            return Some("the norms are being embedded\n");
        }
        (self.classifier.gauges().threads == 0 && self.classifier.hash() != "off")
            .then_some("no inference thread is alive\n")
    }
}
