//! The answer on its way back: passed on, looked at beside the traffic, or watched over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt;

use crate::domain::{Action, Coverage, Ended, GuardPlan, NormId, Outcome, StreamGuard, Verdict};
use crate::upstream::UpstreamError;
use crate::wire::moderation::Moderation;
use crate::wire::{Answer, Api, Surface};

use super::app::App;
use super::begun::{Begun, Read};
use super::beside::{Judged, Others};
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
    let (api, choices) = (outgoing.inbound.api(), outgoing.inbound.choices());
    let watch = plan.map(|plan| {
        let plan = if repairs { for_form(plan, streams) } else { only_look(plan) };
        Watch::new(Arc::clone(app), exchange.clone(), &understood, plan, repairs.then_some(outgoing))
    });
    match watch {
        watch if guards && streams => {
            let (app, exchange) = (Arc::clone(app), exchange.clone());
            Ok(stream::guarded(
                response,
                stream::Plan { app, exchange, understood, watch, api, choices, wants_verdict },
            ))
        }
        Some(watch) if guards => whole(response, api, watch, &understood, wants_verdict).await,
        None if guards => passed_with_verdict(app, api, response, &understood, exchange).await,
        Some(watch) => Ok(observe::looked_at(response, api, watch)),
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
/// [`Error::AnswerTooLarge`], [`Error::AnswerUnread`] where it cannot be read and the policy withholds such answers, or the upstream's failure.
async fn whole(
    response: Response<Body>,
    api: Api,
    mut watch: Watch,
    understood: &Understood,
    wants_verdict: bool,
) -> Result<Response<Body>, Error> {
    let (head, body) = response.into_parts();
    let came = match read_answer(&watch.app, body, &watch.exchange).await? {
        Ok(came) => came,
        // Without room it was not read. To be told to come again would have the client pay for it once more.
        Err((Error::NoRoom, _)) if watch.plan.fail_closed => return Err(Error::AnswerUnread),
        Err((why, _)) if watch.plan.fail_closed => return Err(why),
        Err((why, body)) => return Ok(unchecked(head, body, &why, &watch.exchange)),
    };
    watch.exchange.upstream_spoke();
    let changed = match readable(&watch.app, api, &came, &head.headers, &watch.exchange).await {
        Ok((answer, plain)) => {
            let (rewritten, verdict) = settle(&mut watch, api, &answer).await;
            let moderation = wants_verdict.then(|| moderation(understood, Some(&verdict)));
            let changes = rewritten.is_some() || wants_verdict;
            changes.then(|| with_verdict(api, rewritten.unwrap_or(plain), moderation.as_ref()))
        }
        Err(_) if watch.plan.fail_closed => return Err(Error::AnswerUnread),
        Err(why) => {
            watch.exchange.outcome(Outcome::Unverified);
            watch.exchange.covered(Coverage::unscanned("answer", why));
            None
        }
    };
    Ok(complete(head, came, changed, &watch.exchange))
}

/// An answer at its end: as it came, or changed.
fn complete(mut head: Parts, came: Bytes, changed: Option<Bytes>, exchange: &Exchange) -> Response<Body> {
    if changed.is_some() {
        body::forget_bytes(&mut head.headers);
    }
    exchange.client_heard();
    exchange.ended(Ended::Complete);
    Response::from_parts(head, full(changed.unwrap_or(came)))
}

/// The answer whole, or, where it is more than may be held, why, and its body to be passed on.
///
/// # Errors
/// The upstream's failure.
async fn read_answer(app: &App, body: Body, exchange: &Exchange) -> Result<Result<Bytes, (Error, Body)>, Error> {
    let limit = app.settings.limits.answer;
    // The upstream client bounds every wait for a frame; this bound is only there so that there is one.
    let patience = app.settings.limits.body_patience.saturating_mul(10);
    let mut begun = Begun::new(body);
    let reading = tokio::time::timeout(patience, begun.read(limit, exchange.room())).await;
    let closed = Error::Upstream(UpstreamError::Closed);
    match reading.map_err(|_| Error::Upstream(UpstreamError::Closed))? {
        Read::Whole(bytes) => Ok(Ok(bytes)),
        Read::Over => Ok(Err((Error::AnswerTooLarge { limit }, begun.boxed_unsync()))),
        Read::NoRoom => Ok(Err((Error::NoRoom, begun.boxed_unsync()))),
        Read::Broken => Err(match begun.error().map(|error| body::broken(&error)) {
            Some(Error::BodyBroken) | None => closed,
            Some(other) => other,
        }),
    }
}

/// An answer that is too large to be checked, passed on as it comes.
fn unchecked(head: Parts, body: Body, why: &Error, exchange: &Exchange) -> Response<Body> {
    let why = if matches!(why, Error::NoRoom) { "no-room" } else { "too-large" };
    exchange.outcome(Outcome::Unverified);
    exchange.covered(Coverage::unscanned("answer", why));
    observe::passed(Response::from_parts(head, body), exchange)
}

/// The answer and its bytes without a content coding, or why it cannot be read.
async fn readable(
    app: &App,
    api: Api,
    came: &Bytes,
    headers: &HeaderMap,
    exchange: &Exchange,
) -> Result<(Answer, Bytes), &'static str> {
    let limit = app.settings.limits.answer;
    let plain = body::decoded(came.clone(), headers, limit, exchange.room()).await.map_err(|_| "content-encoding")?;
    let answer = Answer::read(api, plain.clone()).map_err(|_| "malformed")?;
    Ok((answer, plain))
}

