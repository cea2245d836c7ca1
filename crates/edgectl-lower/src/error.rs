//! What can go wrong when lowering.

use edge_format::WriteError;
use edgectl_graph::GraphError;
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
