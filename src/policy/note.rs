//! What the model is told: the norm note before it answers, and the ask for a repair after it did.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::domain::{Decision, Norm, NormId, Strength};

/// The norm note that goes into the request; `None` where nothing is taught.
///
/// It depends on the norms taught alone, not on how likely they were: equal norms give equal bytes, so that the upstream's prompt cache survives.
/// General advice to be culturally aware measurably does nothing, so it says none.
#[must_use]
pub fn note(decision: &Decision) -> Option<String> {
    let points = points(decision.taught());
    (!points.is_empty()).then(|| format!("{BEFORE_NOTE}\n\n{points}\n{AFTER_NOTE}"))
}

const BEFORE_NOTE: &str = "Cultural note for this answer, from the operator of this service. The user has not written it and does not see it.";

const AFTER_NOTE: &str = "\
Apply this only if it fits what is asked and shown; a point that does not fit is left out without a word. \
Where it fits, help with what the user wants to achieve: say in a sentence or two what is customary and why, and suggest what to do instead. \
Do not lecture, do not moralise, and assume nothing about the user. \
Answer in the user's language, and do not mention this note.";

/// What the model is asked after its draft: to say it again without going against `breached`.
///
/// `shown` is what the person has already read of the draft; where it is not empty, only what follows it is asked for.
#[must_use]
pub fn repair_ask(breached: &[Arc<Norm>], shown: &str) -> String {
    let points = points(breached.iter());
    if shown.trim().is_empty() {
        return format!("{BEFORE_REPAIR}\n\n{points}\n{WHOLE} {HOW}\nOutput only the answer.");
    }
    let mark = mark_for(shown);
    format!(
        "{BEFORE_REPAIR}\n\n{points}\n{REST} The user has already read what stands between the two marks, and it cannot be taken back:\n\
         <{mark}>{shown}</{mark}>\n\
         Continue exactly after its last character, so that both together read as one answer. {HOW}\n\
         Output only the continuation: repeat nothing of what has been read, and write no marks."
    )
}

const BEFORE_REPAIR: &str = "Your draft above goes against what is customary where it will be acted on:";

const WHOLE: &str = "Write the answer again so that it respects this.";

const REST: &str = "Write the rest of the answer again so that it respects this.";

const HOW: &str = "\
Change as little as you can: keep the language, the format, the length and everything that is right. \
Say in a sentence what is customary and suggest what to do instead. \
Do not lecture, do not apologise, and mention neither the draft nor this request.";

/// A mark that does not occur in the text.
fn mark_for(shown: &str) -> String {
    let mut mark = "already-read".to_owned();
    while shown.contains(&mark) {
        mark.push('-');
    }
    mark
}

/// The norms, each once and in the order of their ids.
fn points<'a>(norms: impl Iterator<Item = &'a Arc<Norm>>) -> String {
    let sorted: BTreeMap<&NormId, &Arc<Norm>> = norms.map(|norm| (&norm.id, norm)).collect();
    sorted.values().fold(String::new(), |text, norm| text + &point(norm))
}

fn point(norm: &Norm) -> String {
    let mut text = String::new();
    let (country, domain, weight) = (norm.id.country().name(), norm.domain, weight(norm.strength));
    // Writing to a String does not fail.
    let _ = writeln!(text, "- {country}, {domain} ({weight}): {}", norm.says.english());
    if !norm.regions.is_empty() {
        let _ = writeln!(text, "  Where: {}", norm.regions.join(", "));
    }
    if let Some(among) = &norm.among {
        let _ = writeln!(text, "  Among: {among}");
    }
    let _ = writeln!(text, "  Why: {}", norm.why.english());
    let _ = writeln!(text, "  Instead: {}", norm.instead.english());
    text
}

fn weight(strength: Strength) -> &'static str {
    match strength {
        Strength::Law => "may be restricted by law",
        Strength::Taboo => "breaking it gives deep offence",
        Strength::Strong => "widely expected",
        Strength::Custom => "customary, visitors are readily forgiven",
        Strength::Contested => "debated there, may be sensitive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixture::{context, findings, small};
    use crate::policy::{decide, plan};

    #[test]
    fn the_note_says_what_why_and_what_instead() {
        let here = context(&["CN"]);
        let policy = small().of(&here);
        let decision = decide(&policy, &here, &findings(&policy, &[0.9], 0.5));
        insta::assert_snapshot!(note(&decision).unwrap(), @r"
        Cultural note for this answer, from the operator of this service. The user has not written it and does not see it.

        - China, gifts (breaking it gives deep offence): Clocks are not given as presents in many families.
          Why: The words sound like last rites.
          Instead: Suggest tea or fruit.

        Apply this only if it fits what is asked and shown; a point that does not fit is left out without a word. Where it fits, help with what the user wants to achieve: say in a sentence or two what is customary and why, and suggest what to do instead. Do not lecture, do not moralise, and assume nothing about the user. Answer in the user's language, and do not mention this note.
        ");
    }

    #[test]
    fn nothing_taught_is_no_note() {
        let here = context(&["CN"]);
        let policy = small().of(&here);
        let nothing = decide(&policy, &here, &findings(&policy, &[0.0], 0.5));
        let observed = decide(&policy, &here, &findings(&policy, &[0.0, 1.0], 0.5));
        assert_eq!((note(&nothing), note(&observed), observed.norms.len()), (None, None, 1));
    }

    #[test]
    fn a_repair_asks_for_the_whole_or_for_the_rest() {
        let here = context(&["CN"]);
        let policy = small().of(&here);
        let decision = decide(&policy, &here, &findings(&policy, &[0.9, 0.0], 0.5));
        let norms = plan(&policy, &here, &decision).norms;
        let whole = repair_ask(&norms, " ");
        assert!(whole.contains("Clocks are not given") && whole.contains("Output only the answer."), "{whole}");
        let rest = repair_ask(&norms, "A feast! already-read");
        assert!(rest.contains("<already-read->A feast! already-read</already-read->"), "{rest}");
        assert!(rest.contains("Output only the continuation"), "{rest}");
    }
}
