//! `finetune` and `distill` on the fixtures: models that got better on what they were trained on, files that compute what was printed,
//! and an interrupt in the middle.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{CASES, edgectl_json, fixture};

/// The evaluation samples of the fixture have labels: here they are trained on, so that figures say nothing about other samples.
fn digits() -> (String, String) {
    (fixture("digits_mlp/model.onnx"), fixture("digits_mlp/eval_x.npy"))
}

fn metric(models: &Value, name: &str) -> f64 {
    let model = models.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap_or_else(|| panic!("no {name} in {models}"));
    model["metric"]["value"].as_f64().unwrap()
}

fn top1(folder: &Path, model: &str, data: &str) -> f64 {
    let report = edgectl_json(folder, &["run", model, "--input", data, "--scale", "1/16"]);
    report["metric"]["value"].as_f64().unwrap()
}

#[test]
fn fine_tuning_writes_a_model_that_does_what_the_report_says() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = digits();
    let arguments = ["finetune", &model, "--data", &data, "--eval", &data, "--scale", "1/16", "--epochs", "8", "--seed", "3"];
    let files = ["--log", "log.jsonl", "--report", "page.html", "-o", "tuned.onnx"];
    let report = edgectl_json(folder.path(), &[&arguments[..], &files].concat());
    let (before, after) = (metric(&report["models"], "before"), metric(&report["models"], "after"));
    assert!(after > before, "{before} {after}");
    assert_eq!(top1(folder.path(), "tuned.onnx", &data), after);
    let log = fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let rows: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 9);
    assert!(rows[8]["train"]["loss"].as_f64() < rows[1]["train"]["loss"].as_f64(), "{log}");
    assert!(fs::read_to_string(folder.path().join("page.html")).unwrap().contains("<polyline"));
    assert!(!folder.path().join("tuned.onnx.checkpoint").exists());
    // The same seed gives the same bytes.
    edgectl_json(folder.path(), &[&arguments[..], &["-o", "again.onnx"]].concat());
    assert_eq!(fs::read(folder.path().join("tuned.onnx")).unwrap(), fs::read(folder.path().join("again.onnx")).unwrap());
}

#[test]
fn quantization_aware_training_gives_the_program_that_it_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = digits();
    let arguments = ["finetune", &model, "--quantization-aware", "--data", &data, "--eval", &data, "--scale", "1/16", "--epochs", "4"];
    let report = edgectl_json(folder.path(), &[&arguments[..], &["-o", "m.edgm", "-o", "m.onnx"]].concat());
    let int8 = report["int8"]["value"].as_f64().unwrap();
    assert!((int8 - metric(&report["models"], "after")).abs() <= 0.01, "{report}");
    assert_eq!(top1(folder.path(), "m.edgm", &data), int8);
    // The QDQ model keeps the ranges that were learned: it becomes the same program.
    edgectl_json(folder.path(), &["quantize", "m.onnx", "-o", "again.edgm"]);
    assert_eq!(top1(folder.path(), "again.edgm", &data), int8);
}

#[test]
fn a_template_learns_from_a_teacher_of_int8() {
    let folder = tempfile::tempdir().unwrap();
    let (_, data) = digits();
    let teacher = fixture("digits_mlp/int8.tflite");
    let arguments = ["distill", "--teacher", &teacher, "--student", "mlp:width=0.25", "--data", &data, "--eval", &data];
    let report = edgectl_json(folder.path(), &[&arguments[..], &["--scale", "1/16", "--epochs", "100", "-o", "student.onnx"]].concat());
    let student = metric(&report["models"], "student");
    assert!(student > 0.9, "{report}");
    assert_eq!(top1(folder.path(), "student.onnx", &data), student);
    assert_eq!(report["objective"].as_array().unwrap().len(), 2);
}

#[test]
fn the_widest_student_fits_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let (teacher, data) = digits();
    let parameters = |flash: &str| {
        let arguments = ["distill", "--teacher", &teacher, "--student", "auto", "--profile", "pico", "--max-flash-kib", flash];
        let rest = ["--data", &data, "--scale", "1/16", "--epochs", "1", "-q", "-o", "auto.onnx"];
        let report = edgectl_json(folder.path(), &[&arguments[..], &rest].concat());
        report["models"].as_array().unwrap().last().unwrap()["parameters"].as_u64().unwrap()
    };
    assert!(parameters("40") < parameters("100"));
}

/// Waits until the process has said this, and returns whether it has.
fn says(child: &mut std::process::Child, text: &str) -> bool {
    use std::io::{BufRead, BufReader};
    let stderr = BufReader::new(child.stderr.as_mut().unwrap());
    stderr.lines().map_while(Result::ok).any(|line| line.contains(text))
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = digits();
    let arguments = [
        "finetune",
        &model,
        "--data",
        &data,
        "--scale",
        "1/16",
        "--epochs",
        "3000",
        "--patience",
        "40",
        "--batch",
        "16",
        "-v",
        "-o",
        "m.onnx",
    ];
    let start = || {
        let mut command = Command::new(CASES.binary);
        command.current_dir(folder.path()).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).env("NO_COLOR", "1");
        command.spawn().unwrap()
    };
    let mut child = start();
    assert!(says(&mut child, "epoch 3,"));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let began = Instant::now();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(2), "after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(60));
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["m.onnx.checkpoint"]);
    // No room for the next checkpoint: the last one stays.
    let kept = fs::read(folder.path().join("m.onnx.checkpoint")).unwrap();
    let mut full = Command::new("sh");
    full.current_dir(folder.path()).args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]).arg(CASES.binary).args(arguments);
    let full = full.env("NO_COLOR", "1").output().unwrap();
    let said = String::from_utf8(full.stderr).unwrap();
    assert_eq!(full.status.code(), Some(2), "{said}");
    assert!(said.contains("m.onnx.checkpoint: File too large"), "{said}");
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["m.onnx.checkpoint"]);
    assert_eq!(fs::read(folder.path().join("m.onnx.checkpoint")).unwrap(), kept);
    let resumed = CASES.edgectl(folder.path(), arguments).unwrap();
    assert_eq!(resumed.status, 0, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("going on after"), "{}", resumed.stderr);
    let bytes = fs::read(folder.path().join("m.onnx")).unwrap();
    let whole = CASES.edgectl(folder.path(), arguments).unwrap();
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    assert!(!whole.stderr.contains("going on after"), "{}", whole.stderr);
    assert_eq!(fs::read(folder.path().join("m.onnx")).unwrap(), bytes);
}
