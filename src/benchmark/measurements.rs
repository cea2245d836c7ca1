//! The measurements of `profiles calibrate`, and what becomes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edgectl_bench::calibrate::{Calibrated, Measurement};
use edgectl_profile::{Accuracy, Workload};
use serde::{Deserialize, Serialize};

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
    #[derive(Deserialize)]
    struct Line {
        model: PathBuf,
        latency_ms: f64,
    }
    let cannot = || format!("cannot read the measurements {}", path.display());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).with_context(cannot)?;
    let headers = reader.headers().with_context(cannot)?.clone();
    let mut workloads: BTreeMap<PathBuf, Workload> = BTreeMap::new();
    let mut given = vec![];
    for record in reader.records() {
        let record = record.with_context(cannot)?;
        let Line { model, latency_ms } = record.deserialize(Some(&headers)).with_context(cannot)?;
        anyhow::ensure!(given.len() < MOST, "{}: more than {MOST} measurements", path.display());
        let line = record.position().map_or(0, csv::Position::line);
        if !workloads.contains_key(&model) {
            let file = path.parent().unwrap_or(Path::new("")).join(&model);
            let mut workload = Candidate::open(&file, ui).with_context(cannot)?.workload;
            workload.name = model.display().to_string();
            workloads.insert(model.clone(), workload);
        }
        given.extend(workloads.get(&model).map(|workload| Given { line, workload: workload.clone(), latency_ms }));
    }
    Ok(given)
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
