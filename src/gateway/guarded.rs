//! A guarded request, from bytes to bytes.

use std::sync::Arc;

use http::{HeaderValue, Response, header, request};
use hyper::body::Incoming;

use crate::domain::{Action, Ended, Mode, Outcome};
use crate::policy;
use crate::wire::{Api, Declined, Inbound, ModerationMode};

use super::answer;
use super::app::App;
use super::body::{self, Body, Bounds, full, linger};
use super::error::Error;
use super::exchange::Exchange;
use super::hints::{VERDICT, hint};
use super::judging::Understood;
use super::outgoing::Outgoing;
use super::shadow;
use super::tenants::Caller;

/// The most choices of a refusal: as many as `n` may ask for.
const MOST_CHOICES: u32 = 128;

/// One request in the traffic: read, understood, decided, taught, sent on, its answer watched over.
pub(super) async fn guarded(
    app: &Arc<App>,
    api: Api,
    caller: &Arc<Caller>,
    parts: request::Parts,
    mut body: Incoming,
    exchange: &Exchange,
) -> Result<Response<Body>, Error> {
    if caller.mode == Mode::Shadow {
        return shadow::beside(app, api, caller, parts, body, exchange).await;
    }
    let limits = &app.settings.limits;
    let (limit, room) = (limits.body, exchange.room());
    let came = match body::read(&mut body, Bounds { limit, patience: limits.body_patience, room }).await {
        Ok(came) => came,
        Err(error) => {
            linger(&app.tasks, body, &parts.headers);
            return Err(error);
        }
    };
    let plain = body::decoded(came.clone(), &parts.headers, limit, room).await?;
    let inbound = Arc::new(Inbound::read(api, plain)?); // what Comity does not know stays as it came
    exchange.asked(inbound.model(), inbound.stream());
    let (hint, wrong) = hint(app, caller, &inbound, &parts.headers);
    let open = !app.policies.load().set.floor().requests_tighten;
    if open && inbound.moderation() == Some(ModerationMode::Score) {
        return shadow::of_one(app, caller, parts, came, inbound, exchange).await;
    }
    wrong.into_iter().next().map_or(Ok(()), Err)?;
    let understood = app.understand(&inbound, &hint, room).await; // never an error: silence is data
    exchange.understood(&understood, Mode::Enforce, app.settings.keep_contents);
    let asked = inbound.moderation().is_some() || asks_for_verdict(&parts);
    let wants_verdict = caller.includes_verdict || (asked && !caller.hides_verdict);
    if understood.decision.action == Action::Decline {
        return Ok(decline(app, &inbound, &understood, exchange, wants_verdict));
    }
    let note = policy::note(&understood.decision);
    exchange.taught(note.as_deref());
    let (caller, place) = (Arc::clone(caller), app.settings.note_place);
    let mut outgoing = Outgoing { caller, uri: parts.uri, headers: parts.headers, came, inbound, note, place };
    let response = outgoing.send(app).await?;
    answer::guarded(app, response, understood, outgoing, exchange, wants_verdict).await
}

fn asks_for_verdict(parts: &request::Parts) -> bool {
    parts.headers.get(VERDICT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"include"))
}

/// A polite refusal in the person's language, in the form that was asked for. The model is not called.
fn decline(
    app: &App,
    inbound: &Inbound,
    understood: &Understood,
    exchange: &Exchange,
    wants_verdict: bool,
) -> Response<Body> {
    let declined_for = understood.decision.norms.iter().filter(|ruling| ruling.action == Action::Decline);
    let norms: Vec<_> = declined_for.map(|ruling| Arc::clone(&ruling.norm)).collect();
    let text = understood.policies.set.refusal(&norms, understood.context.reply_language());
    exchange.outcome(Outcome::Declined);
    exchange.texts("", &text);
    let verdict = wants_verdict.then(|| answer::moderation(understood, None));
    let declined = Declined {
        id: &exchange.id(),
        created: created(),
        model: inbound.model().unwrap_or_default(),
        text: &text,
        finish: &app.settings.finish_reason,
        choices: inbound.choices().min(MOST_CHOICES),
        include_usage: inbound.include_usage(),
        verdict: verdict.as_ref(),
    };
    let (kind, bytes) = if inbound.stream() {
        ("text/event-stream", declined.stream(inbound.api()))
    } else {
        ("application/json", declined.whole(inbound.api()))
    };
    let mut response = Response::new(full(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    exchange.client_heard();
    exchange.ended(Ended::Complete);
    response
}

/// Now, in seconds since 1970-01-01 UTC, as `created` counts.
fn created() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}
