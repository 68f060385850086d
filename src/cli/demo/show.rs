//! How the demo looks in a terminal of 80 columns.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use textwrap::Options;

use crate::domain::{Action, AnswerRecord, Mode, Outcome, Record};
use crate::wire::sse;
use crate::wire::{Answer, Api, Event};

use super::scenes::{Expected, Scene};

const WIDTH: usize = 80;

/// A scene, played.
pub(super) struct Played {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) same_bytes: bool,
    pub(super) record: Record,
    pub(super) expects: Expected,
}

impl Played {
    fn outcome(&self) -> Outcome {
        self.record.answer.as_ref().map_or(Outcome::Unguarded, |answer| answer.outcome)
    }

    /// What did not go as told.
    pub(super) fn faults(&self) -> Vec<String> {
        let (record, expects) = (&self.record, self.expects);
        let mut faults = Vec::new();
        let norm = record
            .findings
            .iter()
            .find(|finding| finding.action > Action::Pass)
            .map(|finding| finding.norm.to_string());
        if norm.as_deref() != expects.norm {
            faults.push(format!(
                "expected {} at stake, not {}",
                expects.norm.unwrap_or("nothing"),
                norm.as_deref().unwrap_or("nothing")
            ));
        }
        if expects.outcome.is_some_and(|outcome| outcome != self.outcome()) {
            faults.push(format!(
                "expected the answer {}, not {}",
                expects.outcome.map_or("", Outcome::word),
                self.outcome()
            ));
        }
        if expects.untouched != self.same_bytes {
            faults.push(format!(
                "expected the answer's bytes to be {}",
                if expects.untouched { "the same" } else { "changed" }
            ));
        }
        faults
    }
}

/// The text of a whole answer or of a stream.
pub(super) fn text(bytes: &Bytes) -> String {
    if let Some(text) = Answer::read(Api::Chat, bytes.clone()).ok().and_then(|answer| answer.first_text()) {
        return text;
    }
    let mut decoder = sse::Decoder::new(1 << 20);
    decoder.push(bytes);
    let mut text = String::new();
    while let Ok(Some(event)) = decoder.next() {
        let said = event.data.as_ref().and_then(|data| Event::read(Api::Chat, data).ok());
        for piece in said.iter().flat_map(Event::pieces) {
            text.push_str(&piece.text.unwrap_or_default().alone());
        }
    }
    text
}

pub(super) fn opening(out: &mut impl Write, backend: &str) -> io::Result<()> {
    writeln!(out, "{}", heading("Comity"))?;
    let says = format!(
        "A scripted model answers the way careless models do. Comity stands in front of it with its real models (on {backend}), its real policies \
         and real pictures. Everything below went over HTTP."
    );
    writeln!(out, "{}\n", textwrap::fill(&says, WIDTH))
}

pub(super) fn ready(out: &mut impl Write, norms: usize, took: Duration) -> io::Result<()> {
    writeln!(out, "{norms} norms read and embedded in {:.1} s\n", took.as_secs_f64())
}

pub(super) fn heading(text: &str) -> String {
    let rule = "─".repeat(WIDTH.saturating_sub(text.chars().count() + 4));
    format!("── {text} {rule}")
}

pub(super) fn scene(out: &mut impl Write, number: usize, of: usize, scene: &Scene, played: &Played) -> io::Result<()> {
    let record = &played.record;
    let form = match (record.mode, record.stream) {
        (Mode::Shadow, _) => ", shadow",
        (Mode::Enforce, true) => ", stream",
        (Mode::Enforce, false) => "",
    };
    writeln!(out, "{}", heading(&format!("{number} of {of}: {}{form}", scene.title)))?;
    line(out, "asks", scene.query)?;
    if let Some(picture) = scene.picture {
        let labels: Vec<String> = record
            .seen
            .first()
            .map(|seen| {
                seen.labels.iter().take(2).map(|label| format!("{} {:.2}", label.name, label.probability)).collect()
            })
            .unwrap_or_default();
        let seen = if labels.is_empty() { "not looked at: no pack is in play".to_owned() } else { labels.join(", ") };
        line(out, "picture", &format!("{} ({seen})", picture.name))?;
    }
    line(out, "decides", &decision(record))?;
    if played.same_bytes {
        line(out, "answer", &played.before)?;
        line(
            out,
            "",
            if record.mode == Mode::Shadow {
                "[the same bytes: shadow changes nothing]"
            } else {
                "[the same bytes as without Comity]"
            },
        )?;
    } else {
        line(out, "before", &played.before)?;
        line(out, "after", &played.after)?;
    }
    line(out, "scores", &scores(record.answer.as_ref()))?;
    line(out, "took", &times(record))?;
    for fault in played.faults() {
        line(out, "FAULT", &fault)?;
    }
    writeln!(out)
}

