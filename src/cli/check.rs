//! `comity check`: every mistake in the packs at once, and the packs' own cases through the models.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};
use futures_util::stream::{self, StreamExt};

use crate::classify::Classifier;
use crate::domain::{Context, Country, Findings, Place, PlaceSource};
use crate::policy::{Case, PolicySet, Severity, decide};

use super::open::ModelArgs;
use super::runtime;
use crate::gateway::read_packs;

/// The list of cases that the models are known to miss, beside the packs. It is generated, and may only shrink.
const KNOWN: &str = "known-misses.txt";

/// A case this near to its threshold may fall either way between two engines or machines: it is counted, and fails nothing.
const NEAR: f32 = 0.02;

/// The longest that one case may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Flags of `comity check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the packs [default: those in the program]
    #[arg(value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Only read the files; run no cases
    #[arg(long)]
    no_cases: bool,
    /// Write the cases that the models miss into DIR/known-misses.txt
    #[arg(long, conflicts_with = "no_cases", requires = "policies")]
    write_known: bool,
    #[command(flatten)]
    models: ModelArgs,
}

/// Checks packs. The exit code is 0 when nothing is wrong and no case fails that did not fail before.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let (set, problems) = read_packs(args.policies.as_deref())?;
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let Some(set) = set else {
        writeln!(out, "{errors} mistakes; no case was run")?;
        return Ok(ExitCode::FAILURE);
    };
    writeln!(
        out,
        "{} norms of {} countries are sound (hash {})",
        set.norms().count(),
        set.countries().count(),
        set.hash()
    )?;
    if args.no_cases {
        return Ok(ExitCode::SUCCESS);
    }
    let classifier = args.models.open()?;
    let results = runtime()?.block_on(run_cases(&classifier, &set))?;
    writeln!(out, "\n{}", table(&results))?;
    report(&mut out, args, &results)
}

/// How a case came out.
struct Outcome<'a> {
    case: &'a Case,
    country: Country,
    probability: f32,
    threshold: f32,
    fired: bool,
    first: bool,
}

impl Outcome<'_> {
    fn holds(&self) -> bool {
        self.fired == self.case.at_stake
    }

    fn near(&self) -> bool {
        (self.probability - self.threshold).abs() < NEAR
    }

    /// The case's line in the list of known misses: what it tests, then a hash of what it says.
    fn key(&self) -> String {
        let text = format!("{}\n{}\n{:?}\n{:?}", self.case.norm, self.case.query, self.case.picture, self.case.country);
        let hash = blake3::hash(text.as_bytes()).to_hex();
        let kind = if self.case.at_stake { "missed" } else { "false-alarm" };
        format!("{} {kind} {}", self.case.norm, hash.get(..12).unwrap_or_default())
    }
}

async fn run_cases<'a>(classifier: &Classifier, set: &'a PolicySet) -> anyhow::Result<Vec<Outcome<'a>>> {
    let norms: Vec<_> = set.norms().cloned().collect();
    let prepared = classifier.prepare(&norms).await;
    prepared.map_err(|why| {
        anyhow::anyhow!("the models could not embed the norms ({why}); try again, or with --backend rten")
    })?;
    let cases = set.countries().filter_map(|country| set.pack(country)).flat_map(|pack| &pack.cases);
    let runs = cases.map(|case| run_case(classifier, set, case));
    stream::iter(runs).buffered(8).collect::<Vec<_>>().await.into_iter().collect()
}

async fn run_case<'a>(classifier: &Classifier, set: &PolicySet, case: &'a Case) -> anyhow::Result<Outcome<'a>> {
    let home = case.norm.country();
    // A case elsewhere is judged by that country's pack: the norm is not in play there, so it cannot fire.
    let country = case.country.unwrap_or(home);
    let place = Place { country, source: PlaceSource::Header, name: None, regions: Vec::new() };
    let (language, layers) = (Some(case.language), case.layers.clone());
    let context = Context { places: vec![place], conflicts: Vec::new(), language, layers };
    let policy = set.of(&context);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let norms: Vec<Arc<_>> = policy.norms().to_vec();
    let findings = classifier.classify_named(&case.query, &case.picture, &norms, deadline).await;
    let Findings::Known { findings: found, threshold } = &findings else {
        anyhow::bail!("{}:{}: the models could not read this case: {findings:?}", case.path, case.line);
    };
    let decision = decide(&policy, &context, &findings);
    let threshold = policy.threshold(&case.norm).unwrap_or(*threshold);
    let probability = found.iter().find(|finding| finding.norm == case.norm).map_or(0.0, |finding| finding.probability);
    Ok(Outcome {
        case,
        country: home,
        probability,
        threshold,
        fired: decision.norms.iter().any(|ruling| ruling.norm.id == case.norm),
        first: found.first().is_some_and(|finding| finding.norm == case.norm),
    })
}

