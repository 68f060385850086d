//! Server-sent events: cut out of a stream of bytes, and made.
//!
//! The framing is that of the HTML standard, section 9.2. What clients accept beyond it is accepted here, too: a last event without its blank line.

use bytes::{Bytes, BytesMut};

/// The event that ends a stream of chat completion chunks.
pub static DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

const BOM: &[u8] = "\u{feff}".as_bytes();

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// All its bytes: comments, fields, and the blank line that ends it.
    pub raw: Bytes,
    /// Its `data` lines, joined by line feeds; `None` where there are none or they are empty.
    pub data: Option<Bytes>,
    /// The value of its `event` line.
    pub name: Option<String>,
}

/// An event is longer than the decoder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("An event is longer than {limit} bytes. Raise the limit, or have the model server send smaller events.")]
pub struct TooLong {
    /// The most bytes of one event.
    pub limit: usize,
}

/// Cuts a stream of bytes into events, wherever the pieces in which it comes begin and end.
///
/// The raw bytes of all events, one behind the other, are the stream.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    buffer: BytesMut,
    /// How far the buffer holds no end of an event.
    scanned: usize,
    /// Where the line under way begins.
    line: usize,
    /// Whether no event was cut yet: a byte order mark may stand before the first.
    first: bool,
}

impl Decoder {
    /// A decoder that holds at most `limit` bytes of one event.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, buffer: BytesMut::new(), scanned: 0, line: 0, first: true }
    }

    /// Takes in the next bytes of the stream. Call [`Decoder::next`] until it has no more before the next push: that is what bounds the buffer.
    pub fn push(&mut self, bytes: &Bytes) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event that is complete; `None` where more bytes are needed.
    ///
    /// # Errors
    /// [`TooLong`], now and from now on, where an event is longer than the limit.
    #[expect(clippy::should_implement_trait, reason = "an iterator that ends and goes on would mislead")]
    pub fn next(&mut self) -> Result<Option<Event>, TooLong> {
        let end = self.end();
        if end.unwrap_or(self.buffer.len()) > self.limit {
            // The event's end must not be lost: the next call has to see it again.
            (self.scanned, self.line) = (0, 0);
            return Err(TooLong { limit: self.limit });
        }
        Ok(end.map(|end| self.cut(end)))
    }

    /// What is left when the stream is over: an event without its blank line, or `None`.
    #[must_use]
    pub fn finish(mut self) -> Option<Event> {
        let end = self.buffer.len();
        (end > 0).then(|| self.cut(end))
    }

    /// Everything that is not cut yet, however long.
    #[must_use]
    pub fn rest(self) -> Bytes {
        self.buffer.freeze()
    }

    /// Behind the blank line of the event at the head of the buffer.
    fn end(&mut self) -> Option<usize> {
        if self.line == 0 && self.first && self.buffer.starts_with(BOM) {
            self.line = BOM.len();
            self.scanned = self.scanned.max(BOM.len());
        }
        loop {
            let rest = self.buffer.get(self.scanned..)?;
            let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.scanned = self.buffer.len();
                return None;
            };
            let at = self.scanned + at;
            self.scanned = at;
            let behind = match (self.buffer.get(at), self.buffer.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) => at + 2,
                // A line feed may follow: with or without it, the event has to be the same.
                (Some(b'\r'), None) => return None,
                _ => at + 1,
            };
            let blank = at == self.line;
            (self.scanned, self.line) = (behind, behind);
            if blank {
                return Some(behind);
            }
        }
    }

    fn cut(&mut self, end: usize) -> Event {
        let raw = self.buffer.split_to(end).freeze();
        let skip = if std::mem::take(&mut self.first) && raw.starts_with(BOM) { BOM.len() } else { 0 };
        (self.scanned, self.line) = (0, 0);
        Event::read(raw, skip)
    }
}

impl Event {
    fn read(raw: Bytes, skip: usize) -> Self {
        let (mut data, mut name) = (Vec::new(), None);
        for line in raw.get(skip..).unwrap_or_default().split(|byte| matches!(byte, b'\n' | b'\r')) {
            match field(line) {
                (b"data", value) => data.push(value),
                (b"event", value) => name = Some(String::from_utf8_lossy(value).into_owned()),
                _ => {}
            }
        }
        let data = match data.as_slice() {
            [only] => raw.slice_ref(only),
            lines => lines.join(b"\n".as_slice()).into(),
        };
        Self { data: Some(data).filter(|data| !data.is_empty()), name, raw }
    }
}

/// A line's field and its value, without the one space that may stand before it. A comment is the field without a name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = line.splitn(2, |byte| *byte == b':');
    let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    (name, value.strip_prefix(b" ").unwrap_or(value))
}

/// An event with this data. A line break in the data, as JSON may have between its tokens, begins a new `data` line.
#[must_use]
pub fn event(data: &[u8]) -> Bytes {
    let mut event = BytesMut::with_capacity(data.len() + 8);
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.extend_from_slice(b"\n");
    }
    event.extend_from_slice(b"\n");
    event.freeze()
}

/// An event with this name and this data.
#[must_use]
pub fn named(name: &str, data: &[u8]) -> Bytes {
    let name = name.replace(['\n', '\r'], " ");
    [b"event: ", name.as_bytes(), b"\n", &event(data)].concat().into()
}

/// Whether an event ends the stream of chunks. What stands behind the word does not matter, as it does not to OpenAI's clients.
#[must_use]
pub fn is_done(event: &Event) -> bool {
    event.data.as_ref().is_some_and(|data| data.trim_ascii_start().starts_with(b"[DONE]"))
}

/// A comment, which clients pass over: it keeps a connection open. Line breaks become spaces.
#[must_use]
pub fn comment(text: &str) -> Bytes {
    Bytes::from(format!(": {}\n\n", text.replace(['\n', '\r'], " ")))
}

#[cfg(test)]
#[path = "sse_tests.rs"]
pub(super) mod tests;
