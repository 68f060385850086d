//! ONNX Runtime, loaded from a shared library at run time: the fast engine. The only file that names ort.
//!
//! Releases of 1.29 and later report their use to their maker unless `ORT_DISABLE_TELEMETRY=1` is set before the library starts. A guard that
//! sees private chats reports nothing, so such a library is not even loaded unless the variable is in force.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::CPU;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, TensorRef};

use super::bundle::Mapped;
use super::network::{Data, Network, NetworkError, Tensor};

/// The release that `models/fetch-onnxruntime.sh` fetches.
const RELEASE: &str = "1.28.0";

/// Why no ONNX Runtime is in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// There is none in any of the places where it is looked for.
    #[error("no ONNX Runtime was found: run models/fetch-onnxruntime.sh, or name the library with `runtime`")]
    Absent,
    /// The library would report its use.
    #[error(
        "{}: ONNX Runtime {version} may report its use to its maker: take {RELEASE} (models/fetch-onnxruntime.sh), or set \
         ORT_DISABLE_TELEMETRY=1 before Comity starts",
        path.display()
    )]
    Telemetry {
        /// The library.
        path: PathBuf,
        /// Its version, or `of unknown version`.
        version: String,
    },
    /// The library does not load or start.
    #[error("{}: {message}: take the library that models/fetch-onnxruntime.sh fetches", path.display())]
    Unusable {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        message: String,
    },
}

/// A running ONNX Runtime. There is one in a process.
#[derive(Clone)]
pub(super) struct Runtime {
    environment: Environment,
    version: String,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The process's one runtime: a second environment cannot be made, not even after the first is gone.
static RUNNING: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Starts ONNX Runtime from `library` where one is named, else from the first usable library beside the models or beside the executable.
    ///
    /// A process keeps the library that it started first.
    ///
    /// # Errors
    /// [`RuntimeError`]; a library that is named and does not serve is an error even where another one lies about.
    pub(super) fn start(library: Option<&Path>, models: &Path) -> Result<Self, RuntimeError> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*running {
            return Ok(runtime.clone());
        }
        let runtime = match library {
            Some(path) => Self::load(path)?,
            None => Self::search(models)?,
        };
        Ok(running.insert(runtime).clone())
    }

    /// Tries each place; the last complaint about a library that is there wins over "there is none".
    fn search(models: &Path) -> Result<Self, RuntimeError> {
        let mut error = RuntimeError::Absent;
        for path in places(models).into_iter().filter(|path| path.is_file()) {
            match Self::load(&path) {
                Ok(runtime) => return Ok(runtime),
                Err(refusal) => error = refusal,
            }
        }
        Err(error)
    }

    fn load(path: &Path) -> Result<Self, RuntimeError> {
        let unusable = |message: String| RuntimeError::Unusable { path: path.to_owned(), message };
        let bytes = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let version = version_within(&bytes).or_else(|| version_in_name(path));
        drop(bytes);
        if !silent(version.as_deref(), opted_out()) {
            let version = version.unwrap_or_else(|| "of unknown version".to_owned());
            return Err(RuntimeError::Telemetry { path: path.to_owned(), version });
        }
        let builder = ort::init_from(path).map_err(|error| unusable(error.to_string()))?;
        let environment = builder.with_name("comity").with_telemetry(false).build();
        let environment = environment.map_err(|error| unusable(error.to_string()))?;
        Ok(Self { environment, version: version.unwrap_or_default() })
    }

    /// The engine's name and version, such as `ONNX Runtime 1.28.0`.
    pub(super) fn name(&self) -> String {
        format!("ONNX Runtime {}", self.version).trim_end().to_owned()
    }

    /// Loads a graph for one thread. Threads of the engine's own would only wait for each other: the pool has one session for each core.
    pub(super) fn session(&self, graph: &Mapped, outputs: &[&str]) -> Result<Box<dyn Network>, NetworkError> {
        let session = self.load_graph(graph).map_err(NetworkError::Load)?;
        graph.put_away();
        let named = |name: &str| session.outputs().iter().any(|output| output.name() == name);
        if let Some(unknown) = outputs.iter().find(|name| !named(name)) {
            return Err(NetworkError::Name((*unknown).to_owned()));
        }
        let outputs = outputs.iter().map(|&name| name.to_owned()).collect();
        Ok(Box::new(Loaded { session, outputs }))
    }

    fn load_graph(&self, graph: &[u8]) -> Result<Session, String> {
        let builder = Session::builder(&self.environment).map_err(said)?;
        let builder = builder.with_intra_threads(1).map_err(said)?;
        let builder = builder.with_inter_threads(1).map_err(said)?;
        let builder = builder.with_intra_op_spinning(false).map_err(said)?;
        let builder = builder.with_inter_op_spinning(false).map_err(said)?;
        // An arena would keep, in every session, as much as the largest picture and the longest text together have ever taken.
        let builder =
            builder.with_execution_providers([CPU::default().with_arena_allocator(false).build()]).map_err(said)?;
        let builder = builder.with_memory_pattern(false).map_err(said)?;
        let mut builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(said)?;
        builder.commit_from_memory(graph).map_err(said)
    }
}

