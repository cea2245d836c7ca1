//! Which channels always have the same values: value numbering. Channels of equal number are equal on any input.

use std::collections::HashMap;

use edgectl_graph::{Graph, Node, Op, Shape, TensorId};

use super::bounds::Bounds;

/// The number of each channel, along the axes of [`Bounds::axis`].
pub(crate) struct Numbers {
    channels: Vec<Vec<u64>>,
}

/// Gives each key a number of its own.
#[derive(Default)]
struct Pool {
    numbers: HashMap<Vec<u64>, u64>,
    fresh: u64,
}

/// What a key is about, beside nodes.
const CONSTANT: u64 = u64::MAX;
const SLICE: u64 = u64::MAX - 1;
const TENSOR: u64 = u64::MAX - 2;

impl Pool {
    fn of(&mut self, key: Vec<u64>) -> u64 {
        let next = self.fresh;
        let number = *self.numbers.entry(key).or_insert(next);
        self.fresh += u64::from(number == next);
        number
    }

    fn fresh(&mut self) -> u64 {
        self.fresh += 1;
        self.fresh - 1
    }
}

impl Numbers {
    pub(crate) fn of(graph: &Graph, bounds: &Bounds<'_>) -> Numbers {
        let mut pool = Pool::default();
        let mut numbers = Numbers { channels: vec![vec![]; graph.tensors().len()] };
        for &id in graph.inputs() {
            let size = bounds.along(id, bounds.axis(id)).len();
            numbers.channels[id.index()] = (0..size).map(|_| pool.fresh()).collect();
        }
        for (at, node) in graph.iter() {
            for y in node.writes() {
                let intervals = bounds.along(y, bounds.axis(y));
                let keys = if node.output() == Some(y) { numbers.node(graph, bounds, at.index() as u64, node, y, &mut pool) } else { None };
                let keys = keys.filter(|keys| keys.len() == intervals.len());
                let number = |(index, interval): (usize, &super::interval::Interval)| match (interval.value(), &keys) {
                    (Some(value), _) => pool.of(vec![CONSTANT, value.to_bits().into()]),
                    (None, Some(keys)) => pool.of(keys[index].clone()),
                    (None, None) => pool.fresh(),
                };
                numbers.channels[y.index()] = intervals.iter().enumerate().map(number).collect();
            }
        }
        numbers
    }

    /// The numbers along the axis of [`Bounds::axis`].
    pub(crate) fn channels(&self, id: TensorId) -> &[u64] {
        &self.channels[id.index()]
    }

