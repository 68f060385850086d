//! From the file as it is written to valid settings.

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use toml::Spanned;

use crate::classify::PictureLimits;
use crate::domain::{Country, Layers};
use crate::remote;
use crate::wire::NotePlace;

use super::raw::{self, Raw};
use super::{AUDIT_FILE, Admin, Audit, Config, Limits, Others, Overrides, caches};

/// `:line:column` of a byte range, both counted from 1.
pub(super) fn place(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(":{line}:{column}")
}

/// Turns what the file says into what holds, and collects what is wrong on the way.
pub(super) struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    problems: Vec<String>,
}

const MIB: u64 = 1 << 20;
/// ONNX Runtime tells some thousand things at `info` while models are opened.
const LOG_FILTER: &str = "info,ort=warn";

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text, problems: Vec::new() }
    }

    /// The settings, or every problem.
    pub(super) fn read(mut self, raw: &Raw, over: &Overrides) -> Result<Config, Vec<String>> {
        match self.config(raw, over) {
            Some(config) if self.problems.is_empty() => Ok(config),
            Some(_) | None => Err(self.problems),
        }
    }

    pub(super) fn problem<T>(&mut self, at: Option<&Spanned<T>>, says: impl fmt::Display) {
        let place = at.map_or_else(String::new, |value| place(self.text, &value.span()));
        self.problems.push(format!("{}{place}: {says}", self.path));
    }

    pub(super) fn problem_of_flag(&mut self, flag: &str, says: impl fmt::Display) {
        self.problems.push(format!("{flag}: {says}"));
    }

    /// What was found to be wrong.
    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// A word: from the command line, else from the file, else the default.
    fn word<T>(&mut self, over: Option<&String>, flag: &str, file: Option<&Spanned<String>>, default: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        let text = over.or(file.map(Spanned::as_ref)).map_or(default, String::as_str);
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) if over.is_some() => {
                self.problems.push(format!("{flag} {text}: {error}"));
                None
            }
            Err(error) => {
                self.problem(file, format!("`{text}`: {error}"));
                None
            }
        }
    }

    /// A number within bounds.
    pub(super) fn number(
        &mut self,
        name: &str,
        file: Option<&Spanned<u64>>,
        default: u64,
        within: &RangeInclusive<u64>,
    ) -> u64 {
        let value = file.map_or(default, |value| *value.as_ref());
        if !within.contains(&value) {
            self.problem(
                file,
                format!("{name} = {value} is out of bounds: use {} to {}", within.start(), within.end()),
            );
        }
        value
    }

    pub(super) fn seconds(&mut self, name: &str, file: Option<&Spanned<u64>>, default: u64) -> Duration {
        Duration::from_secs(self.number(name, file, default, &(1..=86_400)))
    }

    pub(super) fn size(&mut self, name: &str, file: Option<&Spanned<u64>>, default: u64, most: u64) -> usize {
        usize::try_from(self.number(name, file, default, &(1..=most))).unwrap_or(usize::MAX)
    }

    pub(super) fn secret(&mut self, file: Option<&Spanned<PathBuf>>) -> Option<SecretString> {
        let path = file?.as_ref();
        match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => Some(SecretString::from(text.trim())),
            Ok(_) => {
                self.problem(file, format!("{} is empty: put the secret into it", path.display()));
                None
            }
            Err(error) => {
                self.problem(file, format!("{} cannot be read: {error}", path.display()));
                None
            }
        }
    }

    fn config(&mut self, raw: &Raw, over: &Overrides) -> Option<Config> {
        let listen = self.word(over.listen.as_ref(), "--listen", raw.listen.as_ref(), "127.0.0.1:8080");
        let mode = self.word(over.mode.as_ref(), "--mode", raw.mode.as_ref(), "enforce");
        let upstreams = self.upstreams(raw, over);
        let tls = self.tls(&raw.tls);
        let others = self.others(raw);
        let country = self.country(raw.policies.country.as_ref());
        let backend = self.word(over.backend.as_ref(), "--backend", raw.models.backend.as_ref(), "auto");
        let models = &raw.models;
        let (threads, queue) = self.threads(models);
        let cache_bytes = self.number("cache_mib", models.cache_mib.as_ref(), 64, &(1..=65_536)) * MIB;
        let pictures = self.pictures(&raw.limits);
        let remote = self.remote(&raw.remote_pictures, pictures.bytes as u64 / MIB);
        let limits = self.limits(&raw.limits, models);
        let finish_reason = self.finish_reason(raw.verdict.finish_reason.as_ref());
        let note_place = self.note_place(raw.note.place.as_ref());
        let audit = self.audit(&raw.audit, over);
        let admin = self.admin(&raw.admin, over);
        let log_format = self.word(None, "", raw.log.format.as_ref(), "pretty");
        Some(Config {
            listen: listen?,
            mode: mode?,
            tls,
            upstreams,
            tenants: raw.tenants.file.clone(),
            others,
            policies: over.policies.clone().or_else(|| raw.policies.dir.clone()),
            country,
            layers: layers(&raw.policies),
            models: over.models.clone().or_else(|| models.dir.clone()),
            backend: backend?,
            runtime: over.runtime.clone().or_else(|| models.runtime.clone()),
            caches: caches(over.cache_dir.as_deref().or(models.cache_dir.as_deref())),
            threads,
            queue,
            cache_bytes,
            pictures,
            remote,
            limits,
            include_verdict: raw.verdict.include.unwrap_or(false),
            finish_reason,
            note_place: note_place?,
            audit,
            admin: admin?,
            log_format: log_format?,
            log_filter: raw.log.filter.clone().unwrap_or_else(|| LOG_FILTER.to_owned()),
        })
    }

    pub(super) fn country(&mut self, file: Option<&Spanned<String>>) -> Option<Country> {
        let value = file?;
        match value.as_ref().parse() {
            Ok(country) => Some(country),
            Err(error) => {
                self.problem(file, error);
                None
            }
        }
    }

    fn threads(&mut self, models: &raw::Models) -> (usize, usize) {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(4) as u64;
        let threads = self.size("threads", models.threads.as_ref(), cores, 256);
        (threads, self.size("queue", models.queue.as_ref(), 256, 65_536))
    }

    fn pictures(&mut self, limits: &raw::Limits) -> PictureLimits {
        PictureLimits {
            bytes: self.size("picture_mib", limits.picture_mib.as_ref(), 20, 1024).saturating_mul(1 << 20),
            pixels: self.number("picture_megapixels", limits.picture_megapixels.as_ref(), 50, &(1..=1000)) * 1_000_000,
            count: self.size("pictures", limits.pictures.as_ref(), 16, 1000),
        }
    }

    /// `most`: the MiB of any picture.
    fn remote(&mut self, raw: &raw::RemotePictures, most: u64) -> remote::Options {
        let mut hosts = Vec::new();
        for host in raw.hosts.iter().flatten() {
            match host.as_ref().parse() {
                Ok(rule) => hosts.push(rule),
                Err(error) => self.problem(Some(host), error),
            }
        }
        let most = most.max(1);
        remote::Options {
            hosts,
            bytes: self.size("max_mib", raw.max_mib.as_ref(), most.min(10), most).saturating_mul(1 << 20),
            timeout: Duration::from_millis(self.number("timeout_ms", raw.timeout_ms.as_ref(), 3000, &(1..=60_000))),
            redirects: usize::try_from(self.number("redirects", raw.redirects.as_ref(), 2, &(0..=10))).unwrap_or(0),
            at_once: self.size("at_once", raw.at_once.as_ref(), 8, 1000),
        }
    }

    fn limits(&mut self, raw: &raw::Limits, models: &raw::Models) -> Limits {
        let millis = |number: u64| Duration::from_millis(number);
        Limits {
            body: self.size("body_mib", raw.body_mib.as_ref(), 64, 1024).saturating_mul(1 << 20),
            answer: self.size("answer_mib", raw.answer_mib.as_ref(), 8, 1024).saturating_mul(1 << 20),
            bodies: self.bodies(raw),
            body_patience: self.seconds("body_seconds", raw.body_seconds.as_ref(), 60),
            requests: self.size("requests", raw.requests.as_ref(), 512, 100_000),
            connections: self.size("connections", raw.connections.as_ref(), 4096, 1_000_000),
            observers: self.size("observers", raw.observers.as_ref(), 64, 100_000),
            turn: millis(self.number("turn_ms", models.turn_ms.as_ref(), 1500, &(1..=60_000))),
            piece: millis(self.number("piece_ms", models.piece_ms.as_ref(), 1500, &(1..=60_000))),
            keep_alive: self.seconds("keep_alive_seconds", raw.keep_alive_seconds.as_ref(), 10),
            drain: self.seconds("drain_seconds", raw.drain_seconds.as_ref(), 30),
        }
    }

    /// Room for a body that comes packed, unpacked beside it, and its answer: else some requests could never be served.
    fn bodies(&mut self, raw: &raw::Limits) -> usize {
        let mib = self.size("bodies_mib", raw.bodies_mib.as_ref(), 1024, 1 << 20);
        let said = |value: Option<&Spanned<u64>>, default| value.map_or(default, |value| *value.as_ref());
        let one = 2 * said(raw.body_mib.as_ref(), 64) + said(raw.answer_mib.as_ref(), 8);
        if (mib as u64) < one {
            let says = format!(
                "bodies_mib = {mib} has no room for one request: use twice body_mib and answer_mib, {one}, or more"
            );
            self.problem(raw.bodies_mib.as_ref(), says);
        }
        mib.saturating_mul(1 << 20)
    }

    fn finish_reason(&mut self, file: Option<&Spanned<String>>) -> String {
        let reason = file.map_or("stop", |value| value.as_ref().as_str());
        if !matches!(reason, "stop" | "content_filter") {
            self.problem(
                file,
                format!("finish_reason `{reason}` is none that clients know: use stop or content_filter"),
            );
        }
        reason.to_owned()
    }

    fn note_place(&mut self, file: Option<&Spanned<String>>) -> Option<NotePlace> {
        match file.map_or("before-user", |value| value.as_ref().as_str()) {
            "before-user" => Some(NotePlace::BeforeUser),
            "in-user" => Some(NotePlace::InUser),
            other => {
                self.problem(file, format!("`{other}` is no place for the note: use before-user or in-user"));
                None
            }
        }
    }

    fn others(&mut self, raw: &Raw) -> Others {
        let own_key = [&raw.upstream].into_iter().chain(&raw.upstreams).any(|server| server.key_file.is_some());
        let raw = &raw.tenants;
        match raw.others.as_ref().map(|word| word.as_ref().as_str()) {
            Some("pass") => Others::Pass,
            Some("refuse") => Others::Refuse,
            Some(other) => {
                self.problem(raw.others.as_ref(), format!("`{other}`: use pass or refuse"));
                Others::Refuse
            }
            // Whoever has no key of a tenant would use the server's own, for nothing.
            None if own_key && raw.file.is_some() => {
                let says = "[tenants] has to say `others`, since a model server has a key: `refuse` turns away who bears no tenant's key, `pass` lets them use the server's";
                self.problem::<()>(None, says);
                Others::Refuse
            }
            None => Others::Pass,
        }
    }

    fn audit(&mut self, raw: &raw::Audit, over: &Overrides) -> Audit {
        let days = self.number("retention_days", raw.retention_days.as_ref(), 30, &(1..=3650));
        let enabled = raw.enabled.unwrap_or(true);
        let sqlite = over.sqlite.clone().or_else(|| raw.sqlite.clone()).unwrap_or_else(|| PathBuf::from(AUDIT_FILE));
        Audit {
            sqlite: enabled.then_some(sqlite),
            jsonl: raw.jsonl.clone().filter(|_| enabled),
            queue: self.size("queue", raw.queue.as_ref(), 8192, 1_000_000),
            retention: Duration::from_secs(days * 86_400),
            contents: raw.contents.unwrap_or(false),
        }
    }

    fn admin(&mut self, raw: &raw::Admin, over: &Overrides) -> Option<Admin> {
        let listen: SocketAddr =
            self.word(over.admin_listen.as_ref(), "--admin-listen", raw.listen.as_ref(), "127.0.0.1:9090")?;
        let token = self.secret(raw.token_file.as_ref());
        if !listen.ip().is_loopback() && token.is_none() {
            self.problem(
                raw.listen.as_ref(),
                format!("the admin listener {listen} can be reached from outside: give [admin] a token_file"),
            );
            return None;
        }
        Some(Admin { listen, token })
    }
}

fn layers(raw: &raw::Policies) -> Layers {
    let (groups, tenant) = (raw.groups.clone().unwrap_or_default(), raw.tenant.clone());
    Layers { groups, tenant, ..Layers::default() }
}
