//! Bad input and the error that it gives, word for word.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::*;
use edgectl_onnx::proto::tensor_proto::DataLocation;
use edgectl_onnx::proto::{ModelProto, NodeProto, StringStringEntryProto, TensorProto, TypeProto, ValueInfoProto, type_proto};
use edgectl_onnx::{ImportOptions, import, read};
use prost::Message;

fn error(bytes: &[u8]) -> String {
    import(bytes, &ImportOptions::default()).unwrap_err().to_string()
}

fn relu(opset: i64) -> ModelProto {
    model(opset, graph(&[1, 4], vec![node("Relu", &["x"], "y")], vec![]))
}

#[test]
fn files_of_another_kind_are_named() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not an ONNX model: found PNG image"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "not an ONNX model: found gzip archive"),
        (b"PK\x03\x04\x14\0", "not an ONNX model: found zip archive (PyTorch, Keras and NumPy use these)"),
        (b"\x1c\0\0\0TFL3\x14\0", "not an ONNX model: found TensorFlow Lite model"),
        (b"import numpy as np\n", "not an ONNX model: found text"),
        (b"", "not an ONNX model: found an empty file"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "malformed ONNX model: failed to decode Protobuf message: invalid varint"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(error(bytes), *expected);
    }
}

#[test]
fn a_truncated_file_says_how_much_is_missing() {
    let whole = relu(13).encode_to_vec();
    // The opset comes after the graph, in four bytes.
    for (found, expected) in [(whole.len() - 3, whole.len() - 2), (whole.len() - 1, whole.len()), (30, whole.len() - 4)] {
        let message = format!("the ONNX model is truncated: expected at least {expected} bytes, found {found}");
        assert_eq!(error(&whole[..found]), message);
    }
}

#[test]
fn opsets_outside_the_range_are_named() {
    assert_eq!(error(&relu(8).encode_to_vec()), "opset 8 is not supported: expected 9 to 28");
    assert_eq!(error(&relu(29).encode_to_vec()), "opset 29 is not supported: expected 9 to 28");
    let none = ModelProto { opset_import: vec![], ..relu(13) };
    assert_eq!(error(&none.encode_to_vec()), "the ONNX model has no opset of the default domain");
}

#[test]
fn models_without_content_are_refused() {
    let headless = ModelProto { graph: None, ..relu(13) };
    assert_eq!(error(&headless.encode_to_vec()), "the ONNX model has no graph");
    assert_eq!(error(&bytes(&[1], vec![], vec![])), "the ONNX model has no nodes");
    let mut mute = relu(13);
    mute.graph.as_mut().unwrap().output.clear();
    assert_eq!(error(&mute.encode_to_vec()), "the ONNX model has no outputs");
}

#[test]
fn nodes_that_make_no_graph_are_named() {
    let cases: Vec<(Vec<NodeProto>, &str)> = vec![
        (vec![node("Relu", &["z"], "y")], "node \"y_node\" reads tensor \"z\", which nothing before it computes"),
        (
            vec![node("Add", &["x", "b"], "a"), node("Relu", &["a"], "b"), node("Relu", &["b"], "y")],
            "node \"a_node\" depends on its own output",
        ),
        (vec![node("Relu", &["x"], "y"), node("Tanh", &["x"], "y")], "node \"y_node\" writes tensor \"y\", which is already defined"),
        (vec![node("Relu", &["x"], "x")], "node \"x_node\" writes tensor \"x\", which is already defined"),
        (vec![node("Relu", &["x"], "z")], "nothing computes the graph's output \"y\""),
    ];
    for (nodes, expected) in cases {
        assert_eq!(error(&bytes(&[1, 4], nodes, vec![])), expected);
    }
    let twice = vec![floats("c", &[1], &[1.0]), floats("c", &[1], &[2.0])];
    assert_eq!(error(&bytes(&[1, 4], vec![node("Add", &["x", "c"], "y")], twice)), "two tensors are named \"c\"");
}

