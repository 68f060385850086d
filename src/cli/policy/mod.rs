//! `comity policy`: aids for those who write packs.

mod curve;
mod new;
mod plot;
mod tune;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::policy::{overlay_schema, pack_schema};

/// Flags of `comity policy`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a country's pack: a file to fill in, with every key explained.
    New(new::Args),
    /// Hold thresholds against cases: recall and false alarms, norm by norm, as a table and a plot, and the change that they suggest.
    Tune(tune::Args),
    /// Print the JSON Schema of the pack format, for editors.
    Schema(SchemaArgs),
}

#[derive(Debug, clap::Args)]
struct SchemaArgs {
    /// The schema of overlays instead
    #[arg(long)]
    overlay: bool,
}

/// Runs the subcommand.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::New(args) => new::run(args),
        Command::Tune(args) => tune::run(args),
        Command::Schema(SchemaArgs { overlay }) => {
            let schema = if *overlay { overlay_schema() } else { pack_schema() };
            writeln!(std::io::stdout().lock(), "{schema:#}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
