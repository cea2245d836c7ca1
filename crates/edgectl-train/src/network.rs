//! A graph as something that can be trained: its parameters apart, and an executor of batches with gradients.

use std::collections::{BTreeMap, BTreeSet};

use edgectl_graph::{DType, Graph, Literal, Node, NodeId, Op, Pass, Patch, TensorId, pass, run, run_all};

use crate::kernel::batch_norm::{BatchNorm, Statistics};
use crate::kernel::rows::Fold;
use crate::op;
use crate::quantization::FakeQuant;
use crate::tape::{self, Error, Tensor};
use crate::{Samples, TrainError};

/// How much of a batch's statistics goes into the running ones (the rest is what they were).
const STATISTICS_MOMENTUM: f32 = 0.1;

/// A constant that is trained.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) id: TensorId,
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Whether weight decay applies: to weights, not to biases and scales.
    pub(crate) decays: bool,
}

/// Everything that training changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// In the order of the network's parameters; the bounds of learned ranges follow.
    pub(crate) parameters: Vec<Vec<f32>>,
    /// Running statistics, in the order of the graph's batch normalizations.
    pub(crate) statistics: Vec<Statistics>,
}

/// A graph whose constants are parameters.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) graph: Graph,
    pub(crate) parameters: Vec<Parameter>,
    by_tensor: BTreeMap<TensorId, usize>,
    /// The batch normalizations: their mean and variance.
    norms: BTreeMap<NodeId, (usize, [TensorId; 2])>,
    pub(crate) fake_quant: Option<FakeQuant>,
}

/// How batch normalization behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With running statistics.
    Evaluate,
    /// With the statistics of the batch.
    Train,
}

/// The leaves of a pass: what the graph's constants are in it.
pub(crate) struct Leaves {
    /// Parameters, and bounds of ranges.
    pub(crate) parameters: Vec<Tensor>,
    constants: BTreeMap<TensorId, Tensor>,
}

/// What a pass computed.
pub(crate) struct Forward {
    /// By the tensors' places.
    pub(crate) tensors: Vec<Option<Tensor>>,
    /// Of the batch, in the order of the batch normalizations.
    pub(crate) statistics: Vec<Statistics>,
}

/// The places of inputs that hold parameters, and whether those decay.
fn trained_inputs(node: &Node) -> &'static [(usize, bool)] {
    match &node.op {
        op if op.is_layer() => &[(1, true), (2, false)],
        op if op.is_normalization() => &[(1, false), (2, false)],
        Op::BatchNorm { .. } => &[(1, false), (2, false)],
        Op::MatMul | Op::Gemm { .. } => &[(0, true), (1, true), (2, false)],
        Op::PRelu => &[(1, false)],
        Op::Recurrent(recurrent) => match recurrent.cell {
            edgectl_graph::Cell::Gru { .. } => &[(1, true), (2, true), (3, false), (4, false)],
            _ => &[(1, true), (2, true), (3, false)],
        },
        _ => &[],
    }
}

/// The form of a graph in which it is trained: canonical, but batch normalization is not folded away.
///
/// # Errors
/// An operator that cannot be deployed, or a shape that is dynamic beyond the batch.
pub fn trainable(graph: &Graph) -> Result<Graph, TrainError> {
    let mut graph = graph.clone();
    graph.bind_batch(1)?;
    graph.require_deployable()?;
    run_all(&mut graph, pass::TRAINABLE)?;
    Ok(graph)
}

impl Network {
    /// Makes a graph of batch 1 trainable, without changing it.
    ///
    /// # Errors
    /// An operator that has no gradient, more than one input, a weight that is no real number, or samples of a batch that meet.
    pub(crate) fn new(graph: Graph) -> Result<(Network, State), TrainError> {
        if graph.inputs().len() != 1 {
            return Err(TrainError::InputCount { found: graph.inputs().len() });
        }
        let mut network = Network { graph, parameters: vec![], by_tensor: BTreeMap::new(), norms: BTreeMap::new(), fake_quant: None };
        let mut state = State { parameters: vec![], statistics: vec![] };
        let graph = network.graph.clone();
        for (id, node) in graph.iter() {
            require_gradient(&graph, node)?;
            for &(place, decays) in trained_inputs(node) {
                let Some(tensor) = node.input(place) else { continue };
                let Some(literal) = graph.literal(tensor).filter(|_| !network.by_tensor.contains_key(&tensor)) else { continue };
                let values = network.real(literal, tensor)?;
                network.by_tensor.insert(tensor, network.parameters.len());
                let (name, shape) = (graph.tensor(tensor).name.clone(), literal.shape().to_vec());
                network.parameters.push(Parameter { id: tensor, name, shape, decays });
                state.parameters.push(values);
            }
            if let (Op::BatchNorm { .. }, Some(mean), Some(variance)) = (&node.op, node.input(3), node.input(4)) {
                let [mean_values, variance_values] = [mean, variance].map(|tensor| {
                    let literal = graph.literal(tensor).ok_or_else(|| network.no_gradient(node, "its statistics are not constant"))?;
                    network.real(literal, tensor)
                });
                network.norms.insert(id, (state.statistics.len(), [mean, variance]));
                state.statistics.push(Statistics { mean: mean_values?, variance: variance_values? });
            }
        }
        network.check_batches(&state)?;
        Ok((network, state))
    }

