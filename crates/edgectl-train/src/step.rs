//! A step of training: the parts of a batch on all threads, their gradients added in order, and where numbers went wrong.

use rayon::prelude::*;

use crate::TrainError;
use crate::kernel::batch_norm::Statistics;
use crate::network::{Leaves, Mode};
use crate::objective;
use crate::tape;
use crate::train::Trainer;

/// The most samples of a part of a batch.
pub(crate) const MAX_PART: usize = 32;

/// What a part of a batch gave.
struct Part {
    loss: f64,
    hits: usize,
    gradients: Vec<Option<Vec<f32>>>,
    statistics: Vec<Statistics>,
}

impl Trainer<'_> {
    /// One step on these samples; returns their mean loss.
    pub(crate) fn step(&mut self, places: &[usize]) -> Result<f64, TrainError> {
        let parts = parts(places, self.network.has_batch_norm());
        let leaves = self.network.leaves(&self.state, true)?;
        let run = |part: &[usize]| self.part(part, places.len(), &leaves);
        let found: Vec<Part> = parts.par_iter().map(|part| run(part)).collect::<Result<_, _>>()?;
        let loss: f64 = found.iter().map(|part| part.loss).sum();
        let mut gradients: Vec<Vec<f32>> = self.state.parameters.iter().map(|values| vec![0.0; values.len()]).collect();
        for (to, from) in found.iter().flat_map(|part| gradients_of(part).collect::<Vec<_>>()) {
            gradients[to].iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        let norm = gradients.iter().flatten().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        if !loss.is_finite() || !norm.is_finite() {
            return Err(self.not_finite(&parts, &gradients));
        }
        let scale = self.options.clip_norm.map_or(1.0, |most| (f64::from(most) / norm).min(1.0)) as f32;
        self.progress.total_steps += 1;
        let rate = self.rate(self.progress.epochs * self.steps() + self.progress.step) as f32;
        let own = self.network.parameters.len();
        for (place, (values, gradient)) in self.state.parameters.iter_mut().zip(&mut gradients).enumerate() {
            if self.frozen.contains(&place) {
                continue;
            }
            gradient.iter_mut().for_each(|g| *g *= scale);
            let decays = self.network.parameters.get(place).is_some_and(|parameter| parameter.decays);
            let decay = if decays { self.options.weight_decay } else { 0.0 };
            self.options.optimizer.step(values, gradient, &mut self.slots[place], self.progress.total_steps, rate, decay);
            let mask = self.network.parameters.get(place).and_then(|parameter| self.options.masks.get(&parameter.name));
            if let Some(mask) = mask {
                values.iter_mut().zip(mask).filter(|(_, stays)| !**stays).for_each(|(value, _)| *value = 0.0);
            }
        }
        if let Some(fake_quant) = &self.network.fake_quant {
            fake_quant.project(&mut self.state.parameters[own..]);
        }
        if !self.options.freeze_statistics {
            found.iter().for_each(|part| self.network.absorb(&mut self.state, &part.statistics));
        }
        self.progress.loss += loss * places.len() as f64;
        self.progress.hits += found.iter().map(|part| part.hits).sum::<usize>();
        Ok(loss)
    }

    fn mode(&self) -> Mode {
        if self.options.freeze_statistics { Mode::Evaluate } else { Mode::Train }
    }

    /// The samples as this epoch changes them, where it does.
    fn augmented(&self, places: &[usize]) -> Option<Vec<f32>> {
        let augmentations = Some(&self.options.augmentations).filter(|augmentations| !augmentations.is_empty())?;
        let mut all = self.samples.inputs(places);
        let element = all.len() / places.len().max(1);
        for (sample, &place) in all.chunks_exact_mut(element.max(1)).zip(places) {
            let mut random = random(self.options.seed, self.progress.epochs as u64, place as u64);
            augmentations.iter().for_each(|augmentation| augmentation.apply(self.samples.shape(), sample, &mut random));
        }
        Some(all)
    }

    fn part(&self, places: &[usize], whole: usize, leaves: &Leaves) -> Result<Part, TrainError> {
        let batch = self.bound.batch(self.samples, places, self.augmented(places), whole)?;
        let forward = self.network.forward(leaves, &self.state, batch.input.clone(), self.mode())?;
        let loss = self.bound.loss(&forward, &batch)?;
        let mut gradients = loss.backward()?;
        Ok(Part {
            loss: f64::from(loss.to_scalar::<f32>()?),
            hits: self.bound.hits(&forward, &batch)?,
            gradients: leaves.parameters.iter().map(|leaf| tape::take_gradient(&mut gradients, leaf)).collect::<Result<_, _>>()?,
            statistics: forward.statistics,
        })
    }

    /// Looks for the first value that is not finite.
    fn not_finite(&self, parts: &[&[usize]], gradients: &[Vec<f32>]) -> TrainError {
        let place = parts.iter().find_map(|places| self.first_not_finite(places).ok().flatten());
        let in_gradient = || {
            let bad = gradients.iter().position(|gradient| gradient.iter().any(|g| !g.is_finite()));
            let name = bad.and_then(|bad| self.network.parameters.get(bad)).map(|parameter| parameter.name.clone());
            name.map_or("the loss".into(), |name| format!("the gradient of \"{name}\""))
        };
        TrainError::NotFinite {
            epoch: self.progress.epochs + 1,
            step: self.progress.step + 1,
            place: place.unwrap_or_else(in_gradient),
            checkpoint: self.checkpoint.as_ref().map(|checkpoint| checkpoint.path().to_owned()).filter(|path| path.exists()),
        }
    }

    fn first_not_finite(&self, places: &[usize]) -> Result<Option<String>, TrainError> {
        let input = objective::input(self.samples, places, self.augmented(places))?;
        let leaves = self.network.leaves(&self.state, false)?;
        let forward = self.network.forward(&leaves, &self.state, input, self.mode())?;
        let graph = &self.network.graph;
        let written = graph.inputs().iter().copied().chain(graph.nodes().iter().flat_map(edgectl_graph::Node::writes));
        for id in written {
            let Some(tensor) = &forward.tensors[id.index()] else { continue };
            if tape::values(tensor)?.iter().any(|value| !value.is_finite()) {
                let label = graph.producer(id).map(|node| graph.label(graph.node(node)));
                return Ok(Some(label.map_or("the input".into(), |label| format!("the output of node \"{label}\""))));
            }
        }
        Ok(None)
    }
}

fn gradients_of(part: &Part) -> impl Iterator<Item = (usize, &Vec<f32>)> {
    part.gradients.iter().enumerate().filter_map(|(place, gradient)| Some((place, gradient.as_ref()?)))
}

/// Divides a batch; the statistics of batch normalization want parts that are not too small.
fn parts(places: &[usize], has_batch_norm: bool) -> Vec<&[usize]> {
    let least = if has_batch_norm { MAX_PART / 2 } else { MAX_PART / 8 };
    let size = places.len().div_ceil(4).clamp(least, MAX_PART);
    let count = places.len().div_ceil(size);
    (0..count).map(|part| &places[part * places.len() / count..(part + 1) * places.len() / count]).collect()
}

/// Random numbers for a sample in an epoch.
pub(crate) fn random(seed: u64, epoch: u64, place: u64) -> fastrand::Rng {
    // The finalizer of SplitMix64 (G. Steele et al., 2014), so that neighbours have nothing in common.
    let mix = |z: u64| {
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let part = |z: u64, more: u64| mix(z.wrapping_add(GOLDEN).wrapping_add(mix(more.wrapping_add(GOLDEN))));
    fastrand::Rng::with_seed(part(part(mix(seed), epoch), place))
}
