//! The scheme on small graphs: who shares parameters with whom, and what is refused.
#![allow(clippy::unwrap_used)]

use edgectl_graph::{Activation, Binary, Conv, Fact, Graph, Literal, Op, QuantConst, QuantGraph, Shape, TensorId, Unary, Window};
use edgectl_quantize::{Calibration, Calibrator, QuantizeError, QuantizeOptions, prepare, quantize};

fn input(graph: &mut Graph, shape: &[usize]) -> TensorId {
    graph.add_input("x", Fact::f32(Shape::new(shape.iter().copied())))
}

fn unary(graph: &mut Graph, op: Unary, x: TensorId, name: &str) -> TensorId {
    graph.add_node(name, Op::Unary(op), vec![Some(x)], name).unwrap()
}

fn concat(graph: &mut Graph, inputs: &[TensorId], name: &str) -> TensorId {
    graph.add_node(name, Op::Concat { axis: 1 }, inputs.iter().copied().map(Some).collect(), name).unwrap()
}

fn dense(graph: &mut Graph, x: TensorId, weights: &[f32], bias: &[f32], name: &str) -> TensorId {
    let columns = weights.len() / bias.len();
    let w = graph.add_constant(format!("{name}.w"), Literal::f32([bias.len(), columns], weights).unwrap());
    let b = graph.add_constant(format!("{name}.b"), Literal::f32([bias.len()], bias).unwrap());
    graph.add_node(name, Op::Dense { activation: Activation::NONE }, vec![Some(x), Some(w), Some(b)], name).unwrap()
}

/// Prepares, shows every observed tensor the same values, quantizes.
fn quantized(mut graph: Graph, values: &[f32]) -> QuantGraph {
    prepare(&mut graph).unwrap();
    let mut calibration = Calibration::new(&graph, Calibrator::MinMax);
    let tensors = calibration.observed().count();
    calibration.observe(vec![values; tensors].into_iter()).unwrap();
    quantize(graph, &calibration.ranges().unwrap(), QuantizeOptions::default()).unwrap()
}

fn params(quantized: &QuantGraph, name: &str) -> (f32, i8) {
    let params = quantized.params(quantized.graph().find(name).unwrap()).unwrap();
    (params.scale, params.zero_point)
}

#[test]
fn a_concatenation_and_all_that_only_moves_bytes_share_one_scale() {
    let mut graph = Graph::new("shared");
    let x = input(&mut graph, &[1, 4]);
    let relu = unary(&mut graph, Unary::Relu, x, "relu");
    let joined = concat(&mut graph, &[x, relu], "joined");
    let flat = graph.add_node("flat", Op::Reshape { shape: Shape::new([8]) }, vec![Some(joined)], "flat").unwrap();
    graph.add_output(flat);
    let quantized = quantized(graph, &[-1.0, 3.0]);
    assert_eq!(params(&quantized, "x"), (4.0 / 255.0, -64));
    for name in ["relu", "joined", "flat"] {
        assert_eq!(params(&quantized, name), params(&quantized, "x"), "{name}");
    }
}

#[test]
fn a_fixed_scale_meets_another_through_a_requantization() {
    let mut graph = Graph::new("fixed");
    let x = input(&mut graph, &[1, 4]);
    let sigmoid = unary(&mut graph, Unary::Sigmoid, x, "sigmoid");
    let joined = concat(&mut graph, &[x, sigmoid], "joined");
    graph.add_output(joined);
    graph.add_output(sigmoid);
    let quantized = quantized(graph, &[-1.0, 3.0]);
    assert_eq!(params(&quantized, "sigmoid"), (1.0 / 256.0, -128));
    assert_eq!(params(&quantized, "sigmoid/requantized"), params(&quantized, "joined"));
    assert_eq!(params(&quantized, "joined"), params(&quantized, "x"));
}

#[test]
fn equal_fixed_scales_need_no_requantization() {
    let mut graph = Graph::new("fixed");
    let x = input(&mut graph, &[1, 4]);
    let (a, b) = (unary(&mut graph, Unary::Sigmoid, x, "a"), unary(&mut graph, Unary::Sigmoid, x, "b"));
    let joined = concat(&mut graph, &[a, b], "joined");
    graph.add_output(joined);
    let quantized = quantized(graph, &[-1.0, 3.0]);
    assert_eq!(quantized.graph().nodes().len(), 3);
    assert_eq!(params(&quantized, "joined"), (1.0 / 256.0, -128));
}

#[test]
fn padding_widens_the_range_to_its_value() {
    let mut graph = Graph::new("pad");
    let x = input(&mut graph, &[1, 4]);
    let op = Op::Pad { before: vec![0, 1], after: vec![0, 1], value: -5.0 };
    let padded = graph.add_node("pad", op, vec![Some(x)], "padded").unwrap();
    graph.add_output(padded);
    assert_eq!(params(&quantized(graph, &[0.0, 10.0]), "x"), (15.0 / 255.0, -43));
}

