//! What can be wrong with a TensorFlow Lite model, and what is worth a word although nothing is wrong.

use std::fmt;
use std::path::PathBuf;

use edgectl_graph::{GraphError, QuantError};
use thiserror::Error;

/// Why a model could not be read. Tensors are given by name; operators, which have none, by their kind and their output.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TfliteError {
    /// The model's operators do not make a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An index into one of the model's tables that is beyond it.
    #[error("malformed TensorFlow Lite model: {what} {found}: expected less than {limit}")]
    Index {
        /// What the index selects.
        what: &'static str,
        /// The index.
        found: i64,
        /// The number of entries.
        limit: usize,
    },
    /// Something that every model has is not there.
    #[error("the TensorFlow Lite model has no {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// More operators than are read.
    #[error("the TensorFlow Lite model has {found} operators: expected at most {limit}", limit = crate::MAX_OPERATORS)]
    TooManyOperators {
        /// How many there are.
        found: usize,
    },
    /// The file is of another kind.
    #[error("not a TensorFlow Lite model: found {found}")]
    NotTflite {
        /// What it looks like.
        found: &'static str,
    },
    /// An operator with operands that it cannot have.
    #[error("operator {operator} at \"{tensor}\": expected {expected}, found {found}")]
    Operands {
        /// The operator.
        operator: String,
        /// Its output.
        tensor: String,
        /// What the operator takes.
        expected: &'static str,
        /// What it was given.
        found: String,
    },
    /// A part of the model lies outside the file.
    #[error("the TensorFlow Lite model is truncated or damaged: {what} ends at byte {end}, the file at byte {len}")]
    OutOfBounds {
        /// The part.
        what: &'static str,
        /// Where it ends.
        end: usize,
        /// The size of the file.
        len: usize,
    },
    /// Parts of the file overlap so much that the model would be far greater than its file.
    #[error("malformed TensorFlow Lite model: its parts overlap: together they are more than {limit} times as large as the file")]
    Overlap {
        /// How many times the file may be read.
        limit: usize,
    },
    /// Int8 parameters that the int8 operators cannot use.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// A tensor that is an input, a constant or the output of an operator, and is written again.
    #[error("tensor \"{tensor}\" is already defined, but {by} defines it again")]
    Redefined {
        /// The tensor.
        tensor: String,
        /// What defines it again.
        by: &'static str,
    },
    /// The model states another shape than its operator computes.
    #[error("operator {operator} computes \"{tensor}\" of shape {computed}, but the model says {stated}")]
    Shape {
        /// The operator.
        operator: String,
        /// Its output.
        tensor: String,
        /// What follows from the inputs.
        computed: String,
        /// What the model says.
        stated: String,
    },
    /// More or fewer than one subgraph.
    #[error("the TensorFlow Lite model has {found} subgraphs: expected 1 (control flow is not supported)")]
    Subgraphs {
        /// Their number.
        found: usize,
    },
    /// A tensor that cannot be used.
    #[error("tensor \"{tensor}\": expected {expected}, found {found}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is needed.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file that is larger than a flatbuffer can be.
    #[error("the TensorFlow Lite model has {bytes} bytes: expected at most {}", i32::MAX)]
    TooLarge {
        /// The size.
        bytes: u64,
    },
    /// A type of activations that is not supported.
    #[error("tensor \"{tensor}\" is quantized as {found}: expected int8")]
    Type {
        /// The tensor.
        tensor: String,
        /// TensorFlow Lite's name of its type, lower case.
        found: String,
    },
    /// An operator, or the model's list of outputs, needs a tensor that nothing before it computes. So do models with state.
    #[error("tensor \"{tensor}\" is read, but nothing before that computes it")]
    Undefined {
        /// The tensor.
        tensor: String,
    },
    /// An int8 operator that cannot be deployed, or a form of one.
    #[error("operator {operator} (which computes \"{tensor}\") is not supported in int8 models{}", if reason.is_empty() { String::new() } else { format!(": {reason}") })]
    Unsupported {
        /// TensorFlow Lite's name, or that of a custom operator.
        operator: String,
        /// Its first output.
        tensor: String,
        /// Why, where the operator is known but not this form of it.
        reason: String,
    },
    /// Another version of the schema.
    #[error("version {found} of the TensorFlow Lite schema is not supported: expected 3")]
    Version {
        /// The version.
        found: u32,
    },
}

/// A peculiarity of a model that was read nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A hybrid model: some of its weights are stored in a narrower type behind operators that compute in float. They became float.
    Hybrid {
        /// The number of int8 constants.
        int8: usize,
        /// The number of float16 constants.
        float16: usize,
    },
    /// Some operators compute in int8 and others in float. All became float, without the rounding of the first.
    Mixed {
        /// The number of operators that compute in int8.
        int8: usize,
        /// The number of operators that compute in float.
        float: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Hybrid { int8, float16 } => {
                let parts = [(int8, "int8"), (float16, "float16")];
                let parts: Vec<_> = parts.iter().filter(|part| *part.0 > 0).map(|(count, name)| format!("{count} {name}")).collect();
                write!(f, "a hybrid model: its operators compute in float; its {} constants became float32", parts.join(" and "))
            }
            Warning::Mixed { int8, float } => {
                write!(f, "{int8} of {} operators compute in int8, the others in float: all became float", int8 + float)
            }
        }
    }
}
