//! What is found out about one model on one target: the rows of every table, and of the files that keep them.

use std::str::FromStr;

use edgectl_profile::{DType, KernelLibrary, Memory, MemoryKind, Profile};
use serde::{Deserialize, Serialize};

use crate::energy::DutyCycle;
use crate::machine::{Conditions, Machine};
use crate::measure::Times;
use crate::memory::{Footprint, Misfit};

/// How a time was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendKind {
    /// On the device itself.
    Device,
    /// In an emulator that counts cycles.
    Emulator,
    /// By the cost model of a profile.
    Estimate,
    /// On the machine that runs this.
    Host,
}

impl BackendKind {
    /// All of them.
    pub const ALL: [BackendKind; 4] = [BackendKind::Device, BackendKind::Emulator, BackendKind::Estimate, BackendKind::Host];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            BackendKind::Device => "device",
            BackendKind::Emulator => "emulator",
            BackendKind::Estimate => "estimate",
            BackendKind::Host => "host",
        }
    }
}

/// The model, as far as figures of two files can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelId {
    /// As it was given.
    pub path: String,
    /// The name without folder and extension: figures of the same name are compared.
    pub name: String,
    /// Names and shapes of inputs and outputs: `x[1,28,28,1]`. Where they differ, it is another model.
    pub contract: Vec<String>,
    /// Multiply-accumulate operations.
    pub macs: u64,
}

/// What runs the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// The kernel library, as its profile or this tool names it.
    pub kernels: String,
    /// For people.
    pub title: String,
    /// What it computes in: `int8`, `fp32`.
    pub dtype: String,
    /// Threads or cores.
    pub threads: u32,
}

impl FromStr for BackendKind {
    type Err = String;

    fn from_str(name: &str) -> Result<BackendKind, String> {
        let found = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| format!("expected one of {}, found {name}", BackendKind::ALL.map(BackendKind::name).join(", ")))
    }
}

/// How long an inference takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Estimated, or the median of what was measured.
    pub value_us: f64,
    /// What holds the true value with the probability `coverage`; absent where nothing is known about the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Range>,
    /// What was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
}

/// A range of times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The lower end.
    pub low_us: f64,
    /// The upper end.
    pub high_us: f64,
    /// The probability that a measurement lies within, as cross-validation found it.
    pub coverage: f64,
}

/// An op's share of the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpTime {
    /// The output's or the node's name.
    pub name: String,
    /// The operator.
    pub op: String,
    /// What it takes.
    pub latency_us: f64,
    /// Multiply-accumulate operations.
    pub macs: u64,
    /// Bytes that it moves at least: weights, inputs and outputs once each.
    pub bytes: u64,
    /// What limits it, where a cost model says: `compute`, `memory`, `overhead`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
}

/// What hardware can do at best: no operator is faster than this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roof {
    /// The memory that bounds operators with few operations per byte.
    pub memory: String,
    /// What it delivers.
    pub bytes_per_us: f64,
    /// What the arithmetic units of the threads that are used can do.
    pub macs_per_us: f64,
}

/// Where it was found, and what that can be compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The profile; `this machine` for the host.
    pub name: String,
    /// A checksum of the profile: figures of different coefficients are not comparable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_crc32: Option<u32>,
    /// Of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
}

/// All about one model on one target with one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was asked about.
    pub model: ModelId,
    /// On what.
    pub target: Target,
    /// How.
    pub backend: BackendKind,
    /// By what kernels.
    pub engine: Engine,
    /// The time.
    pub latency: Latency,
    /// Where it goes, in the order of execution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ops: Vec<OpTime>,
    /// What the device could do at best, one for each memory; empty where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roofs: Vec<Roof>,
    /// The memory; absent where the engine is not ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Footprint>,
    /// What does not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misfits: Vec<Misfit>,
    /// What an inference draws; absent where no power is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_uj: Option<f64>,
    /// What a duty cycle draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_cycle: Option<DutyCycle>,
    /// How the time came about, in a sentence.
    pub provenance: String,
}

impl Roof {
    /// Those of a device with a kernel library.
    pub fn of_profile(profile: &Profile, library: &KernelLibrary) -> Vec<Roof> {
        let Some(processor) = profile.processors.get(&library.processor) else { return vec![] };
        let peak = if library.dtype == DType::Int8 { processor.peak_int8_macs_per_cycle } else { processor.peak_float_macs_per_cycle };
        let used = f64::from(library.threads.min(processor.cores).max(1)) / f64::from(processor.cores.max(1));
        let macs_per_us = peak * used * processor.clock_hz / 1e6;
        let roof = |(name, memory): (&String, &Memory)| Roof {
            memory: name.clone(),
            bytes_per_us: memory.read_bytes_per_second / 1e6,
            macs_per_us,
        };
        // Linux reads a model once from storage, and then from memory.
        profile.memory.iter().filter(|(_, memory)| memory.kind != MemoryKind::Storage).map(roof).collect()
    }
}

impl Target {
    /// The device of a profile.
    pub fn of_profile(profile: &Profile) -> Target {
        // Serializing into memory fails for no value of this type.
        let text = serde_json::to_vec(profile).unwrap_or_default();
        Target { name: profile.name.clone(), profile_crc32: Some(crc32fast::hash(&text)), machine: None, conditions: None }
    }
}

impl Finding {
    /// What distinguishes it from all others: model, target, back end, kernels.
    pub fn key(&self) -> [&str; 4] {
        [&self.model.name, &self.target.name, self.backend.name(), &self.engine.kernels]
    }

    /// The op that takes longest.
    pub fn costliest(&self) -> Option<&OpTime> {
        self.ops.iter().max_by(|a, b| a.latency_us.total_cmp(&b.latency_us))
    }

    /// What its ops take together.
    pub fn ops_us(&self) -> f64 {
        self.ops.iter().map(|op| op.latency_us).sum()
    }
}
