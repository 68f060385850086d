//! `comity audit report`: what happened, by country, norm or mode.

use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};

use crate::audit::{By, Row, Store};
use crate::score::Summary;

use super::{Format, Which};

/// Flags of `comity audit report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// What a row stands for
    #[arg(long, value_enum, default_value_t = Key::Country)]
    by: Key,
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

/// Prints the report.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let store = Store::open_read(&args.which.audit)?;
    let by = match args.by {
        Key::Country => By::Country,
        Key::Norm => By::Norm,
        Key::Mode => By::Mode,
    };
    let rows = store.report(&args.which.filter(), by)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Table => writeln!(out, "{}", table(&rows, by))?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The report in at most 80 columns.
pub(in crate::cli) fn table(rows: &[Row], by: By) -> String {
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
