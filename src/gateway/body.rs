//! Bodies: reading one whole within bounds, and the boxed body that answers are made of.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Incoming};
use tokio_util::task::TaskTracker;

use crate::upstream::UpstreamError;

use super::budget::Room;
use super::error::Error;

/// What a body fails with.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any body, whole or streamed.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A whole body.
pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Bounds on reading a body whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// The most bytes.
    pub(super) limit: usize,
    /// The longest that it may take to arrive.
    pub(super) patience: Duration,
    /// Where the room for it is taken.
    pub(super) room: &'a Room,
}

/// Reads a body whole.
///
/// # Errors
/// [`Error::BodyTooLarge`] past the limit and [`Error::NoRoom`] where bodies take up all the room (both told by `Content-Length` before anything is read),
/// [`Error::BodyLate`] when it takes too long, [`Error::BodyBroken`] where the sender fails.
pub(super) async fn read<B>(mut body: B, bounds: Bounds<'_>) -> Result<Bytes, Error>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let limit = bounds.limit;
    if body.size_hint().lower() > limit as u64 {
        return Err(Error::BodyTooLarge { limit });
    }
    let expected = usize::try_from(body.size_hint().exact().unwrap_or_default()).unwrap_or_default().min(limit);
    // What is only announced takes no room: else whoever announces much and sends nothing would keep others out.
    if !bounds.room.fits(expected) {
        return Err(Error::NoRoom);
    }
    let mut came = Came { read: 0 };
    let whole = async {
        // A small body comes in one frame: it is not copied.
        let Some(first) = came.next(&mut body, bounds).await? else { return Ok(Bytes::new()) };
        let Some(second) = came.next(&mut body, bounds).await? else { return Ok(first) };
        let mut whole = BytesMut::with_capacity(expected.max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(next) = came.next(&mut body, bounds).await? {
            whole.extend_from_slice(&next);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(bounds.patience, whole).await.map_err(|_| Error::BodyLate)?
}

/// How much of a body came.
struct Came {
    read: usize,
}

impl Came {
    /// The next piece of data that is not empty, within the bounds.
    async fn next<B>(&mut self, body: &mut B, bounds: Bounds<'_>) -> Result<Option<Bytes>, Error>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let limit = bounds.limit;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| broken(&error.into()))?.into_data() else { continue };
            self.read += data.len();
            if self.read > limit {
                return Err(Error::BodyTooLarge { limit });
            }
            if !bounds.room.take(data.len()) {
                return Err(Error::NoRoom);
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// Why a body broke off: the model server's own word where it is an answer's, which may have stalled.
pub(super) fn broken(error: &BoxError) -> Error {
    error.downcast_ref::<UpstreamError>().map_or(Error::BodyBroken, |why| Error::Upstream(*why))
}

/// How long the rest of a body is heard out after its request was refused.
const LINGER: Duration = Duration::from_secs(5);

/// Hears out the rest of a body that nobody wants, and forgets it: a client that is still sending reads its answer only once it is done, and a connection that is closed
/// before that takes the answer with it (RFC 9112, 9.6). Who waits to be told to go on sends nothing.
pub(super) fn linger(tasks: &TaskTracker, mut body: Incoming, headers: &HeaderMap) {
    if !body.is_end_stream() && !headers.contains_key(header::EXPECT) {
        tasks.spawn(async move {
            let rest = async { while body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
            drop(tokio::time::timeout(LINGER, rest).await);
        });
    }
}

/// The most codings of one body that are undone. Nobody needs a second one; each takes room and time.
const MOST_CODINGS: usize = 2;

/// Undoes the `Content-Encoding` of a whole body, within `limit` bytes of plain text. That takes long for a large one, and is done where it delays nobody.
///
/// # Errors
/// [`Error::Encoding`] for an encoding other than gzip, deflate and identity, or one that does not decode; [`Error::BodyTooLarge`] past `limit`;
/// [`Error::NoRoom`].
pub(super) async fn decoded(bytes: Bytes, headers: &HeaderMap, limit: usize, room: &Room) -> Result<Bytes, Error> {
    if !is_encoded(headers) {
        return Ok(bytes);
    }
    let named = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let encodings: Vec<String> = named.filter(|name| !matches!(name.as_str(), "" | "identity")).collect();
    if encodings.len() > MOST_CODINGS {
        return Err(Error::Encoding);
    }
    let room = room.clone();
    let decoding = tokio::task::spawn_blocking(move || {
        let mut plain = bytes;
        for encoding in encodings.iter().rev() {
            plain = match encoding.as_str() {
                "gzip" | "x-gzip" => inflated(flate2::read::MultiGzDecoder::new(plain.as_ref()), limit, &room)?,
                "deflate" => inflated(flate2::read::ZlibDecoder::new(plain.as_ref()), limit, &room)?,
                _ => return Err(Error::Encoding),
            };
        }
        Ok(plain)
    });
    decoding.await.unwrap_or(Err(Error::Encoding))
}

fn inflated(mut reader: impl Read, limit: usize, room: &Room) -> Result<Bytes, Error> {
    let (mut plain, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let read = match reader.read(&mut piece) {
            Ok(0) => return Ok(plain.into()),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Error::Encoding),
        };
        if plain.len() + read > limit {
            return Err(Error::BodyTooLarge { limit });
        }
        if !room.take(read) {
            return Err(Error::NoRoom);
        }
        plain.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
}

/// Whether a header names a coding other than identity.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let identity = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    headers.get_all(header::CONTENT_ENCODING).iter().any(|value| !value.is_empty() && !identity(value))
}

/// Takes out the headers that describe a body's bytes, after those were changed.
pub(super) fn forget_bytes(headers: &mut HeaderMap) {
    for name in [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::ETAG, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    for name in ["digest", "content-md5", "content-digest", "repr-digest", "trailer"] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::super::budget::Budget;
    use super::*;

    fn frames(parts: &[&'static str]) -> Body {
        let frames: Vec<Result<_, BoxError>> = parts.iter().map(|part| Ok(Frame::data(Bytes::from(*part)))).collect();
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    }

    fn bounds(room: &Room) -> Bounds<'_> {
        Bounds { limit: 6, patience: Duration::from_secs(5), room }
    }

    #[tokio::test]
    async fn a_body_is_read_whole_however_it_is_cut() {
        for parts in [&["abcdef"][..], &["ab", "cd", "ef"], &["", "abc", "", "def"], &[]] {
            let whole = read(frames(parts), bounds(&Budget::new(6).room())).await.unwrap();
            assert_eq!(whole, parts.concat());
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        for body in [frames(&["abc", "def", "g"]), full(Bytes::from("abcdefg"))] {
            assert!(matches!(
                read(body, bounds(&Budget::new(100).room())).await,
                Err(Error::BodyTooLarge { limit: 6 })
            ));
        }
    }

    #[tokio::test]
    async fn a_body_for_which_there_is_no_room_is_refused() {
        for body in [frames(&["abc", "def"]), full(Bytes::from("abcdef"))] {
            assert!(matches!(read(body, bounds(&Budget::new(0).room())).await, Err(Error::NoRoom)));
        }
    }

    #[tokio::test]
    async fn gzip_is_undone_and_a_bomb_is_refused() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![b'a'; 100_000]).unwrap();
        let bomb = Bytes::from(packer.finish().unwrap());
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        let room = |bytes| Budget::new(bytes).room();
        assert_eq!(decoded(bomb.clone(), &headers, 100_000, &room(100_000)).await.unwrap().len(), 100_000);
        assert!(matches!(decoded(bomb.clone(), &headers, 100_000, &room(90_000)).await, Err(Error::NoRoom)));
        assert!(matches!(decoded(bomb, &headers, 99_999, &room(100_000)).await, Err(Error::BodyTooLarge { .. })));
        let stacked = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip, gzip, gzip"))]);
        let many = decoded(Bytes::from("x"), &stacked, 100, &room(100)).await;
        assert!(matches!(many, Err(Error::Encoding)));
        assert!(matches!(decoded(Bytes::from("no gzip"), &headers, 100, &room(100)).await, Err(Error::Encoding)));
    }
}
