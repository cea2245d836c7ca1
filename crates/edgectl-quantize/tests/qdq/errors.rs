//! What is refused, word for word, and that nothing panics.

use std::collections::BTreeMap;
use std::path::Path;

use edgectl_graph::{Activation, Binary, Conv, DType, Fact, Graph, Literal, Op, QuantParams, Shape, TensorId, Unary, Window};
use edgectl_lower::{LowerOptions, lower};
use edgectl_onnx::proto::tensor_proto::DataType;
use edgectl_onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, attribute_proto::AttributeType};
use edgectl_onnx::{ImportOptions, QdqOptions, export_qdq, import, read};
use edgectl_quantize::{QdqError, QuantizeOptions, Range, from_qdq, is_qdq};
use proptest::prelude::*;
use prost::Message;

use super::round_trip::{noise, quantized};

/// `x -> conv -> relu -> y`, exported with its pairs.
fn model() -> ModelProto {
    let mut graph = Graph::new("small");
    let x = graph.add_input("x", Fact::f32(Shape::new([1, 2, 4, 4])));
    let w = graph.add_constant("w", Literal::f32([3, 2, 2, 2], noise(24, 1)).unwrap());
    let b = graph.add_constant("b", Literal::f32([3], noise(3, 2)).unwrap());
    let conv = Op::Conv(Conv { window: Window::new(&[2, 2]), groups: 1, activation: Activation::RELU });
    let y = graph.add_node("conv", conv, vec![Some(x), Some(w), Some(b)], "y").unwrap();
    graph.add_output(y);
    ModelProto::decode(&*export_qdq(&quantized(graph, QuantizeOptions::default()), &QdqOptions::default()).unwrap()).unwrap()
}

fn made(model: &ModelProto) -> Result<edgectl_quantize::FromQdq, QdqError> {
    from_qdq(import(&model.encode_to_vec(), &ImportOptions::default()).unwrap().graph, &BTreeMap::new())
}

/// The message for the model after a change.
fn error(change: impl FnOnce(&mut GraphProto)) -> String {
    let mut model = model();
    change(model.graph.as_mut().unwrap());
    made(&model).unwrap_err().to_string()
}

fn constant<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut TensorProto {
    graph.initializer.iter_mut().find(|tensor| tensor.name() == name).unwrap()
}

fn node<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|node| node.name() == name).unwrap()
}

fn floats(tensor: &mut TensorProto, dims: &[i64], values: &[f32]) {
    let name = tensor.name.take();
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    *tensor =
        TensorProto { name, data_type: Some(DataType::Float.into()), dims: dims.to_vec(), raw_data: Some(raw), ..TensorProto::default() };
}

fn integers(tensor: &mut TensorProto, dtype: DataType, dims: &[i64], bytes: &[u8]) {
    let name = tensor.name.take();
    *tensor =
        TensorProto { name, data_type: Some(dtype.into()), dims: dims.to_vec(), raw_data: Some(bytes.to_vec()), ..TensorProto::default() };
}

#[test]
fn the_model_itself_is_accepted() {
    assert!(made(&model()).is_ok());
}

#[test]
fn scales_that_are_no_scales() {
    for (scale, words) in [(0.0, "0"), (f32::NAN, "NaN"), (-0.5, "-0.5"), (f32::INFINITY, "inf")] {
        assert_eq!(
            error(|graph| floats(constant(graph, "x/scale"), &[], &[scale])),
            format!("node \"x/quantize\" (QuantizeLinear): expected a positive, finite scale, found {words}")
        );
        assert_eq!(
            error(|graph| floats(constant(graph, "w/scale"), &[3], &[1.0, scale, 1.0])),
            format!("node \"w/dequantize\" (DequantizeLinear): expected a positive, finite scale, found {words}")
        );
    }
    // The smallest that float32 has: no integer multiplier stands for it.
    assert_eq!(
        error(|graph| floats(constant(graph, "y/scale"), &[], &[f32::MIN_POSITIVE / 4.0])),
        "tensor \"y\": expected a scale of at least 1.1754944e-38, found 2.938736e-39"
    );
}

