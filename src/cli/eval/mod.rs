//! `comity eval`: the models and policies measured on labelled questions, by the same code that `serve` runs.

mod figures;
mod report;
mod run;
mod set;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use crate::gateway::Policies;

use super::open::{ModelArgs, sound_packs};
use super::runtime;
use report::{Bound, Format, Report};

/// Flags of `comity eval`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Recall, false alarms and calibration of norms, answers' grades, and times.
    Norms(NormArgs),
}

/// Flags of `comity eval norms`.
#[derive(Debug, clap::Args)]
struct NormArgs {
    /// The labelled questions: JSON lines with `id`, `country`, `language`, `photo`, `needs_photo`, `query`, `at_stake`, `norm_ids` (or `norm_keywords`), `kind` and
    /// `answers`, or CROSS's JSON
    #[arg(long, value_name = "FILE")]
    cases: PathBuf,
    /// The folder of the photographs; one that is not there is known by the name of what it shows
    #[arg(long, value_name = "DIR")]
    photos: Option<PathBuf>,
    /// Which norms answer to the items of CROSS: lines of `subset:index<TAB>CC/norm,CC/norm`
    #[arg(long, value_name = "FILE")]
    counterparts: Option<PathBuf>,
    /// The folder of the policy packs [default: those in the program]
    #[arg(long, env = "COMITY_POLICIES", value_name = "DIR")]
    policies: Option<PathBuf>,
    /// table or json (one object)
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write what was found for each question into this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Exit with 1 when a figure over all items is lower, such as `recall=0.6`; may be given more than once
    #[arg(long, value_name = "FIGURE=VALUE")]
    at_least: Vec<Bound>,
    /// Exit with 1 when a figure over all items is higher, such as `false_alarms=0.1`; may be given more than once
    #[arg(long, value_name = "FIGURE=VALUE")]
    at_most: Vec<Bound>,
    #[command(flatten)]
    models: ModelArgs,
}

/// Measures. The exit code is 1 where a bound that was given does not hold.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let What::Norms(args) = &args.what;
    let items = set::read(&args.cases, args.photos.as_deref(), args.counterparts.as_deref())?;
    let policies = Arc::new(Policies::new(sound_packs(args.policies.as_deref())?));
    let classifier = args.models.open()?;
    let mut rows = match &args.rows {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let mut report = Report::new(&classifier, &policies);
    runtime()?.block_on(run::all(&classifier, &policies, &items, &mut report, |row| match &mut rows {
        Some(file) => Ok(writeln!(file, "{row}")?),
        None => Ok(()),
    }))?;
    if let Some(mut file) = rows {
        file.flush()?;
    }
    // The report comes first: a bound that names no figure must not cost a run of many minutes.
    report.write(&mut std::io::stdout().lock(), args.format)?;
    let missed = report.missed(&args.at_least, &args.at_most)?;
    for bound in &missed {
        writeln!(std::io::stderr(), "comity: {bound}")?;
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