    fn real(&self, literal: &Literal, id: TensorId) -> Result<Vec<f32>, TrainError> {
        let (tensor, values) = (|| self.graph.tensor(id).name.clone(), literal.as_f32());
        let values = values.ok_or_else(|| TrainError::Constant { tensor: tensor(), found: literal.dtype().to_string() })?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(TrainError::Constant { tensor: tensor(), found: value.to_string() }),
            None => Ok(values.to_vec()),
        }
    }

    fn no_gradient(&self, node: &Node, reason: &str) -> TrainError {
        TrainError::NoGradient { node: self.graph.label(node), op: node.op.name().into(), reason: reason.into() }
    }

    /// Whether the graph normalizes batches.
    pub(crate) fn has_batch_norm(&self) -> bool {
        !self.norms.is_empty()
    }

    /// The scales of normalizations.
    fn scales(&self) -> impl Iterator<Item = TensorId> + '_ {
        let normalizes = |op: &Op| op.is_normalization() || matches!(op, Op::BatchNorm { .. });
        self.graph.nodes().iter().filter(move |node| normalizes(&node.op)).filter_map(|node| node.input(1))
    }

    /// The shape of a sample.
    pub(crate) fn sample_shape(&self) -> Result<Vec<usize>, TrainError> {
        Ok(self.graph.fixed_shape(self.graph.inputs()[0])?.get(1..).unwrap_or_default().to_vec())
    }

    /// Tensors for a pass; parameters are variables where gradients are wanted.
    pub(crate) fn leaves(&self, state: &State, gradients: bool) -> Result<Leaves, TrainError> {
        let bounds = self.fake_quant.iter().flat_map(|fake_quant| fake_quant.learned()).map(|_| vec![2]);
        let shapes = self.parameters.iter().map(|parameter| parameter.shape.clone()).chain(bounds);
        let tensors = shapes
            .zip(&state.parameters)
            .map(|(shape, values)| if gradients { tape::variable(values.clone(), shape) } else { tape::constant(values.clone(), shape) });
        let constant = |(id, tensor): (TensorId, &edgectl_graph::Tensor)| {
            let literal = tensor.literal.as_ref().filter(|_| !self.by_tensor.contains_key(&id))?;
            let values = literal.as_f32()?.to_vec();
            Some(tape::constant(values, literal.shape()).map(|tensor| (id, tensor)))
        };
        let constants = self.graph.iter_tensors().filter_map(constant).collect::<Result<_, _>>()?;
        Ok(Leaves { parameters: tensors.collect::<Result<_, _>>()?, constants })
    }

    /// Runs a batch `[N, sample...]`.
    pub(crate) fn forward(&self, leaves: &Leaves, state: &State, x: Tensor, mode: Mode) -> Result<Forward, TrainError> {
        let batch = x.dim(0)?;
        let mut forward = Forward { tensors: vec![None; self.graph.tensors().len()], statistics: vec![] };
        let input = self.graph.inputs()[0];
        forward.tensors[input.index()] = Some(self.shown(input, x, leaves, state)?);
        for (id, node) in self.graph.iter() {
            let run = self.node(id, node, leaves, state, &mut forward, (batch, mode));
            let y = run.map_err(|error| TrainError::Node { node: self.graph.label(node), message: error.to_string() })?;
            if let Some(output) = node.output() {
                forward.tensors[output.index()] = Some(self.shown(output, y, leaves, state)?);
            }
        }
        Ok(forward)
    }

    /// A value as int8 shows it, where that is simulated.
    fn shown(&self, id: TensorId, x: Tensor, leaves: &Leaves, state: &State) -> Result<Tensor, TrainError> {
        match &self.fake_quant {
            Some(fake_quant) => fake_quant.activation(id, x, self.parameters.len(), leaves, state),
            None => Ok(x),
        }
    }

    fn node(
        &self,
        id: NodeId,
        node: &Node,
        leaves: &Leaves,
        state: &State,
        forward: &mut Forward,
        (batch, mode): (usize, Mode),
    ) -> tape::Result<Tensor> {
        let missing = |place: usize| Error::Msg(format!("input {place} is missing"));
        let optional = |place: usize| -> tape::Result<Option<Tensor>> {
            let Some(id) = node.input(place) else { return Ok(None) };
            if let Some(&parameter) = self.by_tensor.get(&id) {
                let value = &leaves.parameters[parameter];
                return match &self.fake_quant {
                    Some(fake_quant) => fake_quant.parameter(&self.graph, node, place, value, &self.by_tensor, state).map(Some),
                    None => Ok(Some(value.clone())),
                };
            }
            if let Some(constant) = leaves.constants.get(&id) {
                return Ok(Some(constant.clone()));
            }
            Ok(forward.tensors[id.index()].clone())
        };
        let input = |place: usize| optional(place)?.ok_or_else(|| missing(place));
        let x = || input(0);
        match &node.op {
            Op::AveragePool { pool, include_pad } => op::average_pool(pool, *include_pad, &x()?),
            Op::BatchNorm { epsilon } => {
                let x = x()?;
                let dims = x.dims();
                let norm = BatchNorm { channels: dims[1], plane: dims[2..].iter().product(), epsilon: *epsilon };
                let of_x = mode == Mode::Train;
                let running = self.norms.get(&id).map(|&(place, _)| &state.statistics[place]).ok_or_else(|| missing(3))?;
                let statistics = if of_x { tape::with_values(&[&x], |values| norm.statistics(values[0]))? } else { running.clone() };
                let y = op::batch_norm(norm, statistics.clone(), of_x, &x, &input(1)?, &input(2)?)?;
                forward.statistics.push(statistics);
                Ok(y)
            }
            Op::Binary { op, activation } => op::clamp(*activation, &op::binary(*op, &x()?, &input(1)?)?),
            Op::Concat { axis } => {
                let all = (0..node.inputs.len()).map(input).collect::<Result<Vec<_>, _>>()?;
                let all = all.iter().map(|x| with_batch(x, batch)).collect::<Result<Vec<_>, _>>()?;
                op::concat(*axis, &all)
            }
            Op::Conv(conv) => op::conv(conv, &x()?, &input(1)?, optional(2)?.as_ref()),
            Op::ConvTranspose(conv) => op::conv_transpose(conv, &x()?, &input(1)?, optional(2)?.as_ref()),
            Op::Dense { activation } => op::dense(*activation, &x()?, &input(1)?, optional(2)?.as_ref()),
            Op::DepthToSpace { block, channel_first } => op::depth_to_space(*block, *channel_first, &x()?),
            Op::Gather { axis, indices, dims } => op::gather(*axis, indices, dims, &x()?),
            Op::Gemm { alpha, beta, trans_a, trans_b } => {
                let side = |x: Tensor, transposed: bool| if transposed { op::transpose(&[1, 0], &x) } else { Ok(x) };
                let product = op::matmul(&side(x()?, *trans_a)?, &side(input(1)?, *trans_b)?)?;
                let product = (product * f64::from(*alpha))?;
                match optional(2)? {
                    Some(c) => op::binary(edgectl_graph::Binary::Add, &product, &(c * f64::from(*beta))?),
                    None => Ok(product),
                }
            }
            Op::GlobalAveragePool => op::global(Fold::Mean, &x()?),
            Op::GlobalMaxPool => op::global(Fold::Of(edgectl_graph::Reduction::Max), &x()?),
            Op::GroupNorm { groups, epsilon } => op::group_norm(*groups, *epsilon, &x()?, &input(1)?, optional(2)?.as_ref()),
            Op::Identity => x(),
            Op::LayerNorm { axis, epsilon, center } => op::layer_norm(*axis, *epsilon, *center, &x()?, &input(1)?, optional(2)?.as_ref()),
            Op::LogSoftmax { axis } => op::softmax(*axis, true, &x()?),
            Op::MatMul => op::matmul(&x()?, &input(1)?),
            Op::MaxPool(pool) => op::max_pool(pool, &x()?),
            Op::PRelu => op::prelu(&x()?, &input(1)?),
            Op::Pad { before, after, value } => op::pad(before, after, *value, &x()?),
            Op::Recurrent(recurrent) => {
                let bias = |place: usize| input(place)?.flatten_all();
                let last = match recurrent.cell {
                    edgectl_graph::Cell::Gru { .. } => input(4)?,
                    _ => bias(4)?,
                };
                op::recurrent(*recurrent, &x()?, &input(1)?, &input(2)?, &input(3)?, &last)
            }
            Op::Reduce { op, axes, keep_dims } => op::reduce(Fold::Of(*op), axes, *keep_dims, &x()?),
            Op::ReduceMean { axes, keep_dims } => op::reduce(Fold::Mean, axes, *keep_dims, &x()?),
            Op::Reshape { shape } => {
                let shape = shape.fixed().ok_or_else(|| Error::Msg("dynamic shape".into()))?;
                let x = x()?;
                x.reshape(for_batch(shape, x.elem_count()))
            }
            Op::Resize(resize) => op::resize(resize, &x()?),
            Op::Slice { spans } => op::slice(spans, &x()?),
            Op::Softmax { axis } => op::softmax(*axis, false, &x()?),
            Op::SpaceToDepth { block } => op::space_to_depth(*block, &x()?),
            Op::Transpose { perm } => op::transpose(perm, &x()?),
            Op::Unary(unary) => op::unary(*unary, &x()?),
            other => Err(Error::Msg(format!("{} has no gradient", other.name()))),
        }
    }

    /// Takes the statistics of batches into the running ones.
    pub(crate) fn absorb(&self, state: &mut State, seen: &[Statistics]) {
        for (running, seen) in state.statistics.iter_mut().zip(seen) {
            for (running, seen) in [(&mut running.mean, &seen.mean), (&mut running.variance, &seen.variance)] {
                running.iter_mut().zip(seen).for_each(|(running, seen)| *running += STATISTICS_MOMENTUM * (seen - *running));
            }
        }
    }

    /// The graph with these values of its constants.
    ///
    /// # Errors
    /// None for a state of this network.
    pub(crate) fn graph_of(&self, state: &State) -> Result<Graph, TrainError> {
        let mut values: BTreeMap<TensorId, Vec<f32>> = BTreeMap::new();
        for (parameter, trained) in self.parameters.iter().zip(&state.parameters) {
            values.insert(parameter.id, trained.clone());
        }
        for &(place, [mean, variance]) in self.norms.values() {
            let statistics = &state.statistics[place];
            values.insert(mean, statistics.mean.clone());
            values.insert(variance, statistics.variance.clone());
        }
        with_constants(&self.graph, &values)
    }

    /// Refuses graphs in which the samples of a batch meet, by showing them two samples together and apart.
    fn check_batches(&self, state: &State) -> Result<(), TrainError> {
        const SEED: u64 = 0x5EED;
        let shape = self.sample_shape()?;
        let elements: usize = shape.iter().product();
        let mut random = fastrand::Rng::with_seed(SEED);
        let both: Vec<f32> = (0..2 * elements).map(|_| random.f32()).collect();
        let leaves = self.leaves(state, false)?;
        let run = |values: &[f32], batch: usize| {
            let x = tape::constant(values.to_vec(), [&[batch], &shape[..]].concat())?;
            let tensors = self.forward(&leaves, state, x, Mode::Evaluate)?.tensors;
            let outputs = self.graph.outputs().iter().filter_map(|id| tensors[id.index()].as_ref());
            Ok::<_, TrainError>(outputs.map(tape::values).collect::<Result<Vec<_>, _>>()?)
        };
        let (first, second) = both.split_at(elements);
        let (first, second) = (run(first, 1)?, run(second, 1)?);
        let apart = first.iter().zip(&second);
        let together = run(&both, 2);
        for (i, (a, b)) in apart.enumerate() {
            let mixed = || TrainError::BatchMixed { output: self.graph.tensor(self.graph.outputs()[i]).name.clone() };
            let expected = [&a[..], b].concat();
            let found = &together.as_ref().map_err(|_| mixed())?[i];
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * (1.0 + a.abs().max(b.abs())) || (a.is_nan() && b.is_nan());
            if expected.len() != found.len() || !expected.iter().zip(found).all(near) {
                return Err(mixed());
            }
        }
        Ok(())
    }

    /// Whether samples have the shape of the input.
    pub(crate) fn check_samples(&self, samples: &Samples) -> Result<(), TrainError> {
        let expected = self.sample_shape()?;
        if samples.shape() == expected { Ok(()) } else { Err(TrainError::SampleShape { expected, found: samples.shape().to_vec() }) }
    }
}

