//! The methods on small graphs, against a plain evaluation of them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use edgectl_graph::{Activation, Conv, Fact, Graph, Literal, Op, QuantConst, QuantParams, Shape, TensorId, Window};
use proptest::prelude::*;

use super::round_adaptive;
use crate::layer::Layer;
use crate::reservoir::Reservoir;
use crate::{Calibration, Calibrator, Method, Note, QuantizeError, QuantizeOptions, Quantized, Recipe, quantize, quantize_weights};

/// Numbers that look random, in `-1.0..1.0`.
fn noise(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| ((seed * 7919 + i) as f32 * 12.9898).sin() * 43_758.547).map(|x| (x - x.floor()) * 2.0 - 1.0).collect()
}

struct Builder(Graph, TensorId);

impl Builder {
    fn new(shape: &[usize]) -> Builder {
        let mut graph = Graph::new("test");
        let x = graph.add_input("x", Fact::f32(Shape::new(shape.iter().copied())));
        Builder(graph, x)
    }

    fn layer(mut self, name: &str, op: Op, shape: &[usize], weights: Vec<f32>, bias: Option<Vec<f32>>) -> Builder {
        let w = self.0.add_constant(format!("{name}.w"), Literal::f32(shape, weights).unwrap());
        let b = bias.map(|bias| self.0.add_constant(format!("{name}.b"), Literal::f32([shape[0]], bias).unwrap()));
        self.1 = self.0.add_node(name, op, vec![Some(self.1), Some(w), b], name).unwrap();
        self
    }

