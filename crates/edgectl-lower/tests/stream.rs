//! A window that slides: once the program that takes new columns has seen a whole window, it gives the bytes of the one that takes the
//! window.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests of the graph crate")]
#[path = "../../edgectl-graph/tests/suite/support/mod.rs"]
mod support;

use edge_format::{AlignedBytes, Program};
use edge_runtime::{Interpreter, Resolver};
use edgectl_graph::{Activation, Binary, Conv, Graph, Op, QuantGraph, TensorId, Unary, Window};
use edgectl_lower::{LowerOptions, Lowered, Streaming, lower, stream};
use edgectl_quantize::{Calibrator, Int16, QuantizeError, Recipe, prepare};
use support::eval::{Array, evaluate};
use support::random::Random;
use support::{Build, binary, reshape, transpose};

fn quantized(mut graph: Graph) -> QuantGraph {
    prepare(&mut graph).unwrap();
    let recipe = Recipe { calibrator: Calibrator::MinMax, methods: vec![], ..Recipe::default() };
    let shape = graph.fixed_shape(graph.inputs()[0]).unwrap();
    let calibrated = recipe.calibrate(graph, |graph, seen| -> Result<(), QuantizeError> {
        let mut random = Random::new(3);
        let mut observed = graph.clone();
        let outputs = observed.outputs().len();
        seen.observed().collect::<Vec<TensorId>>().into_iter().for_each(|id| observed.add_output(id));
        for _ in 0..8 {
            let values = random.values(shape.iter().product()).into_iter().map(f64::from).collect();
            let results = evaluate(&observed, &[Array { shape: shape.clone(), values }]);
            let shown: Vec<Vec<f32>> = results[outputs..].iter().map(|array| array.values.iter().map(|&x| x as f32).collect()).collect();
            seen.observe(shown.iter().map(Vec::as_slice))?;
        }
        Ok(())
    });
    calibrated.unwrap().quantize(&Int16::None).unwrap().graph
}

