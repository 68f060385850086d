//! Every metric and every label that there is. What is recorded, what `/metrics` explains and what `docs/metrics.md` says come from here.

use crate::domain::{Action, Ended, Mode, Outcome, PlaceSource, Unavailable, UnreadPicture};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution over buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, each one of [`LABELS`].
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
}

/// What values a label may have: closed sets, or names that only the operator's files can add to.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// These words.
    Words(fn() -> Vec<&'static str>),
    /// An ISO 3166-1 alpha-2 code, or `none`.
    Countries,
    /// The norms of the packs in force, such as `CN/clock-as-gift`.
    Norms,
    /// The classes into which the gateway sorts paths, such as `chat/completions`, and `other`.
    Endpoints,
    /// The names of the model servers in the settings, and `default`.
    Servers,
    /// The program's version.
    Version,
}

/// One label.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
    /// What it says.
    pub help: &'static str,
}

/// Seconds, from a cache's answer to a patient upstream's.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
const TENTHS: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// The value of a label where there is nothing to name.
pub(super) const NONE: &str = "none";
/// The reason that stands for every reason outside [`REASONS`].
pub(super) const OTHER: &str = "other";
/// The action of a request to an endpoint that is not guarded.
pub(super) const UNGUARDED: &str = "unguarded";
/// What became of a picture that was fetched.
pub(super) const FETCHED: &str = "fetched";
/// What may become of one that was to be fetched and was not got.
const NOT_FETCHED: [UnreadPicture; 5] = [
    UnreadPicture::RemoteRefused,
    UnreadPicture::RemoteFailed,
    UnreadPicture::TooLarge,
    UnreadPicture::NotAPicture,
    UnreadPicture::Unsupported,
];
/// Why a part was not looked at. A record's reason is a text; as a label it is one of these or [`OTHER`].
pub(super) const REASONS: &[&str] = &[
    "after-its-end",
    "answered-later",
    "bad-url",
    "busy",
    "content-encoding",
    "echo",
    "event-too-large",
    "failed",
    "file-id",
    "incomplete",
    "invalid-adjustment",
    "kept-upstream",
    "language",
    "late",
    "malformed",
    "no-norms",
    "no-room",
    "not-a-picture",
    "not-base64",
    "not-read",
    "observers-busy",
    "off",
    "other-turn",
    "over-picture-limit",
    "picture-too-large",
    "remote-failed",
    "remote-refused",
    "remote-url",
    "removed-with-the-draft",
    "thoughts",
    "too-large",
    "too-long",
    "too-many-pixels",
    "truncated-picture",
    "unknown-country",
    "unknown-overlay",
    "unread",
    "unsupported-format",
    "upstream-error",
];

/// Makes the constants that the recording code names, and the table of all of them.
macro_rules! metrics {
    ($($constant:ident, $kind:expr, $name:literal, [$($label:literal),*], $help:literal;)+) => {
        $(pub(super) const $constant: Metric = Metric { name: $name, kind: $kind, labels: &[$($label),*], help: $help };)+

        /// Every metric.
        pub const TABLE: &[Metric] = &[$($constant),+];
    };
}

use Kind::{Counter, Gauge, Histogram};

