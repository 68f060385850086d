//! Pictures behind URLs: from which hosts they are fetched, over which addresses, and within which bounds.
//!
//! A client chooses the URL, so everything here is about what such a URL must not reach (server-side request forgery): only hosts that the settings name, only
//! over TLS, only at addresses that the whole internet can reach, each checked before it is connected to and none looked up twice.

mod address;
mod fetcher;
mod hosts;
mod options;
mod url;
mod visit;
mod world;

pub use address::is_public;
pub use fetcher::Fetcher;
pub use hosts::{HostRule, NotAHost};
pub use options::Options;
pub use world::{Names, World};

#[cfg(test)]
mod fetcher_tests;
#[cfg(test)]
#[path = "../../tests/support/picture_host.rs"]
mod picture_host;
