//! What the audit will know of one request. However the request ends, the last holder of its [`Exchange`] sends the one record.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, StatusCode, request};

use crate::audit::Audit;
use crate::domain::{
    Action, AnswerRecord, Contents, ContextRecord, Coverage, Ended, FindingRecord, Findings, Hashes, Mode, ModelInfo,
    Outcome, RECORD_VERSION, Record, Scores, Timings, Verdict,
};
use crate::telemetry::Metrics;
use crate::upstream::UpstreamError;

use super::app::App;
use super::budget::Room;
use super::error::Error;
use super::judging::Understood;
use super::routes::class;
use super::tenants::Caller;

/// A handle on the record of one request.
#[derive(Debug, Clone)]
pub(super) struct Exchange(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    record: Mutex<Record>,
    started: Instant,
    left: AtomicBool,
    room: Room,
    audit: Audit,
    metrics: Metrics,
}

impl Exchange {
    /// Begins the record of a request.
    pub(super) fn begin(app: &App, parts: &request::Parts, guarded: bool) -> Self {
        let record = Mutex::new(blank(app, parts, guarded));
        let (audit, metrics) = (app.audit.clone(), app.metrics.clone());
        let (started, left, room) = (Instant::now(), AtomicBool::new(false), app.bodies.room());
        Self(Arc::new(Inner { record, started, left, room, audit, metrics }))
    }

    /// Says that the request was not served, and why.
    pub(super) fn refused(&self, error: &Error) {
        self.status(error.status());
        self.ended(error.ended());
    }

