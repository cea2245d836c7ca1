//! `x * scale + shift` per channel, and how it merges into the convolution or dense layer before or after it.

use super::matching::{ConstantOperand, finite_literal};
use crate::{Activation, Binary, Graph, Literal, Node, NodeId, Op, Patch, TensorId};

/// `y = x * scale[c] + shift[c]` for each channel `c`. Both lists have one entry per channel.
pub(super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Affine {
    /// A batch normalization with constant parameters.
    pub(super) fn of_batch_norm(graph: &Graph, node: &Node) -> Option<Affine> {
        let Op::BatchNorm { epsilon } = node.op else { return None };
        let parameter = |index| graph.literal(node.input(index)?)?.as_f32();
        let (gamma, beta, mean, variance) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
        let scale = gamma.iter().zip(variance).map(|(&g, &v)| f64::from(g) / (f64::from(v) + f64::from(epsilon)).sqrt());
        let scale: Vec<f64> = scale.collect();
        let shift = beta.iter().zip(mean).zip(&scale).map(|((&b, &m), s)| f64::from(b) - f64::from(m) * s).collect();
        Some(Affine { scale, shift })
    }

    /// Arithmetic with a constant that is one number, or one number per channel along `axis` of the other operand, whose rank is `rank`.
    pub(super) fn of_binary(op: Binary, operand: &ConstantOperand<'_>, rank: usize, axis: usize, channels: usize) -> Option<Affine> {
        let shape = operand.constant.shape();
        let lead = rank.checked_sub(shape.len())?;
        if !shape.iter().enumerate().all(|(i, &size)| size == 1 || (lead + i == axis && size == channels)) {
            return None;
        }
        let values: Vec<f64> = match operand.constant.as_f32()? {
            [value] => vec![f64::from(*value); channels],
            values => values.iter().map(|&value| value.into()).collect(),
        };
        let constant = |value: f64| vec![value; channels];
        let (scale, shift) = match (op, operand.first) {
            (Binary::Add, _) => (constant(1.0), values),
            (Binary::Sub, false) => (constant(1.0), values.iter().map(|value| -value).collect()),
            (Binary::Sub, true) => (constant(-1.0), values),
            (Binary::Mul, _) => (values, constant(0.0)),
            (Binary::Div, false) => (values.iter().map(|value| value.recip()).collect(), constant(0.0)),
            (Binary::Div, true) | (Binary::Max | Binary::Min, _) => return None,
        };
        Some(Affine { scale, shift })
    }

    fn shifts(&self) -> bool {
        self.shift.iter().any(|&shift| shift != 0.0)
    }

    fn scales(&self) -> bool {
        self.scale.iter().any(|&scale| scale != 1.0)
    }
}

/// A convolution or dense layer with constant weights and a constant bias or none.
pub(super) struct Linear<'a> {
    graph: &'a Graph,
    id: NodeId,
    node: &'a Node,
    weights: (TensorId, &'a Literal, &'a [f32]),
    bias: Option<&'a [f32]>,
    groups: usize,
}

