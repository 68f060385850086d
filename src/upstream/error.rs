//! What can go wrong on the way to the model server. The messages name no inside address: clients see them.

use std::error::Error;

use super::pem::PemError;

/// Why a request got no answer, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection came about: the name is unknown, nobody listens, or the network is down. Nothing was sent.
    #[error("The model server could not be reached. Try again in a moment.")]
    Connect,
    /// The TLS handshake failed. Nothing was sent.
    #[error(
        "No secure connection to the model server could be made. Tell the operator: trying again will hardly help."
    )]
    Tls,
    /// A wait was over its bound.
    #[error("The model server took too long (waiting for {stage}). Try again in a moment.")]
    Timeout {
        /// What was waited for: `a connection`, `the answer's head` or `the next part of the answer`.
        stage: &'static str,
    },
    /// What came is not HTTP as it should be, or the request is one that cannot be sent on.
    #[error("The model server did not answer in valid HTTP. Tell the operator.")]
    Protocol,
    /// The connection ended before the answer did.
    #[error("The model server broke off before its answer was complete. Try again.")]
    Closed,
    /// None of the model servers is said to serve the model.
    #[error("No model server here serves that model. Check its name, or tell the operator.")]
    Unserved,
    /// The circuit breaker is open: the model server was not tried.
    #[error("The model server cannot be reached at the moment. Try again in a few seconds.")]
    Open,
}

impl UpstreamError {
    /// Whether the model server itself could not be reached, which is what the circuit breaker counts.
    pub(super) fn unreachable(self) -> bool {
        match self {
            Self::Connect | Self::Tls => true,
            Self::Timeout { stage } => stage == CONNECTION,
            Self::Protocol | Self::Closed | Self::Unserved | Self::Open => false,
        }
    }
}

/// The stage of a connection that does not come about.
pub(super) const CONNECTION: &str = "a connection";
/// The stage of an answer that does not begin.
pub(super) const HEAD: &str = "the answer's head";
/// The stage of an answer that does not go on.
pub(super) const NEXT: &str = "the next part of the answer";

/// Why no client could be made from its options.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The base is no URL of a server.
    #[error(
        "`{0}` is no base URL of a model server: write http:// or https://, a host, and a path such as /v1, without user or query"
    )]
    Base(String),
    /// The key has characters that no header can carry.
    #[error("the model server's key has characters that an HTTP header cannot carry: check the key file")]
    Key,
    /// A file of certificates or of a key cannot be used.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The TLS library refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// An error and everything behind it, for the log.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
