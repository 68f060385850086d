//! Joining the base URL and a request's path.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use super::error::SetupError;

/// The base URL, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Target {
    scheme: Scheme,
    authority: Authority,
    /// The path's segments; none for a base without a path.
    prefix: Vec<String>,
}

impl Target {
    /// # Errors
    /// [`SetupError::Base`].
    pub(super) fn new(base: &Uri) -> Result<Self, SetupError> {
        let wrong = || SetupError::Base(shown(base));
        let scheme = base.scheme().filter(|scheme| matches!(scheme.as_str(), "http" | "https")).ok_or_else(wrong)?;
        let authority = base.authority().filter(|authority| !authority.host().is_empty()).ok_or_else(wrong)?;
        if authority.as_str().contains('@') || base.query().is_some() {
            return Err(wrong());
        }
        let prefix = base.path().split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Ok(Self { scheme: scheme.clone(), authority: authority.clone(), prefix })
    }

    /// The URL of a request's path and query on the model server. `None` where the two make no URL.
    ///
    /// The request's path stays byte for byte as it is; only the part of the base's path that it already begins with is not written again.
    pub(super) fn url(&self, request: &Uri) -> Option<Uri> {
        let asked = request.path_and_query().map_or("/", PathAndQuery::as_str);
        let asked = if asked.starts_with('/') { asked } else { "/" }; // `OPTIONS *` is about the server as a whole
        let extra = self.prefix.len() - self.overlap(request.path());
        let mut path = String::with_capacity(asked.len() + 32);
        for segment in self.prefix.iter().take(extra) {
            path.push('/');
            path.push_str(segment);
        }
        path.push_str(asked);
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        uri.path_and_query(path).build().ok()
    }

    /// The URL of a path from the server's root on, beside the base's own path.
    pub(super) fn beside(&self, path: &str) -> Option<Uri> {
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        uri.path_and_query(path).build().ok()
    }

    /// How many segments at the base's end are those that the path begins with.
    fn overlap(&self, path: &str) -> usize {
        let begins = |end: &[String]| {
            let mut rest = path;
            end.iter().all(|segment| {
                match rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(segment.as_str())) {
                    Some(behind) if behind.is_empty() || behind.starts_with('/') => {
                        rest = behind;
                        true
                    }
                    _ => false,
                }
            })
        };
        (1..=self.prefix.len())
            .rev()
            .find(|&count| {
                self.prefix.len().checked_sub(count).and_then(|from| self.prefix.get(from..)).is_some_and(begins)
            })
            .unwrap_or(0)
    }
}

/// The base without a user and password, which a message must not show.
fn shown(base: &Uri) -> String {
    let text = base.to_string();
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", text.get(..scheme).unwrap_or_default(), text.get(at..).unwrap_or_default())
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(base: &str, request: &str) -> String {
        Target::new(&base.parse().unwrap()).unwrap().url(&request.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn base_and_path_are_joined_without_doubling() {
        for (base, request, url) in [
            ("http://h:1", "/v1/models", "http://h:1/v1/models"),
            ("http://h:1/", "/v1/models", "http://h:1/v1/models"),
            ("http://h:1/v1", "/v1/models?a=b%20c", "http://h:1/v1/models?a=b%20c"),
            ("http://h:1/v1/", "/v1/models", "http://h:1/v1/models"),
            ("http://h:1/v1", "/v1", "http://h:1/v1"),
            ("http://h:1/v1", "/models", "http://h:1/v1/models"),
            ("http://h:1/v1", "/v1beta/models", "http://h:1/v1/v1beta/models"),
            ("https://h/api/v1", "/v1/models", "https://h/api/v1/models"),
            ("https://h/api/v1", "/api/v1/models", "https://h/api/v1/models"),
            ("https://h/openai", "/v1/models", "https://h/openai/v1/models"),
            ("http://[::1]:8000/v1", "/v1/models", "http://[::1]:8000/v1/models"),
            ("http://h/v1", "//v1/models", "http://h/v1//v1/models"),
            ("http://h", "*", "http://h/"),
            ("http://h/v1", "http://elsewhere/v1/x?y", "http://h/v1/x?y"),
        ] {
            assert_eq!(joined(base, request), url, "{base} + {request}");
        }
    }

    #[test]
    fn a_base_that_is_none_is_refused_without_showing_its_password() {
        for base in ["ftp://h", "/v1", "h:80", "http://h/v1?key=1", "http://user:secret@h/"] {
            let error = Target::new(&base.parse().unwrap()).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("http://"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_the_client_wrote_stays_at_the_end(path in "(/[a-z0-9%]{1,4}){1,5}(\\?[a-z=&]{0,8})?") {
            prop_assert!(joined("http://h/v1", &path).ends_with(&path));
        }
    }
}