/// A constant of batch 1 beside activations of a batch.
fn with_batch(x: &Tensor, batch: usize) -> tape::Result<Tensor> {
    if batch == 1 || x.rank() == 0 || x.dim(0)? != 1 {
        return Ok(x.clone());
    }
    tape::constant(tape::values(x)?.repeat(batch), [&[batch], &x.dims()[1..]].concat())
}

/// The shape that a reshape to `shape` of one sample becomes for a batch: the batch is the outermost part of the first axis.
fn for_batch(mut shape: Vec<usize>, elements: usize) -> Vec<usize> {
    let one: usize = shape.iter().product();
    if let Some(first) = shape.first_mut().filter(|_| one > 0) {
        *first *= elements / one;
    }
    shape
}

fn require_gradient(graph: &Graph, node: &Node) -> Result<(), TrainError> {
    let real = |id: TensorId| graph.is_real(id) || graph.tensor(id).fact.as_ref().is_some_and(|fact| fact.dtype == DType::F32);
    let reason = match &node.op {
        Op::ArgMax { .. } | Op::TopK { .. } => "it gives indices or ranks",
        Op::Delay { .. } => "it remembers",
        Op::Dequantize { .. } | Op::Quantize { .. } => "the model is quantized already",
        Op::BatchNorm { .. } if [1, 2].iter().any(|&place| node.input(place).is_none_or(|id| graph.literal(id).is_none())) => {
            "its scale or shift is not constant"
        }
        Op::MatMul if node.reads().all(|id| graph.shape(id).is_some_and(|shape| shape.rank() < 2)) => "both operands are vectors",
        _ if node.writes().any(|id| !real(id)) => "its result is no real number",
        _ => return Ok(()),
    };
    Err(TrainError::NoGradient { node: graph.label(node), op: node.op.name().into(), reason: reason.into() })
}

