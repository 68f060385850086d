//! `comity explain`: each step of one turn, by the same code that `serve` runs.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::classify::Classifier;
use crate::domain::{Country, Hint, JUDGE, Layers, Message, Part, Picture, Role, Turn, Verdict};
use crate::gateway::{Policies, Understood, look_at, understand};
use crate::policy::PolicySet;
use crate::wire::adjust::adjustments;
use crate::{policy, score};

use super::open::{ModelArgs, sound_packs};
use super::runtime;
use super::told::told;

/// A turn is explained however long it takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Flags of `comity explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the user asks
    #[arg(long, value_name = "TEXT")]
    query: String,
    /// The country; without it the place is worked out from the question
    #[arg(long, value_name = "CC")]
    country: Option<Country>,
    /// An overlay for a part of a country; may be given more than once
    #[arg(long, value_name = "NAME")]
    region: Vec<String>,
    /// An overlay for a group; may be given more than once
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// The overlay of a customer
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// What the request wishes for norms, as the header comity-adjust has it
    #[arg(long, value_name = "LIST")]
    adjust: Option<String>,
    /// A picture: png, jpeg, gif or webp; may be given more than once
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// An answer to judge
    #[arg(long, value_name = "TEXT")]
    answer: Option<String>,
    /// The folder of the policy packs [default: those in the program]
    #[arg(long, env = "COMITY_POLICIES", value_name = "DIR")]
    policies: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    models: ModelArgs,
}

/// Explains one turn.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let policies = Arc::new(Policies::new(sound_packs(args.policies.as_deref())?));
    let classifier = args.models.open()?;
    let turn = turn(args)?;
    let hint =
        Hint { header: args.country.into_iter().collect(), layers: layers(args, &policies.set)?, ..Hint::default() };
    let explained = runtime()?.block_on(explain(&classifier, policies, &turn, &hint, args.answer.as_deref()));
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&explained.json())?)?;
    } else {
        write!(out, "{}", explained.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn layers(args: &Args, set: &PolicySet) -> anyhow::Result<Layers> {
    let request = adjustments(args.adjust.as_deref().unwrap_or_default()).context("--adjust")?;
    let (regions, groups, tenant) = (args.region.clone(), args.group.clone(), args.tenant.clone());
    let layers = Layers { regions, groups, tenant, request };
    match set.unknown(&layers).first() {
        Some((layer, name)) => {
            anyhow::bail!("the policies have no {layer} `{name}`: its name is that of its file in the folder overlays")
        }
        None => Ok(layers),
    }
}

fn turn(args: &Args) -> anyhow::Result<Turn> {
    let mut parts = vec![Part::Text(args.query.clone())];
    for path in &args.image {
        let bytes = std::fs::read(path).with_context(|| format!("the picture {} cannot be read", path.display()))?;
        let base64 = base64_simd::STANDARD.encode_to_string(bytes);
        parts.push(Part::Picture(Picture::Inline(Bytes::from(base64))));
    }
    Ok(Turn { messages: vec![Message { role: Some(Role::User), parts }] })
}

/// A turn with all that was said about it.
struct Explained {
    understood: Understood,
    note: Option<String>,
    verdict: Option<Verdict>,
}

async fn explain(
    classifier: &Classifier,
    policies: Arc<Policies>,
    turn: &Turn,
    hint: &Hint,
    answer: Option<&str>,
) -> Explained {
    let understood = understand(classifier, policies, turn, hint, PATIENCE).await;
    let note = policy::note(&understood.decision);
    let verdict = match answer {
        Some(text) => look_at(classifier, &understood, text, PATIENCE).await,
        None => None,
    };
    Explained { understood, note, verdict }
}

impl Explained {
    fn json(&self) -> Value {
        let mut explained = told(&self.understood);
        if let Some(fields) = explained.as_object_mut() {
            fields.insert("note".into(), json!(self.note));
            if let Some(verdict) = &self.verdict {
                let scores = score::scores(&verdict.pieces, &self.understood.at_stake());
                fields.insert("answer".into(), json!({ "verdict": verdict, "scores": scores, "judge": JUDGE }));
            }
        }
        explained
    }

    fn text(&self) -> String {
        let Understood { context, reading, decision, .. } = &self.understood;
        let mut lines = vec![section("Whose culture")];
        for place in &context.places {
            let name = place.name.as_ref().map(|name| format!(" (\"{name}\")")).unwrap_or_default();
            lines.push(format!("  {} {}, by {}{name}", place.country, place.country.name(), place.source));
        }
        if context.places.is_empty() {
            lines.push("  no country is named, so no pack is in play".into());
        }
        lines.push(format!(
            "  language: {}",
            context.language.map_or("not told".to_owned(), |language| language.to_string())
        ));
        lines.push(section("Seen"));
        for seen in &reading.seen {
            let labels: Vec<String> =
                seen.labels.iter().take(3).map(|label| format!("{} {:.2}", label.name, label.probability)).collect();
            let things = seen.things.iter().map(|thing| format!("{} {:.2}", thing.name, thing.probability));
            lines.push(format!("  {}", labels.into_iter().chain(things).collect::<Vec<_>>().join(", ")));
        }
        for coverage in &reading.coverage {
            if let crate::domain::Scan::Unscanned(why) = &coverage.scan {
                lines.push(format!("  not looked at: {} ({why})", coverage.part));
            }
        }
        lines.push(section("Decision"));
        lines.push(format!("  {}", decision.action));
        for step in &decision.trace {
            let norm = step.norm.as_ref().map(|norm| format!("{norm}: ")).unwrap_or_default();
            lines.push(wrapped(&format!("{norm}{}", step.says)));
        }
        if let Some(note) = &self.note {
            lines.push(section("Note for the model"));
            lines.extend(note.lines().map(wrapped));
        }
        if let Some(verdict) = &self.verdict {
            lines.push(section("Answer"));
            lines.extend(self.answer_lines(verdict));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn answer_lines(&self, verdict: &Verdict) -> Vec<String> {
        let scores = score::scores(&verdict.pieces, &self.understood.at_stake());
        let shown = |score: Option<f32>| score.map_or("not judged".to_owned(), |score| format!("{score:.2}"));
        let breached: Vec<String> =
            verdict.breached.iter().map(|(norm, at)| format!("{norm} from byte {at}")).collect();
        vec![
            format!("  {}{}{}", verdict.outcome, if breached.is_empty() { "" } else { ": " }, breached.join(", ")),
            format!("  awareness {}, education {}", shown(scores.awareness), shown(scores.education)),
            format!("  compliance {}, helpfulness {}", shown(scores.compliance), shown(scores.helpfulness)),
        ]
    }
}

fn section(name: &str) -> String {
    format!("\n{name}")
}

fn wrapped(line: &str) -> String {
    textwrap::fill(line, textwrap::Options::new(80).initial_indent("  ").subsequent_indent("    "))
}
