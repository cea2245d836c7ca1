//! Operators that passes make, which ONNX does not have in one piece, at every opset.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use edgectl_graph::{Activation, Binary, Conv, Graph, Literal, Op, Shape, Span, TensorId, Unary, Window};
use edgectl_onnx::proto::{ModelProto, NodeProto};
use edgectl_onnx::{ExportOptions, ImportOptions, OnnxError, export, import};
use prost::Message;

fn constant(graph: &mut Graph, name: &str, shape: &[usize]) -> TensorId {
    let len: usize = shape.iter().product();
    let values: Vec<f32> = (0..len).map(|i| ((i * 7 + name.len()) % 11) as f32 * 0.2 - 1.0).collect();
    graph.add_constant(name, Literal::f32(shape, values).unwrap())
}

fn add(graph: &mut Graph, op: Op, inputs: &[TensorId], name: &str) -> TensorId {
    graph.add_node(format!("{name}_node"), op, inputs.iter().copied().map(Some).collect(), name).unwrap()
}

/// A graph of this opset with operators as the passes leave them.
fn built(opset: i64) -> Graph {
    let start = model(opset, graph(&[2, 3, 4], vec![node("Relu", &["x"], "y")], vec![]));
    let mut graph = import(&start.encode_to_vec(), &ImportOptions::default()).unwrap().graph;
    let g = &mut graph;
    let x = g.find("x").unwrap();
    let dense = |activation| Op::Dense { activation };
    let (w, b) = (constant(g, "w", &[5, 4]), constant(g, "bias", &[5]));
    let rows = add(g, dense(Activation::RELU6), &[x, w, b], "rows");
    let square = constant(g, "square", &[5, 5]);
    let plain = add(g, dense(Activation::NONE), &[rows, square], "plain");
    let flat = add(g, Op::Reshape { shape: Shape::new([6, 5]) }, &[plain], "flat");
    let again = constant(g, "again", &[5, 5]);
    let matrix = add(g, dense(Activation::RELU), &[flat, again, b], "matrix");
    let narrow = constant(g, "narrow", &[2, 5]);
    let bare = add(g, dense(Activation { min: -1.0, max: f32::INFINITY }), &[matrix, narrow], "bare");
    let computed = add(g, Op::Unary(Unary::Tanh), &[w], "computed");
    let product = add(g, dense(Activation::NONE), &[x, computed], "product");
    let conv = Op::Conv(Conv { window: Window::new(&[2]), groups: 1, activation: Activation::RELU6 });
    let filter = constant(g, "filter", &[2, 3, 2]);
    let conv = add(g, conv, &[x, filter], "conv");
    let sum = Op::Binary { op: Binary::Sub, activation: Activation { min: f32::NEG_INFINITY, max: 0.5 } };
    let one = constant(g, "one", &[1]);
    let sum = add(g, sum, &[conv, one], "sum");
    let swish = add(g, Op::Unary(Unary::HardSwish), &[sum], "swish");
    let rest = [Unary::Silu, Unary::Mish, Unary::Gelu { tanh: false }, Unary::Gelu { tanh: true }, Unary::Pow { exponent: 2.0 }];
    let curved = rest.iter().enumerate().fold(swish, |x, (i, &unary)| add(g, Op::Unary(unary), &[x], &format!("curve{i}")));
    let nothing = add(g, Op::ReduceMean { axes: vec![], keep_dims: true }, &[curved], "nothing");
    let mean = add(g, Op::ReduceMean { axes: vec![1], keep_dims: false }, &[nothing], "mean");
    let pad = add(g, Op::Pad { before: vec![0, 1], after: vec![1, 0], value: 0.25 }, &[mean], "pad");
    let part = add(g, Op::Slice { spans: vec![Span { axis: 1, start: 1, step: 1, len: 2 }] }, &[pad], "part");
    let picked = add(g, Op::Gather { axis: 0, indices: vec![1, 0, 1, 1], dims: vec![2, 2] }, &[part], "picked");
    for id in [bare, product, picked] {
        g.add_output(id);
    }
    g.check().unwrap();
    graph
}