#[test]
fn what_a_subgraph_reads_must_be_there() {
    let inner = graph(&[1, 4], vec![node("Relu", &["outer"], "y")], vec![]);
    let outer = with(node("Loop", &["x"], "y"), subgraph("body", inner));
    assert_eq!(error(&bytes(&[1, 4], vec![outer], vec![])), "node \"y_node\" reads tensor \"outer\", which nothing before it computes");
}

#[test]
fn deep_nesting_is_an_error() {
    let mut inner = graph(&[1, 4], vec![node("Relu", &["x"], "y")], vec![]);
    for _ in 0..100 {
        inner = graph(&[1, 4], vec![with(node("Loop", &["x"], "y"), subgraph("body", inner))], vec![]);
    }
    let found = error(&model(13, inner).encode_to_vec());
    assert!(found.starts_with("malformed ONNX model: ") && found.ends_with("recursion limit reached"), "{found}");
}

#[test]
fn inputs_without_type_or_rank_are_named() {
    let mut untyped = relu(13);
    untyped.graph.as_mut().unwrap().input[0] = ValueInfoProto { name: Some("x".into()), ..ValueInfoProto::default() };
    let expected = |found: &str| format!("input \"x\": expected a tensor of known element type and rank, found {found}");
    assert_eq!(error(&untyped.encode_to_vec()), expected("no type"));
    let sequence = TypeProto { value: Some(type_proto::Value::SequenceType(Box::default())), denotation: None };
    untyped.graph.as_mut().unwrap().input[0].r#type = Some(sequence);
    assert_eq!(error(&untyped.encode_to_vec()), expected("another type, or no rank"));
}

fn with_constant(tensor: TensorProto) -> Vec<u8> {
    bytes(&[1, 4], vec![node("Add", &["x", "c"], "y")], vec![tensor])
}

#[test]
fn constants_have_as_many_elements_as_they_say() {
    let error = |tensor| error(&with_constant(tensor));
    assert_eq!(error(floats("c", &[2, 3], &[1.0; 5])), "tensor \"c\": expected 6 values for float[2, 3], found 5 values");
    let raw = |dims: &[i64], bytes: usize, data_type| TensorProto {
        name: Some("c".into()),
        data_type: Some(data_type),
        dims: dims.to_vec(),
        raw_data: Some(vec![0; bytes]),
        ..TensorProto::default()
    };
    assert_eq!(error(raw(&[2, 3], 20, FLOAT)), "tensor \"c\": expected 24 bytes for float[2, 3], found 20 bytes");
    assert_eq!(error(raw(&[2, 3], 20, 10)), "tensor \"c\": expected 12 bytes for float16[2, 3], found 20 bytes");
    assert_eq!(error(raw(&[1 << 40, 1 << 40], 4, FLOAT)), format!("tensor \"c\": the dimensions {:?} are too large", [1u64 << 40; 2]));
    assert_eq!(error(raw(&[1 << 40], 4, FLOAT)), "tensor \"c\": expected 4398046511104 bytes for float[1099511627776], found 4 bytes");
    assert_eq!(error(raw(&[-2], 4, FLOAT)), "tensor \"c\": expected dimensions of at least 0, found [-2]");
    assert_eq!(error(raw(&[1; 65], 4, FLOAT)), "tensor \"c\": expected at most 64 dimensions, found 65");
    let wide = TensorProto { data_type: Some(3), int32_data: vec![300], dims: vec![1], name: Some("c".into()), ..TensorProto::default() };
    assert_eq!(error(wide), "tensor \"c\": the value 300 does not fit the element type");
}

fn external(location: &str, entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |&(key, value): &(&str, &str)| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
    with_constant(TensorProto {
        name: Some("c".into()),
        data_type: Some(FLOAT),
        dims: vec![1, 4],
        data_location: Some(DataLocation::External.into()),
        external_data: [("location", location)].iter().chain(entries).map(entry).collect(),
        ..TensorProto::default()
    })
}

