//! What can go wrong when a model is run in float.

use edgectl_graph::GraphError;
use thiserror::Error;

/// Why a model could not be loaded or run in float.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FloatError {
    /// An input with a symbolic dimension other than the batch, or an output whose shape depends on more than the inputs' shapes.
    #[error("tensor \"{tensor}\" has the dynamic shape {shape}; expected fixed dimensions after the batch")]
    Dynamic {
        /// The input or output.
        tensor: String,
        /// Its shape.
        shape: String,
    },
    /// The graph cannot be written as ONNX, the form in which the engine takes it.
    #[error("the graph cannot be handed to the float engine")]
    Export(#[from] edgectl_onnx::OnnxError),
    /// The engine refused the model, or failed on an input.
    #[error("the float engine failed while {step}: {message}")]
    Engine {
        /// What it was doing.
        step: &'static str,
        /// Its own words, on one line.
        message: String,
    },
    /// The engine panicked. Models that do this are damaged, or make the engine show a defect of its own.
    #[error("the float engine broke down while {step}: {message}")]
    EnginePanic {
        /// What it was doing.
        step: &'static str,
        /// The message of the panic, on one line.
        message: String,
    },
    /// The symbolic batch cannot be one.
    #[error("the batch cannot be 1")]
    Graph(#[from] GraphError),
    /// Another number of inputs than the model has.
    #[error("expected values for {expected} inputs, found {found}")]
    InputCount {
        /// The number of inputs of the model.
        expected: usize,
        /// The number given.
        found: usize,
    },
    /// Another number of values than the input has elements.
    #[error("input \"{input}\": expected {expected} values, found {found}")]
    InputLength {
        /// The input.
        input: String,
        /// The number of its elements.
        expected: usize,
        /// The number of values given.
        found: usize,
    },
    /// An operator that the engine does not have.
    #[error("node \"{node}\": the float engine does not support operator {op}")]
    Unsupported {
        /// The node.
        node: String,
        /// Its operator, with the domain where it is not the default one.
        op: String,
    },
}
