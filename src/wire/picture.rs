//! Pictures by their URL.

use std::borrow::Cow;

use bytes::Bytes;

use crate::domain::{Picture, UnreadPicture};

use super::json::Raw;

/// The picture that a URL in a body names. Its bytes are shared with the body where the URL stands there without escapes.
pub(super) fn picture(body: &Bytes, url: Raw<'_>) -> Picture {
    let text = url.unescaped();
    let url = text.trim_matches(|char: char| char.is_whitespace() || char <= ' ');
    let Some((scheme, rest)) = url.split_once(':') else { return Picture::Unread(UnreadPicture::BadUrl) };
    if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
        return Picture::Remote(url.to_owned());
    }
    match payload(scheme, rest) {
        Err(why) => Picture::Unread(why),
        Ok(payload) if has_percent(payload) => Picture::Inline(percent_decoded(payload).into()),
        Ok(payload) => Picture::Inline(match &text {
            Cow::Borrowed(_) => body.slice_ref(payload.as_bytes()),
            Cow::Owned(_) => Bytes::copy_from_slice(payload.as_bytes()),
        }),
    }
}

/// The base64 text of a `data:` URL.
fn payload<'a>(scheme: &str, rest: &'a str) -> Result<&'a str, UnreadPicture> {
    if !scheme.eq_ignore_ascii_case("data") {
        return Err(UnreadPicture::BadUrl);
    }
    let (kind, payload) = rest.split_once(',').ok_or(UnreadPicture::BadUrl)?;
    // Media type first, then parameters in any order.
    let base64 = kind.split(';').skip(1).any(|parameter| parameter.trim().eq_ignore_ascii_case("base64"));
    if base64 { Ok(payload) } else { Err(UnreadPicture::BadUrl) }
}

/// In blocks, since it is asked of megabytes and the answer is no.
fn has_percent(text: &str) -> bool {
    let mut blocks = text.as_bytes().chunks(1024);
    blocks.any(|block| block.iter().fold(0, |any, byte| any | u8::from(*byte == b'%')) != 0)
}

/// RFC 2397 lets `+`, `/` and `=` come as `%2B`, `%2F` and `%3D`.
fn percent_decoded(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once('%') {
        out.extend_from_slice(before.as_bytes());
        let hex = behind.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Picture {
        let body = Bytes::from(url.to_owned());
        let text = std::str::from_utf8(&body).unwrap();
        picture(&body, Raw { text, escaped: text.contains('\\') })
    }

    fn inline(payload: &'static str) -> Picture {
        Picture::Inline(Bytes::from_static(payload.as_bytes()))
    }

    #[test]
    fn data_urls_are_read_however_they_are_spelt() {
        for url in [
            "data:image/png;base64,QUJD",
            "DATA:Image/PNG;BASE64,QUJD",
            " \n\tdata:image/png;charset=utf-8;base64,QUJD \r\n",
            "data:;base64,QUJD",
            "data:image/png; base64 ,QUJD",
            "data:image/png;base64;x=y,QUJD",
            "data:image\\/png;base64,QUJD",
            "\\u0064ata:image/png;base64,QUJD",
        ] {
            assert_eq!(of(url), inline("QUJD"), "{url}");
        }
        assert_eq!(of("data:image/png;base64,QU%2bD%3D%zz%"), inline("QU+D=%zz%"));
        assert_eq!(of("data:image/png;base64,"), inline(""));
        assert_eq!(of(r"data:image/png;base64,QU\/D"), inline("QU/D"));
    }

    #[test]
    fn other_urls_are_kept_as_they_came() {
        for (url, kept) in [
            ("http://example.org/a.png", "http://example.org/a.png"),
            (" HTTPS://example.org/A%20b.png?x=1#y\n", "HTTPS://example.org/A%20b.png?x=1#y"),
            ("https:\\/\\/example.org\\/a.png", "https://example.org/a.png"),
        ] {
            assert_eq!(of(url), Picture::Remote(kept.to_owned()), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_looked_at_says_why() {
        for url in
            ["", "QUJD", "data:image/png,QUJD", "data:base64,QUJD", "data:image/png;base64", "file:///etc/passwd"]
        {
            assert_eq!(of(url), Picture::Unread(UnreadPicture::BadUrl), "{url}");
        }
    }

    #[test]
    fn a_picture_is_not_copied() {
        let body = Bytes::from(format!("data:image/png;base64,{}", "A".repeat(1 << 20)));
        let text = std::str::from_utf8(&body).unwrap();
        let Picture::Inline(payload) = picture(&body, Raw { text, escaped: false }) else { panic!("not inline") };
        assert_eq!((payload.len(), payload.as_ptr()), (1 << 20, body[22..].as_ptr()));
    }
}