#[test]
fn parameters_that_are_computed_or_missing() {
    let message = error(|graph| node(graph, "x/quantize").input[1] = "x".into());
    assert_eq!(message, "node \"x/quantize\" (QuantizeLinear): scale and zero point differ in shape");
    let message = error(|graph| node(graph, "y/quantize").input[1] = String::new());
    assert_eq!(message, "node \"y/quantize\" (QuantizeLinear): input 1 is missing");
    let scalar = |graph: &mut GraphProto| {
        let mut input = graph.input[0].clone();
        input.name = Some("scale".into());
        let shape = &mut input.r#type.as_mut().unwrap().value;
        if let Some(edgectl_onnx::proto::type_proto::Value::TensorType(tensor)) = shape {
            tensor.shape.as_mut().unwrap().dim.clear();
        }
        graph.input.push(input);
        node(graph, "y/quantize").input[1] = "scale".into();
    };
    assert_eq!(error(scalar), "node \"y/quantize\" (QuantizeLinear): expected a constant float32 scale, found \"scale\"");
}

#[test]
fn forms_that_int8_does_not_have() {
    // Per channel.
    let message = error(|graph| {
        floats(constant(graph, "x/scale"), &[2], &[0.1, 0.2]);
        integers(constant(graph, "x/zero_point"), DataType::Int8, &[2], &[0, 0]);
    });
    assert_eq!(message, "node \"x/quantize\" (QuantizeLinear): expected one scale for an activation, found 2 scales");
    // In blocks.
    let message = error(|graph| {
        let block_size = AttributeProto {
            name: Some("block_size".into()),
            r#type: Some(AttributeType::Int.into()),
            i: Some(2),
            ..AttributeProto::default()
        };
        node(graph, "w/dequantize").attribute.push(block_size);
    });
    assert_eq!(message, "node \"w/dequantize\" (DequantizeLinear): it is quantized in blocks");
    // Four and sixteen bits.
    let message = error(|graph| {
        integers(constant(graph, "w/quantized"), DataType::Int4, &[3, 2, 2, 2], &[0; 12]);
        integers(constant(graph, "w/zero_point"), DataType::Int4, &[3], &[0; 2]);
    });
    assert_eq!(message, "node \"w/dequantize\" (DequantizeLinear): input \"w/quantized\" has int4 elements");
    let message = error(|graph| integers(constant(graph, "y/zero_point"), DataType::Int16, &[], &[0; 2]));
    assert_eq!(message, "node \"y/quantize\" (QuantizeLinear): quantized to int16");
    // A zero point of another type than the data.
    let message = error(|graph| integers(constant(graph, "w/zero_point"), DataType::Uint8, &[3], &[0; 3]));
    assert_eq!(
        message,
        "node \"w/dequantize\" (DequantizeLinear): the scale is not float32, or the zero point has another type than the input"
    );
}

#[test]
fn a_pair_of_two_kinds() {
    let message = error(|graph| {
        let mut other = constant(graph, "y/scale").clone();
        other.name = Some("other".into());
        floats(&mut other, &[], &[0.5]);
        graph.initializer.push(other);
        node(graph, "y/quantize").input[1] = "other".into();
        let zero_point = constant(graph, "y/zero_point");
        integers(zero_point, DataType::Int8, &[], &[3]);
        floats(constant(graph, "y/scale"), &[], &[0.25]);
    });
    let expected = "node \"y/dequantize\": expected the parameters of its QuantizeLinear, scale 0.5 and zero point 3, found scale 0.25 and zero \
                    point 3";
    assert_eq!(message, expected);
}

#[test]
fn integers_that_are_moved_between_the_nodes_of_a_pair() {
    let moved = |op: Op, scale: f32| {
        let mut graph = Graph::new("moved");
        let x = graph.add_input("x", Fact::f32(Shape::new([2, 3])));
        let scales = [0.5, scale].map(|scale| Literal::f32([], vec![scale]).unwrap());
        let scales = [graph.add_constant("from", scales[0].clone()), graph.add_constant("to", scales[1].clone())];
        let quantize = Op::Quantize { axis: 0, dtype: DType::U8 };
        let q = graph.add_node("", quantize, vec![Some(x), Some(scales[0])], "q").unwrap();
        let moved = graph.add_node("move", op, vec![Some(q)], "moved").unwrap();
        let y = graph.add_node("", Op::Dequantize { axis: 0 }, vec![Some(moved), Some(scales[1])], "y").unwrap();
        graph.add_output(y);
        from_qdq(graph, &BTreeMap::new())
    };
    let transpose = Op::Transpose { perm: vec![1, 0] };
    let quantized = moved(transpose.clone(), 0.5).unwrap().quantized;
    assert_eq!(quantized.graph().nodes().len(), 1);
    assert_eq!(quantized.params(quantized.graph().outputs()[0]), Some(QuantParams::int8(0.5, -128)));
    let expected = "node \"move\": expected the parameters of its QuantizeLinear, scale 0.5 and zero point -128, found scale 0.25 and zero \
                    point -128";
    assert_eq!(moved(transpose, 0.25).unwrap_err().to_string(), expected);
    let pad = Op::Pad { before: vec![0, 1], after: vec![0, 0], value: 0.0 };
    let expected = "node \"move\": Pad computes with integers: expected a float operator between QuantizeLinear and DequantizeLinear";
    assert_eq!(moved(pad, 0.5).unwrap_err().to_string(), expected);
}

