//! What a check found, for people, for programs and for GitHub.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::{Country, NormId};
use crate::policy::{PolicySet, Problem, Severity};

use super::cases::Outcome;
use super::plain::Alarms;

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people and editors.
    Text,
    /// One object.
    Json,
    /// Annotations of GitHub Actions.
    Github,
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Report {
    /// Of the files, and of cases that fail anew.
    pub(super) problems: Vec<Problem>,
    /// What holds for the packs as a whole; `None` where they have mistakes.
    pub(super) packs: Option<Packs>,
    pub(super) cases: Option<Cases>,
    pub(super) plain: BTreeMap<Country, Alarms>,
    pub(super) written: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Packs {
    hash: String,
    norms: usize,
    countries: usize,
    overlays: usize,
}

impl Packs {
    pub(super) fn of(set: &PolicySet) -> Self {
        let (norms, countries) = (set.norms().count(), set.countries().count());
        Self { hash: set.hash().to_owned(), norms, countries, overlays: set.overlays().len() }
    }
}

/// What came of the cases.
#[derive(Debug, Default, Serialize)]
pub(super) struct Cases {
    pub(super) all: usize,
    pub(super) hold: usize,
    pub(super) fail_as_known: usize,
    pub(super) fail_anew: usize,
    /// Known misses that hold now.
    pub(super) mended: usize,
    pub(super) countries: BTreeMap<String, Counts>,
}

/// Recall beside false alarms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    at_stake: usize,
    found: usize,
    right_norm_first: usize,
    not_at_stake: usize,
    false_alarms: usize,
}

impl Counts {
    fn add(&mut self, outcome: &Outcome<'_>) {
        if outcome.case.at_stake {
            self.at_stake += 1;
            self.found += usize::from(outcome.fired);
            self.right_norm_first += usize::from(outcome.first);
        } else {
            self.not_at_stake += 1;
            self.false_alarms += usize::from(outcome.fired);
        }
    }
}

impl Cases {
    pub(super) fn count(&mut self, outcome: &Outcome<'_>) {
        for key in [outcome.case.norm.country().to_string(), "all".to_owned()] {
            self.countries.entry(key).or_default().add(outcome);
        }
        self.all += 1;
        self.hold += usize::from(outcome.holds());
    }
}

impl Report {
    pub(super) fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    pub(super) fn write(&self, out: &mut impl Write, format: Format) -> io::Result<()> {
        match format {
            Format::Text => self.text(out),
            Format::Json => writeln!(out, "{:#}", self.json()),
            Format::Github => self.github(out),
        }
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(out, "{problem}")?;
        }
        let Some(packs) = &self.packs else {
            return writeln!(out, "{} mistakes; no case was run", self.errors());
        };
        let Packs { hash, norms, countries, overlays } = packs;
        let with = if *overlays == 0 { String::new() } else { format!(" and {overlays} overlays") };
        writeln!(out, "{norms} norms of {countries} countries{with} are sound (hash {hash})")?;
        if let Some(cases) = &self.cases {
            writeln!(out, "\n{}\n", self.table(cases))?;
            let Cases { all, hold, fail_as_known, fail_anew, .. } = cases;
            writeln!(out, "{hold} of {all} cases hold; {fail_as_known} fail as known, {fail_anew} fail anew")?;
        }
        self.plain_text(out)?;
        if let Some(written) = self.written {
            writeln!(out, "{written} cases that the models miss are written to the list")?;
        } else if let Some(mended) = self.cases.as_ref().map(|cases| cases.mended).filter(|mended| *mended > 0) {
            writeln!(out, "{mended} known misses hold now: run `comity check DIR --write-known` to shorten the list")?;
        }
        Ok(())
    }

    fn plain_text(&self, out: &mut impl Write) -> io::Result<()> {
        let (questions, alarms) = self
            .plain
            .values()
            .fold((0, 0), |(questions, alarms), country| (questions + country.questions, alarms + country.raised));
        if questions == 0 {
            return Ok(());
        }
        writeln!(out, "of {questions} plain questions, {alarms} raise a false alarm ({})", percent(alarms, questions))?;
        let loudest = self.loudest();
        let named: Vec<String> = loudest.iter().take(5).map(|(norm, times)| format!("{norm} {times}")).collect();
        if !named.is_empty() {
            writeln!(out, "the norms that do so most often: {}", named.join(", "))?;
        }
        Ok(())
    }

    /// The norms that fire at plain questions, the most frequent first.
    fn loudest(&self) -> Vec<(&NormId, usize)> {
        let mut norms: Vec<(&NormId, usize)> =
            self.plain.values().flat_map(|alarms| &alarms.norms).map(|(norm, times)| (norm, *times)).collect();
        norms.sort_by(|(a, often), (b, seldom)| seldom.cmp(often).then(a.cmp(b)));
        norms
    }

    fn table(&self, cases: &Cases) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["country", "at stake", "found", "right norm first", "not at stake", "false alarms", "plain"]);
        for (key, counts) in &cases.countries {
            let Counts { at_stake, found, right_norm_first, not_at_stake, false_alarms } = *counts;
            let plain = key.parse().ok().and_then(|country: Country| self.plain.get(&country));
            table.add_row([
                key.clone(),
                at_stake.to_string(),
                share(found, at_stake),
                share(right_norm_first, at_stake),
                not_at_stake.to_string(),
                share(false_alarms, not_at_stake),
                plain.map_or_else(String::new, |alarms| percent(alarms.raised, alarms.questions)),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }

    fn json(&self) -> Value {
        let problem = |problem: &Problem| {
            let Problem { path, line, column, severity, message } = problem;
            json!({ "path": path, "line": line, "column": column, "severity": severity.to_string(), "message": message })
        };
        let plain: BTreeMap<String, Value> = self
            .plain
            .iter()
            .map(|(country, Alarms { questions, raised, norms })| {
                let norms: BTreeMap<String, usize> = norms.iter().map(|(norm, n)| (norm.to_string(), *n)).collect();
                (country.to_string(), json!({ "questions": questions, "alarms": raised, "norms": norms }))
            })
            .collect();
        json!({
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
            "packs": self.packs,
            "cases": self.cases,
            "plain": plain,
        })
    }

    /// Workflow commands: they stand beside the lines of a pull request.
    fn github(&self, out: &mut impl Write) -> io::Result<()> {
        for Problem { path, line, column, severity, message } in &self.problems {
            let (path, message) = (escaped(path, true), escaped(message, false));
            let place = if *line == 0 { String::new() } else { format!(",line={line},col={column}") };
            writeln!(out, "::{severity} file={path}{place}::{message}")?;
        }
        Ok(())
    }
}

/// The escapes of GitHub's workflow commands; a property has more of them.
fn escaped(text: &str, property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}

fn share(part: usize, of: usize) -> String {
    if of == 0 { "-".to_owned() } else { format!("{part} ({})", percent(part, of)) }
}

fn percent(part: usize, of: usize) -> String {
    (part * 100 + of / 2).checked_div(of).map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_cannot_be_broken_by_what_they_say() {
        let message = "100 % wrong:\n::error::, said it".to_owned();
        let problem = Problem { path: "a,b:c.toml".into(), line: 3, column: 7, severity: Severity::Warning, message };
        let report = Report { problems: vec![problem], ..Report::default() };
        let mut out = Vec::new();
        report.write(&mut out, Format::Github).unwrap();
        let expected = "::warning file=a%2Cb%3Ac.toml,line=3,col=7::100 %25 wrong:%0A::error::, said it\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
