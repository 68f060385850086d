//! `comity audit replay`: which recorded decisions flip under other policies, in both directions, norm by norm.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::audit::Store;
use crate::cli::open::sound_packs;
use crate::domain::{Action, NormId};
use crate::policy::{PolicySet, replay};

use super::{Format, Which};

/// Flags of `comity audit replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the policies to try
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,
    #[command(flatten)]
    which: Which,
    /// A table for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Turns that change from one action to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Flips {
    /// Turns at which something stricter would be done.
    stricter: u64,
    /// Turns at which something milder would be done.
    milder: u64,
}

impl Flips {
    fn add(&mut self, before: Action, after: Action) {
        self.stricter += u64::from(after > before);
        self.milder += u64::from(after < before);
    }
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    /// Records read.
    records: u64,
    /// Those among them at which something was decided.
    decided: u64,
    /// Records that this version cannot read.
    unreadable: u64,
    /// Decisions that flip.
    decisions: Flips,
    /// What changes into what, as `educate -> rewrite`.
    changes: BTreeMap<String, u64>,
    /// Norm by norm.
    norms: BTreeMap<NormId, Flips>,
    /// Norms of the new policies about which some records say nothing.
    unmeasured: BTreeSet<NormId>,
}

/// Replays the records. The exit code is 1 where a decision flips.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let set = sound_packs(Some(&args.policies))?;
    let store = Store::open_read(&args.which.audit)?;
    let mut outcome = Outcome::default();
    for record in store.records(&args.which.filter(), usize::MAX) {
        outcome.records += 1;
        match record {
            Ok(record) => outcome.add(&set, &record),
            Err(crate::audit::AuditError::Record { .. }) => outcome.unreadable += 1,
            Err(error) => return Err(error.into()),
        }
    }
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&outcome)?)?,
        Format::Table => writeln!(out, "{}", outcome.text())?,
    }
    Ok(if outcome.decisions == Flips::default() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Outcome {
    fn add(&mut self, set: &PolicySet, record: &crate::domain::Record) {
        let Some(replayed) = replay(set, record) else { return };
        self.decided += 1;
        if replayed.before != replayed.after {
            self.decisions.add(replayed.before, replayed.after);
            *self.changes.entry(format!("{} -> {}", replayed.before, replayed.after)).or_default() += 1;
        }
        for (norm, before, after) in replayed.norms {
            self.norms.entry(norm).or_default().add(before, after);
        }
        self.unmeasured.extend(replayed.unmeasured);
    }

    fn text(&self) -> String {
        let Flips { stricter, milder } = self.decisions;
        let mut lines = vec![format!(
            "{} records, {} with a decision: {stricter} become stricter, {milder} milder, {} stay",
            self.records,
            self.decided,
            self.decided - stricter - milder
        )];
        lines.extend(self.changes.iter().map(|(change, times)| format!("  {times} times {change}")));
        if !self.norms.is_empty() {
            lines.push(format!("\n{}", self.table()));
        }
        if self.unreadable > 0 {
            lines.push(format!("\n{} records could not be read: another version wrote them", self.unreadable));
        }
        if !self.unmeasured.is_empty() {
            let some: Vec<String> = self.unmeasured.iter().take(5).map(ToString::to_string).collect();
            lines.push(format!(
                "\nNothing is recorded about {} norms that these policies have ({}{}): what they would do cannot be told from the audit.",
                self.unmeasured.len(),
                some.join(", "),
                if self.unmeasured.len() > some.len() { ", ..." } else { "" }
            ));
        }
        lines.join("\n")
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["norm", "stricter", "milder"]);
        for (norm, flips) in &self.norms {
            table.add_row([norm.to_string(), flips.stricter.to_string(), flips.milder.to_string()]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Severity, Source};

    fn record(probability: f32, action: &str) -> crate::domain::Record {
        let json = serde_json::json!({
            "version": 1, "id": "r", "at": 0, "endpoint": "/v1/chat/completions", "stream": false, "mode": "enforce",
            "model": { "requested": "m" },
            "context": { "places": [{ "country": "JP", "source": "header" }], "conflicts": [], "language": "en" },
            "coverage": [], "guarded": true, "seen": [],
            "findings": [{ "norm": "JP/tipping", "probability": probability, "evidence": "query", "action": action }],
            "threshold": 0.5, "unavailable": null, "action": action, "trace": [], "answer": null, "over_warned": null,
            "status": 200, "ended": "complete",
            "timings": { "total": 1, "decode": null, "infer": null, "upstream_first": null, "client_first": null, "repair": null },
            "hashes": { "policy": "of then", "models": "m" },
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn flips_are_counted_in_both_directions_and_by_norm() {
        let pack = include_str!("../../../policies/JP.toml").replacen("name = ", "threshold = 0.6\nname = ", 1);
        let (set, problems) = PolicySet::read(&[Source { path: "JP.toml", text: &pack }]);
        assert!(problems.iter().all(|problem| problem.severity != Severity::Error), "{problems:?}");
        let set = set.unwrap();
        let mut outcome = Outcome::default();
        for (probability, action) in [(0.55, "educate"), (0.7, "educate"), (0.7, "pass"), (0.1, "pass")] {
            outcome.records += 1;
            outcome.add(&set, &record(probability, action));
        }
        assert_eq!((outcome.decided, outcome.decisions), (4, Flips { stricter: 1, milder: 1 }));
        assert_eq!(outcome.norms["JP/tipping".parse::<NormId>().as_ref().unwrap()], Flips { stricter: 1, milder: 1 });
        assert!(outcome.unmeasured.len() > 10, "the pack's other norms were not recorded");
        let text = outcome.text();
        assert!(text.starts_with("4 records, 4 with a decision: 1 become stricter, 1 milder, 2 stay"), "{text}");
        assert!(text.contains("Nothing is recorded about"), "{text}");
    }
}
