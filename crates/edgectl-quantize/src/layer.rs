//! Convolutions and dense layers seen as matrix products: `y[o] = sum over columns of w[o] * patch + bias[o]`.

use edgectl_graph::{Activation, Graph, Literal, NodeId, Op, TensorId, Window};

use crate::QuantizeError;

/// A convolution or dense layer with constant weights.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) node: NodeId,
    pub(crate) label: String,
    pub(crate) input: TensorId,
    pub(crate) output: TensorId,
    pub(crate) activation: Activation,
    /// `[outputs, columns]`, row by row. A column is an element of a window: input channel within the group, then kernel.
    pub(crate) weights: Vec<f32>,
    /// One per output; zeros where the node has none.
    pub(crate) bias: Vec<f32>,
    pub(crate) geometry: Geometry,
}

/// Which elements of the input an output sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Geometry {
    pub(crate) outputs: usize,
    /// Input channels of all groups together.
    pub(crate) channels: usize,
    pub(crate) groups: usize,
    /// Elements of the kernel.
    pub(crate) kernel: usize,
    /// The window and the input's spatial dimensions; `None` for a dense layer.
    window: Option<(Window, Vec<usize>)>,
}

impl Layer {
    /// The layer that a node is; `None` for other nodes.
    ///
    /// # Errors
    /// A weight that is not finite, a shape that is dynamic, or weights that are not constant.
    pub(crate) fn of(graph: &Graph, id: NodeId) -> Result<Option<Layer>, QuantizeError> {
        let node = graph.node(id);
        let (window, groups) = match &node.op {
            Op::Conv(conv) => (Some(conv.window.clone()), conv.groups),
            Op::Dense { .. } => (None, 1),
            _ => return Ok(None),
        };
        let no_int8 =
            || QuantizeError::NoInt8 { node: graph.label(node), op: node.op.name().into(), reason: "its weights are not constant".into() };
        let (input, output) = node.input(0).zip(node.output()).ok_or_else(no_int8)?;
        let filter = node.input(1).ok_or_else(no_int8)?;
        let weights = finite(graph, filter)?.ok_or_else(no_int8)?.to_vec();
        let shape = graph.fixed_shape(filter)?;
        let outputs = shape.first().copied().unwrap_or(1).max(1);
        let bias = match node.input(2) {
            Some(id) => finite(graph, id)?.ok_or_else(no_int8)?.to_vec(),
            None => vec![0.0; outputs],
        };
        let per_group = shape.get(1).copied().unwrap_or(1);
        let spatial = graph.fixed_shape(input)?.into_iter().skip(2).collect();
        let geometry = Geometry {
            outputs,
            channels: per_group * groups,
            groups,
            kernel: shape.iter().skip(2).product(),
            window: window.map(|window| (window, spatial)),
        };
        Ok(Some(Layer {
            node: id,
            label: graph.label(node),
            input,
            output,
            activation: node.op.activation().unwrap_or(Activation::NONE),
            weights,
            bias,
            geometry,
        }))
    }

    /// All layers of a graph.
    ///
    /// # Errors
    /// As [`Layer::of`].
    pub(crate) fn all(graph: &Graph) -> Result<Vec<Layer>, QuantizeError> {
        graph.iter().filter_map(|(id, _)| Layer::of(graph, id).transpose()).collect()
    }

    /// Whether it is fully connected.
    pub(crate) fn is_dense(&self) -> bool {
        self.geometry.window.is_none()
    }

    /// Whether a window may reach beyond the input, where it meets zeros.
    pub(crate) fn is_padded(&self) -> bool {
        let pads = |window: &Window| window.pads_begin.iter().chain(&window.pads_end).any(|&pad| pad > 0);
        self.geometry.window.as_ref().is_some_and(|(window, _)| pads(window))
    }
}

impl Geometry {
    /// Weights of an output.
    pub(crate) fn columns(&self) -> usize {
        self.channels / self.groups.max(1) * self.kernel
    }

    /// Elements of a patch: the columns of all groups, one group after the other.
    pub(crate) fn patch(&self) -> usize {
        self.channels * self.kernel
    }

    /// The part of a patch that an output sees.
    pub(crate) fn seen_by(&self, output: usize) -> std::ops::Range<usize> {
        let group = output / (self.outputs / self.groups.max(1)).max(1);
        let columns = self.columns();
        group * columns..(group + 1) * columns
    }

    /// The input channel of a column, as an output sees it.
    pub(crate) fn channel(&self, output: usize, column: usize) -> usize {
        (self.seen_by(output).start + column) / self.kernel.max(1)
    }

