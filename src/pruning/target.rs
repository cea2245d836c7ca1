//! How far a model is pruned: limits on what it costs.

use std::path::Path;

use anyhow::{Context, Result};
use edgectl_graph::Graph;
use edgectl_profile::Profile;
use serde::Serialize;

use crate::benchmark::{self, BenchReport, Candidate};
use crate::model::{Content, Model};
use crate::ui::{Ui, bytes, count, micros};

/// What can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Quantity {
    Parameters,
    Macs,
    LatencyMs,
    RamBytes,
    FlashBytes,
}

impl Quantity {
    /// The option that limits it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Quantity::Parameters => "--max-params",
            Quantity::Macs => "--max-macs",
            Quantity::LatencyMs => "--max-latency-ms",
            Quantity::RamBytes => "--max-ram-kib",
            Quantity::FlashBytes => "--max-flash-kib",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Quantity::Parameters => "parameters",
            Quantity::Macs => "MACs",
            Quantity::LatencyMs => "latency",
            Quantity::RamBytes => "RAM",
            Quantity::FlashBytes => "flash",
        }
    }

    pub(crate) fn shown(self, value: f64) -> String {
        match self {
            Quantity::Parameters | Quantity::Macs => count(value.round() as u64),
            Quantity::LatencyMs => micros(value * 1e3),
            Quantity::RamBytes | Quantity::FlashBytes => bytes(value.round() as u64),
        }
    }

    fn needs_device(self) -> bool {
        !matches!(self, Quantity::Parameters | Quantity::Macs)
    }
}

/// The most that something may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) quantity: Quantity,
    pub(crate) most: f64,
}

/// What models are measured with.
pub(crate) struct Yardstick<'a> {
    pub(crate) path: &'a Path,
    pub(crate) profiles: &'a [Profile],
    pub(crate) ui: &'a Ui,
}

/// What a model costs on devices.
pub(crate) struct OnDevices {
    pub(crate) report: BenchReport,
    pub(crate) arena_bytes: Option<u64>,
}

impl Yardstick<'_> {
    /// What the int8 program of a graph costs on all devices. A graph that has none costs nothing that is known.
    pub(crate) fn devices(&self, graph: &Graph) -> Result<OnDevices> {
        let content = Content::Graph { graph: graph.clone(), opset: None };
        let candidate = Candidate::new(Model { path: self.path.into(), bytes: 0, content }, self.ui)?;
        let arena_bytes = candidate.subject().program.map(|program| u64::from(program.arena_bytes()));
        let report = benchmark::estimate(candidate, self.profiles.to_vec(), self.ui)?;
        Ok(OnDevices { report, arena_bytes })
    }

    /// How much a graph has of each quantity that is limited; of several devices, the most.
    ///
    /// # Errors
    /// Where a device cannot run it at all.
    pub(crate) fn measure(&self, graph: &Graph, limits: &[Limit]) -> Result<Vec<f64>> {
        let cost = graph.total_cost();
        let wants_device = limits.iter().any(|limit| limit.quantity.needs_device());
        let devices = wants_device.then(|| self.devices(graph)).transpose()?;
        let found = |limit: &Limit| {
            let devices = devices.as_ref().map_or(&[][..], |devices| &devices.report.findings);
            let most = |of: &dyn Fn(&edgectl_bench::finding::Finding) -> Option<f64>| {
                let all: Option<Vec<f64>> = devices.iter().map(|entry| of(&entry.finding)).collect();
                all.and_then(|all| all.into_iter().reduce(f64::max)).context("the device's cost is not known")
            };
            match limit.quantity {
                Quantity::Parameters => Ok(cost.parameters as f64),
                Quantity::Macs => Ok(cost.macs as f64),
                Quantity::LatencyMs => most(&|finding| Some(finding.latency.value_us / 1e3)),
                Quantity::RamBytes => most(&|finding| Some(finding.memory.as_ref()?.ram.total_bytes as f64)),
                Quantity::FlashBytes => most(&|finding| Some(finding.memory.as_ref()?.flash.total_bytes as f64)),
            }
        };
        if let Some(failure) = devices.as_ref().and_then(|devices| devices.report.failures.first()) {
            anyhow::bail!("{} cannot run it: {}", failure.target, failure.reason);
        }
        limits.iter().map(found).collect()
    }
}

/// Limits on the way from what a model has to what it may have: after a share of the steps, the same share of the way down, by factors.
pub(crate) fn between(limits: &[Limit], start: &[f64], share: f64) -> Vec<Limit> {
    let limit = |(limit, &start): (&Limit, &f64)| {
        let ratio = if start > 0.0 { (limit.most / start).min(1.0) } else { 1.0 };
        // What is to become nothing goes down in equal steps.
        let most = if ratio > 0.0 { start * ratio.powf(share) } else { start * (1.0 - share) };
        Limit { most: if share >= 1.0 { limit.most } else { most }, ..*limit }
    };
    limits.iter().zip(start).map(limit).collect()
}

/// Whether figures stay within limits.
pub(crate) fn fits(limits: &[Limit], found: &[f64]) -> bool {
    limits.iter().zip(found).all(|(limit, &found)| found <= limit.most)
}

/// How many channels the kernels of a device's processor take at a time: of 128 bit vectors, 16 of 8 bits, of which NEON multiplies 8 at a
/// time; DSP extensions multiply 4 that lie in a word. Plain loops take any number.
pub(crate) fn multiple(profile: &Profile) -> usize {
    let library = profile.kernels.get(&profile.default_kernels);
    let processor = library.and_then(|library| profile.processors.get(&library.processor));
    let lanes = |name: &String| match name.as_str() {
        "dsp" => 4,
        "neon" => 8,
        wide if wide.ends_with("-128") => 16,
        _ => 1,
    };
    processor.and_then(|processor| processor.simd.iter().map(lanes).max()).unwrap_or(1)
}
