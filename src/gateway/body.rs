//! Bodies: reading one whole within bounds, and the boxed body that answers are made of.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Body as HttpBody;

use crate::upstream::UpstreamError;

use super::error::Error;

/// What a body fails with.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any body, whole or streamed.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A whole body.
pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Reads a body whole.
///
/// # Errors
/// [`Error::BodyTooLarge`] past `limit` bytes (told by `Content-Length` before anything is read), [`Error::BodyLate`] after `patience`, [`Error::BodyBroken`] where the sender fails.
pub(super) async fn read<B>(mut body: B, limit: usize, patience: Duration) -> Result<Bytes, Error>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(Error::BodyTooLarge { limit });
    }
    let expected = usize::try_from(body.size_hint().exact().unwrap_or_default()).unwrap_or_default().min(limit);
    let whole = async {
        let mut left = limit;
        // A small body comes in one frame: it is not copied.
        let Some(first) = data(&mut body, &mut left, limit).await? else { return Ok(Bytes::new()) };
        let Some(second) = data(&mut body, &mut left, limit).await? else { return Ok(first) };
        let mut whole = BytesMut::with_capacity(expected.max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(next) = data(&mut body, &mut left, limit).await? {
            whole.extend_from_slice(&next);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(patience, whole).await.map_err(|_| Error::BodyLate)?
}

/// The next piece of data that is not empty, within what is `left` of the limit.
async fn data<B>(body: &mut B, left: &mut usize, limit: usize) -> Result<Option<Bytes>, Error>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error.into()))?.into_data() else { continue };
        *left = left.checked_sub(data.len()).ok_or(Error::BodyTooLarge { limit })?;
        if !data.is_empty() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Why a body broke off: the model server's own word where it is an answer's, which may have stalled.
fn broken(error: &BoxError) -> Error {
    error.downcast_ref::<UpstreamError>().map_or(Error::BodyBroken, |why| Error::Upstream(*why))
}

/// Undoes the `Content-Encoding` of a whole body, within `limit` bytes of plain text.
///
/// # Errors
/// [`Error::Encoding`] for an encoding other than gzip, deflate and identity, or one that does not decode; [`Error::BodyTooLarge`] past `limit`.
pub(super) fn decoded(bytes: Bytes, headers: &HeaderMap, limit: usize) -> Result<Bytes, Error> {
    let mut plain = bytes;
    let named = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let encodings: Vec<&str> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
    for encoding in encodings.iter().rev() {
        plain = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => plain,
            "gzip" | "x-gzip" => inflated(flate2::read::MultiGzDecoder::new(plain.as_ref()), limit)?,
            "deflate" => inflated(flate2::read::ZlibDecoder::new(plain.as_ref()), limit)?,
            _ => return Err(Error::Encoding),
        };
    }
    Ok(plain)
}

fn inflated(reader: impl Read, limit: usize) -> Result<Bytes, Error> {
    let mut plain = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut plain).map_err(|_| Error::Encoding)?;
    if plain.len() > limit { Err(Error::BodyTooLarge { limit }) } else { Ok(plain.into()) }
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

    use super::*;

    fn frames(parts: &[&'static str]) -> Body {
        let frames: Vec<Result<_, BoxError>> = parts.iter().map(|part| Ok(Frame::data(Bytes::from(*part)))).collect();
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    }

    #[tokio::test]
    async fn a_body_is_read_whole_however_it_is_cut() {
        for parts in [&["abcdef"][..], &["ab", "cd", "ef"], &["", "abc", "", "def"], &[]] {
            let whole = read(frames(parts), 6, Duration::from_secs(5)).await.unwrap();
            assert_eq!(whole, parts.concat());
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        for body in [frames(&["abc", "def", "g"]), full(Bytes::from("abcdefg"))] {
            assert!(matches!(read(body, 6, Duration::from_secs(5)).await, Err(Error::BodyTooLarge { limit: 6 })));
        }
    }

    #[test]
    fn gzip_is_undone_and_a_bomb_is_refused() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![b'a'; 100_000]).unwrap();
        let bomb = Bytes::from(packer.finish().unwrap());
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        assert_eq!(decoded(bomb.clone(), &headers, 100_000).unwrap().len(), 100_000);
        assert!(matches!(decoded(bomb, &headers, 99_999), Err(Error::BodyTooLarge { .. })));
        assert!(matches!(decoded(Bytes::from("no gzip"), &headers, 100), Err(Error::Encoding)));
    }
}
