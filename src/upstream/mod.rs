//! The HTTP client to the model servers: pool, TLS, timeouts, retries, circuit breaker, and the choice among several.

mod body;
mod breaker;
mod client;
mod connector;
mod error;
mod fleet;
mod headers;
mod options;
pub mod pem;
mod target;

pub use body::{Body, BoxError, Whole};
pub use breaker::{Breaker, BreakerCounts};
pub use client::{Client, Key};
pub use error::{SetupError, UpstreamError};
pub use fleet::{Asked, Destination, Fleet, Health, Member};
pub use headers::{CREDENTIALS, forget_credentials, socket_keys, strip_hop_by_hop};
pub use options::Options;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod tls_tests;
