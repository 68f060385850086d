//! Items through the models, one after the other: times are those of a turn that has the machine to itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::classify::Classifier;
use crate::cli::check::cases::bar;
use crate::cli::told::told;
use crate::domain::{Findings, Hint, Message, Norm, Part, Picture, Role, Turn, Verdict};
use crate::gateway::{Policies, Understood, judge_by_norms, understand, understand_named};
use crate::score;

use super::figures::{Odds, Outcome};
use super::report::{Grade, Report};
use super::set::{Item, Right, Shown};

/// The longest that one item may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads every item, and gives `row` one line for each.
pub(super) async fn all(
    classifier: &Classifier,
    policies: &Arc<Policies>,
    items: &[Item],
    report: &mut Report,
    mut row: impl FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let norms: Vec<Arc<Norm>> = policies.set.norms().cloned().collect();
    let prepared = classifier.prepare(&norms).await;
    prepared.map_err(|why| anyhow::anyhow!("the models could not embed the norms ({why})"))?;
    let bar = bar("questions");
    bar.set_length(items.len() as u64);
    for item in items {
        let (understood, time) = read(classifier, policies, item).await?;
        let outcome = outcome(item, &understood);
        report.item(item, outcome, odds(item, &understood), time);
        let graded = grades(classifier, item, &understood, report).await;
        row(&line(item, &understood, &outcome, &graded))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Reads one item as a request with its country in the header would be read. The time is `None` where a name stands in for the photograph.
async fn read(
    classifier: &Classifier,
    policies: &Arc<Policies>,
    item: &Item,
) -> anyhow::Result<(Understood, Option<Duration>)> {
    let hint = Hint { header: vec![item.country], ..Hint::default() };
    let mut parts = vec![Part::Text(item.query.clone())];
    match &item.picture {
        Some(Shown::Name(name)) => {
            let shows = std::slice::from_ref(name);
            let policies = Arc::clone(policies);
            let understood = understand_named(classifier, policies, &item.query, shows, &hint, PATIENCE).await;
            return Ok((understood, None));
        }
        Some(Shown::Photo(path)) => {
            let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let base64 = base64_simd::STANDARD.encode_to_string(bytes);
            parts.push(Part::Picture(Picture::Inline(Bytes::from(base64))));
        }
        None => {}
    }
    let turn = Turn { messages: vec![Message { role: Some(Role::User), parts }] };
    let begun = Instant::now();
    let understood = understand(classifier, Arc::clone(policies), &turn, &hint, PATIENCE).await;
    Ok((understood, Some(begun.elapsed())))
}

fn outcome(item: &Item, understood: &Understood) -> Outcome {
    let right = item.right.as_ref();
    let is_right = |norm: &Norm| right.is_some_and(|right| right.is(norm));
    let known: BTreeMap<_, bool> = understood.policy.norms().iter().map(|norm| (&norm.id, is_right(norm))).collect();
    let findings: &[_] = match &understood.reading.findings {
        Findings::Known { findings, .. } => findings,
        Findings::Unknown(_) => &[],
    };
    let fired = &understood.decision.norms;
    Outcome {
        at_stake: right.is_some(),
        in_pack: known.values().any(|right| *right),
        rank: findings.iter().position(|finding| known.get(&finding.norm) == Some(&true)),
        fired: !fired.is_empty(),
        right_fired: fired.iter().any(|ruling| is_right(&ruling.norm)),
        best: findings.first().map(|finding| finding.probability),
        unverified: matches!(understood.reading.findings, Findings::Unknown(_)),
    }
}

fn odds(item: &Item, understood: &Understood) -> Odds {
    let right = |norm: &&Arc<Norm>| item.right.as_ref().is_some_and(|right| right.is(norm));
    let right = understood.policy.norms().iter().filter(right).map(|norm| norm.id.clone()).collect();
    let found = match &understood.reading.findings {
        Findings::Known { findings, .. } => findings.iter().map(|one| (one.norm.clone(), one.probability)).collect(),
        Findings::Unknown(_) => BTreeMap::new(),
    };
    Odds { right, found }
}

/// The answers' grades beside what people say. They are judged by the right norm, found or not: this measures the judge alone. Without that norm in a pack
/// there is nothing to judge by.
async fn grades(classifier: &Classifier, item: &Item, understood: &Understood, report: &mut Report) -> Vec<Value> {
    let right = |right: &Right| understood.policy.norms().iter().filter(|norm| right.is(norm)).cloned().collect();
    let norms: Vec<Arc<Norm>> = item.right.as_ref().map(right).unwrap_or_default();
    let norms = likeliest(norms, understood);
    let mut told = Vec::new();
    for answer in item.answers.iter().filter(|_| !norms.is_empty()) {
        let verdict = judge_by_norms(classifier, understood, norms.clone(), &answer.text, PATIENCE).await;
        report.answer(grade(&verdict, &norms), answer);
        told.push(json!({ "verdict": verdict }));
    }
    told
}

/// Of several norms that count as the right one, the likeliest.
fn likeliest(mut norms: Vec<Arc<Norm>>, understood: &Understood) -> Vec<Arc<Norm>> {
    if let Findings::Known { findings, .. } = &understood.reading.findings {
        let place = |norm: &Arc<Norm>| findings.iter().position(|finding| finding.norm == norm.id);
        norms.sort_by_key(|norm| place(norm).unwrap_or(usize::MAX));
    }
    norms.truncate(1);
    norms
}

fn grade(verdict: &Verdict, norms: &[Arc<Norm>]) -> Grade {
    let ids: Vec<_> = norms.iter().map(|norm| norm.id.clone()).collect();
    let scores = score::scores(&verdict.pieces, &ids);
    Grade {
        breaches: scores.compliance.map(|compliance| 1.0 - compliance),
        aware: scores.awareness,
        educates: scores.education,
        helpful: scores.helpfulness,
    }
}

fn line(item: &Item, understood: &Understood, outcome: &Outcome, answers: &[Value]) -> Value {
    let mut line = told(understood);
    if let Some(fields) = line.as_object_mut() {
        fields.insert("id".into(), json!(item.id));
        fields.insert("kind".into(), json!(item.kind));
        fields.insert("picture_by_name".into(), json!(matches!(item.picture, Some(Shown::Name(_)))));
        fields.insert("at_stake".into(), json!(outcome.at_stake));
        fields.insert("in_pack".into(), json!(outcome.in_pack));
        fields.insert("right_norm_rank".into(), json!(outcome.rank.map(|rank| rank + 1)));
        fields.insert("right_norm_fired".into(), json!(outcome.right_fired));
        if !answers.is_empty() {
            fields.insert("answers".into(), json!(answers));
        }
    }
    line
}
