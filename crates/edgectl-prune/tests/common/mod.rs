//! Random graphs of everything that channels can go through.
#![allow(clippy::unwrap_used, dead_code)]

use edgectl_float::FloatModel;
use edgectl_graph::{
    Activation, Binary, Cell, Conv, ConvTranspose, Coordinates, Fact, Graph, Interpolation, Literal, Op, Recurrent, Reduction, Resize,
    Shape, Span, TensorId, Unary, Window,
};
use fastrand::Rng;

/// Builds a graph; every node has a name of its own.
pub(crate) struct Builder {
    pub(crate) graph: Graph,
    pub(crate) random: Rng,
    made: usize,
}

impl Builder {
    pub(crate) fn new(seed: u64, input: &[usize]) -> (Builder, TensorId) {
        let mut graph = Graph::new("random");
        let x = graph.add_input("x", Fact::f32(Shape::new(input.iter().copied())));
        (Builder { graph, random: Rng::with_seed(seed), made: 0 }, x)
    }

    pub(crate) fn shape(&self, id: TensorId) -> Vec<usize> {
        self.graph.fixed_shape(id).unwrap()
    }

    pub(crate) fn node(&mut self, op: Op, inputs: &[TensorId]) -> TensorId {
        self.made += 1;
        let name = format!("{}{}", op.name().to_lowercase(), self.made);
        self.graph.add_node(name.clone(), op, inputs.iter().map(|&id| Some(id)).collect(), format!("{name}_out")).unwrap()
    }