#[test]
fn a_shared_bias_gets_one_form_per_layer() {
    let mut graph = Graph::new("shared bias");
    let x = input(&mut graph, &[1, 2]);
    let first = dense(&mut graph, x, &[1.0, 0.0, 0.0, 127.0], &[1.0, -1.0], "first");
    let w = graph.add_constant("second.w", Literal::f32([2, 2], vec![254.0, 0.0, 0.0, 1.0]).unwrap());
    let b = graph.find("first.b");
    let second = graph.add_node("second", Op::Dense { activation: Activation::RELU }, vec![Some(first), Some(w), b], "second").unwrap();
    graph.add_output(second);
    let quantized = quantized(graph, &[0.0, 255.0]);
    let bias = |name: &str| match quantized.constant(quantized.graph().find(name).unwrap()) {
        Some(QuantConst::Bias { values }) => values.to_vec(),
        other => panic!("{other:?}"),
    };
    // Input scale 1; weight scales 1/127 and 1, then 2 and 1/127.
    assert_eq!((bias("first.b"), bias("first.b_1")), (vec![127, -1], vec![0, -127]));
}

#[test]
fn weights_are_quantized_per_output_channel() {
    let mut graph = Graph::new("granularity");
    let x = input(&mut graph, &[1, 1, 2]);
    let w = graph.add_constant("w", Literal::f32([2, 1, 1], vec![1.0, 100.0]).unwrap());
    let conv = Conv { window: Window::new(&[1]), groups: 1, activation: Activation::NONE };
    let y = graph.add_node("conv", Op::Conv(conv), vec![Some(x), Some(w)], "y").unwrap();
    let flat = graph.add_node("flat", Op::Reshape { shape: Shape::new([1usize, 4]) }, vec![Some(y)], "flat").unwrap();
    let z = dense(&mut graph, flat, &[1.0, 0.0, 0.0, 0.0, 100.0, 0.0, 0.0, 0.0], &[0.0, 0.0], "dense");
    graph.add_output(z);
    let quantized = quantized(graph, &[0.0, 1.0]);
    let scales = |name: &str| match quantized.constant(quantized.graph().find(name).unwrap()) {
        Some(QuantConst::Weights { scales, .. }) => scales.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((scales("w"), scales("dense.w")), (2, 2));
}

#[test]
fn what_cannot_be_int8_is_named() {
    let mut graph = Graph::new("refused");
    let x = input(&mut graph, &[4, 4]);
    let gemm = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false };
    let y = graph.add_node("product", gemm, vec![Some(x), Some(x)], "y").unwrap();
    graph.add_output(y);
    let error = prepare(&mut graph).unwrap_err();
    assert_eq!(error.to_string(), "node \"product\": operator Gemm has no int8 form: neither operand is a constant matrix");
}

#[test]
fn values_that_are_not_finite_are_refused() {
    let mut graph = Graph::new("nan");
    let x = input(&mut graph, &[1, 4]);
    let y = unary(&mut graph, Unary::Relu, x, "y");
    graph.add_output(y);
    let mut calibration = Calibration::new(&graph, Calibrator::MinMax);
    let error = calibration.observe([&[1.0][..], &[f32::NAN][..]].into_iter()).unwrap_err();
    assert_eq!(error.to_string(), "tensor \"y\": expected finite values, found NaN");
    assert!(matches!(calibration.ranges(), Err(QuantizeError::NoSamples)));

    let mut graph = Graph::new("constant");
    let x = input(&mut graph, &[1, 2]);
    let c = graph.add_constant("c", Literal::f32([2], vec![1.0, f32::INFINITY]).unwrap());
    let op = Op::Binary { op: Binary::Add, activation: Activation::NONE };
    let y = graph.add_node("add", op, vec![Some(x), Some(c)], "y").unwrap();
    graph.add_output(y);
    let mut calibration = Calibration::new(&graph, Calibrator::MinMax);
    calibration.observe([&[1.0][..], &[2.0][..]].into_iter()).unwrap();
    let error = quantize(graph, &calibration.ranges().unwrap(), QuantizeOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "constant \"c\": expected finite values, found inf at element 1");
}

#[test]
fn calibration_does_not_depend_on_order_or_partition_nor_grow() {
    let mut graph = Graph::new("order");
    let x = input(&mut graph, &[1, 3]);
    let y = unary(&mut graph, Unary::HardSwish, x, "y");
    graph.add_output(y);
    let samples: Vec<Vec<f32>> = (0..50).map(|i| (0..3).map(|j| ((i * 7 + j * 13) % 23) as f32 - 11.5).collect()).collect();
    for calibrator in [Calibrator::MinMax, Calibrator::Percentile { percent: 99.0 }] {
        let mut whole = Calibration::new(&graph, calibrator);
        let (mut a, mut b) = (whole.fork(), whole.fork());
        let bytes = whole.bytes();
        for (i, sample) in samples.iter().enumerate() {
            whole.observe([&sample[..], &sample[..]].into_iter()).unwrap();
            let part = if i % 3 == 0 { &mut a } else { &mut b };
            part.observe([&sample[..], &sample[..]].into_iter()).unwrap();
        }
        b.merge(&a);
        assert_eq!(b.ranges().unwrap(), whole.ranges().unwrap());
        assert_eq!(whole.bytes(), bytes);
        assert_eq!(whole.ranges().unwrap().samples(), 50);
    }
}
