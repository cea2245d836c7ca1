//! Our own QDQ export, read again, gives the very program that was exported.

use std::collections::BTreeMap;
use std::path::Path;

use edgectl_graph::{Activation, Binary, Conv, Fact, Graph, Literal, Op, QuantGraph, Shape, TensorId, Unary, Window, pass, run_all};
use edgectl_lower::{LowerOptions, lower};
use edgectl_onnx::{ImportOptions, QdqOptions, export_qdq, import, read};
use edgectl_quantize::{Calibration, Calibrator, QuantizeOptions, from_qdq, is_qdq, prepare, quantize};

/// Numbers between -1 and 1 that look random and are always the same.
pub(crate) fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(step).collect()
}

/// Quantizes with ranges that look measured: each tensor its own.
pub(crate) fn quantized(mut graph: Graph, options: QuantizeOptions) -> QuantGraph {
    run_all(&mut graph, pass::CANONICAL).unwrap();
    prepare(&mut graph).unwrap();
    let mut calibration = Calibration::new(&graph, Calibrator::MinMax);
    let values: Vec<Vec<f32>> = (0..calibration.observed().count()).map(|tensor| noise(16, tensor as u32)).collect();
    let values = values.iter().enumerate().map(|(tensor, values)| if tensor % 5 == 4 { &[0.0, 3.0][..] } else { values });
    calibration.observe(values).unwrap();
    quantize(graph, &calibration.ranges().unwrap(), options).unwrap()
}

fn assert_round_trip(quantized: &QuantGraph) {
    let direct = lower(quantized, &LowerOptions::default()).unwrap();
    let bytes = export_qdq(quantized, &QdqOptions::default()).unwrap();
    let imported = import(&bytes, &ImportOptions { batch: Some(1), ..ImportOptions::default() }).unwrap().graph;
    assert!(is_qdq(&imported));
    let again = from_qdq(imported, &BTreeMap::new()).unwrap();
    assert_eq!(again.notes, []);
    let lowered = lower(&again.quantized, &LowerOptions::default()).unwrap();
    assert!(lowered.program == direct.program, "programs of {} and {} bytes differ", direct.program.len(), lowered.program.len());
    // The graph that was read is as good a source as the first.
    assert!(export_qdq(&again.quantized, &QdqOptions::default()).is_ok());
}

struct Build(Graph);

impl Build {
    fn constant(&mut self, name: &str, shape: &[usize]) -> TensorId {
        self.0.add_constant(name, Literal::f32(shape, noise(shape.iter().product(), name.len() as u32)).unwrap())
    }

    fn node(&mut self, op: Op, inputs: &[TensorId], name: &str) -> TensorId {
        self.0.add_node(name, op, inputs.iter().copied().map(Some).collect(), format!("{name}_y")).unwrap()
    }
}

/// Every form that the exporter writes: activations, depthwise, a residual, operands, shared and fixed parameters, layers of both kinds.
fn hand_made() -> Graph {
    let mut build = Build(Graph::new("made"));
    let x = build.0.add_input("x", Fact::f32(Shape::new([1, 2, 6, 6])));
    let same = Window { pads_begin: vec![1, 1], pads_end: vec![1, 1], ..Window::new(&[3, 3]) };
    let conv = |groups, activation| Op::Conv(Conv { window: same.clone(), groups, activation });
    let (w, b) = (build.constant("w1", &[4, 2, 3, 3]), build.constant("b1", &[4]));
    let y = build.node(conv(1, Activation::RELU6), &[x, w, b], "conv");
    let (w, b) = (build.constant("w22", &[4, 1, 3, 3]), build.constant("b22", &[4]));
    let z = build.node(conv(4, Activation::NONE), &[y, w, b], "depthwise");
    let z = build.node(Op::Unary(Unary::HardSwish), &[z], "swish");
    let sum = build.node(Op::Binary { op: Binary::Add, activation: Activation::RELU }, &[y, z], "residual");
    let gate = build.node(Op::GlobalAveragePool, &[sum], "squeeze");
    let gate = build.node(Op::Unary(Unary::Sigmoid), &[gate], "gate");
    let gated = build.node(Op::Binary { op: Binary::Mul, activation: Activation::NONE }, &[sum, gate], "excite");
    let factor = build.constant("factor", &[1, 4, 1, 1]);
    let gated = build.node(Op::Binary { op: Binary::Mul, activation: Activation::NONE }, &[gated, factor], "factor_mul");
    let tanh = build.node(Op::Unary(Unary::Tanh), &[gated], "tanh");
    let joined = build.node(Op::Concat { axis: 1 }, &[tanh, gated], "joined");
    let padded = build.node(Op::Pad { before: vec![0, 0, 1, 0], after: vec![0, 0, 1, 2], value: 0.0 }, &[joined], "padded");
    let pooled = build.node(Op::MaxPool(Window { strides: vec![2, 2], ..Window::new(&[2, 2]) }), &[padded], "pooled");
    let moved = build.node(Op::Transpose { perm: vec![0, 2, 3, 1] }, &[pooled], "moved");
    let rows = build.node(Op::Reshape { shape: Shape::new([1, 16, 8]) }, &[moved], "rows");
    // A layer that keeps its leading axes is written as a product and a sum.
    let (w, b) = (build.constant("rows_w", &[5, 8]), build.constant("rows_b", &[5]));
    let rows = build.node(Op::Dense { activation: Activation::RELU }, &[rows, w, b], "dense_rows");
    let flat = build.node(Op::Reshape { shape: Shape::new([1, 80]) }, &[rows], "flat");
    // Square weights: nothing but the values says which axis is which.
    let w = build.constant("square_w", &[80, 80]);
    let square = build.node(Op::Dense { activation: Activation::NONE }, &[flat, w], "square");
    let (w, b) = (build.constant("last_w", &[3, 80]), build.constant("last_b", &[3]));
    let logits = build.node(Op::Dense { activation: Activation::NONE }, &[square, w, b], "last");
    let classes = build.node(Op::Softmax { axis: 1 }, &[logits], "classes");
    build.0.add_output(classes);
    build.0.add_output(logits);
    build.0
}

#[test]
fn a_hand_made_graph_gives_the_same_program() {
    for per_channel in [true, false] {
        let options = QuantizeOptions { per_channel_conv: per_channel, per_channel_dense: per_channel };
        assert_round_trip(&quantized(hand_made(), options));
    }
}

#[test]
fn real_models_give_the_same_programs() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models"));
    let models = [
        "kws_dscnn/model",
        "fmnist/student",
        "fmnist/teacher",
        "digits_mlp/model",
        "wand_cnn1d/model",
        "rfb320_face/model",
        "nab_machine_temp_ae/model",
    ];
    for name in models {
        let path = shared.join(name).with_extension("onnx");
        if !path.exists() {
            println!("skipped: {} is not there", path.display());
            continue;
        }
        let graph = read(&path, &ImportOptions { batch: Some(1), ..ImportOptions::default() }).unwrap().graph;
        assert_round_trip(&quantized(graph, QuantizeOptions::default()));
        println!("{name}: the same program");
    }
}
