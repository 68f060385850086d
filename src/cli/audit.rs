//! `comity audit report`: what happened, by country, norm or mode.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};

use crate::audit::{By, Filter, Row, Store};
use crate::config::AUDIT_FILE;
use crate::domain::Country;
use crate::score::Summary;

/// Flags of `comity audit`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Requests, decisions, outcomes and the four scores with their 95 % intervals.
    Report(Report),
}

#[derive(Debug, clap::Args)]
struct Report {
    /// The audit's SQLite file
    #[arg(long, env = "COMITY_AUDIT", value_name = "FILE", default_value = AUDIT_FILE)]
    audit: PathBuf,
    /// What a row stands for
    #[arg(long, value_enum, default_value_t = Key::Country)]
    by: Key,
    /// Only this country
    #[arg(long, value_name = "CC")]
    country: Option<Country>,
    /// A table for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Key {
    Country,
    Norm,
    Mode,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Prints the report.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Command::Report(report) = &args.command;
    let store = Store::open_read(&report.audit)?;
    let by = match report.by {
        Key::Country => By::Country,
        Key::Norm => By::Norm,
        Key::Mode => By::Mode,
    };
    let rows = store.report(&Filter { since_ms: None, country: report.country }, by)?;
    let mut out = std::io::stdout().lock();
    match report.format {
        Format::Table => writeln!(out, "{}", table(&rows, by))?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The report in at most 80 columns.
pub(super) fn table(rows: &[Row], by: By) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let key = match by {
        By::Country => "country",
        By::Norm => "norm",
        By::Mode => "mode",
    };
    table.set_header([key, "requests", "at stake", "taught", "repaired", "aware", "educ.", "compl.", "helpful"]);
    for row in rows {
        let score = |score: &Option<Summary>| score.as_ref().map_or("-".to_owned(), |mean| format!("{:.2}", mean.mean));
        table.add_row([
            row.key.clone(),
            row.requests.to_string(),
            row.at_stake.to_string(),
            (row.educated + row.rewritten).to_string(),
            row.repaired.to_string(),
            score(&row.awareness),
            score(&row.education),
            score(&row.compliance),
            score(&row.helpfulness),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
