use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Contents, ContextRecord, Ended, Evidence, FindingRecord, Hashes, Mode, ModelInfo, Outcome, Place, PlaceSource,
    RECORD_VERSION, Scores, Seen, Step, Timings, Unavailable, UnreadPicture,
};
use crate::telemetry::{LABELS, TABLE, Values};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");

/// A record in which everything happened, with `text` wherever a text stands.
fn record(text: &str) -> Record {
    let norm: NormId = "CN/clock-as-gift".parse().unwrap();
    let place =
        Place { country: norm.country(), source: PlaceSource::Query, name: Some(text.to_owned()), regions: Vec::new() };
    let score = Some(0.7);
    Record {
        version: RECORD_VERSION,
        id: text.to_owned(),
        at: 0,
        endpoint: text.to_owned(),
        stream: true,
        tenant: None,
        mode: Mode::Enforce,
        model: ModelInfo { requested: Some(text.to_owned()) },
        context: ContextRecord { places: vec![place.clone()], conflicts: vec![place], ..ContextRecord::default() },
        coverage: vec![
            Coverage::scanned(text),
            Coverage::scanned("answer[0]: content"),
            Coverage::unscanned(text, text),
            Coverage::unscanned("messages[0]: picture", UnreadPicture::RemoteUrl.word()),
        ],
        guarded: true,
        seen: vec![Seen {
            message: 0,
            labels: vec![crate::domain::Label { name: text.to_owned(), probability: 0.9 }],
            things: Vec::new(),
        }],
        findings: vec![FindingRecord {
            norm: norm.clone(),
            probability: 0.9,
            evidence: Evidence::Both,
            action: Action::Rewrite,
        }],
        threshold: Some(0.5),
        unavailable: Some(Unavailable::Late),
        action: Action::Rewrite,
        trace: vec![Step { norm: None, says: text.to_owned() }],
        answer: Some(AnswerRecord {
            outcome: Outcome::Repaired,
            breached: vec![norm],
            repairs: 2,
            scores: Scores { awareness: score, education: score, compliance: score, helpfulness: score },
        }),
        over_warned: Some(false),
        status: 200,
        ended: Ended::Complete,
        timings: Timings {
            total: 1_500_000,
            decode: Some(900),
            infer: Some(12_000),
            upstream_first: Some(300_000),
            client_first: Some(400_000),
            repair: Some(800_000),
        },
        hashes: Hashes { policy: text.to_owned(), models: text.to_owned() },
        contents: Some(Contents { query: text.to_owned(), note: None, draft: Some(text.to_owned()), shown: None }),
    }
}

/// The lines of figures: name, labels, value.
fn lines(rendered: &str) -> Vec<(String, BTreeMap<String, String>, String)> {
    let figures = rendered.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = figures.map(|line| {
        let (head, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
        let pairs = labels.strip_suffix('}').unwrap().split(',').filter(|pair| !pair.is_empty());
        let label = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        };
        (name.to_owned(), pairs.map(label).collect(), value.to_owned())
    });
    split.collect()
}

/// The metric that a line belongs to.
fn metric(line: &str) -> &'static Metric {
    let belongs = |metric: &&Metric| match metric.kind {
        Kind::Histogram(_) => {
            line.strip_prefix(metric.name).is_some_and(|suffix| ["_bucket", "_sum", "_count"].contains(&suffix))
        }
        Kind::Counter | Kind::Gauge => line == metric.name,
    };
    TABLE.iter().find(belongs).unwrap_or_else(|| panic!("{line} is not in the table"))
}

