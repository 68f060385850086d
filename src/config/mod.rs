//! Settings: the file, what the command line and the environment put over it, and the typed, valid result. All problems are reported at once, each with its place.

mod raw;

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use toml::Spanned;

use crate::classify::{Backend, PictureLimits};
use crate::domain::{Country, Mode};
use crate::telemetry::LogFormat;
use crate::upstream;
use crate::wire::chat::NotePlace;

use raw::Raw;

/// Where records go when nothing else is said.
pub const AUDIT_FILE: &str = "comity.sqlite";

/// Where the model server is and how it is called.
pub type Upstream = upstream::Options;

/// Valid settings.
#[derive(Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// The model server.
    pub upstream: Upstream,
    /// The folder of the packs; `None`: those in the program.
    pub policies: Option<PathBuf>,
    /// The country where nothing stronger names one.
    pub country: Option<Country>,
    /// The folder of the model bundles; `None`: where [`models_dir`] finds it.
    pub models: Option<PathBuf>,
    /// The inference engine.
    pub backend: Backend,
    /// ONNX Runtime's library; `None`: searched for.
    pub runtime: Option<PathBuf>,
    /// Inference threads.
    pub threads: usize,
    /// Jobs that wait before the inference threads.
    pub queue: usize,
    /// Bytes of cached picture evidence and text vectors.
    pub cache_bytes: u64,
    /// Bounds on pictures.
    pub pictures: PictureLimits,
    /// Bounds on requests.
    pub limits: Limits,
    /// Whether every answer carries the verdict.
    pub include_verdict: bool,
    /// The `finish_reason` of an answer that was repaired or declined.
    pub finish_reason: String,
    /// Where the norm note goes.
    pub note_place: NotePlace,
    /// The audit.
    pub audit: Audit,
    /// The operator's listener.
    pub admin: Admin,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Which log lines, in `tracing`'s filter syntax.
    pub log_filter: String,
}

/// Bounds on requests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body: usize,
    /// The largest answer that is checked, in bytes.
    pub answer: usize,
    /// The longest that a request body may take.
    pub body_patience: Duration,
    /// Requests under way at once.
    pub requests: usize,
    /// Exchanges looked at beside the traffic at once.
    pub observers: usize,
    /// The longest that the models may take for a turn.
    pub turn: Duration,
    /// The longest that the models may take for a piece of an answer.
    pub piece: Duration,
    /// How often a waiting stream is kept alive.
    pub keep_alive: Duration,
    /// How long shutdown waits for requests under way.
    pub drain: Duration,
}

/// Where records go.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The SQLite file; `None`: no SQLite.
    pub sqlite: Option<PathBuf>,
    /// The JSON lines file; `None`: none.
    pub jsonl: Option<PathBuf>,
    /// Records that wait to be written.
    pub queue: usize,
    /// How long records are kept.
    pub retention: Duration,
    /// Whether records keep texts.
    pub contents: bool,
}

/// The operator's listener.
#[derive(Debug)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What opens it; needed beyond loopback.
    pub token: Option<SecretString>,
}

/// What the command line and the environment put over the file.
#[derive(Debug, Default, Clone)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<String>,
    /// `--mode`.
    pub mode: Option<String>,
    /// `--upstream`.
    pub upstream: Option<String>,
    /// `--policies`.
    pub policies: Option<PathBuf>,
    /// `--models`.
    pub models: Option<PathBuf>,
    /// `--admin-listen`.
    pub admin_listen: Option<String>,
    /// `--audit`.
    pub sqlite: Option<PathBuf>,
    /// `--backend`.
    pub backend: Option<String>,
    /// `--onnxruntime`, or the environment's `ORT_DYLIB_PATH`.
    pub runtime: Option<PathBuf>,
}

/// Every problem with the settings, a line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The folder of the model bundles: as given, or `models` in the working folder, beside the program, or in the source tree that it was built from.
#[must_use]
pub fn models_dir(given: Option<&Path>) -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("models")));
    let places =
        [Some(PathBuf::from("models")), beside, Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/models")))];
    let found = places.into_iter().flatten().find(|dir| dir.join("text-encoder/model.toml").is_file());
    given.map(Path::to_path_buf).or(found).unwrap_or_else(|| PathBuf::from("models"))
}