/// A graph with other values of some constants.
pub(crate) fn with_constants(graph: &Graph, values: &BTreeMap<TensorId, Vec<f32>>) -> Result<Graph, TrainError> {
    struct SetConstants<'a>(&'a BTreeMap<TensorId, Vec<f32>>, std::cell::Cell<bool>);
    impl Pass for SetConstants<'_> {
        fn name(&self) -> &'static str {
            "set-constants"
        }

        fn next(&self, graph: &Graph) -> Option<Patch> {
            if self.1.replace(true) {
                return None;
            }
            let mut patch = Patch::new(graph, "trained parameters");
            for (&id, values) in self.0 {
                let tensor = graph.tensor(id);
                let literal = Literal::f32(tensor.literal.as_ref()?.shape(), values.clone())?;
                let constant = patch.constant(tensor.name.clone(), literal);
                patch.redirect(id, constant);
            }
            Some(patch)
        }
    }
    let mut graph = graph.clone();
    run(&mut graph, &SetConstants(values, std::cell::Cell::new(false)))?;
    Ok(graph)
}

/// The parameters that some nodes read, by name: what `freeze` leaves as it is.
pub(crate) fn parameters_of(network: &Network, nodes: &BTreeSet<String>) -> BTreeSet<usize> {
    let read = network.graph.nodes().iter().filter(|node| nodes.contains(&network.graph.label(node)));
    read.flat_map(Node::reads).filter_map(|id| network.by_tensor.get(&id).copied()).collect()
}

/// A graph in [trainable form](edgectl_graph::pass::TRAINABLE) with new random weights (K. He et al.: Delving Deep into Rectifiers, 2015),
/// which follow from the seed: what a model is before it learns.
///
/// # Errors
/// A graph that cannot be trained.
pub fn reinitialize(graph: &Graph, seed: u64) -> Result<Graph, TrainError> {
    let (network, mut state) = Network::new(trainable(graph)?)?;
    let mut random = fastrand::Rng::with_seed(seed);
    for (parameter, values) in network.parameters.iter().zip(&mut state.parameters) {
        let fan_in: usize = parameter.shape.iter().skip(1).product();
        let deviation = (2.0 / fan_in.max(1) as f32).sqrt();
        let is_scale = !parameter.decays && network.scales().any(|id| id == parameter.id);
        values.iter_mut().for_each(|value| {
            *value = match (parameter.decays, is_scale) {
                (true, _) => deviation * crate::augment::normal(&mut random),
                (false, true) => 1.0,
                (false, false) => 0.0,
            }
        });
    }
    for Statistics { mean, variance } in &mut state.statistics {
        mean.fill(0.0);
        variance.fill(1.0);
    }
    network.graph_of(&state)
}
