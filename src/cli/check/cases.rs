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

    /// How likely each norm is at stake, and the models' threshold. What was said of the same question and the same norms the last time is returned: a norm's
    /// probability hangs on the others in play, since only the likeliest are read closely.
    pub(in crate::cli) async fn findings(&self, asked: Asked<'_>, norms: &[Arc<Norm>]) -> anyhow::Result<Findings> {
        let key = key(asked, norms);
        let kept = self.shelf.as_ref().and_then(|shelf| Kept::read(&shelf.get(&key)?, norms.len()));
        let Kept { threshold, odds } = match kept {
            Some(kept) => kept,
            None => self.ask(asked, norms, &key).await?,
        };
        let finding = |(norm, probability): (&Arc<Norm>, f32)| Finding {
            norm: norm.id.clone(),
            probability,
            evidence: Evidence::Query,
        };
        let mut findings: Vec<Finding> = norms.iter().zip(odds).map(finding).collect();
        findings.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok(Findings::Known { findings, threshold })
    }

    async fn ask(&self, asked: Asked<'_>, norms: &[Arc<Norm>], key: &[u8; 32]) -> anyhow::Result<Kept> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let said = self.classifier.classify_named(asked.query, asked.picture, norms, deadline).await;
        let Findings::Known { findings, threshold } = said else {
            anyhow::bail!("the models could not read `{}`: {said:?}; try again, or with --backend rten", asked.query);
        };
        let said: BTreeMap<NormId, f32> =
            findings.into_iter().map(|finding| (finding.norm, finding.probability)).collect();
        let odds = norms.iter().map(|norm| said.get(&norm.id).copied().unwrap_or_default()).collect();
        let kept = Kept { threshold, odds };
        if let Some(shelf) = &self.shelf {
            shelf.put(key, &kept.write());
        }
        Ok(kept)
    }
}

fn key(asked: Asked<'_>, norms: &[Arc<Norm>]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for text in std::iter::once(asked.query).chain(asked.picture.iter().map(String::as_str)) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.update(&[0]);
    for norm in norms {
        hasher.update(&norm_key(norm));
    }
    *hasher.finalize().as_bytes()
}

/// What was said of one question, one probability for each norm.
#[derive(Debug, Clone, Default, PartialEq)]
struct Kept {
    threshold: f32,
    odds: Vec<f32>,
}

impl Kept {
    fn read(bytes: &[u8], norms: usize) -> Option<Self> {
        let (threshold, rest) = bytes.split_first_chunk::<4>()?;
        let (odds, rest) = rest.as_chunks::<4>();
        let odds: Vec<f32> = odds.iter().map(|odds| f32::from_le_bytes(*odds)).collect();
        let whole = rest.is_empty() && odds.len() == norms;
        whole.then(|| Self { threshold: f32::from_le_bytes(*threshold), odds })
    }

    fn write(&self) -> Vec<u8> {
        let numbers = std::iter::once(&self.threshold).chain(&self.odds);
        numbers.flat_map(|number| number.to_le_bytes()).collect()
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
        let kept = Kept { threshold: 0.4, odds: vec![0.25, 0.5] };
        assert_eq!(Kept::read(&kept.write(), 2), Some(kept.clone()));
        assert_eq!(Kept::read(&kept.write(), 3), None);
        let cut = kept.write();
        assert_eq!(Kept::read(cut.get(..cut.len() - 1).unwrap(), 2), None);
        assert_eq!(Kept::read(&[], 0), None);
    }
}