#[test]
fn what_passes_make_is_written_at_every_opset() {
    for opset in edgectl_onnx::MIN_OPSET..=edgectl_onnx::MAX_OPSET {
        let graph = built(opset);
        let bytes = export(&graph, &ExportOptions::default()).unwrap();
        let imported = import(&bytes, &ImportOptions::default()).unwrap();
        assert_eq!((imported.opset, imported.warnings), (opset, vec![]));
        // Every tensor of the graph is there under its name, and with its shape.
        for node in graph.nodes() {
            let tensor = graph.tensor(node.output().unwrap());
            let found = imported.graph.tensor(imported.graph.find(&tensor.name).unwrap());
            assert_eq!(found.fact, tensor.fact, "{}", tensor.name);
        }
        // For tests/interop/compare.py, which runs them in onnxruntime.
        if let Some(folder) = std::env::var_os("EDGECTL_INTEROP_DIR") {
            std::fs::write(std::path::Path::new(&folder).join(format!("built-{opset:02}.onnx")), bytes).unwrap();
        }
    }
}

#[test]
fn a_fused_activation_is_a_node_of_its_own() {
    let graph = built(13);
    let nodes = ModelProto::decode(&*export(&graph, &ExportOptions::default()).unwrap()).unwrap().graph.unwrap().node;
    let around = |output: &str| {
        let find = |output: &str| nodes.iter().find(|node| node.output[0] == output).unwrap().clone();
        let last = find(output);
        let first = find(&last.input[0]);
        [first, last].map(|node: NodeProto| (node.op_type().to_owned(), node.name().to_owned(), node.output[0].clone()))
    };
    let row = |op: &str, name: &str, output: &str| (op.to_owned(), name.to_owned(), output.to_owned());
    assert_eq!(around("conv"), [row("Conv", "conv_node", "conv/pre_activation"), row("Clip", "conv_node/activation", "conv")]);
    assert_eq!(around("matrix"), [row("Gemm", "matrix_node", "matrix/pre_activation"), row("Relu", "matrix_node/activation", "matrix")]);
    assert_eq!(around("rows/pre_activation")[0], row("MatMul", "rows_node", "rows/pre_bias"));
}

#[test]
fn names_that_are_taken_are_avoided() {
    let nodes = vec![node("Relu", &["x"], "y/shape"), node("Reshape", &["y/shape", "target"], "y")];
    let graph = import(&bytes(&[2, 3], nodes, vec![ints("target", &[6])]), &ImportOptions::default()).unwrap().graph;
    let written = ModelProto::decode(&*export(&graph, &ExportOptions::default()).unwrap()).unwrap().graph.unwrap();
    assert_eq!(written.node[1].input, ["y/shape", "y/shape_1"]);
    assert_eq!(written.initializer[0].name(), "y/shape_1");
}

#[test]
fn a_form_that_the_opset_lacks_is_an_error() {
    let start = model(11, graph(&[2, 3, 4], vec![node("Relu", &["x"], "y")], vec![]));
    let mut graph = import(&start.encode_to_vec(), &ImportOptions::default()).unwrap().graph;
    let x = graph.inputs()[0];
    add(&mut graph, Op::Softmax { axis: 1 }, &[x], "z");
    let error = export(&graph, &ExportOptions::default()).unwrap_err();
    assert!(matches!(error, OnnxError::Inexpressible { opset: 11, .. }));
    assert_eq!(error.to_string(), "node \"z_node\": Softmax cannot be written at opset 11: axis 1 is not the last one");
}

#[test]
fn a_graph_from_elsewhere_gets_an_envelope() {
    let mut graph = Graph::new("made");
    let x = graph.add_input("x", edgectl_graph::Fact::f32(Shape::new([1, 4])));
    let y = add(&mut graph, Op::Unary(Unary::HardSwish), &[x], "y");
    graph.add_output(y);
    let imported = import(&export(&graph, &ExportOptions::default()).unwrap(), &ImportOptions::default()).unwrap();
    assert_eq!((imported.opset, imported.graph.to_string()), (17, graph.to_string()));
}
