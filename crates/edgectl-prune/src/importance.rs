//! How much a model loses with each channel.

use std::collections::{BTreeMap, HashMap};

use edgectl_graph::{Graph, Op, TensorId};

use crate::linear::damped_inverse;
use crate::statistics::{Moments, Statistics};
use crate::weights::{Role, role_of};
use crate::{Dependencies, UnitId};

/// The units of each group in the order in which they should go, with what is lost with each. Losses never fall along a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores(Vec<Vec<(UnitId, f64)>>);

/// A norm of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// The sum of magnitudes.
    L1,
    /// The root of the sum of squares.
    L2,
}

impl Scores {
    /// Puts the units of each group in order, given what is lost with each unit alone.
    pub fn new(dependencies: &Dependencies, losses: &[f64]) -> Scores {
        let order = |units: &Vec<UnitId>| {
            let mut order: Vec<(UnitId, f64)> = units.iter().map(|&unit| (unit, losses.get(unit).copied().unwrap_or_default())).collect();
            order.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            order
        };
        Scores(dependencies.groups().iter().map(|group| order(&group.units)).collect())
    }

    /// The units of a group, the least important first.
    pub fn group(&self, group: usize) -> &[(UnitId, f64)] {
        &self.0[group]
    }
}

/// Magnitude: the norm of all weights that compute a channel or read it, relative to the mean of its group in each layer (Li et al., 2017;
/// over coupled layers as by Fang et al., 2023).
pub fn magnitude(graph: &Graph, dependencies: &Dependencies, norm: Norm) -> Scores {
    let mut losses = vec![0.0; dependencies.units().len()];
    for (tensor, axis, _) in slots(graph, dependencies, |role| role != Role::Parameter) {
        let sums = sums(graph, dependencies, tensor, axis, |_, value| match norm {
            Norm::L1 => value.abs(),
            Norm::L2 => value * value,
        });
        let root = |sum: f64| if norm == Norm::L2 { sum.sqrt() } else { sum };
        add_relative(dependencies, &mut losses, sums.into_iter().map(|(unit, sum)| (unit, root(sum))).collect());
    }
    Scores::new(dependencies, &losses)
}

/// The scale of batch normalization (Liu et al., 2017). `None` where a group has none.
pub fn batch_norm_scale(graph: &Graph, dependencies: &Dependencies) -> Option<Scores> {
    let mut losses = vec![None; dependencies.units().len()];
    for node in graph.nodes().iter().filter(|node| matches!(node.op, Op::BatchNorm { .. })) {
        let scale = node.input(1)?;
        for (unit, sum) in sums(graph, dependencies, scale, 0, |_, value| value.abs()) {
            *losses[unit].get_or_insert(0.0) += sum;
        }
    }
    let losses: Option<Vec<f64>> = losses.into_iter().collect();
    Some(Scores::new(dependencies, &losses?))
}

/// First-order Taylor expansion: the square of the sum of weights times gradients, over what computes a channel (Molchanov et al., 2019).
#[derive(Clone, Debug)]
pub struct Taylor {
    losses: Vec<f64>,
}

impl Taylor {
    /// Nothing yet.
    pub fn new(dependencies: &Dependencies) -> Taylor {
        Taylor { losses: vec![0.0; dependencies.units().len()] }
    }

    /// Adds the gradients of the loss of some samples; constants without gradients are left out.
    pub fn add(&mut self, graph: &Graph, dependencies: &Dependencies, gradients: &HashMap<TensorId, Vec<f32>>) {
        let mut sums_of_units = vec![0.0; self.losses.len()];
        for (tensor, axis, _) in slots(graph, dependencies, |role| role != Role::Column) {
            let Some(gradient) = gradients.get(&tensor) else { continue };
            let product = |at: usize, value: f64| value * gradient.get(at).copied().map_or(0.0, f64::from);
            for (unit, sum) in sums(graph, dependencies, tensor, axis, product) {
                sums_of_units[unit] += sum;
            }
        }
        self.losses.iter_mut().zip(sums_of_units).for_each(|(loss, sum)| *loss += sum * sum);
    }

    /// The scores.
    pub fn scores(&self, dependencies: &Dependencies) -> Scores {
        Scores::new(dependencies, &self.losses)
    }
}

/// Activation statistics: how much of what its readers compute is lost with a channel, once the channels that stay make up for it as well
/// as they can (the optimal brain surgeon of Hassibi and Stork, 1993, for the output of each layer). Channels go one after the other, and
/// what is lost with the next is what is lost beside those before. Where nothing was observed of a group, magnitude stands in.
pub fn reconstruction(graph: &Graph, dependencies: &Dependencies, statistics: &Statistics) -> Scores {
    let mut scores = magnitude(graph, dependencies, Norm::L2);
    for (at, group) in dependencies.groups().iter().enumerate() {
        let mut readers: Vec<Surgeon> =
            statistics.moments().filter(|moments| moments.group == at).filter_map(|of| Surgeon::new(graph, of)).collect();
        if readers.is_empty() || readers.iter().any(|reader| reader.weights.len() != group.units.len()) {
            continue;
        }
        let mut left: Vec<usize> = (0..group.units.len()).collect();
        let (mut order, mut floor) = (vec![], 0.0f64);
        while !left.is_empty() {
            let loss = |&unit: &usize| readers.iter().map(|reader| reader.loss(unit)).sum::<f64>();
            let losses: Vec<f64> = left.iter().map(loss).collect();
            let Some(least) = (0..left.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])) else { break };
            let unit = left.remove(least);
            floor = floor.max(losses[least]);
            order.push((group.units[unit], floor));
            readers.iter_mut().for_each(|reader| reader.remove(unit));
        }
        scores.0[at] = order;
    }
    scores
}

