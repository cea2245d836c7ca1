//! What models become: names, layouts, edges, hybrids.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use common::Value::{I32, U8};
use common::{FLOAT32, INT32, Operator, Spec, Tensor, run};
use edgectl_graph::{DType, Graph, Op};
use edgectl_tflite::{Model, Warning};

const FLOAT16: u8 = 1;
const UINT8: u8 = 3;

fn ops(graph: &Graph) -> Vec<&str> {
    graph.nodes().iter().map(|node| node.op.name()).collect()
}

fn name(graph: &Graph, id: edgectl_graph::TensorId) -> &str {
    &graph.tensor(id).name
}

/// `x` and `z` are added and pooled, in float.
fn chain() -> Spec {
    let shape = [1, 4, 4, 2];
    let tensors = vec![
        Tensor::new("x", FLOAT32, &shape),
        Tensor::new("pool", FLOAT32, &shape),
        Tensor::f32s("c", &[2], &[1.0, 2.0]),
        Tensor::new("sum", FLOAT32, &shape),
        Tensor::new("y", FLOAT32, &shape),
    ];
    let pool = [(1, I32(1)), (2, I32(1)), (3, I32(2)), (4, I32(2))];
    let operators =
        vec![Operator::new(17, &[0], &[1], &pool), Operator::new(0, &[1, 2], &[3], &[(0, U8(1))]), Operator::new(17, &[3], &[4], &pool)];
    Spec::new(tensors, operators, &[0], &[4])
}

#[test]
fn what_is_computed_with_channels_first_stays_there() {
    let graph = chain().float();
    assert_eq!(ops(&graph), ["Transpose", "MaxPool", "Add", "MaxPool", "Transpose"]);
    let sum = graph.find("sum").unwrap();
    assert_eq!(graph.fixed_shape(sum).unwrap(), [1, 2, 4, 4]);
    assert_eq!(graph.fixed_shape(graph.find("c").unwrap()).unwrap(), [1, 2, 1, 1]);
    assert_eq!((name(&graph, graph.inputs()[0]), name(&graph, graph.outputs()[0])), ("x", "y"));
    assert_eq!(graph.fixed_shape(graph.outputs()[0]).unwrap(), [1, 4, 4, 2]);
}

#[test]
fn signatures_name_inputs_and_outputs() {
    let names = |name: &str, tensor| vec![(name.to_owned(), tensor)];
    let spec = Spec { signature: Some((names("image", 0), names("pool", 4))), ..chain() };
    let graph = spec.float();
    assert_eq!((name(&graph, graph.inputs()[0]), name(&graph, graph.outputs()[0])), ("image", "pool"));
    assert!(graph.find("x").is_none(), "the input has one name");
    assert_eq!(spec.import().unwrap().description, "made by a test");
}

#[test]
fn names_that_are_not_unique_are_told_apart() {
    let mut spec = chain();
    spec.tensors.iter_mut().for_each(|tensor| tensor.name = "t".into());
    let graph = spec.float();
    assert_eq!(name(&graph, graph.inputs()[0]), "t");
}

#[test]
fn a_flatten_of_keras_is_a_reshape() {
    let tensors = vec![
        Tensor::int8("x", &[1, 2, 2, 2], 0.5, 3),
        Tensor::new("shape", INT32, &[4]),
        Tensor::int32s("zero", &[1], &[0]),
        Tensor::int32s("one", &[1], &[1]),
        Tensor::new("batch", INT32, &[]),
        Tensor::int32s("eight", &[], &[8]),
        Tensor::new("target", INT32, &[2]),
        Tensor::int8("y", &[1, 8], 0.5, 3),
    ];
    let operators = vec![
        Operator::new(77, &[0], &[1], &[]),
        Operator::new(45, &[1, 2, 3, 3], &[4], &[(4, I32(1))]),
        Operator::new(83, &[4, 5], &[6], &[(0, I32(2))]),
        Operator::new(22, &[0, 6], &[7], &[]),
    ];
    let quantized = Spec::new(tensors, operators, &[0], &[7]).int8();
    assert_eq!(ops(quantized.graph()), ["Reshape"]);
}

