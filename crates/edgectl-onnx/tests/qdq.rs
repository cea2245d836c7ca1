//! The quantized export of a small hand-made graph with every form that it has to write.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use edgectl_graph::{
    Activation, Binary, Conv, DType, Dim, Fact, Graph, Literal, Op, QuantConst, QuantGraph, QuantParams, Shape, TensorId, Unary, Window,
};
use edgectl_onnx::proto::{ModelProto, NodeProto};
use edgectl_onnx::{ExportOptions, ImportOptions, QdqOptions, export, export_qdq, import};
use prost::Message;

struct Maker {
    graph: Graph,
    activations: BTreeMap<TensorId, QuantParams>,
    constants: BTreeMap<TensorId, QuantConst>,
}

impl Maker {
    /// Numbers between -1 and 1 that look random and are always the same.
    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..len).map(step).collect()
    }

    /// Weights between `-max` and `max`, with this number of scales.
    fn weights(&mut self, name: &str, shape: &[usize], max: f32, scales: usize) -> TensorId {
        let values: Vec<f32> = Self::noise(shape.iter().product(), name.len() as u32).into_iter().map(|value| value * max).collect();
        let scales = vec![max / 127.0; scales];
        let quantized: Vec<i8> = values.iter().map(|value| (value / scales[0]).round() as i8).collect();
        let id = self.graph.add_constant(name, Literal::f32(shape, values).unwrap());
        self.constants.insert(id, QuantConst::Weights { values: quantized.into(), scales: scales.into() });
        id
    }

    fn bias(&mut self, name: &str, len: usize, input: TensorId, weights: TensorId) -> TensorId {
        let values = Self::noise(len, 77);
        let Some(QuantConst::Weights { scales, .. }) = self.constants.get(&weights) else { panic!("no weights") };
        let scale = self.activations[&input].scale * scales[0];
        let quantized: Vec<i32> = values.iter().map(|value| (value / scale).round() as i32).collect();
        let id = self.graph.add_constant(name, Literal::f32([len], values).unwrap());
        self.constants.insert(id, QuantConst::Bias { values: quantized.into() });
        id
    }

    fn node(&mut self, op: Op, inputs: &[TensorId], name: &str, scale: f32, zero_point: i8) -> TensorId {
        let id = self.graph.add_node(name, op, inputs.iter().copied().map(Some).collect(), format!("{name}_y")).unwrap();
        self.activations.insert(id, QuantParams::int8(scale, zero_point));
        id
    }
}

fn quantized() -> QuantGraph {
    let mut maker = Maker { graph: Graph::new("made"), activations: BTreeMap::new(), constants: BTreeMap::new() };
    let shape = |dims: &[usize]| Fact::f32(Shape::new(dims.iter().copied()));
    let x = maker.graph.add_input("x", shape(&[1, 2, 6, 6]));
    maker.activations.insert(x, QuantParams::int8(2.0 / 255.0, 0));
    let w = maker.weights("conv_w", &[4, 2, 3, 3], 1.0, 4);
    let b = maker.bias("conv_b", 4, x, w);
    let mut window = Window::new(&[3, 3]);
    (window.pads_begin, window.pads_end) = (vec![1, 1], vec![1, 1]);
    let conv = Op::Conv(Conv { window, groups: 1, activation: Activation::RELU6 });
    let y = maker.node(conv, &[x, w, b], "conv", 6.0 / 255.0, -128);
    let operand = maker.graph.add_constant("offset", Literal::f32([4, 1, 1], vec![0.5, -0.5, 1.0, 0.0]).unwrap());
    let params = QuantParams::int8(1.0 / 127.0, 0);
    maker.constants.insert(operand, QuantConst::Operand { values: [64, -64, 127, 0].into(), params });
    let y = maker.node(Op::Binary { op: Binary::Add, activation: Activation::RELU }, &[y, operand], "add", 7.0 / 255.0, -128);
    let y = maker.node(Op::Unary(Unary::HardSwish), &[y], "swish", 7.5 / 255.0, -110);
    let y = maker.node(Op::MaxPool(Window { strides: vec![2, 2], ..Window::new(&[2, 2]) }), &[y], "pool", 7.5 / 255.0, -110);
    let y = maker.node(Op::Identity, &[y], "requantize", 8.0 / 255.0, -112);
    // A layer that keeps its leading axes.
    let y = maker.node(Op::Reshape { shape: Shape::new([1, 4, 9]) }, &[y], "rows", 8.0 / 255.0, -112);
    let w = maker.weights("rows_weights", &[5, 9], 0.5, 5);
    let b = maker.bias("rows_b", 5, y, w);
    let y = maker.node(Op::Dense { activation: Activation::NONE }, &[y, w, b], "dense_rows", 20.0 / 255.0, 0);
    let y = maker.node(Op::Reshape { shape: Shape::new([1, 20]) }, &[y], "flat", 20.0 / 255.0, 0);
    let w = maker.weights("w", &[3, 20], 0.1, 1);
    let b = maker.bias("dense_b", 3, y, w);
    let y = maker.node(Op::Dense { activation: Activation::NONE }, &[y, w, b], "dense", 8.0 / 255.0, 0);
    let y = maker.node(Op::Softmax { axis: 1 }, &[y], "softmax", 1.0 / 256.0, -128);
    maker.graph.add_output(y);
    QuantGraph::new(maker.graph, maker.activations, maker.constants).unwrap()
}

