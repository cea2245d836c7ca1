//! Layers one after the other.

use edgectl_graph::{Activation, Binary, Conv, Fact, Graph, Literal, Op, Shape, TensorId, Unary, Window};

use super::{LEAST_SIDE, TemplateSpec};
use crate::augment::normal;

/// A graph that grows; `None` from any step means that the layer does not fit what is before it.
pub(super) struct Build {
    graph: Graph,
    at: TensorId,
    /// The shape there, without the batch.
    pub(super) shape: Vec<usize>,
    random: fastrand::Rng,
    width: f32,
    layers: usize,
}

/// What follows a convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum After {
    Nothing,
    Relu,
    Relu6,
}

impl Build {
    pub(super) fn new(spec: &TemplateSpec, sample: &[usize], seed: u64) -> Build {
        let mut graph = Graph::new(spec.to_string());
        let at = graph.add_input("input", Fact::f32(Shape::new([&[1], sample].concat())));
        Build { graph, at, shape: sample.to_vec(), random: fastrand::Rng::with_seed(seed), width: spec.width, layers: 0 }
    }

    pub(super) fn finish(mut self) -> Graph {
        self.graph.add_output(self.at);
        self.graph
    }

    /// So many channels in this width: a multiple of four, which kernels like, at least four.
    pub(super) fn channels(&self, of_publication: usize) -> usize {
        ((of_publication as f32 * self.width / 4.0).round() as usize).max(1) * 4
    }

    /// Where it is: to come back with [`Build::go_to`], or to add with [`Build::add`].
    pub(super) fn here(&self) -> (TensorId, Vec<usize>) {
        (self.at, self.shape.clone())
    }

    /// Goes on from another place.
    pub(super) fn go_to(&mut self, (at, shape): (TensorId, Vec<usize>)) {
        (self.at, self.shape) = (at, shape);
    }

