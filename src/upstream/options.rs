//! How the model server is called.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, Uri, header};
use secrecy::SecretString;

/// Where the model server is and how it is called.
#[derive(Debug, Clone)]
pub struct Options {
    /// The base URL: `https://api.openai.com`, `http://127.0.0.1:8000/v1`. A path at its end comes before every request's path; where the two
    /// overlap (`/v1` and `/v1/models`), the overlap is written once.
    pub base: Uri,
    /// The longest that a connection may take, TLS handshake included.
    pub connect_timeout: Duration,
    /// The longest wait for the answer's head, counted from the last piece of the request that went out.
    pub first_byte_timeout: Duration,
    /// The longest wait between two pieces of the answer.
    pub idle_timeout: Duration,
    /// Connections kept for later.
    pub max_idle: usize,
    /// How often a request that did not reach the model server is sent again. Only requests with a whole body are.
    pub retries: u32,
    /// A PEM file of certificates that are trusted beside the public ones.
    pub extra_roots: Option<PathBuf>,
    /// A PEM file with a certificate, and one with its key, that this client shows to the server (mutual TLS).
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The key that takes the place of the client's own.
    pub key: Option<SecretString>,
    /// The header that carries the key: `Authorization` (as a bearer token), or such as Azure's `api-key`.
    pub key_header: HeaderName,
    /// The path that is asked whether the server is well, from the host's root on: `/health`. `None`: only failed connections tell.
    pub health: Option<String>,
    /// Whether the server speaks HTTP/2 without being asked (h2c, or TLS without ALPN).
    pub http2_prior_knowledge: bool,
    /// After so many failed connections in a row the model server is left alone for a while.
    pub breaker_failures: u32,
    /// How long it is left alone.
    pub breaker_rest: Duration,
}

impl Options {
    /// The defaults for a base URL.
    #[must_use]
    pub fn new(base: Uri) -> Self {
        Self {
            base,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_mins(10),
            idle_timeout: Duration::from_mins(2),
            max_idle: 64,
            retries: 1,
            extra_roots: None,
            identity: None,
            key: None,
            key_header: header::AUTHORIZATION,
            health: None,
            http2_prior_knowledge: false,
            breaker_failures: 5,
            breaker_rest: Duration::from_secs(2),
        }
    }
}
