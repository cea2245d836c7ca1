//! Random chains of operators, made canonical: the values stay, and there is an end to it.

use edgectl_graph::pass::CANONICAL;
use edgectl_graph::{Activation, Binary, ConvTranspose, Graph, Op, Span, TensorId, Unary, Window, run_all};

use crate::support::random::Random;
use crate::support::{Build, assert_same_values, binary, clip, conv, relu, reshape, transpose};

const CHAINS: u64 = 600;
const STEPS: usize = 12;

#[test]
fn canonical_chains_compute_the_same_and_stay_as_they_are() {
    let mut totals = vec![0; CANONICAL.len()];
    for seed in 0..CHAINS {
        let before = chain(seed);
        let mut after = before.clone();
        let changes = run_all(&mut after, CANONICAL).unwrap();
        totals.iter_mut().zip(&changes).for_each(|(total, (_, count))| *total += count);
        assert_same_values(&before, &after, &format!("seed {seed}, {changes:?}"));
        let again = run_all(&mut after, CANONICAL).unwrap();
        assert!(again.iter().all(|(_, count)| *count == 0), "seed {seed}: {again:?}");
    }
    let unused: Vec<_> = CANONICAL.iter().zip(&totals).filter(|(_, total)| **total == 0).map(|(pass, _)| pass.name()).collect();
    assert!(unused.is_empty(), "no chain has work for {unused:?}");
}

/// A chain of random operators with side branches; now and then a tensor in between is an output of the graph.
fn chain(seed: u64) -> Graph {
    let mut random = Random::new(seed);
    let shape = [1 + random.below(2), 1 + random.below(4), 3 + random.below(4), 3 + random.below(4)];
    let mut chain = Chain { build: Build::new(&shape[..2 + random.below(3)]), random, serial: 0 };
    let mut tensors = vec![chain.build.x];
    for _ in 0..STEPS {
        let last = *tensors.last().unwrap();
        tensors.push(chain.step(last, &tensors));
    }
    let mut outputs = vec![*tensors.last().unwrap()];
    let middle = tensors[1 + chain.random.below(STEPS)];
    if chain.random.below(3) == 0 && middle != outputs[0] && middle != chain.build.x {
        outputs.push(middle);
    }
    if outputs[0] == chain.build.x {
        outputs[0] = chain.node(relu(), &[chain.build.x]);
    }
    chain.build.finish(&outputs)
}

struct Chain {
    build: Build,
    random: Random,
    serial: usize,
}

impl Chain {
    fn name(&mut self) -> String {
        self.serial += 1;
        format!("t{}", self.serial)
    }

    fn node(&mut self, op: Op, inputs: &[TensorId]) -> TensorId {
        let name = self.name();
        self.build.node(&name, op, inputs)
    }

    fn constant(&mut self, shape: &[usize]) -> TensorId {
        let name = self.name();
        let values = self.random.values(shape.iter().product());
        self.build.values(&name, shape, &values)
    }

    fn scalar(&mut self, value: f32) -> TensorId {
        let name = self.name();
        self.build.values(&name, &[], &[value])
    }

