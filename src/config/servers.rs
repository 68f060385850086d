//! The model servers and TLS, from the file as it is written.

use std::path::PathBuf;

use http::{HeaderName, Uri, header};
use toml::Spanned;

use crate::upstream::{Member, Options};

use super::raw::{self, Raw};
use super::reader::Reader;
use super::{Overrides, TlsFiles};

/// The name of the server under `[upstream]`.
const DEFAULT: &str = "default";

impl Reader<'_> {
    /// The model servers in the order in which they are tried: those under `[[upstreams]]`, and `[upstream]` last.
    pub(super) fn upstreams(&mut self, raw: &Raw, over: &Overrides) -> Vec<Member> {
        let default = self.member(&raw.upstream, over.upstream.as_ref(), DEFAULT);
        let mut members: Vec<Member> = Vec::new();
        for more in &raw.upstreams {
            let name = more.name.as_ref().map_or("", |name| name.as_ref().as_str());
            if name.is_empty() || name == DEFAULT || members.iter().any(|member| member.name == name) {
                let says = "each of [[upstreams]] needs a name of its own; `default` is the one under [upstream]";
                self.problem(more.name.as_ref(), says);
                continue;
            }
            members.extend(self.member(more, None, name));
        }
        members.extend(default);
        members
    }

    fn member(&mut self, raw: &raw::Upstream, over: Option<&String>, name: &str) -> Option<Member> {
        if let Some(named) = raw.name.as_ref().filter(|named| named.as_ref() != name) {
            self.problem(Some(named), "the server under [upstream] is called `default`");
        }
        let base = self.base(raw, over)?;
        let identity = self.pair(
            (raw.certificate_file.as_ref(), raw.certificate_key_file.as_ref()),
            "certificate_file and certificate_key_file",
        );
        let options = Options {
            connect_timeout: self.seconds("connect_seconds", raw.connect_seconds.as_ref(), 5),
            first_byte_timeout: self.seconds("first_byte_seconds", raw.first_byte_seconds.as_ref(), 600),
            idle_timeout: self.seconds("idle_seconds", raw.idle_seconds.as_ref(), 120),
            retries: raw.retries.unwrap_or(1).min(5),
            extra_roots: raw.roots_file.clone(),
            identity,
            key: self.secret(raw.key_file.as_ref()),
            key_header: self.key_header(raw.key_header.as_ref()),
            health: self.health(raw.health_path.as_ref()),
            http2_prior_knowledge: raw.http2.unwrap_or(false),
            ..Options::new(base)
        };
        Some(Member { name: name.to_owned(), models: raw.models.clone().unwrap_or_default(), options })
    }

    fn base(&mut self, raw: &raw::Upstream, over: Option<&String>) -> Option<Uri> {
        let Some(url) = over.or(raw.url.as_ref().map(Spanned::as_ref)) else {
            let says = "no model server is named: give --upstream URL, or `url` under [upstream] and each of [[upstreams]], such as http://127.0.0.1:8000/v1";
            self.problem(raw.name.as_ref(), says);
            return None;
        };
        let parsed = url.parse::<Uri>().ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        });
        if parsed.is_none() {
            let says = format!(
                "`{url}` is no base URL of a model server: write http:// or https://, a host, and a path such as /v1"
            );
            match over {
                Some(_) => self.problem_of_flag("--upstream", says),
                None => self.problem(raw.url.as_ref(), says),
            }
        }
        parsed
    }

    fn key_header(&mut self, file: Option<&Spanned<String>>) -> HeaderName {
        let Some(name) = file else { return header::AUTHORIZATION };
        name.as_ref().parse().unwrap_or_else(|_| {
            self.problem(file, format!("`{}` is no name of a header: write one such as api-key", name.as_ref()));
            header::AUTHORIZATION
        })
    }

    fn health(&mut self, file: Option<&Spanned<String>>) -> Option<String> {
        let path = file?.as_ref();
        if !path.starts_with('/') || path.parse::<Uri>().is_err() {
            self.problem(file, format!("`{path}` is no path: write one such as /health"));
        }
        Some(path.clone())
    }

    /// The files of TLS for clients.
    pub(super) fn tls(&mut self, raw: &raw::Tls) -> Option<TlsFiles> {
        let files = self.pair((raw.certificate_file.as_ref(), raw.key_file.as_ref()), "certificate_file and key_file");
        if files.is_none()
            && let Some(roots) = &raw.client_roots_file
        {
            self.problem(Some(roots), "certificates of clients need TLS: give certificate_file and key_file, too");
        }
        let client_roots = raw.client_roots_file.as_ref().map(|roots| roots.as_ref().clone());
        files.map(|(certificate, key)| TlsFiles { certificate, key, client_roots })
    }

    /// Two files that are of no use alone.
    fn pair(
        &mut self,
        files: (Option<&Spanned<PathBuf>>, Option<&Spanned<PathBuf>>),
        names: &str,
    ) -> Option<(PathBuf, PathBuf)> {
        match files {
            (Some(one), Some(other)) => Some((one.as_ref().clone(), other.as_ref().clone())),
            (None, None) => None,
            (one, other) => {
                self.problem(one.or(other), format!("{names} belong together: give both"));
                None
            }
        }
    }
}
