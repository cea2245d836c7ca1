//! What can go wrong when lowering.

use edge_format::WriteError;
use edgectl_graph::{GraphError, QuantError};
use thiserror::Error;

/// Why a quantized graph could not be lowered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LowerError {
    /// A shape that is not fixed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An operator, or a form of it, for which the runtime has no kernel.
    #[error("node \"{node}\": operator {op} cannot run on a device: {what}")]
    NoKernel {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// Which form of it has no kernel.
        what: String,
    },
    /// A graph that cannot take its window column by column.
    #[error("node \"{node}\": operator {op} cannot work on a stream: {what}")]
    Stream {
        /// The first node in the way.
        node: String,
        /// Its operator.
        op: String,
        /// Why.
        what: String,
    },
    /// The streaming graph is not one that can be quantized.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// A tensor or an arena that a program cannot address.
    #[error("a size of {found} is too large for a program; expected less than 2^31")]
    TooLarge {
        /// The size.
        found: usize,
    },
    /// The program could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