    /// A constant of values from -1 to 1, divided so that sums of a row stay small.
    pub(crate) fn constant(&mut self, shape: &[usize]) -> TensorId {
        let per_row = shape.iter().skip(1).product::<usize>().max(1) as f32;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| (self.random.f32() * 2.0 - 1.0) * 1.7 / per_row.sqrt()).collect();
        self.literal(shape, values)
    }

    pub(crate) fn literal(&mut self, shape: &[usize], values: Vec<f32>) -> TensorId {
        self.made += 1;
        self.graph.add_constant(format!("constant{}", self.made), Literal::f32(shape, values).unwrap())
    }

    pub(crate) fn conv(&mut self, x: TensorId, outputs: usize, kernel: usize, stride: usize, groups: usize) -> TensorId {
        let channels = self.shape(x)[1];
        let filter = self.constant(&[outputs, channels / groups, kernel, kernel]);
        let mut window = Window::new(&[kernel, kernel]);
        window.strides = vec![stride; 2];
        (window.pads_begin, window.pads_end) = (vec![kernel / 2; 2], vec![kernel / 2; 2]);
        let activation = *[Activation::NONE, Activation::RELU, Activation::RELU6].get(self.random.usize(..3)).unwrap();
        let mut inputs = vec![x, filter];
        if self.random.bool() {
            inputs.push(self.constant(&[outputs]));
        }
        self.node(Op::Conv(Conv { window, groups, activation }), &inputs)
    }

    pub(crate) fn dense(&mut self, x: TensorId, outputs: usize, activation: Activation) -> TensorId {
        let inputs = *self.shape(x).last().unwrap();
        let (weights, bias) = (self.constant(&[outputs, inputs]), self.constant(&[outputs]));
        self.node(Op::Dense { activation }, &[x, weights, bias])
    }

    pub(crate) fn reshape(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        self.node(Op::Reshape { shape: Shape::new(shape.iter().copied()) }, &[x])
    }

    pub(crate) fn binary(&mut self, op: Binary, a: TensorId, b: TensorId) -> TensorId {
        self.node(Op::Binary { op, activation: Activation::NONE }, &[a, b])
    }

    /// Scales channels by what a small network makes of their means.
    fn squeeze_excite(&mut self, x: TensorId) -> TensorId {
        let (channels, rank) = (self.shape(x)[1], self.shape(x).len());
        let pooled = self.node(Op::GlobalAveragePool, &[x]);
        let flat = self.reshape(pooled, &[1, channels]);
        let squeezed = self.dense(flat, 3, Activation::RELU);
        let excited = self.dense(squeezed, channels, Activation::NONE);
        let scale = self.node(Op::Unary(Unary::Sigmoid), &[excited]);
        let mut shape = vec![1; rank];
        shape[1] = channels;
        let scale = self.reshape(scale, &shape);
        self.binary(Binary::Mul, x, scale)
    }

    fn shuffle(&mut self, x: TensorId) -> TensorId {
        let shape = self.shape(x);
        let split = self.reshape(x, &[1, 2, shape[1] / 2, shape[2], shape[3]]);
        let turned = self.node(Op::Transpose { perm: vec![0, 2, 1, 3, 4] }, &[split]);
        self.reshape(turned, &shape)
    }

    /// Some operator on images.
    fn image(&mut self, pool: &[TensorId]) -> TensorId {
        let x = pool[self.random.usize(..pool.len())];
        let shape = self.shape(x);
        let (channels, height, width) = (shape[1], shape[2], shape[3]);
        let size = |builder: &mut Builder| builder.random.usize(2..9);
        match self.random.usize(..26) {
            0..4 => {
                let (outputs, kernel, stride) = (size(self), self.random.usize(..2) * 2 + 1, self.random.usize(1..3));
                self.conv(x, outputs, kernel, stride, 1)
            }
            4..6 if channels > 1 => {
                let multiplier = self.random.usize(1..3);
                self.conv(x, channels * multiplier, 3, 1, channels)
            }
            6 if channels % 2 == 0 => {
                let outputs = size(self) * 2;
                self.conv(x, outputs, 3, 1, 2)
            }
            7 => {
                let parameters: Vec<TensorId> = (0..3).map(|_| self.constant(&[channels])).collect();
                let variance = vec![0.5; channels];
                let variance = self.literal(&[channels], variance);
                self.node(Op::BatchNorm { epsilon: 1e-3 }, &[x, parameters[0], parameters[1], parameters[2], variance])
            }
            8 => {
                let op = *[Unary::Relu, Unary::HardSwish, Unary::Tanh, Unary::Sigmoid].get(self.random.usize(..4)).unwrap();
                self.node(Op::Unary(op), &[x])
            }
            9..12 => {
                let same: Vec<TensorId> = pool.iter().copied().filter(|&other| self.shape(other) == shape).collect();
                let other = same[self.random.usize(..same.len())];
                let op = *[Binary::Add, Binary::Mul, Binary::Max, Binary::Sub].get(self.random.usize(..4)).unwrap();
                self.binary(op, x, other)
            }
            12..14 => self.squeeze_excite(x),
            14..16 => {
                let fits: Vec<TensorId> = pool.iter().copied().filter(|&other| self.shape(other)[2..] == shape[2..]).collect();
                let other = fits[self.random.usize(..fits.len())];
                self.node(Op::Concat { axis: 1 }, &[x, other])
            }
            16 if channels > 2 => {
                let start = self.random.usize(..channels - 1);
                let len = self.random.usize(1..=channels - start);
                let span = if self.random.bool() {
                    Span { axis: 1, start, step: 1, len }
                } else {
                    Span { axis: 1, start: start + len - 1, step: -1, len }
                };
                self.node(Op::Slice { spans: vec![span, Span { axis: 2, start: 0, step: 1, len: height }] }, &[x])
            }
            17 => {
                let indices: Vec<usize> = (0..size(self)).map(|_| self.random.usize(..channels)).collect();
                self.node(Op::Gather { axis: 1, dims: vec![indices.len()], indices }, &[x])
            }
            18 if height > 1 && width > 1 => {
                let mut pool = Window::new(&[2, 2]);
                pool.strides = vec![self.random.usize(1..3); 2];
                let op = if self.random.bool() { Op::MaxPool(pool) } else { Op::AveragePool { pool, include_pad: false } };
                self.node(op, &[x])
            }
            19 => {
                let (before, after) = (vec![0, self.random.usize(..3), 1, 0], vec![0, self.random.usize(..3), 0, 1]);
                self.node(Op::Pad { before, after, value: 0.5 }, &[x])
            }
            20 if height * width < 100 => {
                let sizes = vec![height * 2, width * 2];
                self.node(
                    Op::Resize(Resize {
                        sizes,
                        coordinates: Coordinates::Asymmetric,
                        interpolation: Interpolation::Nearest(edgectl_graph::Rounding::Floor),
                    }),
                    &[x],
                )
            }
            21 if channels % 2 == 0 => self.shuffle(x),
            22 if height * width < 100 => {
                let groups = if channels > 1 && self.random.bool() { channels } else { 1 };
                let outputs = if groups == 1 { size(self) } else { channels };
                let filter = self.constant(&[outputs, channels / groups, 2, 2]);
                let mut window = Window::new(&[2, 2]);
                window.strides = vec![2, 2];
                let op = Op::ConvTranspose(ConvTranspose { window, output_pads: vec![0, 0], groups, activation: Activation::NONE });
                self.node(op, &[x, filter])
            }
            23 if height % 2 == 0 && width % 2 == 0 && channels < 8 => self.node(Op::SpaceToDepth { block: 2 }, &[x]),
            24 if channels % 4 == 0 && height * width < 100 => {
                let channel_first = self.random.bool();
                self.node(Op::DepthToSpace { block: 2, channel_first }, &[x])
            }
            25 => match self.random.usize(..4) {
                0 => self.node(Op::Softmax { axis: 1 }, &[x]),
                1 => {
                    let slope = self.constant(&[channels, 1, 1]);
                    self.node(Op::PRelu, &[x, slope])
                }
                2 => {
                    let (scale, bias) = (self.constant(&[channels]), self.constant(&[channels]));
                    self.node(Op::GroupNorm { groups: channels, epsilon: 0.1 }, &[x, scale, bias])
                }
                _ => {
                    let scale = self.constant(&[channels, 1, 1]);
                    self.binary(Binary::Mul, x, scale)
                }
            },
            _ => {
                let outputs = size(self);
                self.conv(x, outputs, 1, 1, 1)
            }
        }
    }

    /// Dense layers on what is left of an image.
    fn head(&mut self, x: TensorId) {
        let shape = self.shape(x);
        let elements = shape[1..].iter().product();
        let flat = match self.random.usize(..4) {
            0 => self.node(Op::ReduceMean { axes: vec![2, 3], keep_dims: false }, &[x]),
            1 => self.node(Op::Reduce { op: Reduction::Max, axes: vec![2, 3], keep_dims: false }, &[x]),
            // As TensorFlow flattens.
            2 => {
                let turned = self.node(Op::Transpose { perm: vec![0, 2, 3, 1] }, &[x]);
                self.reshape(turned, &[1, elements])
            }
            _ => self.reshape(x, &[1, elements]),
        };
        let hidden = self.dense(flat, 6, Activation::RELU);
        let y = self.dense(hidden, 4, Activation::NONE);
        self.graph.add_output(y);
    }

    /// Some layer on sequences `[1, T, I]`.
    fn sequence(&mut self, x: TensorId) -> TensorId {
        let shape = self.shape(x);
        let (steps, width) = (shape[1], shape[2]);
        let units = self.random.usize(2..6);
        match self.random.usize(..6) {
            0 => self.dense(x, units, Activation::RELU),
            1 => {
                let inputs = [
                    self.constant(&[3 * units, width]),
                    self.constant(&[3 * units, units]),
                    self.constant(&[3 * units]),
                    self.constant(&[3 * units]),
                ];
                let cell = Cell::Gru { reset_after: self.random.bool() };
                self.node(Op::Recurrent(Recurrent { cell, time_major: false }), &[x, inputs[0], inputs[1], inputs[2], inputs[3]])
            }
            2 => {
                let inputs = [self.constant(&[4 * units, width]), self.constant(&[4 * units, units]), self.constant(&[4 * units])];
                let last = self.literal(&[1, units], vec![0.0; units]);
                self.node(
                    Op::Recurrent(Recurrent { cell: Cell::Lstm { clip: 0.0 }, time_major: false }),
                    &[x, inputs[0], inputs[1], inputs[2], last],
                )
            }
            3 => {
                // Attention of two heads.
                let project = |builder: &mut Builder, perm: &[usize]| {
                    let projected = builder.dense(x, 2 * units, Activation::NONE);
                    let heads = builder.reshape(projected, &[1, steps, 2, units]);
                    builder.node(Op::Transpose { perm: perm.to_vec() }, &[heads])
                };
                let (q, k, v) = (project(self, &[0, 2, 1, 3]), project(self, &[0, 2, 3, 1]), project(self, &[0, 2, 1, 3]));
                let scores = self.node(Op::MatMul, &[q, k]);
                let shares = self.node(Op::Softmax { axis: 3 }, &[scores]);
                let mixed = self.node(Op::MatMul, &[shares, v]);
                let turned = self.node(Op::Transpose { perm: vec![0, 2, 1, 3] }, &[mixed]);
                let joined = self.reshape(turned, &[1, steps, 2 * units]);
                let out = self.dense(joined, width, Activation::NONE);
                self.binary(Binary::Add, x, out)
            }
            4 => {
                let scale = self.constant(&[width]);
                self.node(Op::LayerNorm { axis: 2, epsilon: 0.1, center: true }, &[x, scale])
            }
            _ => {
                let weights = self.constant(&[width, units]);
                let product = self.node(Op::MatMul, &[x, weights]);
                self.node(Op::Unary(Unary::Tanh), &[product])
            }
        }
    }
}

