//! What a model is: its accuracy, its size, what it costs on devices.

use std::path::Path;

use anyhow::{Context, Result};
use edgectl_data::MetricValue;
use edgectl_graph::Graph;
use edgectl_profile::Profile;
use serde::Serialize;

use crate::benchmark::{self, Candidate};
use crate::model::Int8Model;
use crate::ui::Ui;
use crate::ui::metric::Value;

/// One model of a report.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// What it is: before, after, teacher.
    pub(crate) name: &'static str,
    /// Absent where nothing was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metric: Option<Value>,
    pub(crate) parameters: u64,
    pub(crate) macs: u64,
    /// Bytes of the file in float.
    pub(crate) file_bytes: u64,
    /// RAM of the int8 program; absent where the model has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) int8_arena_bytes: Option<usize>,
    /// Bytes of the int8 program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) int8_program_bytes: Option<usize>,
    /// By the cost model, of the int8 program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) devices: Vec<DeviceRow>,
}

/// What a model costs on a device, as its cost model estimates it.
#[derive(Debug, Serialize)]
pub(crate) struct DeviceRow {
    pub(crate) profile: String,
    /// Absent where the device cannot run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_us: Option<f64>,
}

impl Figures {
    /// Those of a model that has no float graph.
    pub(crate) fn of_file(name: &'static str, file_bytes: u64, metric: Option<&MetricValue>) -> Figures {
        let metric = metric.map(Value::from);
        Figures { name, metric, parameters: 0, macs: 0, file_bytes, int8_arena_bytes: None, int8_program_bytes: None, devices: vec![] }
    }

    /// Those of a float graph.
    pub(crate) fn new(
        name: &'static str,
        graph: &Graph,
        file_bytes: u64,
        metric: Option<&MetricValue>,
        profiles: &[Profile],
        ui: &Ui,
    ) -> Result<Figures> {
        let cost = graph.total_cost();
        // A model that has no int8 form still has all other figures.
        let int8 = benchmark::without_data(graph).ok();
        let devices = int8.as_ref().map(|int8| devices(name, int8, profiles, ui)).transpose()?.unwrap_or_default();
        Ok(Figures {
            name,
            metric: metric.map(Value::from),
            parameters: cost.parameters,
            macs: cost.macs,
            file_bytes,
            int8_arena_bytes: int8.as_ref().map(|int8| int8.report.arena_bytes),
            int8_program_bytes: int8.as_ref().map(|int8| int8.program.len()),
            devices,
        })
    }
}

fn devices(name: &str, int8: &Int8Model, profiles: &[Profile], ui: &Ui) -> Result<Vec<DeviceRow>> {
    if profiles.is_empty() {
        return Ok(vec![]);
    }
    let candidate = || Candidate::of_program(Path::new(name), &int8.program);
    let row = |profile: &Profile| {
        let report = benchmark::estimate(candidate()?, vec![profile.clone()], ui)?;
        let latency_us = report.findings.first().map(|entry| entry.finding.latency.value_us);
        Ok(DeviceRow { profile: profile.name.clone(), latency_us })
    };
    profiles.iter().map(row).collect::<Result<_>>().context("cannot estimate what the model costs")
}