fn said(error: impl fmt::Display) -> String {
    error.to_string()
}

#[derive(Debug)]
struct Loaded {
    session: Session,
    outputs: Vec<String>,
}

impl Network for Loaded {
    fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Vec<Tensor>, NetworkError> {
        let views = inputs.iter().map(|(name, tensor)| Ok((*name, view(tensor)?)));
        let views = views.collect::<Result<Vec<(&str, SessionInputValue)>, NetworkError>>()?;
        let values = self.session.run(views).map_err(|error| NetworkError::Run(error.to_string()))?;
        let output = |name: &String| {
            let value = values.get(name).ok_or_else(|| NetworkError::Name(name.clone()))?;
            floats(value).ok_or_else(|| NetworkError::Output(name.clone()))
        };
        self.outputs.iter().map(output).collect()
    }
}

fn view(tensor: &Tensor) -> Result<SessionInputValue<'_>, NetworkError> {
    let shape = tensor.shape.as_slice();
    let value = match &tensor.data {
        Data::F32(values) => TensorRef::from_array_view((shape, values.as_slice())).map(SessionInputValue::from),
        Data::I64(values) => TensorRef::from_array_view((shape, values.as_slice())).map(SessionInputValue::from),
    };
    value.map_err(|error| NetworkError::Run(error.to_string()))
}

fn floats(value: &DynValue) -> Option<Tensor> {
    let (shape, values) = value.try_extract_tensor::<f32>().ok()?;
    let shape = shape.iter().map(|&length| usize::try_from(length)).collect::<Result<Vec<_>, _>>().ok()?;
    Some(Tensor::floats(&shape, values.to_vec()))
}

/// Where a library is looked for when none is named.
fn places(models: &Path) -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
    let folders = [Some(models.join("onnxruntime").join(RELEASE)), beside];
    let names = file_names();
    folders.into_iter().flatten().flat_map(|folder| names.clone().map(|name| folder.join(name))).collect()
}

fn file_names() -> [String; 2] {
    if cfg!(target_os = "windows") {
        ["onnxruntime.dll".to_owned(), "libonnxruntime.dll".to_owned()]
    } else if cfg!(target_os = "macos") {
        [format!("libonnxruntime.{RELEASE}.dylib"), "libonnxruntime.dylib".to_owned()]
    } else {
        [format!("libonnxruntime.so.{RELEASE}"), "libonnxruntime.so".to_owned()]
    }
}

/// Whether a library of that version reports nothing: those before 1.29 do not, later ones and unknown ones only where the user opted out.
fn silent(version: Option<&str>, opted_out: bool) -> bool {
    let minor = |text: &str| {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
            _ => None,
        }
    };
    opted_out || version.and_then(minor).is_some_and(|version| version < (1, 29))
}

/// The version by the library's own symbols (`VERS_1.28.0` on Linux) or its install name (`libonnxruntime.1.28.0.dylib` on macOS): it must be known
/// before the library is loaded, since loading cannot be taken back.
fn version_within(bytes: &[u8]) -> Option<String> {
    let marks = aho_corasick::AhoCorasick::new(["VERS_1.", "libonnxruntime.1."]).ok()?;
    marks.find_iter(bytes).find_map(|mark| version_at(bytes.get(mark.end().checked_sub(2)?..)?))
}

fn version_in_name(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let name = path.file_name()?.to_str()?;
    name.find("1.").and_then(|at| version_at(name.get(at..)?.as_bytes()))
}