/// `x` of some type is quantized, goes through ReLU, and is dequantized to some type.
fn edges(outside: u8) -> Spec {
    let (scales, zero_points) = (vec![0.5], vec![131]);
    let outer = |name| match outside {
        UINT8 => Tensor { scales: scales.clone(), zero_points: zero_points.clone(), ..Tensor::new(name, UINT8, &[1, 4]) },
        _ => Tensor::new(name, outside, &[1, 4]),
    };
    let tensors = vec![outer("x"), Tensor::int8("q", &[1, 4], 0.5, 3), Tensor::int8("r", &[1, 4], 0.5, 3), outer("y")];
    let back = if outside == UINT8 { 114 } else { 6 };
    let operators = vec![Operator::new(114, &[0], &[1], &[]), Operator::new(19, &[1], &[2], &[]), Operator::new(back, &[2], &[3], &[])];
    Spec::new(tensors, operators, &[0], &[3])
}

#[test]
fn conversions_at_the_edges_go() {
    for outside in [FLOAT32, UINT8] {
        let quantized = edges(outside).int8();
        let graph = quantized.graph();
        assert_eq!(ops(graph), ["Relu"]);
        assert_eq!((name(graph, graph.inputs()[0]), name(graph, graph.outputs()[0])), ("x", "y"));
        assert_eq!(quantized.params(graph.inputs()[0]).unwrap().zero_point, 3);
    }
    let mut shifted = edges(UINT8);
    shifted.tensors[0].zero_points = vec![130];
    assert_eq!(shifted.error(), "tensor \"x\": expected int8, found uint8");
}

#[test]
fn weights_in_a_narrower_type_make_a_hybrid() {
    let narrow = [
        Tensor { data: Some(vec![2, 0xfe]), ..Tensor::int8("w", &[1, 2], 0.5, 0) },
        Tensor { data: Some(vec![0x00, 0x3c, 0x00, 0xbc]), ..Tensor::new("w", FLOAT16, &[1, 2]) },
    ];
    let warnings = [Warning::Hybrid { int8: 1, float16: 0 }, Warning::Hybrid { int8: 0, float16: 1 }];
    for (weights, warning) in narrow.into_iter().zip(warnings) {
        // Read as they are, and behind DEQUANTIZE.
        for behind in [false, true] {
            let tensors = vec![
                Tensor::new("x", FLOAT32, &[1, 2]),
                weights.clone(),
                Tensor::new("wide", FLOAT32, &[1, 2]),
                Tensor::new("y", FLOAT32, &[1, 1]),
            ];
            let dense = Operator::new(9, &[0, if behind { 2 } else { 1 }, -1], &[3], &[]);
            let operators = if behind { vec![Operator::new(6, &[1], &[2], &[]), dense] } else { vec![dense] };
            let imported = Spec::new(tensors, operators, &[0], &[3]).import().unwrap();
            assert_eq!(imported.warnings, std::slice::from_ref(&warning));
            let Model::Float(graph) = imported.model else { panic!("not float") };
            assert_eq!(ops(&graph), ["Dense"]);
            assert_eq!(graph.literal(graph.nodes()[0].input(1).unwrap()).unwrap().as_f32().unwrap(), [1.0, -1.0]);
        }
    }
    let text = "a hybrid model: its operators compute in float; its 3 int8 and 1 float16 constants became float32";
    assert_eq!(Warning::Hybrid { int8: 3, float16: 1 }.to_string(), text);
}

