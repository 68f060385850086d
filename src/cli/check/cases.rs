//! Cases through the models: what they say of each, with what they said before kept by its content.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};

use crate::classify::{Classifier, Shelf, norm_key};
use crate::domain::{
    Context, Country, Evidence, Finding, Findings, Language, Layers, Norm, NormId, Place, PlaceSource,
};
use crate::policy::{Case, PolicySet, decide};

/// The longest that one case may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Cases under way at once: enough to keep every thread at work.
const AT_ONCE: usize = 16;
/// The most norms of which one question's results are kept: more than there are, until packs have changed many times.
const MOST_KEPT: usize = 4096;
/// How much of a norm's key stands in a kept result.
const KEY: usize = 16;

/// A question for the models, with the names of what its pictures show.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Asked<'a> {
    pub(in crate::cli) query: &'a str,
    pub(in crate::cli) picture: &'a [String],
}

/// The models, and what they said before.
pub(in crate::cli) struct Bench<'a> {
    classifier: &'a Classifier,
    shelf: Option<Shelf>,
}

impl<'a> Bench<'a> {
    pub(in crate::cli) fn new(classifier: &'a Classifier, caches: Option<&std::path::Path>) -> Self {
        let shelf = caches.and_then(|dir| Shelf::open(dir, "cases", &classifier.key()));
        Self { classifier, shelf }
    }

    /// Embeds the norms, as far as that was not done before.
    pub(in crate::cli) async fn prepare(&self, set: &PolicySet) -> anyhow::Result<()> {
        let norms: Vec<Arc<Norm>> = set.norms().cloned().collect();
        let prepared = self.classifier.prepare(&norms).await;
        prepared.map_err(|why| {
            anyhow::anyhow!("the models could not embed the norms ({why}); try again, or with --backend rten")
        })
    }

    /// How likely each norm is at stake, and the models' threshold. Of norms whose texts did not change since the last time, that of then is returned.
    pub(in crate::cli) async fn findings(&self, asked: Asked<'_>, norms: &[Arc<Norm>]) -> anyhow::Result<Findings> {
        let key = key(asked);
        let kept = self.shelf.as_ref().and_then(|shelf| Kept::read(&shelf.get(&key)?)).unwrap_or_default();
        let known = |norm: &Arc<Norm>| kept.odds.get(&short(&norm_key(norm))).copied();
        let missing: Vec<Arc<Norm>> = norms.iter().filter(|norm| known(norm).is_none()).cloned().collect();
        let (mut threshold, mut fresh) = (kept.threshold, BTreeMap::new());
        if !missing.is_empty() {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            let said = self.classifier.classify_named(asked.query, asked.picture, &missing, deadline).await;
            let Findings::Known { findings, threshold: now } = said else {
                anyhow::bail!(
                    "the models could not read `{}`: {said:?}; try again, or with --backend rten",
                    asked.query
                );
            };
            threshold = now;
            fresh = findings.into_iter().map(|finding| (finding.norm, finding.probability)).collect();
            self.keep(&key, kept.clone(), threshold, &missing, &fresh);
        }
        let odds = |norm: &Arc<Norm>| fresh.get(&norm.id).copied().or_else(|| known(norm));
        let finding = |norm: &Arc<Norm>| {
            let probability = odds(norm)?;
            Some(Finding { norm: norm.id.clone(), probability, evidence: Evidence::Query })
        };
        let mut findings: Vec<Finding> = norms.iter().filter_map(finding).collect();
        findings.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok(Findings::Known { findings, threshold })
    }

    fn keep(&self, key: &[u8; 32], mut all: Kept, threshold: f32, norms: &[Arc<Norm>], odds: &BTreeMap<NormId, f32>) {
        let Some(kept) = &self.shelf else { return };
        all.threshold = threshold;
        if all.odds.len() + norms.len() > MOST_KEPT {
            all.odds.clear();
        }
        all.odds.extend(norms.iter().filter_map(|norm| Some((short(&norm_key(norm)), *odds.get(&norm.id)?))));
        kept.put(key, &all.write());
    }
}

