//! Which parts of a turn are looked at, and what is said about the others.

use std::ops::Range;

use bytes::Bytes;

use crate::domain::{Coverage, Detector, Message, Part, Picture, Role, Turn, Unavailable, UnreadPicture};

use super::features::Shown;
use super::picture::PictureError;

/// A part that belongs to an earlier exchange of the conversation.
const OTHER_TURN: &str = "other-turn";
/// A part of a kind that the models do not read.
const NOT_READ: &str = "not-read";
/// A picture beyond the limit of a turn.
const OVER_LIMIT: &str = "over-picture-limit";

/// What is looked at: the newest user text, and the pictures of the current exchange.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The question; empty where nobody wrote any.
    pub(super) query: String,
    /// The pictures that are looked at with their messages, in the order of the turn.
    pub(super) pictures: Vec<(usize, Bytes)>,
    parts: Vec<(String, Fate)>,
}

/// What becomes of a part.
#[derive(Debug, Clone, PartialEq)]
enum Fate {
    /// It is the question.
    Question,
    /// It is looked at, as the picture of that index.
    Picture(usize),
    /// It is not looked at, and why.
    Skipped(&'static str),
}

/// What became of the question when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// It was read to its end.
    Whole,
    /// It was too long to be read to its end.
    Cut,
}

impl Plan {
    /// Chooses the parts of a turn; of the pictures at most `most`, those of the newest messages.
    pub(super) fn of(turn: &Turn, most: usize) -> Self {
        let question = turn.messages.iter().rposition(asks);
        let first = turn.shown();
        let mut plan = Self { query: String::new(), pictures: Vec::new(), parts: Vec::new() };
        let chosen = chosen(turn, &first, most);
        for (at, message) in turn.messages.iter().enumerate() {
            plan.text(at, message, question == Some(at));
            for part in &message.parts {
                match part {
                    Part::Text(_) => {}
                    Part::Picture(picture) => plan.picture(at, picture, first.contains(&at), &chosen),
                    Part::Other(name) => plan.parts.push((path(at, name), Fate::Skipped(NOT_READ))),
                }
            }
        }
        plan
    }

    fn text(&mut self, at: usize, message: &Message, question: bool) {
        let texts = message.parts.iter().filter_map(|part| match part {
            Part::Text(text) if !text.trim().is_empty() => Some(text.as_str()),
            Part::Text(_) | Part::Picture(_) | Part::Other(_) => None,
        });
        let text = texts.collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return;
        }
        let fate = match (question, message.role) {
            (true, _) => Fate::Question,
            (false, Some(Role::User | Role::Assistant)) => Fate::Skipped(OTHER_TURN),
            (false, Some(Role::System | Role::Developer | Role::Tool) | None) => Fate::Skipped(NOT_READ),
        };
        if question {
            self.query = text;
        }
        self.parts.push((path(at, "text"), fate));
    }

    fn picture(&mut self, at: usize, picture: &Picture, in_focus: bool, chosen: &[&Bytes]) {
        let fate = match picture {
            Picture::Unread(why) => Fate::Skipped(why.word()),
            Picture::Inline(_) | Picture::Remote(_) if !in_focus => Fate::Skipped(OTHER_TURN),
            // What is fetched is fetched before the turn comes here.
            Picture::Remote(_) => Fate::Skipped(UnreadPicture::RemoteUrl.word()),
            Picture::Inline(payload) if chosen.iter().any(|one| std::ptr::eq(*one, payload)) => {
                self.pictures.push((at, payload.clone()));
                Fate::Picture(self.pictures.len() - 1)
            }
            Picture::Inline(_) => Fate::Skipped(OVER_LIMIT),
        };
        self.parts.push((path(at, "picture"), fate));
    }

    /// What was looked at once the question was read and each picture was seen or had a flaw.
    pub(super) fn coverage(&self, read: Read, vouched: bool, sights: &[Result<Shown, PictureError>]) -> Vec<Coverage> {
        let mut coverage = Vec::with_capacity(self.parts.len() + 1);
        for (part, fate) in &self.parts {
            match fate {
                Fate::Skipped(why) => coverage.push(Coverage::unscanned(part, *why)),
                Fate::Question => {
                    coverage.push(Coverage::scanned(part));
                    if read == Read::Cut {
                        coverage.push(Coverage::unscanned(format!("{part}, its end"), "too-long"));
                    }
                    if !vouched {
                        let rest = format!("{part}, beyond what was found");
                        coverage.push(Coverage::unscanned(rest, Unavailable::Language.word()));
                    }
                }
                Fate::Picture(index) => match sights.get(*index) {
                    Some(Err(flaw)) => coverage.push(Coverage::unscanned(part, flaw.to_string())),
                    Some(Ok(shown)) => {
                        coverage.push(Coverage::scanned(part));
                        let frames = shown.more_frames.then(|| format!("{part}, its other frames"));
                        coverage.extend(frames.map(|frames| Coverage::unscanned(frames, NOT_READ)));
                        let missed = |(detector, why): &(Detector, Unavailable)| {
                            Coverage::unscanned(format!("{part}, for {detector}"), why.word())
                        };
                        coverage.extend(shown.missed.iter().map(missed));
                    }
                    None => coverage.push(Coverage::scanned(part)),
                },
            }
        }
        coverage
    }

    /// What is said where nothing was looked at after all, and why.
    pub(super) fn unscanned(&self, why: &str) -> Vec<Coverage> {
        let coverage = self.parts.iter().map(|(part, fate)| match fate {
            Fate::Skipped(why) => Coverage::unscanned(part, *why),
            Fate::Question | Fate::Picture(_) => Coverage::unscanned(part, why),
        });
        coverage.collect()
    }
}

fn path(message: usize, part: &str) -> String {
    format!("messages[{message}]: {part}")
}

fn asks(message: &Message) -> bool {
    message.role == Some(Role::User) && !message.text().trim().is_empty()
}

/// The pictures that are looked at, the newest messages' first.
fn chosen<'a>(turn: &'a Turn, focus: &Range<usize>, most: usize) -> Vec<&'a Bytes> {
    let inline = turn.pictures().filter(|(at, _)| focus.contains(at)).filter_map(|(_, picture)| match picture {
        Picture::Inline(payload) => Some(payload),
        Picture::Remote(_) | Picture::Unread(_) => None,
    });
    inline.take(most).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