/// A layer of which channels are taken one after the other, while the weights of the others make up for them.
struct Surgeon {
    /// By channel, the weights that read it.
    weights: Vec<Vec<f64>>,
    /// Of the covariances of the channels that are left.
    inverse: Vec<f64>,
    gone: Vec<bool>,
    /// The number of pixels that were seen.
    observations: f64,
    /// The variance of what the layer computes.
    energy: f64,
}

impl Surgeon {
    fn new(graph: &Graph, moments: &Moments) -> Option<Surgeon> {
        let literal = graph.literal(moments.reader.weights)?;
        let (values, shape, size) = (literal.as_f32()?, literal.shape(), moments.units.len());
        let (columns, taps) = (*shape.get(1)?, shape.iter().skip(2).product::<usize>().max(1));
        let per_group = shape.first()? / moments.reader.groups;
        let reads = |indices: &Vec<usize>| {
            let of = |&index: &usize| {
                let rows = index / columns * per_group..(index / columns + 1) * per_group;
                rows.flat_map(move |row| (0..taps).map(move |tap| (row * columns + index % columns) * taps + tap))
            };
            indices.iter().flat_map(of).map(|at| f64::from(values[at])).collect::<Vec<f64>>()
        };
        let weights: Vec<Vec<f64>> = moments.indices.iter().map(reads).collect();
        let matrix = moments.matrix();
        let energy = (0..size).map(|i| (0..size).map(|j| matrix[i * size + j] * dot(&weights[i], &weights[j])).sum::<f64>()).sum::<f64>();
        let inverse = damped_inverse(matrix, size, moments.count());
        Some(Surgeon { gone: vec![false; size], observations: moments.count(), weights, inverse, energy: energy.max(f64::MIN_POSITIVE) })
    }

    fn size(&self) -> usize {
        self.gone.len()
    }

    fn pivot(&self, unit: usize) -> f64 {
        self.inverse[unit * self.size() + unit].max(f64::MIN_POSITIVE)
    }

    /// The share of the layer's variance that is lost with a channel. With few observations, what is left after the others have been fitted
    /// to it is less than it will be on other data; generalized cross-validation (Golub et al., 1979) corrects that.
    fn loss(&self, unit: usize) -> f64 {
        let fitted = self.gone.iter().filter(|&&gone| !gone).count() as f64;
        let free = ((self.observations - fitted) / self.observations).max(0.05);
        dot(&self.weights[unit], &self.weights[unit]) / self.pivot(unit) / self.energy / (free * free)
    }

    fn remove(&mut self, unit: usize) {
        let (size, pivot) = (self.size(), self.pivot(unit));
        let row: Vec<f64> = self.inverse[unit * size..(unit + 1) * size].to_vec();
        let own = std::mem::take(&mut self.weights[unit]);
        self.gone[unit] = true;
        for other in (0..size).filter(|&other| !self.gone[other]) {
            let factor = row[other] / pivot;
            self.weights[other].iter_mut().zip(&own).for_each(|(weight, gone)| *weight -= factor * gone);
            let line = &mut self.inverse[other * size..(other + 1) * size];
            line.iter_mut().zip(&row).for_each(|(value, gone)| *value -= factor * gone);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The axes of constants that have units, each once, with what they are for.
fn slots(graph: &Graph, dependencies: &Dependencies, wanted: impl Fn(Role) -> bool) -> Vec<(TensorId, usize, Role)> {
    let mut slots: Vec<(TensorId, usize, Role)> = vec![];
    for node in graph.nodes() {
        for (place, id) in node.inputs.iter().enumerate().filter_map(|(place, id)| Some((place, (*id)?))) {
            if graph.literal(id).is_none() {
                continue;
            }
            for axis in 0..dependencies.rank(id) {
                let role = role_of(graph, node, place, axis).unwrap_or(Role::Parameter);
                let has_units = dependencies.axis(id, axis).iter().any(Option::is_some);
                if has_units && wanted(role) && !slots.iter().any(|slot| (slot.0, slot.1) == (id, axis)) {
                    slots.push((id, axis, role));
                }
            }
        }
    }
    slots
}

/// For each unit of an axis, the sum of a function of place and value of its elements.
fn sums(graph: &Graph, dependencies: &Dependencies, id: TensorId, axis: usize, of: impl Fn(usize, f64) -> f64) -> BTreeMap<UnitId, f64> {
    let mut sums: BTreeMap<UnitId, f64> = BTreeMap::new();
    let Some((literal, values)) = graph.literal(id).and_then(|literal| Some((literal, literal.as_f32()?))) else { return sums };
    let (units, below) = (dependencies.axis(id, axis), literal.shape()[axis + 1..].iter().product::<usize>().max(1));
    for (at, &value) in values.iter().enumerate() {
        if let Some(unit) = units[at / below % units.len()] {
            *sums.entry(unit).or_default() += of(at, value.into());
        }
    }
    sums
}

/// Adds values relative to the mean of their group.
fn add_relative(dependencies: &Dependencies, losses: &mut [f64], values: BTreeMap<UnitId, f64>) {
    let mut means: HashMap<usize, (f64, f64)> = HashMap::new();
    for (&unit, value) in &values {
        let mean = means.entry(dependencies.units()[unit].group).or_default();
        *mean = (mean.0 + value, mean.1 + 1.0);
    }
    for (unit, value) in values {
        let (sum, count) = means[&dependencies.units()[unit].group];
        losses[unit] += if sum > 0.0 { value * count / sum } else { 0.0 };
    }
}