fn fits(label: &str, value: &str) -> bool {
    match LABELS.iter().find(|known| known.name == label).unwrap().values {
        Values::Words(words) => words().contains(&value),
        Values::Countries => value == "none" || value.parse::<Country>().is_ok(),
        Values::Norms => value.parse::<NormId>().is_ok(),
        Values::Endpoints => value == "chat/completions",
        Values::Servers => value == "default",
        Values::Version => value == env!("CARGO_PKG_VERSION"),
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
}

fn full() -> Metrics {
    let metrics = Metrics::new();
    metrics.request("chat/completions", &record("words"));
    metrics.observe(ModelGauges::default(), AuditGauges::default());
    metrics.reloaded("policies", "taken");
    metrics.server("default", true, 1);
    metrics.bodies(1);
    metrics.remote_picture(Ok(()));
    metrics
}

#[test]
fn what_is_rendered_is_what_the_table_says() {
    let rendered = full().render();
    let types: BTreeSet<&str> = rendered.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let helps: BTreeSet<&str> = rendered.lines().filter_map(|line| line.strip_prefix("# HELP ")).collect();
    let table_types: BTreeSet<String> = TABLE.iter().map(|one| format!("{} {}", one.name, kind(one.kind))).collect();
    let table_helps: BTreeSet<String> = TABLE.iter().map(|one| format!("{} {}", one.name, one.help)).collect();
    assert_eq!(types, table_types.iter().map(String::as_str).collect());
    assert_eq!(helps, table_helps.iter().map(String::as_str).collect());
    for (name, labels, _) in lines(&rendered) {
        let mut names: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
        let bucket = names.remove("le");
        assert_eq!(bucket, name.ends_with("_bucket"), "{name}");
        assert_eq!(names, metric(&name).labels.iter().copied().collect(), "{name}");
    }
}

#[test]
fn the_table_keeps_the_conventions() {
    let names: BTreeSet<&str> = TABLE.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), TABLE.len());
    for one in TABLE {
        assert!(one.name.starts_with("comity_") && one.help.ends_with('.'), "{}", one.name);
        assert_eq!(one.name.ends_with("_total"), one.kind == Kind::Counter, "{}", one.name);
        if let Kind::Histogram(buckets) = one.kind {
            assert!(!buckets.is_empty() && buckets.is_sorted_by(|one, next| one < next), "{}", one.name);
        }
    }
    let used: BTreeSet<&str> = TABLE.iter().flat_map(|one| one.labels).copied().collect();
    assert_eq!(used.into_iter().collect::<Vec<_>>(), LABELS.iter().map(|label| label.name).collect::<Vec<_>>());
}

#[test]
fn the_domains_reasons_are_known() {
    let words = UnreadPicture::ALL.iter().map(|why| why.word()).chain(Unavailable::ALL.iter().map(|why| why.word()));
    for word in words {
        assert!(table::REASONS.contains(&word), "{word}");
    }
}

proptest! {
    #[test]
    fn no_label_is_made_of_free_text(text in ".{0,40}", status in any::<u16>()) {
        let metrics = Metrics::new();
        metrics.request("chat/completions", &Record { status, ..record(&text) });
        for (name, labels, _) in lines(&metrics.render()) {
            for (label, value) in labels.iter().filter(|(label, _)| *label != "le") {
                prop_assert!(fits(label, value), "{name}: {label}={value}");
            }
        }
    }
}

#[test]
fn figures_are_what_the_record_says() {
    let rendered = full().render();
    for line in [
        r#"comity_requests_total{endpoint="chat/completions",mode="enforce",action="rewrite",status="2xx"} 1"#,
        r#"comity_request_seconds_sum{endpoint="chat/completions",stream="true"} 1.5"#,
        r#"comity_decisions_total{country="CN",action="rewrite"} 1"#,
        r#"comity_unscanned_parts_total{side="request",why="remote-url"} 1"#,
        r#"comity_unscanned_parts_total{side="request",why="other"} 1"#,
        r#"comity_repairs_total{outcome="repaired"} 2"#,
        r#"comity_over_warning_judged_total{over_warned="false"} 1"#,
        r#"comity_score_bucket{dimension="awareness",le="0.6"} 0"#,
        r#"comity_score_bucket{dimension="awareness",le="0.7"} 1"#,
    ] {
        assert!(rendered.lines().any(|one| one == line), "{line} is not in\n{rendered}");
    }
}

