//! `prune`: what it writes is the same each time, smaller, and can be worked on further.

use std::fs;

use tempfile::TempDir;

use crate::support::{CASES, edgectl, edgectl_json, fixture};

/// Prunes `digits_mlp`; returns the bytes that were written.
fn pruned(folder: &TempDir, output: &str, more: &[&str]) -> Vec<u8> {
    let (model, data) = (fixture("digits_mlp/model.onnx"), fixture("digits_mlp/calib_x.npy"));
    let arguments = ["prune", &model, "--scale", "1/16", "--data", &data, "-o", output];
    edgectl(folder.path(), &[&arguments, more].concat());
    fs::read(folder.path().join(output)).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let options = ["--sparsity", "0.5", "--steps", "2", "--epochs", "1"];
    let first = pruned(&folder, "a.onnx", &options);
    assert_eq!(first, pruned(&folder, "b.onnx", &options));
    assert_ne!(first, pruned(&folder, "c.onnx", &[&options[..], &["--seed", "1"]].concat()));
}

#[test]
fn a_pruned_model_is_quantized_like_any_other() {
    let folder = TempDir::new().unwrap();
    pruned(&folder, "small.onnx", &["--max-params", "1400", "--steps", "1", "--epochs", "0"]);
    let (calibration, eval) = (fixture("digits_mlp/calib_x.npy"), fixture("digits_mlp/eval_x.npy"));
    let quantize = ["quantize", "small.onnx", "--scale", "1/16", "--calibration", &calibration, "--eval", &eval, "-o", "small.edgm"];
    let report = edgectl_json(folder.path(), &quantize);
    assert!(report["model"]["parameters"].as_u64().unwrap() <= 1400);
    // Nothing was trained, and half of the parameters are gone.
    assert!(report["metrics"]["int8"].as_f64().unwrap() > 0.85, "{}", report["metrics"]);
}

#[test]
fn masks_are_kept_through_training() {
    let folder = TempDir::new().unwrap();
    let (model, data) = (fixture("digits_mlp/model.onnx"), fixture("digits_mlp/calib_x.npy"));
    let masks = ["prune", &model, "--scale", "1/16", "--data", &data, "--blocks", "1:4", "--final-epochs", "2", "-o", "m.onnx"];
    let ran = CASES.edgectl(folder.path(), [&masks[..], &["--format", "json", "-q"]].concat()).unwrap();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let [all, left] = ["parameters", "nonzero_parameters"].map(|name| report["after"][name].as_u64().unwrap());
    assert_eq!(all, 2778);
    // A quarter of 2,720 weights, and at most 58 biases.
    assert!((680..=738).contains(&left), "{left}");
}
