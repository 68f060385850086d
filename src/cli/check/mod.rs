//! `comity check`: every mistake in the policies at once, their own cases through the models, and their false alarms at plain questions.

pub(super) mod cases;
mod known;
pub(super) mod plain;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::domain::NormId;
use crate::gateway::read_packs;
use crate::policy::{PolicySet, Problem, Severity};

use super::open::ModelArgs;
use super::runtime;
use cases::{Bench, Outcome};
use report::{Cases, Format, Packs, Report};

/// Flags of `comity check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the policies [default: those in the program]
    #[arg(value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Only read the files; run no models
    #[arg(long)]
    no_cases: bool,
    /// Write the cases that the models miss into DIR/known-misses.txt
    #[arg(long, conflicts_with = "no_cases", requires = "policies")]
    write_known: bool,
    /// text, json (one object), or github (annotations for a pull request)
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    models: ModelArgs,
}

/// Checks policies. The exit code is 0 when nothing is wrong and no case fails that did not fail before, else 1; 2 when the check could not be made.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (set, problems) = read_packs(args.policies.as_deref())?;
    let mut report = Report { problems, ..Report::default() };
    if let Some(set) = &set {
        report.packs = Some(Packs::of(set));
        if !args.no_cases {
            runtime()?.block_on(with_models(args, set, &mut report))?;
        }
    }
    report.write(&mut io::stdout().lock(), args.format)?;
    Ok(if report.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn with_models(args: &Args, set: &PolicySet, report: &mut Report) -> anyhow::Result<()> {
    let dir = args.policies.as_deref();
    let (known, plain) = (known::read(dir)?, plain::read(dir)?);
    let classifier = args.models.open_on_all_cores()?;
    let bench = Bench::new(&classifier, args.models.caches().as_deref());
    bench.prepare(set).await?;
    let bar = cases::bar("cases");
    let outcomes = cases::run(&bench, set, &bar).await?;
    bar.finish_and_clear();
    let bar = cases::bar("plain questions");
    report.plain = plain::run(&bench, set, &plain, &bar).await?;
    bar.finish_and_clear();
    if let Some(dir) = dir.filter(|_| args.write_known) {
        let failing: Vec<&Outcome<'_>> = outcomes.iter().filter(|outcome| !outcome.holds()).collect();
        known::write(dir, &failing)?;
        report.written = Some(failing.len());
        report.cases = Some(judged(&outcomes, &known::read(Some(dir))?, &mut report.problems));
    } else {
        report.cases = Some(judged(&outcomes, &known, &mut report.problems));
    }
    report.problems.extend(unreachable(&outcomes));
    report.problems.sort();
    Ok(())
}

/// Compares with what is known, and tells what is new.
fn judged(outcomes: &[Outcome<'_>], known: &BTreeSet<String>, problems: &mut Vec<Problem>) -> Cases {
    let mut cases = Cases::default();
    for outcome in outcomes {
        cases.count(outcome);
    }
    let failing: Vec<&Outcome<'_>> = outcomes.iter().filter(|outcome| !outcome.holds()).collect();
    let new: Vec<_> = failing.iter().filter(|one| !known.contains(&one.key()) && !one.near()).collect();
    problems.extend(new.iter().map(|outcome| missed(outcome)));
    let keys: BTreeSet<String> = failing.iter().map(|outcome| outcome.key()).collect();
    cases.fail_anew = new.len();
    cases.fail_as_known = failing.len() - new.len();
    cases.mended = known.iter().filter(|line| !keys.contains(*line)).count();
    cases
}

fn missed(outcome: &Outcome<'_>) -> Problem {
    let Outcome { case, probability, threshold, .. } = outcome;
    let kind = if case.at_stake { "was missed" } else { "is a false alarm" };
    let message = format!("this case of {} {kind}: {probability:.2} against {threshold:.2}: {}", case.norm, case.query);
    Problem { path: case.path.clone(), line: case.line, column: 1, severity: Severity::Error, message }
}

/// Norms whose own threshold none of their cases at stake reaches, by far.
fn unreachable(outcomes: &[Outcome<'_>]) -> Vec<Problem> {
    let mut best: BTreeMap<&NormId, &Outcome<'_>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.case.at_stake) {
        let kept = best.entry(&outcome.case.norm).or_insert(outcome);
        if outcome.probability > kept.probability {
            *kept = outcome;
        }
    }
    let far = best.into_iter().filter(|(_, outcome)| outcome.probability < outcome.threshold / 4.0);
    far.map(|(norm, outcome)| {
        let Outcome { case, probability, threshold, .. } = outcome;
        let message = format!(
            "none of the cases of {norm} comes near its threshold: {probability:.2} at best against {threshold:.2}; lower it, or word `asks` nearer to what people ask"
        );
        Problem { path: case.path.clone(), line: case.line, column: 1, severity: Severity::Warning, message }
    })
    .collect()
}
