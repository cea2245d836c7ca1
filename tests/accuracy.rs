//! Whole chains on the fixtures: what `quantize` prints is what the files compute.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{CASES, edgectl_json, fixture};

struct Model {
    folder: &'static str,
    scale: &'static str,
    samples: u64,
    /// From onnxruntime, on the same samples.
    float_top1: f64,
}

const MODELS: [Model; 2] = [
    Model { folder: "digits_mlp", scale: "1/16", samples: 360, float_top1: 349.0 / 360.0 },
    Model { folder: "fmnist_student", scale: "1/255", samples: 300, float_top1: 259.0 / 300.0 },
];

fn quantize(folder: &Path, model: &Model) -> Value {
    let [onnx, calibration, eval] = ["model.onnx", "calib_x.npy", "eval_x.npy"].map(|file| fixture(&format!("{}/{file}", model.folder)));
    let data = ["--calibration", &calibration, "--eval", &eval, "--scale", model.scale];
    edgectl_json(folder, &[&["quantize", &onnx, "-o", "m.edgm", "-o", "m.onnx"], &data[..]].concat())
}

fn run(folder: &Path, model: &Model, file: &str, more: &[&str]) -> Value {
    let eval = fixture(&format!("{}/eval_x.npy", model.folder));
    edgectl_json(folder, &[&["run", file, "--input", &eval, "--scale", model.scale], more].concat())
}

#[test]
fn int8_is_within_half_a_point_of_float() {
    for model in &MODELS {
        let folder = tempfile::tempdir().unwrap();
        let report = quantize(folder.path(), model);
        let metrics = &report["metrics"];
        assert_eq!((&metrics["name"], &metrics["samples"]), (&"top1".into(), &model.samples.into()));
        assert_eq!(metrics["float"].as_f64().unwrap(), model.float_top1, "{}", model.folder);
        let drop = model.float_top1 - metrics["int8"].as_f64().unwrap();
        assert!(drop <= 0.005, "{}: int8 is worse by {drop}", model.folder);
        assert!(metrics["agreement"].as_f64().unwrap() >= 0.98, "{}: {metrics}", model.folder);
        let sizes = &report["model"];
        assert_eq!(sizes["weights_float_bytes"].as_u64(), sizes["parameters"].as_u64().map(|n| 4 * n));
        assert!(sizes["weights_int8_bytes"].as_u64() < sizes["weights_float_bytes"].as_u64().map(|bytes| bytes / 3));
        assert!(sizes["arena_bytes"].as_u64() >= sizes["arena_lower_bound_bytes"].as_u64());
        for output in report["outputs"].as_array().unwrap() {
            let size = fs::metadata(folder.path().join(output["path"].as_str().unwrap())).unwrap().len();
            assert_eq!(output["bytes"].as_u64(), Some(size), "{output}");
        }
    }
}

#[test]
fn the_program_computes_what_quantize_printed() {
    for model in &MODELS {
        let folder = tempfile::tempdir().unwrap();
        let printed = quantize(folder.path(), model);
        let program = run(folder.path(), model, "m.edgm", &[]);
        assert_eq!(program["executed"], "int8 (edge-runtime)");
        assert_eq!(program["metric"]["value"], printed["metrics"]["int8"], "{}", model.folder);
        let float = run(folder.path(), model, &fixture(&format!("{}/model.onnx", model.folder)), &[]);
        assert_eq!(float["executed"], "float32 (tract)");
        assert_eq!(float["metric"]["value"], printed["metrics"]["float"], "{}", model.folder);
        let inspected = edgectl_json(folder.path(), &["inspect", "m.edgm"]);
        assert_eq!(inspected["model"]["arena_bytes"], printed["model"]["arena_bytes"]);
        assert_eq!(inspected["model"]["macs"], printed["model"]["macs"], "{}", model.folder);
        for tensor in inspected["tensors"].as_array().unwrap() {
            let end = tensor["arena_offset"].as_u64().unwrap() + tensor["bytes"].as_u64().unwrap();
            assert!(end <= inspected["model"]["arena_bytes"].as_u64().unwrap(), "{tensor}");
        }
    }
}

#[test]
fn qdq_and_program_agree() {
    for model in &MODELS {
        let folder = tempfile::tempdir().unwrap();
        quantize(folder.path(), model);
        let found = run(folder.path(), model, "m.onnx", &["--against", "m.edgm"]);
        assert_eq!(found["executed"], "int8 simulated in float (tract)");
        assert!(found["agreement"][0]["top1"].as_f64().unwrap() >= 0.99, "{}: {found}", model.folder);
    }
}

#[test]
fn a_qdq_file_becomes_the_program_it_was_written_with() {
    for model in &MODELS {
        let folder = tempfile::tempdir().unwrap();
        quantize(folder.path(), model);
        let report = edgectl_json(folder.path(), &["quantize", "m.onnx", "-o", "again.edgm"]);
        assert_eq!(report.get("calibration"), None);
        let found = run(folder.path(), model, "again.edgm", &["--against", "m.edgm"]);
        assert_eq!(found["agreement"][0]["max_abs_error"], 0.0, "{}: {found}", model.folder);
    }
}

