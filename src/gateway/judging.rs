//! From a turn to a decision, and from an answer to a verdict: what `serve` does in the traffic, beside it, and `explain` on the command line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::classify::Classifier;
use crate::context;
use crate::domain::{
    Context, Coverage, Decision, Findings, GuardPlan, Hint, Language, Message, Norm, NormId, Outcome, Part, Reading,
    Role, Scores, StreamGuard, Turn, Verdict,
};
use crate::guard::{Answer, Next, RepairRequest};
use crate::policy::{self, Policy};
use crate::score;

use super::app::{App, Policies};
use super::beside::Judged;
use super::conclusion::{about, concluded};
use super::exchange::Exchange;
use super::outgoing::Outgoing;

/// A turn, understood: whose culture, which norms, and what is done about it.
#[derive(Debug)]
pub struct Understood {
    /// The policies that decided: one version for the whole exchange.
    pub policies: Arc<Policies>,
    /// The newest user text.
    pub query: String,
    /// Whose culture.
    pub context: Context,
    /// The norms in play and how the floor treats them.
    pub policy: Policy,
    /// What the models said.
    pub reading: Reading,
    /// What is done.
    pub decision: Decision,
}

/// Reads a turn with one version of the policies. Never an error: what the models cannot say is data.
pub async fn understand(
    classifier: &Classifier,
    policies: Arc<Policies>,
    turn: &Turn,
    hint: &Hint,
    patience: Duration,
) -> Understood {
    InPlay::of(policies, turn, hint).read(classifier, turn, patience).await
}

/// What is known of a turn before the models read it. A picture has no part in it.
pub(super) struct InPlay {
    policies: Arc<Policies>,
    context: Context,
    policy: Policy,
}

impl InPlay {
    pub(super) fn of(policies: Arc<Policies>, turn: &Turn, hint: &Hint) -> Self {
        let context = context::resolve(hint, turn, &policies.places);
        let policy = policies.set.of(&context);
        Self { policies, context, policy }
    }

    /// Whether there is no norm to hold the turn against.
    pub(super) fn is_empty(&self) -> bool {
        self.policy.norms().is_empty()
    }

    /// Lets the models read the turn, for `patience` from now on.
    pub(super) async fn read(self, classifier: &Classifier, turn: &Turn, patience: Duration) -> Understood {
        let Self { policies, context, policy } = self;
        let deadline = tokio::time::Instant::now() + patience;
        let mut reading = classifier.classify(turn, context.language, policy.norms(), deadline).await;
        let mut decision = policy::decide(&policy, &context, &reading.findings);
        if !reading.vouched {
            reading.findings = policy::without_silence(reading.findings, &decision);
            decision = policy::decide(&policy, &context, &reading.findings);
        }
        Understood { policies, query: turn.query(), context, policy, reading, decision }
    }
}

/// The same for a question whose pictures are not at hand: `shows` names what they show.
pub async fn understand_named(
    classifier: &Classifier,
    policies: Arc<Policies>,
    query: &str,
    shows: &[String],
    hint: &Hint,
    patience: Duration,
) -> Understood {
    let asked = Message { role: Some(Role::User), parts: vec![Part::Text(query.to_owned())] };
    let context = context::resolve(hint, &Turn { messages: vec![asked] }, &policies.places);
    let policy = policies.set.of(&context);
    let deadline = tokio::time::Instant::now() + patience;
    let findings = classifier.classify_named(query, shows, policy.norms(), deadline).await;
    let decision = policy::decide(&policy, &context, &findings);
    let coverage = shows.iter().map(|name| Coverage::unscanned(name, "known-by-name")).collect();
    let reading = Reading { findings, vouched: true, seen: Vec::new(), coverage, decode_us: 0, infer_us: 0 };
    Understood { policies, query: query.to_owned(), context, policy, reading, decision }
}

/// Judges a whole answer without changing it: what shadow does beside the traffic.
pub async fn look_at(
    classifier: &Classifier,
    understood: &Understood,
    text: &str,
    patience: Duration,
) -> Option<Verdict> {
    let plan = only_look(understood.plan()?);
    Some(about(&understood.at_stake(), judge_by(classifier, understood, plan, text, patience).await))
}

