//! What an answer says beside its texts, gathered while it comes and judged once it is over.
//!
//! A refusal and the words of what is heard are what a person gets, so a breach there is one of the answer. What tools are called with is bound to an action and is never
//! changed: a breach there is told. What a model thinks is not judged: it may think of a breach in order to turn it down.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Coverage, Outcome, Verdict};
use crate::wire::{Api, Beside, Joint, Surface, Words};

use super::conclusion::together;
use super::exchange::Exchange;
use super::judging::Watch;
use super::numbers::MOST_TEXTS;

/// The most bytes of one of them, and of all of them together: what is over is not judged.
const MOST: usize = 64 << 10;
const MOST_TOGETHER: usize = 256 << 10;
/// The most texts in them that are judged, one after the other.
const MOST_JUDGED: usize = 64;

/// What stands beside the texts of an answer, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// By choice or item, and by which of several it is there.
    said: BTreeMap<(u32, Surface, u32), Said>,
    more: bool,
}

#[derive(Debug, Default)]
struct Said {
    /// `None`: nothing of it was read.
    words: Option<String>,
    joint: Joint,
    /// Whether it is longer than what is kept of it.
    over: bool,
    /// How much of the text of its choice came before it, in bytes.
    behind: usize,
    /// Whether it is not shown.
    gone: bool,
}

/// What was said about one thing beside the texts.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) number: u32,
    pub(super) surface: Surface,
    /// Whether it is not shown.
    pub(super) gone: bool,
    pub(super) verdict: Verdict,
}

impl Others {
    /// What stands beside the texts of a whole answer.
    pub(super) fn of(all: Vec<Beside>) -> Self {
        let mut others = Self::default();
        for one in all {
            others.take(one, 0);
        }
        others
    }

    /// Takes in some more, behind so many bytes of the text of its choice.
    pub(super) fn take(&mut self, one: Beside, behind: usize) {
        let key = (one.number, one.surface, one.part);
        if self.said.len() >= MOST_TEXTS && !self.said.contains_key(&key) {
            self.more = true;
            return;
        }
        let said = self.said.entry(key).or_insert_with(|| Said { behind, ..Said::default() });
        match one.words {
            Words::Unread => {}
            Words::More(words) => {
                let words = said.joint.join(&words);
                said.add(&words);
            }
            Words::Whole(whole) => said.repeat(&whole),
        }
    }

    /// Says what is not shown, by number, what it is, and how much of the text of its choice came before it.
    pub(super) fn take_out(&mut self, gone: impl Fn(u32, Surface, usize) -> bool) {
        for ((number, surface, _), said) in &mut self.said {
            said.gone |= gone(*number, *surface, said.behind);
        }
    }

    /// Judges all that a person, or a tool, gets. The words of what is heard are judged even where they are not shown: the sound goes where text is held back, whatever it
    /// says.
    pub(super) async fn judge(&mut self, watch: &mut Watch) -> Vec<Judged> {
        let (mut all, mut left, mut texts_left) = (Vec::new(), MOST_TOGETHER, MOST_JUDGED);
        for ((number, surface, _), said) in &mut self.said {
            let Some(words) = &mut said.words else { continue };
            words.push_str(said.joint.rest());
            if said.gone && *surface != Surface::Transcript {
                continue;
            }
            said.over |= words.len() > left;
            if said.over {
                continue;
            }
            left -= words.len();
            let mut verdict = Verdict { outcome: Outcome::Kept, ..Verdict::unguarded() };
            let texts = surface.texts(words);
            said.over = texts.len() > texts_left;
            if said.over {
                continue;
            }
            texts_left -= texts.len();
            for text in texts {
                verdict = together([verdict, watch.look(&text).await]);
            }
            if said.gone && verdict.outcome == Outcome::Breached {
                verdict.outcome = Outcome::Repaired;
            }
            all.push(Judged { number: *number, surface: *surface, gone: said.gone, verdict });
        }
        all
    }

    /// Records what was looked at, and of the rest why it was not.
    pub(super) fn tell(&self, exchange: &Exchange, api: Api) {
        let mut told = BTreeSet::new();
        for ((number, surface, _), said) in &self.said {
            let why = said.unjudged(*surface);
            if told.insert((number, surface, why)) {
                let name = api.surface_name(*number, *surface);
                exchange.covered(why.map_or_else(|| Coverage::scanned(&name), |why| Coverage::unscanned(&name, why)));
            }
        }
        if self.more {
            exchange.covered(Coverage::unscanned("answer: more", "not-read"));
        }
    }
}

impl Said {
    fn add(&mut self, words: &str) {
        let all = self.words.get_or_insert_default();
        self.over |= all.len() + words.len() > MOST;
        if self.over {
            all.clear();
        } else {
            all.push_str(words);
        }
    }

    /// All of the words. Where they are others than those that came piece by piece, both were said.
    fn repeat(&mut self, whole: &str) {
        self.joint = Joint::default();
        let known = self.words.as_deref().unwrap_or_default();
        if whole.starts_with(known) {
            self.words = Some(String::new());
            self.add(whole);
        } else if !known.contains(whole) {
            self.add(&format!("\n{whole}"));
        }
    }

    /// Why it was not judged; `None` where it was.
    fn unjudged(&self, surface: Surface) -> Option<&'static str> {
        match (surface, &self.words) {
            (Surface::Transcript, Some(_)) if !self.over => None,
            _ if self.gone => Some("removed-with-the-draft"),
            (Surface::Reasoning, _) => Some("thoughts"),
            (_, None) => Some("not-read"),
            _ => self.over.then_some("too-long"),
        }
    }
}