fn decision(record: &Record) -> String {
    let country =
        record.context.places.first().map_or("no country".to_owned(), |place| place.country.name().to_owned());
    let best = record.findings.first();
    let would = if record.mode == Mode::Shadow { "would " } else { "" };
    match best.filter(|finding| finding.action > Action::Pass) {
        Some(finding) => {
            format!("{would}{}: {} is at stake, probability {:.2}", record.action, finding.norm, finding.probability)
        }
        None if best.is_some() => format!("pass: of {country}'s norms none is at stake"),
        None => format!("pass: {country} has no pack here"),
    }
}

fn scores(answer: Option<&AnswerRecord>) -> String {
    let Some(answer) = answer else { return "not judged: no norm is in play".to_owned() };
    let shown = |score: Option<f32>| score.map_or("-".to_owned(), |score| format!("{score:.2}"));
    let scores = &answer.scores;
    format!(
        "awareness {}  education {}  compliance {}  helpfulness {}  ({})",
        shown(scores.awareness),
        shown(scores.education),
        shown(scores.compliance),
        shown(scores.helpfulness),
        answer.outcome
    )
}

fn times(record: &Record) -> String {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a request")]
    let ms = |us: u64| us as f64 / 1000.0;
    let timings = &record.timings;
    let mut parts = vec![format!("{:.0} ms in all", ms(timings.total))];
    for (name, time) in [("decoding", timings.decode), ("models", timings.infer), ("repair", timings.repair)] {
        if let Some(time) = time.filter(|time| *time > 0) {
            parts.push(format!("{name} {:.0} ms", ms(time)));
        }
    }
    parts.join(", ")
}

fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    let first = format!("{name:<9}");
    let options = Options::new(WIDTH).initial_indent(&first).subsequent_indent("         ");
    writeln!(out, "{}", textwrap::fill(text, options))
}

pub(super) fn verdict(out: &mut impl Write, all_well: bool) -> io::Result<()> {
    writeln!(
        out,
        "{}",
        if all_well { "All went as told." } else { "Not all went as told: see the lines marked FAULT." }
    )
}

pub(super) fn invitation(out: &mut impl Write, gateway: SocketAddr, model: SocketAddr) -> io::Result<()> {
    let question = super::scenes::SCENES.first().map_or("", |scene| scene.query);
    writeln!(out, "\n{}", heading("Your turn"))?;
    writeln!(out, "Comity stays up at http://{gateway}/v1 until Ctrl-C. Ask it, without the picture:\n")?;
    writeln!(out, "curl -i http://{gateway}/v1/chat/completions \\")?;
    writeln!(out, "  -H 'content-type: application/json' -H 'comity-verdict: include' \\")?;
    let body = serde_json::json!({ "model": "scripted", "messages": [{ "role": "user", "content": question }] });
    writeln!(out, "  -d '{}'\n", body.to_string().replace('\'', "'\\''"))?;
    let next = format!(
        "The model server itself is at http://{model}/v1. Next: `comity serve --upstream URL --mode shadow` in front of your own model, `comity explain` for \
         one turn step by step, policies/README.md to tune a country."
    );
    writeln!(out, "{}", textwrap::fill(&next, WIDTH))
}