/// Judges a whole answer by norms that are chosen, whether they are at stake or not: what measuring does.
pub async fn judge_by_norms(
    classifier: &Classifier,
    understood: &Understood,
    norms: Vec<Arc<Norm>>,
    text: &str,
    patience: Duration,
) -> Verdict {
    let plan = policy::plan(&understood.policy, &understood.context, &understood.decision);
    judge_by(classifier, understood, only_look(GuardPlan { norms, ..plan }), text, patience).await
}

async fn judge_by(
    classifier: &Classifier,
    understood: &Understood,
    plan: GuardPlan,
    text: &str,
    patience: Duration,
) -> Verdict {
    let norms = plan.norms.clone();
    let mut answer = Answer::new(plan);
    answer.push(text);
    answer.finish();
    loop {
        match answer.next() {
            Next::Judge(piece) => {
                let deadline = tokio::time::Instant::now() + patience;
                let (seen, language) = (&understood.reading.seen, spoken(&answer, &piece));
                let judged = classifier.judge_seen(&understood.query, seen, (&piece, language), &norms, deadline).await;
                answer.judged(judged);
            }
            // A plan that only looks asks for none of these; whatever it asked for, it would get nothing.
            Next::Repair(_) => answer.give_up(),
            Next::Correct(_) | Next::Refuse(_) => answer.worded(""),
            Next::Release(_) | Next::Say(_) => {}
            Next::Wait | Next::Done => return answer.verdict(),
        }
    }
}

impl Understood {
    /// How the answer is watched over. `None`: there is nothing to judge it by.
    ///
    /// Where nothing is at stake, the likeliest norm in play still serves to tell whether the answer lectures about it all the same.
    #[must_use]
    pub fn plan(&self) -> Option<GuardPlan> {
        let mut plan = policy::plan(&self.policy, &self.context, &self.decision);
        if plan.norms.is_empty() {
            let likeliest = self.likeliest()?;
            plan.norms.push(likeliest);
        }
        Some(plan)
    }

    fn likeliest(&self) -> Option<Arc<Norm>> {
        let Findings::Known { findings, .. } = &self.reading.findings else { return None };
        let best = findings.first()?;
        self.policy.norms().iter().find(|norm| norm.id == best.norm).cloned()
    }

    /// The norms at stake.
    #[must_use]
    pub fn at_stake(&self) -> Vec<NormId> {
        self.decision.norms.iter().map(|ruling| ruling.norm.id.clone()).collect()
    }
}

/// How many bytes of an answer its language is told from: more would not tell it more surely.
const TELLING: usize = 400;

/// The language in which an answer is given, told from its end so far.
fn spoken(answer: &Answer, piece: &str) -> Option<Language> {
    let draft = answer.draft();
    let end = draft.get(draft.floor_char_boundary(draft.len().saturating_sub(TELLING))..).unwrap_or_default();
    context::language(if end.len() > piece.len() { end } else { piece })
}

/// The plan of somebody who only looks: everything is released at once, nothing is repaired.
pub(super) fn only_look(plan: GuardPlan) -> GuardPlan {
    GuardPlan { stream: StreamGuard::Pass, repaired: Vec::new(), fail_closed: false, ..plan }
}

/// Watches over the answers to one request.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) app: Arc<App>,
    pub(super) exchange: Exchange,
    pub(super) plan: GuardPlan,
    policies: Arc<Policies>,
    query: String,
    seen: Vec<crate::domain::Seen>,
    at_stake: Vec<NormId>,
    /// What a repair is asked with; `None` where nothing is repaired.
    repairs: Option<Outgoing>,
    /// When the budget for repairs is spent, once the first was asked for.
    repair_until: Option<Instant>,
}

/// What an answer did that can be seen from outside.
pub(super) enum Seen {
    /// It wants more text.
    Wait,
    /// The model's text may be shown up to this offset.
    Released(usize),
    /// This is to be shown in place of the rest.
    Said(String),
    /// It waits for a repair: see [`Watch::repair`].
    Repair(RepairRequest),
    /// It is over.
    Done,
}

impl Watch {
    pub(super) fn new(
        app: Arc<App>,
        exchange: Exchange,
        understood: &Understood,
        plan: GuardPlan,
        repairs: Option<Outgoing>,
    ) -> Self {
        let (policies, query) = (Arc::clone(&understood.policies), understood.query.clone());
        let (seen, at_stake) = (understood.reading.seen.clone(), understood.at_stake());
        Self { app, exchange, plan, policies, query, seen, at_stake, repairs, repair_until: None }
    }