    fn dense(self, name: &str, outputs: usize, weights: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Builder {
        let columns = weights.len() / outputs;
        self.layer(name, Op::Dense { activation }, &[outputs, columns], weights, Some(bias))
    }

    fn conv(self, name: &str, shape: &[usize], groups: usize, pad: usize, weights: Vec<f32>, activation: Activation) -> Builder {
        let window = Window { pads_begin: vec![pad; 2], pads_end: vec![pad; 2], ..Window::new(&shape[2..]) };
        let bias = noise(name.len(), shape[0]);
        self.layer(name, Op::Conv(Conv { window, groups, activation }), shape, weights, Some(bias))
    }

    fn flatten(mut self, size: usize) -> Builder {
        self.1 = self.0.add_node("flat", Op::Reshape { shape: Shape::new([1, size]) }, vec![Some(self.1)], "flat").unwrap();
        self
    }

    fn finish(mut self) -> Graph {
        self.0.add_output(self.1);
        self.0
    }
}

/// The values of all tensors: layers in float32, in the order of their columns, and nodes that only rename.
fn evaluate(graph: &Graph, input: &[f32]) -> BTreeMap<TensorId, Vec<f32>> {
    let mut values = BTreeMap::from([(graph.inputs()[0], input.to_vec())]);
    for (id, node) in graph.iter() {
        let x = values[&node.input(0).unwrap()].clone();
        let y = match Layer::of(graph, id).unwrap() {
            Some(layer) => outputs(&layer, &x),
            None => x,
        };
        values.insert(node.output().unwrap(), y);
    }
    values
}

fn outputs(layer: &Layer, x: &[f32]) -> Vec<f32> {
    let columns = layer.geometry.columns();
    let patches: Vec<_> = (0..layer.geometry.positions(x.len())).map(|position| layer.geometry.gather(x, position)).collect();
    let rows = layer.weights.chunks(columns).zip(&layer.bias).enumerate();
    let row = |(output, (row, &bias)): (usize, (&[f32], &f32))| -> Vec<f32> {
        let value = |patch: &Vec<f32>| row.iter().zip(&patch[layer.geometry.seen_by(output)]).fold(bias, |sum, (w, x)| sum + w * x);
        patches.iter().map(|patch| value(patch).max(layer.activation.min).min(layer.activation.max)).collect()
    };
    rows.flat_map(row).collect()
}

/// Applies methods with inputs as calibration data.
fn apply(graph: &Graph, inputs: &[Vec<f32>], methods: &[Method]) -> Quantized {
    let recipe = Recipe { methods: methods.to_vec(), ..Recipe::default() };
    let show = |graph: &Graph, seen: &mut Calibration| -> Result<(), QuantizeError> {
        for input in inputs {
            let values = evaluate(graph, input);
            let observed: Vec<TensorId> = seen.observed().collect();
            seen.observe(observed.iter().map(|id| &values[id][..]))?;
        }
        Ok(())
    };
    recipe.apply(graph.clone(), show).unwrap()
}

/// A convolution, a padded depthwise one, a convolution and a dense layer. The ranges of channels are spread 1 : 1000, and each layer undoes
/// the spread of the one before it: all channels matter alike.
fn spread() -> Graph {
    let factor = |channel: usize| 1000f32.powf(channel as f32 / 3.0);
    // Weights of `rows` outputs that see `channels` channels of `size` elements each.
    let weights = |seed, channels: usize, size: usize, spread: bool, undo: bool| -> Vec<f32> {
        let columns = channels * size;
        let rows = if spread { 4 } else { 2 };
        let scaled = noise(seed, rows * columns).into_iter().enumerate().map(|(i, w)| {
            let (output, channel) = (i / columns, i % columns / size);
            w * if spread { factor(output) } else { 1.0 } / if undo { factor(channel) } else { 1.0 }
        });
        scaled.collect()
    };
    Builder::new(&[1, 2, 3, 3])
        .conv("first", &[4, 2, 1, 1], 1, 0, weights(1, 2, 1, true, false), Activation::RELU)
        .conv("depthwise", &[4, 1, 3, 3], 4, 1, noise(2, 36), Activation::RELU)
        .conv("pointwise", &[4, 4, 1, 1], 1, 0, weights(3, 4, 1, true, true), Activation::NONE)
        .flatten(36)
        .dense("dense", 2, weights(4, 4, 9, false, true), vec![0.5, -0.5], Activation::NONE)
        .finish()
}

fn samples(elements: usize) -> Vec<Vec<f32>> {
    (0..20).map(|i| noise(i + 100, elements)).collect()
}

#[test]
fn equalization_keeps_the_float_function_to_the_bit() {
    let graph = spread();
    let inputs = samples(18);
    let Quantized { graph: quantized, notes, .. } = apply(&graph, &inputs, &[Method::Equalize]);
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Equalized { .. })).count(), 3, "{notes:?}");
    let greatest = |values: &[f32]| values.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    for input in &inputs {
        let (before, after) = (evaluate(&graph, input), evaluate(quantized.graph(), input));
        let output = |graph: &Graph, values: &BTreeMap<TensorId, Vec<f32>>| values[&graph.outputs()[0]].clone();
        assert_eq!(output(&graph, &before), output(quantized.graph(), &after));
    }
    // The depthwise layer's inputs: every channel now reaches beyond half of the widest.
    let first = quantized.graph().find("first").unwrap();
    let seen: Vec<_> = inputs.iter().map(|input| evaluate(quantized.graph(), input)[&first].clone()).collect();
    let channel = |c: usize| seen.iter().map(|values| greatest(&values[c * 9..][..9])).fold(0.0, f32::max);
    let channels: Vec<f32> = (0..4).map(channel).collect();
    assert!(channels.iter().all(|&range| range > 0.5 * greatest(&channels)), "{channels:?}");
}

/// What calibration saw of scaled tensors without running the graph that scales them, against a calibration of that graph.
#[test]
fn scaled_tensors_are_seen_as_the_equalized_graph_shows_them() {
    for rest in [&[][..], &[Method::CorrectBias, Method::CorrectBiasEmpirical], &[Method::RoundAdaptive]] {
        let methods = [&[Method::Equalize], rest].concat();
        let once = apply(&spread(), &samples(18), &methods);
        let equalized = apply(&spread(), &samples(18), &[Method::Equalize]).graph.graph().clone();
        assert_ne!(equalized, spread());
        assert_eq!(once.graph, apply(&equalized, &samples(18), rest).graph, "{methods:?}");
    }
}

/// Three channels behind a clamp, which cuts the first: its weight, and those of the other two.
fn clamped(activation: Activation) -> Graph {
    Builder::new(&[1, 3])
        .dense("first", 3, vec![40.0, 0.0, 0.0, 0.0, 2e-3, 0.0, 0.0, 0.0, 1e-3], vec![0.0; 3], activation)
        .dense("second", 2, vec![0.5, 700.0, 900.0, -0.8, 400.0, -600.0], vec![0.0, 0.0], Activation::NONE)
        .finish()
}

