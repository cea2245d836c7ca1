//! Channels that do nothing on any input go, before anything looks at the others.
//!
//! What is computed stays as it is, to float rounding; the program has less to store and to do. Published models have such channels where
//! training has driven a BatchNorm's scale to zero, or a bias so low that its ReLU never fires.

use edgectl_graph::Graph;

use super::Note;
use crate::QuantizeError;

/// The graph without them.
pub(crate) fn remove_dead(graph: &Graph, notes: &mut Vec<Note>) -> Result<Graph, QuantizeError> {
    let done = edgectl_prune::lossless(graph, (f32::NEG_INFINITY, f32::INFINITY)).map_err(|error| QuantizeError::Prune(Box::new(error)))?;
    notes.extend(done.removed.into_iter().map(|idle| Note::Removed {
        nodes: idle.layers,
        removed: idle.unread + idle.zero + idle.constant + idle.duplicate,
        channels: idle.channels,
    }));
    Ok(done.graph)
}