fn key(asked: Asked<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for text in std::iter::once(asked.query).chain(asked.picture.iter().map(String::as_str)) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

fn short(key: &[u8; 32]) -> [u8; KEY] {
    let mut short = [0; KEY];
    short.copy_from_slice(key.split_at(KEY).0);
    short
}

/// What was said of one question, norm by norm.
#[derive(Debug, Clone, Default, PartialEq)]
struct Kept {
    threshold: f32,
    odds: BTreeMap<[u8; KEY], f32>,
}

impl Kept {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (threshold, rest) = bytes.split_first_chunk::<4>()?;
        let (rows, rest) = rest.as_chunks::<{ KEY + 4 }>();
        let row = |row: &[u8; KEY + 4]| {
            let (key, odds) = (row.first_chunk::<KEY>()?, row.last_chunk::<4>()?);
            Some((*key, f32::from_le_bytes(*odds)))
        };
        let odds = rows.iter().map(row).collect::<Option<_>>()?;
        rest.is_empty().then(|| Self { threshold: f32::from_le_bytes(*threshold), odds })
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = self.threshold.to_le_bytes().to_vec();
        for (key, odds) in &self.odds {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(&odds.to_le_bytes());
        }
        bytes
    }
}

/// How a case came out.
pub(super) struct Outcome<'a> {
    pub(super) case: &'a Case,
    pub(super) probability: f32,
    pub(super) threshold: f32,
    pub(super) fired: bool,
    pub(super) first: bool,
}

/// Runs the cases of all packs and overlays.
pub(super) async fn run<'a>(
    bench: &Bench<'_>,
    set: &'a PolicySet,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Outcome<'a>>> {
    let of_packs = set.countries().filter_map(|country| set.pack(country)).flat_map(|pack| &pack.cases);
    let cases: Vec<&Case> = of_packs.chain(set.overlays().iter().flat_map(|overlay| &overlay.cases)).collect();
    bar.set_length(cases.len() as u64);
    let runs = cases.into_iter().map(|case| async move {
        let outcome = run_one(bench, set, case).await;
        bar.inc(1);
        outcome
    });
    stream::iter(runs).buffered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect()
}

async fn run_one<'a>(bench: &Bench<'_>, set: &PolicySet, case: &'a Case) -> anyhow::Result<Outcome<'a>> {
    // A case elsewhere is judged by that country's pack: the norm is not in play there, so it cannot fire.
    let country = case.country.unwrap_or(case.norm.country());
    let context = in_country(country, Some(case.language), case.layers.clone());
    let policy = set.of(&context);
    let asked = Asked { query: &case.query, picture: &case.picture };
    let findings = bench.findings(asked, policy.norms()).await?;
    let decision = decide(&policy, &context, &findings);
    let Findings::Known { findings, threshold } = &findings else { anyhow::bail!("the models said nothing") };
    let found = findings.iter().find(|finding| finding.norm == case.norm);
    Ok(Outcome {
        case,
        probability: found.map_or(0.0, |finding| finding.probability),
        threshold: policy.threshold(&case.norm, *threshold),
        fired: decision.norms.iter().any(|ruling| ruling.norm.id == case.norm),
        first: findings.first().is_some_and(|finding| finding.norm == case.norm),
    })
}

/// The context of a turn in one country.
pub(in crate::cli) fn in_country(country: Country, language: Option<Language>, layers: Layers) -> Context {
    let place = Place { country, source: PlaceSource::Header, name: None, regions: Vec::new() };
    Context { places: vec![place], conflicts: Vec::new(), language, layers }
}

/// A bar on the terminal; hidden where there is none.
pub(in crate::cli) fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    match ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_question_comes_back() {
        let odds = BTreeMap::from([([1; KEY], 0.25), ([2; KEY], 0.5)]);
        let kept = Kept { threshold: 0.4, odds };
        assert_eq!(Kept::read(&kept.write()), Some(kept.clone()));
        let cut = kept.write();
        assert_eq!(Kept::read(cut.get(..cut.len() - 1).unwrap()), None);
        assert_eq!(Kept::read(&[]), None);
    }
}
