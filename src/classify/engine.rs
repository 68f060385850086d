//! Which engine runs the graphs.

use std::path::Path;

use super::bundle::Mapped;
use super::network::{Network, NetworkError};
use super::options::{Backend, OpenError};

#[cfg(feature = "rten")]
use super::native;
#[cfg(feature = "ort")]
use super::onnx::Runtime;

#[cfg(not(any(feature = "ort", feature = "rten")))]
compile_error!("build Comity with the feature `ort`, `rten` or both: without them no model can run");

/// An engine, started.
#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// ONNX Runtime.
    #[cfg(feature = "ort")]
    Ort(Runtime),
    /// The built-in one.
    #[cfg(feature = "rten")]
    Rten,
}

/// A graph that an engine has loaded, to be shared by all threads.
#[derive(Debug, Clone)]
pub(super) enum Graph {
    /// The runtime and the file: each session reads it anew.
    #[cfg(feature = "ort")]
    Ort(Runtime, Mapped),
    /// The graph itself, shared by its sessions.
    #[cfg(feature = "rten")]
    Rten(native::Graph),
}

impl Engine {
    /// Starts the engine that was asked for.
    pub(super) fn start(backend: Backend, runtime: Option<&Path>, models: &Path) -> Result<Self, OpenError> {
        match backend {
            Backend::Ort => fast(runtime, models),
            Backend::Rten => built_in(),
            // A library that is named and does not serve is a mistake to mend, not one to pass over.
            Backend::Auto if runtime.is_some() => fast(runtime, models),
            Backend::Auto => fast(None, models).or_else(|error| fall_back(&error)),
        }
    }

    /// Its name and version.
    pub(super) fn name(&self) -> String {
        match self {
            #[cfg(feature = "ort")]
            Self::Ort(runtime) => runtime.name(),
            #[cfg(feature = "rten")]
            Self::Rten => "rten".to_owned(),
        }
    }

    /// Loads a graph from its ONNX file.
    #[cfg_attr(
        not(feature = "rten"),
        expect(clippy::unnecessary_wraps, reason = "ONNX Runtime reads the file with each session")
    )]
    pub(super) fn load(&self, file: &Mapped) -> Result<Graph, NetworkError> {
        match self {
            #[cfg(feature = "ort")]
            Self::Ort(runtime) => Ok(Graph::Ort(runtime.clone(), file.clone())),
            #[cfg(feature = "rten")]
            Self::Rten => {
                let graph = native::Graph::load(file).map(Graph::Rten);
                file.put_away();
                graph
            }
        }
    }
}

impl Graph {
    /// The graph for one thread, which gives these outputs.
    pub(super) fn session(&self, outputs: &[&str]) -> Result<Box<dyn Network>, NetworkError> {
        match self {
            #[cfg(feature = "ort")]
            Self::Ort(runtime, file) => runtime.session(file, outputs),
            #[cfg(feature = "rten")]
            Self::Rten(graph) => graph.session(outputs),
        }
    }
}

#[cfg(feature = "ort")]
fn fast(runtime: Option<&Path>, models: &Path) -> Result<Engine, OpenError> {
    Ok(Engine::Ort(Runtime::start(runtime, models)?))
}

#[cfg(not(feature = "ort"))]
fn fast(_: Option<&Path>, _: &Path) -> Result<Engine, OpenError> {
    Err(OpenError::NotBuilt(Backend::Ort))
}

#[cfg(feature = "rten")]
#[expect(clippy::unnecessary_wraps, reason = "its twin in a build without the engine fails")]
fn built_in() -> Result<Engine, OpenError> {
    Ok(Engine::Rten)
}

#[cfg(not(feature = "rten"))]
fn built_in() -> Result<Engine, OpenError> {
    Err(OpenError::NotBuilt(Backend::Rten))
}

#[cfg(feature = "rten")]
fn fall_back(error: &OpenError) -> Result<Engine, OpenError> {
    tracing::warn!(
        %error,
        "pictures and texts are read by the built-in engine, which is several times slower: models/fetch-onnxruntime.sh fetches the fast one"
    );
    built_in()
}

#[cfg(not(feature = "rten"))]
fn fall_back(error: &OpenError) -> Result<Engine, OpenError> {
    tracing::warn!(%error, "run models/fetch-onnxruntime.sh: this build has no other engine");
    built_in()
}
