//! Whole chains on small graphs: quantized, lowered, run by the runtime, and compared with the float graph by value.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests of the graph crate")]
#[path = "../../edgectl-graph/tests/suite/support/mod.rs"]
mod support;

use edge_format::{AlignedBytes, Packing, Program};
use edge_runtime::pack::pack;
use edge_runtime::{Interpreter, Resolver};
use edgectl_graph::{
    Activation, Binary, Conv, Coordinates, Graph, Interpolation, Op, Reduction, Resize, Rounding, Shape, Span, TensorId, Unary, Window,
};
use edgectl_lower::{LowerOptions, Lowered, lower};
use edgectl_quantize::{Calibrator, Int16, QuantizeError, Recipe, prepare};
use support::eval::{Array, evaluate};
use support::{Build, binary, conv, relu, reshape, transpose};

const SAMPLES: usize = 8;

/// The least ratio of signal to quantization noise. A value in the wrong place leaves about 0 dB.
const LEAST_SNR_DB: f64 = 25.0;

/// How much worse int16 activations may be than int8 ones, which they should beat: where some operators have no int16 form, values are
/// requantized more often.
const INT16_SLACK_DB: f64 = 3.0;

/// Inputs and the float outputs for each.
type Samples = Vec<(Vec<f32>, Vec<Array>)>;

/// Quantizes and lowers a graph, runs it on the samples that it was calibrated with, and demands that every output is near the float one;
/// nearer still, where all nodes that can be are int16.
fn assert_lowers(mut graph: Graph) -> Lowered {
    prepare(&mut graph).unwrap();
    let outputs = graph.outputs().len();
    let mut samples = vec![];
    let recipe = Recipe { calibrator: Calibrator::MinMax, methods: vec![], ..Recipe::default() };
    let calibrated = recipe.calibrate(graph, |graph, seen| -> Result<(), QuantizeError> {
        let shape: Vec<usize> = graph.fixed_shape(graph.inputs()[0]).unwrap();
        let mut random = support::random::Random::new(7);
        let mut observed = graph.clone();
        let tensors: Vec<TensorId> = seen.observed().collect();
        tensors.iter().for_each(|&id| observed.add_output(id));
        for _ in 0..SAMPLES {
            let values: Vec<f32> = random.values(shape.iter().product());
            let input = Array { shape: shape.clone(), values: values.iter().map(|&x| x.into()).collect() };
            let mut results = evaluate(&observed, &[input]);
            let shown = results.split_off(outputs);
            let shown: Vec<Vec<f32>> = shown.iter().map(|array| array.values.iter().map(|&x| x as f32).collect()).collect();
            seen.observe(shown.iter().map(Vec::as_slice))?;
            samples.push((values, results));
        }
        Ok(())
    });
    let calibrated = calibrated.unwrap();
    let quantized = calibrated.quantize(&Int16::None).unwrap().graph;
    let lowered = lower(&quantized, &LowerOptions::default()).unwrap();
    assert_eq!(lowered.program, lower(&quantized, &LowerOptions::default()).unwrap().program, "lowering is not reproducible");
    let wide = lower(&calibrated.quantize(&Int16::All).unwrap().graph, &LowerOptions::default()).unwrap();
    for (index, (snr_db, wide_db)) in snr(&lowered, &samples, outputs).into_iter().zip(snr(&wide, &samples, outputs)).enumerate() {
        assert!(snr_db >= LEAST_SNR_DB, "output {index}: {snr_db:.1} dB");
        assert!(wide_db >= snr_db - INT16_SLACK_DB, "output {index}: {snr_db:.1} dB, {wide_db:.1} dB in int16");
    }
    lowered
}

/// The ratio of signal to quantization noise of each output.
fn snr(lowered: &Lowered, samples: &Samples, outputs: usize) -> Vec<f64> {
    let bytes = AlignedBytes::from(&lowered.program[..]);
    let program = Program::parse(&bytes).unwrap();
    assert_eq!(program.arena_bytes() as usize, lowered.report.arena_bytes);
    let (mut signal, mut noise) = (vec![0.0; outputs], vec![0.0; outputs]);
    for (values, expected) in samples {
        let found = run(program, values, Resolver::all());
        expect_same_when_packed(program, values, &found);
        for (index, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            assert_eq!(found.len(), expected.values.len());
            for (found, expected) in found.into_iter().zip(&expected.values) {
                signal[index] += expected * expected;
                noise[index] += (expected - f64::from(found)).powi(2);
            }
        }
    }
    signal.iter().zip(&noise).map(|(signal, noise)| 10.0 * (signal / noise.max(1e-30)).log10()).collect()
}

