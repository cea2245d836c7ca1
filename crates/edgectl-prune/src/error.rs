//! What can go wrong.

use edgectl_graph::{GraphError, PassError};
use thiserror::Error;

/// Why a graph cannot be pruned.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PruneError {
    /// A graph that does not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A cut that left the graph inconsistent: an error in this crate, not in the model.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The sum of all dimensions is too large to be followed.
    #[error("the dimensions up to tensor \"{tensor}\" add up to more than {limit}")]
    TooLarge {
        /// The first tensor beyond the limit.
        tensor: String,
        /// The limit.
        limit: usize,
    },
    /// No channel may be removed.
    #[error("no channel of the model can be removed{}", first(.reasons))]
    NothingPrunable {
        /// Layers and why their channels must stay.
        reasons: Vec<String>,
    },
    /// Statistics of another graph.
    #[error("expected values of {expected} tensors, found {found}")]
    Observed {
        /// How many are observed.
        expected: usize,
        /// How many were given.
        found: usize,
    },
}

fn first(reasons: &[String]) -> String {
    reasons.first().map_or_else(String::new, |reason| format!(": {reason}"))
}
