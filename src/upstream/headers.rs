//! Headers that belong to one connection and are not passed on (RFC 9110, 7.6.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Those that are of one hop even where `Connection` does not name them. `Trailer` is not among them: without it, HTTP/1.1 drops the trailers.
const HOP: &[&str] = &["connection", "transfer-encoding", "upgrade", "keep-alive", "http2-settings", "te"];

/// Takes out the headers that are of one hop: the fixed ones, `Proxy-…`, and those that `Connection` names. `TE` stays where it accepts trailers, and
/// says nothing but that.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &header::CONNECTION).filter_map(|name| name.parse().ok()).collect();
    let proxies: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with("proxy-")).cloned().collect();
    let trailers = tokens(headers, &header::TE).any(|coding| coding.eq_ignore_ascii_case("trailers"));
    for name in named.iter().chain(&proxies) {
        headers.remove(name);
    }
    for name in HOP {
        headers.remove(*name);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// The headers in which clients of the OpenAI API carry keys: bearer tokens, and Azure's.
pub static CREDENTIALS: [HeaderName; 3] =
    [header::AUTHORIZATION, HeaderName::from_static("api-key"), HeaderName::from_static("x-api-key")];

/// How a key begins among the protocols of a WebSocket: browsers can set no other header of one.
const SOCKET_KEY: &str = "openai-insecure-api-key.";

/// The keys among the protocols that a WebSocket is asked for.
pub fn socket_keys(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL).filter_map(|name| name.strip_prefix(SOCKET_KEY)).map(str::as_bytes)
}

/// Takes out what a client identifies itself with.
pub fn forget_credentials(headers: &mut HeaderMap) {
    for name in &CREDENTIALS {
        headers.remove(name);
    }
    if socket_keys(headers).next().is_some() {
        let kept = tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL).filter(|name| !name.starts_with(SOCKET_KEY));
        let kept = HeaderValue::try_from(kept.collect::<Vec<_>>().join(", "));
        headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
        if let Ok(kept) = kept.map_err(drop).and_then(|kept| if kept.is_empty() { Err(()) } else { Ok(kept) }) {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, kept);
        }
    }
}

/// Joins the pieces in which HTTP/2 sends cookies: elsewhere they are one header (RFC 9113, 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&pieces.join(b"; ".as_slice()))
    {
        headers.insert(header::COOKIE, joined);
    }
}

/// The comma-separated tokens of a header, however many lines it has, without their parameters.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|token| token.split(';').next()).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(headers: &[(&str, &str)]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        strip_hop_by_hop(&mut map);
        let mut left: Vec<String> =
            map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        left.sort();
        left
    }

    #[test]
    fn headers_of_one_hop_go_and_the_others_stay() {
        let left = stripped(&[
            ("connection", "keep-alive, X-One"),
            ("connection", "x-two"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABk"),
            ("proxy-connection", "close"),
            ("proxy-authorization", "Basic x"),
            ("proxy-anything", "1"),
            ("openai-beta", "assistants=v2"),
            ("user-agent", "client/1"),
            ("trailer", "x-checksum"),
        ]);
        assert_eq!(left, ["openai-beta: assistants=v2", "trailer: x-checksum", "user-agent: client/1"]);
    }

    #[test]
    fn pieces_of_a_cookie_are_joined() {
        let mut headers = HeaderMap::new();
        for piece in ["a=1", "b=2"] {
            headers.append(header::COOKIE, HeaderValue::from_static(piece));
        }
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }

    #[test]
    fn te_stays_only_for_trailers() {
        assert_eq!(stripped(&[("te", "gzip;q=0.5, Trailers")]), ["te: trailers"]);
        assert_eq!(stripped(&[("connection", "te"), ("te", "trailers")]), ["te: trailers"]);
        assert!(stripped(&[("te", "deflate;q=0.5")]).is_empty());
    }

    #[test]
    fn a_connection_header_that_is_no_header_name_harms_nothing() {
        assert_eq!(stripped(&[("connection", "close, , \"x y\""), ("accept", "*/*")]), ["accept: */*"]);
    }
}
