//! Mutated models: reading one returns, whatever its bytes, and takes no more memory than its size allows.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::cell::Cell;
use std::fs;
use std::path::Path;

use common::*;
use edgectl_onnx::proto::tensor_shape_proto::dimension;
use edgectl_onnx::proto::{ModelProto, type_proto};
use edgectl_onnx::{ExportOptions, ImportOptions, Imported, export, import};
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;

/// A model with most operators that fold or look at attributes.
fn made() -> Vec<u8> {
    let window = |name: &str, values: &[i64]| edgectl_onnx::proto::AttributeProto {
        ints: values.to_vec(),
        r#type: Some(edgectl_onnx::proto::attribute_proto::AttributeType::Ints.into()),
        i: None,
        ..int(name, 0)
    };
    let nodes = vec![
        with(with(node("Conv", &["x", "w"], "a"), window("pads", &[1, 1, 1, 1])), window("strides", &[2, 1])),
        with(with(node("MaxPool", &["a"], "b"), window("kernel_shape", &[2, 2])), int("ceil_mode", 1)),
        node("Shape", &["b"], "shape"),
        with(node("Gather", &["shape", "zero"], "n"), int("axis", 0)),
        with(node("Concat", &["n", "rest"], "target"), int("axis", 0)),
        node("Reshape", &["b", "target"], "c"),
        node("ConstantOfShape", &["rest"], "zeros"),
        node("Range", &["zero", "rest", "zero"], "range"),
        node("Expand", &["rest", "target"], "wide"),
        with(node("Softmax", &["c"], "d"), int("axis", -1)),
        with(node("Flatten", &["d"], "e"), int("axis", 1)),
        node("Clip", &["e", "", "max"], "f"),
        with(with(node("Loop", &["f"], "y"), subgraph("body", graph(&[1, 4], vec![node("Relu", &["a"], "y")], vec![]))), int("k", 1)),
    ];
    let constants = vec![floats("w", &[3, 2, 3, 3], &[0.5; 54]), ints("zero", &[0]), ints("rest", &[-1]), floats("max", &[], &[6.0])];
    bytes(&[-2, 2, 8, 8], nodes, constants)
}

/// Small models: the made one, and those beside the checkout where they are there.
fn models() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    let files = ["digits_mlp/model.onnx", "wand_cnn1d/model.onnx", "fmnist/student.onnx", "misc/kws_hybrid_dequant.onnx"];
    let found: Vec<_> = files.iter().filter_map(|file| fs::read(root.join(file)).ok()).collect();
    if found.is_empty() {
        eprintln!("only the made model: no folder {}", root.display());
    }
    // Real models are mostly weights, in which a mutation changes nothing: the made one comes as often as all of them.
    [found, vec![made(); files.len()]].concat()
}

#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Set(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0u8..8).prop_map(|(at, bit)| Mutation::Flip(at, 1 << bit)),
        (at(), prop_oneof![Just(0), Just(0x7f), Just(0xff), any::<u8>()]).prop_map(|(at, value)| Mutation::Set(at, value)),
        (at(), 1usize..16).prop_map(|(at, len)| Mutation::Remove(at, len)),
        (at(), 1usize..64).prop_map(|(at, len)| Mutation::Repeat(at, len)),
        at().prop_map(Mutation::Truncate),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let len = bytes.len();
    if len == 0 {
        return;
    }
    match mutation {
        Mutation::Flip(at, mask) => bytes[at.index(len)] ^= mask,
        Mutation::Set(at, value) => bytes[at.index(len)] = *value,
        Mutation::Remove(at, count) => drop(bytes.drain(at.index(len)..(at.index(len) + count).min(len))),
        Mutation::Repeat(at, count) => {
            let piece = bytes[at.index(len)..(at.index(len) + count).min(len)].to_vec();
            bytes.splice(at.index(len)..at.index(len), piece);
        }
        Mutation::Truncate(at) => bytes.truncate(at.index(len)),
    }
}

/// What was read can be written, and what was written can be read.
fn write_back(imported: &Imported) {
    if let Ok(bytes) = export(&imported.graph, &ExportOptions::default()) {
        import(&bytes, &ImportOptions::default()).unwrap();
    }
}

#[test]
fn a_mutated_model_is_read_or_refused() {
    let models = models();
    let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
    let cases = (any::<Index>(), prop::collection::vec(mutation(), 1..4), any::<bool>());
    let (read, refused) = (Cell::new(0), Cell::new(0));
    proptest!(config, |((model, mutations, bind) in cases)| {
        let mut bytes = model.get(&models).clone();
        mutations.iter().for_each(|mutation| apply(&mut bytes, mutation));
        match import(&bytes, &ImportOptions { batch: bind.then_some(1), ..ImportOptions::default() }) {
            Ok(imported) => {
                write_back(&imported);
                read.set(read.get() + 1);
            }
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                refused.set(refused.get() + 1);
            }
        }
    });
    let (read, refused) = (read.get(), refused.get());
    // Both happen, or the mutations are of no use.
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
    // The models have less than 64 KiB.
    if let Some(peak_kib) = peak_memory_kib() {
        assert!(peak_kib < 256 * 1024, "{peak_kib} KiB");
    }
}

