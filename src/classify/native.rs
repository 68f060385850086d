//! The pure Rust engine: slower, but it needs nothing beside the binary. The only file that names rten.

use std::fmt;
use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::{AsView, Layout, Tensor as Array};

use super::network::{Data, Network, NetworkError, Tensor};

/// A graph, loaded once and shared by all threads.
#[derive(Clone)]
pub(super) struct Graph(Arc<Model>);

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Graph(rten)")
    }
}

impl Graph {
    /// Loads a graph from the bytes of its ONNX file.
    pub(super) fn load(bytes: &[u8]) -> Result<Self, NetworkError> {
        Model::load(bytes.to_vec()).map(|model| Self(Arc::new(model))).map_err(|e| NetworkError::Load(e.to_string()))
    }

    /// The graph for one thread: it computes on a thread of its own, so that as many cores work as the pool has threads.
    pub(super) fn session(&self, outputs: &[&str]) -> Result<Box<dyn Network>, NetworkError> {
        let outputs = outputs.iter().map(|name| self.node(name)).collect::<Result<_, _>>()?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::new(ThreadPool::with_num_threads(1))));
        Ok(Box::new(Session { graph: self.clone(), outputs, options }))
    }

    fn node(&self, name: &str) -> Result<NodeId, NetworkError> {
        self.0.find_node(name).ok_or_else(|| NetworkError::Name(name.to_owned()))
    }
}

struct Session {
    graph: Graph,
    outputs: Vec<NodeId>,
    options: RunOptions,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("outputs", &self.outputs.len()).finish_non_exhaustive()
    }
}

impl Network for Session {
    fn run(&mut self, inputs: &[(&str, Tensor)]) -> Result<Vec<Tensor>, NetworkError> {
        let inputs = inputs.iter().map(|(name, tensor)| Ok((self.graph.node(name)?, value(tensor)?)));
        let inputs = inputs.collect::<Result<Vec<(NodeId, ValueOrView)>, NetworkError>>()?;
        let outputs = self.graph.0.run(inputs, &self.outputs, Some(self.options.clone()));
        outputs.map_err(|error| NetworkError::Run(error.to_string()))?.into_iter().map(tensor).collect()
    }
}

/// The engine keeps integers in 32 bits, whatever the file says.
fn value(tensor: &Tensor) -> Result<ValueOrView<'static>, NetworkError> {
    let wrong = |error: &dyn fmt::Display| NetworkError::Run(error.to_string());
    match &tensor.data {
        Data::F32(values) => Array::try_from_data(tensor.shape.as_slice(), values.clone())
            .map(|array| Value::from(array).into())
            .map_err(|error| wrong(&error)),
        Data::I64(values) => {
            let values = values.iter().map(|&value| i32::try_from(value)).collect::<Result<Vec<i32>, _>>();
            let values = values.map_err(|error| wrong(&error))?;
            Array::try_from_data(tensor.shape.as_slice(), values)
                .map(|array| Value::from(array).into())
                .map_err(|error| wrong(&error))
        }
    }
}

fn tensor(value: Value) -> Result<Tensor, NetworkError> {
    let array: Array<f32> = value.into_tensor().ok_or_else(|| NetworkError::Output("of rten".to_owned()))?;
    Ok(Tensor::floats(array.shape(), array.to_vec()))
}
