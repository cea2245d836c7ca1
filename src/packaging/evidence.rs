//! What reports of `quantize` and `bench` say about a program, for the manifest.

use std::path::Path;

use anyhow::{Context, Result};
use edge_format::{Io, Program};
use edgectl_bundle::{Accuracy, Bench, Decimal, Evidence, Golden};
use serde::Deserialize;

use super::PackageError;
use crate::ui::Ui;

/// What has been found so far.
#[derive(Default)]
pub(crate) struct Found {
    accuracy: Option<Accuracy>,
    bench: Vec<Bench>,
}

/// What is read of a report; all else is for people.
#[derive(Deserialize)]
struct Report {
    metrics: Option<Metrics>,
    #[serde(default)]
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Metrics {
    name: String,
    samples: u64,
    float: Option<f64>,
    int8: Option<f64>,
    agreement: Option<f64>,
}

#[derive(Deserialize)]
struct Finding {
    model: Model,
    target: Target,
    backend: String,
    engine: Engine,
    latency: Option<Latency>,
}

#[derive(Deserialize)]
struct Model {
    contract: Vec<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Engine {
    dtype: String,
}

#[derive(Deserialize)]
struct Latency {
    value_us: f64,
}

impl Found {
    /// Takes in a report, which the bundle has at `file`.
    pub(crate) fn read(&mut self, path: &Path, content: &[u8], file: &str, program: &Program<'_>, ui: &Ui) -> Result<()> {
        let report: Report =
            serde_json::from_slice(content).with_context(|| format!("{}: expected a report with --format json", path.display()))?;
        if report.metrics.is_none() && report.findings.is_empty() {
            ui.warning(format_args!("{}: neither accuracy nor latency found in it", path.display()));
        }
        if let Some(Metrics { name, samples, float, int8, agreement }) = report.metrics {
            let value = int8.or(agreement).and_then(Decimal::new);
            let accuracy =
                value.map(|value| Accuracy { float: float.and_then(Decimal::new), metric: name, report: file.into(), samples, value });
            self.accuracy = accuracy.or(self.accuracy.take());
        }
        let contract: Vec<String> = program.inputs().chain(program.outputs()).map(contract).collect();
        for Finding { model, target, backend, engine, latency } in report.findings {
            if model.contract != contract {
                let (expected, found) = (contract.join(", "), model.contract.join(", "));
                return Err(PackageError::Report { path: path.into(), expected, found }.into());
            }
            // What float costs says nothing about the program.
            if let (Some(latency), "int8") = (latency, engine.dtype.as_str())
                && let Some(latency_ms) = Decimal::new((latency.value_us * 10.0).round() / 1e4)
            {
                self.bench.push(Bench { backend, latency_ms, report: file.into(), target: target.name });
            }
        }
        Ok(())
    }

    pub(crate) fn with(self, golden: Golden) -> Evidence {
        Evidence { accuracy: self.accuracy, bench: self.bench, golden }
    }
}

/// As `bench` writes an input or output.
fn contract(io: Io<'_>) -> String {
    let dims: Vec<String> = io.shape.dims().iter().map(u32::to_string).collect();
    format!("{}[{}]", io.name, dims.join(","))
}