metrics! {
    BUILD, Gauge, "comity_build_info", ["version"], "Always 1; the label names the version.";
    REQUESTS, Counter, "comity_requests_total", ["endpoint", "mode", "action", "status"],
        "Requests that have ended, however they ended.";
    ENDS, Counter, "comity_request_ends_total", ["ended"], "Requests by how they ended.";
    REQUEST_SECONDS, Histogram(SECONDS), "comity_request_seconds", ["endpoint", "stream"],
        "From a request's head to its answer's last byte, in seconds.";
    UPSTREAM_FIRST_SECONDS, Histogram(SECONDS), "comity_upstream_first_byte_seconds", ["stream"],
        "Until the upstream's first content byte, in seconds, as the record's upstream_first.";
    CLIENT_FIRST_SECONDS, Histogram(SECONDS), "comity_client_first_byte_seconds", ["stream"],
        "From a request's head to the first content byte that the client got, in seconds.";
    DECODE_SECONDS, Histogram(SECONDS), "comity_decode_seconds", [], "Decoding the pictures of a turn, in seconds.";
    INFER_SECONDS, Histogram(SECONDS), "comity_infer_seconds", [], "In the models for a turn, in seconds.";
    REPAIR_SECONDS, Histogram(SECONDS), "comity_repair_seconds", [], "Asking for repairs of an answer, in seconds.";
    DECISIONS, Counter, "comity_decisions_total", ["country", "action"],
        "Decisions on guarded requests, by the first country in play; in shadow: what would have been done.";
    PLACES, Counter, "comity_places_total", ["source"], "Guarded requests by where their country was found.";
    NORMS, Counter, "comity_norms_total", ["norm", "action"], "Norms at stake, and what was done about each.";
    UNAVAILABLE, Counter, "comity_unavailable_total", ["reason"], "Guarded requests about which the models could not say anything, and why.";
    SCANNED, Counter, "comity_scanned_parts_total", ["side"], "Parts of guarded exchanges that were looked at.";
    UNSCANNED, Counter, "comity_unscanned_parts_total", ["side", "why"], "Parts of guarded exchanges that were not looked at, and why.";
    PICTURES, Counter, "comity_pictures_total", [], "Pictures in which the models looked for labels.";
    REMOTE_PICTURES, Counter, "comity_remote_pictures_total", ["result"], "Pictures that were to be fetched by their URLs, by what became of them.";
    OUTCOMES, Counter, "comity_outcomes_total", ["mode", "outcome"], "Answers by what became of them.";
    BREACHES, Counter, "comity_breaches_total", ["norm"], "Answers whose model's own words breached the norm.";
    REPAIRS, Counter, "comity_repairs_total", ["outcome"], "Repairs that were asked for, by what became of the answer in the end.";
    OVER_WARNED, Counter, "comity_over_warning_judged_total", ["over_warned"],
        "Answers judged for lecturing about norms although none was at stake.";
    SCORES, Histogram(TENTHS), "comity_score", ["dimension"],
        "The local judge's scores of answers as shown, 0 to 1; what was not judged is not counted.";
    BODIES_BYTES, Gauge, "comity_bodies_bytes", [], "Bytes of bodies that are held, of all requests together.";
    INFERENCE_QUEUED, Gauge, "comity_inference_queued", [], "Jobs that wait for an inference thread.";
    INFERENCE_THREADS, Gauge, "comity_inference_threads", [], "Inference threads that live.";
    INFERENCE_JOBS, Counter, "comity_inference_jobs_total", ["result"], "Inference jobs by what became of them.";
    CACHE_ENTRIES, Gauge, "comity_cache_entries", [], "Entries of the models' caches, about.";
    CACHE_BYTES, Gauge, "comity_cache_bytes", [], "Bytes of the models' caches, about.";
    AUDIT_RECORDS, Counter, "comity_audit_records_total", ["result"], "Audit records by what became of them.";
    AUDIT_QUEUED, Gauge, "comity_audit_queued", [], "Audit records that wait to be written.";
    RELOADS, Counter, "comity_reloads_total", ["what", "result"], "Times that something was read again while the server ran, by what became of it.";
    SERVER_WELL, Gauge, "comity_upstream_well", ["upstream"], "1 where the model server is reached and says that it is well, else 0.";
    BREAKER_OPENED, Counter, "comity_upstream_breaker_opened_total", ["upstream"], "Times that a model server was left alone for a while, since it could not be reached.";
}

/// The spellings of a closed set of the domain.
macro_rules! spelled {
    ($set:ident) => {
        Values::Words(|| $set::ALL.iter().map(|member| member.word()).collect())
    };
}

/// Every label.
pub const LABELS: &[Label] = &[
    Label {
        name: "action",
        values: Values::Words(|| Action::ALL.iter().map(|action| action.word()).chain([UNGUARDED]).collect()),
        help: "what was done; in shadow, what would have been done",
    },
    Label { name: "country", values: Values::Countries, help: "the first country in play" },
    Label {
        name: "dimension",
        values: Values::Words(|| vec!["awareness", "education", "compliance", "helpfulness"]),
        help: "what is scored",
    },
    Label { name: "ended", values: spelled!(Ended), help: "how the request ended" },
    Label { name: "endpoint", values: Values::Endpoints, help: "the kind of endpoint" },
    Label { name: "mode", values: spelled!(Mode), help: "whether decisions were carried out" },
    Label { name: "norm", values: Values::Norms, help: "the norm" },
    Label { name: "outcome", values: spelled!(Outcome), help: "what became of the answer" },
    Label { name: "over_warned", values: Values::Words(|| vec!["false", "true"]), help: "whether it lectured" },
    Label { name: "reason", values: spelled!(Unavailable), help: "why the models could not say" },
    Label {
        name: "result",
        values: Values::Words(|| {
            let words =
                vec!["done", "late", "busy", "failed", "written", "dropped", "taken", "same", "refused", FETCHED];
            words.into_iter().chain(NOT_FETCHED.iter().map(|why| why.word())).collect()
        }),
        help: "what became of it: a job is done, late, busy or failed; a record is written or dropped; what is read again is taken, the same, or refused; a picture is fetched, or why not",
    },
    Label { name: "side", values: Values::Words(|| vec!["request", "answer"]), help: "the side of the exchange" },
    Label {
        name: "source",
        values: Values::Words(|| PlaceSource::ALL.iter().map(|source| source.word()).chain([NONE]).collect()),
        help: "where the country was found",
    },
    Label {
        name: "status",
        values: Values::Words(|| vec!["1xx", "2xx", "3xx", "4xx", "5xx", NONE]),
        help: "the class of the HTTP status that the client got; none where it got none",
    },
    Label { name: "stream", values: Values::Words(|| vec!["false", "true"]), help: "whether a stream was asked for" },
    Label { name: "upstream", values: Values::Servers, help: "the model server, by its name in the settings" },
    Label { name: "version", values: Values::Version, help: "the program's version" },
    Label {
        name: "what",
        values: Values::Words(|| vec!["policies", "tenants", "certificates"]),
        help: "what was read again",
    },
    Label {
        name: "why",
        values: Values::Words(|| REASONS.iter().copied().chain([OTHER]).collect()),
        help: "why the part was not looked at",
    },
];