/// The real values of all outputs.
fn run(program: Program<'_>, values: &[f32], resolver: Resolver<'_>) -> Vec<Vec<f32>> {
    let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
    let mut interpreter = Interpreter::new(program, &mut arena, resolver).unwrap();
    interpreter.write_input(0, values).unwrap();
    interpreter.invoke().unwrap();
    (0..program.outputs().count()).map(|index| interpreter.read_output(index).unwrap().collect()).collect()
}

/// Runs the program with its weights packed in every way, with the kernels that this machine has.
fn expect_same_when_packed(program: Program<'_>, values: &[f32], outputs: &[Vec<f32>]) {
    for packing in [Packing::InterleavedU8, Packing::InterleavedI8] {
        let bytes = AlignedBytes::from(&pack(&program, packing).unwrap()[..]);
        let found = run(Program::parse(&bytes).unwrap(), values, Resolver::fastest());
        assert_eq!(found, outputs, "{packing:?}");
    }
}

fn ops(lowered: &Lowered) -> Vec<&'static str> {
    lowered.report.ops.iter().map(|row| row.op).collect()
}

fn window(kernel: &[usize], strides: &[usize], begin: &[usize], end: &[usize]) -> Window {
    Window { strides: strides.to_vec(), pads_begin: begin.to_vec(), pads_end: end.to_vec(), ..Window::new(kernel) }
}

fn convolve(build: &mut Build, name: &str, x: TensorId, filter: &[usize], window: Window, groups: usize) -> TensorId {
    let weights = build.constant(&format!("{name}_w"), filter);
    let bias = build.constant(&format!("{name}_b"), &filter[..1]);
    build.node(name, Op::Conv(Conv { window, groups, activation: Activation::RELU }), &[x, weights, bias])
}

#[test]
fn channels_first_in_and_out() {
    let mut build = Build::new(&[1, 3, 6, 5]);
    let x = build.x;
    let y = convolve(&mut build, "c", x, &[4, 3, 3, 2], window(&[3, 2], &[2, 1], &[1, 0], &[0, 1]), 1);
    // The caller's layout is the model's: a transpose at both ends.
    assert_eq!(ops(&assert_lowers(build.finish(&[y]))), ["transpose", "conv2d", "transpose"]);
}

#[test]
fn convolutions_of_every_kind_follow_each_other_without_transposes() {
    let mut build = Build::new(&[1, 1, 9, 8]);
    let x = build.x;
    let a = convolve(&mut build, "first", x, &[4, 1, 3, 3], window(&[3, 3], &[1, 1], &[1, 1], &[1, 1]), 1);
    let b = convolve(&mut build, "depthwise", a, &[8, 1, 3, 3], window(&[3, 3], &[2, 2], &[0, 1], &[1, 1]), 4);
    let c = convolve(&mut build, "grouped", b, &[6, 4, 1, 1], window(&[1, 1], &[1, 1], &[0, 0], &[0, 0]), 2);
    let dilated = Window { dilations: vec![2, 1], ..Window::new(&[2, 2]) };
    let d = convolve(&mut build, "dilated", c, &[5, 6, 2, 2], dilated, 1);
    let y = build.node("pool", Op::GlobalAveragePool, &[d]);
    let lowered = assert_lowers(build.finish(&[y]));
    assert_eq!(ops(&lowered), ["conv2d", "depthwise_conv2d", "conv2d", "conv2d", "mean"]);
    assert_eq!(lowered.report.arena_bytes, lowered.report.arena_lower_bound_bytes);
}

#[test]
fn one_dimensional_convolution_and_pooling() {
    let mut build = Build::new(&[1, 3, 21]);
    let x = build.x;
    let a = convolve(&mut build, "first", x, &[4, 3, 5], window(&[5], &[2], &[2], &[2]), 1);
    let b = build.node("pool", Op::MaxPool(window(&[2], &[2], &[0], &[1])), &[a]);
    let c = convolve(&mut build, "depthwise", b, &[4, 1, 3], window(&[3], &[1], &[1], &[1]), 4);
    let y = build.node("mean", Op::AveragePool { pool: window(&[3], &[1], &[1], &[1]), include_pad: false }, &[c]);
    assert_eq!(
        ops(&assert_lowers(build.finish(&[y]))),
        ["transpose", "conv2d", "max_pool2d", "depthwise_conv2d", "average_pool2d", "transpose"]
    );
}

