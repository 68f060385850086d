//! What was measured, as tables or as one JSON object.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::classify::Classifier;
use crate::gateway::Policies;

use super::figures::{Figures, Odds, Outcome, Tally, area, times};
use super::set::{Graded, Item, Shown};

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One object.
    Json,
}

/// A bound for a figure: `recall=0.6`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    figure: String,
    value: f64,
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (figure, value) = text.split_once('=').ok_or("write FIGURE=VALUE, such as recall=0.6")?;
        // Nothing is above or below NaN: such a bound would always hold.
        let number = value.trim().parse().ok().filter(|number: &f64| number.is_finite());
        let value = number.ok_or_else(|| format!("`{value}` is no number"))?;
        Ok(Self { figure: figure.trim().to_owned(), value })
    }
}

/// What the models say of an answer, each in 0..=1; `None` where it was not judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grade {
    pub(super) breaches: Option<f32>,
    pub(super) aware: Option<f32>,
    pub(super) educates: Option<f32>,
    pub(super) helpful: Option<f32>,
}

/// A group of items: by what, and which.
type Key = (&'static str, String);

/// An item that others of its group are held against: the groups that it counts in, and its norms' odds.
type Kin = (Vec<Key>, Odds);

/// Everything that was measured.
pub(super) struct Report {
    models: String,
    backend: String,
    policies: String,
    all: Tally,
    groups: BTreeMap<Key, Tally>,
    /// Items by what they share with their near misses.
    kin: BTreeMap<(String, String), Vec<Kin>>,
    /// What the models say beside what people say.
    answers: BTreeMap<&'static str, Vec<(f32, bool)>>,
    missing: Vec<String>,
    by_name: usize,
    with_picture: Vec<Duration>,
    text_alone: Vec<Duration>,
}

impl Report {
    pub(super) fn new(classifier: &Classifier, policies: &Policies) -> Self {
        Self {
            models: classifier.hash().to_owned(),
            backend: classifier.backend(),
            policies: policies.set.hash().to_owned(),
            all: Tally::default(),
            groups: BTreeMap::new(),
            kin: BTreeMap::new(),
            answers: BTreeMap::new(),
            missing: Vec::new(),
            by_name: 0,
            with_picture: Vec::new(),
            text_alone: Vec::new(),
        }
    }

    pub(super) fn item(&mut self, item: &Item, outcome: Outcome, odds: Odds, time: Option<Duration>) {
        self.all.add(outcome);
        let language = item.language.map_or_else(|| "not told".to_owned(), |language| language.to_string());
        let english = if language == "en" { "English" } else { "all others" };
        let mut groups = vec![
            ("country", item.country.to_string()),
            ("language", language.clone()),
            ("languages", english.to_owned()),
            ("kind", item.kind.clone()),
        ];
        if item.needs_photo {
            groups.push(("photograph", "needed".to_owned()));
        } else {
            groups.push(("photograph", "not needed".to_owned()));
        }
        for key in &groups {
            self.groups.entry(key.clone()).or_default().add(outcome);
        }
        if let Some(group) = &item.group {
            self.pair(group, &language, groups, odds);
        }
        if outcome.at_stake && !outcome.in_pack {
            self.missing.push(item.id.clone());
        }
        self.by_name += usize::from(matches!(item.picture, Some(Shown::Name(_))));
        match (&item.picture, time) {
            (Some(_), Some(time)) => self.with_picture.push(time),
            (None, Some(time)) => self.text_alone.push(time),
            (_, None) => {}
        }
    }

    /// Pairs an item with those of its group and language that came before it.
    fn pair(&mut self, group: &str, language: &str, keys: Vec<Key>, odds: Odds) {
        let kin = self.kin.entry((group.to_owned(), language.to_owned())).or_default();
        for (others, other) in &*kin {
            let (keys, at_stake, near_miss) = match (odds.right.is_empty(), other.right.is_empty()) {
                (false, true) => (&keys, &odds, other),
                (true, false) => (others, other, &odds),
                (true, true) | (false, false) => continue,
            };
            let Some(before) = at_stake.before(near_miss) else { continue };
            self.all.add_pair(before);
            for key in keys {
                self.groups.entry(key.clone()).or_default().add_pair(before);
            }
        }
        kin.push((keys, odds));
    }

    pub(super) fn answer(&mut self, grade: Grade, graded: &Graded) {
        for (name, said, truth) in [
            ("breaches", grade.breaches, graded.breaches),
            ("aware", grade.aware, graded.aware),
            ("educates", grade.educates, graded.educates),
            ("helpful", grade.helpful, graded.helpful),
        ] {
            if let (Some(said), Some(truth)) = (said, truth) {
                self.answers.entry(name).or_default().push((said, truth));
            }
        }
    }

    /// The bounds that do not hold, in words.
    pub(super) fn missed(&self, at_least: &[Bound], at_most: &[Bound]) -> anyhow::Result<Vec<String>> {
        let figures = self.named_figures();
        let known = || figures.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let value = |bound: &Bound| {
            let value = figures.get(&bound.figure);
            value.copied().with_context(|| format!("`{}` was not measured; there are {}", bound.figure, known()))
        };
        let mut missed = Vec::new();
        for bound in at_least {
            let found = value(bound)?;
            if found < bound.value {
                missed.push(format!("{} is {found:.3}, and at least {} was wanted", bound.figure, bound.value));
            }
        }
        for bound in at_most {
            let found = value(bound)?;
            if found > bound.value {
                missed.push(format!("{} is {found:.3}, and at most {} was wanted", bound.figure, bound.value));
            }
        }
        Ok(missed)
    }

    /// The figures for which bounds can be given.
    fn named_figures(&self) -> BTreeMap<String, f64> {
        let mut named = BTreeMap::new();
        let shares = |figures: &Figures| match serde_json::to_value(figures) {
            Ok(Value::Object(fields)) => {
                fields.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect()
            }
            Ok(_) | Err(_) => Vec::new(),
        };
        named.extend(shares(&self.all.figures()));
        if let Some(tally) = self.groups.get(&("photograph", "needed".to_owned())) {
            named.extend(
                shares(&tally.figures()).into_iter().map(|(name, value)| (format!("photograph_needed.{name}"), value)),
            );
        }
        for (name, scored) in &self.answers {
            named.extend(area(scored).map(|area| (format!("answers.{name}"), area)));
        }
        named
    }

    pub(super) fn write(&self, out: &mut impl Write, format: Format) -> io::Result<()> {
        match format {
            Format::Json => writeln!(out, "{:#}", self.json()),
            Format::Table => self.tables(out),
        }
    }

    fn json(&self) -> Value {
        let mut groups: BTreeMap<&str, BTreeMap<&str, Figures>> = BTreeMap::new();
        for ((by, name), tally) in &self.groups {
            groups.entry(by).or_default().insert(name, tally.figures());
        }
        let answers: BTreeMap<&str, Value> = self
            .answers
            .iter()
            .map(|(name, scored)| (*name, json!({ "answers": scored.len(), "auc": area(scored) })))
            .collect();
        json!({
            "models": self.models, "backend": self.backend, "policies": self.policies,
            "all": self.all.figures(), "by": groups, "answers": answers,
            "not_in_any_pack": self.missing, "pictures_by_name": self.by_name,
            "latency": { "with_picture": times(self.with_picture.clone()), "text_alone": times(self.text_alone.clone()) },
        })
    }

    fn tables(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "models {}, {}; policies {}", self.models, self.backend, self.policies)?;
        if self.by_name > 0 {
            writeln!(out, "{} pictures are known by name only", self.by_name)?;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "",
            "at stake",
            "recall",
            "in packs",
            "first",
            "in three",
            "before near miss",
            "harmless",
            "false alarms",
            "calibration",
            "unverified",
        ]);
        table.add_row(cells("all", &self.all.figures()));
        let mut last = "";
        for ((by, name), tally) in &self.groups {
            if *by != last {
                table.add_row([*by]);
                last = by;
            }
            table.add_row(cells(&format!("  {name}"), &tally.figures()));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(out, "\n{table}")?;
        for (name, scored) in &self.answers {
            let area = area(scored).map_or("-".to_owned(), |area| format!("{area:.3}"));
            writeln!(out, "answers, {name}: AUC {area} over {}", scored.len())?;
        }
        for (what, all) in [("with a picture", &self.with_picture), ("text alone", &self.text_alone)] {
            if let Some(times) = times(all.clone()) {
                writeln!(
                    out,
                    "time {what}: p50 {:.1} ms, p95 {:.1} ms over {}",
                    times.p50_ms, times.p95_ms, times.count
                )?;
            }
        }
        if !self.missing.is_empty() {
            writeln!(out, "not in any pack: {}", self.missing.join(", "))?;
        }
        writeln!(
            out,
            "\nrecall: the right norm is the likeliest and the decision is about it; `in packs`: the same among items whose norm a pack holds"
        )
    }
}

fn cells(name: &str, figures: &Figures) -> Vec<String> {
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.2}"));
    vec![
        name.to_owned(),
        figures.at_stake.to_string(),
        share(figures.recall),
        share(figures.recall_in_packs),
        share(figures.first),
        share(figures.in_three),
        share(figures.before_near_miss),
        figures.harmless.to_string(),
        share(figures.false_alarms),
        share(figures.calibration_error),
        figures.unverified.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_read_as_they_are_written() {
        let bound: Bound = "recall=0.6".parse().unwrap();
        assert_eq!(bound, Bound { figure: "recall".into(), value: 0.6 });
        assert!("recall".parse::<Bound>().unwrap_err().contains("FIGURE=VALUE"));
        for text in ["recall=much", "recall=nan", "recall=inf", "recall="] {
            assert!(text.parse::<Bound>().unwrap_err().contains("no number"), "{text}");
        }
    }
}
