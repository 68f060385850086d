//! The command line.

mod audit;
mod check;
mod demo;
mod eval;
mod explain;
mod key;
mod open;
mod policy;
mod serve;
mod told;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A runtime guardrail proxy for cultural safety: a drop-in OpenAI base URL in front of a vision-language model.
#[derive(Debug, Parser)]
#[command(name = "comity", version, about, arg_required_else_help = true)]
struct Comity {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Guard a model server: listen, teach, repair, record.
    Serve(serve::Args),
    /// See it work on this machine: a scripted model, real pictures, the real models and policies.
    Demo(demo::Args),
    /// Check policy packs and run their cases through the models.
    Check(check::Args),
    /// Show each step of one turn: whose culture, what was found, what is done and why.
    Explain(explain::Args),
    /// Measure the models on labelled questions.
    Eval(eval::Args),
    /// Read the audit.
    Audit(audit::Args),
    /// Make a key for a client, and its hash for the tenants' file.
    Key,
    /// Begin a pack, tune its thresholds, print its schema.
    Policy(policy::Args),
}

/// Runs the command that the arguments name. The exit code is 0 when all went well, 1 when the command says no, 2 when it could not do its work.
#[must_use]
pub fn run() -> ExitCode {
    let comity = match Comity::try_parse() {
        Ok(comity) => comity,
        Err(error) => {
            // Nothing can be done where the terminal is gone.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let done = match comity.command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Key => key::run(),
        Command::Policy(args) => policy::run(&args),
    };
    done.unwrap_or_else(|error| {
        drop(writeln!(std::io::stderr(), "comity: {error:#}"));
        ExitCode::from(2)
    })
}

/// The async runtime of a command.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
