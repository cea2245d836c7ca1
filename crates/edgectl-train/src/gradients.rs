//! Tests of every operator: gradients against finite differences.

#![allow(clippy::unwrap_used)]

use edgectl_graph::{
    Activation, Binary, Cell, Conv, ConvTranspose, Coordinates, Fact, Graph, Interpolation, Literal, Op, Recurrent, Reduction, Resize,
    Rounding, Shape, Span, TensorId, Unary, Window,
};

use crate::augment::normal;
use crate::kernel::rows::Fold;
use crate::network::{Mode, Network, State};
use crate::tape::{self, Tensor};

/// How far apart the two points of a difference are.
const STEP: f32 = 1e-2;

struct Check {
    graph: Graph,
    x: TensorId,
    random: fastrand::Rng,
}

impl Check {
    fn new(shape: &[usize]) -> Check {
        let mut graph = Graph::new("check");
        let x = graph.add_input("x", Fact::f32(Shape::new([&[1], shape].concat())));
        Check { graph, x, random: fastrand::Rng::with_seed(42) }
    }

    fn constant(&mut self, name: &str, shape: &[usize]) -> Option<TensorId> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| normal(&mut self.random)).collect();
        Some(self.graph.add_constant(name, Literal::f32(shape, values).unwrap()))
    }

    fn positive(&mut self, name: &str, shape: &[usize]) -> Option<TensorId> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| 0.5 + self.random.f32()).collect();
        Some(self.graph.add_constant(name, Literal::f32(shape, values).unwrap()))
    }

    fn node(&mut self, op: Op, inputs: Vec<Option<TensorId>>) -> TensorId {
        let n = self.graph.nodes().len();
        self.graph.add_node(format!("n{n}"), op, inputs, format!("y{n}")).unwrap()
    }

    /// Checks an operator of x and constants.
    fn op(mut self, op: Op, constants: &[&[usize]]) {
        let name = op.name().to_owned();
        let mut inputs = vec![Some(self.x)];
        for (i, shape) in constants.iter().enumerate() {
            let constant = self.constant(&format!("c{i}"), shape);
            inputs.push(constant);
        }
        let y = self.node(op, inputs);
        self.run(&name, y, Mode::Train);
    }

    fn run(mut self, name: &str, y: TensorId, mode: Mode) {
        self.graph.add_output(y);
        let shape = self.graph.fixed_shape(self.x).unwrap();
        let batch = 3;
        let dims = [&[batch], &shape[1..]].concat();
        let x: Vec<f32> = (0..dims.iter().product()).map(|_| normal(&mut self.random)).collect();
        let (network, state) = Network::new(self.graph.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let forward = |x: Tensor, state: &State, gradients: bool| {
            let leaves = network.leaves(state, gradients).unwrap();
            let found = network.forward(&leaves, state, x, mode).unwrap_or_else(|error| panic!("{name}: {error}"));
            (leaves, found.tensors[y.index()].clone().unwrap())
        };
        let var = tape::variable(x.clone(), dims.clone()).unwrap();
        let (leaves, found) = forward(var.clone(), &state, true);
        let weights: Vec<f32> = (0..found.elem_count()).map(|_| normal(&mut self.random)).collect();
        let weighted = tape::constant(weights.clone(), found.dims()).unwrap();
        let weighted = crate::op::binary(Binary::Mul, &found, &weighted).unwrap();
        let all: Vec<usize> = (0..weighted.rank()).collect();
        let sum = crate::op::reduce(Fold::Of(Reduction::Sum), &all, false, &weighted).unwrap();
        let mut store = sum.backward().unwrap();
        let loss = |x: &[f32], state: &State| {
            let x = tape::constant(x.to_vec(), dims.clone()).unwrap();
            tape::values(&forward(x, state, false).1).unwrap().iter().zip(&weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum::<f64>()
        };
        let mut gradient = |leaf: &Tensor| tape::take_gradient(&mut store, leaf).unwrap().unwrap_or_else(|| vec![0.0; leaf.elem_count()]);
        let mut tally = Tally::default();
        let places: Vec<usize> = (0..x.len()).step_by((x.len() / 24).max(1)).collect();
        let found = gradient(&var);
        for place in places {
            tally.compare(name, "x", place, found[place], |by| {
                let mut x = x.clone();
                x[place] += by;
                loss(&x, &state)
            });
        }
        for (i, parameter) in network.parameters.iter().enumerate() {
            let found = gradient(&leaves.parameters[i]);
            for place in (0..found.len()).step_by((found.len() / 24).max(1)) {
                tally.compare(name, &parameter.name, place, found[place], |by| {
                    let mut state = state.clone();
                    state.parameters[i][place] += by;
                    loss(&x, &state)
                });
            }
        }
        assert!(tally.smooth * 2 > tally.all, "{name}: too few of {} places are smooth: {}", tally.all, tally.smooth);
    }
}

#[derive(Default)]
struct Tally {
    all: usize,
    smooth: usize,
}

impl Tally {
    /// Compares a gradient with the difference of two points, unless there is a corner between them: then half the distance gives another
    /// difference.
    fn compare(&mut self, name: &str, of: &str, place: usize, found: f32, loss: impl Fn(f32) -> f64) {
        let difference = |step: f32| (loss(step) - loss(-step)) / (2.0 * f64::from(step));
        let (wide, narrow) = (difference(STEP), difference(STEP / 2.0));
        let tolerance = 1e-2 * (1.0 + wide.abs());
        self.all += 1;
        if (wide - narrow).abs() > tolerance / 2.0 {
            return;
        }
        self.smooth += 1;
        assert!((f64::from(found) - wide).abs() <= tolerance, "{name}: gradient of {of}[{place}] is {found}, differences give {wide}");
    }
}

fn window(kernel: &[usize], strides: &[usize], dilations: &[usize], begin: &[usize], end: &[usize]) -> Window {
    Window {
        kernel: kernel.to_vec(),
        strides: strides.to_vec(),
        dilations: dilations.to_vec(),
        pads_begin: begin.to_vec(),
        pads_end: end.to_vec(),
    }
}

fn conv(window: Window, groups: usize) -> Op {
    Op::Conv(Conv { window, groups, activation: Activation::NONE })
}

#[test]
fn convolutions() {
    // Unequal strides and paddings, on images whose sides are of different parity: a spectrogram.
    let spectrogram = window(&[5, 3], &[2, 1], &[1, 1], &[2, 0], &[1, 2]);
    Check::new(&[3, 11, 8]).op(conv(spectrogram.clone(), 1), &[&[4, 3, 5, 3], &[4]]);
    Check::new(&[4, 11, 8]).op(conv(spectrogram.clone(), 2), &[&[6, 2, 5, 3], &[6]]);
    Check::new(&[3, 11, 8]).op(conv(spectrogram.clone(), 3), &[&[3, 1, 5, 3], &[3]]);
    Check::new(&[3, 11, 8]).op(conv(spectrogram, 3), &[&[6, 1, 5, 3]]);
    Check::new(&[2, 9, 9]).op(conv(window(&[3, 3], &[1, 2], &[2, 3], &[1, 1], &[1, 2]), 1), &[&[3, 2, 3, 3], &[3]]);
    Check::new(&[3, 5, 4]).op(conv(Window::new(&[1, 1]), 1), &[&[4, 3, 1, 1], &[4]]);
    Check::new(&[3, 6, 5]).op(conv(window(&[1, 1], &[2, 2], &[1, 1], &[0, 0], &[0, 0]), 1), &[&[4, 3, 1, 1]]);
    Check::new(&[3, 12]).op(conv(window(&[4], &[2], &[2], &[3], &[1]), 1), &[&[2, 3, 4], &[2]]);
    Check::new(&[3, 12]).op(conv(window(&[3], &[1], &[1], &[2], &[0]), 3), &[&[3, 1, 3], &[3]]);
    // Windows that lie in the padding as a whole.
    Check::new(&[1, 3, 3]).op(conv(window(&[1, 2], &[1, 1], &[1, 1], &[1, 2], &[1, 0]), 1), &[&[2, 1, 1, 2], &[2]]);
    let clamped = Op::Conv(Conv { window: window(&[3, 3], &[1, 1], &[1, 1], &[1, 1], &[1, 1]), groups: 1, activation: Activation::RELU6 });
    Check::new(&[2, 5, 5]).op(clamped, &[&[3, 2, 3, 3], &[3]]);
}

#[test]
fn transposed_convolutions() {
    let op = |window: Window, pads: &[usize], groups| {
        Op::ConvTranspose(ConvTranspose { window, output_pads: pads.to_vec(), groups, activation: Activation::NONE })
    };
    Check::new(&[4, 3, 5]).op(op(window(&[3, 2], &[2, 3], &[1, 1], &[1, 0], &[0, 1]), &[1, 0], 1), &[&[3, 4, 3, 2], &[3]]);
    Check::new(&[4, 3, 5]).op(op(window(&[3, 2], &[1, 2], &[2, 1], &[0, 0], &[0, 0]), &[0, 0], 2), &[&[6, 2, 3, 2], &[6]]);
    Check::new(&[2, 6]).op(op(window(&[3], &[2], &[1], &[1], &[1]), &[1], 1), &[&[3, 2, 3]]);
}

#[test]
fn pools() {
    let pool = window(&[3, 2], &[2, 1], &[1, 1], &[1, 0], &[1, 1]);
    Check::new(&[2, 7, 6]).op(Op::MaxPool(pool.clone()), &[]);
    Check::new(&[2, 9]).op(Op::MaxPool(window(&[2], &[2], &[1], &[0], &[0])), &[]);
    for include_pad in [false, true] {
        Check::new(&[2, 7, 6]).op(Op::AveragePool { pool: pool.clone(), include_pad }, &[]);
    }
    Check::new(&[3, 4, 5]).op(Op::GlobalAveragePool, &[]);
    Check::new(&[3, 4, 5]).op(Op::GlobalMaxPool, &[]);
    for op in [Reduction::Max, Reduction::Min, Reduction::Sum] {
        Check::new(&[3, 4, 5]).op(Op::Reduce { op, axes: vec![1, 3], keep_dims: false }, &[]);
    }
    Check::new(&[3, 4, 5]).op(Op::ReduceMean { axes: vec![2], keep_dims: true }, &[]);
}

#[test]
fn matrices() {
    Check::new(&[5]).op(Op::Dense { activation: Activation::RELU }, &[&[4, 5], &[4]]);
    Check::new(&[3, 5]).op(Op::Dense { activation: Activation::NONE }, &[&[4, 5]]);
    Check::new(&[3, 5]).op(Op::MatMul, &[&[5, 2]]);
    Check::new(&[5]).op(Op::Gemm { alpha: 0.5, beta: 2.0, trans_a: false, trans_b: true }, &[&[4, 5], &[4]]);
    // Attention: a product of activations.
    let mut check = Check::new(&[4, 3]);
    let transposed = check.node(Op::Transpose { perm: vec![0, 2, 1] }, vec![Some(check.x)]);
    let product = check.node(Op::MatMul, vec![Some(check.x), Some(transposed)]);
    let y = check.node(Op::Softmax { axis: 2 }, vec![Some(product)]);
    check.run("attention", y, Mode::Train);
}

#[test]
fn arithmetic() {
    use Binary::{Add, Div, Max, Min, Mul, Sub};
    for op in [Add, Div, Max, Min, Mul, Sub] {
        for shape in [&[3, 4, 2][..], &[1, 3, 1, 1], &[4, 1], &[2], &[]] {
            let mut check = Check::new(&[3, 4, 2]);
            let constant = check.positive("c", shape);
            let clamped = Op::Binary { op, activation: Activation { min: -1.5, max: f32::INFINITY } };
            let y = check.node(clamped, vec![Some(check.x), constant]);
            check.run(&format!("{op:?} {shape:?}"), y, Mode::Train);
        }
        // Both operands are activations, one of them repeated.
        let mut check = Check::new(&[3, 4, 2]);
        let positive = check.node(Op::Unary(Unary::Softplus), vec![Some(check.x)]);
        let pooled = check.node(Op::GlobalAveragePool, vec![Some(positive)]);
        let y = check.node(Op::Binary { op, activation: Activation::NONE }, vec![Some(check.x), Some(pooled)]);
        check.run(&format!("{op:?} of activations"), y, Mode::Train);
    }
}

#[test]
fn functions() {
    let functions = [
        Unary::Abs,
        Unary::Clip { min: -0.5, max: 0.7 },
        Unary::Cos,
        Unary::Elu { alpha: 0.8 },
        Unary::Erf,
        Unary::Exp,
        Unary::Gelu { tanh: false },
        Unary::Gelu { tanh: true },
        Unary::HardSigmoid { alpha: 0.3, beta: 0.4 },
        Unary::HardSwish,
        Unary::LeakyRelu { alpha: 0.1 },
        Unary::Mish,
        Unary::Neg,
        Unary::Pow { exponent: 2.0 },
        Unary::Relu,
        Unary::Selu { alpha: 1.6, gamma: 1.05 },
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Sin,
        Unary::Softplus,
        Unary::Softsign,
        Unary::Tanh,
    ];
    for function in functions {
        Check::new(&[3, 10]).op(Op::Unary(function), &[]);
    }
    for slope in [&[1][..], &[3, 1]] {
        Check::new(&[3, 10]).op(Op::PRelu, &[slope]);
    }
    for function in [Unary::Log, Unary::Reciprocal, Unary::Sqrt, Unary::Pow { exponent: 1.7 }] {
        let mut check = Check::new(&[3, 10]);
        let positive = check.node(Op::Unary(Unary::Softplus), vec![Some(check.x)]);
        let y = check.node(Op::Unary(function), vec![Some(positive)]);
        check.run(function.name(), y, Mode::Train);
    }
}

#[test]
fn normalizations() {
    for mode in [Mode::Train, Mode::Evaluate] {
        for shape in [&[4, 3, 5][..], &[4, 6], &[4]] {
            let mut check = Check::new(shape);
            let (scale, shift, mean) = (check.positive("scale", &[4]), check.constant("shift", &[4]), check.constant("mean", &[4]));
            let variance = check.positive("variance", &[4]);
            let y = check.node(Op::BatchNorm { epsilon: 1e-3 }, vec![Some(check.x), scale, shift, mean, variance]);
            check.run("BatchNorm", y, mode);
        }
    }
    for center in [true, false] {
        Check::new(&[3, 8]).op(Op::LayerNorm { axis: 2, epsilon: 1e-3, center }, &[&[8], &[8]]);
        Check::new(&[3, 8]).op(Op::LayerNorm { axis: 1, epsilon: 1e-3, center }, &[&[3, 8]]);
    }
    Check::new(&[6, 3, 4]).op(Op::GroupNorm { groups: 2, epsilon: 1e-3 }, &[&[6], &[6]]);
    for axis in [1, 2] {
        Check::new(&[4, 5]).op(Op::Softmax { axis }, &[]);
        Check::new(&[4, 5]).op(Op::LogSoftmax { axis }, &[]);
    }
}

#[test]
fn recurrent_layers() {
    for (cell, last) in [
        (Cell::Lstm { clip: 0.0 }, vec![1, 4]),
        (Cell::Lstm { clip: 0.6 }, vec![1, 4]),
        (Cell::Gru { reset_after: true }, vec![12]),
        (Cell::Gru { reset_after: false }, vec![12]),
    ] {
        for time_major in [false, true] {
            let rows = cell.gates() * 4;
            let mut check = Check::new(&[5, 3]);
            let mut x = check.x;
            if time_major {
                x = check.node(Op::Transpose { perm: vec![1, 0, 2] }, vec![Some(x)]);
            }
            let (w, r, b) = (check.constant("w", &[rows, 3]), check.constant("r", &[rows, 4]), check.constant("b", &[rows]));
            let last = if cell.gates() == 3 {
                check.constant("rb", &last)
            } else {
                Some(check.graph.add_constant("cell", Literal::f32(last.clone(), vec![0.0; 4]).unwrap()))
            };
            let mut y = check.node(Op::Recurrent(Recurrent { cell, time_major }), vec![Some(x), w, r, b, last]);
            if time_major {
                y = check.node(Op::Transpose { perm: vec![1, 0, 2] }, vec![Some(y)]);
            }
            check.run(&format!("{cell:?} {time_major}"), y, Mode::Train);
        }
    }
}

#[test]
fn movements() {
    let span = |axis, start, step, len| Span { axis, start, step, len };
    Check::new(&[6, 7]).op(Op::Slice { spans: vec![span(1, 4, -2, 2), span(2, 1, 3, 2)] }, &[]);
    Check::new(&[4, 5]).op(Op::Gather { axis: 2, indices: vec![0, 4, 4, 2], dims: vec![2, 2] }, &[]);
    Check::new(&[2, 3, 4]).op(Op::Pad { before: vec![0, 1, 0, 2], after: vec![0, 0, 1, 1], value: 0.5 }, &[]);
    Check::new(&[4, 2, 3]).op(Op::DepthToSpace { block: 2, channel_first: false }, &[]);
    Check::new(&[4, 2, 3]).op(Op::DepthToSpace { block: 2, channel_first: true }, &[]);
    Check::new(&[2, 4, 6]).op(Op::SpaceToDepth { block: 2 }, &[]);
    Check::new(&[2, 3, 4]).op(Op::Reshape { shape: Shape::new([1usize, 6, 4]) }, &[]);
    Check::new(&[2, 3, 4]).op(Op::Reshape { shape: Shape::new([2usize, 12]) }, &[]);
    Check::new(&[2, 3, 4]).op(Op::Transpose { perm: vec![0, 3, 1, 2] }, &[]);
    Check::new(&[2, 3]).op(Op::Identity, &[]);
    for interpolation in [Interpolation::Linear, Interpolation::Nearest(Rounding::PreferFloor)] {
        for coordinates in [Coordinates::AlignCorners, Coordinates::Asymmetric, Coordinates::HalfPixel] {
            Check::new(&[2, 3, 4]).op(Op::Resize(Resize { sizes: vec![5, 2], coordinates, interpolation }), &[]);
        }
    }
    let mut check = Check::new(&[2, 3, 4]);
    let (constant, x) = (check.constant("c", &[1, 1, 3, 4]), check.x);
    let doubled = check.node(Op::Binary { op: Binary::Add, activation: Activation::NONE }, vec![Some(x), Some(x)]);
    let y = check.node(Op::Concat { axis: 1 }, vec![Some(x), constant, Some(doubled)]);
    check.run("Concat", y, Mode::Train);
}

#[test]
fn losses() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut numbers = |n: usize| (0..n).map(|_| normal(&mut random)).collect::<Vec<f32>>();
    let (z, wanted) = (numbers(12), numbers(12).iter().map(|x| x.abs() / 10.0).collect::<Vec<_>>());
    type Loss = Box<dyn Fn(&Tensor) -> Tensor>;
    let losses: [(&str, Loss); 5] = [
        (
            "cross-entropy",
            Box::new({
                let w = wanted.clone();
                move |z| crate::op::cross_entropy(z, w.clone(), 1.0).unwrap()
            }),
        ),
        (
            "soft",
            Box::new({
                let w = wanted.clone();
                move |z| crate::op::cross_entropy(z, w.clone(), 3.0).unwrap()
            }),
        ),
        (
            "logistic",
            Box::new({
                let w = wanted.clone();
                move |z| crate::op::logistic(z, w.clone()).unwrap()
            }),
        ),
        (
            "squares",
            Box::new({
                let w = wanted.clone();
                move |z| crate::op::mean_squared_error(z, w.clone(), 3, false).unwrap()
            }),
        ),
        (
            "relative",
            Box::new({
                let w = wanted;
                move |z| crate::op::mean_squared_error(z, w.clone(), 3, true).unwrap()
            }),
        ),
    ];
    for (name, loss) in losses {
        let var = tape::variable(z.clone(), (3, 4)).unwrap();
        let found = tape::take_gradient(&mut loss(&var).backward().unwrap(), &var).unwrap().unwrap();
        let mut tally = Tally::default();
        for place in 0..z.len() {
            tally.compare(name, "z", place, found[place], |by| {
                let mut z = z.clone();
                z[place] += by;
                f64::from(loss(&tape::constant(z, (3, 4)).unwrap()).to_scalar::<f32>().unwrap())
            });
        }
        assert_eq!(tally.all, tally.smooth, "{name}");
    }
}
