//! The base64 text of a `data:` URL, read as forgivingly as browsers and model servers read it.

use std::borrow::Cow;

use super::picture::PictureError;

/// Decodes the payload of a `data:` URL: white space anywhere, missing padding, the URL-safe alphabet and percent-encoding are all accepted,
/// since what the upstream can see must not go unseen here.
///
/// # Errors
/// [`PictureError::TooLarge`] where more than `most` bytes come out, before they are made; [`PictureError::NotBase64`] where it is none.
pub(super) fn decode(text: &[u8], most: usize) -> Result<Vec<u8>, PictureError> {
    if surely_larger(text.len(), most) {
        return Err(PictureError::TooLarge);
    }
    let plain = text.trim_ascii();
    let bytes = base64_simd::STANDARD.decode_to_vec(plain).or_else(|_| forgiving(plain))?;
    if bytes.len() > most { Err(PictureError::TooLarge) } else { Ok(bytes) }
}

/// Whether a text of that many bytes is too long for a payload of `most` bytes, with room for line breaks and some percent-encoding.
pub(super) fn surely_larger(text: usize, most: usize) -> bool {
    text > most.saturating_mul(3) / 2 + 1024
}

fn forgiving(text: &[u8]) -> Result<Vec<u8>, PictureError> {
    let text = unescape(text).ok_or(PictureError::NotBase64)?;
    let mut plain: Vec<u8> =
        text.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|&byte| standard(byte)).collect();
    let padding = plain.iter().rev().take_while(|&&byte| byte == b'=').count();
    plain.truncate(plain.len() - padding);
    base64_simd::forgiving_decode_to_vec(&plain).map_err(|_| PictureError::NotBase64)
}

/// The same digit in the standard alphabet.
fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// Takes percent-encoding away; `None` where it is broken.
fn unescape(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        let plain = if byte == b'%' { digit(rest.next()?)? * 16 + digit(rest.next()?)? } else { byte };
        bytes.push(plain);
    }
    Some(Cow::Owned(bytes))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYTES: &[u8] = &[0xfb, 0xef, 0xff, 0x00];

    #[test]
    fn every_spelling_of_the_same_bytes_is_read() {
        for text in [
            "++//AA==",
            "++//AA",
            "  ++//AA==",
            "\r\n++//AA==\n",
            "++/\n/A A==",
            "--__AA",
            "%2B%2b%2F%2fAA%3D%3D",
            "%20++//AA==",
            "++//AA=",
        ] {
            assert_eq!(decode(text.as_bytes(), 100).as_deref(), Ok(BYTES), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["A", "AAAAA", "AA*A", "%2", "%zz", "ü", "AA==AA"] {
            assert_eq!(decode(text.as_bytes(), 100), Err(PictureError::NotBase64), "{text:?}");
        }
    }

    #[test]
    fn more_bytes_than_allowed_are_refused_before_they_are_decoded() {
        assert_eq!(decode(b"++//AA==", 3), Err(PictureError::TooLarge));
        assert_eq!(decode(&vec![b'*'; 5_000], 1_000), Err(PictureError::TooLarge));
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes: Vec<u8>) {
            let text = base64_simd::STANDARD.encode_to_string(&bytes);
            prop_assert_eq!(decode(text.as_bytes(), 1_000).unwrap(), bytes.clone());
            let urlsafe = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&bytes);
            prop_assert_eq!(decode(urlsafe.as_bytes(), 1_000).unwrap(), bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text: Vec<u8>) {
            let _ = decode(&text, 64);
        }
    }
}