/// A random network on images or, for every fourth seed, on sequences.
pub(crate) fn network(seed: u64) -> Graph {
    if seed % 4 == 3 {
        let (mut builder, x) = Builder::new(seed, &[1, 5, 4]);
        let mut last = x;
        for _ in 0..builder.random.usize(2..6) {
            last = builder.sequence(last);
        }
        let mean = builder.node(Op::ReduceMean { axes: vec![1], keep_dims: false }, &[last]);
        let y = builder.dense(mean, 3, Activation::NONE);
        builder.graph.add_output(y);
        return builder.graph;
    }
    let (mut builder, x) = Builder::new(seed, &[1, 3, 8, 8]);
    let mut pool = vec![builder.conv(x, 6, 3, 1, 1)];
    for _ in 0..builder.random.usize(3..14) {
        let made = builder.image(&pool);
        pool.push(made);
    }
    let last = pool[pool.len() - 1];
    builder.head(last);
    builder.graph
}

/// A sample for the only input of a graph.
pub(crate) fn sample(graph: &Graph, random: &mut Rng) -> Vec<f32> {
    let elements = graph.fixed_shape(graph.inputs()[0]).unwrap().iter().product();
    (0..elements).map(|_| random.f32() * 4.0 - 2.0).collect()
}

/// Panics where two graphs differ on random samples by more than rounding. `false` where the engine cannot run one of them.
pub(crate) fn expect_equal(a: &Graph, b: &Graph, seed: u64, what: &str) -> bool {
    let (Ok(left), Ok(right)) = (FloatModel::from_graph(a, &[]), FloatModel::from_graph(b, &[])) else { return false };
    let mut random = Rng::with_seed(seed);
    for _ in 0..3 {
        let x = sample(a, &mut random);
        let (Ok(expected), Ok(found)) = (left.run(&[&x]), right.run(&[&x])) else { return false };
        for (expected, found) in expected.iter().flatten().zip(found.iter().flatten()) {
            let tolerance = 2e-4 * expected.abs().max(1.0);
            assert!((expected - found).abs() <= tolerance, "{what}: expected {expected}, found {found}\n{a}\n{b}");
        }
    }
    true
}
