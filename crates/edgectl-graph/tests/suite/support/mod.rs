//! Small graphs, their values, and what every test of a pass asserts.

pub(crate) mod eval;
pub(crate) mod random;

use edgectl_graph::pass::CANONICAL;
use edgectl_graph::{Activation, Binary, Conv, Fact, Graph, Literal, Op, Pass, Shape, TensorId, Unary, Window, run};
use eval::{Array, evaluate};
use random::Random;

/// The largest difference that folding may make, relative to the largest output.
const TOLERANCE: f64 = 1e-5;

/// A graph in the making, with an input `x`.
pub(crate) struct Build {
    pub(crate) graph: Graph,
    pub(crate) x: TensorId,
    pub(crate) random: Random,
}

impl Build {
    pub(crate) fn new(shape: &[usize]) -> Build {
        let mut graph = Graph::new("g");
        let x = graph.add_input("x", Fact::f32(Shape::new(shape.iter().copied())));
        Build { graph, x, random: Random::new(shape.iter().sum::<usize>() as u64) }
    }

    /// A constant of random values with a magnitude of 0.5 to 1.5.
    pub(crate) fn constant(&mut self, name: &str, shape: &[usize]) -> TensorId {
        let values = self.random.values(shape.iter().product());
        self.values(name, shape, &values)
    }

    /// A constant of random positive values.
    pub(crate) fn positive(&mut self, name: &str, shape: &[usize]) -> TensorId {
        let values: Vec<f32> = self.random.values(shape.iter().product()).iter().map(|value| value.abs()).collect();
        self.values(name, shape, &values)
    }

    pub(crate) fn values(&mut self, name: &str, shape: &[usize], values: &[f32]) -> TensorId {
        self.graph.add_constant(name, Literal::f32(shape, values).unwrap())
    }

    /// A node with an output of the same name.
    pub(crate) fn node(&mut self, name: &str, op: Op, inputs: &[TensorId]) -> TensorId {
        self.graph.add_node(name, op, inputs.iter().copied().map(Some).collect(), name).unwrap()
    }

    /// A convolution with a filter of this shape, without a bias.
    pub(crate) fn conv(&mut self, name: &str, x: TensorId, filter: &[usize], groups: usize) -> TensorId {
        let weights = self.constant(&format!("{name}_w"), filter);
        self.node(name, conv(Window::new(&filter[2..]), groups), &[x, weights])
    }

    pub(crate) fn dense(&mut self, name: &str, x: TensorId, weights: &[usize]) -> TensorId {
        let weights = self.constant(&format!("{name}_w"), weights);
        self.node(name, Op::Dense { activation: Activation::NONE }, &[x, weights])
    }

    /// Batch normalization with random parameters.
    pub(crate) fn batch_norm(&mut self, name: &str, x: TensorId, channels: usize) -> TensorId {
        let parameter = |build: &mut Build, part: &str| build.constant(&format!("{name}_{part}"), &[channels]);
        let (scale, bias, mean) = (parameter(self, "scale"), parameter(self, "bias"), parameter(self, "mean"));
        let variance = self.positive(&format!("{name}_var"), &[channels]);
        self.node(name, Op::BatchNorm { epsilon: 1e-3 }, &[x, scale, bias, mean, variance])
    }

    /// The graph with these outputs.
    pub(crate) fn finish(mut self, outputs: &[TensorId]) -> Graph {
        outputs.iter().for_each(|&output| self.graph.add_output(output));
        self.graph.check().unwrap();
        self.graph
    }
}

pub(crate) fn conv(window: Window, groups: usize) -> Op {
    Op::Conv(Conv { window, groups, activation: Activation::NONE })
}

pub(crate) fn binary(op: Binary) -> Op {
    Op::Binary { op, activation: Activation::NONE }
}

pub(crate) fn relu() -> Op {
    Op::Unary(Unary::Relu)
}

pub(crate) fn clip(min: f32, max: f32) -> Op {
    Op::Unary(Unary::Clip { min, max })
}

pub(crate) fn reshape(shape: &[usize]) -> Op {
    Op::Reshape { shape: Shape::new(shape.iter().copied()) }
}

pub(crate) fn transpose(perm: &[usize]) -> Op {
    Op::Transpose { perm: perm.to_vec() }
}

/// The canonical pass of this name.
pub(crate) fn pass(name: &str) -> &'static dyn Pass {
    *CANONICAL.iter().find(|pass| pass.name() == name).unwrap()
}

/// The lines of the dump that are nodes, without the word.
pub(crate) fn nodes(graph: &Graph) -> Vec<String> {
    graph.to_string().lines().filter_map(|line| line.strip_prefix("node   ")).map(str::to_owned).collect()
}

/// Asserts that both graphs compute the same outputs from random inputs.
pub(crate) fn assert_same_values(before: &Graph, after: &Graph, context: &str) {
    let mut random = Random::new(7);
    let inputs: Vec<Array> = before
        .inputs()
        .iter()
        .map(|&id| {
            let shape = before.fixed_shape(id).unwrap();
            let values = random.values(shape.iter().product());
            Array { shape, values: values.into_iter().map(f64::from).collect() }
        })
        .collect();
    let (expected, found) = (evaluate(before, &inputs), evaluate(after, &inputs));
    assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected.shape, found.shape, "{context}");
        let bound = TOLERANCE * expected.values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        for (e, f) in expected.values.iter().zip(&found.values) {
            assert!((e - f).abs() <= bound, "{context}: expected {e}, found {f}\n{before}\n{after}");
        }
    }
}

/// Runs a pass and asserts that it leaves these nodes, computes the same, and has nothing left to do.
pub(crate) fn assert_rewrites(name: &str, before: &Graph, expected: &[&str]) -> Graph {
    let mut after = before.clone();
    assert!(run(&mut after, pass(name)).unwrap() > 0, "{name} changed nothing in\n{before}");
    assert_eq!(nodes(&after), expected);
    assert_same_values(before, &after, name);
    assert_eq!(run(&mut after, pass(name)).unwrap(), 0);
    after
}

/// Asserts that a pass changes nothing.
pub(crate) fn assert_keeps(name: &str, before: &Graph) {
    let mut after = before.clone();
    assert_eq!(run(&mut after, pass(name)).unwrap(), 0, "{name} changed\n{before}\nto\n{after}");
    assert_eq!(after, *before);
}