#[test]
fn channels_grow_below_a_clamp_as_far_as_it_leaves_room() {
    let graph = clamped(Activation::RELU6);
    let inputs = samples(3);
    let Quantized { graph: quantized, notes, .. } = apply(&graph, &inputs, &[Method::Equalize]);
    assert!(matches!(&notes[..], [Note::Equalized { channels: 2, .. }]), "{notes:?}");
    let first = quantized.graph().find("first").unwrap();
    let mut greatest = [0.0f32; 3];
    for input in &inputs {
        let (before, after) = (evaluate(&graph, input), evaluate(quantized.graph(), input));
        assert_eq!(before[&graph.outputs()[0]], after[&quantized.graph().outputs()[0]]);
        greatest.iter_mut().zip(&after[&first]).for_each(|(max, x)| *max = max.max(*x));
    }
    assert_eq!(greatest[0], 6.0);
    assert!(greatest[1..].iter().all(|&max| (1.5..=3.0).contains(&max)), "{greatest:?}");
}

#[test]
fn a_lower_clamp_other_than_zero_is_not_scaled() {
    let graph = clamped(Activation { min: -1.0, max: 6.0 });
    let Quantized { graph: quantized, notes, .. } = apply(&graph, &samples(3), &[Method::Equalize]);
    assert_eq!(
        notes.iter().map(Note::to_string).collect::<Vec<_>>(),
        ["\"first\" -> \"second\": not equalized: the clamp at -1 does not scale with its channel"]
    );
    assert_eq!(quantized.graph(), &graph);
}

#[test]
fn a_constant_part_of_channels_moves_into_the_next_bias() {
    for activation in [Activation::NONE, Activation::RELU] {
        let graph = Builder::new(&[1, 2])
            .dense("first", 2, vec![0.1, 0.0, 0.0, 0.1], vec![50.0, 80.0], activation)
            .dense("second", 2, vec![0.5, -0.25, 1.0, 0.125], vec![1.0, -1.0], Activation::NONE)
            .finish();
        let inputs = samples(2);
        let Quantized { graph: quantized, notes, .. } = apply(&graph, &inputs, &[Method::AbsorbBias]);
        assert_eq!(notes, [Note::Absorbed { from: "first".into(), to: "second".into(), channels: 2 }]);
        for input in &inputs {
            let (before, after) = (evaluate(&graph, input), evaluate(quantized.graph(), input));
            for (a, b) in before[&graph.outputs()[0]].iter().zip(&after[&quantized.graph().outputs()[0]]) {
                assert!((a - b).abs() < 1e-4, "{a} {b}");
            }
        }
        let params = quantized.params(quantized.graph().find("first").unwrap()).unwrap();
        assert!(params.scale * 255.0 < 0.5, "{params:?}");
    }
}

#[test]
fn nothing_is_moved_past_a_border_of_zeros() {
    let graph = Builder::new(&[1, 1, 3, 3])
        .layer(
            "first",
            Op::Conv(Conv { window: Window::new(&[1, 1]), groups: 1, activation: Activation::NONE }),
            &[1, 1, 1, 1],
            vec![0.1],
            Some(vec![50.0]),
        )
        .conv("second", &[1, 1, 3, 3], 1, 1, noise(1, 9), Activation::NONE)
        .finish();
    let Quantized { graph: quantized, notes, .. } = apply(&graph, &samples(9), &[Method::AbsorbBias]);
    assert!(notes.is_empty() && quantized.graph() == &graph);
}

