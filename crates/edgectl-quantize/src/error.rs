//! What can go wrong when quantizing.

use edgectl_graph::{GraphError, PassError, QuantError};
use edgectl_prune::PruneError;
use thiserror::Error;

/// Why a graph could not be quantized.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The graph cannot be deployed as it is.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A preparation pass broke the graph.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// Channels that do nothing cannot be looked for.
    #[error(transparent)]
    Prune(Box<PruneError>),
    /// The result would not be a valid quantized graph.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// An operator that has no form with int16 activations.
    #[error("node \"{node}\": operator {op} has no int16 form")]
    NoInt16 {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
    },
    /// A name that is that of no node.
    #[error("the graph has no node \"{node}\"")]
    NoSuchNode {
        /// The name.
        node: String,
    },
    /// An operator that has no int8 form.
    #[error("node \"{node}\": operator {op} has no int8 form{}", if reason.is_empty() { String::new() } else { format!(": {reason}") })]
    NoInt8 {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// Why, where only a form of it has none.
        reason: String,
    },
    /// Calibration shows one value of a tensor, and no other.
    #[error("tensor \"{tensor}\": expected values that differ, found {value} everywhere in {samples} calibration samples")]
    Constant {
        /// The tensor.
        tensor: String,
        /// Its only value.
        value: f32,
        /// How many samples were seen.
        samples: u64,
    },
    /// Calibration shows no value of a tensor.
    #[error("tensor \"{tensor}\": expected values, found none in {samples} calibration samples")]
    Empty {
        /// The tensor.
        tensor: String,
        /// How many samples were seen.
        samples: u64,
    },
    /// The values of a tensor are so small that float32 has no scale for them.
    #[error("tensor \"{tensor}\": expected a scale of at least {least:?}, found values from {min:?} to {max:?}", least = f32::MIN_POSITIVE)]
    ScaleUnderflow {
        /// The tensor.
        tensor: String,
        /// Its least value.
        min: f32,
        /// Its greatest value.
        max: f32,
    },
    /// An activation took a value that is not a number, or infinite.
    #[error("tensor \"{tensor}\": expected finite values, found {value}")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
    },
    /// A constant holds a value that is not a number, or infinite.
    #[error("constant \"{tensor}\": expected finite values, found {value} at element {element}")]
    ConstantNotFinite {
        /// The constant.
        tensor: String,
        /// The place of the value.
        element: usize,
        /// The value.
        value: f32,
    },
    /// No sample has been observed.
    #[error("no calibration sample was observed")]
    NoSamples,
    /// The values shown are not those of the observed tensors.
    #[error("expected the values of {expected} observed tensors, found {found}")]
    Observed {
        /// The number of observed tensors.
        expected: usize,
        /// The number of value lists.
        found: usize,
    },
}