    /// The room that bodies of this exchange take: it is free again when the exchange is over.
    pub(super) fn room(&self) -> &Room {
        &self.0.room
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> u64 {
        micros(self.0.started.elapsed())
    }

    /// The id that the client gets as `comity-record`.
    pub(super) fn id(&self) -> String {
        self.record().id.clone()
    }

    /// Whom the request comes from.
    pub(super) fn comes_from(&self, caller: &Caller) {
        let mut record = self.record();
        record.tenant.clone_from(&caller.tenant);
        record.mode = caller.mode;
    }

    /// What the request asked for.
    pub(super) fn asked(&self, model: Option<&str>, stream: bool) {
        let mut record = self.record();
        record.model = ModelInfo { requested: model.map(|name| name.chars().take(200).collect()) };
        record.stream = stream;
    }

    /// What the models said and what was decided.
    pub(super) fn understood(&self, understood: &Understood, mode: Mode, keep_contents: bool) {
        let Understood { context, reading, decision, query, .. } = understood;
        let mut record = self.record();
        record.mode = mode;
        record.context = ContextRecord::from(context);
        record.coverage.clone_from(&reading.coverage);
        record.seen.clone_from(&reading.seen);
        match &reading.findings {
            Findings::Known { findings, threshold } => {
                record.threshold = Some(*threshold);
                record.findings = findings
                    .iter()
                    .map(|finding| {
                        let ruling = decision.norms.iter().find(|ruling| ruling.norm.id == finding.norm);
                        let action = ruling.map_or(Action::Pass, |ruling| ruling.action);
                        FindingRecord {
                            norm: finding.norm.clone(),
                            probability: finding.probability,
                            evidence: finding.evidence,
                            action,
                        }
                    })
                    .collect();
            }
            Findings::Unknown(why) => record.unavailable = Some(*why),
        }
        record.action = decision.action;
        record.trace.clone_from(&decision.trace);
        understood.policies.set.hash().clone_into(&mut record.hashes.policy);
        record.timings.decode = Some(reading.decode_us);
        record.timings.infer = Some(reading.infer_us);
        if keep_contents {
            record.contents = Some(Contents { query: query.clone(), note: None, draft: None, shown: None });
        }
    }

    /// The note that went into the request; kept only where contents are.
    pub(super) fn taught(&self, note: Option<&str>) {
        if let Some(contents) = self.record().contents.as_mut() {
            contents.note = note.map(str::to_owned);
        }
    }

    /// The draft and what was shown in its place; kept only where contents are.
    pub(super) fn texts(&self, draft: &str, shown: &str) {
        if let Some(contents) = self.record().contents.as_mut() {
            contents.draft = Some(draft.to_owned());
            contents.shown = (shown != draft).then(|| shown.to_owned());
        }
    }

    /// A part of the exchange that was, or was not, looked at.
    pub(super) fn covered(&self, coverage: Coverage) {
        self.record().coverage.push(coverage);
    }

    /// What was said about the answer.
    pub(super) fn answered(&self, verdict: &Verdict, scores: Scores, over_warned: Option<bool>) {
        let breached = verdict.breached.iter().map(|(norm, _)| norm.clone()).collect();
        let answer = AnswerRecord { outcome: verdict.outcome, breached, repairs: verdict.repairs, scores };
        let mut record = self.record();
        record.answer = Some(answer);
        record.over_warned = over_warned;
    }

    /// The outcome, before it is judged in full (a declined request has no answer to judge).
    pub(super) fn outcome(&self, outcome: Outcome) {
        let verdict = Verdict { outcome, ..Verdict::unguarded() };
        self.answered(&verdict, Scores::default(), None);
    }

    /// The answer could not be checked to its end. A breach that was found stays one.
    pub(super) fn unverified(&self) {
        let known = self.record().answer.as_ref().map(|answer| answer.outcome);
        match known {
            None => self.outcome(Outcome::Unverified),
            Some(Outcome::Breached) => {}
            Some(_) => self.record().answer.iter_mut().for_each(|answer| answer.outcome = Outcome::Unverified),
        }
    }

    /// The upstream's first byte of content came.
    pub(super) fn upstream_spoke(&self) {
        let elapsed = self.elapsed();
        self.record().timings.upstream_first.get_or_insert(elapsed);
    }

    /// The client got its first byte of content.
    pub(super) fn client_heard(&self) {
        let elapsed = self.elapsed();
        self.record().timings.client_first.get_or_insert(elapsed);
    }

    /// Time spent on repairs.
    pub(super) fn repaired(&self, took: Duration) {
        let mut record = self.record();
        record.timings.repair = Some(record.timings.repair.unwrap_or_default() + micros(took));
    }

    /// The status that the client gets.
    pub(super) fn status(&self, status: StatusCode) {
        self.record().status = status.as_u16();
    }

    /// How the request ended. Until this is said, the client has gone away.
    pub(super) fn ended(&self, ended: Ended) {
        let total = self.elapsed();
        let mut record = self.record();
        record.ended = if self.0.left.load(Ordering::Relaxed) { Ended::ClientGone } else { ended };
        record.timings.total = total;
    }

    /// The client went away in the midst of its request. What the model server makes of that is not its fault.
    pub(super) fn left(&self) {
        self.0.left.store(true, Ordering::Relaxed);
    }

    /// What a failure on the way to the model server is called: the client's, where its own request broke off before.
    pub(super) fn blamed(&self, error: UpstreamError) -> Error {
        if self.0.left.load(Ordering::Relaxed) { Error::BodyBroken } else { error.into() }
    }

    /// Nothing is carried out for this request, although the server enforces.
    pub(super) fn shadowed(&self) {
        self.record().mode = Mode::Shadow;
    }

    /// The headers that every answer carries.
    pub(super) fn stamp(&self, headers: &mut HeaderMap) {
        let record = self.record();
        let decision = match (record.guarded, record.mode) {
            (false, _) => "unguarded",
            (true, Mode::Shadow) => "shadow",
            (true, Mode::Enforce) => record.action.word(),
        };
        headers.insert("comity-decision", HeaderValue::from_static(decision));
        if let Ok(id) = HeaderValue::try_from(&record.id) {
            headers.entry("x-request-id").or_insert(id.clone());
            headers.insert("comity-record", id);
        }
        if let Ok(hash) = HeaderValue::try_from(&record.hashes.policy) {
            headers.insert("comity-policy", hash);
        }
        if record.mode == Mode::Enforce
            && let Ok(timing) = HeaderValue::try_from(server_timing(&record.timings, self.elapsed()))
        {
            headers.append("server-timing", timing);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let record = self.record.get_mut().unwrap_or_else(PoisonError::into_inner);
        if record.timings.total == 0 {
            record.timings.total = micros(self.started.elapsed());
        }
        self.metrics.request(class(&record.endpoint), record);
        self.audit.record(record.clone());
    }
}

fn blank(app: &App, parts: &request::Parts, guarded: bool) -> Record {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Record {
        version: RECORD_VERSION,
        id: uuid::Uuid::now_v7().to_string(),
        at: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        endpoint: parts.uri.path().chars().take(200).collect(),
        stream: false,
        tenant: None,
        mode: app.settings.mode,
        model: ModelInfo::default(),
        context: ContextRecord::default(),
        coverage: Vec::new(),
        guarded,
        seen: Vec::new(),
        findings: Vec::new(),
        threshold: None,
        unavailable: None,
        action: Action::Pass,
        trace: Vec::new(),
        answer: None,
        over_warned: None,
        status: 0,
        ended: Ended::ClientGone,
        timings: Timings::default(),
        hashes: Hashes { policy: app.policies.load().set.hash().to_owned(), models: app.classifier.hash().to_owned() },
        contents: None,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `Server-Timing` (W3C), in milliseconds: what Comity added before the head of the answer went out.
fn server_timing(timings: &Timings, elapsed: u64) -> String {
    let (decode, infer, repair) =
        (timings.decode.unwrap_or_default(), timings.infer.unwrap_or_default(), timings.repair.unwrap_or_default());
    let parts = [("total", elapsed), ("decode", decode), ("infer", infer), ("rewrite", repair)];
    let shown = parts.iter().filter(|(name, time)| *name == "total" || *time > 0);
    shown.map(|(name, time)| format!("{name};dur={}.{:03}", time / 1000, time % 1000)).collect::<Vec<_>>().join(", ")
}
