//! Models that onnxruntime quantized, against what onnxruntime computes with them.
//!
//! The oracle computes in float between the pairs and rounds at each. The int8 kernels round otherwise, after TensorFlow Lite Micro: ties go
//! away from zero, means and scaled values are rounded twice, and softmax, sigmoid and tanh have fixed scales, so that another scale is
//! reached through a second rounding. Each of these moves a value by one step of its tensor at most; what follows passes it on, multiplied
//! by the ratio of the steps. So the bound is in steps of the output, stated per model, and none where nothing is computed. That the types
//! of activations are exchangeable is exact: uint8 must differ where int8 does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use edge_format::{AlignedBytes, Program};
use edge_runtime::{Interpreter, Resolver, affine};
use edgectl_graph::{DType, Op};
use edgectl_lower::{LowerOptions, lower};
use edgectl_onnx::{ImportOptions, read};
use edgectl_quantize::{QdqError, QdqNote, Range, from_qdq};

/// What is expected of a model.
struct Bound {
    /// The greatest difference, in steps of the output.
    steps: u32,
    /// The share of values that may differ at all.
    share: f64,
}

const EXACT: Bound = Bound { steps: 0, share: 0.0 };

fn vector(name: &str, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name).with_extension(extension)
}

fn floats(path: &Path) -> Vec<f32> {
    fs::read(path).unwrap().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// Imports, lowers and runs a model of the folder of vectors. Returns the notes.
fn assert_agrees(name: &str, bound: &Bound) -> Vec<QdqNote> {
    assert_agrees_with(name, &BTreeMap::new(), bound).0
}

/// The same where the model does not state everything. Returns the number of values that differ, too.
fn assert_agrees_with(name: &str, ranges: &BTreeMap<String, Range>, bound: &Bound) -> (Vec<QdqNote>, usize) {
    let path = vector(name, "onnx");
    let graph = read(&path, &ImportOptions::default()).unwrap().graph;
    let integers = graph.tensor(graph.inputs()[0]).fact.as_ref().unwrap().dtype == DType::U8;
    let made = from_qdq(graph, ranges).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lowered = lower(&made.quantized, &LowerOptions::default()).unwrap();
    let bytes = AlignedBytes::from(&lowered.program[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = vec![0; program.arena_bytes() as usize];
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap();

    let values = floats(&path.with_extension("bin"));
    let tensor = program.tensor(program.inputs().next().unwrap().tensor).unwrap();
    let inputs = interpreter.input_mut(0).unwrap().len();
    let outputs: usize = (0..program.outputs().count()).map(|index| interpreter.output(index).unwrap().len()).sum();
    let samples = values.len() / (inputs + outputs);
    assert_eq!(values.len(), samples * (inputs + outputs));
    let (x, y) = values.split_at(samples * inputs);
    let (mut greatest, mut differing) = (0, 0);
    for (x, y) in x.chunks(inputs).zip(y.chunks(outputs)) {
        for (q, &x) in interpreter.input_mut(0).unwrap().iter_mut().zip(x) {
            *q = if integers { (x - 128.0) as i8 } else { affine::quantize(x, tensor.scale, tensor.zero_point) };
        }
        interpreter.invoke().unwrap();
        let mut expected = y.iter();
        for (index, io) in program.outputs().enumerate() {
            let tensor = program.tensor(io.tensor).unwrap();
            for (&found, &expected) in interpreter.output(index).unwrap().iter().zip(&mut expected) {
                let expected =
                    if integers { (expected - 128.0) as i8 } else { affine::quantize(expected, tensor.scale, tensor.zero_point) };
                let steps = found.abs_diff(expected);
                greatest = greatest.max(steps.into());
                differing += usize::from(steps > 0);
            }
        }
    }
    let total = samples * outputs;
    println!("{name}: {differing} of {total} differ, by at most {greatest}");
    assert!(greatest <= bound.steps && differing as f64 <= bound.share * total as f64, "{name}: {differing} of {total}, by {greatest}");
    (made.notes, differing)
}

/// Every type of activation and scale.
fn assert_all_agree(name: &str, bound: &Bound) {
    for scales in ["channel", "tensor"] {
        let differing = |kind| assert_agrees_with(&format!("{name}_{kind}_{scales}"), &BTreeMap::new(), bound).1;
        assert_eq!(differing("s8"), differing("u8"), "{name}_{scales}");
    }
}

#[test]
fn residual_blocks() {
    // A softmax, rounded at 1/256 and again at 1/255.
    assert_all_agree("residual", &Bound { steps: 1, share: 0.3 });
}

#[test]
fn branches_and_gates() {
    assert_all_agree("branches", &Bound { steps: 1, share: 0.2 });
}

#[test]
fn dense_layers() {
    // A sigmoid, rounded at 1/256 and again at the finer scale of the model.
    assert_all_agree("dense", &Bound { steps: 1, share: 0.3 });
}

#[test]
fn sequences_and_tables() {
    // Three tables in a row, the first of which doubles a step.
    assert_all_agree("sequence", &Bound { steps: 3, share: 0.3 });
    // The padding has become part of the convolution, although a pair stands between them.
    let graph = read(&vector("sequence_s8_channel", "onnx"), &ImportOptions::default()).unwrap().graph;
    let made = from_qdq(graph, &BTreeMap::new()).unwrap();
    assert!(made.quantized.graph().nodes().iter().all(|node| !matches!(node.op, Op::Pad { .. })));
}

#[test]
fn functions_with_a_fixed_scale() {
    assert_all_agree("gates", &Bound { steps: 1, share: 0.15 });
}

#[test]
fn what_computes_nothing_is_exact() {
    assert_eq!(assert_agrees("exact", &EXACT), []);
}

#[test]
fn float_weights_with_pairs() {
    assert_eq!(assert_agrees("trained", &Bound { steps: 1, share: 0.2 }), []);
}

#[test]
fn pairs_before_layers_only() {
    let (graph, values) =
        (read(&vector("inputs_only", "onnx"), &ImportOptions::default()).unwrap().graph, floats(&vector("inputs_only", "bin")));
    let output = graph.tensor(graph.outputs()[0]).name.clone();
    let outputs = &values[6 * 2 * 8 * 8..];
    let error = from_qdq(graph, &BTreeMap::new()).unwrap_err();
    assert_eq!(error, QdqError::NotStated { origin: format!("output of node \"{output}\" (Conv)"), tensors: vec![output.clone()] });
    let range = outputs.iter().map(|&y| Range { min: y, max: y }).reduce(Range::union).unwrap();
    assert_eq!(assert_agrees_with("inputs_only", &BTreeMap::from([(output, range)]), &Bound { steps: 1, share: 0.01 }).0, []);
}

#[test]
fn scales_that_an_operator_cannot_have_are_requantized() {
    let notes = assert_agrees("own_scales", &Bound { steps: 2, share: 0.3 });
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    let expected = [
        "\"maxpool3\" is requantized: MaxPool fixes or shares its scale",
        "\"averagepool6\" is requantized: AveragePool fixes or shares its scale",
        "\"maxpool3\" is requantized: Concat fixes or shares its scale",
        "\"averagepool6\" is requantized: Concat fixes or shares its scale",
        "\"dequantizelinear15\" is requantized: Softmax fixes or shares its scale",
    ];
    assert_eq!(notes, expected);
}

#[test]
fn integer_inputs_and_outputs() {
    assert_eq!(assert_agrees("integers", &EXACT), []);
}