/// Sliding both ways over a stream of columns, and comparing from the first full window on. Gives both programs.
fn assert_streams(graph: Graph, axis: usize, hop: usize) -> [Lowered; 2] {
    let whole = quantized(graph);
    let shape = whole.graph().fixed_shape(whole.graph().inputs()[0]).unwrap();
    let streaming = stream(&whole, Streaming { axis, hop }).unwrap();
    let lowered = [&whole, &streaming].map(|graph| lower(graph, &LowerOptions::default()).unwrap());
    let bytes = lowered.each_ref().map(|lowered| AlignedBytes::from(&lowered.program[..]));
    let programs = bytes.each_ref().map(|bytes| Program::parse(bytes).unwrap());
    let mut arenas = programs.map(|program| AlignedBytes::zeroed(program.arena_bytes() as usize));
    let [whole_arena, streaming_arena] = &mut arenas;
    let mut whole = Interpreter::new(programs[0], whole_arena, Resolver::all()).unwrap();
    let mut streaming = Interpreter::new(programs[1], streaming_arena, Resolver::all()).unwrap();

    let (window, outer): (usize, usize) = (shape[axis], shape[..axis].iter().product());
    let inner: usize = shape[axis + 1..].iter().product();
    let warm_up = window.div_ceil(hop);
    let columns = (warm_up + 7) * hop;
    let mut random = Random::new(9);
    let data: Vec<i8> = (0..outer * columns * inner).map(|_| random.below(256) as u8 as i8).collect();
    // Columns `from..to`, in the order of a window's input.
    let part = |from: usize, to: usize| -> Vec<i8> {
        (0..outer).flat_map(|row| data[(row * columns + from) * inner..(row * columns + to) * inner].to_vec()).collect()
    };
    let mut compared = 0;
    for step in 1..=warm_up + 7 {
        streaming.input_mut(0).unwrap().copy_from_slice(&part((step - 1) * hop, step * hop));
        streaming.invoke().unwrap();
        if step >= warm_up {
            whole.input_mut(0).unwrap().copy_from_slice(&part(step * hop - window, step * hop));
            whole.invoke().unwrap();
            for output in 0..programs[0].outputs().count() {
                assert_eq!(streaming.output(output).unwrap(), whole.output(output).unwrap(), "output {output} of step {step}");
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
    lowered
}

fn convolve(build: &mut Build, name: &str, x: TensorId, filter: &[usize], window: Window, groups: usize) -> TensorId {
    let weights = build.constant(&format!("{name}_w"), filter);
    let bias = build.constant(&format!("{name}_b"), &filter[..1]);
    build.node(name, Op::Conv(Conv { window, groups, activation: Activation::RELU }), &[x, weights, bias])
}

/// A temporal convolutional network: dense, dilated and strided, depthwise, with a skip of equal columns, pooled.
fn temporal() -> Graph {
    let mut build = Build::new(&[1, 3, 50]);
    let x = build.x;
    let a = convolve(&mut build, "first", x, &[8, 3, 5], Window::new(&[5]), 1);
    let b = convolve(&mut build, "depthwise", a, &[8, 1, 3], Window { dilations: vec![2], ..Window::new(&[3]) }, 8);
    let c = convolve(&mut build, "pointwise", b, &[8, 8, 1], Window::new(&[1]), 1);
    let scale = build.constant("scale", &[1, 8, 1]);
    let d = build.node("scaled", binary(Binary::Mul), &[c, scale]);
    let e = build.node("sum", binary(Binary::Add), &[c, d]);
    let f = build.node("tanh", Op::Unary(Unary::Tanh), &[e]);
    let g = build.node("pool", Op::MaxPool(Window { strides: vec![2], ..Window::new(&[2]) }), &[f]);
    let h = convolve(&mut build, "last", g, &[6, 8, 3], Window::new(&[3]), 1);
    let pooled = build.node("mean", Op::GlobalAveragePool, &[h]);
    let flat = build.node("flat", reshape(&[1, 6]), &[pooled]);
    let y = build.dense("dense", flat, &[4, 6]);
    build.finish(&[y])
}

#[test]
fn a_temporal_network_computes_new_columns_only() {
    let [whole, streaming] = assert_streams(temporal(), 2, 2);
    assert_eq!(whole.report.state_bytes, 0);
    assert!(streaming.report.state_bytes > 0 && streaming.report.arena_bytes < whole.report.arena_bytes);
    let macs = |streaming: Option<usize>| {
        let graph = quantized(temporal());
        let graph = streaming.map_or(graph.clone(), |hop| stream(&graph, Streaming { axis: 2, hop }).unwrap());
        graph.graph().total_cost().macs
    };
    assert!(macs(Some(2)) * 10 < macs(None), "{} of {} MACs", macs(Some(2)), macs(None));
}

#[test]
fn hops_of_any_size_that_the_strides_divide() {
    for hop in [4, 6, 10] {
        assert_streams(temporal(), 2, hop);
    }
}

#[test]
fn images_whose_rows_are_time_and_a_flattened_end() {
    let mut build = Build::new(&[1, 1, 30, 7]);
    let x = build.x;
    let a =
        convolve(&mut build, "first", x, &[4, 1, 4, 3], Window { strides: vec![2, 1], pads_begin: vec![0, 1], ..Window::new(&[4, 3]) }, 1);
    let b = convolve(&mut build, "depthwise", a, &[4, 1, 3, 3], Window::new(&[3, 3]), 4);
    let turned = build.node("turned", transpose(&[0, 2, 1, 3]), &[b]);
    let flat = build.node("flat", reshape(&[1, 12 * 4 * 4]), &[turned]);
    let y = build.dense("dense", flat, &[3, 12 * 4 * 4]);
    assert_streams(build.finish(&[y]), 2, 2);
}

#[test]
fn what_cannot_stream_is_named() {
    let refusal = |graph: Graph, axis, hop| stream(&quantized(graph), Streaming { axis, hop }).unwrap_err().to_string();
    let padded = || {
        let mut build = Build::new(&[1, 3, 20]);
        let x = build.x;
        let same = Window { pads_begin: vec![1], pads_end: vec![1], ..Window::new(&[3]) };
        let y = convolve(&mut build, "same", x, &[4, 3, 3], same, 1);
        build.finish(&[y])
    };
    let padding = "node \"same\": operator Conv cannot work on a stream: it pads the time axis, so that columns near the ends of a window are not those of the next window";
    assert_eq!(refusal(padded(), 2, 1), padding);
    let stride =
        "node \"pool\": operator MaxPool cannot work on a stream: its stride of 2 does not divide the 3 new columns of an invocation";
    assert_eq!(refusal(temporal(), 2, 3), stride);
    let hop = "node \"x\": operator input cannot work on a stream: expected a hop from 1 to 49, found 50, along axis 2 of [1, 3, 50]";
    assert_eq!(refusal(temporal(), 2, 50), hop);
    let mut build = Build::new(&[1, 20]);
    let x = build.x;
    let y = build.dense("dense", x, &[4, 20]);
    let whole = "node \"dense\": operator Dense cannot work on a stream: it needs the whole window before any convolution or pooling";
    assert_eq!(refusal(build.finish(&[y]), 1, 2), whole);
}