/// The mean of `float - int8` over all inputs, output by output, with the int8 form of the first layer.
fn mean_error(graph: &Graph, quantized: &Quantized, inputs: &[Vec<f32>]) -> Vec<f64> {
    let layer = Layer::all(graph).unwrap().remove(0);
    let node = &quantized.graph.graph().nodes()[0];
    let params = quantized.graph.params(node.input(0).unwrap()).unwrap();
    let (Some(QuantConst::Weights { values, scales }), Some(QuantConst::Bias { values: bias })) =
        (quantized.graph.constant(node.input(1).unwrap()), quantized.graph.constant(node.input(2).unwrap()))
    else {
        panic!("{node:?}")
    };
    let columns = layer.geometry.columns();
    let mut int8 = layer.clone();
    int8.weights = values.iter().enumerate().map(|(i, &q)| f32::from(q) * scales[i / columns]).collect();
    int8.bias =
        bias.iter().zip(&scales[..]).map(|(&b, scale)| (f64::from(b) * f64::from(params.scale) * f64::from(*scale)) as f32).collect();
    let mut errors = vec![0.0; layer.geometry.outputs];
    for input in inputs {
        let rounded: Vec<f32> = input.iter().map(|&x| super::correct_bias::simulate(x, params)).collect();
        for ((error, a), b) in errors.iter_mut().zip(outputs(&layer, input)).zip(outputs(&int8, &rounded)) {
            *error += (f64::from(a) - f64::from(b)) / inputs.len() as f64;
        }
    }
    errors
}

#[test]
fn bias_correction_takes_back_the_shift_of_the_mean() {
    // Inputs with a mean far from zero, so that rounding the weights shifts the outputs.
    let inputs: Vec<Vec<f32>> = samples(16).iter().map(|sample| sample.iter().map(|x| x + 3.0).collect()).collect();
    let graph = Builder::new(&[1, 16]).dense("dense", 4, noise(9, 64), noise(5, 4), Activation::NONE).finish();
    let total = |methods: &[Method]| mean_error(&graph, &apply(&graph, &inputs, methods), &inputs).iter().map(|e| e.abs()).sum::<f64>();
    let plain = total(&[]);
    assert!(total(&[Method::CorrectBias]) < plain / 4.0);
    assert!(total(&[Method::CorrectBiasEmpirical]) < plain / 50.0);
}

#[test]
fn adaptive_rounding_loses_less_than_rounding_to_the_nearest() {
    // Neighbouring inputs are alike, so that rounding one weight up and the next one down nearly cancels.
    let patches: Vec<Vec<f32>> = (0..64).map(|i| noise(i, 8).iter().flat_map(|x| [*x, x * 0.95]).collect()).collect();
    let graph = Builder::new(&[1, 16]).dense("dense", 4, noise(3, 64), noise(5, 4), Activation::NONE).finish();
    let layer = Layer::all(&graph).unwrap().remove(0);
    let scales = [0.1];
    let input = QuantParams::int8(2.0 / 255.0, 0);
    let rows: Vec<&[f32]> = patches.iter().map(Vec::as_slice).collect();
    let adaptive = round_adaptive(&layer, &scales, input, &rows);
    let nearest = quantize_weights(&layer.weights, &scales);
    for (q, w) in adaptive.iter().zip(&layer.weights) {
        assert!((f32::from(*q) - w / scales[0]).abs() <= 1.0 + 1e-4, "{q} {w}");
    }
    let loss = |q: &[i8]| -> f32 {
        let int8 = Layer { weights: q.iter().map(|&q| f32::from(q) * scales[0]).collect(), ..layer.clone() };
        let errors = patches.iter().flat_map(|x| outputs(&layer, x).into_iter().zip(outputs(&int8, x)).collect::<Vec<_>>());
        errors.map(|(a, b)| (a - b).powi(2)).sum()
    };
    assert!(loss(&adaptive) < 0.6 * loss(&nearest), "{} {}", loss(&adaptive), loss(&nearest));
    assert_eq!(round_adaptive(&layer, &scales, input, &[]), nearest);
}

#[test]
fn all_methods_together_make_a_valid_graph_and_know_their_memory() {
    let all: Vec<Method> = crate::METHODS.iter().map(|info| info.method).collect();
    let graph = spread();
    let few = apply(&graph, &samples(18)[..5], &all);
    let many = apply(&graph, &samples(18), &all);
    assert_eq!((few.samples, many.samples), (5, 20));
    assert_eq!(few.calibration_bytes, many.calibration_bytes);
    let again = apply(&graph, &samples(18).into_iter().rev().collect::<Vec<_>>(), &all);
    assert_eq!(again, many);
}

