//! Graphs on samples, without training.

use edgectl_graph::Graph;
use rayon::prelude::*;

use crate::event::Score;
use crate::network::{self, Mode, Network, State};
use crate::objective::{self, Bound, Objective};
use crate::step::MAX_PART;
use crate::{Samples, TrainError, tape};

/// What a graph computes of some samples, as training sees it: all values of each output, sample after sample.
///
/// # Errors
/// As [`train`](crate::train).
pub fn outputs(graph: &Graph, samples: &Samples) -> Result<Vec<Vec<f32>>, TrainError> {
    let (network, state) = Network::new(network::trainable(graph)?)?;
    network.check_samples(samples)?;
    let leaves = network.leaves(&state, false)?;
    let mut found = vec![vec![]; network.graph.outputs().len()];
    let places: Vec<usize> = (0..samples.len()).collect();
    for places in places.chunks(MAX_PART) {
        let input = objective::input(samples, places, None)?;
        let forward = network.forward(&leaves, &state, input, Mode::Evaluate)?;
        for (found, id) in found.iter_mut().zip(network.graph.outputs()) {
            if let Some(tensor) = &forward.tensors[id.index()] {
                found.extend(tape::values(tensor)?);
            }
        }
    }
    Ok(found)
}

/// Whether a graph can be trained, and samples have what its objective needs: labels of its classes, targets of the right sizes.
///
/// # Errors
/// As [`train`](crate::train).
pub fn check(graph: &Graph, samples: &Samples, objective: &Objective) -> Result<(), TrainError> {
    let (network, _) = Network::new(network::trainable(graph)?)?;
    Bound::new(objective, &network.graph, samples).map(drop)
}

/// The score of a graph on some samples.
///
/// # Errors
/// As [`train`](crate::train).
pub fn score(graph: &Graph, samples: &Samples, objective: &Objective) -> Result<Score, TrainError> {
    let (network, state) = Network::new(network::trainable(graph)?)?;
    network.check_samples(samples)?;
    let bound = Bound::new(objective, &network.graph, samples)?;
    evaluate(&network, &state, &bound, samples)
}

/// The score of a state on some samples.
pub(crate) fn evaluate(network: &Network, state: &State, bound: &Bound, samples: &Samples) -> Result<Score, TrainError> {
    let leaves = network.leaves(state, false)?;
    let places: Vec<usize> = (0..samples.len()).collect();
    let run = |places: &[usize]| {
        let batch = bound.batch(samples, places, None, 1)?;
        let forward = network.forward(&leaves, state, batch.input.clone(), Mode::Evaluate)?;
        let loss = bound.loss(&forward, &batch)?.to_scalar::<f32>()?;
        Ok::<_, TrainError>((f64::from(loss), bound.hits(&forward, &batch)?))
    };
    let found: Vec<(f64, usize)> = places.par_chunks(MAX_PART).map(run).collect::<Result<_, _>>()?;
    let count = samples.len() as f64;
    let top1 = bound.classifies(samples).then(|| found.iter().map(|(_, hits)| hits).sum::<usize>() as f64 / count);
    Ok(Score { loss: found.iter().map(|(loss, _)| loss).sum::<f64>() / count, top1 })
}