/// Reads `1.28.0` from the beginning of `bytes`: two or three numbers.
fn version_at(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().take(16).position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(16);
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?.trim_end_matches('.');
    let numbers: Vec<&str> = text.split('.').collect();
    let sound = (2..=3).contains(&numbers.len()) && numbers.iter().all(|number| number.parse::<u32>().is_ok());
    sound.then(|| text.to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the library itself reads this variable: the question is what it will find"
)]
fn opted_out() -> bool {
    std::env::var("ORT_DISABLE_TELEMETRY").is_ok_and(|value| value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_that_report_nothing_are_taken() {
        for (version, opted_out, expected) in [
            (Some("1.28.0"), false, true),
            (Some("1.24.4"), false, true),
            (Some("1.29.0"), false, false),
            (Some("1.31.1"), false, false),
            (Some("2.0.0"), false, false),
            (Some("nonsense"), false, false),
            (None, false, false),
            (Some("1.32.0"), true, true),
            (None, true, true),
        ] {
            assert_eq!(silent(version, opted_out), expected, "{version:?} {opted_out}");
        }
    }

    #[test]
    fn the_version_is_read_out_of_the_library() {
        for (bytes, expected) in [
            (&b"..VERS_1.28.0\0OrtGetApiBase"[..], Some("1.28.0")),
            (b"@rpath/libonnxruntime.1.31.1.dylib", Some("1.31.1")),
            (b"libonnxruntime.so.1\0 no version", None),
            (b"VERS_1.", None),
            (b"VERS_1.x VERS_1.29.0\0", Some("1.29.0")),
            (b"", None),
        ] {
            assert_eq!(version_within(bytes).as_deref(), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let refusal =
            RuntimeError::Telemetry { path: PathBuf::from("libonnxruntime.so"), version: "1.31.1".to_owned() };
        let text = refusal.to_string();
        assert!(text.contains("ORT_DISABLE_TELEMETRY=1") && text.contains("fetch-onnxruntime.sh"), "{text}");
    }

    #[test]
    fn a_named_library_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        assert!(matches!(Runtime::load(&path), Err(RuntimeError::Unusable { .. })));
        std::fs::write(&path, b"no library").unwrap();
        assert!(matches!(Runtime::load(&path), Err(RuntimeError::Telemetry { .. })), "its version is unknown");
        std::fs::write(&path, b"VERS_1.31.1\0").unwrap();
        assert!(Runtime::load(&path).unwrap_err().to_string().contains("1.31.1 may report"));
        std::fs::write(&path, b"VERS_1.28.0\0").unwrap();
        assert!(matches!(Runtime::load(&path), Err(RuntimeError::Unusable { .. })));
    }

    /// Runs this test's twin below in a process with a home of its own, in which any file would be telemetry.
    #[test]
    fn a_run_leaves_no_file_in_the_home() {
        let home = tempfile::tempdir().unwrap();
        let twin = "classify::onnx::tests::a_graph_runs";
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", twin, "--test-threads=1"])
            .env("HOME", home.path())
            .env("XDG_CACHE_HOME", home.path())
            .env_remove("ORT_DISABLE_TELEMETRY")
            .output()
            .unwrap();
        assert!(run.status.success() && String::from_utf8_lossy(&run.stdout).contains("1 passed"), "{run:?}");
        let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn a_graph_runs() {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models"));
        let Ok(runtime) = Runtime::start(None, models) else {
            println!("skipped: no ONNX Runtime");
            return;
        };
        assert!(runtime.name().starts_with("ONNX Runtime 1."), "{}", runtime.name());
        let bundle = crate::classify::bundle::Bundle::open(&models.join("picture-labels"), "picture-labels").unwrap();
        let graph = bundle.file("picture-labels.onnx").unwrap();
        assert!(matches!(runtime.session(&graph, &["nothing"]), Err(NetworkError::Name(name)) if name == "nothing"));
        let mut session = runtime.session(&graph, &["logits"]).unwrap();
        let image = Tensor::floats(&[1, 3, 260, 260], vec![127.0; 3 * 260 * 260]);
        assert_eq!(session.run(&[("image", image)]).unwrap()[0].shape, [1, 1000]);
        let wrong = Tensor::floats(&[1, 3, 2, 2], vec![127.0; 12]);
        assert!(matches!(session.run(&[("image", wrong)]), Err(NetworkError::Run(_))));
    }
}
