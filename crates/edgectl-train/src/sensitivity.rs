//! Gradients of the loss, without training: which weights matter.

use std::collections::HashMap;

use edgectl_graph::{Graph, TensorId};
use rayon::prelude::*;

use crate::network::{Mode, Network};
use crate::objective::{Bound, Objective};
use crate::{Samples, TrainError, tape};

/// Batches of which the gradients are in memory at a time.
const AT_ONCE: usize = 8;

/// The gradients of a loss, by tensors of the graph.
pub type Gradients = HashMap<TensorId, Vec<f32>>;

/// Calls `each` with the gradients of the mean loss of every batch, in order: by tensors of the graph, which is taken as it is, with a batch
/// of 1. Batch normalization keeps its statistics.
///
/// # Errors
/// As [`train`](crate::train).
pub fn gradients(
    graph: &Graph,
    samples: &Samples,
    objective: &Objective,
    batch: usize,
    each: &mut dyn FnMut(&Gradients),
) -> Result<(), TrainError> {
    let (network, state) = Network::new(graph.clone())?;
    network.check_samples(samples)?;
    let bound = Bound::new(objective, &network.graph, samples)?;
    let leaves = network.leaves(&state, true)?;
    let places: Vec<usize> = (0..samples.len()).collect();
    let batches: Vec<&[usize]> = places.chunks(batch.max(1)).collect();
    let of = |places: &&[usize]| {
        let batch = bound.batch(samples, places, None, places.len())?;
        let forward = network.forward(&leaves, &state, batch.input.clone(), Mode::Evaluate)?;
        let mut store = bound.loss(&forward, &batch)?.backward()?;
        let mut found = Gradients::new();
        for (parameter, leaf) in network.parameters.iter().zip(&leaves.parameters) {
            if let Some(gradient) = tape::take_gradient(&mut store, leaf)? {
                found.insert(parameter.id, gradient);
            }
        }
        Ok::<_, TrainError>(found)
    };
    for some in batches.chunks(AT_ONCE) {
        let found = some.par_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        found.iter().for_each(&mut *each);
    }
    Ok(())
}
