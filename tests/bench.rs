//! `bench` from outside, where a case cannot say it: what is measured differs from run to run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{CASES, edgectl, edgectl_json, fixture};

fn board(folder: &Path) {
    let profile = CASES.cases.join("bench_on_a_device/board.yaml");
    fs::copy(profile, folder.join("board.yaml")).unwrap();
}

#[test]
fn the_memory_that_is_promised_without_data_is_what_quantization_gives() {
    let folder = tempfile::tempdir().unwrap();
    board(folder.path());
    for (name, scale) in [("digits_mlp", "1/16"), ("fmnist_student", "1/255")] {
        let [onnx, calibration] = ["model.onnx", "calib_x.npy"].map(|file| fixture(&format!("{name}/{file}")));
        edgectl_json(folder.path(), &["quantize", &onnx, "--scale", scale, "--calibration", &calibration, "-o", "m.edgm"]);
        let memory = |model: &str| {
            let report = edgectl_json(folder.path(), &["bench", model, "--profile", "board.yaml"]);
            report["findings"][0]["memory"].clone()
        };
        let promised = memory(&onnx);
        assert_eq!(promised, memory("m.edgm"), "{name}");
        let inspected = edgectl_json(folder.path(), &["inspect", "m.edgm"]);
        assert_eq!(promised["ram"]["arena_bytes"], inspected["model"]["arena_bytes"]);
        let file = fs::metadata(folder.path().join("m.edgm")).unwrap().len();
        let flash = |part: &str| promised["flash"][part].as_u64().unwrap();
        assert_eq!(flash("constants_bytes") + flash("overhead_bytes"), file);
    }
}

#[test]
fn a_measurement_says_where_the_time_goes_and_equals_itself() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("fmnist_student/model.onnx"), folder.path().join("model.onnx")).unwrap();
    let short = ["--time", "60ms", "--warm-up", "10ms"];
    let measure =
        |more: &[&str]| CASES.edgectl(folder.path(), [&["bench", "model.onnx", "--format", "json"], &short[..], more].concat()).unwrap();
    let ran = measure(&["--save", "base.json", "--report", "page.html"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let saved: Value = serde_json::from_slice(&fs::read(folder.path().join("base.json")).unwrap()).unwrap();
    assert_eq!(report, saved);
    let [int8, float] = &report["findings"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&int8["engine"]["kernels"], &int8["engine"]["dtype"]), (&"edge-runtime".into(), &"int8".into()));
    assert_eq!((&float["engine"]["kernels"], &float["engine"]["dtype"]), (&"tract".into(), &"fp32".into()));
    let number = |value: &Value| value.as_f64().unwrap();
    let times = &int8["latency"]["times"];
    assert!(number(&times["p50_us"]) <= number(&times["p90_us"]) && number(&times["p90_us"]) <= number(&times["p99_us"]));
    assert_eq!(times["block_p50_us"].as_array().unwrap().len(), 20);
    assert!(int8["ops"].as_array().unwrap().iter().all(|op| number(&op["latency_us"]) > 0.0));
    assert_eq!(int8["model"]["macs"], 150_064);

    // One run may be disturbed and another not, so that only a change of this size is sure to be none.
    let ran = measure(&["--baseline", "base.json", "--tolerance", "99.9"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["findings"][0]["baseline"][0]["figure"], "latency_us");
    assert_ne!(report["findings"][0]["baseline"][0]["change"], "better");
    assert_eq!(report["findings"][1].get("baseline"), None, "a peer is not compared");

    // A baseline in which everything took a thousandth of the time is not met.
    let mut fast = saved.clone();
    for block in fast["findings"][0]["latency"]["times"]["block_p50_us"].as_array_mut().unwrap() {
        *block = (number(block) / 1e3).into();
    }
    fs::write(folder.path().join("fast.json"), fast.to_string()).unwrap();
    let ran = measure(&["--baseline", "fast.json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, &report["findings"][0]["baseline"][0]["change"]), (1, &"worse".into()));

    fast["findings"][0]["target"]["machine"]["cpu"] = "another one".into();
    fs::write(folder.path().join("other.json"), fast.to_string()).unwrap();
    let ran = measure(&["--baseline", "other.json"]);
    assert!(ran.status == 2 && ran.stderr.contains("it was measured on another machine"), "{}", ran.stderr);
}

#[test]
fn estimates_equal_their_baseline() {
    let folder = tempfile::tempdir().unwrap();
    board(folder.path());
    let models = ["digits_mlp/model.onnx", "fmnist_student/model.onnx"].map(fixture);
    let arguments = ["bench", &models[0], &models[1], "--profile", "board.yaml"];
    let page = edgectl(folder.path(), &[&arguments[..], &["--save", "base.json", "--report", "page.html"]].concat());
    assert_eq!(page.files.into_iter().collect::<Vec<_>>(), ["base.json", "page.html"]);
    let report = edgectl_json(folder.path(), &[&arguments[..], &["--baseline", "base.json"]].concat());
    for finding in report["findings"].as_array().unwrap() {
        let figures = finding["baseline"].as_array().unwrap();
        assert_eq!(figures.iter().map(|figure| figure["change"].as_str().unwrap()).collect::<Vec<_>>(), ["same"; 3]);
    }
    // The page holds everything: charts, names, nothing that would be loaded.
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("Roofline") && page.contains("digits_mlp/model on board (plain)"));
    assert!(page.matches("<svg").count() == 6 && !page.contains("<script") && !page.contains("src=") && !page.contains("<link"));
}

#[test]
fn pipelines_get_annotations() {
    let folder = tempfile::tempdir().unwrap();
    board(folder.path());
    let run = |github: bool| {
        let mut command = CASES.command(folder.path());
        command.args(["bench", &fixture("fmnist_student/model.onnx"), "--profile", "board.yaml", "--max-latency-ms", "10"]);
        if github {
            command.env("GITHUB_ACTIONS", "true");
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(run(false), "");
    let annotation = run(true);
    assert!(annotation.starts_with("::error title=edgectl::model on board, plain: latency of "), "{annotation}");
    assert_eq!(annotation.lines().count(), 1, "{annotation}");
    // Half a percent is written so that it stays one.
    assert!(annotation.contains(" %25 of it is "), "{annotation}");
}

#[test]
fn a_calibrated_profile_estimates_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    board(folder.path());
    for name in ["digits_mlp", "fmnist_student"] {
        fs::copy(fixture(&format!("{name}/model.onnx")), folder.path().join(format!("{name}.onnx"))).unwrap();
    }
    fs::write(folder.path().join("times.csv"), "model,latency_ms,where\nfmnist_student.onnx,45.0,desk\ndigits_mlp.onnx,1.2,desk\n")
        .unwrap();
    let calibrate = ["profiles", "calibrate", "board.yaml", "--measurements", "times.csv", "-o", "mine.yaml"];
    let report = edgectl_json(folder.path(), &calibrate);
    assert_eq!(report["accuracy"]["measurements"], 2);
    for (model, measured_ms) in [("fmnist_student.onnx", 45.0), ("digits_mlp.onnx", 1.2)] {
        let found = edgectl_json(folder.path(), &["bench", model, "--profile", "mine.yaml"]);
        let ms = found["findings"][0]["latency"]["value_us"].as_f64().unwrap() / 1e3;
        assert!((ms / measured_ms - 1.0).abs() < 0.05, "{model}: {ms} for {measured_ms}");
        assert!(found["findings"][0]["provenance"].as_str().unwrap().contains("your measurements"));
    }
    assert_eq!(edgectl(folder.path(), &["profiles", "validate", "mine.yaml"]).stdout, "mine: valid\n");
}