#[test]
fn an_unguarded_request_decides_nothing() {
    let metrics = Metrics::new();
    let silent = Record { guarded: false, answer: None, over_warned: None, coverage: Vec::new(), ..record("words") };
    metrics.request("models", &silent);
    let rendered = metrics.render();
    assert!(rendered.contains(r#"endpoint="models",mode="enforce",action="unguarded",status="2xx""#), "{rendered}");
    assert!(!rendered.contains("comity_decisions_total") && !rendered.contains("comity_norms_total"), "{rendered}");
}

#[test]
fn two_servers_count_apart_and_clones_count_together() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.clone().request("chat/completions", &record("words"));
    assert!(one.render().contains("comity_request_ends_total"));
    assert!(!other.render().contains("comity_request_ends_total"));
}

#[test]
fn folding_samples_loses_none() {
    let metrics = Metrics::new();
    let requests = 2 * FOLD_AFTER + 7;
    for _ in 0..requests {
        metrics.request("chat/completions", &record("words"));
    }
    let sum = format!("comity_infer_seconds_count {requests}");
    assert!(metrics.render().lines().any(|line| line == sum));
}

#[test]
fn gauges_follow_and_counters_never_fall() {
    let metrics = Metrics::new();
    let audit = |written, queued| AuditGauges { written, queued, dropped: 0 };
    metrics.observe(ModelGauges { cache_bytes: 7, ..ModelGauges::default() }, audit(9, 4));
    metrics.observe(ModelGauges::default(), audit(8, 3));
    let rendered = metrics.render();
    for line in ["comity_cache_bytes 0", "comity_audit_queued 3", r#"comity_audit_records_total{result="written"} 9"#] {
        assert!(rendered.lines().any(|one| one == line), "{line} is not in\n{rendered}");
    }
}

#[test]
fn the_document_says_what_the_table_says() {
    let written = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert_eq!(
        written,
        document(),
        "docs/metrics.md is out of date: run `cargo test --lib write_the_document -- --ignored`"
    );
}

#[test]
#[ignore = "writes docs/metrics.md"]
fn write_the_document() {
    std::fs::write(DOCUMENT, document()).unwrap();
}

/// `docs/metrics.md`, made of the table.
fn document() -> String {
    let mut text = "# Metrics\n\n`GET /metrics` on the admin listener answers in Prometheus' text format 0.0.4. A metric shows up once there is something to count. \
        No label carries a text of a request: every value is one of a fixed set, or a name that only the server's own files can add to. \
        This page is made of the table in `src/telemetry/table.rs`; a test compares them.\n\n\
        | name | kind | labels | what it says |\n|---|---|---|---|\n"
        .to_owned();
    let ticked = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    for one in TABLE {
        writeln!(text, "| `{}` | {} | {} | {} |", one.name, kind(one.kind), ticked(one.labels), one.help).unwrap();
    }
    text.push_str("\n## Labels\n\n| label | what it says | values |\n|---|---|---|\n");
    for label in LABELS {
        let values = match label.values {
            Values::Words(words) => ticked(&words()),
            Values::Countries => "ISO 3166-1 alpha-2 codes, or `none`".to_owned(),
            Values::Norms => "the norms of the packs in force, such as `CN/clock-as-gift`".to_owned(),
            Values::Endpoints => "classes of paths, such as `chat/completions`, and `other`".to_owned(),
            Values::Servers => "names in the settings, and `default`".to_owned(),
            Values::Version => "the version".to_owned(),
        };
        writeln!(text, "| `{}` | {} | {values} |", label.name, label.help).unwrap();
    }
    text.push_str("\n## Buckets\n\n| histogram | upper bounds |\n|---|---|\n");
    for one in TABLE {
        if let Kind::Histogram(buckets) = one.kind {
            let bounds = buckets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            writeln!(text, "| `{}` | {bounds} |", one.name).unwrap();
        }
    }
    text
}
