//! Channels that do nothing: what is left computes the same, to float rounding.
//!
//! A unit may go where each layer that reads it either has no weights for it, or can do without: because the channel is zero on any
//! input, or constant, so that it becomes part of the layer's bias, or always equal to another channel, to whose weights its own are added.
//! What one round removes can leave more to remove, so rounds follow until one finds nothing.

mod bounds;
mod interval;
mod numbers;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use edgectl_graph::{Graph, NodeId, Op, TensorId};

use crate::edits::Edits;
use crate::weights::{Reader, is_depthwise, reader};
use crate::{Dependencies, PruneError, UnitId};

use bounds::Bounds;
use interval::Interval;
use numbers::Numbers;

/// A graph without channels that did nothing.
#[derive(Debug)]
pub struct Lossless {
    /// The graph.
    pub graph: Graph,
    /// What went, by the layers that computed it, in the order in which it was found.
    pub removed: Vec<Idle>,
}

/// Channels of some layers that did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    /// The layers that computed them.
    pub layers: Vec<String>,
    /// How many channels these had before the round.
    pub channels: usize,
    /// Those that nothing reads, or only with weights of zero.
    pub unread: usize,
    /// Those that are zero on any input.
    pub zero: usize,
    /// Those of another constant value.
    pub constant: usize,
    /// Those that always equal another.
    pub duplicate: usize,
}

/// Why a unit does nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Unread,
    Zero,
    Constant,
    Duplicate,
}

/// Removes all channels that do nothing on inputs whose values lie from `low` to `high`; these may be infinite.
///
/// # Errors
/// As [`Dependencies::of`].
pub fn lossless(graph: &Graph, (low, high): (f32, f32)) -> Result<Lossless, PruneError> {
    let mut done = Lossless { graph: graph.clone(), removed: vec![] };
    loop {
        let dependencies = Dependencies::of(&done.graph)?;
        let round = Round::new(&done.graph, &dependencies, Interval::new(low.into(), high.into()));
        let (idle, edits) = round.find();
        if idle.is_empty() {
            return Ok(done);
        }
        for (at, group) in dependencies.groups().iter().enumerate() {
            let count = |why| idle.iter().filter(|&(&unit, &own)| dependencies.units()[unit].group == at && own == why).count();
            let (unread, zero, constant, duplicate) = (count(Why::Unread), count(Why::Zero), count(Why::Constant), count(Why::Duplicate));
            if unread + zero + constant + duplicate > 0 {
                let (layers, channels) = (group.layers.clone(), group.units.len());
                done.removed.push(Idle { layers, channels, unread, zero, constant, duplicate });
            }
        }
        let units: BTreeSet<UnitId> = idle.keys().copied().collect();
        done.graph = dependencies.without_edited(&done.graph, &units, &edits)?;
    }
}

/// A node that multiplies channels with weights and adds them up.
struct Consumer {
    x: TensorId,
    axis: usize,
    /// Its weights, and the axis of them that is multiplied with `x`.
    columns: Vec<(TensorId, usize)>,
    /// Where it is a layer whose weights can be changed.
    reader: Option<Reader>,
    /// The indices of `x` of each unit.
    indices: HashMap<UnitId, Vec<usize>>,
}

struct Round<'a> {
    graph: &'a Graph,
    dependencies: &'a Dependencies,
    bounds: Bounds<'a>,
    numbers: Numbers,
    consumers: Vec<Consumer>,
}

