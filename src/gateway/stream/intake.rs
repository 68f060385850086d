//! What comes from the model server: read, told text by text, and put behind the events that wait.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{Coverage, StreamGuard};
use crate::wire::{Api, Event, Joint, Piece, sse};

use super::super::error::Error;
use super::super::held::{Carried, End, Held, Repeated, Text};
use super::super::numbers::MOST_TEXTS;
use super::super::observe::EVENT_LIMIT;
use super::Guarded;

/// In what steps room is taken for what is held.
const STEP: usize = 64 << 10;

impl Guarded {
    /// The most bytes of one event. The last ones of a response carry all of it, pictures that were made included.
    pub(super) fn event_limit(&self) -> usize {
        match self.plan.api {
            Api::Chat | Api::Completions => EVENT_LIMIT,
            Api::Responses => EVENT_LIMIT.max(self.plan.app.settings.limits.answer),
        }
    }

    /// Takes in one event.
    pub(super) fn take(&mut self, came: sse::Event) -> Result<(), Error> {
        if sse::is_done(&came) {
            self.end = Some(Held::bare(came.raw));
            return Ok(());
        }
        let Some(data) = came.data.as_ref() else { return self.hold(Held::bare(came.raw)) };
        match Event::read(self.plan.api, data).map_err(Error::from).and_then(|event| self.read(came.raw.clone(), event))
        {
            Err(Error::Request(_)) if self.withholds() => Err(Error::AnswerUnread),
            Err(Error::Request(_)) => {
                if !std::mem::replace(&mut self.unread, true) {
                    self.plan.exchange.covered(Coverage::unscanned("answer: event", "malformed"));
                }
                self.hold(Held { unread: self.holds(), ..Held::bare(came.raw) })
            }
            taken => taken,
        }
    }

    /// Puts an event behind those that wait.
    fn hold(&mut self, held: Held) -> Result<(), Error> {
        let limit = self.plan.app.settings.limits.answer;
        self.held_bytes += held.bytes.len();
        self.held.push_back(held);
        let drafts = self.texts.values().map(|text| text.answer.draft().len()).sum::<usize>();
        let held = self.held_bytes + drafts;
        // Room is taken in steps, for the most that was held so far.
        while self.charged < held {
            if !self.plan.exchange.room().take(STEP) {
                return Err(Error::AnswerTooLarge { limit });
            }
            self.charged += STEP;
        }
        if self.held_bytes.max(drafts) > limit { Err(Error::AnswerTooLarge { limit }) } else { Ok(()) }
    }

    /// Whether text is held back in this stream at all, so that what would leak a withheld draft has to go, too.
    pub(super) fn holds(&self) -> bool {
        self.plan.watch.as_ref().is_some_and(|watch| watch.plan.stream != StreamGuard::Pass)
    }

    pub(super) fn withholds(&self) -> bool {
        self.holds() && self.plan.watch.as_ref().is_some_and(|watch| watch.plan.fail_closed)
    }

    fn read(&mut self, raw: Bytes, event: Event) -> Result<(), Error> {
        if self.holds()
            && let Some(apart) = event.apart()
        {
            return self.take_all(&apart.concat().into());
        }
        self.failed |= event.error();
        self.take_beside(&event);
        let (raw, event) = if self.holds() { event.without_leaks()?.unwrap_or((raw, event)) } else { (raw, event) };
        let event = Arc::new(event);
        let pieces = event.pieces();
        if !pieces.is_empty() {
            self.envelope = Some(Arc::clone(&event));
        }
        let mut held = Held { event: Some(Arc::clone(&event)), ..Held::bare(raw) };
        if self.plan.watch.is_some() {
            self.take_pieces(&event, pieces, &mut held)?;
            for piece in event.repeats() {
                held.repeats.push(self.repeated(&event, piece)?);
            }
        }
        match (event.last(), event.echoes() && self.holds()) {
            (true, _) => self.end = Some(held),
            (false, true) => {}
            (false, false) => self.hold(held)?,
        }
        Ok(())
    }