    /// The number of patches of an input of so many elements.
    pub(crate) fn positions(&self, elements: usize) -> usize {
        match &self.window {
            None => elements / self.channels.max(1),
            Some((window, spatial)) => self.steps(window, spatial).iter().product(),
        }
    }

    fn steps(&self, window: &Window, spatial: &[usize]) -> Vec<usize> {
        spatial.iter().enumerate().map(|(axis, &size)| window.output_size(axis, size).unwrap_or(0)).collect()
    }

    /// The patch at one position of an input; elements beyond the input are zero.
    pub(crate) fn gather(&self, input: &[f32], position: usize) -> Vec<f32> {
        let Some((window, spatial)) = &self.window else {
            return input.chunks(self.channels.max(1)).nth(position).unwrap_or_default().to_vec();
        };
        let start = digits(position, &self.steps(window, spatial));
        let area: usize = spatial.iter().product();
        // The place of each kernel element within a channel, or nothing where it meets padding.
        let place = |element: usize| {
            digits(element, &window.kernel).iter().enumerate().try_fold(0, |place, (axis, &offset)| {
                let at = (start[axis] * window.strides[axis] + offset * window.dilations[axis]).checked_sub(window.pads_begin[axis])?;
                (at < spatial[axis]).then_some(place * spatial[axis] + at)
            })
        };
        let places: Vec<Option<usize>> = (0..self.kernel).map(place).collect();
        let channels = (0..self.channels).map(|channel| channel * area);
        channels.flat_map(|base| places.iter().map(move |at| at.and_then(|at| input.get(base + at)).copied().unwrap_or(0.0))).collect()
    }
}

/// A row-major index in its dimensions.
fn digits(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut digits = vec![0; shape.len()];
    for (digit, &size) in digits.iter_mut().zip(shape).rev() {
        *digit = index % size.max(1);
        index /= size.max(1);
    }
    digits
}

/// The values of a float constant, all finite; `None` where the tensor is no float constant.
///
/// # Errors
/// A value that is not finite.
pub(crate) fn finite(graph: &Graph, id: TensorId) -> Result<Option<&[f32]>, QuantizeError> {
    let Some(values) = graph.literal(id).and_then(Literal::as_f32) else { return Ok(None) };
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(Some(values)),
        Some(element) => Err(QuantizeError::ConstantNotFinite { tensor: graph.tensor(id).name.clone(), element, value: values[element] }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edgectl_graph::{Conv, Fact, Shape};

    use super::*;

    /// Patches times weights must be what a convolution is by definition.
    #[test]
    fn patches_are_windows() {
        let mut graph = Graph::new("patches");
        let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 4, 5, 3])));
        let window =
            Window { strides: vec![2, 1], dilations: vec![1, 2], pads_begin: vec![1, 0], pads_end: vec![0, 2], ..Window::new(&[2, 2]) };
        let conv = Conv { window: window.clone(), groups: 2, activation: Activation::NONE };
        let weights: Vec<f32> = (0..2 * 2 * 4).map(|i| (i as f32).sin()).collect();
        let w = graph.add_constant("w", Literal::f32([2, 2, 2, 2], weights.clone()).unwrap());
        let y = graph.add_node("conv", Op::Conv(conv), vec![Some(x), Some(w)], "y").unwrap();
        graph.add_output(y);
        let layer = Layer::all(&graph).unwrap().remove(0);
        let input: Vec<f32> = (0..60).map(|i| (i as f32).cos()).collect();
        let shape = graph.fixed_shape(y).unwrap();
        let (height, width) = (shape[2], shape[3]);
        assert_eq!(layer.geometry.positions(60), height * width);
        for output in 0..2usize {
            for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
                let mut expected = 0.0;
                for (c, i, j) in (0..8usize).map(|k| (k / 4, k / 2 % 2, k % 2)) {
                    let (h, w) = ((row * 2 + i).wrapping_sub(1), column + j * 2);
                    if h < 5 && w < 3 {
                        expected += weights[((output * 2 + c) * 2 + i) * 2 + j] * input[((output * 2 + c) * 5 + h) * 3 + w];
                    }
                }
                let patch = layer.geometry.gather(&input, row * width + column);
                let columns = layer.geometry.columns();
                let weights = &layer.weights[output * columns..][..columns];
                let found: f32 = weights.iter().zip(&patch[layer.geometry.seen_by(output)]).map(|(w, x)| w * x).sum();
                assert!((found - expected).abs() < 1e-5, "{output} {row} {column}: {found} {expected}");
            }
        }
    }
}
