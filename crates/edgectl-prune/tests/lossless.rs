//! What does nothing goes, and nothing else changes.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Builder, expect_equal, network};
use edgectl_graph::{Activation, Conv, Graph, Literal, Op, TensorId, Window};
use edgectl_prune::{Idle, lossless};

const ANY: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

/// `x [1, 2, 6, 6]`, a 1x1 convolution of these rows and biases with a ReLU, then a convolution of this kernel, and the mean.
fn two_layers(rows: &[[f32; 2]], biases: &[f32], kernel: usize, pad: usize) -> Graph {
    let (mut builder, x) = Builder::new(1, &[1, 2, 6, 6]);
    let filter = builder.literal(&[rows.len(), 2, 1, 1], rows.concat());
    let bias = builder.literal(&[rows.len()], biases.to_vec());
    let conv = |window, activation| Op::Conv(Conv { window, groups: 1, activation });
    let hidden = builder.node(conv(Window::new(&[1, 1]), Activation::RELU), &[x, filter, bias]);
    let reading = builder.constant(&[3, rows.len(), kernel, kernel]);
    let mut window = Window::new(&[kernel, kernel]);
    (window.pads_begin, window.pads_end) = (vec![pad; 2], vec![pad; 2]);
    let y = builder.node(conv(window, Activation::NONE), &[hidden, reading]);
    builder.graph.add_output(y);
    builder.graph
}

fn removed(graph: &Graph, range: (f32, f32)) -> (Graph, Vec<Idle>) {
    let done = lossless(graph, range).unwrap();
    assert!(expect_equal(graph, &done.graph, 5, "lossless"));
    (done.graph, done.removed)
}

fn filter_shape(graph: &Graph, node: usize) -> Vec<usize> {
    graph.fixed_shape(graph.nodes()[node].input(1).unwrap()).unwrap()
}

#[test]
fn zero_rows_constant_channels_and_twins_go() {
    let rows = [[0.5, -0.25], [0.0, 0.0], [0.0, 0.0], [0.5, -0.25], [0.1, 0.2], [0.0, 0.0]];
    let biases = [0.1, -1.0, 2.0, 0.1, 0.0, 0.0];
    let (graph, idle) = removed(&two_layers(&rows, &biases, 3, 0), ANY);
    let [Idle { channels, unread, zero, constant, duplicate, .. }] = idle[..] else { panic!("{idle:?}") };
    assert_eq!((channels, unread, zero, constant, duplicate), (6, 0, 2, 1, 1));
    assert_eq!(filter_shape(&graph, 0), [2, 2, 1, 1]);
    // What was constant is a bias now.
    assert!(graph.nodes()[1].input(2).is_some());
}

#[test]
fn a_constant_stays_where_padding_shows_it() {
    let rows = [[0.5, -0.25], [0.0, 0.0], [0.3, 0.3]];
    let (graph, idle) = removed(&two_layers(&rows, &[0.1, 2.0, 0.0], 3, 1), ANY);
    assert_eq!((idle.len(), filter_shape(&graph, 0)[0]), (0, 3));
    let (graph, _) = removed(&two_layers(&rows, &[0.1, -2.0, 0.0], 3, 1), ANY);
    assert_eq!(filter_shape(&graph, 0)[0], 2, "zero is what padding shows");
}

#[test]
fn a_relu_that_no_input_reaches_is_found_by_bounds() {
    let rows = [[0.5, -0.25], [0.5, 0.5], [-0.3, -0.3]];
    let biases = [0.1, -1.5, 0.0];
    let (graph, _) = removed(&two_layers(&rows, &biases, 3, 1), ANY);
    assert_eq!(filter_shape(&graph, 0)[0], 3, "an input may have any value");
    // Pixels from 0 to 1: the second can reach -0.5 at most, the third 0.
    let within = lossless(&two_layers(&rows, &biases, 3, 1), (0.0, 1.0)).unwrap();
    assert_eq!(filter_shape(&within.graph, 0)[0], 1);
}

#[test]
fn the_last_channel_of_a_layer_stays() {
    let (graph, _) = removed(&two_layers(&[[0.0, 0.0], [0.0, 0.0]], &[-1.0, -1.0], 3, 0), ANY);
    assert_eq!(filter_shape(&graph, 0)[0], 1);
}

/// A random network in which some rows of layers are zero, negative or repeated.
fn idle_network(seed: u64) -> Graph {
    let graph = network(seed);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut changed = Graph::new("idle");
    let mut ids: Vec<Option<TensorId>> = vec![None; graph.tensors().len()];
    for &id in graph.inputs() {
        ids[id.index()] = Some(changed.add_input(graph.tensor(id).name.clone(), graph.tensor(id).fact.clone().unwrap()));
    }
    for (id, tensor) in graph.iter_tensors() {
        let Some(literal) = &tensor.literal else { continue };
        let (mut values, rows) = (literal.as_f32().unwrap().to_vec(), literal.shape().first().copied().unwrap_or(1));
        let row = values.len() / rows.max(1);
        // A variance.
        let rows = if values.iter().all(|&value| value == 0.5) { 0 } else { rows };
        for at in 0..rows {
            let (own, first) = (at * row..(at + 1) * row, 0..row);
            match random.usize(..8) {
                0 => values[own].fill(0.0),
                1 => values[own].iter_mut().for_each(|value| *value = -value.abs()),
                2 => values.copy_within(first, own.start),
                _ => {}
            }
        }
        ids[id.index()] = Some(changed.add_constant(tensor.name.clone(), Literal::f32(literal.shape(), values).unwrap()));
    }
    for node in graph.nodes() {
        let inputs = node.inputs.iter().map(|id| id.and_then(|id| ids[id.index()])).collect();
        let output = node.output().unwrap();
        ids[output.index()] =
            Some(changed.add_node(node.name.clone(), node.op.clone(), inputs, graph.tensor(output).name.clone()).unwrap());
    }
    graph.outputs().iter().for_each(|id| changed.add_output(ids[id.index()].unwrap()));
    changed
}

#[test]
fn random_networks_compute_the_same_without_what_does_nothing() {
    let (mut found, mut refused) = (0, 0);
    for seed in 0..70 {
        let graph = idle_network(seed);
        let done = lossless(&graph, ANY).unwrap();
        refused += usize::from(!expect_equal(&graph, &done.graph, seed, &format!("seed {seed}")));
        found += usize::from(!done.removed.is_empty());
    }
    assert!(refused < 7, "the engine could not run {refused} graphs");
    assert!(found > 35, "{found} graphs had something to remove");
}