impl Config {
    /// Reads a file's text, puts `over` over it, and checks everything.
    ///
    /// # Errors
    /// Every problem at once. Paths named in the text are read here: keys and tokens.
    pub fn read(path: &str, text: &str, over: &Overrides) -> Result<Self, Problems> {
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(String::new, |span| place(text, &span));
            Problems(vec![format!("{path}{place}: {}", error.message())])
        })?;
        let mut reader = Reader { path, text, problems: Vec::new() };
        let config = reader.config(&raw, over);
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(Problems(reader.problems)),
        }
    }
}

/// `:line:column` of a byte range, both counted from 1.
fn place(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(":{line}:{column}")
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    problems: Vec<String>,
}

const MIB: u64 = 1 << 20;

impl Reader<'_> {
    fn problem<T>(&mut self, at: Option<&Spanned<T>>, says: impl fmt::Display) {
        let place = at.map_or_else(String::new, |value| place(self.text, &value.span()));
        self.problems.push(format!("{}{place}: {says}", self.path));
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
    fn number(&mut self, name: &str, file: Option<&Spanned<u64>>, default: u64, within: &RangeInclusive<u64>) -> u64 {
        let value = file.map_or(default, |value| *value.as_ref());
        if !within.contains(&value) {
            self.problem(
                file,
                format!("{name} = {value} is out of bounds: use {} to {}", within.start(), within.end()),
            );
        }
        value
    }

    fn seconds(&mut self, name: &str, file: Option<&Spanned<u64>>, default: u64) -> Duration {
        Duration::from_secs(self.number(name, file, default, &(1..=86_400)))
    }

    fn size(&mut self, name: &str, file: Option<&Spanned<u64>>, default: u64, most: u64) -> usize {
        usize::try_from(self.number(name, file, default, &(1..=most))).unwrap_or(usize::MAX)
    }

    fn secret(&mut self, file: Option<&Spanned<PathBuf>>) -> Option<SecretString> {
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
        let upstream = self.upstream(&raw.upstream, over);
        let country = self.country(raw.policies.country.as_ref());
        let backend = self.word(over.backend.as_ref(), "--backend", raw.models.backend.as_ref(), "auto");
        let models = &raw.models;
        let (threads, queue) = self.threads(models);
        let cache_bytes = self.number("cache_mib", models.cache_mib.as_ref(), 64, &(1..=65_536)) * MIB;
        let pictures = self.pictures(&raw.limits);
        let limits = self.limits(&raw.limits, models);
        let finish_reason = self.finish_reason(raw.verdict.finish_reason.as_ref());
        let note_place = self.note_place(raw.note.place.as_ref());
        let audit = self.audit(&raw.audit, over);
        let admin = self.admin(&raw.admin, over);
        let log_format = self.word(None, "", raw.log.format.as_ref(), "pretty");
        Some(Config {
            listen: listen?,
            mode: mode?,
            upstream: upstream?,
            policies: over.policies.clone().or_else(|| raw.policies.dir.clone()),
            country,
            models: over.models.clone().or_else(|| models.dir.clone()),
            backend: backend?,
            runtime: over.runtime.clone().or_else(|| models.runtime.clone()),
            threads,
            queue,
            cache_bytes,
            pictures,
            limits,
            include_verdict: raw.verdict.include.unwrap_or(false),
            finish_reason,
            note_place: note_place?,
            audit,
            admin: admin?,
            log_format: log_format?,
            log_filter: raw.log.filter.clone().unwrap_or_else(|| "info".to_owned()),
        })
    }

    fn upstream(&mut self, raw: &raw::Upstream, over: &Overrides) -> Option<Upstream> {
        let url = over.upstream.as_ref().or(raw.url.as_ref().map(Spanned::as_ref));
        let Some(url) = url else {
            self.problems.push(format!(
                "{}: no model server is named: give --upstream URL, or `url` under [upstream], such as http://127.0.0.1:8000/v1",
                self.path
            ));
            return None;
        };
        let parsed = url.parse::<http::Uri>().ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        });
        let Some(base) = parsed else {
            let says = format!(
                "`{url}` is no base URL of a model server: write http:// or https://, a host, and a path such as /v1"
            );
            if over.upstream.is_some() {
                self.problems.push(format!("--upstream: {says}"));
            } else {
                self.problem(raw.url.as_ref(), says);
            }
            return None;
        };
        Some(Upstream {
            connect_timeout: self.seconds("connect_seconds", raw.connect_seconds.as_ref(), 5),
            first_byte_timeout: self.seconds("first_byte_seconds", raw.first_byte_seconds.as_ref(), 600),
            idle_timeout: self.seconds("idle_seconds", raw.idle_seconds.as_ref(), 120),
            retries: raw.retries.unwrap_or(1).min(5),
            extra_roots: raw.roots_file.clone(),
            key: self.secret(raw.key_file.as_ref()),
            ..Upstream::new(base)
        })
    }

    fn country(&mut self, file: Option<&Spanned<String>>) -> Option<Country> {
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

    fn limits(&mut self, raw: &raw::Limits, models: &raw::Models) -> Limits {
        let millis = |number: u64| Duration::from_millis(number);
        Limits {
            body: self.size("body_mib", raw.body_mib.as_ref(), 64, 1024).saturating_mul(1 << 20),
            answer: self.size("answer_mib", raw.answer_mib.as_ref(), 8, 1024).saturating_mul(1 << 20),
            body_patience: self.seconds("body_seconds", raw.body_seconds.as_ref(), 60),
            requests: self.size("requests", raw.requests.as_ref(), 512, 100_000),
            observers: self.size("observers", raw.observers.as_ref(), 64, 100_000),
            turn: millis(self.number("turn_ms", models.turn_ms.as_ref(), 1500, &(1..=60_000))),
            piece: millis(self.number("piece_ms", models.piece_ms.as_ref(), 1500, &(1..=60_000))),
            keep_alive: self.seconds("keep_alive_seconds", raw.keep_alive_seconds.as_ref(), 10),
            drain: self.seconds("drain_seconds", raw.drain_seconds.as_ref(), 30),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: &str = "[upstream]\nurl = \"http://127.0.0.1:8000/v1\"\n";

    #[test]
    fn the_example_file_shows_every_default() {
        let example = include_str!("../../examples/comity.toml");
        let shown = Config::read("examples/comity.toml", example, &Overrides::default()).unwrap();
        let default = Config::read("comity.toml", UPSTREAM, &Overrides::default()).unwrap();
        // Paths that have no default are shown as comments.
        assert_eq!(format!("{shown:?}"), format!("{default:?}"));
    }

    #[test]
    fn every_setting_stands_in_the_example() {
        let example = include_str!("../../examples/comity.toml");
        let settings = include_str!("raw.rs").lines().filter_map(|line| line.trim().strip_prefix("pub(super) "));
        for name in settings.filter_map(|line| line.split_once(": Option<")).map(|(name, _)| name) {
            assert!(example.contains(&format!("{name} = ")), "examples/comity.toml does not show {name}");
        }
    }

    #[test]
    fn all_problems_come_at_once_with_their_places() {
        let text = "listen = \"here\"\nmode = \"strict\"\n[upstream]\nurl = \"ftp://x\"\n[policies]\ncountry = \"XX\"\n[limits]\nbody_mib = 0\n";
        let problems = Config::read("comity.toml", text, &Overrides::default()).unwrap_err().0;
        let places: Vec<&str> = problems.iter().filter_map(|problem| problem.split(": ").next()).collect();
        assert_eq!(
            places,
            ["comity.toml:1:10", "comity.toml:2:8", "comity.toml:4:7", "comity.toml:6:11", "comity.toml:8:12"]
        );
        assert!(problems[1].contains("use one of shadow, enforce"), "{}", problems[1]);
    }

    #[test]
    fn an_unknown_key_is_refused_where_it_stands() {
        let problems = Config::read("c.toml", "[upstream]\nulr = \"http://x\"\n", &Overrides::default()).unwrap_err().0;
        assert!(problems[0].starts_with("c.toml:2:1: ") && problems[0].contains("unknown field `ulr`"), "{problems:?}");
    }

    #[test]
    fn an_admin_listener_that_others_reach_needs_a_token() {
        let text = format!("{UPSTREAM}[admin]\nlisten = \"0.0.0.0:9090\"\n");
        let problems = Config::read("c.toml", &text, &Overrides::default()).unwrap_err().0;
        assert!(problems[0].starts_with("c.toml:4:10: ") && problems[0].contains("token_file"), "{problems:?}");
    }

    #[test]
    fn the_command_line_wins() {
        let over =
            Overrides { mode: Some("shadow".into()), listen: Some("127.0.0.1:0".into()), ..Overrides::default() };
        let config = Config::read("c.toml", &format!("mode = \"enforce\"\n{UPSTREAM}"), &over).unwrap();
        assert_eq!((config.mode, config.listen.port()), (Mode::Shadow, 0));
    }
}
