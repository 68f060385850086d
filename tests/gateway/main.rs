//! The gateway as it is seen from outside: from both of its sides, and in its audit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]

#[path = "../support/mod.rs"]
mod support;

mod completions;
mod coverage;
mod educate;
mod ends;
mod pass;
mod policies;
mod recorded;
mod refusals;
mod remote;
mod repair;
mod responses;
mod servers;
mod stream;
mod surfaces;
mod tenants;
mod tls;
mod tunnel;
mod verdict;
