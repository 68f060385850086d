//! How the classifier is opened, and why it may not open.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;

use super::bundle::BundleError;
use super::network::NetworkError;
#[cfg(feature = "ort")]
use super::onnx::RuntimeError;
use super::picture::PictureLimits;

/// Which engine runs the models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Backend {
    /// ONNX Runtime where its library is found, else the built-in engine with one warning.
    #[default]
    Auto,
    /// ONNX Runtime, or nothing.
    Ort,
    /// The built-in engine, rten.
    Rten,
}

/// The text names no backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no backend: use auto, ort or rten")]
pub struct UnknownBackend(pub String);

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "ort" => Ok(Self::Ort),
            "rten" => Ok(Self::Rten),
            _ => Err(UnknownBackend(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Ort => "ort",
            Self::Rten => "rten",
        })
    }
}

/// How the classifier is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The folder that holds the model bundles.
    pub models: PathBuf,
    /// Inference threads; 0 counts as 1. Each takes a core while it works, and its own copy of the models with ONNX Runtime.
    pub threads: usize,
    /// The most jobs that wait for a thread; 0 counts as 1. One more is refused as busy.
    pub queue: usize,
    /// The room for what was seen and read before, in bytes. The packs' norms are kept beside it.
    pub cache_bytes: u64,
    /// The engine.
    pub backend: Backend,
    /// The ONNX Runtime library; `None`: it is looked for beside the models and beside the executable.
    pub runtime: Option<PathBuf>,
    /// How much of a turn's pictures is looked at.
    pub pictures: PictureLimits,
    /// The folder in which the norms' embeddings outlive the program; `None`: nowhere.
    pub cache_dir: Option<PathBuf>,
}

impl Default for Options {
    /// The bundles in `models`, a thread for each core up to four, 256 waiting jobs and 128 MiB of cache.
    fn default() -> Self {
        Self {
            models: PathBuf::from("models"),
            threads: std::thread::available_parallelism().map_or(1, NonZero::get).min(4),
            queue: 256,
            cache_bytes: 128 << 20,
            backend: Backend::Auto,
            runtime: None,
            pictures: PictureLimits::default(),
            cache_dir: None,
        }
    }
}

/// Why the classifier did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A model bundle is missing or not what it says it is.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A graph does not load.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// There is no ONNX Runtime to use.
    #[cfg(feature = "ort")]
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The engine that was asked for is not in this build.
    #[error("this build has no engine `{0}`: build it with the feature of that name, or choose another `backend`")]
    NotBuilt(Backend),
    /// The system gives no threads.
    #[error("no inference thread could be started ({0}): give the process more threads, or ask for fewer")]
    Threads(std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_read_as_they_are_written() {
        for backend in [Backend::Auto, Backend::Ort, Backend::Rten] {
            assert_eq!(backend.to_string().parse(), Ok(backend));
        }
        let error = "cuda".parse::<Backend>().unwrap_err();
        assert_eq!(error.to_string(), "`cuda` is no backend: use auto, ort or rten");
    }
}