#[test]
fn an_accumulator_that_could_overflow_is_refused() {
    let columns = 70_000;
    let graph = |columns: usize| Builder::new(&[1, columns]).dense("wide", 1, vec![1.0; columns], vec![0.0], Activation::NONE).finish();
    let quantized = |columns: usize| {
        let graph = graph(columns);
        let mut calibration = Calibration::new(&graph, Calibrator::MinMax);
        calibration.observe([&[0.0, 1.0][..]; 2].into_iter()).unwrap();
        quantize(graph, &calibration.ranges().unwrap(), QuantizeOptions::default())
    };
    let error = quantized(columns).unwrap_err();
    let message = "node \"wide\": output channel 0 could sum up to 2266950000; expected less than 2147483648";
    assert_eq!(error.to_string(), message);
    // 66 312 * 127 * 255 = 2 147 514 120, one column less fits.
    assert!(quantized(66_312).is_err());
    quantized(66_311).unwrap();
}

#[test]
fn dead_channels_are_reported() {
    let weights = vec![0.0, 0.0, 1.0, -1.0, -0.0, 0.0];
    let graph = Builder::new(&[1, 2]).dense("dense", 3, weights, vec![5.0, 0.0, 0.0], Activation::NONE).finish();
    let Quantized { notes, .. } = apply(&graph, &samples(2), &[]);
    assert_eq!(notes, [Note::DeadChannels { node: "dense".into(), channels: vec![0, 2] }]);
}

#[test]
fn weights_that_become_zero_are_reported() {
    let notes = |weights: Vec<f32>, bias: f32| {
        let graph = Builder::new(&[1, 2]).dense("dense", 2, weights, vec![bias, 0.0], Activation::NONE).finish();
        apply(&graph, &samples(2), &[]).notes
    };
    let vanished = |left| Note::Vanished { node: "dense".into(), vanished: 1, left };
    // Beside its bias, then for float32; a channel of zeros has nothing to lose.
    let lost = [notes(vec![1e-12, 0.0, 1.0, 0.0], 1.0), notes(vec![1e-42, 0.0, 1.0, 0.0], 0.0), notes(vec![1e-12, 0.0, 0.0, 0.0], 1.0)];
    let dead = Note::DeadChannels { node: "dense".into(), channels: vec![1] };
    assert_eq!(lost, [vec![vanished(1)], vec![vanished(1)], vec![dead, vanished(0)]]);
    assert!(!vanished(1).is_loss() && vanished(0).is_loss());
}

#[test]
fn dead_channels_go_before_anything_else() {
    // Of three channels, one is zero on any input and one the same as another: their weights are 3 * 2 + 2 * 3, then 1 * 2 + 2 * 1.
    let first = vec![0.0, 0.0, 1.0, -1.0, 1.0, -1.0];
    let graph = Builder::new(&[1, 2])
        .dense("first", 3, first, vec![-5.0, 0.0, 0.0], Activation::RELU)
        .dense("second", 2, vec![7.0, 1.0, 2.0, -7.0, 0.5, 0.5], vec![0.0, 1.0], Activation::NONE)
        .finish();
    let Quantized { graph: quantized, notes, .. } = apply(&graph, &samples(2), &[Method::RemoveDead]);
    assert_eq!(notes, [Note::Removed { nodes: vec!["first".into()], removed: 2, channels: 3 }]);
    let weights = |graph: &Graph| {
        graph
            .nodes()
            .iter()
            .filter_map(|node| graph.literal(node.input(1)?))
            .map(|w| w.as_f32().map_or(0, <[f32]>::len))
            .collect::<Vec<_>>()
    };
    assert_eq!((weights(&graph), weights(quantized.graph())), (vec![6, 6], vec![2, 2]));
}

proptest! {
    #[test]
    fn a_reservoir_depends_on_the_values_only(seed in 0usize..1000, cut in 0usize..300) {
        let layer = Layer::all(&spread()).unwrap().remove(1);
        // More than it keeps.
        let samples: Vec<Vec<f32>> = (0..300).map(|i| noise(seed + i, 36)).collect();
        let mut whole = Reservoir::new(layer.geometry.clone());
        let (mut a, mut b) = (whole.fork(), whole.fork());
        samples.iter().for_each(|sample| whole.observe(sample));
        samples[..cut].iter().rev().for_each(|sample| a.observe(sample));
        samples[cut..].iter().for_each(|sample| b.observe(sample));
        b.merge(&a);
        prop_assert!(whole.patches().len() == 1024 && whole.patches().eq(b.patches()));
    }
}