    /// A machine for one choice.
    pub(super) fn answer(&self) -> Answer {
        Answer::new(self.plan.clone())
    }

    fn norms(&self, ids: &[NormId]) -> Vec<Arc<Norm>> {
        self.plan.norms.iter().filter(|norm| ids.contains(&norm.id)).cloned().collect()
    }

    /// Gives the machine what it asks for until something can be seen from outside.
    pub(super) async fn advance(&mut self, answer: &mut Answer) -> Seen {
        loop {
            match answer.next() {
                Next::Wait => return Seen::Wait,
                Next::Release(to) => return Seen::Released(to),
                Next::Say(text) => return Seen::Said(text),
                Next::Done => return Seen::Done,
                Next::Judge(piece) => {
                    let deadline = tokio::time::Instant::now() + self.app.settings.limits.judge;
                    let (classifier, language) = (&self.app.classifier, spoken(answer, &piece));
                    let piece = (piece.as_str(), language);
                    let judgement =
                        classifier.judge_seen(&self.query, &self.seen, piece, &self.plan.norms, deadline).await;
                    answer.judged(judgement);
                }
                Next::Correct(norms) => {
                    answer.worded(&self.policies.set.correction(&self.norms(&norms), self.plan.language));
                }
                Next::Refuse(norms) => {
                    answer.worded(&self.refusal(&norms));
                }
                Next::Repair(request) => return Seen::Repair(request),
            }
        }
    }

    /// Asks for a repaired answer in the place of the text of that number, within the budget of time that all repairs share.
    pub(super) async fn repair(&mut self, answer: &mut Answer, number: u32, request: &RepairRequest) {
        let Some(outgoing) = self.repairs.as_ref() else { return answer.give_up() };
        let budget = Duration::from_secs(u64::from(self.plan.repair_seconds));
        let until = *self.repair_until.get_or_insert_with(|| Instant::now() + budget);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return answer.give_up();
        }
        let norms = self.norms(&request.breached);
        let ask = policy::repair_ask(&norms, &request.shown);
        let begun = Instant::now();
        let room = self.exchange.room();
        let asking = outgoing.repaired(&self.app, room, number, &request.draft, &ask);
        let came = tokio::time::timeout(left, asking).await;
        self.exchange.repaired(begun.elapsed());
        match came {
            Ok(text) => answer.repaired(text),
            Err(_) => answer.give_up(),
        }
    }

    /// Judges a whole answer and says what is to be shown.
    pub(super) async fn settle(&mut self, number: u32, text: &str) -> (String, Verdict) {
        let mut answer = self.answer();
        answer.push(text);
        answer.finish();
        loop {
            match self.advance(&mut answer).await {
                Seen::Repair(request) => self.repair(&mut answer, number, &request).await,
                Seen::Released(_) | Seen::Said(_) => {}
                Seen::Done | Seen::Wait => break,
            }
        }
        (answer.shown(), answer.verdict())
    }

    /// Judges what stands beside the texts, which is told and not changed.
    pub(super) async fn look(&mut self, text: &str) -> Verdict {
        let mut answer = Answer::new(only_look(self.plan.clone()));
        answer.push(text);
        answer.finish();
        // Such a plan wants neither repairs nor words.
        while !matches!(self.advance(&mut answer).await, Seen::Done | Seen::Wait | Seen::Repair(_)) {}
        answer.verdict()
    }

    /// Words of a refusal for these norms, in the person's language.
    pub(super) fn refusal(&self, breached: &[NormId]) -> String {
        self.policies.set.refusal(&self.norms(breached), self.plan.language)
    }

    /// Records what was said about the answers, all choices together, and about what stands beside them.
    pub(super) fn conclude(&self, texts: Vec<Verdict>, beside: Vec<Judged>) -> Verdict {
        let verdict = concluded(&self.at_stake, texts, beside);
        let (scores, over_warned) = match verdict.outcome {
            Outcome::Declined => (Scores::default(), None),
            Outcome::Unguarded
            | Outcome::Kept
            | Outcome::Breached
            | Outcome::Repaired
            | Outcome::Corrected
            | Outcome::Unverified => {
                (score::scores(&verdict.pieces, &self.at_stake), score::over_warned(&verdict.pieces, &self.at_stake))
            }
        };
        self.exchange.answered(&verdict, scores, over_warned);
        verdict
    }
}