#[test]
fn operators_in_both_arithmetics_become_float() {
    let tensors = vec![
        Tensor::int8("x", &[1, 4], 0.5, 3),
        Tensor::int8("r", &[1, 4], 0.5, 3),
        Tensor::new("f", FLOAT32, &[1, 4]),
        Tensor::new("y", FLOAT32, &[1, 4]),
    ];
    let operators = vec![Operator::new(19, &[0], &[1], &[]), Operator::new(6, &[1], &[2], &[]), Operator::new(28, &[2], &[3], &[])];
    let imported = Spec::new(tensors, operators, &[0], &[3]).import().unwrap();
    assert_eq!(imported.warnings, [Warning::Mixed { int8: 1, float: 1 }]);
    assert_eq!(imported.warnings[0].to_string(), "1 of 2 operators compute in int8, the others in float: all became float");
    let Model::Float(graph) = imported.model else { panic!("not float") };
    assert_eq!(ops(&graph), ["Relu", "Identity", "Tanh"]);
}

#[test]
fn float_operators_without_a_typed_form_are_opaque() {
    let tensors = vec![Tensor::new("x", FLOAT32, &[1, 4]), Tensor::int32s("axis", &[], &[1]), Tensor::new("y", INT32, &[1])];
    let graph = Spec::new(tensors, vec![Operator::new(105, &[0, 1], &[2], &[])], &[0], &[2]).float();
    let Op::Opaque(opaque) = &graph.nodes()[0].op else { panic!("not opaque") };
    assert_eq!((&*opaque.domain, &*opaque.op_type, &*opaque.reason), ("tflite", "REVERSE_V2", ""));
    assert_eq!(graph.tensor(graph.outputs()[0]).fact.as_ref().unwrap().dtype, DType::I32);
    let error = graph.require_deployable().unwrap_err().to_string();
    assert_eq!(error, "node \"y\": operator tflite.REVERSE_V2 is not supported");
}

#[test]
fn padding_with_a_number_takes_it_as_it_is() {
    let tensors = vec![
        Tensor::int8("x", &[1, 2], 0.5, 3),
        Tensor::int32s("amounts", &[2, 2], &[0, 0, 1, 2]),
        Tensor { data: Some(vec![0x85]), ..Tensor::int8("value", &[], 0.25, 0) },
        Tensor::int8("y", &[1, 5], 0.5, 3),
    ];
    let quantized = Spec::new(tensors, vec![Operator::new(60, &[0, 1, 2], &[3], &[])], &[0], &[3]).int8();
    assert_eq!(run(&quantized, &[vec![7, -7]]), [-123, 7, -7, -123, -123]);
}

#[test]
fn a_dense_layer_takes_rows_of_any_input() {
    for (keep, shape) in [(0, vec![3, 1]), (1, vec![1, 3, 1])] {
        let tensors = vec![
            Tensor::int8("x", &[1, 3, 2], 1.0, 0),
            Tensor { data: Some(vec![1, 2]), ..Tensor::int8("w", &[1, 2], 1.0, 0) },
            Tensor::int8("y", &shape, 1.0, 0),
        ];
        let quantized = Spec::new(tensors, vec![Operator::new(9, &[0, 1, -1], &[2], &[(2, U8(keep))])], &[0], &[2]).int8();
        assert_eq!(run(&quantized, &[vec![1, 2, 3, 4, 5, 6]]), [5, 11, 17]);
    }
}

#[test]
fn a_pooling_with_an_activation_is_clamped_behind_it() {
    let tensors = vec![Tensor::int8("x", &[1, 1, 4, 1], 0.5, 3), Tensor::int8("y", &[1, 1, 2, 1], 0.5, 3)];
    let options = [(1, I32(2)), (2, I32(1)), (3, I32(2)), (4, I32(1)), (5, U8(3))];
    let quantized = Spec::new(tensors, vec![Operator::new(17, &[0], &[1], &options)], &[0], &[1]).int8();
    assert_eq!(run(&quantized, &[vec![-100, 1, 14, 90]]), [3, 15]);
}
