//! Which source decides the country.

use super::language::language;
use super::mention::{Mention, mentions};
use super::places::Places;
use super::region::region;
use crate::domain::{Context, Country, Hint, Message, Place, PlaceSource, Role, Turn};

/// How many countries are recorded at most of those that weaker sources name.
const MOST_CONFLICTS: usize = 8;

/// Whose culture a turn is about: the strongest source that names a country decides.
///
/// In this order: the header, the metadata, the newest user text, earlier turns (newest first), the system and developer
/// prompts (newest first), the user's location, the default, the region of `Accept-Language`. What weaker sources say
/// otherwise is recorded as a conflict, each country once and at most eight. No source: no place. Pictures are not looked at.
#[must_use]
pub fn resolve(hint: &Hint, turn: &Turn, places: &Places) -> Context {
    let query = query(turn);
    let language = query.as_ref().and_then(|(_, text)| language(text));
    let mut context = Context { language, layers: hint.layers.clone(), ..Context::default() };
    let said = |source, text: &str| named(source, text, places);
    let prompts = turn.messages.iter().rev().filter(|message| speaks(message, &[Role::System, Role::Developer]));

    add(&mut context, given(PlaceSource::Header, hint.header.iter().copied()));
    add(&mut context, given(PlaceSource::Metadata, hint.metadata));
    if let Some((_, text)) = &query {
        add(&mut context, said(PlaceSource::Query, text));
    }
    for message in earlier(turn, query.map(|(at, _)| at)) {
        add(&mut context, said(PlaceSource::History, &message.text()));
    }
    for message in prompts {
        add(&mut context, said(PlaceSource::Prompt, &message.text()));
    }
    add(&mut context, given(PlaceSource::UserLocation, hint.user_location));
    add(&mut context, given(PlaceSource::Default, hint.default));
    add(&mut context, given(PlaceSource::AcceptLanguage, hint.accept_language.as_deref().and_then(region)));
    context
}

/// Takes what the next weaker source says: the places in play where none was named so far, conflicts otherwise.
///
/// A country that was given as a code says nothing about its parts: those that the first text to name the country speaks of are in play.
fn add(context: &mut Context, found: Vec<Place>) {
    if context.places.is_empty() {
        context.places = found;
        return;
    }
    for place in found {
        let given = context.places.iter_mut().find(|given| given.country == place.country && given.name.is_none());
        if let Some(given) = given.filter(|_| place.name.is_some()) {
            given.name = place.name;
            given.regions = place.regions;
            continue;
        }
        let mut known = context.places.iter().chain(&context.conflicts);
        if context.conflicts.len() < MOST_CONFLICTS && known.all(|other| other.country != place.country) {
            context.conflicts.push(place);
        }
    }
}

/// The newest message of the user that holds text, its index and its text.
fn query(turn: &Turn) -> Option<(usize, String)> {
    let messages = turn.messages.iter().enumerate().rev();
    let texts =
        messages.filter(|(_, message)| speaks(message, &[Role::User])).map(|(at, message)| (at, message.text()));
    texts.into_iter().find(|(_, text)| !text.trim().is_empty())
}

/// What user and assistant said besides the query, newest first.
fn earlier(turn: &Turn, query: Option<usize>) -> impl Iterator<Item = &Message> {
    let messages = turn.messages.iter().enumerate().rev().filter(move |(at, _)| Some(*at) != query);
    messages.map(|(_, message)| message).filter(|message| speaks(message, &[Role::User, Role::Assistant]))
}

fn speaks(message: &Message, roles: &[Role]) -> bool {
    message.role.is_some_and(|role| roles.contains(&role))
}

/// Countries that were given as codes, each once.
fn given(source: PlaceSource, countries: impl IntoIterator<Item = Country>) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for country in countries {
        if places.iter().all(|place| place.country != country) {
            places.push(Place { country, source, name: None, regions: Vec::new() });
        }
    }
    places
}

fn named(source: PlaceSource, text: &str, places: &Places) -> Vec<Place> {
    let place = |mention: Mention| {
        let Mention { country, name, regions } = mention;
        Place { country, source, name: Some(name), regions }
    };
    mentions(text, places).into_iter().map(place).collect()
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
