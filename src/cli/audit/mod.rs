//! `comity audit`: what happened, and what would happen under other policies.

mod replay;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Subcommand, ValueEnum};

use crate::audit::Filter;
use crate::config::AUDIT_FILE;
use crate::domain::Country;

pub(super) use report::table;

/// Flags of `comity audit`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Requests, decisions, outcomes and the four scores with their 95 % intervals.
    Report(report::Args),
    /// What other policies would have decided about the recorded turns. Exits with 1 where a decision flips.
    Replay(replay::Args),
}

/// Which records are read.
#[derive(Debug, clap::Args)]
struct Which {
    /// The audit's SQLite file
    #[arg(long, env = "COMITY_AUDIT", value_name = "FILE", default_value = AUDIT_FILE)]
    audit: PathBuf,
    /// Only what came since then: 2026-11-25, 2026-11-25T08:00:00Z, or how long ago: 90m, 24h, 7days
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Since>,
    /// Only this country
    #[arg(long, value_name = "CC")]
    country: Option<Country>,
}

/// A moment, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Since(i64);

impl Which {
    fn filter(&self) -> Filter {
        Filter { since_ms: self.since.map(|Since(at)| at), country: self.country }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs the subcommand.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Report(args) => report::run(args),
        Command::Replay(args) => replay::run(args),
    }
}

fn since(text: &str) -> Result<Since, String> {
    moment(text, SystemTime::now()).ok_or_else(|| {
        format!(
            "`{text}` is neither a moment nor a length of time: write 2026-11-25, 2026-11-25T08:00:00Z, 24h or 7days"
        )
    })
}

fn moment(text: &str, now: SystemTime) -> Option<Since> {
    let day = || humantime::parse_rfc3339_weak(&format!("{text} 00:00:00")).ok();
    let at = humantime::parse_rfc3339_weak(text).ok().or_else(day);
    let at = at.or_else(|| now.checked_sub(humantime::parse_duration(text).ok()?))?;
    let since: Duration = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).ok().map(Since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now = UNIX_EPOCH + Duration::from_hours(48);
        for (text, millis) in [
            ("1970-01-02", Some(86_400_000)),
            ("1970-01-02T01:00:00Z", Some(90_000_000)),
            ("24h", Some(86_400_000)),
            ("1day", Some(86_400_000)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(moment(text, now), millis.map(Since), "{text}");
        }
    }
}