    /// What each channel of a node's output is computed from; `None` where they have nothing in common.
    fn node(&self, graph: &Graph, bounds: &Bounds<'_>, at: u64, node: &Node, y: TensorId, pool: &mut Pool) -> Option<Vec<Vec<u64>>> {
        let (x, axis) = (node.input(0)?, bounds.axis(y));
        let own = |id: TensorId, along: usize| (bounds.axis(id) == along).then(|| self.channels(id));
        let constants = |index: usize, along: usize| node.input(index).map(|id| slices(graph, id, along));
        match &node.op {
            Op::Conv(_) | Op::Dense { .. } => {
                let groups = if let Op::Conv(conv) = &node.op { conv.groups } else { 1 };
                let rows = slices(graph, node.input(1)?, 0)?;
                let bias = constants(2, 0).map_or(Some(None), |bias| bias.map(Some))?;
                let depthwise = graph.shape(node.input(1)?)?.dims().get(1)?.fixed()? == 1;
                let inputs = if matches!(node.op, Op::Conv(_)) { own(x, 1) } else { own(x, graph.shape(x)?.rank().checked_sub(1)?) };
                let per_group = (rows.len() / groups).max(1);
                let key = |(o, row): (usize, Vec<u64>)| {
                    let group = o / per_group;
                    let source = inputs.filter(|_| depthwise).map_or(group as u64, |inputs| inputs.get(group).copied().unwrap_or_default());
                    [vec![at, source], row, bias.as_ref().map_or(vec![], |bias| bias[o].clone())].concat()
                };
                Some(rows.into_iter().enumerate().map(key).collect())
            }
            Op::BatchNorm { .. } => {
                let parameters: Vec<Vec<Vec<u64>>> = (1..5).map(|index| constants(index, 0)?).collect::<Option<_>>()?;
                let key = |(c, &x): (usize, &u64)| [vec![at, x], parameters.iter().flat_map(|values| values[c].clone()).collect()].concat();
                Some(own(x, axis)?.iter().enumerate().map(key).collect())
            }
            Op::Binary { .. } | Op::PRelu => {
                let (a, b) = (self.operand(graph, bounds, x, y, axis, pool)?, self.operand(graph, bounds, node.input(1)?, y, axis, pool)?);
                Some(a.into_iter().zip(b).map(|(a, b)| vec![at, a, b]).collect())
            }
            Op::Unary(_)
            | Op::Identity
            | Op::MaxPool(_)
            | Op::AveragePool { .. }
            | Op::GlobalAveragePool
            | Op::GlobalMaxPool
            | Op::Resize(_) => Some(own(x, axis)?.iter().map(|&x| vec![at, x]).collect()),
            Op::Pad { before, after, .. } if before.get(axis) == Some(&0) && after.get(axis) == Some(&0) => {
                Some(own(x, axis)?.iter().map(|&x| vec![at, x]).collect())
            }
            Op::Transpose { perm } => Some(own(x, *perm.get(axis)?)?.iter().map(|&x| vec![at, x]).collect()),
            Op::Concat { axis: joined } if *joined == axis => {
                let parts = node.inputs.iter().flatten().map(|&id| own(id, axis)).collect::<Option<Vec<_>>>()?;
                Some(parts.concat().into_iter().map(|x| vec![at, x]).collect())
            }
            Op::Reshape { .. } => {
                let (from, to) = (graph.shape(x)?, graph.shape(y)?);
                let below =
                    |shape: &Shape, axis: usize| -> Option<usize> { shape.dims()[axis + 1..].iter().map(|dim| dim.fixed()).product() };
                let (numbers, step) = (self.channels(x), below(from, bounds.axis(x))?);
                let (size_y, step_y) = (to.dims().get(axis)?.fixed()?, below(to, axis)?);
                let size = numbers.len();
                if step == step_y && size == size_y {
                    return Some(numbers.iter().map(|&x| vec![at, x]).collect());
                }
                // Each index is one pixel of one channel.
                let key = |index: usize| vec![at, numbers[index / step % size], (index % step) as u64, (index / (step * size)) as u64];
                (step_y == 1 && size > 0 && step > 0 && size_y % (step * size) == 0).then(|| (0..size_y).map(key).collect())
            }
            _ => None,
        }
    }

    /// The numbers of an operand along an axis of the result to which it is broadcast.
    fn operand(&self, graph: &Graph, bounds: &Bounds<'_>, id: TensorId, y: TensorId, axis: usize, pool: &mut Pool) -> Option<Vec<u64>> {
        let size = graph.shape(y)?.dims().get(axis)?.fixed()?;
        let own = (axis + graph.shape(id)?.rank()).checked_sub(graph.shape(y)?.rank());
        let fits = own.filter(|&own| graph.shape(id).and_then(|shape| shape.dims().get(own)?.fixed()) == Some(size));
        match (fits, graph.literal(id)) {
            (Some(own), Some(_)) => Some(slices(graph, id, own)?.into_iter().map(|bits| pool.of([vec![SLICE], bits].concat())).collect()),
            (Some(own), None) if own == bounds.axis(id) => Some(self.channels(id).to_vec()),
            (Some(_), None) => None,
            (None, _) => Some(vec![pool.of(vec![TENSOR, id.index() as u64]); size]),
        }
    }
}

/// The elements at each index of a constant's axis, as bits.
fn slices(graph: &Graph, id: TensorId, axis: usize) -> Option<Vec<Vec<u64>>> {
    let literal = graph.literal(id)?;
    let (values, size) = (literal.as_f32()?, *literal.shape().get(axis)?);
    let below: usize = literal.shape()[axis + 1..].iter().product();
    let mut slices = vec![vec![]; size];
    for (at, value) in values.iter().enumerate() {
        // Both zeros are equal.
        slices[at / below.max(1) % size].push(u64::from((value + 0.0).to_bits()));
    }
    Some(slices)
}
