//! Float models by value: what LiteRT's reference kernels compute, the graph computes.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[allow(dead_code, reason = "shared with the tests of the graph crate")]
#[path = "../../edgectl-graph/tests/suite/support/mod.rs"]
mod support;

use std::path::Path;

use edgectl_graph::Graph;
use edgectl_tflite::{Model, read};
use serde::Deserialize;
use support::eval::{Array, evaluate};

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models");

/// The largest difference, relative to the largest output.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Record {
    model: String,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    input: Vec<f64>,
    output: Vec<f64>,
}

#[test]
fn float_models_compute_what_litert_computes() {
    let records: Vec<Record> = serde_json::from_str(include_str!("vectors/float.json")).unwrap();
    for record in &records {
        let path = Path::new(MODELS).join(&record.model);
        if !path.exists() {
            eprintln!("skipped: {} is not there", path.display());
            continue;
        }
        let imported = read(&path).unwrap();
        assert_eq!((&*imported.description, &imported.warnings[..]), ("MLIR Converted.", &[][..]));
        let Model::Float(graph) = imported.model else { panic!("{} is not float", record.model) };
        graph.require_deployable().unwrap();
        assert_computes(&graph, record);
    }
}

fn assert_computes(graph: &Graph, record: &Record) {
    let shape = graph.fixed_shape(graph.inputs()[0]).unwrap();
    for sample in &record.samples {
        // The recorded numbers are float32 in decimal.
        let values = sample.input.iter().map(|&value| f64::from(value as f32)).collect();
        let output = &evaluate(graph, &[Array { shape: shape.clone(), values }])[0];
        assert_eq!(output.values.len(), sample.output.len());
        let largest = sample.output.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        for (found, expected) in output.values.iter().zip(&sample.output) {
            assert!((found - expected).abs() <= TOLERANCE * largest, "{}: expected {expected}, found {found}", record.model);
        }
    }
}
