//! What can go wrong when explaining.

use edge_format::FormatError;
use edge_runtime::RuntimeError;
use edgectl_graph::{GraphError, QuantError};
use edgectl_lower::LowerError;
use thiserror::Error;

/// Why a quantized graph could not be explained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// A program of our own is not valid.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The graph is not made of fixed shapes.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A part of the graph has no program.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// A part of the graph is no quantized graph.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// The runtime refuses a program.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The float engine gave other tensors than asked for.
    #[error("expected the values of {expected} tensors from the float engine, found {found}")]
    Tensors {
        /// The number of tensors asked for.
        expected: usize,
        /// The number of those given.
        found: usize,
    },
}
