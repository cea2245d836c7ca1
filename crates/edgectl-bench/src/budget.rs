//! Limits, and what exceeds them.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::memory::Blame;

/// What an inference may take at most; what is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Time in milliseconds.
    pub latency_ms: Option<f64>,
    /// Working memory in KiB.
    pub ram_kib: Option<f64>,
    /// Program, runtime and kernels in KiB.
    pub flash_kib: Option<f64>,
    /// Energy in microjoules.
    pub energy_uj: Option<f64>,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// [`Budget::latency_ms`].
    LatencyMs,
    /// [`Budget::ram_kib`].
    RamKib,
    /// [`Budget::flash_kib`].
    FlashKib,
    /// [`Budget::energy_uj`].
    EnergyUj,
}

impl Limit {
    /// What is measured, and its unit.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Limit::LatencyMs => ("latency", "ms"),
            Limit::RamKib => ("RAM", "KiB"),
            Limit::FlashKib => ("flash", "KiB"),
            Limit::EnergyUj => ("energy", "uJ"),
        }
    }
}

/// How a figure stands to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Above it.
    Exceeded,
    /// Below it, but the upper end of an estimate's interval, or the 99th percentile of what was measured, is above it.
    Uncertain,
    /// Below it.
    Within,
    /// The figure is not known.
    Unknown,
}

/// A limit and the figure that it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is limited.
    pub limit: Limit,
    /// The most it may be, in the limit's unit.
    pub allowed: f64,
    /// What it is; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<f64>,
    /// How it stands.
    pub standing: Standing,
    /// The op that takes most of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// The op's share of the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op_share: Option<f64>,
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Budget::default()
    }

    /// How a finding stands to each limit, the tightest first. `ram` and `flash` are the ops that need most of the memories.
    pub fn check(&self, finding: &Finding, ram: Option<&Blame>, flash: Option<&Blame>) -> Vec<Check> {
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        let slowest = finding.costliest().map(|op| (op.name.clone(), op.latency_us / finding.latency.value_us));
        let blamed = |blame: Option<&Blame>, total: Option<f64>| {
            let bytes = |blame: &Blame| blame.tensors.iter().map(|tensor| tensor.bytes).sum::<u64>();
            blame.zip(total).map(|(blame, total)| (blame.op.clone(), kib(bytes(blame)) / total))
        };
        let (value, times) = (finding.latency.value_us, finding.latency.times.as_ref());
        let high = finding.latency.interval.map(|interval| interval.high_us).or(times.map(|times| times.p99_us));
        let ram_kib = finding.memory.as_ref().map(|memory| kib(memory.ram.total_bytes));
        let flash_kib = finding.memory.as_ref().map(|memory| kib(memory.flash.total_bytes));
        let energy_high = finding.energy_uj.zip(high).map(|(energy, high)| energy * high / value);
        let figures = [
            (Limit::LatencyMs, self.latency_ms, Some(value / 1e3), high.map(|high| high / 1e3), slowest.clone()),
            (Limit::RamKib, self.ram_kib, ram_kib, None, blamed(ram, ram_kib)),
            (Limit::FlashKib, self.flash_kib, flash_kib, None, blamed(flash, flash_kib)),
            (Limit::EnergyUj, self.energy_uj, finding.energy_uj, energy_high, slowest),
        ];
        let checks = figures.into_iter().filter_map(|(limit, allowed, found, high, op)| {
            let allowed = allowed?;
            let standing = match found {
                None => Standing::Unknown,
                Some(found) if found > allowed => Standing::Exceeded,
                Some(_) if high.is_some_and(|high| high > allowed) => Standing::Uncertain,
                Some(_) => Standing::Within,
            };
            let (op, op_share) = op.filter(|_| found.is_some()).unzip();
            Some(Check { limit, allowed, found, standing, op, op_share })
        });
        let mut checks: Vec<Check> = checks.collect();
        let tightness = |check: &Check| check.found.map_or(f64::INFINITY, |found| found / check.allowed);
        checks.sort_by(|a, b| tightness(b).total_cmp(&tightness(a)));
        checks
    }
}
