//! Real models through the engine, and bytes that are none.
#![allow(clippy::print_stderr, clippy::unwrap_used)]

use std::path::PathBuf;

use edgectl_float::{FloatError, FloatModel};
use edgectl_graph::{DType, Data, Dim, Fact, Graph, Literal, Op, Shape, Unary};

fn shared(file: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models")).join(file);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("skipped: {} is not there", path.display());
    }
    bytes
}

#[test]
fn a_symbolic_batch_is_bound_to_one() {
    let Some(bytes) = shared("digits_mlp/model.onnx") else { return };
    let model = FloatModel::from_onnx(&bytes).unwrap();
    let input = model.inputs().next().unwrap();
    assert_eq!((input.name.as_str(), &input.shape[..]), ("input", &[1, 64][..]));
    let output = &model.outputs()[0];
    assert_eq!((output.name.as_str(), &output.shape[..]), ("Identity:0", &[1, 10][..]));
    let values = model.run(&[&[0.5; 64]]).unwrap();
    assert!(values[0].len() == 10 && values[0].iter().all(|value| value.is_finite()));
}

#[test]
fn outputs_come_in_the_models_order_and_do_not_depend_on_earlier_samples() {
    let Some(bytes) = shared("rfb320_face/model.onnx") else { return };
    let model = FloatModel::from_onnx(&bytes).unwrap();
    let (a, b) = (vec![0.25; 3 * 240 * 320], vec![-0.5; 3 * 240 * 320]);
    let first = model.run(&[&a]).unwrap();
    let ports: Vec<_> = model.outputs().iter().map(|port| (port.name.as_str(), port.shape.clone())).collect();
    assert_eq!(ports, [("scores", vec![1, 4420, 2]), ("boxes", vec![1, 4420, 4])]);
    assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [4420 * 2, 4420 * 4]);
    let other = std::thread::scope(|scope| scope.spawn(|| model.run(&[&b]).unwrap()).join().unwrap());
    assert_ne!(first, other);
    assert_eq!(model.run(&[&a]).unwrap(), first);
}

#[test]
fn observed_tensors_come_after_the_graphs_outputs_in_the_order_asked_for() {
    let mut graph = Graph::new("observed");
    let x = graph.add_input("x", Fact::f32(Shape::new([Dim::symbol("N"), Dim::from(3)])));
    let h = graph.add_node("relu", Op::Unary(Unary::Relu), vec![Some(x)], "h").unwrap();
    let y = graph.add_node("tanh", Op::Unary(Unary::Tanh), vec![Some(h)], "y").unwrap();
    graph.add_output(y);
    let model = FloatModel::from_graph(&graph, &[h, x, y]).unwrap();
    assert_eq!(model.outputs().iter().map(|port| port.shape.as_slice()).collect::<Vec<_>>(), [[1, 3]; 4]);
    let outputs = model.run(&[&[-1.0, 0.0, 0.5]]).unwrap();
    assert_eq!(outputs[1], [0.0, 0.0, 0.5]);
    assert_eq!(outputs[2], [-1.0, 0.0, 0.5]);
    assert_eq!(outputs[3], outputs[0]);
    assert!((outputs[0][2] - 0.5f32.tanh()).abs() < 1e-5, "{outputs:?}");
    // Each once, and what others need before what needs it.
    let mut shown = vec![];
    model.show(&[&[-1.0, 0.0, 0.5]], &mut |place, values| shown.push((place, values.to_vec()))).unwrap();
    assert_eq!(shown.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [2, 1, 0, 3]);
    assert!(shown.iter().all(|(place, values)| *values == outputs[*place]));
}

#[test]
fn a_quantized_softmax_is_still_one() {
    let mut graph = Graph::new("qdq");
    let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 3])));
    let quantize = |graph: &mut Graph, x, name: &str, scale: f32, zero_point: i8| {
        let scale = graph.add_constant(format!("{name}.scale"), Literal::f32([], [scale]).unwrap());
        let zero_point = graph.add_constant(format!("{name}.zero_point"), Literal::new([], Data::I8([zero_point].into())).unwrap());
        let (s, z) = (Some(scale), Some(zero_point));
        let q = graph.add_node("", Op::Quantize { axis: 1, dtype: DType::I8 }, vec![Some(x), s, z], format!("{name}.q")).unwrap();
        graph.add_node("", Op::Dequantize { axis: 1 }, vec![Some(q), s, z], name).unwrap()
    };
    let q = quantize(&mut graph, x, "a", 0.25, 3);
    let softmax = graph.add_node("softmax", Op::Softmax { axis: 1 }, vec![Some(q)], "softmax").unwrap();
    let y = quantize(&mut graph, softmax, "y", 1.0 / 256.0, -128);
    graph.add_output(y);
    let outputs = FloatModel::from_graph(&graph, &[]).unwrap().run(&[&[0.5, 1.75, 1.0]]).unwrap();
    let exp = [0.5f32, 1.75, 1.0].map(f32::exp);
    let expected = exp.map(|e| (e / exp.iter().sum::<f32>() * 256.0).round() / 256.0);
    assert_eq!(outputs[0], expected);
}

#[test]
fn a_dimension_besides_the_batch_must_be_fixed() {
    let mut graph = Graph::new("dynamic");
    let x = graph.add_input("x", Fact::f32(Shape::new([Dim::symbol("N"), Dim::symbol("steps")])));
    let y = graph.add_node("relu", Op::Unary(Unary::Relu), vec![Some(x)], "y").unwrap();
    graph.add_output(y);
    let error = FloatModel::from_graph(&graph, &[]).unwrap_err();
    assert_eq!(error.to_string(), "tensor \"x\" has the dynamic shape [1,steps]; expected fixed dimensions after the batch");
}

#[test]
fn values_must_fit_the_inputs() {
    let Some(bytes) = shared("digits_mlp/model.onnx") else { return };
    let model = FloatModel::from_onnx(&bytes).unwrap();
    assert_eq!(model.run(&[]).unwrap_err().to_string(), "expected values for 1 inputs, found 0");
    assert_eq!(model.run(&[&[0.0; 63]]).unwrap_err().to_string(), "input \"input\": expected 64 values, found 63");
}

#[test]
fn bytes_that_are_no_model_are_an_error() {
    assert!(matches!(FloatModel::from_onnx(b"\x7fELF"), Err(FloatError::Engine { step: "reading the model", .. })));
}

/// Bytes changed in a fixed pseudo-random way: whatever the engine does, the caller gets a value.
#[test]
fn a_damaged_model_is_never_a_panic() {
    let Some(bytes) = shared("wand_cnn1d/model.onnx") else { return };
    let mut seed = 0x9e37_79b9_u32;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as usize
    };
    for _ in 0..100 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + next() % 4 {
            let at = next() % damaged.len();
            damaged[at] = next() as u8;
        }
        if let Ok(model) = FloatModel::from_onnx(&damaged) {
            let zeros: Vec<Vec<f32>> = model.inputs().map(|input| vec![0.0; input.shape.iter().product()]).collect();
            drop(model.run(&zeros.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        }
    }
}