#[test]
fn a_dense_layer_takes_flattened_channels_last_bytes_as_they_are() {
    let mut build = Build::new(&[1, 1, 6, 6]);
    let x = build.x;
    let a = convolve(&mut build, "c", x, &[3, 1, 3, 3], Window::new(&[3, 3]), 1);
    let flat = build.node("flat", reshape(&[1, 48]), &[a]);
    let (first, second) = (build.dense("first", flat, &[7, 48]), build.dense("second", flat, &[2, 48]));
    assert_eq!(ops(&assert_lowers(build.finish(&[first, second]))), ["conv2d", "fully_connected", "fully_connected"]);
}

#[test]
fn a_flattened_value_with_another_reader_is_brought_into_order() {
    let mut build = Build::new(&[1, 1, 6, 6]);
    let x = build.x;
    let a = convolve(&mut build, "c", x, &[3, 1, 3, 3], Window::new(&[3, 3]), 1);
    let flat = build.node("flat", reshape(&[1, 48]), &[a]);
    let dense = build.dense("dense", flat, &[7, 48]);
    let tanh = build.node("tanh", Op::Unary(Unary::Tanh), &[flat]);
    assert_eq!(ops(&assert_lowers(build.finish(&[dense, tanh]))), ["conv2d", "transpose", "fully_connected", "table"]);
}

#[test]
fn transposes_only_rename_axes_until_someone_looks() {
    let mut build = Build::new(&[1, 5, 4, 3]);
    let x = build.x;
    // A detector's head in a model that came from channels-last: nothing moves but labels.
    let nchw = build.node("nchw", transpose(&[0, 3, 1, 2]), &[x]);
    let a = convolve(&mut build, "c", nchw, &[6, 3, 1, 1], Window::new(&[1, 1]), 1);
    let nhwc = build.node("nhwc", transpose(&[0, 2, 3, 1]), &[a]);
    let y = build.node("boxes", reshape(&[1, 40, 3]), &[nhwc]);
    assert_eq!(ops(&assert_lowers(build.finish(&[y]))), ["conv2d"]);
}

#[test]
fn a_transpose_that_moves_bytes_is_an_op() {
    let mut build = Build::new(&[2, 3, 4, 5]);
    let x = build.x;
    let y = build.node("t", transpose(&[3, 1, 0, 2]), &[x]);
    let z = build.node("u", transpose(&[1, 0, 2, 3]), &[y]);
    assert_eq!(ops(&assert_lowers(build.finish(&[y, z]))), ["transpose", "transpose"]);
}

#[test]
fn branches_are_joined_in_the_order_in_which_they_lie() {
    for axis in [1, 2, 3] {
        let mut build = Build::new(&[1, 2, 6, 6]);
        let x = build.x;
        let a = convolve(&mut build, "a", x, &[3, 2, 3, 3], window(&[3, 3], &[1, 1], &[1, 1], &[1, 1]), 1);
        let b = convolve(&mut build, "b", x, &[3, 2, 1, 1], Window::new(&[1, 1]), 1);
        let shape = [1, 3, 6, 6];
        let c = build.constant("constant", &shape);
        let joined = build.node("joined", Op::Concat { axis }, &[a, b, c]);
        let y = build.node("mean", Op::ReduceMean { axes: vec![2, 3], keep_dims: false }, &[joined]);
        assert_eq!(ops(&assert_lowers(build.finish(&[y]))), ["transpose", "conv2d", "conv2d", "concat", "mean"], "axis {axis}");
    }
}

