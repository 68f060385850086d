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
