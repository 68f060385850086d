//! Numbers in a stream: which text is meant, and which number an event has.

use std::collections::BTreeMap;

use crate::wire::Api;

use super::held::Text;

/// The most texts of one answer that are watched over: `n` goes to 128 in OpenAI's description.
pub(super) const MOST_TEXTS: usize = 128;

/// The numbers of texts by the ids of their items, and by the number that they have within these.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<(String, u32), u32>);

impl Known {
    /// The number of a text that is known by the id of its item, or by its number alone.
    pub(super) fn number(&mut self, api: Api, number: u32, id: Option<&str>, texts: &BTreeMap<u32, Text>) -> u32 {
        let Some(id) = id else { return number };
        let place = (id.to_owned(), api.within(number));
        if let Some(number) = self.0.get(&place) {
            return *number;
        }
        let taken = texts.contains_key(&number) || self.0.values().any(|other| *other == number);
        let free = || texts.keys().chain(self.0.values()).max().map_or(0, |most| most.saturating_add(1));
        let number = if taken { free() } else { number };
        if self.0.len() < MOST_TEXTS {
            self.0.insert(place, number);
        }
        number
    }

    /// The number of a text that is repeated whole: by its id, else the text that was said so, since servers do not always agree with themselves about ids and indices.
    pub(super) fn meant(
        &mut self,
        api: Api,
        number: u32,
        id: Option<&str>,
        whole: &str,
        texts: &BTreeMap<u32, Text>,
    ) -> u32 {
        if let Some(number) = id.and_then(|id| self.0.get(&(id.to_owned(), api.within(number)))) {
            return *number;
        }
        let said = |text: &Text| {
            let draft = text.answer.draft();
            (!draft.is_empty() && whole.starts_with(draft)).then_some(draft.len())
        };
        let longest = texts.iter().filter_map(|(number, text)| Some((said(text)?, *number))).max();
        longest.map_or_else(|| self.number(api, number, id, texts), |(_, number)| number)
    }
}

/// The numbers of a stream's events, where they have some.
#[derive(Debug, Default)]
pub(super) struct Sequence(Option<u64>);

impl Sequence {
    /// The number of the next event that goes out.
    pub(super) fn next(&self) -> u64 {
        self.0.unwrap_or_default()
    }

    /// Whether an event that goes out now has its number already; then it is taken.
    pub(super) fn is_next(&mut self, number: u64) -> bool {
        self.0.is_none_or(|next| next == number) && self.of(number) == number
    }

    /// The number of an event that goes out now and came with this one.
    pub(super) fn of(&mut self, came: u64) -> u64 {
        let number = self.0.unwrap_or(came);
        self.0 = Some(number.saturating_add(1));
        number
    }
}