#[test]
fn a_residual_block_adds_in_place() {
    let mut build = Build::new(&[1, 1, 8, 8]);
    let x = build.x;
    let a = convolve(&mut build, "a", x, &[4, 1, 3, 3], window(&[3, 3], &[1, 1], &[1, 1], &[1, 1]), 1);
    let b = convolve(&mut build, "b", a, &[4, 4, 3, 3], window(&[3, 3], &[1, 1], &[1, 1], &[1, 1]), 1);
    let sum = build.node("sum", binary(Binary::Add), &[a, b]);
    let y = build.node("relu", relu(), &[sum]);
    let z = build.node("pool", Op::GlobalMaxPool, &[y]);
    let lowered = assert_lowers(build.finish(&[z]));
    assert_eq!(ops(&lowered), ["conv2d", "conv2d", "add", "table", "max_pool2d"]);
    let shared = lowered.report.tensors.iter().find(|row| row.names.contains(&"sum".into())).unwrap();
    assert_eq!(shared.names.len(), 3, "{:?}", shared.names);
    assert_eq!(lowered.report.arena_bytes, 2 * 4 * 64);
}

#[test]
fn operands_broadcast_in_any_layout() {
    for (shape, op) in [
        (&[1, 4, 1, 1][..], Binary::Mul),
        (&[4, 1, 1], Binary::Add),
        (&[6, 5], Binary::Sub),
        (&[5], Binary::Add),
        (&[1], Binary::Mul),
        (&[], Binary::Mul),
        (&[1, 4, 6, 5], Binary::Sub),
    ] {
        for first in [false, true] {
            let mut build = Build::new(&[1, 1, 6, 5]);
            let x = build.x;
            let a = convolve(&mut build, "a", x, &[4, 1, 1, 1], Window::new(&[1, 1]), 1);
            let c = build.constant("c", shape);
            let y = build.node("y", binary(op), &if first { [c, a] } else { [a, c] });
            assert_lowers(build.finish(&[y]));
        }
    }
}

#[test]
fn a_squeeze_excite_gate_multiplies_channels() {
    let mut build = Build::new(&[1, 2, 6, 6]);
    let x = build.x;
    let a = convolve(&mut build, "a", x, &[4, 2, 3, 3], Window::new(&[3, 3]), 1);
    let pooled = build.node("pooled", Op::GlobalAveragePool, &[a]);
    let weights = build.constant("gate_w", &[4, 4, 1, 1]);
    let gate = build.node("gate", conv(Window::new(&[1, 1]), 1), &[pooled, weights]);
    let gate = build.node("sigmoid", Op::Unary(Unary::HardSigmoid { alpha: 0.2, beta: 0.5 }), &[gate]);
    let y = build.node("scaled", binary(Binary::Mul), &[a, gate]);
    assert_lowers(build.finish(&[y]));
}

#[test]
fn reductions_over_any_axes() {
    for (axes, keep_dims) in [(vec![1], false), (vec![1], true), (vec![2], false), (vec![1, 3], false), (vec![0, 1, 2, 3], false)] {
        let mut build = Build::new(&[1, 1, 6, 5]);
        let x = build.x;
        let a = build.conv("a", x, &[4, 1, 1, 1], 1);
        let reductions = [Reduction::Max, Reduction::Min, Reduction::Sum];
        let mut outputs = vec![build.node("mean", Op::ReduceMean { axes: axes.clone(), keep_dims }, &[a])];
        for op in reductions {
            outputs.push(build.node(op.name(), Op::Reduce { op, axes: axes.clone(), keep_dims }, &[a]));
        }
        assert_lowers(build.finish(&outputs));
    }
}

#[test]
fn padding_and_softmax_on_any_axis() {
    for axis in [1, 2, 3] {
        let mut build = Build::new(&[1, 1, 6, 5]);
        let x = build.x;
        let a = convolve(&mut build, "a", x, &[4, 1, 1, 1], Window::new(&[1, 1]), 1);
        let pad = Op::Pad { before: vec![0, 1, 0, 2], after: vec![0, 0, 1, 1], value: -0.5 };
        let padded = build.node("pad", pad, &[a]);
        let y = build.node("softmax", Op::Softmax { axis }, &[padded]);
        assert_lowers(build.finish(&[padded, y]));
    }
}

