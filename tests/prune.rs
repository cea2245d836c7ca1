//! `prune`: what it writes is the same each time, smaller, and can be worked on further.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

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

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let (model, data) = (fixture("digits_mlp/model.onnx"), fixture("digits_mlp/calib_x.npy"));
    let arguments = ["prune", &model, "--scale", "1/16", "--data", &data, "--sparsity", "0.5", "--steps", "2", "--epochs", "3"];
    let arguments = [&arguments[..], &["--final-epochs", "600", "--batch", "16", "-v", "-o", "m.onnx"]].concat();
    let mut command = Command::new(CASES.binary);
    command.current_dir(folder.path()).args(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).env("NO_COLOR", "1");
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("step 1:")) && said.any(|line| line.contains("epoch 3,")), "it ended too early");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let end: Vec<String> = said.collect();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{end:?}");
    assert!(end.iter().any(|line| line.contains("in step 2 of 2")), "{end:?}");
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["m.onnx.checkpoint.1", "m.onnx.checkpoint.2"]);
    let run = || {
        let ran = CASES.edgectl(folder.path(), &arguments).unwrap();
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        (ran.stderr.contains("going on after"), fs::read(folder.path().join("m.onnx")).unwrap())
    };
    let (resumed, whole) = (run(), run());
    assert!(resumed.0 && !whole.0);
    assert_eq!(resumed.1, whole.1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
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
