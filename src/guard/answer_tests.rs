use proptest::prelude::*;

use super::*;
use crate::domain::Language;

fn norm() -> NormId {
    "CN/clock-as-gift".parse().unwrap()
}

fn plan(stream: StreamGuard) -> GuardPlan {
    GuardPlan {
        norms: Vec::new(),
        repaired: vec![norm()],
        stream,
        tries: 1,
        repair_seconds: 20,
        fallback: Fallback::Append,
        fail_closed: false,
        language: Language::ENGLISH,
        most_held: 1 << 20,
    }
}

/// A judge that takes every piece with the word "clock" for a breach.
fn judge(piece: &str) -> Judgement {
    let breaches = if piece.contains("clock") { 0.9 } else { 0.1 };
    Judgement {
        norms: vec![NormJudgement { norm: norm(), breaches, aware: 0.2, educates: 0.1 }],
        helpful: 0.8,
        threshold: 0.5,
    }
}

struct Run {
    shown: String,
    releases: Vec<usize>,
    asked: Vec<RepairRequest>,
    verdict: Verdict,
}

/// Feeds `deltas` and answers what the machine asks for; `repairs` are taken from the front.
fn run(plan: GuardPlan, deltas: &[&str], mut repairs: Vec<Option<&str>>) -> Run {
    let mut answer = Answer::new(plan);
    let (mut releases, mut asked, mut said) = (Vec::new(), Vec::new(), String::new());
    let mut deltas = deltas.iter();
    loop {
        match answer.next() {
            Next::Wait => match deltas.next() {
                Some(delta) => answer.push(delta),
                None => answer.finish(),
            },
            Next::Judge(piece) => answer.judged(Ok(judge(&piece))),
            Next::Release(to) => releases.push(to),
            Next::Repair(request) => {
                asked.push(request);
                answer.repaired(repairs.remove(0).map(str::to_owned));
            }
            Next::Correct(norms) => {
                assert_eq!(norms, [norm()]);
                answer.worded("[correction]");
            }
            Next::Refuse(_) => answer.worded("[refusal]"),
            Next::Say(text) => said.push_str(&text),
            Next::Done => break,
        }
    }
    let shown = format!("{}{said}", &answer.draft()[..releases.last().copied().unwrap_or(0)]);
    assert_eq!(shown, answer.shown());
    Run { shown, releases, asked, verdict: answer.verdict() }
}

const CARELESS: &str = "What a lovely thought. A wall clock suits any family. Wrap it in red paper.";

#[test]
fn an_answer_that_holds_is_shown_as_it_came() {
    for stream in [StreamGuard::Pass, StreamGuard::Sentence, StreamGuard::Hold] {
        let run = run(plan(stream), &["Bring some tea, it is ", "always welcome. Wrap it in red."], vec![]);
        assert_eq!(run.shown, "Bring some tea, it is always welcome. Wrap it in red.");
        assert_eq!((run.verdict.outcome, run.verdict.pieces.len()), (Outcome::Kept, 2));
    }
}

#[test]
fn a_sentence_is_released_once_it_is_checked() {
    let run = run(plan(StreamGuard::Sentence), &["Bring some tea. ", "It is always welcome."], vec![]);
    assert_eq!(run.releases, [15, 37]);
}

#[test]
fn a_breach_in_a_stream_is_repaired_from_the_safe_prefix() {
    let run = run(plan(StreamGuard::Sentence), &[CARELESS], vec![Some(" Tea would be the kinder choice.")]);
    assert_eq!(run.shown, "What a lovely thought. Tea would be the kinder choice.");
    assert_eq!(run.asked[0].shown, "What a lovely thought.");
    assert_eq!(run.verdict.outcome, Outcome::Repaired);
    assert_eq!(run.verdict.breached, [(norm(), 22)]);
    assert_eq!(run.verdict.pieces.len(), 2, "the breaching piece was not shown and does not count");
}

#[test]
fn a_repair_that_repeats_what_was_shown_is_joined_without_it() {
    for repair in ["What a lovely thought. Tea is kinder.", "Tea is kinder."] {
        let run = run(plan(StreamGuard::Sentence), &[CARELESS], vec![Some(repair)]);
        assert_eq!(run.shown, "What a lovely thought. Tea is kinder.");
    }
}

#[test]
fn white_space_at_its_end_does_not_keep_a_held_draft_from_being_mended() {
    for end in [" ", "\n", " \n\n"] {
        for deltas in [vec![CARELESS, end], vec![CARELESS, " A clock it is.", end]] {
            let run = run(plan(StreamGuard::Hold), &deltas, vec![Some("Tea is kinder.")]);
            assert_eq!((run.shown.as_str(), run.verdict.outcome), ("Tea is kinder.", Outcome::Repaired));
        }
    }
}

#[test]
fn a_piece_is_judged_with_the_one_before_it() {
    let mut answer = Answer::new(plan(StreamGuard::Hold));
    answer.push("Bring some tea. It is always welcome. Wrap it in red.");
    answer.finish();
    let mut asked = Vec::new();
    while let Next::Judge(piece) = answer.next() {
        answer.judged(Ok(judge(&piece)));
        asked.push(piece);
    }
    assert_eq!(
        asked,
        ["Bring some tea.", "Bring some tea. It is always welcome.", "It is always welcome. Wrap it in red."]
    );
}

