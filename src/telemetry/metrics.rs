//! Figures: recorded from audit records and gauges, rendered as Prometheus text.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Key, KeyName, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::table::{self, Kind, Metric};
use crate::domain::{Action, AnswerRecord, Country, Coverage, NormId, Record, Scan, UnreadPicture};

/// After so many requests the samples of histograms are folded into their buckets. Rendering does it too, but nobody may ever ask for that,
/// and until then every sample takes memory.
const FOLD_AFTER: u64 = 256;

const METADATA: Metadata<'static> = Metadata::new("comity", Level::INFO, None);

/// The models' state. Counters count from the program's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelGauges {
    /// Jobs that wait for a thread.
    pub queued: u64,
    /// Entries of all caches.
    pub cache_entries: u64,
    /// Bytes of all caches.
    pub cache_bytes: u64,
    /// Counter: jobs done.
    pub done: u64,
    /// Counter: jobs dropped because their deadline had passed.
    pub late: u64,
    /// Counter: jobs refused because the queue was full.
    pub busy: u64,
    /// Counter: jobs that failed.
    pub failed: u64,
    /// Inference threads that live.
    pub threads_alive: u64,
}

/// The audit's state. Counters count from the program's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditGauges {
    /// Counter: records written.
    pub written: u64,
    /// Counter: records dropped.
    pub dropped: u64,
    /// Records that wait to be written.
    pub queued: u64,
}

/// All figures of one server: a handle that clones cheaply. Several live side by side in one process, each with its own figures.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recorder: PrometheusRecorder,
    requests: AtomicU64,
}

