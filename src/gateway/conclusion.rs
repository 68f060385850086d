//! One verdict for all that an answer says.

use crate::domain::{NormId, Outcome, Verdict};

use super::beside::Judged;

/// The verdict on the texts of an answer and on what stands beside them, as far as it is about norms at stake.
///
/// What a person reads or hears counts as the text does where there is no text; else it is told beside it, as what tools are called with always is.
pub(super) fn concluded(at_stake: &[NormId], texts: Vec<Verdict>, beside: Vec<Judged>) -> Verdict {
    let unsaid = |text: &Verdict| text.pieces.is_empty() && matches!(text.outcome, Outcome::Unguarded | Outcome::Kept);
    let silent = texts.iter().all(unsaid);
    let beside = beside.into_iter().map(|Judged { surface, gone, mut verdict, .. }| {
        let pieces = std::mem::take(&mut verdict.pieces);
        match (gone, silent && surface.answers()) {
            (true, _) => {}
            (false, true) => verdict.pieces = pieces,
            (false, false) => verdict.beside = pieces,
        }
        verdict
    });
    about(at_stake, together(texts.into_iter().chain(beside)))
}

/// The verdict as far as it is about norms at stake. Where none is, the answer was held against the likeliest one to see whether it lectures; what is
/// not at stake cannot be breached.
pub(super) fn about(at_stake: &[NormId], mut verdict: Verdict) -> Verdict {
    if at_stake.is_empty() && verdict.outcome == Outcome::Breached {
        verdict.outcome = Outcome::Kept;
        verdict.breached.clear();
    }
    verdict
}

/// One verdict for all choices: the gravest outcome, every breach, every judgement.
pub(super) fn together(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut whole = Verdict::unguarded();
    for verdict in verdicts {
        if gravity(verdict.outcome) > gravity(whole.outcome) {
            whole.outcome = verdict.outcome;
        }
        for breach in verdict.breached {
            if !whole.breached.iter().any(|(norm, _)| *norm == breach.0) {
                whole.breached.push(breach);
            }
        }
        whole.pieces.extend(verdict.pieces);
        whole.beside.extend(verdict.beside);
        whole.repairs += verdict.repairs;
    }
    whole
}

fn gravity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Unguarded => 0,
        Outcome::Kept => 1,
        Outcome::Repaired => 2,
        Outcome::Corrected => 3,
        Outcome::Declined => 4,
        Outcome::Unverified => 5,
        Outcome::Breached => 6,
    }
}