/// A change that leaves the encoding valid: what random bytes seldom reach.
#[derive(Clone, Debug)]
enum Edit {
    Attribute(Index, i64),
    Constant(Index, i64),
    Dimension(Index, i64),
    Input(Index, Index, Index),
    Operator(Index, Index),
    Opset(i64),
}

/// Every operator that is typed or folded, and one that is not.
const OPERATORS: &str = "Add AveragePool BatchNormalization Cast Clip Concat ConstantOfShape Conv DequantizeLinear Div Dropout Elu Equal \
    Expand Flatten Gather Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity LeakyRelu MatMul MaxPool Mul NonZero Pad \
    QuantizeLinear Range ReduceMean Relu Reshape Shape Sigmoid Size Slice Softmax Squeeze Sub Tanh Transpose Unsqueeze Where";

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let number = || prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(1 << 40), Just(1 << 62), Just(i64::from(i32::MAX)), -4i64..9];
    prop_oneof![
        (at(), number()).prop_map(|(at, value)| Edit::Attribute(at, value)),
        (at(), number()).prop_map(|(at, value)| Edit::Constant(at, value)),
        (at(), number()).prop_map(|(at, value)| Edit::Dimension(at, value)),
        (at(), at(), at()).prop_map(|(node, input, name)| Edit::Input(node, input, name)),
        (at(), at()).prop_map(|(node, op)| Edit::Operator(node, op)),
        (9i64..22).prop_map(Edit::Opset),
    ]
}

fn pick<'a, T>(items: impl Iterator<Item = &'a mut T>, at: &Index) -> Option<&'a mut T> {
    let mut items: Vec<_> = items.collect();
    (!items.is_empty()).then(|| items.swap_remove(at.index(items.len())))
}

fn change(model: &mut ModelProto, edit: &Edit) {
    let graph = model.graph.as_mut().unwrap();
    match edit {
        Edit::Attribute(at, value) => {
            let Some(attribute) = pick(graph.node.iter_mut().flat_map(|node| &mut node.attribute), at) else { return };
            match pick(attribute.i.iter_mut().chain(&mut attribute.ints), at) {
                Some(number) => *number = *value,
                None => attribute.ints.push(*value),
            }
        }
        Edit::Constant(at, value) => {
            if let Some(number) = pick(graph.initializer.iter_mut().flat_map(|tensor| &mut tensor.int64_data), at) {
                *number = *value;
            }
        }
        Edit::Dimension(at, value) => {
            let shapes = graph.input.iter_mut().filter_map(|info| match info.r#type.as_mut()?.value.as_mut()? {
                type_proto::Value::TensorType(tensor) => tensor.shape.as_mut(),
                _ => None,
            });
            if let Some(dim) = pick(shapes.flat_map(|shape| &mut shape.dim), at) {
                dim.value = Some(dimension::Value::DimValue(*value));
            }
        }
        Edit::Input(node, input, name) => {
            let names: Vec<_> = graph.node.iter().flat_map(|node| node.input.iter().chain(&node.output)).cloned().collect();
            if let Some(input) = pick(graph.node.iter_mut(), node).and_then(|node| pick(node.input.iter_mut(), input)) {
                *input = name.get(&names).clone();
            }
        }
        Edit::Operator(node, op) => {
            let operators: Vec<_> = OPERATORS.split_whitespace().collect();
            if let Some(node) = pick(graph.node.iter_mut(), node) {
                node.op_type = Some((*op.get(&operators)).to_owned());
            }
        }
        Edit::Opset(version) => model.opset_import[0].version = Some(*version),
    }
}

#[test]
fn a_model_with_absurd_numbers_is_read_or_refused() {
    let model = ModelProto::decode(&*made()).unwrap();
    let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
    let read = Cell::new(0);
    proptest!(config, |(edits in prop::collection::vec(edit(), 1..6), bind in any::<bool>())| {
        let mut model = model.clone();
        edits.iter().for_each(|edit| change(&mut model, edit));
        let bytes = model.encode_to_vec();
        if let Ok(imported) = import(&bytes, &ImportOptions { batch: bind.then_some(1), ..ImportOptions::default() }) {
            write_back(&imported);
            read.set(read.get() + 1);
        }
    });
    assert!(read.get() > 500, "{} read", read.get());
}

#[cfg(target_os = "linux")]
fn peak_memory_kib() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn peak_memory_kib() -> Option<usize> {
    None
}