impl<'a> Linear<'a> {
    /// The node, where it is one. Its output channels are the first dimension of the weights.
    pub(super) fn of(graph: &'a Graph, id: NodeId) -> Option<Linear<'a>> {
        let node = graph.node(id);
        // Where the shape of the output is known, the weights fit the operator.
        graph.shape(node.output()?)?;
        let groups = match &node.op {
            Op::Conv(conv) => conv.groups,
            Op::ConvTranspose(conv) => conv.groups,
            Op::Dense { .. } => 1,
            _ => return None,
        };
        let constant = |id: TensorId| graph.literal(id)?.as_f32().filter(|values| !values.is_empty());
        let weights = node.input(1)?;
        let weights = (weights, graph.literal(weights)?, constant(weights)?);
        let bias = match node.input(2) {
            Some(bias) => Some(constant(bias)?),
            None => None,
        };
        Some(Linear { graph, id, node, weights, bias, groups })
    }

    /// The number of output channels.
    pub(super) fn outputs(&self) -> usize {
        self.weights.1.shape()[0]
    }

    /// The number of input channels.
    pub(super) fn inputs(&self) -> usize {
        self.weights.1.shape()[1] * self.groups
    }

    /// The axis of the channels in an input or output of this rank.
    pub(super) fn channel_axis(&self, rank: usize) -> Option<usize> {
        match self.node.op {
            Op::Conv(_) | Op::ConvTranspose(_) => Some(1),
            _ => rank.checked_sub(1),
        }
    }

    /// Merges an affine map of the output, and the clamp after it, into the weights: `(Wx + b) * s + t = (sW)x + (sb + t)`. The merged
    /// node stands in the place of `last`, which computes the map and is the only reader of this one.
    pub(super) fn then(&self, affine: &Affine, last: NodeId, activation: Activation) -> Option<Patch> {
        if self.node.op.activation() != Some(Activation::NONE) || affine.scale.len() != self.outputs() {
            return None;
        }
        let (_, literal, values) = self.weights;
        let rows = values.chunks(values.len() / self.outputs());
        let scaled = rows.zip(&affine.scale).flat_map(|(row, scale)| row.iter().map(move |&w| f64::from(w) * scale));
        let weights = if affine.scales() { Some(finite_literal(literal.shape(), scaled)?) } else { None };
        let bias = (0..self.outputs()).map(|o| self.bias_of(o) * affine.scale[o] + affine.shift[o]);
        let bias = if self.bias.is_some() || affine.shifts() { Some(finite_literal(&[self.outputs()], bias)?) } else { None };
        let op = self.node.op.with_activation(activation)?;
        let mut patch = self.patch(last);
        let inputs = self.operands(&mut patch, self.node.input(0)?, weights, bias);
        patch.replace_as(self.graph, last, self.id, op, inputs);
        Some(patch)
    }

    /// Merges an affine map of the input into the weights: `W(sx + t) + b = (Ws)x + (Wt + b)`. Padding is zeros before and after a scale,
    /// but not before a shift; nor do all outputs of a transposed convolution see the same taps. `x` is what `first` maps; this node is the only reader of the result.
    pub(super) fn after(&self, affine: &Affine, first: NodeId, x: TensorId) -> Option<Patch> {
        let uneven = match &self.node.op {
            Op::Conv(conv) => conv.window.pads_begin.iter().chain(&conv.window.pads_end).any(|&pad| pad > 0),
            Op::ConvTranspose(_) => true,
            _ => false,
        };
        if affine.scale.len() != self.inputs() || (uneven && affine.shifts()) {
            return None;
        }
        let (_, literal, values) = self.weights;
        let (outputs, depth) = (self.outputs(), literal.shape()[1]);
        let row = values.len() / outputs;
        let channel = |index: usize| index / row / (outputs / self.groups) * depth + index % row / (row / depth);
        let scaled = values.iter().enumerate().map(|(index, &w)| f64::from(w) * affine.scale[channel(index)]);
        let weights = if affine.scales() { Some(finite_literal(literal.shape(), scaled)?) } else { None };
        let shifted = (0..outputs).map(|o| {
            let products = (o * row..(o + 1) * row).map(|index| f64::from(values[index]) * affine.shift[channel(index)]);
            self.bias_of(o) + products.sum::<f64>()
        });
        let bias = if affine.shifts() { Some(finite_literal(&[outputs], shifted)?) } else { None };
        let mut patch = self.patch(first);
        let inputs = self.operands(&mut patch, x, weights, bias);
        patch.replace(self.graph, self.id, self.node.op.clone(), inputs);
        Some(patch)
    }

    fn bias_of(&self, output: usize) -> f64 {
        self.bias.map_or(0.0, |bias| bias[output].into())
    }

    fn patch(&self, other: NodeId) -> Patch {
        let labels = (self.graph.label(self.graph.node(other)), self.graph.label(self.node));
        Patch::new(self.graph, format!("fold \"{}\" into \"{}\"", labels.0, labels.1))
    }

    /// The inputs with new weights and a new bias where there are such.
    fn operands(&self, patch: &mut Patch, x: TensorId, weights: Option<Literal>, bias: Option<Literal>) -> Vec<Option<TensorId>> {
        let weights_name = &self.graph.tensor(self.weights.0).name;
        let bias_name = self.node.input(2).map_or(format!("{weights_name}_bias"), |id| self.graph.tensor(id).name.clone());
        let weights = weights.map_or(self.weights.0, |literal| patch.constant(weights_name, literal));
        let bias = bias.map(|literal| patch.constant(bias_name, literal)).or(self.node.input(2));
        let mut inputs = vec![Some(x), Some(weights)];
        inputs.extend(bias.map(Some));
        inputs
    }
}
