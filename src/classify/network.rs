//! One ONNX graph, ready to run, whichever engine runs it.

use std::fmt::Debug;

/// Numbers with a shape, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    /// The length of each dimension, outermost first. Their product is the number of values.
    pub(super) shape: Vec<usize>,
    /// The values.
    pub(super) data: Data,
}

/// The values of a [`Tensor`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 64-bit integers.
    I64(Vec<i64>),
}

impl Tensor {
    /// A tensor of 32-bit floating point numbers.
    pub(super) fn floats(shape: &[usize], values: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), data: Data::F32(values) }
    }

    /// A tensor of 64-bit integers.
    pub(super) fn integers(shape: &[usize], values: Vec<i64>) -> Self {
        Self { shape: shape.to_vec(), data: Data::I64(values) }
    }

    /// The values of a floating point tensor, or `None` for one of integers.
    pub(super) fn into_floats(self) -> Option<Vec<f32>> {
        match self.data {
            Data::F32(values) => Some(values),
            Data::I64(_) => None,
        }
    }
}

/// A graph that would not load or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The engine cannot load the graph.
    #[error("the graph cannot be loaded ({0}): restore the model file, or choose the other backend")]
    Load(String),
    /// The graph has no input or output of that name.
    #[error("the graph has no `{0}`: the model file does not fit this version of Comity")]
    Name(String),
    /// The engine failed while running it.
    #[error("the graph failed to run: {0}")]
    Run(String),
    /// An output has another type or another number of values than it should.
    #[error("the output `{0}` has an unexpected type or length: the model file does not fit this version of Comity")]
    Output(String),
}

/// A loaded graph. One thread owns one, so running needs no lock.
pub(super) trait Network: Send + Debug {
    /// Runs the graph once; the outputs come in the order in which they were asked for when it was loaded.
    ///
    /// # Errors
    /// [`NetworkError`] where a name is unknown, a shape does not fit or the engine fails.
    fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Vec<Tensor>, NetworkError>;
}