fn decoded(bytes: &[u8]) -> (i64, Vec<NodeProto>, ModelProto) {
    let mut model = ModelProto::decode(bytes).unwrap();
    let nodes = std::mem::take(&mut model.graph.as_mut().unwrap().node);
    (model.opset_import[0].version(), nodes, model)
}

#[test]
fn every_operator_stands_between_pairs() {
    let quantized = quantized();
    let bytes = export_qdq(&quantized, &QdqOptions::default()).unwrap();
    let (opset, nodes, model) = decoded(&bytes);
    assert_eq!(opset, 17);
    let graph = model.graph.as_ref().unwrap();
    assert_eq!((graph.input[0].name(), graph.output[0].name()), ("x", "softmax_y"));
    let producer = |name: &str| nodes.iter().find(|node| node.output[0] == name).map(|node| node.op_type());
    for node in nodes.iter().filter(|node| !node.op_type().ends_with("Linear")) {
        let fused = matches!(node.op_type(), "Clip" | "Relu") || (node.op_type() == "Add" && node.name() == "dense_rows/bias");
        for (index, name) in node.input.iter().enumerate().filter(|(_, name)| !name.contains('/')) {
            assert_eq!(producer(name), Some("DequantizeLinear"), "{} input {index}", node.name());
        }
        assert!(fused || node.input.iter().all(|name| !name.ends_with("/float")), "{}", node.name());
    }
    // Explicit zero points of the type of the data.
    for node in nodes.iter().filter(|node| node.op_type().ends_with("Linear")) {
        let dtype = |name: &str| graph.initializer.iter().find(|tensor| tensor.name() == name).map(|tensor| tensor.data_type());
        let zero_point = dtype(&node.input[2]).unwrap();
        assert_eq!(zero_point, dtype(&node.input[0]).unwrap_or(3), "{}", node.name());
    }
    let names: Vec<_> = nodes.iter().filter(|node| !node.op_type().ends_with("Linear")).map(|node| (node.op_type(), node.name())).collect();
    let expected = [
        ("Conv", "conv"),
        ("Clip", "conv/activation"),
        ("Add", "add"),
        ("Relu", "add/activation"),
        ("HardSwish", "swish"),
        ("MaxPool", "pool"),
        ("Reshape", "rows"),
        ("MatMul", "dense_rows"),
        ("Add", "dense_rows/bias"),
        ("Reshape", "flat"),
        ("Gemm", "dense"),
        ("Softmax", "softmax"),
    ];
    assert_eq!(names, expected);
    // For tests/interop/compare.py, which runs both in onnxruntime.
    if let Some(folder) = std::env::var_os("EDGECTL_INTEROP_DIR") {
        let folder = std::path::Path::new(&folder);
        std::fs::write(folder.join("made.qdq.onnx"), &bytes).unwrap();
        std::fs::write(folder.join("made.float.onnx"), export(quantized.graph(), &ExportOptions::default()).unwrap()).unwrap();
    }
}

#[test]
fn what_is_written_reads_back_with_its_types() {
    let imported = import(&export_qdq(&quantized(), &QdqOptions::default()).unwrap(), &ImportOptions::default()).unwrap();
    assert_eq!(imported.warnings, []);
    assert!(imported.graph.nodes().iter().all(|node| !matches!(node.op, Op::Opaque(_))), "{}", imported.graph);
    let fact = |name: &str| imported.graph.tensor(imported.graph.find(name).unwrap()).fact.clone().unwrap();
    assert_eq!(fact("conv_y/quantized"), Fact::new(DType::I8, Shape::from([1, 4, 6, 6].map(Dim::Fixed).to_vec())));
    assert_eq!(fact("conv_b/quantized").dtype, DType::I32);
    // Weights of a product are stored the other way round, with their scales on the other axis.
    assert_eq!(fact("rows_weights/quantized").shape, Shape::new([9, 5]));
    let dequantize = imported.graph.nodes().iter().find(|node| node.name == "rows_weights/dequantize").unwrap();
    assert_eq!(dequantize.op, Op::Dequantize { axis: 1 });
}

#[test]
fn an_opset_outside_the_range_is_an_error() {
    let error = export_qdq(&quantized(), &QdqOptions { min_opset: Some(29) }).unwrap_err();
    assert_eq!(error.to_string(), "opset 29 is not supported: expected 9 to 28");
}
