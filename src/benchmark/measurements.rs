//! The measurements of `profiles calibrate`, and what becomes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edgectl_bench::calibrate::{Calibrated, Measurement};
use edgectl_bench::finding::{BackendKind, Finding};
use edgectl_profile::{Accuracy, Workload};
use serde::{Deserialize, Serialize};

use super::baseline;
use super::subject::Candidate;
use crate::ui::{Align, Report, Style, Table, Ui, micros};

/// The most measurements that are read: the effort grows with the cube of their number.
const MOST: usize = 500;

/// A line of a file of measurements.
#[derive(Debug)]
pub(crate) struct Given {
    line: u64,
    workload: Workload,
    latency_ms: f64,
}

impl Given {
    pub(crate) fn measurement(&self) -> Measurement<'_> {
        Measurement { line: self.line, workload: &self.workload, latency_ms: self.latency_ms }
    }
}

/// Reads a file of measurements and the models that it names.
pub(crate) fn read(path: &Path, ui: &Ui) -> Result<Vec<Given>> {
    let cannot = || format!("cannot read the measurements {}", path.display());
    let lines = if path.extension().is_some_and(|extension| extension == "json") { findings(path) } else { table(path) };
    let mut workloads: BTreeMap<PathBuf, Workload> = BTreeMap::new();
    let mut given = vec![];
    for Measured { line, model, file, latency_ms } in lines.with_context(cannot)? {
        anyhow::ensure!(given.len() < MOST, "{}: more than {MOST} measurements", path.display());
        if !workloads.contains_key(&model) {
            let mut workload = Candidate::open(&file, ui).with_context(cannot)?.workload;
            workload.name = model.display().to_string();
            workloads.insert(model.clone(), workload);
        }
        given.extend(workloads.get(&model).map(|workload| Given { line, workload: workload.clone(), latency_ms }));
    }
    Ok(given)
}

/// A measurement, and where its model lies.
struct Measured {
    line: u64,
    model: PathBuf,
    file: PathBuf,
    latency_ms: f64,
}

/// What `bench --save` has kept of devices; paths are as they were given there.
fn findings(path: &Path) -> Result<Vec<Measured>> {
    let kept = baseline::read(path)?;
    let measured = kept.findings.into_iter().filter(|finding| finding.backend == BackendKind::Device);
    let found: Vec<_> = (1..)
        .zip(measured)
        .map(|(line, Finding { model, latency, .. })| Measured {
            line,
            file: PathBuf::from(&model.path),
            model: model.path.into(),
            latency_ms: latency.value_us / 1e3,
        })
        .collect();
    anyhow::ensure!(!found.is_empty(), "expected findings of back end device, found none");
    Ok(found)
}

fn table(path: &Path) -> Result<Vec<Measured>> {
    #[derive(Deserialize)]
    struct Line {
        model: PathBuf,
        latency_ms: f64,
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path)?;
    let headers = reader.headers()?.clone();
    let mut measured = vec![];
    for record in reader.records().take(MOST + 1) {
        let record = record?;
        let Line { model, latency_ms } = record.deserialize(Some(&headers))?;
        let line = record.position().map_or(0, csv::Position::line);
        measured.push(Measured { line, file: path.parent().unwrap_or(Path::new("")).join(&model), model, latency_ms });
    }
    Ok(measured)
}

/// How the fit went.
#[derive(Debug, Serialize)]
pub(crate) struct CalibrationReport {
    output: PathBuf,
    kernels: String,
    measurements: Vec<Row>,
    accuracy: Accuracy,
}

#[derive(Debug, Serialize)]
struct Row {
    model: String,
    measured_ms: f64,
    before_ms: f64,
    after_ms: f64,
    /// By coefficients that were fitted without the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out_ms: Option<f64>,
}

impl CalibrationReport {
    pub(crate) fn new(output: &Path, kernels: &str, found: &Calibrated) -> CalibrationReport {
        let row = |row: &edgectl_bench::calibrate::Row| Row {
            model: row.model.clone(),
            measured_ms: row.measured_ms,
            before_ms: row.before_ms,
            after_ms: row.after_ms,
            left_out_ms: row.left_out_ms,
        };
        let measurements = found.rows.iter().map(row).collect();
        CalibrationReport { output: output.into(), kernels: kernels.into(), measurements, accuracy: found.library.accuracy }
    }
}

impl Report for CalibrationReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let columns = [("model", Left), ("measured", Right), ("before", Right), ("after", Right), ("left out", Right), ("error", Right)];
        let mut table = Table::new(columns);
        for row in &self.measurements {
            let ms = |ms: f64| micros(ms * 1e3);
            let error = row.left_out_ms.map_or("-".into(), |ms| format!("{:+.1} %", (ms / row.measured_ms - 1.0) * 100.0));
            let left_out = row.left_out_ms.map_or("-".into(), ms);
            table.row([row.model.clone(), ms(row.measured_ms), ms(row.before_ms), ms(row.after_ms), left_out, error]);
        }
        let Accuracy { median_error_percent, interval, .. } = self.accuracy;
        let median = median_error_percent.map_or_else(
            || "one model says nothing about others: the interval stays as it was".to_owned(),
            |median| format!("left out, each model is estimated from the others: median error {median:.1} %"),
        );
        let percent = |factor: f64| (factor - 1.0) * 100.0;
        let (low, high) = (percent(interval.low), percent(interval.high));
        let output = self.output.display();
        format!("{}\n{median}; interval {low:+.0} to {high:+.0} %\n{} written to {output}\n", table.text(style), self.kernels)
    }
}
