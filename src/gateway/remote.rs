//! Pictures behind URLs: those that the models would look at are fetched before they do.

use std::borrow::Cow;

use futures_util::future::join_all;

use crate::domain::{Part, Picture, Turn, UnreadPicture};
use crate::remote::Fetcher;
use crate::telemetry::Metrics;

use super::budget::Room;

/// The turn with the pictures in it that its URLs name. Those are fetched that the settings allow, that belong to the current exchange, and that are among the newest
/// `most` of it; where one is not got, the turn says why.
///
/// What the model server is sent stays as it came: it fetches by itself.
pub(super) async fn fetched<'a>(
    fetcher: &Fetcher,
    metrics: &Metrics,
    turn: &'a Turn,
    most: usize,
    room: &Room,
) -> Cow<'a, Turn> {
    let wanted = if most == 0 { Vec::new() } else { wanted(turn, most, |url| fetcher.admits(url)) };
    if wanted.is_empty() {
        return Cow::Borrowed(turn);
    }
    let pictures = join_all(wanted.iter().map(|one| picture(fetcher, metrics, one, room))).await;
    let mut told = turn.clone();
    for (one, picture) in wanted.iter().zip(pictures) {
        let parts = told.messages.get_mut(one.message).map(|message| &mut message.parts);
        if let Some(part) = parts.and_then(|parts| parts.get_mut(one.part)) {
            *part = Part::Picture(picture);
        }
    }
    Cow::Owned(told)
}

/// A picture that may be fetched, and where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    message: usize,
    part: usize,
    url: &'a str,
    /// Whether there are as many before it as are looked at.
    over: bool,
}

/// The pictures that may be fetched, the newest messages' first, as they are counted when they are looked at.
fn wanted(turn: &Turn, most: usize, admits: impl Fn(&str) -> bool) -> Vec<Wanted<'_>> {
    let (mut wanted, mut before) = (Vec::new(), 0);
    for message in turn.shown().rev() {
        let parts = turn.messages.get(message).map(|message| message.parts.iter().enumerate());
        for (part, picture) in parts.into_iter().flatten() {
            match picture {
                Part::Picture(Picture::Inline(_)) => before += 1,
                Part::Picture(Picture::Remote(url)) if admits(url) => {
                    wanted.push(Wanted { message, part, url, over: before >= most });
                    before += 1;
                }
                Part::Picture(Picture::Remote(_) | Picture::Unread(_)) | Part::Text(_) | Part::Other(_) => {}
            }
        }
    }
    wanted
}

async fn picture(fetcher: &Fetcher, metrics: &Metrics, wanted: &Wanted<'_>, room: &Room) -> Picture {
    if wanted.over {
        return Picture::Unread(UnreadPicture::OverLimit);
    }
    let file = fetcher.fetch(wanted.url).await;
    metrics.remote_picture(file.as_ref().map(|_| ()).map_err(|why| *why));
    match file {
        // What is being fetched is bounded by itself; what stays is held like a body.
        Ok(file) if !room.take(file.len().div_ceil(3) * 4) => Picture::Unread(UnreadPicture::NoRoom),
        // As a data: URL would have it, so that both have one place in the models' cache.
        Ok(file) => Picture::Inline(base64_simd::STANDARD.encode_to_string(file).into()),
        Err(why) => Picture::Unread(why),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::{Message, Role};

    #[test]
    fn what_is_not_allowed_takes_no_place_and_what_is_over_the_limit_is_not_fetched() {
        let remote = |url: &str| Part::Picture(Picture::Remote(url.to_owned()));
        let inline = || Part::Picture(Picture::Inline(Bytes::from_static(b"AAA=")));
        let message = |role, parts| Message { role: Some(role), parts };
        let turn = Turn {
            messages: vec![
                message(Role::User, vec![remote("good/old")]),
                message(Role::User, vec![remote("bad/1"), remote("good/1"), inline(), remote("good/2")]),
                message(Role::Tool, vec![Part::Other("x".to_owned()), remote("good/3")]),
            ],
        };
        let wanted = wanted(&turn, 3, |url| url.starts_with("good"));
        let found: Vec<_> = wanted.iter().map(|one| (one.message, one.part, one.url, one.over)).collect();
        assert_eq!(found, [(2, 1, "good/3", false), (1, 1, "good/1", false), (1, 3, "good/2", true)]);
    }
}