impl<'a> Round<'a> {
    fn new(graph: &'a Graph, dependencies: &'a Dependencies, input: Interval) -> Round<'a> {
        let bounds = Bounds::of(graph, dependencies, input);
        let numbers = Numbers::of(graph, &bounds);
        let consumers = graph.iter().flat_map(|(id, _)| consumers(graph, dependencies, id)).collect();
        Round { graph, dependencies, bounds, numbers, consumers }
    }

    /// The units that do nothing, and the changes of weights that make up for them.
    fn find(&self) -> (BTreeMap<UnitId, Why>, Edits) {
        let mut idle: BTreeMap<UnitId, Why> = BTreeMap::new();
        let mut edits = Edits::default();
        for group in self.dependencies.groups() {
            let Some(&first) = group.units.first() else { continue };
            // Units of a group have the same consumers.
            let consumers: Vec<&Consumer> = self.consumers.iter().filter(|consumer| consumer.indices.contains_key(&first)).collect();
            let mut found: BTreeMap<UnitId, Why> = BTreeMap::new();
            for &unit in &group.units {
                let reasons: Option<Vec<Why>> = consumers.iter().map(|consumer| self.idle(consumer, unit)).collect();
                if let Some(reasons) = reasons {
                    found.insert(unit, reasons.into_iter().max().unwrap_or(Why::Unread));
                }
            }
            // One must stay.
            if found.len() == group.units.len() {
                found.pop_first();
            }
            for &unit in found.keys() {
                consumers.iter().for_each(|consumer| self.fold(consumer, unit, &mut edits));
            }
            let mut seen: HashMap<Vec<u64>, UnitId> = HashMap::new();
            for &unit in group.units.iter().filter(|unit| !found.contains_key(unit)).collect::<Vec<_>>() {
                let Some(key) = self.key(&consumers, unit) else { continue };
                match seen.get(&key) {
                    None => drop(seen.insert(key, unit)),
                    Some(&twin) => {
                        consumers.iter().for_each(|consumer| self.merge(consumer, unit, twin, &mut edits));
                        found.insert(unit, Why::Duplicate);
                    }
                }
            }
            idle.extend(found);
        }
        (idle, edits)
    }

    /// Why a consumer can do without a unit.
    fn idle(&self, consumer: &Consumer, unit: UnitId) -> Option<Why> {
        if self.has_no_weights(consumer, unit) {
            return Some(Why::Unread);
        }
        let intervals = self.bounds.along(consumer.x, consumer.axis);
        let values: Option<Vec<f32>> = consumer.indices[&unit].iter().map(|&index| intervals[index].value()).collect();
        let values = values?;
        if values.iter().all(|&value| value == 0.0) {
            return Some(Why::Zero);
        }
        consumer.reader.as_ref().filter(|reader| !reader.padded).map(|_| Why::Constant)
    }

    fn has_no_weights(&self, consumer: &Consumer, unit: UnitId) -> bool {
        let is_zero = |&(tensor, axis): &(TensorId, usize)| {
            let Some((literal, values)) = self.graph.literal(tensor).and_then(|literal| Some((literal, literal.as_f32()?))) else {
                return false;
            };
            let (size, below) = (literal.shape()[axis], literal.shape()[axis + 1..].iter().product::<usize>().max(1));
            let units = self.dependencies.axis(tensor, axis);
            values.iter().enumerate().all(|(at, &value)| value == 0.0 || units[at / below % size] != Some(unit))
        };
        !consumer.columns.is_empty() && consumer.columns.iter().all(is_zero)
    }

    /// Makes a unit of constant value part of a layer's bias.
    fn fold(&self, consumer: &Consumer, unit: UnitId, edits: &mut Edits) {
        let intervals = self.bounds.along(consumer.x, consumer.axis);
        let Some(reader) = consumer.reader.as_ref().filter(|reader| !reader.padded) else { return };
        for &index in &consumer.indices[&unit] {
            if let Some(value) = intervals[index].value().filter(|&value| value != 0.0)
                && let Some(layer) = edits.layer(self.graph, reader)
            {
                layer.fold(reader.groups, index, value.into());
            }
        }
    }

    /// What a unit is, as its consumers see it. `None` where its weights cannot be added to others.
    fn key(&self, consumers: &[&Consumer], unit: UnitId) -> Option<Vec<u64>> {
        let mut key = vec![];
        for consumer in consumers {
            let known = consumer.axis == self.bounds.axis(consumer.x);
            consumer.reader.as_ref().filter(|_| known)?;
            key.extend(consumer.indices[&unit].iter().map(|&index| self.numbers.channels(consumer.x)[index]));
        }
        Some(key)
    }

    fn merge(&self, consumer: &Consumer, unit: UnitId, twin: UnitId, edits: &mut Edits) {
        let Some(reader) = &consumer.reader else { return };
        let Some(layer) = edits.layer(self.graph, reader) else { return };
        for (&from, &to) in consumer.indices[&unit].iter().zip(&consumer.indices[&twin]) {
            layer.add(reader.groups, from, to, 1.0);
        }
    }
}

/// What a node multiplies and adds up.
fn consumers(graph: &Graph, dependencies: &Dependencies, id: NodeId) -> Vec<Consumer> {
    let node = graph.node(id);
    let rank = |id: TensorId| graph.shape(id).map_or(0, edgectl_graph::Shape::rank);
    let (Some(x), Some(second), Some(y)) = (node.input(0), node.input(1), node.output()) else { return vec![] };
    let products = match &node.op {
        Op::Conv(_) | Op::ConvTranspose(_) if !is_depthwise(graph, node) => vec![(x, 1, (second, 1))],
        Op::Dense { .. } if rank(x) > 0 => vec![(x, rank(x) - 1, (second, 1))],
        Op::Gemm { trans_a, trans_b, .. } => {
            let (a, b) = ((x, usize::from(!trans_a)), (second, usize::from(*trans_b)));
            vec![(a.0, a.1, b), (b.0, b.1, a)]
        }
        Op::MatMul if rank(x) > 0 && rank(second) > 0 => {
            let (a, b) = ((x, rank(x) - 1), (second, rank(second).saturating_sub(2)));
            vec![(a.0, a.1, b), (b.0, b.1, a)]
        }
        Op::Recurrent(_) => {
            let Some(recurrent) = node.input(2) else { return vec![] };
            vec![(x, 2, (second, 1)), (y, 2, (recurrent, 1))]
        }
        _ => return vec![],
    };
    let activations = products.into_iter().filter(|(x, ..)| graph.literal(*x).is_none());
    let consumer = |(x, axis, columns): (TensorId, usize, (TensorId, usize))| {
        let mut indices: HashMap<UnitId, Vec<usize>> = HashMap::new();
        for (index, unit) in dependencies.axis(x, axis).iter().enumerate() {
            unit.iter().for_each(|&unit| indices.entry(unit).or_default().push(index));
        }
        let reader = reader(graph, id, node).filter(|reader| (reader.x, reader.axis) == (x, axis));
        Consumer { x, axis, columns: vec![columns], reader, indices }
    };
    activations.map(consumer).collect()
}
