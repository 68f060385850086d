//! Heads that leave in doubt whom a request is for, or where it ends.

use http::uri::Authority;
use http::{HeaderValue, Method, Version, header, request};

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadError {
    /// RFC 9112, 3.2.
    #[error("A request names its host once: send one Host header with a host and, where it has one, a port.")]
    Host,
    /// RFC 9112, 6.1: two readers could see two ends of the body.
    #[error(
        "The body's Transfer-Encoding cannot be read here. Send it with a Content-Length, or chunked and nothing else."
    )]
    TransferEncoding,
    /// RFC 9110, 9.3.6.
    #[error("This server opens no tunnels. Send the request to it as to any other server.")]
    Connect,
}

impl HeadError {
    /// OpenAI's `code`.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Host => "invalid_host",
            Self::TransferEncoding => "unsupported_transfer_encoding",
            Self::Connect => "connect_not_supported",
        }
    }
}

/// Checks what the HTTP library leaves open.
///
/// # Errors
/// [`HeadError`].
pub(super) fn sound(parts: &request::Parts) -> Result<(), HeadError> {
    if parts.method == Method::CONNECT {
        return Err(HeadError::Connect);
    }
    let codings: Vec<_> = parts.headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let chunked = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !matches!(codings.as_slice(), [] | [_]) || !codings.iter().all(|coding| chunked(coding)) {
        return Err(HeadError::TransferEncoding);
    }
    let hosts: Vec<_> = parts.headers.get_all(header::HOST).iter().collect();
    match hosts.as_slice() {
        [] if parts.version != Version::HTTP_11 => Ok(()), // HTTP/2 names it elsewhere, HTTP/1.0 need not
        [one] if one.is_empty() || named(one) => Ok(()),
        _ => Err(HeadError::Host),
    }
}

/// Whether a value names a host and nothing else.
fn named(host: &HeaderValue) -> bool {
    Authority::try_from(host.as_bytes()).is_ok_and(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn checked(version: Version, method: &str, headers: &[(&str, &str)]) -> Result<(), HeadError> {
        let mut request = Request::builder().version(version).method(method).uri("/v1/models");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        sound(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_host_is_named_once() {
        for hosts in [&[][..], &[("host", "a"), ("host", "a")], &[("host", "h/x y")], &[("host", "u@h")]] {
            assert_eq!(checked(Version::HTTP_11, "GET", hosts), Err(HeadError::Host), "{hosts:?}");
        }
        for host in ["a", "a:80", "[::1]:8080", ""] {
            assert_eq!(checked(Version::HTTP_11, "GET", &[("host", host)]), Ok(()), "{host}");
        }
        assert_eq!((checked(Version::HTTP_2, "GET", &[]), checked(Version::HTTP_10, "GET", &[])), (Ok(()), Ok(())));
    }

    #[test]
    fn a_body_is_chunked_once_or_not_at_all() {
        let coded = |codings: &[&str]| {
            let codings = codings.iter().map(|coding| ("transfer-encoding", *coding));
            checked(Version::HTTP_11, "POST", &codings.chain([("host", "a")]).collect::<Vec<_>>())
        };
        assert_eq!((coded(&[]), coded(&["Chunked"])), (Ok(()), Ok(())));
        for codings in [&["gzip, chunked"][..], &["chunked, chunked"], &["chunked", "chunked"], &["identity"]] {
            assert_eq!(coded(codings), Err(HeadError::TransferEncoding), "{codings:?}");
        }
    }

    #[test]
    fn no_tunnel_is_opened() {
        assert_eq!(checked(Version::HTTP_11, "CONNECT", &[("host", "a")]), Err(HeadError::Connect));
    }
}
