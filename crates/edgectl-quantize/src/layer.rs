//! Convolutions, transposed ones and dense layers seen as matrix products: `y[o] = sum over columns of w[o] * patch + bias[o]`.

use edgectl_graph::{Activation, ConvTranspose, Graph, Literal, NodeId, Op, TensorId, Window};

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
    reach: Reach,
    /// The input's spatial dimensions.
    spatial: Vec<usize>,
}

/// How outputs come by their patches.
#[derive(Clone, Debug, PartialEq)]
enum Reach {
    /// Each row of the input is a patch: a dense layer.
    Rows,
    /// A window slides over the input.
    Slide(Window),
    /// The windows lie in the output: a transposed convolution.
    Spread(ConvTranspose),
}

impl Layer {
    /// The layer that a node is; `None` for other nodes.
    ///
    /// # Errors
    /// A weight that is not finite, a shape that is dynamic, or weights that are not constant.
    pub(crate) fn of(graph: &Graph, id: NodeId) -> Result<Option<Layer>, QuantizeError> {
        let node = graph.node(id);
        let (reach, groups) = match &node.op {
            Op::Conv(conv) => (Reach::Slide(conv.window.clone()), conv.groups),
            Op::ConvTranspose(conv) => (Reach::Spread(conv.clone()), conv.groups),
            Op::Dense { .. } => (Reach::Rows, 1),
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
        let geometry = Geometry { outputs, channels: per_group * groups, groups, kernel: shape.iter().skip(2).product(), reach, spatial };
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
        self.geometry.reach == Reach::Rows
    }

    /// Whether patches may hold zeros that are not in the input.
    pub(crate) fn is_padded(&self) -> bool {
        match &self.geometry.reach {
            Reach::Rows => false,
            Reach::Slide(window) => window.pads_begin.iter().chain(&window.pads_end).any(|&pad| pad > 0),
            Reach::Spread(_) => true,
        }
    }

    /// Whether most outputs see but some of their columns, the others meeting zeros: between the windows of a transposed convolution.
    pub(crate) fn is_sparse(&self) -> bool {
        matches!(self.geometry.reach, Reach::Spread(_))
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
        match self.reach {
            Reach::Rows => elements / self.channels.max(1),
            _ => self.steps().iter().product(),
        }
    }

    /// The output's spatial dimensions.
    fn steps(&self) -> Vec<usize> {
        let size = |(axis, &size): (usize, &usize)| match &self.reach {
            Reach::Rows => None,
            Reach::Slide(window) => window.output_size(axis, size),
            Reach::Spread(conv) => conv.output_size(axis, size),
        };
        self.spatial.iter().enumerate().map(|axis| size(axis).unwrap_or(0)).collect()
    }

    /// The input element of an axis that tap `tap` of the patch at `output` sees, or nothing where it meets a zero.
    fn source(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        let at = match &self.reach {
            Reach::Rows => None,
            Reach::Slide(Window { strides, dilations, pads_begin, .. }) => {
                (output * strides[axis] + tap * dilations[axis]).checked_sub(pads_begin[axis])
            }
            Reach::Spread(ConvTranspose { window: Window { strides, dilations, pads_begin, .. }, .. }) => {
                let distance = (output + pads_begin[axis]).checked_sub(tap * dilations[axis])?;
                distance.is_multiple_of(strides[axis]).then(|| distance / strides[axis])
            }
        };
        at.filter(|&at| at < self.spatial[axis])
    }

    /// The patch at one position of an input; elements beyond the input are zero.
    pub(crate) fn gather(&self, input: &[f32], position: usize) -> Vec<f32> {
        let kernel = match &self.reach {
            Reach::Rows => return input.chunks(self.channels.max(1)).nth(position).unwrap_or_default().to_vec(),
            Reach::Slide(window) | Reach::Spread(ConvTranspose { window, .. }) => &window.kernel,
        };
        let output = digits(position, &self.steps());
        let area: usize = self.spatial.iter().product();
        // The place of each kernel element within a channel, or nothing where it meets a zero.
        let place = |element: usize| {
            let taps = digits(element, kernel);
            let mut axes = output.iter().zip(taps).enumerate();
            axes.try_fold(0, |place, (axis, (&output, tap))| Some(place * self.spatial[axis] + self.source(axis, output, tap)?))
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

    /// Each input element must add its window to the outputs, as a transposed convolution is by definition.
    #[test]
    fn patches_of_a_transposed_convolution_hold_what_reaches_an_output() {
        let mut graph = Graph::new("patches");
        let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 4, 3, 2])));
        let window =
            Window { strides: vec![2, 3], dilations: vec![1, 2], pads_begin: vec![1, 0], pads_end: vec![0, 2], ..Window::new(&[3, 2]) };
        let conv = ConvTranspose { window, output_pads: vec![1, 0], groups: 2, activation: Activation::NONE };
        let weights: Vec<f32> = (0..6 * 2 * 6).map(|i| (i as f32).sin()).collect();
        let w = graph.add_constant("w", Literal::f32([6, 2, 3, 2], weights.clone()).unwrap());
        let y = graph.add_node("conv", Op::ConvTranspose(conv), vec![Some(x), Some(w)], "y").unwrap();
        graph.add_output(y);
        let layer = Layer::all(&graph).unwrap().remove(0);
        let input: Vec<f32> = (0..24).map(|i| (i as f32).cos()).collect();
        let (height, width) = (7, 4);
        assert_eq!(graph.fixed_shape(y).unwrap(), [1, 6, height, width]);
        let mut expected = vec![0.0; 6 * height * width];
        for (c, i, j, output, k, l) in (0..4 * 6usize * 3 * 6).map(|n| (n / 108, n / 36 % 3, n / 18 % 2, n / 6 % 3, n / 2 % 3, n % 2)) {
            let (output, row, column) = (c / 2 * 3 + output, (i * 2 + k).wrapping_sub(1), j * 3 + l * 2);
            if row < height && column < width {
                let weight = weights[((output * 2 + c % 2) * 3 + k) * 2 + l];
                expected[(output * height + row) * width + column] += input[(c * 3 + i) * 2 + j] * weight;
            }
        }
        let (positions, columns) = (layer.geometry.positions(24), layer.geometry.columns());
        assert_eq!((positions, columns), (height * width, 12));
        for (index, expected) in expected.into_iter().enumerate() {
            let (output, position) = (index / positions, index % positions);
            let patch = layer.geometry.gather(&input, position);
            let weights = &layer.weights[output * columns..][..columns];
            let found: f32 = weights.iter().zip(&patch[layer.geometry.seen_by(output)]).map(|(w, x)| w * x).sum();
            assert!((found - expected).abs() < 1e-5, "{output} {position}: {found} {expected}");
        }
    }

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
