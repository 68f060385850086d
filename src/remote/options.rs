//! Which pictures are fetched, and within which bounds.

use std::time::Duration;

use super::hosts::HostRule;

/// Which pictures are fetched, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The hosts from which pictures are fetched; none: nothing is fetched.
    pub hosts: Vec<HostRule>,
    /// The most bytes of one picture.
    pub bytes: usize,
    /// The longest that one picture may take: waiting for its turn, looking up names, connections, redirects and its bytes, all together.
    pub timeout: Duration,
    /// How many redirects are followed for one picture.
    pub redirects: usize,
    /// How many pictures are fetched at once, for all requests together.
    pub at_once: usize,
}

impl Default for Options {
    /// Nothing is fetched.
    fn default() -> Self {
        Self { hosts: Vec::new(), bytes: 10 << 20, timeout: Duration::from_secs(3), redirects: 2, at_once: 8 }
    }
}
