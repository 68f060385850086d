//! `comity policy tune`: which thresholds the cases speak for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use comfy_table::{CellAlignment, Table, presets};
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;

use crate::cli::check::cases::{Asked, Bench, bar, in_country};
use crate::cli::check::plain;
use crate::cli::open::{ModelArgs, sound_packs};
use crate::cli::runtime;
use crate::domain::{Country, Findings, Language, Layers, Norm, NormId};
use crate::policy::{Policy, PolicySet};

use super::curve::{Point, Scored};
use super::plot::{self, Panel};

/// With fewer cases than these a norm's own threshold would be chance.
const LEAST_AT_STAKE: usize = 8;
const LEAST_HARMLESS: usize = 20;
/// Cases under way at once.
const AT_ONCE: usize = 16;

/// Flags of `comity policy tune`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The country whose pack is tuned
    #[arg(long, value_name = "CC")]
    country: Country,
    /// The folder of the policies [default: those in the program]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Cases as JSON lines with query, language, picture, norm and `at_stake`, as policies/README.md shows [default: the pack's own cases]
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// The share of harmless questions that may raise an alarm
    #[arg(long, value_name = "SHARE", default_value_t = 0.08, value_parser = share)]
    false_alarms: f64,
    /// Draw the curves into this SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    models: ModelArgs,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is no share: use a number from 0 to 1, such as 0.08"))
}

/// A case to tune by.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    query: String,
    language: Language,
    #[serde(default)]
    picture: Vec<String>,
    /// The norm, by its id with or without the country; `None`: none is near.
    #[serde(default)]
    norm: Option<String>,
    at_stake: bool,
}

/// Prints the table and the suggestion.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(path) = args.plot.as_deref().filter(|path| path.extension().is_none_or(|ending| ending != "svg")) {
        bail!("{} is no name of an SVG file: let it end in .svg", path.display());
    }
    let set = sound_packs(args.policies.as_deref())?;
    let pack = set.pack(args.country).with_context(|| format!("there is no pack for {}", args.country))?;
    let rows = rows(args, &set)?;
    ensure!(rows.iter().any(|row| row.at_stake), "no case is at stake: there is nothing to find");
    let policy = set.of(&in_country(args.country, None, Layers::default()));
    let (scored, models) = runtime()?.block_on(score(args, &policy, &rows))?;
    let tuned = Tuned { policy: &policy, scored, models, budget: args.false_alarms };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n\n{}", tuned.table(), tuned.suggestion(args.country))?;
    if let Some(path) = &args.plot {
        plot::draw(path, &format!("{} ({})", pack.name, args.country), &tuned.panels())?;
        writeln!(out, "\nThe curves are in {}.", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The cases, and behind them the plain questions, which are near no norm.
fn rows(args: &Args, set: &PolicySet) -> anyhow::Result<Vec<Row>> {
    let mut rows = match &args.cases {
        Some(path) => read(path)?,
        None => own(set, args.country),
    };
    let plain = plain::read(args.policies.as_deref())?;
    rows.extend(plain.into_iter().map(|plain| {
        let plain::Plain { language, query, picture } = plain;
        Row { query, language, picture, norm: None, at_stake: false }
    }));
    Ok(rows)
}

fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let row: Row = serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), at + 1))?;
            let stray = row.at_stake && row.norm.is_none();
            ensure!(!stray, "{}:{}: what is at stake needs a \"norm\"", path.display(), at + 1);
            Ok(row)
        })
        .collect()
}

/// The pack's cases that are set in the country.
fn own(set: &PolicySet, country: Country) -> Vec<Row> {
    let cases = set.pack(country).map(|pack| pack.cases.iter()).into_iter().flatten();
    let here = cases.filter(|case| case.country.is_none_or(|elsewhere| elsewhere == country));
    here.map(|case| Row {
        query: case.query.clone(),
        language: case.language,
        picture: case.picture.clone(),
        norm: Some(case.norm.slug().to_owned()),
        at_stake: case.at_stake,
    })
    .collect()
}

/// Probabilities: of the country as a whole, and norm by norm.
struct Curves {
    whole: Scored,
    norms: BTreeMap<NormId, Scored>,
}

/// Asks the models, and returns their own threshold, too.
async fn score(args: &Args, policy: &Policy, rows: &[Row]) -> anyhow::Result<(Curves, f32)> {
    let classifier = args.models.open_on_all_cores()?;
    let bench = Bench::new(&classifier, args.models.caches().as_deref());
    let bar = bar("cases");
    bar.set_length(rows.len() as u64);
    let norms = policy.norms();
    let (bench, bar) = (&bench, &bar);
    let runs = rows.iter().map(|row| async move {
        let findings = bench.findings(Asked { query: &row.query, picture: &row.picture }, norms).await;
        bar.inc(1);
        findings.map(|findings| (row, findings))
    });
    let mut curves = Curves { whole: Scored::default(), norms: BTreeMap::new() };
    let mut models = 0.5;
    for result in stream::iter(runs).buffered(AT_ONCE).collect::<Vec<_>>().await {
        let (row, findings) = result?;
        let Findings::Known { findings, threshold } = findings else { continue };
        models = threshold;
        let odds: BTreeMap<&NormId, f32> =
            findings.iter().map(|finding| (&finding.norm, finding.probability)).collect();
        curves.add(row, norms, &odds)?;
    }
    bar.finish_and_clear();
    Ok((curves, models))
}