#[test]
fn every_unary_function() {
    for unary in [
        Unary::Abs,
        Unary::Clip { min: -0.5, max: 0.75 },
        Unary::Elu { alpha: 1.0 },
        Unary::Erf,
        Unary::Exp,
        Unary::Gelu { tanh: false },
        Unary::Gelu { tanh: true },
        Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Unary::HardSwish,
        Unary::LeakyRelu { alpha: 0.1 },
        Unary::Mish,
        Unary::Neg,
        Unary::Pow { exponent: 2.0 },
        Unary::Relu,
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Softplus,
        Unary::Softsign,
        Unary::Tanh,
    ] {
        let mut build = Build::new(&[1, 64]);
        let x = build.x;
        let y = build.node("y", Op::Unary(unary), &[x]);
        assert_eq!(ops(&assert_lowers(build.finish(&[y]))), ["table"], "{unary:?}");
    }
    // Of positive numbers only.
    for unary in [Unary::Log, Unary::Reciprocal, Unary::Sqrt] {
        let mut build = Build::new(&[1, 64]);
        let (x, half) = (build.x, build.values("half", &[], &[0.5]));
        let sigmoid = build.node("sigmoid", Op::Unary(Unary::Sigmoid), &[x]);
        let positive = build.node("positive", binary(Binary::Add), &[sigmoid, half]);
        let y = build.node("y", Op::Unary(unary), &[positive]);
        assert_eq!(ops(&assert_lowers(build.finish(&[y]))), ["table", "add", "table"], "{unary:?}");
    }
}

#[test]
fn extremes_of_two_branches() {
    for op in [Binary::Max, Binary::Min] {
        let mut build = Build::new(&[1, 1, 6, 5]);
        let x = build.x;
        let a = convolve(&mut build, "a", x, &[4, 1, 1, 1], Window::new(&[1, 1]), 1);
        let b = build.conv("b", x, &[4, 1, 1, 1], 1);
        let gate = build.node("gate", Op::Unary(Unary::Sigmoid), &[b]);
        let floor = build.constant("floor", &[4, 1, 1]);
        let y = build.node("y", binary(op), &[a, b]);
        let z = build.node("z", binary(op), &[gate, floor]);
        let both = build.node("both", Op::Binary { op, activation: Activation::RELU6 }, &[y, z]);
        assert_lowers(build.finish(&[y, both]));
    }
}

#[test]
fn slices_and_gathers_in_any_layout() {
    let span = |axis, start, step, len| Span { axis, start, step, len };
    let gather = |axis, indices: &[usize], dims: &[usize]| Op::Gather { axis, indices: indices.to_vec(), dims: dims.to_vec() };
    for (op, expected) in [
        (Op::Slice { spans: vec![span(1, 1, 1, 2)] }, &["strided_slice"][..]),
        (Op::Slice { spans: vec![span(1, 0, 3, 2), span(2, 1, 2, 3), span(3, 4, 1, 1)] }, &["strided_slice"]),
        (Op::Slice { spans: vec![span(3, 4, -2, 3)] }, &["gather"]),
        (Op::Slice { spans: vec![span(1, 3, -1, 4), span(2, 0, 2, 2), span(3, 3, -1, 2)] }, &["strided_slice", "gather", "gather"]),
        (gather(1, &[3, 0, 0], &[3]), &["gather"]),
        (gather(1, &[2], &[]), &["gather"]),
        (gather(2, &[5, 1, 2, 0], &[2, 2]), &["transpose", "gather"]),
    ] {
        let mut build = Build::new(&[1, 1, 6, 5]);
        let x = build.x;
        let a = convolve(&mut build, "a", x, &[4, 1, 1, 1], Window::new(&[1, 1]), 1);
        let y = build.node("y", op, &[a]);
        let z = build.node("z", relu(), &[y]);
        let lowered = assert_lowers(build.finish(&[z]));
        let (first, rest) = (ops(&lowered)[0], &ops(&lowered)[1..=expected.len()]);
        assert_eq!((first, rest), ("conv2d", expected));
    }
}

#[test]
fn images_of_another_size() {
    let modes = [Coordinates::AlignCorners, Coordinates::Asymmetric, Coordinates::HalfPixel];
    let roundings = [Rounding::Ceil, Rounding::Floor, Rounding::PreferCeil, Rounding::PreferFloor];
    let interpolations: Vec<_> = roundings.map(Interpolation::Nearest).into_iter().chain([Interpolation::Linear]).collect();
    for coordinates in modes {
        for &interpolation in &interpolations {
            for sizes in [vec![12, 10], vec![3, 7], vec![9, 1]] {
                let mut build = Build::new(&[1, 1, 6, 5]);
                let x = build.x;
                let a = build.conv("a", x, &[4, 1, 1, 1], 1);
                let y = build.node("y", Op::Resize(Resize { sizes, coordinates, interpolation }), &[a]);
                let name = if interpolation == Interpolation::Linear { "resize_bilinear" } else { "resize_nearest" };
                assert_eq!(ops(&assert_lowers(build.finish(&[y])))[1], name);
            }
        }
    }
    let mut build = Build::new(&[1, 3, 7]);
    let (x, coordinates, interpolation) = (build.x, Coordinates::HalfPixel, Interpolation::Linear);
    let y = build.node("y", Op::Resize(Resize { sizes: vec![14], coordinates, interpolation }), &[x]);
    assert_lowers(build.finish(&[y]));
}