/// Recall beside false alarms, a country a row.
fn table(results: &[Outcome<'_>]) -> String {
    let mut rows: BTreeMap<String, [usize; 5]> = BTreeMap::new();
    for result in results {
        for key in [result.country.to_string(), "all".to_owned()] {
            let counts = rows.entry(key).or_default();
            let add = if result.case.at_stake {
                [1, usize::from(result.fired), usize::from(result.first), 0, 0]
            } else {
                [0, 0, 0, 1, usize::from(result.fired)]
            };
            for (count, more) in counts.iter_mut().zip(add) {
                *count += more;
            }
        }
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["country", "at stake", "found", "right norm first", "not at stake", "false alarms"]);
    for (key, [at_stake, found, first, not, alarms]) in rows {
        let share = |part: usize, of: usize| {
            (part * 100 + of / 2)
                .checked_div(of)
                .map_or_else(|| "-".to_owned(), |percent| format!("{part} ({percent} %)"))
        };
        table.add_row([
            key,
            at_stake.to_string(),
            share(found, at_stake),
            share(first, at_stake),
            not.to_string(),
            share(alarms, not),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// Compares with what is known, says what is new, and writes the list where that was asked for.
fn report(out: &mut impl Write, args: &Args, results: &[Outcome<'_>]) -> anyhow::Result<ExitCode> {
    let path = args.policies.as_deref().map(|dir| dir.join(KNOWN));
    let failing: Vec<&Outcome<'_>> = results.iter().filter(|result| !result.holds()).collect();
    if args.write_known {
        let path = path.context("name the folder of the packs")?;
        write_known(&path, &failing)?;
        writeln!(out, "\n{} cases that the models miss are written to {}", failing.len(), path.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    let known = match path {
        Some(path) => known(&path)?,
        None => include_str!("../../policies/known-misses.txt").lines().map(str::to_owned).collect(),
    };
    let keys: BTreeSet<String> = failing.iter().map(|result| result.key()).collect();
    let new: Vec<_> = failing.iter().filter(|result| !known.contains(&result.key()) && !result.near()).collect();
    for result in &new {
        let case = result.case;
        let kind = if case.at_stake { "was missed" } else { "is a false alarm" };
        let (p, threshold) = (result.probability, result.threshold);
        writeln!(
            out,
            "{}:{}:1: error: this case of {} {kind}: {p:.2} against {threshold:.2}: {}",
            case.path, case.line, case.norm, case.query
        )?;
    }
    let mended =
        known.iter().filter(|line| line.contains(' ') && !line.starts_with('#') && !keys.contains(*line)).count();
    writeln!(
        out,
        "\n{} of {} cases hold; {} fail as known, {} fail anew",
        results.len() - failing.len(),
        results.len(),
        failing.len() - new.len(),
        new.len()
    )?;
    if mended > 0 {
        writeln!(out, "{mended} known misses hold now: run `comity check DIR --write-known` to shorten the list")?;
    }
    Ok(if new.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn known(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn write_known(path: &Path, failing: &[&Outcome<'_>]) -> anyhow::Result<()> {
    let mut lines: Vec<String> = failing.iter().map(|result| result.key()).collect();
    lines.sort();
    let head = "# Cases that the shipped models miss, written by `comity check policies --write-known`. The list may only shrink; no case is bent to pass.";
    std::fs::write(path, format!("{head}\n{}\n", lines.join("\n")))
        .with_context(|| format!("{} cannot be written", path.display()))
}