#[test]
fn weights_that_are_not_symmetric() {
    let message = error(|graph| {
        integers(constant(graph, "w/zero_point"), DataType::Int8, &[3], &[0, 100, 0]);
    });
    let expected = "node \"conv\": weights \"w\": expected a zero point of 0, or one that leaves q - zero_point in -128..=127, found ";
    assert!(message.starts_with(expected), "{message}");
    // One that can be shifted away is.
    let mut model = model();
    let graph = model.graph.as_mut().unwrap();
    integers(constant(graph, "w/zero_point"), DataType::Int8, &[3], &[2, 2, 2]);
    integers(constant(graph, "w/quantized"), DataType::Int8, &[3, 2, 2, 2], &[0x82; 24]);
    let notes: Vec<_> = made(&model).unwrap().notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["weights \"w\": 24 of -128 became -127"]);
}

#[test]
fn weights_along_the_wrong_axis_or_float() {
    let message = error(|graph| {
        floats(constant(graph, "w/scale"), &[2], &[0.1, 0.2]);
        integers(constant(graph, "w/zero_point"), DataType::Int8, &[2], &[0, 0]);
        node(graph, "w/dequantize").attribute[0].i = Some(1);
    });
    let expected = "node \"conv\": weights \"w\": expected one scale, or one per output channel, found 2 along axis 1 of [3, 2, 2, 2], or another factor \
         for each input";
    assert_eq!(message, expected);
    let message = error(|graph| {
        graph.node.retain(|node| node.name() != "w/dequantize");
        let weights = constant(graph, "w/quantized");
        weights.name = Some("w".into());
        floats(weights, &[3, 2, 2, 2], &[0.5; 24]);
    });
    assert_eq!(message, "node \"conv\": weights \"w\": expected quantized weights, found float32");
}

#[test]
fn a_bias_that_int32_cannot_hold() {
    let message = error(|graph| {
        graph.node.retain(|node| node.name() != "b/dequantize");
        let bias = constant(graph, "b/quantized");
        bias.name = Some("b".into());
        floats(bias, &[3], &[0.0, 1e9, 0.0]);
    });
    assert!(message.starts_with("node \"conv\": bias \"b\" is 1000000000 at element 1: expected a magnitude below "), "{message}");
}

#[test]
fn operators_that_compute_with_integers() {
    let integer = |op: &str, domain: &str| {
        error(|graph| {
            let conv = node(graph, "conv");
            (conv.op_type, conv.domain) = (Some(op.into()), Some(domain.into()));
        })
    };
    for (op, domain) in [("QLinearConv", ""), ("ConvInteger", ""), ("QGemm", "com.microsoft"), ("QLinearAdd", "com.microsoft")] {
        let expected =
            format!("node \"conv\": {op} computes with integers: expected a float operator between QuantizeLinear and DequantizeLinear");
        assert_eq!(integer(op, domain), expected);
    }
    assert_eq!(integer("RNN", ""), "node \"conv\": operator RNN is not supported");
}

