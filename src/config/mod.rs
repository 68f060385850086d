//! Settings: the file, what the command line and the environment put over it, and the typed, valid result. All problems are reported at once, each with its place.

mod raw;
mod reader;
mod servers;
mod tenants;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use secrecy::SecretString;

use crate::classify::{Backend, PictureLimits};
use crate::domain::{Country, Layers, Mode};
use crate::remote;
use crate::telemetry::LogFormat;
use crate::upstream::Member;
use crate::wire::NotePlace;

use raw::Raw;
use reader::{Reader, place};

pub use tenants::{KeyHash, NoKeyHash, Others, Tenant, read_tenants};

/// Where records go when nothing else is said.
pub const AUDIT_FILE: &str = "comity.sqlite";

/// Valid settings.
#[derive(Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// TLS for clients; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The model servers, in the order in which they are tried.
    pub upstreams: Vec<Member>,
    /// The file of the tenants; `None`: there are none.
    pub tenants: Option<PathBuf>,
    /// What is done with requests that bear no tenant's key.
    pub others: Others,
    /// The folder of the packs; `None`: those in the program.
    pub policies: Option<PathBuf>,
    /// The country where nothing stronger names one.
    pub country: Option<Country>,
    /// The overlays that every request is under.
    pub layers: Layers,
    /// The folder of the model bundles; `None`: where [`models_dir`] finds it.
    pub models: Option<PathBuf>,
    /// The inference engine.
    pub backend: Backend,
    /// ONNX Runtime's library; `None`: searched for.
    pub runtime: Option<PathBuf>,
    /// The folder in which the norms' embeddings outlive the program; `None`: nowhere.
    pub caches: Option<PathBuf>,
    /// Inference threads.
    pub threads: usize,
    /// Jobs that wait before the inference threads.
    pub queue: usize,
    /// Bytes of cached picture evidence and text vectors.
    pub cache_bytes: u64,
    /// Bounds on pictures.
    pub pictures: PictureLimits,
    /// Which pictures behind URLs are fetched.
    pub remote: remote::Options,
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

/// The files of TLS for clients, PEM each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those that lead from it to an authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of which clients have to show a certificate; `None`: clients need none.
    pub client_roots: Option<PathBuf>,
}

/// Bounds on requests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body: usize,
    /// The largest answer that is checked, in bytes.
    pub answer: usize,
    /// The most bytes of bodies that are held at once, for all requests together.
    pub bodies: usize,
    /// The longest that a request body may take.
    pub body_patience: Duration,
    /// Requests under way at once.
    pub requests: usize,
    /// Connections of clients at once.
    pub connections: usize,
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
    /// `--cache-dir`.
    pub cache_dir: Option<PathBuf>,
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

/// The folder of caches: as given (an empty name: none), or `comity` in the user's cache folder.
#[must_use]
pub fn caches(given: Option<&Path>) -> Option<PathBuf> {
    match given {
        Some(dir) => (!dir.as_os_str().is_empty()).then(|| dir.to_owned()),
        None => etcetera::choose_base_strategy().ok().map(|dirs| dirs.cache_dir().join("comity")),
    }
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
        Reader::new(path, text).read(&raw, over).map_err(Problems)
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
    fn hosts_of_pictures_are_read_and_mistakes_in_them_are_shown_where_they_stand() {
        let text = format!("{UPSTREAM}[remote_pictures]\nhosts = [\"a.example.com\", \"*.Example.net:8443\"]\n");
        let config = Config::read("c.toml", &text, &Overrides::default()).unwrap();
        let hosts: Vec<String> = config.remote.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["a.example.com", "*.example.net:8443"]);

        let text = format!(
            "{UPSTREAM}[remote_pictures]\nhosts = [\"a.example.com\", \"https://b.example.com\",\n  \"10.0.0.1\"]\n"
        );
        let problems = Config::read("c.toml", &text, &Overrides::default()).unwrap_err().0;
        assert!(problems[0].starts_with("c.toml:4:27: ") && problems[0].contains("without https://"), "{problems:?}");
        assert!(problems[1].starts_with("c.toml:5:3: ") && problems[1].contains("is an address"), "{problems:?}");
    }

    #[test]
    fn a_fetched_picture_is_no_larger_than_any() {
        let read = |limits: &str| {
            let text = format!("{UPSTREAM}{limits}");
            Config::read("c.toml", &text, &Overrides::default()).map(|config| config.remote.bytes >> 20)
        };
        assert_eq!(read(""), Ok(10));
        assert_eq!(read("[limits]\npicture_mib = 4\n"), Ok(4));
        assert_eq!(read("[remote_pictures]\nmax_mib = 20\n"), Ok(20));
        let problems = read("[limits]\npicture_mib = 4\n[remote_pictures]\nmax_mib = 5\n").unwrap_err().0;
        assert!(problems[0].starts_with("c.toml:6:11: ") && problems[0].contains("use 1 to 4"), "{problems:?}");
    }

    #[test]
    fn the_command_line_wins() {
        let over =
            Overrides { mode: Some("shadow".into()), listen: Some("127.0.0.1:0".into()), ..Overrides::default() };
        let config = Config::read("c.toml", &format!("mode = \"enforce\"\n{UPSTREAM}"), &over).unwrap();
        assert_eq!((config.mode, config.listen.port()), (Mode::Shadow, 0));
    }
}