    /// Another operator after `x`; `x` itself where the one drawn does not fit its shape.
    fn step(&mut self, x: TensorId, earlier: &[TensorId]) -> TensorId {
        let shape = self.build.graph.fixed_shape(x).unwrap();
        let rank = shape.len();
        match self.random.below(25) {
            0..=2 if rank >= 3 && shape[2..].iter().all(|&size| size >= 2) => self.conv(x, &shape),
            0..=2 if rank >= 2 => self.product(x, &shape),
            3 if rank >= 2 => {
                let name = self.name();
                self.build.batch_norm(&name, x, shape[1])
            }
            4..=7 => self.arithmetic(x, &shape),
            8 => {
                let (unary, bound) = (self.random.below(4), self.random.values(1)[0]);
                let clamp = clip(bound - 0.5, bound + 0.5);
                self.node([relu(), clip(0.0, 6.0), clamp, Op::Unary(Unary::Sigmoid)][unary].clone(), &[x])
            }
            9 => self.hard_swish(x),
            10 if rank >= 3 => self.pad(x, rank),
            11 if rank >= 3 => self.pool(x, &shape),
            12..=14 => {
                let perm = self.random.permutation(rank);
                self.node(transpose(&perm), &[x])
            }
            15 => self.reshape(x, &shape),
            16 => self.node(Op::Identity, &[x]),
            17 => {
                let same = |&id: &TensorId| self.build.graph.fixed_shape(id).unwrap() == shape;
                let other = earlier.iter().copied().find(same).unwrap();
                self.node(binary(Binary::Add), &[x, other])
            }
            18 if rank >= 2 && shape[1] <= 8 => self.node(Op::Concat { axis: 1 }, &[x, x]),
            19 if rank >= 1 => {
                let axes: Vec<usize> = if rank >= 3 { (2..rank).collect() } else { vec![rank - 1] };
                let keep_dims = rank < 3 || self.random.below(2) == 0;
                self.node(Op::ReduceMean { axes, keep_dims }, &[x])
            }
            20 => {
                let gate = [Unary::Sigmoid, Unary::Softplus][self.random.below(2)];
                let mut gated = self.node(Op::Unary(gate), &[x]);
                if gate == Unary::Softplus {
                    gated = self.node(Op::Unary(Unary::Tanh), &[gated]);
                }
                self.node(binary(Binary::Mul), &[x, gated])
            }
            21 => self.gelu(x),
            22 => {
                let bound = self.random.values(1)[0];
                let bound = self.scalar(bound);
                let op = [Binary::Max, Binary::Min][self.random.below(2)];
                self.node(binary(op), &[bound, x])
            }
            23 if rank >= 1 && shape[rank - 1] >= 2 => {
                let (axis, size) = (rank - 1, shape[rank - 1]);
                if self.random.below(2) == 0 {
                    let indices = (0..size).rev().collect();
                    return self.node(Op::Gather { axis, indices, dims: vec![size] }, &[x]);
                }
                let span = Span { axis, start: size - 1, step: -1, len: 1 + self.random.below(size) };
                self.node(Op::Slice { spans: vec![span] }, &[x])
            }
            24 if rank >= 3 && shape[2..].iter().all(|&size| size <= 6) => self.conv_transpose(x, &shape),
            _ => x,
        }
    }

    /// Of a number near zero: far out, rounding of the input is all that is left of the result.
    fn gelu(&mut self, x: TensorId) -> TensorId {
        let x = self.node(Op::Unary(Unary::Tanh), &[x]);
        let (root, one, half) = (self.scalar(std::f32::consts::SQRT_2), self.scalar(1.0), self.scalar(0.5));
        let scaled = self.node(binary(Binary::Div), &[x, root]);
        let erf = self.node(Op::Unary(Unary::Erf), &[scaled]);
        let sum = self.node(binary(Binary::Add), &[erf, one]);
        let product = self.node(binary(Binary::Mul), &[x, sum]);
        self.node(binary(Binary::Mul), &[product, half])
    }

    fn conv(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        let depthwise = self.random.below(2) == 0;
        let (groups, depth, out) = if depthwise { (shape[1], 1, shape[1]) } else { (1, shape[1], 1 + self.random.below(4)) };
        let mut window = Window::new(&vec![2; shape.len() - 2]);
        window.pads_begin.fill(self.random.below(2));
        window.strides.fill(1 + self.random.below(2));
        let filter = self.constant(&[&[out, depth], &window.kernel[..]].concat());
        let mut inputs = vec![x, filter];
        if self.random.below(2) == 0 {
            inputs.push(self.constant(&[out]));
        }
        self.node(conv(window, groups), &inputs)
    }

