//! Mutated models: reading one returns, whatever its bytes, and takes no more memory than its size allows.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::cell::Cell;
use std::fs;
use std::path::Path;

use common::*;
use edgectl_onnx::{ExportOptions, ImportOptions, Imported, export, import};
use proptest::prelude::*;
use proptest::sample::Index;

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
    let config = ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() };
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

#[cfg(target_os = "linux")]
fn peak_memory_kib() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn peak_memory_kib() -> Option<usize> {
    None
}
