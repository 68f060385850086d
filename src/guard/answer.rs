//! One answer (one choice) on its way to the client.

use std::collections::VecDeque;
use std::ops::Range;

use crate::domain::{
    Fallback, GuardPlan, Judgement, NormId, NormJudgement, Outcome, StreamGuard, Unavailable, Verdict,
};

use super::next::{Next, RepairRequest};
use super::pieces::{continued, first, ranges};

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// The model's own answer comes and is checked.
    Draft,
    /// A repair is due or under way.
    Repairing {
        asked: bool,
    },
    /// A repaired answer came and is checked.
    Checking,
    /// No repair holds (or a piece could not be checked): the words of this fallback are wanted.
    Wording {
        fallback: Fallback,
    },
    /// This is to be said, with this outcome.
    Saying {
        text: String,
        outcome: Outcome,
    },
    Done(Outcome),
}

/// The state machine of one answer.
#[derive(Debug)]
pub struct Answer {
    plan: GuardPlan,
    phase: Phase,
    draft: String,
    /// Where the next piece of the draft begins.
    cut: usize,
    ended: bool,
    /// The repaired answer, while it is checked.
    repair: String,
    /// Pieces to be judged, and the one that is being judged: of the draft, or in [`Phase::Checking`] of the repair.
    waiting: VecDeque<Range<usize>>,
    judging: Option<Range<usize>>,
    /// The piece before the next one, if it holds: the context in which that is judged.
    before: String,
    /// Everything of the draft before this offset was judged (or could not be) and holds.
    cleared: usize,
    released: usize,
    said: String,
    /// Where pieces of the draft breach.
    bad: Vec<Range<usize>>,
    breached: Vec<(NormId, usize)>,
    unverified: bool,
    repairs: u32,
    repair_breached: bool,
    draft_judgements: Vec<(usize, Judgement)>,
    repair_judgements: Vec<Judgement>,
}

impl Answer {
    /// An answer watched over by `plan`.
    #[must_use]
    pub fn new(plan: GuardPlan) -> Self {
        Self {
            plan,
            phase: Phase::Draft,
            draft: String::new(),
            cut: 0,
            ended: false,
            repair: String::new(),
            waiting: VecDeque::new(),
            judging: None,
            before: String::new(),
            cleared: 0,
            released: 0,
            said: String::new(),
            bad: Vec::new(),
            breached: Vec::new(),
            unverified: false,
            repairs: 0,
            repair_breached: false,
            draft_judgements: Vec::new(),
            repair_judgements: Vec::new(),
        }
    }

    /// More of the model's answer came.
    pub fn push(&mut self, delta: &str) {
        if self.phase != Phase::Draft || self.ended {
            return;
        }
        self.draft.push_str(delta);
        self.cut_pieces();
        if self.plan.stream == StreamGuard::Hold && self.draft.len() > self.plan.most_held && self.bad.is_empty() {
            self.plan.stream = StreamGuard::Sentence;
        }
    }

    /// Whether a piece of the model's own answer was found that is to be mended.
    #[must_use]
    pub fn has_breach(&self) -> bool {
        !self.bad.is_empty()
    }

    /// The model's answer is over.
    pub fn finish(&mut self) {
        if !self.ended {
            self.ended = true;
            self.cut_pieces();
        }
    }

    fn cut_pieces(&mut self) {
        let found = ranges(&self.draft, self.cut, self.ended);
        self.cut = found.last().map_or(self.cut, |last| last.end);
        self.waiting.extend(found);
    }