/// Judges each text, and what stands beside them. Returns the answer as it is to be shown, where that is not as it came.
async fn settle(watch: &mut Watch, api: Api, answer: &Answer) -> (Option<Bytes>, Verdict) {
    let mut verdicts = Vec::new();
    let mut rewritten = BTreeMap::new();
    for (number, text) in answer.texts() {
        watch.exchange.covered(Coverage::scanned(api.text_name(number)));
        let (shown, verdict) = watch.settle(number, &text).await;
        watch.exchange.texts(&text, &shown);
        if shown != text {
            rewritten.insert(number, shown);
        }
        verdicts.push(verdict);
    }
    let mut others = Others::of(answer.beside());
    others.take_out(|number, surface, _| api.goes_with(surface, number, &rewritten));
    let mut beside = others.judge(watch).await;
    let silenced = silenced(watch, answer, &mut beside);
    others.take_out(|number, surface, _| surface == Surface::Audio && silenced.contains_key(&number));
    others.tell(&watch.exchange, api);
    let verdict = watch.conclude(verdicts, beside);
    let finish = &watch.app.settings.finish_reason;
    let changes = !rewritten.is_empty() || !silenced.is_empty();
    (changes.then(|| answer.rewritten(&rewritten, &silenced, finish)), verdict)
}

/// The choices whose sound breaches a norm whose breaches are repaired: it is not heard. Where nothing is written beside it, words say so in its place.
fn silenced(watch: &Watch, answer: &Answer, beside: &mut [Judged]) -> BTreeMap<u32, Option<String>> {
    let mut silenced = BTreeMap::new();
    let written: BTreeSet<u32> =
        answer.texts().into_iter().filter(|(_, text)| !text.trim().is_empty()).map(|(number, _)| number).collect();
    for judged in beside {
        let norms: Vec<NormId> = judged.verdict.breached.iter().map(|(norm, _)| norm.clone()).collect();
        let heard = judged.surface == Surface::Transcript && !judged.gone;
        if !heard || !norms.iter().any(|norm| watch.plan.repaired.contains(norm)) {
            continue;
        }
        let words = (!written.contains(&judged.number)).then(|| watch.refusal(&norms));
        judged.gone = true;
        judged.verdict.outcome = if words.is_some() { Outcome::Declined } else { Outcome::Repaired };
        silenced.insert(judged.number, words);
    }
    silenced
}

/// An answer that nothing judges, with the verdict on its request; as it came where it is no completion.
async fn passed_with_verdict(
    app: &App,
    api: Api,
    response: Response<Body>,
    understood: &Understood,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    let (head, body) = response.into_parts();
    let came = match read_answer(app, body, exchange).await? {
        Ok(came) => came,
        Err((why, body)) => return Ok(unchecked(head, body, &why, exchange)),
    };
    exchange.upstream_spoke();
    let changed = readable(app, api, &came, &head.headers, exchange)
        .await
        .ok()
        .map(|(_, plain)| with_verdict(api, plain, Some(&moderation(understood, None))));
    Ok(complete(head, came, changed, exchange))
}

/// The answer with the verdict in OpenAI's own slot; the same bytes where it is no JSON object.
fn with_verdict(api: Api, bytes: Bytes, moderation: Option<&Moderation>) -> Bytes {
    match moderation {
        Some(moderation) => api.with_moderation(bytes.clone(), moderation).unwrap_or(bytes),
        None => bytes,
    }
}

/// The verdict in OpenAI's form: norms at stake as the input's categories, breaches as the output's.
pub(super) fn moderation(understood: &Understood, verdict: Option<&Verdict>) -> Moderation {
    Moderation::new(&understood.reading.findings, &understood.decision, verdict)
}
