//! `comity key`: a key for a client, and its hash for the tenants' file.

use std::io::Write;
use std::process::ExitCode;

use base64_simd::URL_SAFE_NO_PAD;

use crate::config::KeyHash;
use crate::gateway::OWN_KEYS;

/// Prints a new key, which is kept nowhere.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut chance = [0; 32];
    getrandom::fill(&mut chance)?;
    let key = format!("{OWN_KEYS}{}", URL_SAFE_NO_PAD.encode_to_string(chance));
    let mut out = std::io::stdout().lock();
    writeln!(out, "key, for the client alone:     {key}")?;
    writeln!(out, "hash, for the tenants' file:   {}", KeyHash::of(key.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}