    /// What the machine needs next. Call it again after each answer until it says [`Next::Wait`] or [`Next::Done`].
    #[expect(
        clippy::should_implement_trait,
        reason = "it is no iterator: what it wants depends on what it was told meanwhile"
    )]
    pub fn next(&mut self) -> Next {
        match &self.phase {
            Phase::Done(_) => Next::Done,
            Phase::Draft => self.next_of_draft(),
            Phase::Repairing { asked: true } => Next::Wait,
            Phase::Repairing { asked: false } => self.ask_for_repair(),
            Phase::Checking => self.next_of_repair(),
            Phase::Wording { fallback: Fallback::Append } => Next::Correct(self.known_breaches()),
            Phase::Wording { fallback: Fallback::Decline } => Next::Refuse(self.known_breaches()),
            Phase::Saying { text, outcome } => {
                let (text, outcome) = (text.clone(), *outcome);
                self.said.clone_from(&text);
                self.phase = Phase::Done(outcome);
                Next::Say(text)
            }
        }
    }

    fn next_of_draft(&mut self) -> Next {
        let releasable = self.releasable();
        if releasable > self.released {
            self.released = releasable;
            return Next::Release(releasable);
        }
        if self.judging.is_some() {
            return Next::Wait;
        }
        let stopped = self.stopped();
        if let Some(piece) = (!stopped).then(|| self.next_piece()).flatten() {
            return Next::Judge(piece);
        }
        // Pieces without words are cleared on the way, which can set text free.
        if self.releasable() > self.released {
            return self.next();
        }
        // An end without words of a held draft was the last that kept it from being mended.
        let stopped = self.stopped();
        if !self.ended && !stopped {
            return Next::Wait;
        }
        if stopped {
            self.phase = Phase::Repairing { asked: false };
        } else {
            self.phase = Phase::Done(self.outcome_of_draft());
        }
        self.next()
    }

    fn outcome_of_draft(&self) -> Outcome {
        match (self.breached.is_empty(), self.unverified) {
            (false, _) => Outcome::Breached,
            (true, true) => Outcome::Unverified,
            (true, false) => Outcome::Kept,
        }
    }

    fn outcome_broken_off(&self) -> Outcome {
        if self.breached.is_empty() { Outcome::Unverified } else { Outcome::Breached }
    }

    /// How far the draft may be shown now.
    fn releasable(&self) -> usize {
        match self.plan.stream {
            StreamGuard::Pass => self.draft.len(),
            StreamGuard::Sentence => self.cleared,
            StreamGuard::Hold if self.ended && self.bad.is_empty() && self.cleared == self.draft.len() => self.cleared,
            StreamGuard::Hold => self.released,
        }
    }

    /// Whether the draft must go no further. A held answer is judged to its end first, so that one repair mends all of it.
    fn stopped(&self) -> bool {
        !self.bad.is_empty()
            && match self.plan.stream {
                StreamGuard::Pass => false,
                StreamGuard::Sentence => true,
                StreamGuard::Hold => (self.ended || self.draft.len() > self.plan.most_held) && self.waiting.is_empty(),
            }
    }

    /// The next piece that has any words, as it goes to the judge. Marks, numbers and emoji alone say nothing that could be judged; with the sentence before them they
    /// would have that one blamed.
    fn next_piece(&mut self) -> Option<String> {
        let text = if self.phase == Phase::Checking { &self.repair } else { &self.draft };
        while let Some(range) = self.waiting.pop_front() {
            let piece = text.get(range.clone()).unwrap_or_default().trim();
            if piece.contains(char::is_alphabetic) {
                self.judging = Some(range);
                let window = if self.before.is_empty() { piece.to_owned() } else { format!("{} {piece}", self.before) };
                self.before = piece.to_owned();
                return Some(window);
            }
            if self.phase == Phase::Draft && self.bad.is_empty() {
                self.cleared = range.end;
            }
        }
        None
    }

    fn clear(&mut self, range: &Range<usize>) {
        if self.phase == Phase::Draft && self.bad.is_empty() {
            self.cleared = range.end;
        }
    }

    /// The judgement of the piece that was asked for with [`Next::Judge`], or why there is none.
    pub fn judged(&mut self, judgement: Result<Judgement, Unavailable>) {
        let Some(range) = self.judging.take() else { return };
        match judgement {
            Ok(judgement) => self.weigh(&range, judgement),
            Err(_) if self.plan.fail_closed && self.plan.stream != StreamGuard::Pass => {
                self.waiting.clear();
                self.phase = Phase::Wording { fallback: Fallback::Decline };
            }
            Err(_) => {
                self.unverified = true;
                self.clear(&range);
            }
        }
    }

    fn weigh(&mut self, range: &Range<usize>, judgement: Judgement) {
        let over = |norm: &&NormJudgement| norm.breaches >= judgement.threshold;
        let breached: Vec<NormId> = judgement.norms.iter().filter(over).map(|norm| norm.norm.clone()).collect();
        let stops = breached.iter().any(|norm| self.plan.repaired.contains(norm));
        if self.phase == Phase::Checking {
            self.repair_breached |= stops;
            self.repair_judgements.push(judgement);
            return;
        }
        for norm in breached {
            if !self.breached.iter().any(|(known, _)| *known == norm) {
                self.breached.push((norm, range.start));
            }
        }
        self.draft_judgements.push((range.start, judgement));
        if stops {
            // What follows is judged by itself: it must not be blamed for this piece.
            self.before.clear();
            self.bad.push(range.clone());
        } else {
            self.clear(range);
        }
    }

    fn ask_for_repair(&mut self) -> Next {
        if self.repairs >= self.plan.tries {
            self.fall_back();
            return self.next();
        }
        self.repairs += 1;
        self.phase = Phase::Repairing { asked: true };
        self.waiting.clear();
        let known = self.bad.last().map_or(self.draft.len(), |range| range.end);
        let draft = if self.ended { self.draft.as_str() } else { self.draft.get(..known).unwrap_or_default() };
        Next::Repair(RepairRequest {
            shown: self.draft.get(..self.released).unwrap_or_default().to_owned(),
            draft: draft.to_owned(),
            breached: self.known_breaches(),
        })
    }

    /// The repaired answer that was asked for with [`Next::Repair`], or `None` where none came.
    pub fn repaired(&mut self, text: Option<String>) {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            self.phase = Phase::Repairing { asked: false };
            return;
        };
        self.repair_breached = false;
        self.repair_judgements.clear();
        self.before.clear();
        let text = continued(self.draft.get(..self.released).unwrap_or_default(), &text);
        self.waiting.extend(ranges(&text, 0, true));
        self.repair = text;
        self.phase = Phase::Checking;
    }

    /// No repair will come: the budget of time is spent.
    pub fn give_up(&mut self) {
        self.repairs = self.repairs.max(self.plan.tries);
        self.phase = Phase::Repairing { asked: false };
    }

    fn next_of_repair(&mut self) -> Next {
        if self.judging.is_some() {
            return Next::Wait;
        }
        if self.repair_breached {
            self.waiting.clear();
            self.phase = Phase::Repairing { asked: false };
            return self.next();
        }
        if let Some(piece) = self.next_piece() {
            return Next::Judge(piece);
        }
        let outcome = if self.unverified { Outcome::Unverified } else { Outcome::Repaired };
        self.phase = Phase::Saying { text: std::mem::take(&mut self.repair), outcome };
        self.next()
    }

    fn known_breaches(&self) -> Vec<NormId> {
        self.breached.iter().map(|(norm, _)| norm.clone()).collect()
    }

    fn fall_back(&mut self) {
        self.repair_judgements.clear();
        self.phase = Phase::Wording { fallback: self.plan.fallback };
    }

    /// The words that were asked for with [`Next::Correct`] or [`Next::Refuse`]. Behind a correction stands what is known to be good.
    pub fn worded(&mut self, words: &str) {
        let Phase::Wording { fallback } = self.phase else { return };
        self.phase = match fallback {
            Fallback::Decline => Phase::Saying { text: words.to_owned(), outcome: Outcome::Declined },
            Fallback::Append => {
                let kept = self.kept();
                let gap = if kept.trim().is_empty() && self.released == 0 { "" } else { "\n\n" };
                let text = format!("{}{gap}{words}", kept.trim_end());
                Phase::Saying { text, outcome: Outcome::Corrected }
            }
        };
    }

    /// What was judged and holds of the draft but was not released: the pieces of a held answer beside the breaching ones.
    fn kept(&self) -> String {
        let mut kept = String::new();
        for (start, _) in &self.draft_judgements {
            let bad = self.bad.iter().any(|range| range.start == *start);
            if *start >= self.released && !bad {
                let piece = self.draft.get(*start..).and_then(|rest| first(rest, true).and_then(|end| rest.get(..end)));
                kept.push_str(piece.unwrap_or_default());
            }
        }
        kept
    }

    /// The model's own answer as far as it came.
    #[must_use]
    pub fn draft(&self) -> &str {
        &self.draft
    }

    /// The answer as it was shown so far.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}{}", self.draft.get(..self.released).unwrap_or_default(), self.said)
    }

    /// Everything said about the answer. Before [`Next::Done`]: what is known so far, as of an answer that broke off.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let outcome = match self.phase {
            Phase::Done(outcome) => outcome,
            // It broke off.
            Phase::Draft | Phase::Repairing { .. } | Phase::Checking | Phase::Wording { .. } | Phase::Saying { .. } => {
                self.outcome_broken_off()
            }
        };
        let shown_draft = self.draft_judgements.iter().filter(|(start, _)| {
            *start < self.released
                || outcome == Outcome::Corrected && !self.bad.iter().any(|range| range.start == *start)
        });
        let pieces = shown_draft.map(|(_, judgement)| judgement).chain(&self.repair_judgements).cloned().collect();
        Verdict { outcome, breached: self.breached.clone(), pieces, beside: Vec::new(), repairs: self.repairs }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