    /// Takes in what an event says beside the texts.
    fn take_beside(&mut self, event: &Event) {
        for one in event.beside() {
            let behind = self.texts.get(&one.number).map_or(0, |text| text.answer.draft().len());
            self.others.take(one, behind);
        }
    }

    /// Takes in what an event adds to texts.
    fn take_pieces(&mut self, event: &Arc<Event>, pieces: Vec<Piece>, held: &mut Held) -> Result<(), Error> {
        let mut mended = BTreeMap::new();
        for piece in pieces {
            let number = self.known.number(self.plan.api, piece.number, piece.id.as_deref(), &self.texts);
            let fragment = piece.text.unwrap_or_default();
            if self.texts.get(&number).is_some_and(|text| text.end != End::Open) && !fragment.is_empty() {
                self.late(number)?;
                held.partial |= self.holds();
                continue;
            }
            let text = self.text(number)?;
            let from = text.answer.draft().len();
            let said = text.joint.join(&fragment);
            text.answer.push(&said);
            text.envelope = Some((Arc::clone(event), piece.number, piece.id));
            if piece.ends {
                text.finish();
            }
            held.carried.push(Carried {
                text: number,
                number: piece.number,
                from,
                to: text.answer.draft().len(),
                ends: piece.ends,
            });
            if fragment.parted() {
                mended.insert(piece.number, said);
            }
        }
        // Half a character must not go out before it is known whether the other half may.
        if self.holds() && !mended.is_empty() {
            held.bytes = event.saying(&mended);
        }
        Ok(())
    }

    /// Takes in events that were made here.
    fn take_all(&mut self, events: &Bytes) -> Result<(), Error> {
        let mut decoder = sse::Decoder::new(usize::MAX);
        decoder.push(events);
        while let Ok(Some(event)) = decoder.next() {
            self.take(event)?;
        }
        Ok(())
    }

    /// A text that an event repeats whole: it is at its end.
    fn repeated(&mut self, event: &Event, piece: Piece) -> Result<Repeated, Error> {
        let whole = piece.text.unwrap_or_default().alone();
        let number = self.known.meant(self.plan.api, piece.number, piece.id.as_deref(), &whole, &self.texts);
        // A server that says a text only at its end, or the end of it only there: that rest is shown like the rest of it, where its item is still open.
        let open = self.text(number)?.end == End::Open;
        let rest = whole.strip_prefix(self.text(number)?.answer.draft()).unwrap_or_default().to_owned();
        if open && !rest.is_empty() {
            self.text(number)?.joint = Joint::default(); // the rest has the whole of a character that was cut in two
        }
        if open && !rest.is_empty() {
            if self.holds() && !event.last() {
                self.take_all(&event.with_text(piece.number, piece.id.as_deref(), &rest))?;
            } else {
                self.text(number)?.answer.push(&rest);
            }
        }
        self.text(number)?.finish();
        Ok(Repeated { text: number, number: piece.number, whole })
    }

    /// An event brings more of a text that is at its end. Nobody judges it: where text is held back, it goes no further.
    fn late(&mut self, number: u32) -> Result<(), Error> {
        if std::mem::replace(&mut self.text(number)?.end, End::Overrun) == End::Reached {
            let name = self.plan.api.text_name(number);
            self.plan.exchange.covered(Coverage::unscanned(format!("{name}, behind its end"), "after-its-end"));
        }
        Ok(())
    }

    /// The text of that number, which may be new.
    fn text(&mut self, number: u32) -> Result<&mut Text, Error> {
        let known = self.texts.len();
        match self.texts.entry(number) {
            Entry::Occupied(text) => Ok(text.into_mut()),
            Entry::Vacant(_) if known >= MOST_TEXTS => Err(Error::AnswerUnread),
            Entry::Vacant(place) => {
                let watch = self.plan.watch.as_ref().ok_or(Error::AnswerUnread)?;
                Ok(place.insert(Text {
                    answer: watch.answer(),
                    joint: Joint::default(),
                    released: 0,
                    stopped: false,
                    over: false,
                    end: End::Open,
                    envelope: None,
                    due: None,
                }))
            }
        }
    }
}
