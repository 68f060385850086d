//! The HTTP client to the model server: pool, TLS, timeouts, retries, circuit breaker.

mod body;
mod breaker;
mod client;
mod connector;
mod error;
mod headers;
mod options;
mod target;

pub use body::{Body, BoxError, Whole};
pub use breaker::{Breaker, BreakerCounts};
pub use client::Client;
pub use error::{SetupError, UpstreamError};
pub use headers::strip_hop_by_hop;
pub use options::Options;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod tls_tests;