#[test]
fn external_data_stay_inside_the_models_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(root.path().join("secret"), [0; 16]).unwrap();
    fs::write(folder.join("sub/data"), [0; 20]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
    let options = ImportOptions { base_dir: Some(&folder), ..ImportOptions::default() };
    let error = |location: &str, entries: &[(&str, &str)]| {
        let error = import(&external(location, entries), &options).unwrap_err().to_string();
        error.strip_prefix(&format!("tensor \"c\": external data \"{location}\": ")).unwrap_or(&error).to_owned()
    };
    let outside = "expected a relative path inside the model's folder";
    for location in ["../secret", "sub/../../secret", "/etc/passwd", "", root.path().join("secret").to_str().unwrap()] {
        assert_eq!(error(location, &[]), outside, "{location}");
    }
    #[cfg(unix)]
    assert_eq!(error("link", &[]), outside);
    assert_eq!(error("missing", &[]), "No such file or directory (os error 2)");
    assert_eq!(error("sub", &[]), "expected a regular file");
    assert_eq!(error("sub/data", &[("offset", "5"), ("length", "16")]), "bytes 5+16 lie beyond the file's 20 bytes");
    assert_eq!(
        error("sub/data", &[("offset", "18446744073709551615"), ("length", "16")]),
        "bytes 18446744073709551615+16 lie beyond the file's 20 bytes"
    );
    assert_eq!(error("sub/data", &[("offset", "21")]), "offset 21 lies beyond the file's 20 bytes");
    assert_eq!(error("sub/data", &[]), "expected 16 bytes for the tensor's type and dimensions, found 20");
    assert_eq!(error("sub/data", &[("offset", "x")]), "offset \"x\" is no number");
    assert!(import(&external("sub/data", &[("offset", "4")]), &options).is_ok());
    let alone = import(&external("sub/data", &[("offset", "4")]), &ImportOptions::default()).unwrap_err().to_string();
    assert_eq!(alone, "tensor \"c\": external data \"sub/data\": the model was not read from a folder");
}

#[test]
fn external_data_are_found_beside_the_model_and_written_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(folder.path().join("data"), values).unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, external("data", &[])).unwrap();
    let imported = read(&path, &ImportOptions::default()).unwrap();
    let constant = imported.graph.find("c").unwrap();
    assert_eq!(imported.graph.literal(constant).unwrap().as_f32().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    let written = edgectl_onnx::export(&imported.graph, &edgectl_onnx::ExportOptions::default()).unwrap();
    let again = import(&written, &ImportOptions::default()).unwrap().graph;
    assert_eq!((again.to_string(), again.literal(constant)), (imported.graph.to_string(), imported.graph.literal(constant)));
}

#[test]
fn a_small_file_does_not_stand_for_an_endless_model() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), [0; 16]).unwrap();
    let mut model = ModelProto::decode(&*external("data", &[])).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for index in 0..4 {
        graph.initializer.push(TensorProto { name: Some(format!("c{index}")), ..graph.initializer[0].clone() });
    }
    let options = ImportOptions { base_dir: Some(folder.path()), ..ImportOptions::default() };
    let error = import(&model.encode_to_vec(), &options).unwrap_err().to_string();
    assert_eq!(error, "tensor \"c3\": external data \"data\": tensors name more than 4 times the file's 16 bytes");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read("missing/model.onnx".as_ref(), &ImportOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "missing/model.onnx: No such file or directory (os error 2)");
}

#[test]
fn a_model_may_not_have_any_number_of_nodes() {
    let mut model = relu(13);
    let graph = model.graph.as_mut().unwrap();
    graph.node = vec![graph.node[0].clone(); 20_000];
    assert_eq!(error(&model.encode_to_vec()), "the ONNX model has 20000 nodes: expected at most 16384");
}