#[test]
fn tflite_models_run_and_are_quantized() {
    let (model, folder) = (&MODELS[0], tempfile::tempdir().unwrap());
    let [float, int8] = ["float", "int8"].map(|name| fixture(&format!("digits_mlp/{name}.tflite")));
    let found = run(folder.path(), model, &float, &[]);
    assert_eq!((&found["executed"], &found["metric"]["value"]), (&"float32 (tract)".into(), &model.float_top1.into()));
    // The converter's own scales, in our kernels: what TensorFlow Lite's interpreter gives on these samples.
    let found = run(folder.path(), model, &int8, &[]);
    assert_eq!((&found["executed"], &found["metric"]["value"]), (&"int8 (edge-runtime)".into(), &(349.0 / 360.0).into()));
    edgectl_json(folder.path(), &["quantize", &int8, "-o", "int8.edgm"]);
    assert_eq!(run(folder.path(), model, "int8.edgm", &["--against", &int8])["agreement"][0]["max_abs_error"], 0.0);
    let calibration = fixture("digits_mlp/calib_x.npy");
    let arguments = ["quantize", &float, "--scale", model.scale, "--calibration", &calibration, "-o", "float.edgm"];
    edgectl_json(folder.path(), &arguments);
    let drop = model.float_top1 - run(folder.path(), model, "float.edgm", &[])["metric"]["value"].as_f64().unwrap();
    assert!(drop <= 0.005, "{drop}");
}

#[test]
fn the_same_input_gives_the_same_bytes_on_any_number_of_threads() {
    let model = &MODELS[0];
    let [onnx, calibration, eval] = ["model.onnx", "calib_x.npy", "eval_x.npy"].map(|file| fixture(&format!("{}/{file}", model.folder)));
    let files = |threads: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = CASES.command(folder.path());
        command.args(["quantize", &onnx, "--calibration", &calibration, "--eval", &eval, "--scale", model.scale]);
        command.args(["--calibrator", "percentile", "-o", "m.edgm", "-o", "m.onnx"]);
        let output = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success());
        (output.stdout, ["m.edgm", "m.onnx"].map(|file| fs::read(folder.path().join(file)).unwrap()))
    };
    let first = files("1");
    assert!(first == files("1"));
    assert!(first == files("3"));
}

#[test]
fn outputs_are_stacked_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let model = &MODELS[0];
    let onnx = fixture("digits_mlp/model.onnx");
    run(folder.path(), model, &onnx, &["--limit", "5", "-o", "out.npy"]);
    run(folder.path(), model, &onnx, &["--limit", "5", "-o", "out.npz"]);
    let npy = fs::read(folder.path().join("out.npy")).unwrap();
    let header = String::from_utf8_lossy(&npy[10..128]).into_owned();
    assert!(header.contains("'descr': '<f4'") && header.contains("'shape': (5, 10)"), "{header}");
    assert_eq!(npy.len(), 128 + 5 * 10 * 4);
    // An archive of stored arrays holds the very bytes of the array.
    let npz = fs::read(folder.path().join("out.npz")).unwrap();
    assert!(npz.windows(npy.len()).any(|window| window == npy));
    assert!(npz.windows(14).any(|window| window == b"Identity:0.npy"));
}

/// The values of a `.npy` file of float32.
fn values(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

#[test]
fn columns_of_a_sequence_give_what_whole_windows_do() {
    let folder = tempfile::tempdir().unwrap();
    let case = CASES.cases.join("sequence_of_a_model_that_forgets");
    let [model, windows, columns] = ["model.onnx", "windows.npy", "columns.npy"].map(|file| case.join(file).to_string_lossy().into_owned());
    let quantize = |output: &str, more: &[&str]| {
        edgectl_json(folder.path(), &[&["quantize", &model, "--calibration", &windows, "-o", output], more].concat());
    };
    quantize("whole.edgm", &[]);
    quantize("stream.edgm", &["--streaming", "2"]);
    edgectl_json(folder.path(), &["run", "whole.edgm", "--input", &windows, "-o", "whole.npy"]);
    edgectl_json(folder.path(), &["run", "stream.edgm", "--input", &columns, "--sequence", "all", "-o", "stream.npy"]);
    let [whole, stream] = ["whole.npy", "stream.npy"].map(|file| values(&folder.path().join(file)));
    // The first window is full after eight invocations.
    assert!(!whole.is_empty());
    assert_eq!(stream[7 * 3..], whole);
    // Sequences of sixteen steps: the second one begins anew.
    edgectl_json(folder.path(), &["run", "stream.edgm", "--input", &columns, "--sequence", "16", "-o", "halves.npy"]);
    let halves = values(&folder.path().join("halves.npy"));
    assert_eq!(halves[..16 * 3], stream[..16 * 3]);
    assert_ne!(halves[16 * 3..17 * 3], stream[16 * 3..17 * 3]);
    assert_eq!(halves[(16 + 7) * 3..], whole[16 * 3..]);
}