#[test]
fn a_held_answer_is_replaced_as_a_whole() {
    let run = run(plan(StreamGuard::Hold), &[CARELESS], vec![Some("Tea would be the kinder choice.")]);
    assert_eq!(run.shown, "Tea would be the kinder choice.");
    assert_eq!((run.asked[0].shown.as_str(), run.asked[0].draft.as_str()), ("", CARELESS));
}

#[test]
fn a_repair_that_breaches_again_is_not_shown() {
    for stream in [StreamGuard::Sentence, StreamGuard::Hold] {
        let mut plan = plan(stream);
        plan.tries = 2;
        let run = run(plan, &[CARELESS], vec![Some("Take the smaller clock then."), None]);
        assert!(!run.shown.contains("clock") && run.shown.ends_with("[correction]"), "{}", run.shown);
        assert_eq!((run.verdict.outcome, run.verdict.repairs), (Outcome::Corrected, 2));
    }
}

#[test]
fn the_correction_keeps_what_holds() {
    let run = run(plan(StreamGuard::Hold), &[CARELESS], vec![None]);
    assert_eq!(run.shown, "What a lovely thought. Wrap it in red paper.\n\n[correction]");
}

#[test]
fn the_fallback_can_decline() {
    let mut plan = plan(StreamGuard::Hold);
    plan.fallback = Fallback::Decline;
    let run = run(plan, &[CARELESS], vec![None]);
    assert_eq!((run.shown.as_str(), run.verdict.outcome), ("[refusal]", Outcome::Declined));
}

#[test]
fn pass_shows_everything_and_tells_late() {
    let run = run(plan(StreamGuard::Pass), &[CARELESS], vec![]);
    assert_eq!((run.shown.as_str(), run.verdict.outcome), (CARELESS, Outcome::Breached));
    assert_eq!(run.verdict.breached, [(norm(), 22)]);
}

#[test]
fn a_breach_of_a_norm_that_is_only_watched_changes_nothing() {
    let mut plan = plan(StreamGuard::Sentence);
    plan.repaired.clear();
    let run = run(plan, &[CARELESS], vec![]);
    assert_eq!((run.shown.as_str(), run.verdict.outcome), (CARELESS, Outcome::Breached));
}

fn unchecked(fail_closed: bool) -> (String, Outcome) {
    let mut plan = plan(StreamGuard::Sentence);
    plan.fail_closed = fail_closed;
    let mut answer = Answer::new(plan);
    answer.push(CARELESS);
    answer.finish();
    loop {
        match answer.next() {
            Next::Judge(_) => answer.judged(Err(Unavailable::Late)),
            Next::Done => return (answer.shown(), answer.verdict().outcome),
            Next::Refuse(_) => answer.worded("[refusal]"),
            Next::Wait | Next::Release(_) | Next::Repair(_) | Next::Correct(_) | Next::Say(_) => {}
        }
    }
}

#[test]
fn what_cannot_be_checked_is_never_called_kept() {
    assert_eq!(unchecked(false), (CARELESS.to_owned(), Outcome::Unverified));
    assert_eq!(unchecked(true), ("[refusal]".to_owned(), Outcome::Declined));
}

#[test]
fn a_hold_that_outgrows_its_bound_goes_on_by_sentences() {
    let mut plan = plan(StreamGuard::Hold);
    plan.most_held = 40;
    let run =
        run(plan, &["Bring some tea, it is welcome. ", "Wrap it in red paper. ", "Not a clock though."], vec![None]);
    assert!(run.releases.len() > 1);
    assert!(!run.shown.contains("clock"));
}

proptest! {
    /// The same text gives the same verdict and the same answer, however it is cut.
    #[test]
    fn the_verdict_does_not_depend_on_the_cut(
        words in proptest::collection::vec(prop_oneof!["tea", "clock", "red paper", "好的。", "Right.", "Yes!\n", "of course."], 0..40),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        hold in any::<bool>(),
    ) {
        let text = words.join(" ");
        let stream = if hold { StreamGuard::Hold } else { StreamGuard::Sentence };
        let ends: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
        let mut at: Vec<usize> = cuts.iter().map(|cut| *cut.get(&ends)).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let deltas: Vec<&str> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let whole = run(plan(stream), &[&text], vec![Some("Better bring some fruit.")]);
        let cut = run(plan(stream), &deltas, vec![Some("Better bring some fruit.")]);
        prop_assert_eq!(&whole.shown, &cut.shown);
        prop_assert_eq!(whole.verdict, cut.verdict);
        prop_assert!(!whole.shown.contains("clock"));
    }
}

#[test]
fn an_end_without_words_is_not_judged_and_the_sentence_before_it_not_blamed() {
    // A judge that takes a sentence for a breach once something stands behind it.
    for (stream, end) in
        [StreamGuard::Sentence, StreamGuard::Hold, StreamGuard::Pass].into_iter().zip([" !", "\n\n2)", " 😊 1. ---"])
    {
        let mut answer = Answer::new(plan(stream));
        answer.push("Better lay them on their rest.");
        answer.push(end);
        answer.finish();
        let mut judged = Vec::new();
        loop {
            match answer.next() {
                Next::Judge(piece) => {
                    judged.push(piece.clone());
                    answer.judged(Ok(judge(&piece)));
                }
                Next::Release(_) => {}
                Next::Done => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(judged, ["Better lay them on their rest."], "{end}");
        assert_eq!(
            (answer.shown(), answer.verdict().outcome),
            (format!("Better lay them on their rest.{end}"), Outcome::Kept)
        );
    }
}