    fn constant(&mut self, name: String, shape: &[usize], value: impl Fn(&mut fastrand::Rng) -> f32) -> Option<TensorId> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value(&mut self.random)).collect();
        Some(self.graph.add_constant(name, Literal::f32(shape, values)?))
    }

    /// Weights whose products with so many inputs keep their variance through a ReLU.
    fn weights(&mut self, name: String, shape: &[usize]) -> Option<TensorId> {
        let fan_in: usize = shape.get(1..)?.iter().product();
        let deviation = (2.0 / fan_in.max(1) as f32).sqrt();
        self.constant(name, shape, |random| deviation * normal(random))
    }

    pub(super) fn node(&mut self, kind: &str, op: Op, more: Vec<Option<TensorId>>) -> Option<()> {
        let name = format!("{kind}{}", self.layers);
        let inputs = [vec![Some(self.at)], more].concat();
        let output = format!("{name}.{}", op.name().to_lowercase());
        self.at = self.graph.add_node(&name, op, inputs, output).ok()?;
        self.shape = self.graph.fixed_shape(self.at).ok()?.get(1..)?.to_vec();
        Some(())
    }

    fn normalize(&mut self, channels: usize) -> Option<()> {
        let mut vector = |name: &str, value: f32| self.constant(format!("norm{}.{name}", self.layers), &[channels], |_| value);
        let inputs = vec![vector("scale", 1.0), vector("shift", 0.0), vector("mean", 0.0), vector("variance", 1.0)];
        self.node("norm", Op::BatchNorm { epsilon: 1e-3 }, inputs)
    }

    /// The stride that an axis takes: 1 where it is short already.
    fn stride(side: usize, wanted: usize) -> usize {
        if side / wanted.max(1) < LEAST_SIDE { 1 } else { wanted }
    }

    /// Convolution over all spatial axes, padded so that the side is divided by the stride, then batch normalization.
    pub(super) fn conv(&mut self, filters: usize, kernel: usize, stride: usize, groups: usize, after: After) -> Option<()> {
        self.dilated(filters, kernel, stride, 1, groups, after)
    }

    pub(super) fn dilated(
        &mut self,
        filters: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        groups: usize,
        after: After,
    ) -> Option<()> {
        let (&channels, spatial) = self.shape.split_first()?;
        if spatial.is_empty() || channels % groups != 0 {
            return None;
        }
        self.layers += 1;
        let strides: Vec<usize> = spatial.iter().map(|&side| Build::stride(side, stride)).collect();
        let kernel = vec![kernel; spatial.len()];
        // As TensorFlow's "same": the windows reach beyond both ends alike, or one further at the end.
        let pads = |axis: usize| {
            let windows = spatial[axis].div_ceil(strides[axis]);
            ((windows - 1) * strides[axis] + (kernel[axis] - 1) * dilation + 1).saturating_sub(spatial[axis])
        };
        let pads: Vec<usize> = (0..spatial.len()).map(pads).collect();
        let window = Window {
            pads_begin: pads.iter().map(|pad| pad / 2).collect(),
            pads_end: pads.iter().map(|pad| pad - pad / 2).collect(),
            dilations: vec![dilation; spatial.len()],
            strides,
            kernel: kernel.clone(),
        };
        let shape = [&[filters, channels / groups], &kernel[..]].concat();
        let weights = self.weights(format!("conv{}.weights", self.layers), &shape)?;
        // Batch normalization takes the part of the bias; its place is kept for when that is folded.
        let bias = self.constant(format!("conv{}.bias", self.layers), &[filters], |_| 0.0);
        let op = Op::Conv(Conv { window, groups, activation: Activation::NONE });
        self.node("conv", op, vec![Some(weights), bias])?;
        self.normalize(filters)?;
        self.activate(after)
    }

    pub(super) fn activate(&mut self, after: After) -> Option<()> {
        match after {
            After::Nothing => Some(()),
            After::Relu => self.node("relu", Op::Unary(Unary::Relu), vec![]),
            After::Relu6 => self.node("relu", Op::Unary(Unary::Clip { min: 0.0, max: 6.0 }), vec![]),
        }
    }

    /// A filter per channel, then a layer of single pixels.
    pub(super) fn separable(&mut self, filters: usize, kernel: usize, stride: usize) -> Option<()> {
        let channels = *self.shape.first()?;
        self.conv(channels, kernel, stride, channels, After::Relu)?;
        self.conv(filters, 1, 1, 1, After::Relu)
    }

    pub(super) fn add(&mut self, other: &(TensorId, Vec<usize>)) -> Option<()> {
        self.layers += 1;
        self.node("add", Op::Binary { op: Binary::Add, activation: Activation::NONE }, vec![Some(other.0)])
    }

    pub(super) fn concat(&mut self, other: &(TensorId, Vec<usize>)) -> Option<()> {
        self.layers += 1;
        self.node("concat", Op::Concat { axis: 1 }, vec![Some(other.0)])
    }

    /// Halves sides, by the greatest of four.
    pub(super) fn max_pool(&mut self) -> Option<()> {
        let sides = self.shape.get(1..)?;
        let strides: Vec<usize> = sides.iter().map(|&side| Build::stride(side, 2)).collect();
        self.layers += 1;
        self.node("pool", Op::MaxPool(Window { strides: strides.clone(), ..Window::new(&strides) }), vec![])
    }

    /// Each channel's mean, as a vector.
    pub(super) fn pool_all(&mut self) -> Option<()> {
        let channels = *self.shape.first()?;
        self.layers += 1;
        self.node("pool", Op::GlobalAveragePool, vec![])?;
        self.reshape(&[channels])
    }

    pub(super) fn reshape(&mut self, shape: &[usize]) -> Option<()> {
        self.layers += 1;
        self.node("reshape", Op::Reshape { shape: Shape::new([&[1], shape].concat()) }, vec![])
    }

    /// All values as a vector.
    pub(super) fn flatten(&mut self) -> Option<()> {
        if self.shape.len() == 1 { Some(()) } else { self.reshape(&[self.shape.iter().product()]) }
    }

    /// Fully connected layer of a vector.
    pub(super) fn dense(&mut self, units: usize) -> Option<()> {
        let inputs = *self.shape.first()?;
        self.layers += 1;
        let weights = self.weights(format!("dense{}.weights", self.layers), &[units, inputs])?;
        let bias = self.constant(format!("dense{}.bias", self.layers), &[units], |_| 0.0);
        self.node("dense", Op::Dense { activation: Activation::NONE }, vec![Some(weights), bias])
    }

    /// Fully connected layer, batch normalization, ReLU.
    pub(super) fn hidden(&mut self, units: usize) -> Option<()> {
        self.dense(units)?;
        self.normalize(units)?;
        self.activate(After::Relu)
    }

    /// Weights of a recurrent layer: weights, recurrent weights, bias, recurrent bias.
    pub(super) fn gru_constants(&mut self, units: usize, inputs: usize) -> Option<Vec<Option<TensorId>>> {
        self.layers += 1;
        let layer = self.layers;
        let bound = 1.0 / (units as f32).sqrt();
        let mut uniform =
            |name: &str, shape: &[usize]| self.constant(format!("gru{layer}.{name}"), shape, |random| bound * (2.0 * random.f32() - 1.0));
        let weights = [uniform("weights", &[3 * units, inputs]), uniform("recurrent", &[3 * units, units])];
        Some([&weights[..], &[uniform("bias", &[3 * units]), uniform("recurrent_bias", &[3 * units])]].concat())
    }
}
