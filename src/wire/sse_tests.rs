use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// All events of a stream that comes in these pieces.
fn decoded(pieces: &[&[u8]], limit: usize) -> Result<Vec<Event>, TooLong> {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(&Bytes::copy_from_slice(piece));
        while let Some(event) = decoder.next()? {
            events.push(event);
        }
    }
    events.extend(decoder.finish());
    Ok(events)
}

fn whole(stream: &[u8]) -> Vec<Event> {
    let events = decoded(&[stream], usize::MAX).unwrap();
    let raws: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
    assert_eq!(raws, stream, "the raw bytes of all events are the stream");
    events
}

fn data(stream: &str) -> Vec<Option<String>> {
    let text = |event: Event| event.data.map(|data| String::from_utf8(data.to_vec()).unwrap());
    whole(stream.as_bytes()).into_iter().map(text).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

#[test]
fn lines_end_with_any_line_break() {
    for stream in [
        "data: a\n\ndata: b\n\n",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\r\rdata: b\r\r",
        "data: a\r\n\ndata: b\n\r\n",
    ] {
        assert_eq!(data(stream), some(&["a", "b"]), "{stream:?}");
    }
}

#[test]
fn data_lines_are_joined_and_lose_one_space() {
    assert_eq!(data("data: {\ndata:  \"a\": 1\ndata:}\n\n"), some(&["{\n \"a\": 1\n}"]));
    assert_eq!(data("data:a\n\n"), some(&["a"]));
    assert_eq!(data("data: a: b\n\n"), some(&["a: b"]));
}

#[test]
fn comments_and_empty_events_have_no_data() {
    assert_eq!(data(": ping\n\n"), [None]);
    assert_eq!(data("data\n\n"), [None]);
    assert_eq!(data("id: 1\nretry: 5\n\n"), [None]);
    assert_eq!(data("\n\r\n"), [None, None]);
    assert_eq!(data(": ping\ndata: a\n\n"), some(&["a"]));
    assert_eq!(data("database: a\n\n"), [None]);
}

#[test]
fn a_byte_order_mark_may_stand_before_the_first_event_only() {
    assert_eq!(data("\u{feff}data: a\n\n"), some(&["a"]));
    assert_eq!(data("\u{feff}\n\u{feff}data: a\n\n"), [None, None]);
    assert_eq!(data("\u{feff}"), [None]);
}

#[test]
fn a_last_event_needs_no_blank_line() {
    assert_eq!(data("data: a\n\ndata: [DONE]"), some(&["a", "[DONE]"]));
    assert_eq!(data("data: [DONE]\n"), some(&["[DONE]"]));
    assert_eq!(data("data: [DONE]\r\r"), some(&["[DONE]"]));
    assert_eq!(data(""), []);
}

#[test]
fn an_event_has_its_name() {
    let events = whole(b"event: response.completed\r\ndata: {}\r\n\r\ndata: {}\n\n");
    assert_eq!(events[0].name.as_deref(), Some("response.completed"));
    assert_eq!(events[1].name, None);
}

#[test]
fn an_event_over_the_limit_is_an_error_however_it_comes() {
    let stream = b"data: a\n\ndata: 0123456789\n\ndata: b\n\n";
    for cut in 0..=stream.len() {
        let (head, tail) = stream.split_at(cut);
        assert_eq!(decoded(&[head, tail], 17).unwrap_err(), TooLong { limit: 17 }, "{cut}");
        assert_eq!(decoded(&[head, tail], 18).unwrap().len(), 3, "{cut}");
    }
    let mut decoder = Decoder::new(4);
    decoder.push(&Bytes::from_static(b"data: a\n\n"));
    assert_eq!((decoder.next(), decoder.next()), (Err(TooLong { limit: 4 }), Err(TooLong { limit: 4 })));
}

#[test]
fn the_end_of_chunks_is_known_by_its_word() {
    let is = |stream: &[u8]| whole(stream).iter().map(is_done).collect::<Vec<_>>();
    assert_eq!(is(&DONE), [true]);
    assert_eq!(is(b"data:[DONE]\r\n\r\n"), [true]);
    assert_eq!(is(b"data: {\"a\":\"[DONE]\"}\n\n: [DONE]\n\n"), [false, false]);
}

#[test]
fn what_is_made_here_reads_back() {
    assert_eq!(event(b"{}"), "data: {}\n\n");
    assert_eq!(whole(&event(b"{\n \"a\":\n1}"))[0].data.as_deref(), Some(b"{\n \"a\":\n1}".as_slice()));
    assert_eq!(comment("still\nhere"), ": still here\n\n");
    assert_eq!(whole(&comment("data: x"))[0].data, None);
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        parts in prop::collection::vec(prop::sample::select(vec![
            "data: ", "data:", "data", "event: x", ": c", "\n", "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "é中🥢", "\u{feff}", "{\"a\":1}", "[DONE]", " ", ":",
        ]), 0..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream = parts.concat().into_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|ends| &stream[ends[0]..ends[1]]).collect();
        let events = decoded(&pieces, usize::MAX).unwrap();
        prop_assert_eq!(&events, &whole(&stream));
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&decoded(&single, usize::MAX).unwrap(), &events);
    }
}

/// The recorded streams of OpenAI, or `None` where the folder is not named.
#[expect(clippy::disallowed_methods, reason = "evaluation data is named by the environment, and only tests read it")]
pub(in crate::wire) fn recorded() -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let Ok(folder) = std::env::var("COMITY_EVAL_DATA") else {
        println!("skipped: COMITY_EVAL_DATA is not set");
        return None;
    };
    let entries = std::fs::read_dir(PathBuf::from(folder).join("openai-sse")).unwrap();
    let paths =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "bin"));
    let streams: Vec<_> = paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    assert_eq!(streams.len(), 12);
    Some(streams)
}

#[test]
fn recorded_streams_are_the_same_events_cut_at_every_byte() {
    for (path, stream) in recorded().unwrap_or_default() {
        let expected = whole(&stream);
        assert!(is_done(expected.last().unwrap()), "{}", path.display());
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert!(decoded(&single, 1 << 20).unwrap() == expected, "{}", path.display());
        // A cut concerns the event it is in and its neighbours; the whole stream for each cut would take minutes.
        for at in 0..expected.len() {
            let near = &expected[at.saturating_sub(1)..expected.len().min(at + 2)];
            let part: Vec<u8> = near.iter().flat_map(|event| event.raw.to_vec()).collect();
            for cut in 0..=part.len() {
                let (head, tail) = part.split_at(cut);
                assert!(
                    decoded(&[head, tail], 1 << 20).unwrap() == near,
                    "{} event {at}, cut at {cut}",
                    path.display()
                );
            }
        }
    }
}
