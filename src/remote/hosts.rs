//! The hosts from which pictures may be fetched.

use std::fmt;
use std::str::FromStr;

/// The port of https.
pub(super) const HTTPS: u16 = 443;

/// A host from which pictures may be fetched, or all hosts below one name: `images.example.com`, `*.example.com`, `images.example.com:8443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    /// In lower case; of `*.example.com` the part behind the star.
    name: String,
    below: bool,
    port: u16,
}

/// A text that names no host from which pictures could be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAHost {
    /// It has the parts of a URL.
    #[error(
        "`{0}` is more than a host: write its name alone, without https:// and without a path, such as images.example.com"
    )]
    Url(String),
    /// Its port is none.
    #[error("`{0}` names a port that is none: write a number from 1 to 65535 behind the colon, or nothing for 443")]
    Port(String),
    /// It is an address.
    #[error("`{0}` is an address: write the host's name; nothing is fetched from an address alone")]
    Address(String),
    /// It would take in more than one owner's hosts, or what only the local network knows.
    #[error(
        "`{0}` is too wide or too short: write a full name such as images.example.com, or *.example.com for all hosts below example.com"
    )]
    Wide(String),
    /// It is no name.
    #[error(
        "`{0}` is no host's name: use letters, digits, hyphens and dots, such as images.example.com (other scripts as xn--...)"
    )]
    Name(String),
}

impl FromStr for HostRule {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let wrong = |kind: fn(String) -> NotAHost| kind(text.to_owned());
        if text.contains(['/', '?', '#', '@', '\\']) {
            return Err(wrong(NotAHost::Url));
        }
        if text.starts_with('[') || text.matches(':').count() > 1 {
            return Err(wrong(NotAHost::Address));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => {
                (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong(NotAHost::Port))?)
            }
            None => (text, HTTPS),
        };
        let (below, name) = host.strip_prefix("*.").map_or((false, host), |name| (true, name));
        let name = name.to_ascii_lowercase();
        if ends_in_number(&name) {
            return Err(wrong(NotAHost::Address));
        }
        if host == "*" || is_label(&name) {
            return Err(wrong(NotAHost::Wide));
        }
        if is_name(&name) { Ok(Self { name, below, port }) } else { Err(wrong(NotAHost::Name)) }
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.name)?;
        if self.port == HTTPS { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl HostRule {
    /// Whether it takes in a host, whose name is in lower case, at a port.
    pub(super) fn takes(&self, host: &str, port: u16) -> bool {
        let named = match host.strip_suffix(self.name.as_str()) {
            Some("") => !self.below,
            Some(before) => {
                self.below && before.strip_suffix('.').is_some_and(|labels| labels.split('.').all(is_label))
            }
            None => false,
        };
        named && self.port == port && host.len() <= 253
    }
}

/// Whether a text in lower case is a host's name of at least two labels.
fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether readers of URLs take the name for an IPv4 address, of which there are many spellings: `127.1`, `0x7f.0.0.1`, `2130706433`.
fn ends_in_number(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> HostRule {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_rule_takes_in_its_host_or_the_hosts_below_and_no_other() {
        for (text, host, port, taken) in [
            ("images.example.com", "images.example.com", 443, true),
            ("Images.EXAMPLE.com", "images.example.com", 443, true),
            ("images.example.com", "images.example.com", 8443, false),
            ("images.example.com:8443", "images.example.com", 8443, true),
            ("images.example.com:8443", "images.example.com", 443, false),
            ("images.example.com", "a.images.example.com", 443, false),
            ("images.example.com", "evil-images.example.com", 443, false),
            ("images.example.com", "images.example.com.evil.org", 443, false),
            ("images.example.com", "images.example.com.", 443, false),
            ("*.example.com", "a.example.com", 443, true),
            ("*.example.com", "a.b-c.example.com", 443, true),
            ("*.example.com", "my_bucket.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("*.example.com", "a..example.com", 443, false),
            ("*.example.com", "evilexample.com", 443, false),
            ("*.example.com", "a.example.com.evil.org", 443, false),
            ("*.example.com", "-a.example.com", 443, false),
            ("*.example.com", "%61.example.com", 443, false),
            ("*.example.com", "a.example.com", 80, false),
            ("*.example.com:8443", "a.example.com", 8443, true),
        ] {
            assert_eq!(rule(text).takes(host, port), taken, "{text} and {host}:{port}");
        }
        let long = format!("{}example.com", "a.".repeat(130));
        assert!(!rule("*.example.com").takes(&long, 443));
    }

    #[test]
    fn a_rule_is_shown_as_it_is_written() {
        for text in ["images.example.com", "*.example.com", "*.example.com:8443"] {
            assert_eq!(rule(text).to_string(), text);
        }
        assert_eq!(rule("a.example.com:443").to_string(), "a.example.com");
    }

    #[test]
    fn what_is_no_host_is_refused_with_what_to_write() {
        type Kind = fn(String) -> NotAHost;
        let kinds: [(Kind, &[&str]); 5] = [
            (
                NotAHost::Url,
                &[
                    "https://a.example.com",
                    "a.example.com/",
                    "a.example.com/x",
                    "me@a.example.com",
                    "a.example.com?x",
                    "//a.b",
                ],
            ),
            (NotAHost::Port, &["a.example.com:", "a.example.com:0", "a.example.com:65536", "a.example.com:https"]),
            (NotAHost::Address, &["10.0.0.1", "127.1", "2130706433", "a.0x7f", "[::1]", "::1", "8.8.8.8:443", "*.1"]),
            (NotAHost::Wide, &["*", "*.com", "localhost", "intranet:8443"]),
            (
                NotAHost::Name,
                &[
                    "",
                    "*.",
                    "a b.example.com",
                    "a..example.com",
                    "bücher.example",
                    "*.*.example.com",
                    "*a.example.com",
                    "a.example.com.",
                ],
            ),
        ];
        for (kind, texts) in kinds {
            for text in texts {
                assert_eq!(text.parse::<HostRule>(), Err(kind((*text).to_owned())));
            }
        }
    }
}