/// A label's value. It is made of fixed words and of names from bounded sets only; texts of requests cannot become one.
struct Value(Cow<'static, str>);

impl Value {
    /// A model server's name in the settings.
    fn server(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }
}

impl From<Country> for Value {
    fn from(country: Country) -> Self {
        Self(Cow::Owned(country.to_string()))
    }
}

impl From<&NormId> for Value {
    fn from(norm: &NormId) -> Self {
        Self(Cow::Owned(norm.to_string()))
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::from(if yes { "true" } else { "false" })
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Figures that are all at their beginning.
    #[must_use]
    pub fn new() -> Self {
        let builder = table::TABLE.iter().fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
            // The only error is that there are no buckets; a test holds that every histogram has some.
            Kind::Histogram(buckets) => {
                builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets).unwrap_or_default()
            }
            Kind::Counter | Kind::Gauge => builder,
        });
        let recorder = builder.build_recorder();
        for metric in table::TABLE {
            let name = KeyName::from_const_str(metric.name);
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, None, metric.help.into()),
                Kind::Gauge => recorder.describe_gauge(name, None, metric.help.into()),
                Kind::Histogram(_) => recorder.describe_histogram(name, None, metric.help.into()),
            }
        }
        let metrics = Self(Arc::new(Inner { recorder, requests: AtomicU64::new(0) }));
        metrics.gauge(&table::BUILD, [env!("CARGO_PKG_VERSION").into()], 1);
        metrics
    }

    /// Counts a request that has ended. `endpoint_class` is one of a fixed set of words.
    pub fn request(&self, endpoint_class: &'static str, record: &Record) {
        let action = if record.guarded { record.action.word() } else { table::UNGUARDED };
        let labels = [endpoint_class.into(), record.mode.word().into(), action.into(), status(record.status).into()];
        self.count(&table::REQUESTS, labels, 1);
        self.count(&table::ENDS, [record.ended.word().into()], 1);
        self.timings(endpoint_class, record);
        for coverage in &record.coverage {
            self.coverage(coverage);
        }
        if record.guarded {
            self.decision(record);
        }
        if let Some(answer) = &record.answer {
            self.answer(record, answer);
        }
        if let Some(over_warned) = record.over_warned {
            self.count(&table::OVER_WARNED, [over_warned.into()], 1);
        }
        if self.0.requests.fetch_add(1, Ordering::Relaxed) % FOLD_AFTER == FOLD_AFTER - 1 {
            self.0.recorder.handle().run_upkeep();
        }
    }

    /// Takes over the state of the models and of the audit.
    pub fn observe(&self, models: ModelGauges, audit: AuditGauges) {
        let gauges = [
            (&table::INFERENCE_QUEUED, models.queued),
            (&table::INFERENCE_THREADS, models.threads_alive),
            (&table::CACHE_ENTRIES, models.cache_entries),
            (&table::CACHE_BYTES, models.cache_bytes),
            (&table::AUDIT_QUEUED, audit.queued),
        ];
        for (metric, value) in gauges {
            self.gauge(metric, [], value);
        }
        let jobs = [("done", models.done), ("late", models.late), ("busy", models.busy), ("failed", models.failed)];
        for (result, value) in jobs {
            self.reached(&table::INFERENCE_JOBS, [result.into()], value);
        }
        for (result, value) in [("written", audit.written), ("dropped", audit.dropped)] {
            self.reached(&table::AUDIT_RECORDS, [result.into()], value);
        }
    }

    /// `policies`, `tenants` or `certificates` were read again: `taken`, `same` or `refused`.
    pub fn reloaded(&self, what: &'static str, became: &'static str) {
        self.count(&table::RELOADS, [what.into(), became.into()], 1);
    }

    /// Bytes of bodies that are held.
    pub fn bodies(&self, bytes: u64) {
        self.gauge(&table::BODIES_BYTES, [], bytes);
    }

    /// How a model server is doing.
    pub fn server(&self, name: &str, well: bool, opened: u64) {
        self.gauge(&table::SERVER_WELL, [Value::server(name)], well.into());
        self.reached(&table::BREAKER_OPENED, [Value::server(name)], opened);
    }

    /// A picture was to be fetched by its URL.
    pub fn remote_picture(&self, became: Result<(), UnreadPicture>) {
        let result = became.map_or_else(UnreadPicture::word, |()| table::FETCHED);
        self.count(&table::REMOTE_PICTURES, [result.into()], 1);
    }

    /// All figures in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.recorder.handle().render()
    }

    fn timings(&self, endpoint_class: &'static str, record: &Record) {
        let timings = &record.timings;
        let stream = || Value::from(record.stream);
        self.seconds(&table::REQUEST_SECONDS, [endpoint_class.into(), stream()], Some(timings.total));
        self.seconds(&table::UPSTREAM_FIRST_SECONDS, [stream()], timings.upstream_first);
        self.seconds(&table::CLIENT_FIRST_SECONDS, [stream()], timings.client_first);
        self.seconds(&table::DECODE_SECONDS, [], timings.decode);
        self.seconds(&table::INFER_SECONDS, [], timings.infer);
        self.seconds(&table::REPAIR_SECONDS, [], timings.repair);
    }

    fn coverage(&self, coverage: &Coverage) {
        let side = if coverage.part.starts_with("answer") { "answer" } else { "request" };
        match &coverage.scan {
            Scan::Scanned => self.count(&table::SCANNED, [side.into()], 1),
            Scan::Unscanned(why) => {
                let known = table::REASONS.iter().find(|reason| *reason == why).copied();
                self.count(&table::UNSCANNED, [side.into(), known.unwrap_or(table::OTHER).into()], 1);
            }
        }
    }

    fn decision(&self, record: &Record) {
        let first = record.context.places.first();
        let country = first.map_or(Value::from(table::NONE), |place| place.country.into());
        self.count(&table::DECISIONS, [country, record.action.word().into()], 1);
        self.count(&table::PLACES, [first.map_or(table::NONE, |place| place.source.word()).into()], 1);
        for finding in record.findings.iter().filter(|finding| finding.action != Action::Pass) {
            self.count(&table::NORMS, [(&finding.norm).into(), finding.action.word().into()], 1);
        }
        if let Some(why) = record.unavailable {
            self.count(&table::UNAVAILABLE, [why.word().into()], 1);
        }
        self.count(&table::PICTURES, [], record.seen.len() as u64);
    }

    fn answer(&self, record: &Record, answer: &AnswerRecord) {
        let outcome = answer.outcome.word();
        self.count(&table::OUTCOMES, [record.mode.word().into(), outcome.into()], 1);
        if answer.repairs > 0 {
            self.count(&table::REPAIRS, [outcome.into()], u64::from(answer.repairs));
        }
        for norm in &answer.breached {
            self.count(&table::BREACHES, [norm.into()], 1);
        }
        let scores = &answer.scores;
        let dimensions = [
            ("awareness", scores.awareness),
            ("education", scores.education),
            ("compliance", scores.compliance),
            ("helpfulness", scores.helpfulness),
        ];
        for (dimension, score) in dimensions {
            if let Some(score) = score {
                self.sample(&table::SCORES, [dimension.into()], f64::from(score));
            }
        }
    }

    fn count<const N: usize>(&self, metric: &Metric, values: [Value; N], by: u64) {
        self.0.recorder.register_counter(&key(metric, values), &METADATA).increment(by);
    }

    /// Sets a counter that somebody else counts.
    fn reached<const N: usize>(&self, metric: &Metric, values: [Value; N], total: u64) {
        self.0.recorder.register_counter(&key(metric, values), &METADATA).absolute(total);
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges stay far below 2^53")]
    fn gauge<const N: usize>(&self, metric: &Metric, values: [Value; N], value: u64) {
        self.0.recorder.register_gauge(&key(metric, values), &METADATA).set(value as f64);
    }

    fn sample<const N: usize>(&self, metric: &Metric, values: [Value; N], value: f64) {
        self.0.recorder.register_histogram(&key(metric, values), &METADATA).record(value);
    }

    #[expect(clippy::cast_precision_loss, reason = "times stay far below 2^53 microseconds")]
    fn seconds<const N: usize>(&self, metric: &Metric, values: [Value; N], micros: Option<u64>) {
        if let Some(micros) = micros {
            self.sample(metric, values, micros as f64 / 1e6);
        }
    }
}

fn key<const N: usize>(metric: &Metric, values: [Value; N]) -> Key {
    let labels = metric.labels.iter().zip(values).map(|(name, value)| metrics::Label::new(*name, value.0));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

/// The class of a status; 0 is none.
fn status(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => table::NONE,
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
