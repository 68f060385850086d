//! Plain questions: everyday ones that put nothing at stake anywhere. How often a pack fires at them is its rate of false alarms.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures_util::stream::{self, StreamExt};
use indicatif::ProgressBar;

use crate::domain::{Country, Decision, Findings, Language, Layers, Norm, NormId};
use crate::policy::{PolicySet, decide};

use super::cases::{Asked, Bench, in_country};

/// The file of plain questions beside the packs: a line each, the language and the question, and what a photograph shows, separated by tabs.
const FILE: &str = "plain.tsv";
/// Questions under way at once.
const AT_ONCE: usize = 16;

/// A question at which nothing should be at stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Plain {
    pub(in crate::cli) language: Language,
    pub(in crate::cli) query: String,
    /// What the photograph shows; at most one name.
    pub(in crate::cli) picture: Vec<String>,
}

/// What a pack made of the plain questions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Alarms {
    pub(super) questions: usize,
    /// Questions at which something was found to be at stake.
    pub(super) raised: usize,
    /// The norms that were, and how often.
    pub(super) norms: BTreeMap<NormId, usize>,
}

/// The plain questions beside the packs, or those in the program.
pub(in crate::cli) fn read(dir: Option<&Path>) -> anyhow::Result<Vec<Plain>> {
    let (path, text) = match dir.map(|dir| dir.join(FILE)) {
        None => ("policies/plain.tsv".to_owned(), None),
        Some(path) => match fs::read_to_string(&path) {
            Ok(text) => (path.display().to_string(), Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (path.display().to_string(), None),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        },
    };
    let text = text.as_deref().unwrap_or(include_str!("../../../policies/plain.tsv"));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|(at, line)| one(line).with_context(|| format!("{path}:{}:1", at + 1))).collect()
}

fn one(line: &str) -> anyhow::Result<Plain> {
    let mut cells = line.split('\t').map(str::trim);
    let (Some(language), Some(query)) = (cells.next(), cells.next().filter(|query| !query.is_empty())) else {
        bail!("write the language and the question, separated by a tab");
    };
    let picture = cells.next().filter(|picture| !picture.is_empty()).map(str::to_owned);
    Ok(Plain { language: language.parse()?, query: query.to_owned(), picture: picture.into_iter().collect() })
}

/// Asks every plain question in every country.
pub(super) async fn run(
    bench: &Bench<'_>,
    set: &PolicySet,
    plain: &[Plain],
    bar: &ProgressBar,
) -> anyhow::Result<BTreeMap<Country, Alarms>> {
    let norms: Vec<Arc<Norm>> = set.norms().cloned().collect();
    bar.set_length(plain.len() as u64);
    let norms = &norms;
    let runs = plain.iter().map(|plain| async move {
        // The models read a question once for all countries; the decisions about it differ.
        let findings = bench.findings(Asked { query: &plain.query, picture: &plain.picture }, norms).await;
        bar.inc(1);
        findings.map(|findings| (plain, findings))
    });
    let mut all: BTreeMap<Country, Alarms> = BTreeMap::new();
    for result in stream::iter(runs).buffered(AT_ONCE).collect::<Vec<_>>().await {
        let (plain, findings) = result?;
        for country in set.countries() {
            all.entry(country).or_default().add(&decided(set, country, plain, &findings));
        }
    }
    Ok(all)
}

fn decided(set: &PolicySet, country: Country, plain: &Plain, findings: &Findings) -> Decision {
    let context = in_country(country, Some(plain.language), Layers::default());
    decide(&set.of(&context), &context, findings)
}

impl Alarms {
    fn add(&mut self, decision: &Decision) {
        self.questions += 1;
        self.raised += usize::from(!decision.norms.is_empty());
        for ruling in &decision.norms {
            *self.norms.entry(ruling.norm.id.clone()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_questions_that_ship_are_sound() {
        let plain = read(None).unwrap();
        let languages: std::collections::BTreeSet<_> = plain.iter().map(|plain| plain.language).collect();
        assert!(plain.len() >= 150 && languages.len() >= 14, "{} in {}", plain.len(), languages.len());
        let queries: std::collections::BTreeSet<_> = plain.iter().map(|plain| &plain.query).collect();
        assert_eq!(queries.len(), plain.len(), "no question twice");
    }

    #[test]
    fn a_line_that_is_none_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "# head\nen\tWhere is the museum?\nen Where?\n").unwrap();
        let told = format!("{:#}", read(Some(folder.path())).unwrap_err());
        assert!(told.contains("plain.tsv:3:1: write the language and the question"), "{told}");
    }
}
