//! What values a channel can take on any input: interval arithmetic through the graph, one interval per channel.

use edgectl_graph::{Activation, Graph, Node, Op, Shape, TensorId};

use super::interval::Interval;
use crate::Dependencies;

/// Larger tensors are not gone through element by element, and count as one interval after a reshape.
const MAX_RESHAPED: usize = 1 << 22;

/// The intervals of all tensors of a graph.
pub(crate) struct Bounds<'g> {
    graph: &'g Graph,
    /// By tensor: the axis of channels, and an interval for each of them. Nothing for constants.
    channels: Vec<(usize, Vec<Interval>)>,
}

impl<'g> Bounds<'g> {
    /// Goes through a graph whose inputs take values of an interval.
    pub(crate) fn of(graph: &'g Graph, dependencies: &Dependencies, input: Interval) -> Bounds<'g> {
        let axis = |(id, _)| channel_axis(graph, dependencies, id);
        let mut bounds = Bounds { graph, channels: graph.iter_tensors().map(axis).map(|axis| (axis, vec![])).collect() };
        for &id in graph.inputs() {
            let size = bounds.size(id, bounds.axis(id));
            bounds.channels[id.index()].1 = vec![input; size];
        }
        for (_, node) in graph.iter() {
            for id in node.writes() {
                let (axis, size) = (bounds.axis(id), bounds.size(id, bounds.axis(id)));
                let known = node.output() == Some(id) && graph.shape(id).is_some();
                let found = if known { bounds.node(node, id, axis) } else { None };
                bounds.channels[id.index()].1 = found.filter(|found| found.len() == size).unwrap_or_else(|| vec![Interval::ALL; size]);
            }
        }
        bounds
    }

    /// The axis of channels of a tensor.
    pub(crate) fn axis(&self, id: TensorId) -> usize {
        self.channels[id.index()].0
    }

    /// One interval per index of an axis.
    pub(crate) fn along(&self, id: TensorId, axis: usize) -> Vec<Interval> {
        let size = self.size(id, axis);
        if let Some(literal) = self.graph.literal(id) {
            let Some(values) = literal.as_f32() else { return vec![Interval::ALL; size] };
            let below: usize = literal.shape().iter().skip(axis + 1).product();
            let mut found: Vec<Option<Interval>> = vec![None; size];
            for (at, &value) in values.iter().enumerate() {
                let own = &mut found[at / below.max(1) % size];
                *own = Some(own.map_or(Interval::point(value), |interval| interval.join(Interval::point(value))));
            }
            return found.into_iter().map(|interval| interval.unwrap_or(Interval::ALL)).collect();
        }
        let (own, channels) = &self.channels[id.index()];
        if *own == axis { channels.clone() } else { vec![Interval::join_all(channels.iter().copied()); size] }
    }

    fn whole(&self, id: TensorId) -> Interval {
        Interval::join_all(self.along(id, self.axis(id)))
    }

    /// The size of an axis; 1 for one of symbolic size, and where there is none.
    fn size(&self, id: TensorId, axis: usize) -> usize {
        self.graph.shape(id).and_then(|shape| shape.dims().get(axis)?.fixed()).unwrap_or(1)
    }

    /// The intervals along an axis of a node's output; `None` where nothing is known.
    fn node(&self, node: &Node, y: TensorId, axis: usize) -> Option<Vec<Interval>> {
        let x = node.input(0)?;
        let clamp = node.op.activation().unwrap_or(Activation::NONE);
        let same = |to: usize| Some(self.along(x, to));
        let found = match &node.op {
            Op::Conv(conv) if axis == 1 => {
                let window = &conv.window;
                let padded = window.pads_begin.iter().chain(&window.pads_end).any(|&pad| pad > 0);
                self.layer(node, self.along(x, 1), conv.groups, padded)?
            }
            Op::Dense { .. } if axis + 1 == self.graph.shape(x)?.rank() => self.layer(node, self.along(x, axis), 1, false)?,
            Op::BatchNorm { epsilon } if axis == 1 => {
                let [scale, bias, mean, var] = [1, 2, 3, 4].map(|index| node.input(index).and_then(|id| self.graph.literal(id)?.as_f32()));
                let (scale, bias, mean, var) = (scale?, bias?, mean?, var?);
                let channel = |(c, interval): (usize, Interval)| {
                    let factor = f64::from(scale[c]) / (f64::from(var[c]) + f64::from(*epsilon)).sqrt();
                    let moved = interval.plus(Interval::point(-mean[c])).scaled(factor);
                    moved.plus(Interval::point(bias[c]))
                };
                self.along(x, 1).into_iter().enumerate().map(channel).collect()
            }
            Op::Binary { op, .. } => {
                let (a, b) = (self.operand(x, y, axis), self.operand(node.input(1)?, y, axis));
                a.into_iter().zip(b).map(|(a, b)| Interval::binary(*op, a, b)).collect()
            }
            Op::PRelu => {
                let slopes = self.operand(node.input(1)?, y, axis);
                let clamped = |interval: Interval, min, max| interval.clamped(Activation { min, max });
                let channel = |(x, slope): (Interval, Interval)| {
                    let negative = Interval::binary(edgectl_graph::Binary::Mul, clamped(x, f32::NEG_INFINITY, 0.0), slope);
                    clamped(x, 0.0, f32::INFINITY).plus(negative)
                };
                self.along(x, axis).into_iter().zip(slopes).map(channel).collect()
            }
            Op::Unary(unary) => self.along(x, axis).into_iter().map(|interval| interval.unary(*unary)).collect(),
            Op::Identity | Op::MaxPool(_) | Op::GlobalAveragePool | Op::GlobalMaxPool | Op::Resize(_) => same(axis)?,
            Op::AveragePool { pool, include_pad } => {
                let padded = *include_pad && pool.pads_begin.iter().chain(&pool.pads_end).any(|&pad| pad > 0);
                let zero = Interval::point(0.0);
                self.along(x, axis).into_iter().map(|interval| if padded { interval.join(zero) } else { interval }).collect()
            }
            Op::Concat { axis: joined } => {
                let parts: Vec<Vec<Interval>> = node.inputs.iter().flatten().map(|&id| self.along(id, axis)).collect();
                if *joined == axis {
                    parts.concat()
                } else {
                    let joined = |index: usize| Interval::join_all(parts.iter().filter_map(|part| part.get(index).copied()));
                    (0..self.size(y, axis)).map(joined).collect()
                }
            }
            Op::Pad { before, after, value } => {
                let frame = Interval::point(*value);
                let elsewhere = (0..before.len()).any(|at| at != axis && before[at] + after[at] > 0);
                let inner = self.along(x, axis).into_iter().map(|interval| if elsewhere { interval.join(frame) } else { interval });
                let side = |count: usize| std::iter::repeat_n(frame, count);
                side(*before.get(axis)?).chain(inner).chain(side(*after.get(axis)?)).collect()
            }
            Op::Slice { spans } => {
                let own = self.along(x, axis);
                match spans.iter().find(|span| span.axis == axis) {
                    Some(span) => span.indices().map(|index| own.get(index).copied()).collect::<Option<_>>()?,
                    None => own,
                }
            }
            Op::Gather { axis: taken, indices, dims } if *taken == axis && dims.len() == 1 => {
                let own = self.along(x, axis);
                indices.iter().map(|&index| own.get(index).copied()).collect::<Option<_>>()?
            }
            Op::Transpose { perm } => same(*perm.get(axis)?)?,
            Op::Reshape { .. } => self.reshaped(x, y, axis)?,
            Op::ReduceMean { axes, keep_dims } => {
                let left = |at: &usize| *keep_dims || !axes.contains(at);
                let from = (0..self.graph.shape(x)?.rank()).filter(left).nth(axis)?;
                if axes.contains(&from) { vec![self.whole(x)] } else { same(from)? }
            }
            Op::Softmax { .. } => vec![Interval { low: 0.0, high: 1.0 }; self.size(y, axis)],
            _ => return None,
        };
        Some(found.into_iter().map(|interval| interval.clamped(clamp)).collect())
    }

    /// What a layer makes of its input's channels.
    fn layer(&self, node: &Node, x: Vec<Interval>, groups: usize, padded: bool) -> Option<Vec<Interval>> {
        let filter = self.graph.literal(node.input(1)?)?;
        let bias = node.input(2).map(|id| self.graph.literal(id)?.as_f32()).map_or(Some(None), |bias| bias.map(Some))?;
        let &[outputs, columns, ref kernel @ ..] = filter.shape() else { return None };
        let (values, taps) = (filter.as_f32()?, kernel.iter().product::<usize>().max(1));
        if x.len() != columns * groups {
            return None;
        }
        let zero = Interval::point(0.0);
        let row = |o: usize| {
            let first = o / (outputs / groups).max(1) * columns;
            let mut sum = Interval::point(bias.map_or(0.0, |bias| bias[o]));
            for j in 0..columns {
                let weights = &values[(o * columns + j) * taps..(o * columns + j + 1) * taps];
                let x = if padded { x[first + j].join(zero) } else { x[first + j] };
                sum = weights.iter().fold(sum, |sum, &weight| sum.plus(x.scaled(weight.into())));
            }
            sum
        };
        Some((0..outputs).map(row).collect())
    }

    /// The intervals of an operand along an axis of the result to which it is broadcast.
    fn operand(&self, id: TensorId, y: TensorId, axis: usize) -> Vec<Interval> {
        let (size, rank) = (self.size(y, axis), self.graph.shape(id).map_or(0, Shape::rank));
        let own = (axis + rank).checked_sub(self.graph.shape(y).map_or(0, Shape::rank));
        match own.filter(|&own| self.size(id, own) == size) {
            Some(own) => self.along(id, own),
            None if rank == 0 => vec![self.along(id, 0).first().copied().unwrap_or(Interval::ALL); size],
            None => vec![self.whole(id); size],
        }
    }

    /// The intervals along an axis of what has the same elements as `x`.
    fn reshaped(&self, x: TensorId, y: TensorId, axis: usize) -> Option<Vec<Interval>> {
        let (from, to) = (self.graph.shape(x)?, self.graph.shape(y)?);
        let elements = to.elements_per_sample().filter(|&elements| elements <= MAX_RESHAPED)?;
        let below = |shape: &Shape, axis: usize| -> usize { shape.dims()[axis + 1..].iter().map(|dim| dim.fixed().unwrap_or(1)).product() };
        let own = self.axis(x);
        let (step, size, step_y, size_y) = (below(from, own), self.size(x, own), below(to, axis), self.size(y, axis));
        let intervals = self.along(x, own);
        let mut found: Vec<Option<Interval>> = vec![None; size_y];
        for at in 0..elements {
            let interval = *intervals.get(at / step % size)?;
            let slot = found.get_mut(at / step_y % size_y)?;
            *slot = Some(slot.map_or(interval, |known| known.join(interval)));
        }
        found.into_iter().collect()
    }
}

/// The axis along which a tensor's units lie; where it has none, that of channels in images, and the last one elsewhere.
fn channel_axis(graph: &Graph, dependencies: &Dependencies, id: TensorId) -> usize {
    let rank = graph.shape(id).map_or(0, Shape::rank);
    let with_units = (0..rank).find(|&axis| dependencies.axis(id, axis).iter().any(Option::is_some));
    with_units.unwrap_or(if rank > 2 { 1 } else { rank.saturating_sub(1) })
}