#[test]
fn models_that_are_quantized_in_part_or_not_at_all() {
    // No pair behind the only layer.
    let message = error(|graph| {
        graph.node.retain(|node| !matches!(node.name(), "y/quantize" | "y/dequantize"));
        graph.node.last_mut().unwrap().output[0] = "y".into();
    });
    assert_eq!(message, "output of node \"conv\" (Conv) \"y\" has no scale: expected QuantizeLinear after it");
    // All of them are listed, so that they can be observed at once.
    let mut graph = import(&model().encode_to_vec(), &ImportOptions::default()).unwrap().graph;
    let mut id = graph.outputs()[0];
    for name in ["a", "b"] {
        let elu = Op::Unary(Unary::Elu { alpha: 1.0 });
        id = graph.add_node(name, elu, vec![Some(id)], format!("{name}_y")).unwrap();
        graph.add_output(id);
    }
    let error = from_qdq(graph.clone(), &BTreeMap::new()).unwrap_err();
    let expected = "output of node \"a\" (Elu) \"a_y\" has no scale: expected QuantizeLinear after it (one of 2 such tensors)";
    assert_eq!(error.to_string(), expected);
    assert!(matches!(error, QdqError::NotStated { tensors, .. } if tensors == ["a_y", "b_y"]));
    let ranges = ["a_y", "b_y"].map(|name| (name.to_owned(), Range { min: -1.0, max: 3.0 }));
    let made = from_qdq(graph, &ranges.into()).unwrap();
    let b = made.quantized.params(made.quantized.graph().find("b_y").unwrap()).unwrap();
    assert_eq!((b.scale, b.zero_point), (4.0 / 255.0, -64));
}

/// A maximum shares its parameters with both inputs: these are requantized, so that neither clips the other.
#[test]
fn several_inputs_are_requantized_before_an_operator() {
    let mut graph = import(&model().encode_to_vec(), &ImportOptions::default()).unwrap().graph;
    let y = graph.outputs()[0];
    let pair = |graph: &mut Graph, x: TensorId, scale: f32, name: &str| {
        let scale = graph.add_constant(format!("{name}/scale"), Literal::f32([], vec![scale]).unwrap());
        let quantize = Op::Quantize { axis: 0, dtype: DType::U8 };
        let q = graph.add_node("", quantize, vec![Some(x), Some(scale)], format!("{name}/q")).unwrap();
        graph.add_node("", Op::Dequantize { axis: 0 }, vec![Some(q), Some(scale)], name).unwrap()
    };
    let half = pair(&mut graph, y, 0.5, "half");
    let greatest = Op::Binary { op: Binary::Max, activation: Activation::NONE };
    let greatest = graph.add_node("max", greatest, vec![Some(y), Some(half)], "greatest").unwrap();
    let z = pair(&mut graph, greatest, 0.75, "z");
    graph.add_output(z);
    let made = from_qdq(graph, &BTreeMap::new()).unwrap();
    let graph = made.quantized.graph();
    let max = graph.nodes().iter().find(|node| node.name == "max").unwrap();
    for &id in max.inputs.iter().flatten().chain(&max.output()) {
        assert_eq!(made.quantized.params(id).unwrap(), QuantParams::int8(0.75, -128));
    }
    assert!(lower(&made.quantized, &LowerOptions::default()).is_ok());
}

#[test]
fn float_models_are_not_for_this() {
    let mut graph = Graph::new("float");
    let x = graph.add_input("x", Fact::f32(Shape::new([1, 4])));
    let y = graph.add_node("relu", Op::Unary(Unary::Relu), vec![Some(x)], "y").unwrap();
    graph.add_output(y);
    assert!(!is_qdq(&graph));
    let error = from_qdq(graph, &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "the model is not quantized: it has no QuantizeLinear and no DequantizeLinear");
}

#[test]
fn weights_alone_are_not_enough() {
    let message = error(|graph| {
        graph.node.retain(|node| !matches!(node.name(), "x/quantize" | "x/dequantize" | "y/quantize" | "y/dequantize"));
        graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|name| *name == "x/dequantized").for_each(|name| *name = "x".into());
        graph.node.last_mut().unwrap().output[0] = "y".into();
    });
    assert_eq!(message, "weights only: 2 constants are quantized, but no activation is");
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models/misc/kws_hybrid_dequant.onnx"));
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let graph = read(path, &ImportOptions { batch: Some(1), ..ImportOptions::default() }).unwrap().graph;
    let error = from_qdq(graph, &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "weights only: 5 constants are quantized, but no activation is");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever a few changed bytes make of a model: a quantized graph that can be lowered or not, or an error.
    #[test]
    fn changed_bytes_do_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), which in 0usize..4) {
        let name = ["branches_u8_channel", "dense_s8_tensor", "own_scales", "trained"][which];
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name).with_extension("onnx");
        let mut bytes = std::fs::read(path).unwrap();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(imported) = import(&bytes, &ImportOptions::default())
            && let Ok(made) = from_qdq(imported.graph, &BTreeMap::new())
        {
            drop(lower(&made.quantized, &LowerOptions::default()));
        }
    }
}
