//! URLs of pictures, as far as they may be followed.

use std::fmt::Write;

use http::Uri;

use super::hosts::{HTTPS, HostRule};

/// Where one picture is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The host's name, in lower case.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query as they are asked for; begins with a slash.
    pub(super) path: String,
    /// The rule that takes the host in, which a log line may name: the host itself may be a client's choice.
    pub(super) rule: HostRule,
}

impl Target {
    /// The target of a URL. `None` where the URL is not https, has a user, or names no host and port that a rule takes in.
    pub(super) fn of(url: &str, rules: &[HostRule]) -> Option<Self> {
        let uri: Uri = escaped(url).parse().ok()?;
        if uri.scheme_str() != Some("https") {
            return None;
        }
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host.to_owned(), port.parse().ok()?),
            None => (authority, HTTPS),
        };
        let rule = rules.iter().find(|rule| rule.takes(&host, port))?.clone();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self { host, port, path: format!("{slash}{path}"), rule })
    }

    /// Host and port as the `host` header has them.
    pub(super) fn authority(&self) -> String {
        if self.port == HTTPS { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The URL to which a redirect leads from here.
    pub(super) fn joined(&self, location: &str) -> String {
        let here = self.authority();
        let path = self.path.split('?').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        match location.chars().next() {
            _ if has_scheme(location) => location.to_owned(),
            Some('/') if location.starts_with("//") => format!("https:{location}"),
            Some('/') => format!("https://{here}{location}"),
            Some('?') => format!("https://{here}{path}{location}"),
            Some('#') | None => format!("https://{here}{}", self.path),
            Some(_) => format!("https://{here}{folder}/{location}"),
        }
    }
}

/// Whether a reference begins with a scheme, as `https:` or `javascript:`.
fn has_scheme(location: &str) -> bool {
    let scheme = location.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// The URL with the characters escaped that people write into URLs and HTTP cannot carry. In a host's name they make it one that no rule takes in.
fn escaped(url: &str) -> String {
    let mut plain = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            0..=b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{'..=b'}' | 0x7f.. => {
                // Writing into a string cannot fail.
                let _ = write!(plain, "%{byte:02X}");
            }
            plainly => plain.push(char::from(plainly)),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<HostRule> {
        ["images.example.com", "*.cdn.example.net:8443"].map(|text| text.parse().unwrap()).into()
    }

    fn read(url: &str) -> Option<String> {
        Target::of(url, &rules()).map(|target| format!("{} {}", target.authority(), target.path))
    }

    #[test]
    fn a_url_on_the_list_is_taken_apart() {
        for (url, expected) in [
            ("https://images.example.com/a.png?w=1&h=2#top", "images.example.com /a.png?w=1&h=2"),
            ("HTTPS://Images.Example.COM:443/A.png", "images.example.com /A.png"),
            ("https://images.example.com", "images.example.com /"),
            ("https://images.example.com?id=1", "images.example.com /?id=1"),
            ("https://eu.cdn.example.net:8443/a", "eu.cdn.example.net:8443 /a"),
            ("https://images.example.com/a b/ü.png", "images.example.com /a%20b/%C3%BC.png"),
            ("https://images.example.com/a%20b", "images.example.com /a%20b"),
            ("https://images.example.com/@b", "images.example.com /@b"),
        ] {
            assert_eq!(read(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn any_other_url_is_not() {
        for url in [
            "http://images.example.com/a.png",
            "https://example.com/a.png",
            "https://images.example.com:8443/a.png",
            "https://eu.cdn.example.net/a",
            "https://images.example.com:/a.png",
            "https://images.example.com:99999/a.png",
            "https://images.example.com:443:443/a.png",
            "https://user@images.example.com/a.png",
            "https://user:secret@images.example.com/a.png",
            "https://images.example.com@evil.org/a.png",
            "https://evil.org\\@images.example.com/a.png",
            "https://images.example.com\\.evil.org/a.png",
            "https://images.example.com%2eevil.org/a.png",
            "https://images.example.com.evil.org/a.png",
            "https://images.example.com./a.png",
            "https://ïmages.example.com/a.png",
            "https://127.0.0.1/a.png",
            "https://2130706433/a.png",
            "https://[::1]/a.png",
            "https://[::ffff:127.0.0.1]/a.png",
            "https:///a.png",
            "https:images.example.com/a.png",
            "//images.example.com/a.png",
            "ftp://images.example.com/a.png",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
        assert_eq!(Target::of("https://images.example.com/a.png", &[]), None);
    }

    #[test]
    fn a_redirect_is_read_from_where_it_was_given() {
        let here = Target::of("https://images.example.com/a/b.png?x=1", &rules()).unwrap();
        for (location, url) in [
            ("https://evil.org/", "https://evil.org/"),
            ("http://images.example.com/", "http://images.example.com/"),
            ("javascript:alert(1)", "javascript:alert(1)"),
            ("//evil.org/c", "https://evil.org/c"),
            ("/c?y=https://e.org", "https://images.example.com/c?y=https://e.org"),
            ("c.png", "https://images.example.com/a/c.png"),
            ("?y=2", "https://images.example.com/a/b.png?y=2"),
            ("", "https://images.example.com/a/b.png?x=1"),
        ] {
            assert_eq!(here.joined(location), url);
        }
    }
}