    fn conv_transpose(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        let groups = if self.random.below(2) == 0 { shape[1] } else { 1 };
        let out = groups * (1 + self.random.below(2));
        let mut window = Window::new(&vec![3; shape.len() - 2]);
        window.pads_begin.fill(self.random.below(2));
        window.pads_end.fill(self.random.below(2));
        window.strides.fill(1 + self.random.below(2));
        let output_pads = vec![self.random.below(2); window.kernel.len()];
        let filter = self.constant(&[&[out, shape[1] / groups], &window.kernel[..]].concat());
        let mut inputs = vec![x, filter];
        if self.random.below(2) == 0 {
            inputs.push(self.constant(&[out]));
        }
        let op = ConvTranspose { window, output_pads, groups, activation: Activation::NONE };
        self.node(Op::ConvTranspose(op), &inputs)
    }

    fn product(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        let (inner, out) = (*shape.last().unwrap(), 1 + self.random.below(5));
        if shape.len() == 2 && self.random.below(2) == 0 {
            let (b, c) = (self.constant(&[out, inner]), self.constant(&[1, out]));
            return self.node(Op::Gemm { alpha: 0.5, beta: 1.5, trans_a: false, trans_b: true }, &[x, b, c]);
        }
        let b = self.constant(&[inner, out]);
        self.node(Op::MatMul, &[x, b])
    }

    fn arithmetic(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        let op = [Binary::Add, Binary::Div, Binary::Mul, Binary::Sub][self.random.below(4)];
        let mut of = vec![1; shape.len()];
        match self.random.below(3) {
            0 if shape.len() >= 2 => of[1] = shape[1],
            1 => of = shape.last().map_or(vec![], |&size| vec![size]),
            _ => {}
        }
        let mut c = self.constant(&of);
        if self.random.below(4) == 0 {
            let other = self.constant(&of);
            c = self.node(binary(Binary::Mul), &[c, other]);
        }
        let swap = op != Binary::Div && self.random.below(2) == 0;
        self.node(binary(op), &if swap { [c, x] } else { [x, c] })
    }

    fn hard_swish(&mut self, x: TensorId) -> TensorId {
        let (three, six) = (self.scalar(3.0), self.scalar(6.0));
        let sum = self.node(binary(Binary::Add), &[x, three]);
        let clipped = self.node(clip(0.0, 6.0), &[sum]);
        let gated = if self.random.below(2) == 0 { clipped } else { self.node(binary(Binary::Mul), &[x, clipped]) };
        self.node(Op::Binary { op: Binary::Div, activation: Activation::NONE }, &[gated, six])
    }

    fn pad(&mut self, x: TensorId, rank: usize) -> TensorId {
        let mut frame = || (0..rank).map(|axis| if axis < 2 { 0 } else { self.random.below(2) }).collect::<Vec<_>>();
        let (before, after) = (frame(), frame());
        let padded = self.node(Op::Pad { before, after, value: 0.0 }, &[x]);
        let shape = self.build.graph.fixed_shape(padded).unwrap();
        if shape[2..].iter().all(|&size| size >= 2) { self.conv(padded, &shape) } else { padded }
    }

    fn pool(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        let kernel: Vec<usize> = shape[2..].iter().map(|&size| 1 + self.random.below(size)).collect();
        let pool = Window::new(&kernel);
        let op = match self.random.below(3) {
            0 => Op::MaxPool(pool),
            1 => Op::AveragePool { pool: Window::new(&shape[2..]), include_pad: false },
            _ => Op::AveragePool { pool, include_pad: false },
        };
        self.node(op, &[x])
    }

    fn reshape(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        let elements: usize = shape.iter().product();
        let to = match self.random.below(3) {
            0 if shape.len() >= 2 => vec![shape[0], elements / shape[0]],
            1 => vec![1, elements, 1, 1],
            _ => shape.to_vec(),
        };
        self.node(reshape(&to), &[x])
    }
}