impl Curves {
    fn add(&mut self, row: &Row, norms: &[Arc<Norm>], odds: &BTreeMap<&NormId, f32>) -> anyhow::Result<()> {
        let Some(name) = &row.norm else {
            // Near no norm: whatever fires is a false alarm, of the country and of the norm.
            self.whole.harmless.push(odds.values().copied().fold(0.0, f32::max));
            for (norm, probability) in odds {
                self.norms.entry((*norm).clone()).or_default().harmless.push(*probability);
            }
            return Ok(());
        };
        let slug = name.rsplit('/').next().unwrap_or(name);
        let norm = norms.iter().find(|norm| norm.id.slug() == slug);
        let norm =
            norm.with_context(|| format!("the pack has no norm `{name}`, which the case `{}` names", row.query))?;
        let probability = odds.get(&norm.id).copied().unwrap_or_default();
        let one = self.norms.entry(norm.id.clone()).or_default();
        if row.at_stake {
            one.at_stake.push(probability);
            self.whole.at_stake.push(probability);
        } else {
            one.harmless.push(probability);
            self.whole.harmless.push(odds.values().copied().fold(0.0, f32::max));
        }
        Ok(())
    }
}

/// What came of it.
struct Tuned<'a> {
    policy: &'a Policy,
    scored: Curves,
    models: f32,
    budget: f64,
}

impl Tuned<'_> {
    fn now(&self, norm: &NormId) -> f32 {
        self.policy.threshold(norm, self.models)
    }

    /// The norms that some case has at stake. Of the others nothing can be told but that plain questions do not reach them.
    fn with_cases(&self) -> impl Iterator<Item = (&NormId, &Scored)> {
        self.scored.norms.iter().filter(|(_, scored)| !scored.at_stake.is_empty())
    }

    /// A norm's own threshold, where its cases are enough and speak for another one than the country's.
    fn of_norm(&self, scored: &Scored) -> Option<Point> {
        let enough = scored.at_stake.len() >= LEAST_AT_STAKE && scored.harmless.len() >= LEAST_HARMLESS;
        scored.best_within(self.budget).filter(|_| enough)
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["norm", "at stake", "harmless", "now", "recall", "alarms", "suggested", "recall", "alarms"]);
        let whole = &self.scored.whole;
        table.add_row(row("all", whole, whole.at(self.models), whole.best_within(self.budget)));
        for (norm, scored) in self.with_cases() {
            table.add_row(row(norm.slug(), scored, scored.at(self.now(norm)), self.of_norm(scored)));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }

    /// The change to the pack, as TOML.
    fn suggestion(&self, country: Country) -> String {
        let whole = self.scored.whole.best_within(self.budget);
        let Some(whole) = whole else { return "There are too few cases to suggest anything.".to_owned() };
        let mut text = format!(
            "# {country}.toml, above the first [[norm]]: {}\nthreshold = {:.2}\n",
            shown(&whole),
            whole.threshold
        );
        for (norm, scored) in self.with_cases() {
            if let Some(own) = self.of_norm(scored).filter(|own| (own.threshold - whole.threshold).abs() > 0.05) {
                // Writing to a String cannot fail.
                let _ = write!(
                    text,
                    "\n# in the norm {}: {}\nthreshold = {:.2}\n",
                    norm.slug(),
                    shown(&own),
                    own.threshold
                );
            }
        }
        let few = self.with_cases().filter(|(_, scored)| self.of_norm(scored).is_none()).count();
        let _ = write!(
            text,
            "\n# {few} norms have fewer than {LEAST_AT_STAKE} cases at stake or {LEAST_HARMLESS} harmless ones: the country's threshold serves them."
        );
        text
    }

    fn panels(&self) -> Vec<Panel> {
        let whole = Panel {
            title: "all norms".to_owned(),
            scored: self.scored.whole.clone(),
            now: self.models,
            suggested: self.scored.whole.best_within(self.budget).map(|point| point.threshold),
        };
        let norms = self.with_cases().map(|(norm, scored)| Panel {
            title: norm.slug().to_owned(),
            scored: scored.clone(),
            now: self.now(norm),
            suggested: self.of_norm(scored).map(|point| point.threshold),
        });
        std::iter::once(whole).chain(norms).collect()
    }
}

fn row(name: &str, scored: &Scored, now: Point, suggested: Option<Point>) -> Vec<String> {
    let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}"));
    let mut cells = vec![
        name.to_owned(),
        scored.at_stake.len().to_string(),
        scored.harmless.len().to_string(),
        format!("{:.2}", now.threshold),
        share(now.recall),
        share(now.alarms),
    ];
    match suggested {
        Some(point) => cells.extend([format!("{:.2}", point.threshold), share(point.recall), share(point.alarms)]),
        None => cells.extend(["-".to_owned(), String::new(), String::new()]),
    }
    cells
}

fn shown(point: &Point) -> String {
    let share = |share: Option<f64>| share.unwrap_or_default();
    format!("recall {:.2}, false alarms {:.2} on these cases", share(point.recall), share(point.alarms))
}
