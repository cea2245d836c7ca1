//! Seconds that an epoch of training takes: `cargo run --release -p edgectl-train --example epoch -- plain|separable [EPOCHS]`.
//!
//! `tests/interop/train_speed.py` runs it beside PyTorch on the same network.

use std::time::Instant;

use edgectl_graph::{Activation, Conv, Fact, Graph, Literal, Op, Shape, TensorId, Unary, Window};
use edgectl_train::{Event, Flow, Objective, Samples, Term, TrainOptions, train};

const SAMPLES: usize = 9_984;

struct Builder {
    graph: Graph,
    at: TensorId,
    channels: usize,
    random: fastrand::Rng,
    nodes: usize,
}

impl Builder {
    fn constant(&mut self, shape: &[usize], value: impl Fn(&mut fastrand::Rng) -> f32) -> Option<TensorId> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value(&mut self.random)).collect();
        let name = format!("c{}", self.graph.tensors().len());
        Some(self.graph.add_constant(name, Literal::f32(shape, values)?))
    }

    fn node(&mut self, op: Op, more: Vec<Option<TensorId>>) -> Option<()> {
        self.nodes += 1;
        let inputs = [vec![Some(self.at)], more].concat();
        self.at = self.graph.add_node(format!("n{}", self.nodes), op, inputs, format!("t{}", self.nodes)).ok()?;
        Some(())
    }

    /// Convolution, batch normalization, ReLU.
    fn conv(&mut self, filters: usize, kernel: usize, groups: usize) -> Option<()> {
        let depth = self.channels / groups;
        let bound = (6.0 / (depth * kernel * kernel) as f32).sqrt();
        let filter = self.constant(&[filters, depth, kernel, kernel], |random| bound * (2.0 * random.f32() - 1.0));
        let pad = vec![kernel / 2; 2];
        let window = Window { pads_begin: pad.clone(), pads_end: pad, ..Window::new(&[kernel, kernel]) };
        self.node(Op::Conv(Conv { window, groups, activation: Activation::NONE }), vec![filter, None])?;
        self.channels = filters;
        let [scale, shift, mean, variance] = [1.0, 0.0, 0.0, 1.0].map(|value| self.constant(&[filters], |_| value));
        self.node(Op::BatchNorm { epsilon: 1e-5 }, vec![scale, shift, mean, variance])?;
        self.node(Op::Unary(Unary::Relu), vec![])
    }

    fn pool(&mut self) -> Option<()> {
        self.node(Op::MaxPool(Window { strides: vec![2, 2], ..Window::new(&[2, 2]) }), vec![])
    }
}

fn network(separable: bool) -> Option<Graph> {
    let mut graph = Graph::new("epoch");
    let at = graph.add_input("x", Fact::f32(Shape::new([1usize, 1, 28, 28])));
    let mut build = Builder { graph, at, channels: 1, random: fastrand::Rng::with_seed(1), nodes: 0 };
    build.conv(16, 3, 1)?;
    if separable {
        for (filters, pools) in [(32, true), (64, true), (128, false), (128, false)] {
            let channels = build.channels;
            build.conv(channels, 3, channels)?;
            build.conv(filters, 1, 1)?;
            if pools {
                build.pool()?;
            }
        }
    } else {
        build.conv(32, 3, 1)?;
        build.pool()?;
        build.conv(64, 3, 1)?;
        build.pool()?;
        build.conv(64, 1, 1)?;
    }
    let channels = build.channels;
    build.node(Op::GlobalAveragePool, vec![])?;
    build.node(Op::Reshape { shape: Shape::new([1, channels]) }, vec![])?;
    let (weights, bias) = (build.constant(&[10, channels], |random| 0.2 * (random.f32() - 0.5)), build.constant(&[10], |_| 0.0));
    build.node(Op::Dense { activation: Activation::NONE }, vec![weights, bias])?;
    build.graph.add_output(build.at);
    Some(build.graph)
}

#[allow(clippy::print_stdout, unsafe_code)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // SAFETY: no other thread exists yet.
    unsafe { edgectl_train::use_one_candle_thread() };
    let mut arguments = std::env::args().skip(1);
    let separable = arguments.next().as_deref() == Some("separable");
    let epochs = arguments.next().map_or(Ok(1), |epochs| epochs.parse())?;
    let graph = network(separable).ok_or("the network does not fit together")?;
    let mut random = fastrand::Rng::with_seed(2);
    let inputs = (0..SAMPLES * 784).map(|_| random.f32()).collect();
    let samples = Samples::new(vec![1, 28, 28], inputs, Some((0..SAMPLES as i64).map(|i| i % 10).collect()))?;
    let objective = Objective::new(vec![(1.0, Term::Labels { smoothing: 0.0 })]);
    let options = TrainOptions { epochs, ..TrainOptions::default() };
    let mut start = Instant::now();
    let mut best = f64::INFINITY;
    let mut parameters = 0;
    train(&graph, &samples, None, &objective, &options, &mut |event| {
        match event {
            Event::Started { parameters: count, .. } => parameters = count,
            Event::Epoch { row, .. } => {
                if row.epoch > 0 {
                    best = best.min(start.elapsed().as_secs_f64());
                }
                start = Instant::now();
            }
            _ => {}
        }
        Flow::Continue
    })?;
    println!("{best:.3} s for an epoch of {SAMPLES} samples, {parameters} parameters, {} threads", rayon::current_num_threads());
    Ok(())
}
