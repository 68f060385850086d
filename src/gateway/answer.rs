//! The answer on its way back: passed on, looked at beside the traffic, or watched over.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::domain::{Action, Coverage, Ended, GuardPlan, Outcome, StreamGuard, Verdict};
use crate::wire::chat::{self, Answer, Rewrite};
use crate::wire::moderation::Moderation;

use super::app::App;
use super::body::{self, Body, full};
use super::error::Error;
use super::exchange::Exchange;
use super::judging::{Understood, Watch, only_look};
use super::observe;
use super::outgoing::Outgoing;
use super::stream;

/// What the client gets of the upstream's answer.
///
/// Bytes are passed on as they came unless the policy repairs answers or the client asked for the verdict; then the answer goes through the guard.
///
/// # Errors
/// What [`whole`] fails with.
pub(super) async fn guarded(
    app: &Arc<App>,
    response: Response<Body>,
    understood: Understood,
    outgoing: Outgoing,
    exchange: &Exchange,
    wants_verdict: bool,
) -> Result<Response<Body>, Error> {
    let repairs = understood.decision.action >= Action::Rewrite;
    let plan = understood.plan();
    if !response.status().is_success() {
        return Ok(observe::passed(response, exchange));
    }
    let streams = is_event_stream(&response);
    let guards = repairs || wants_verdict;
    if guards && streams && body::is_encoded(response.headers()) {
        return unreadable(response, plan.as_ref(), exchange);
    }
    let choices = outgoing.inbound.choices();
    let watch = plan.map(|plan| {
        let plan = if repairs { for_form(plan, streams) } else { only_look(plan) };
        Watch::new(Arc::clone(app), exchange.clone(), &understood, plan, repairs.then_some(outgoing))
    });
    match watch {
        watch if guards && streams => {
            let (app, exchange) = (Arc::clone(app), exchange.clone());
            Ok(stream::guarded(response, stream::Plan { app, exchange, understood, watch, choices, wants_verdict }))
        }
        Some(watch) if guards => whole(response, watch, &understood, wants_verdict).await,
        None if guards => passed_with_verdict(app, response, &understood, exchange).await,
        Some(watch) => Ok(observe::looked_at(response, watch)),
        None => Ok(observe::passed(response, exchange)),
    }
}

/// A stream in a coding that was not asked for and is not read: passed on and recorded as such, or withheld where the policy says so.
fn unreadable(
    response: Response<Body>,
    plan: Option<&GuardPlan>,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    if plan.is_some_and(|plan| plan.fail_closed) {
        return Err(Error::AnswerUnread);
    }
    exchange.covered(Coverage::unscanned("answer", "content-encoding"));
    exchange.outcome(Outcome::Unverified);
    Ok(observe::passed(response, exchange))
}

/// A whole answer is held by its nature.
fn for_form(plan: GuardPlan, streams: bool) -> GuardPlan {
    if streams { plan } else { GuardPlan { stream: StreamGuard::Hold, most_held: usize::MAX, ..plan } }
}

/// Whether an answer is a stream of events, by what the upstream says, not by what was asked for.
pub(super) fn is_event_stream<B>(response: &Response<B>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}

/// Reads a whole answer, judges every choice, and rewrites what has to be.
///
/// # Errors
/// [`Error::AnswerTooLarge`], [`Error::AnswerUnread`] where it cannot be checked and the policy withholds such answers, or the upstream's failure.
async fn whole(
    response: Response<Body>,
    mut watch: Watch,
    understood: &Understood,
    wants_verdict: bool,
) -> Result<Response<Body>, Error> {
    let (mut head, body) = response.into_parts();
    let bytes = read_answer(&watch.app, body, &head.headers).await?;
    watch.exchange.upstream_spoke();
    let (bytes, verdict) = match Answer::read(bytes.clone()) {
        Ok(answer) => settle(&mut watch, &answer, bytes).await,
        Err(_) if watch.plan.fail_closed => return Err(Error::AnswerUnread),
        Err(_) => {
            watch.exchange.covered(Coverage::unscanned("answer", "malformed"));
            (bytes, Verdict { outcome: Outcome::Unverified, ..Verdict::unguarded() })
        }
    };
    let moderation = wants_verdict.then(|| moderation(understood, Some(&verdict)));
    let bytes = with_verdict(bytes, moderation.as_ref());
    body::forget_bytes(&mut head.headers);
    head.status = StatusCode::OK;
    watch.exchange.client_heard();
    watch.exchange.ended(Ended::Complete);
    Ok(Response::from_parts(head, full(bytes)))
}

async fn read_answer(app: &App, body: Body, headers: &http::HeaderMap) -> Result<Bytes, Error> {
    let limit = app.settings.limits.answer;
    let too_large = |error| match error {
        Error::BodyTooLarge { limit } => Error::AnswerTooLarge { limit },
        Error::BodyBroken | Error::BodyLate => Error::Upstream(crate::upstream::UpstreamError::Closed),
        Error::Encoding => Error::AnswerUnread,
        other => other,
    };
    // The upstream client bounds every wait for a frame; this bound is only there so that there is one.
    let patience = app.settings.limits.body_patience.saturating_mul(10);
    let bytes = body::read(body, limit, patience).await.map_err(too_large)?;
    body::decoded(bytes, headers, limit).map_err(too_large)
}

/// Judges each choice. Returns the answer as it is to be shown: the same bytes where nothing has to change.
async fn settle(watch: &mut Watch, answer: &Answer, bytes: Bytes) -> (Bytes, Verdict) {
    let mut verdicts = Vec::new();
    let mut rewrites = Vec::new();
    for (choice, text) in answer.texts() {
        watch.exchange.covered(Coverage::scanned(format!("answer[{choice}]: content")));
        let (shown, verdict) = watch.settle(&text).await;
        watch.exchange.texts(&text, &shown);
        if shown != text {
            let finish = Some(watch.app.settings.finish_reason.clone());
            rewrites.push(Rewrite { choice, text: shown, finish });
        }
        verdicts.push(verdict);
    }
    for (choice, surface) in answer.other_surfaces() {
        let rewritten = rewrites.iter().any(|rewrite| rewrite.choice == choice);
        let why = if rewritten { "removed-with-the-draft" } else { "not-read" };
        watch.exchange.covered(Coverage::unscanned(format!("answer[{choice}]: {surface}"), why));
    }
    let verdict = watch.conclude(verdicts);
    if rewrites.is_empty() { (bytes, verdict) } else { (answer.rewritten(&rewrites), verdict) }
}

/// An answer that nothing judges, with the verdict on its request.
async fn passed_with_verdict(
    app: &App,
    response: Response<Body>,
    understood: &Understood,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    let (mut head, body) = response.into_parts();
    let bytes = read_answer(app, body, &head.headers).await?;
    exchange.upstream_spoke();
    body::forget_bytes(&mut head.headers);
    exchange.client_heard();
    exchange.ended(Ended::Complete);
    Ok(Response::from_parts(head, full(with_verdict(bytes, Some(&moderation(understood, None))))))
}

/// The completion with the verdict in OpenAI's own slot; the same bytes where it is no completion.
pub(super) fn with_verdict(bytes: Bytes, moderation: Option<&Moderation>) -> Bytes {
    match moderation {
        Some(moderation) => chat::with_moderation(bytes.clone(), moderation).unwrap_or(bytes),
        None => bytes,
    }
}

/// The verdict in OpenAI's form: norms at stake as the input's categories, breaches as the output's.
pub(super) fn moderation(understood: &Understood, verdict: Option<&Verdict>) -> Moderation {
    Moderation::new(&understood.reading.findings, &understood.decision, verdict)
}
