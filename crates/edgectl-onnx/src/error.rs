//! What can go wrong between ONNX and a graph, and what is worth a word although nothing went wrong.

use std::fmt;
use std::path::PathBuf;

use edgectl_graph::{Fact, GraphError};
use thiserror::Error;

use crate::{MAX_NODES, MAX_OPSET, MIN_OPSET};

/// Why a model could not be read or written. Nodes and tensors are given by name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// A tensor's data lies in a file that cannot be used.
    #[error("tensor \"{tensor}\": external data \"{location}\": {what}")]
    External {
        /// The tensor.
        tensor: String,
        /// The file, as the model names it.
        location: String,
        /// What is wrong with it.
        what: String,
    },
    /// The model's nodes do not make a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An operator that the opset to be written does not have in this form.
    #[error("node \"{node}\": {op} cannot be written at opset {opset}: {what}")]
    Inexpressible {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// The opset.
        opset: i64,
        /// What the opset lacks.
        what: String,
    },
    /// An input of the model that is no tensor of known type and rank.
    #[error("input \"{input}\": expected a tensor of known element type and rank, found {found}")]
    Input {
        /// The input.
        input: String,
        /// What it is.
        found: String,
    },
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are no protobuf message of this schema.
    #[error("malformed ONNX model: {what}")]
    Malformed {
        /// What the decoder says.
        what: String,
    },
    /// Something that every model has is not there.
    #[error("the ONNX model has no {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// The file is of another kind.
    #[error("not an ONNX model: found {found}")]
    NotOnnx {
        /// What it looks like.
        found: &'static str,
    },
    /// An opset outside the supported range.
    #[error("opset {found} is not supported: expected {MIN_OPSET} to {MAX_OPSET}")]
    Opset {
        /// The version of the default domain that the model asks for.
        found: i64,
    },
    /// A constant whose data cannot be used.
    #[error("tensor \"{tensor}\": {what}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        what: String,
    },
    /// A constant whose data are not as long as its type and dimensions say.
    #[error("tensor \"{tensor}\": expected {expected} for {dtype}{dims:?}, found {found}")]
    TensorSize {
        /// The tensor.
        tensor: String,
        /// ONNX's name of the element type, lower case.
        dtype: String,
        /// The dimensions.
        dims: Vec<i64>,
        /// Bytes or values, as `24 bytes`.
        expected: String,
        /// Bytes or values, as `20 bytes`.
        found: String,
    },
    /// More bytes than a protobuf message can have.
    #[error("the ONNX model has {bytes} bytes: expected at most {}", i32::MAX)]
    TooLarge {
        /// The size.
        bytes: u64,
    },
    /// More nodes than models for devices have; passes take time with their square.
    #[error("the ONNX model has {found} nodes: expected at most {MAX_NODES}")]
    TooManyNodes {
        /// Their number.
        found: usize,
    },
    /// The file ends too early.
    #[error("the ONNX model is truncated: expected at least {expected_bytes} bytes, found {found_bytes}")]
    Truncated {
        /// What the outermost field says.
        expected_bytes: u64,
        /// The size of the file.
        found_bytes: u64,
    },
}

/// A peculiarity of a model that was read nevertheless.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The model declares a tensor in another way than its node computes it. The latter holds.
    Declaration {
        /// The tensor.
        tensor: String,
        /// What the model says.
        declared: Fact,
        /// What follows from the node and its inputs.
        computed: Fact,
    },
    /// The model has fields that this schema does not know (they are not written back), or an encoding other than the usual one.
    UnknownFields {
        /// The size of the file.
        found_bytes: usize,
        /// The size of what was understood.
        known_bytes: usize,
    },
    /// Inputs and outputs of half precision, which are float32 here.
    Widened {
        /// How many.
        ports: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Declaration { tensor, declared, computed } => {
                write!(f, "tensor \"{tensor}\" is declared as {declared}, but computed as {computed}")
            }
            Warning::UnknownFields { found_bytes, known_bytes } => {
                write!(f, "the model has fields that are not known: {known_bytes} of {found_bytes} bytes were understood")
            }
            Warning::Widened { ports } => write!(f, "the model is of half precision: {ports} inputs and outputs became float32"),
        }
    }
}