#[test]
fn pixels_and_channels_change_places_in_one_transpose() {
    for op in [
        Op::DepthToSpace { block: 2, channel_first: false },
        Op::DepthToSpace { block: 2, channel_first: true },
        Op::SpaceToDepth { block: 2 },
    ] {
        let mut build = Build::new(&[1, 1, 6, 4]);
        let x = build.x;
        let a = build.conv("a", x, &[8, 1, 1, 1], 1);
        let y = build.node("y", op, &[a]);
        let z = build.node("z", Op::GlobalAveragePool, &[y]);
        let lowered = assert_lowers(build.finish(&[y, z]));
        assert_eq!(ops(&lowered), ["conv2d", "transpose", "mean", "transpose"]);
    }
}

#[test]
fn attention_multiplies_activations() {
    let mut build = Build::new(&[1, 6, 8]);
    let x = build.x;
    let heads = |build: &mut Build, name: &str| {
        let dense = build.dense(name, x, &[8, 8]);
        let split = build.node(&format!("{name}_split"), reshape(&[1, 6, 2, 4]), &[dense]);
        build.node(&format!("{name}_heads"), transpose(&[0, 2, 1, 3]), &[split])
    };
    let [q, k, v] = ["q", "k", "v"].map(|name| heads(&mut build, name));
    let keys = build.node("keys", transpose(&[0, 1, 3, 2]), &[k]);
    let scores = build.node("scores", Op::MatMul, &[q, keys]);
    let weights = build.node("weights", Op::Softmax { axis: 3 }, &[scores]);
    let mixed = build.node("mixed", Op::MatMul, &[weights, v]);
    let back = build.node("back", transpose(&[0, 2, 1, 3]), &[mixed]);
    let y = build.node("y", reshape(&[1, 6, 8]), &[back]);
    let lowered = assert_lowers(build.finish(&[y]));
    assert_eq!(ops(&lowered).iter().filter(|&&op| op == "batch_matmul").count(), 2);
    assert_eq!(ops(&lowered).iter().filter(|&&op| op == "transpose").count(), 4);
}

#[test]
fn products_broadcast_and_read_transposed_operands_as_they_lie() {
    let mut build = Build::new(&[2, 3, 4]);
    let x = build.x;
    let turned = build.node("turned", transpose(&[0, 2, 1]), &[x]);
    let square = build.node("square", Op::MatMul, &[x, turned]);
    let sides = build.constant("sides", &[2, 4, 5]);
    let product = build.node("product", Op::MatMul, &[x, sides]);
    let other = build.constant("other", &[5, 1, 3, 2]);
    let many = build.node("many", Op::MatMul, &[turned, other]);
    assert_eq!(ops(&assert_lowers(build.finish(&[square, product, many]))), ["batch_matmul", "batch_matmul", "transpose", "batch_matmul"]);
}

#[test]
fn a_channel_shuffle_is_one_transpose() {
    let mut build = Build::new(&[1, 1, 4, 3]);
    let x = build.x;
    let a = convolve(&mut build, "a", x, &[6, 1, 1, 1], Window::new(&[1, 1]), 1);
    let split = build.node("split", reshape(&[1, 2, 3, 4, 3]), &[a]);
    let turned = build.node("turned", transpose(&[0, 2, 1, 3, 4]), &[split]);
    let joined = build.node("joined", reshape(&[1, 6, 4, 3]), &[turned]);
    let y = build.conv("b", joined, &[2, 6, 1, 1], 1);
    assert_eq!(ops(&assert_lowers(build.finish(&[y]))), ["conv2d", "transpose", "conv2d", "transpose"]);
}

#[test]
fn outputs_that_only_rename_an_input() {
    let mut build = Build::new(&[1, 6]);
    let x = build.x;
    let y = build.node("y", Op::Reshape { shape: Shape::new([2usize, 3]) }, &[x]);
    assert_lowers(build.finish(&[y]));
}
