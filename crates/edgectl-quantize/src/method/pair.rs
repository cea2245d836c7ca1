//! Two layers, the second of which is the only reader of the first's channels.

use edgectl_graph::{Graph, NodeId, Op, TensorId, Unary};

use crate::layer::Layer;

/// A chain `from -> ... -> to` in which every step keeps channels apart and is no other's business.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) from: Layer,
    pub(crate) to: Layer,
    /// The tensors between them, from the output of `from` to the input of `to`.
    pub(crate) between: Vec<TensorId>,
    /// Input elements of a dense `to` per channel; 1 for a convolution.
    pub(crate) block: usize,
    /// Whether zero is the lower bound of what `to` sees.
    pub(crate) rectified: bool,
    /// What scales do not pass through, if anything.
    pub(crate) scale_barrier: Option<String>,
    /// Where channels are cut: 6 behind a ReLU6, infinity where they are not.
    pub(crate) ceiling: f32,
    /// Whether a constant taken from a channel would be missed on the way: where zeros are added to it.
    pub(crate) padded: bool,
}

/// All pairs of a graph, in its order.
pub(crate) fn candidates(graph: &Graph, layers: &[Layer]) -> Vec<Pair> {
    layers.iter().filter_map(|from| pair(graph, layers, from)).collect()
}

fn pair(graph: &Graph, layers: &[Layer], from: &Layer) -> Option<Pair> {
    let rank = |id: TensorId| graph.shape(id).map_or(0, |shape| shape.dims().len());
    // A dense layer's outputs are channels on axis 1 only where it has a batch and nothing else.
    if from.is_dense() && rank(from.output) != 2 {
        return None;
    }
    let (mut at, mut block, mut between) = (from.output, 1, vec![from.output]);
    let (mut rectified, mut barrier, mut padded, mut ceiling) = (false, None, false, f32::INFINITY);
    let mut clamp = |min: f32, max: f32, barrier: &mut Option<String>| {
        rectified |= min == 0.0;
        ceiling = ceiling.min(max);
        // `max(x, 0)` commutes with positive factors, no other lower bound does.
        if min.is_finite() && min != 0.0 {
            barrier.get_or_insert_with(|| format!("the clamp at {min} does not scale with its channel"));
        }
    };
    clamp(from.activation.min, from.activation.max, &mut barrier);
    loop {
        let id = graph.only_consumer(at)?;
        let node = graph.node(id);
        if let Some(to) = layers.iter().find(|layer| layer.node == id) {
            let dense = to.is_dense();
            let fits = to.geometry.channels == from.geometry.outputs * if dense { block } else { 1 };
            if to.input != at || !fits || (dense && rank(at) != 2) || (!dense && block != 1) {
                return None;
            }
            padded |= to.is_padded();
            let (from, to) = (from.clone(), to.clone());
            return Some(Pair { from, to, between, block, rectified, scale_barrier: barrier, ceiling, padded });
        }
        at = step(graph, id, at, from.geometry.outputs, &mut block)?;
        between.push(at);
        match &node.op {
            Op::Unary(Unary::Relu) => clamp(0.0, f32::INFINITY, &mut barrier),
            Op::Unary(Unary::Clip { min, max }) => clamp(*min, *max, &mut barrier),
            Op::AveragePool { pool, include_pad } => {
                padded |= *include_pad && pool.pads_begin.iter().chain(&pool.pads_end).any(|&pad| pad > 0);
            }
            Op::Pad { value, .. } => {
                padded = true;
                if *value != 0.0 {
                    barrier.get_or_insert_with(|| format!("padding with {value}"));
                }
            }
            _ => {}
        }
    }
}

/// The output of a node that keeps channels apart; `None` for any other.
fn step(graph: &Graph, id: NodeId, at: TensorId, channels: usize, block: &mut usize) -> Option<TensorId> {
    let node = graph.node(id);
    let output = node.output()?;
    let shape = graph.fixed_shape(output).ok()?;
    let keeps = match &node.op {
        Op::AveragePool { .. } | Op::GlobalAveragePool | Op::GlobalMaxPool | Op::Identity | Op::MaxPool(_) => true,
        Op::Unary(Unary::Relu | Unary::Clip { .. }) => true,
        Op::Pad { before, after, .. } => before.iter().zip(after).take(2).all(|(&b, &a)| b == 0 && a == 0),
        Op::ReduceMean { axes, .. } => axes.iter().all(|&axis| axis >= 2),
        // `[1, C, ...]` to `[1, C * ...]`: each channel becomes a block.
        Op::Reshape { .. } => {
            let before = graph.fixed_shape(at).ok()?;
            let flat = shape.len() == 2 && before.first() == shape.first() && before.get(1) == Some(&channels);
            if flat {
                *block = shape[1] / channels.max(1);
            }
            flat
        }
        _ => false,
    };
    (keeps && (shape.get(1) == Some(&(channels * *block)))).then_some(output)
}

impl Pair {
    /// The channel of `from` that a column of `to` sees, for an output of `to`.
    pub(crate) fn channel(&self, output: usize, column: usize) -> usize {
        self.to.geometry.channel(output, column) / self.block
    }
}
