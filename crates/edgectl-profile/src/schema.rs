//! The schema of `profiles/*.yaml`: unit-suffixed keys, unknown keys refused. [`crate::Registry`] reads and checks it.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::ProfileError;
use crate::workload::{OpClass, OpWork};

/// The version that a profile must state.
pub const SCHEMA_VERSION: u32 = 1;

/// A device.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The profile that this one changes, a name or a path beside it; already merged when a profile is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// As the file is named: `a-z 0-9 -`.
    pub name: String,
    /// For people: `Raspberry Pi Pico`.
    pub title: String,
    /// What runs beside the model.
    pub system: System,
    /// The chip.
    pub soc: String,
    /// Where the figures below are from, where they have no source of their own.
    pub source: String,
    /// What computes, by name; kernel libraries refer to these.
    pub processors: IndexMap<String, Processor>,
    /// Memories by name.
    pub memory: IndexMap<String, Memory>,
    /// How a model can be benchmarked on it.
    pub backends: BTreeSet<Backend>,
    /// How a bundle reaches it.
    pub transports: BTreeSet<Transport>,
    /// What it draws.
    pub power: Power,
    /// The key of the kernel library that is meant where none is named.
    pub default_kernels: String,
    /// Kernel libraries by key: library, data type and threads, as `cmsis-nn` or `ncnn-fp32-x4`.
    pub kernels: IndexMap<String, KernelLibrary>,
}

impl Profile {
    /// The profile as a file of its own.
    ///
    /// # Errors
    /// [`ProfileError::Unwritable`].
    pub fn to_yaml(&self) -> Result<String, ProfileError> {
        let unwritable = |error: serde_yaml::Error| ProfileError::Unwritable { profile: self.name.clone(), message: error.to_string() };
        serde_yaml::to_string(&Profile { extends: None, ..self.clone() }).map_err(unwritable)
    }

    /// The clock of the processor that a library runs on; validation saw to it that there is one.
    pub fn clock_hz(&self, library: &KernelLibrary) -> f64 {
        self.processors.get(&library.processor).map_or(f64::NAN, |processor| processor.clock_hz)
    }

    /// Bytes of all memories with a role, less what the system takes.
    pub fn available_bytes(&self, role: MemoryRole) -> u64 {
        self.memory.values().filter(|memory| memory.role == role).map(|memory| memory.bytes.saturating_sub(memory.system_bytes)).sum()
    }
}

/// What runs beside the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// A firmware, with or without an RTOS.
    BareMetal,
    /// Linux.
    Linux,
}

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessorKind {
    /// Runs programs.
    Cpu,
    /// Runs kernels that a CPU starts.
    Gpu,
}

/// Cores of one kind.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// CPU or GPU.
    pub kind: ProcessorKind,
    /// As its maker names it: `Cortex-M0+`.
    pub core: String,
    /// How many.
    pub cores: u32,
    /// The instruction set: `armv6-m`.
    pub isa: String,
    /// Vector extensions that kernels use, empty where there are none.
    #[serde(default)]
    pub simd: Vec<String>,
    /// The clock at which estimates are made.
    pub clock_hz: f64,
    /// The highest clock that its maker allows.
    pub max_clock_hz: f64,
    /// Multiply-accumulate operations of 8 bits that all cores can start per cycle at best, for the roofline.
    pub peak_int8_macs_per_cycle: f64,
    /// The same in float (32 bits, or 16 where the hardware computes in these).
    pub peak_float_macs_per_cycle: f64,
}

/// What a memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryRole {
    /// Arena, stack, variables.
    Ram,
    /// Program and weights.
    Flash,
}

/// How a memory is made or attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryKind {
    /// DRAM of a Linux board.
    Dram,
    /// Flash on the chip.
    InternalFlash,
    /// RAM behind a serial bus.
    Psram,
    /// RAM on the chip.
    Sram,
    /// A card, eMMC or NVMe drive.
    Storage,
    /// Serial flash that the processor executes from through a cache.
    Xip,
}

/// A memory.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// What it holds.
    pub role: MemoryRole,
    /// How it is made.
    pub kind: MemoryKind,
    /// Its size.
    pub bytes: u64,
    /// What the system, the radio or the boot loader keep of it.
    pub system_bytes: u64,
    /// What a sequential read reaches at best.
    pub read_bytes_per_second: f64,
    /// Where the speed and `system_bytes` are from; `assumed: …` where they are nobody's figures.
    pub source: String,
}

/// How a model can be benchmarked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// On the device itself, over a transport.
    Device,
    /// In an emulator.
    Emulator,
    /// By the cost model.
    Estimate,
}

/// How a bundle reaches a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// The ROM boot loader of an ESP32 over a serial port.
    Serial,
    /// SSH to a Linux device.
    Ssh,
    /// The mass storage of an RP2040 or RP2350.
    Uf2,
}

/// What a device draws.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// What `power_uw` covers: `chip`, `board`, `board at the AC plug`.
    pub scope: String,
    /// While it infers.
    pub active: PowerState,
    /// Awake and waiting.
    pub idle: PowerState,
    /// The deepest state that it wakes from by itself, by a timer.
    pub sleep: PowerState,
}

/// A power state.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PowerState {
    /// Microwatts.
    pub power_uw: f64,
    /// Microseconds from this state until the model runs; 0 while active.
    #[serde(default)]
    pub wake_us: f64,
    /// The datasheet's table or the measurement; `assumed: …` where it is nobody's figure.
    pub source: String,
}

/// What weights and activations are stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DType {
    /// IEEE 754 half precision.
    Fp16,
    /// IEEE 754 single precision.
    Fp32,
    /// 8-bit integers.
    Int8,
}

impl DType {
    /// Bytes of an element.
    pub fn bytes(self) -> f64 {
        match self {
            DType::Fp16 => 2.0,
            DType::Fp32 => 4.0,
            DType::Int8 => 1.0,
        }
    }

    /// As written in profiles.
    pub fn name(self) -> &'static str {
        match self {
            DType::Fp16 => "fp16",
            DType::Fp32 => "fp32",
            DType::Int8 => "int8",
        }
    }
}

/// Where coefficients are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Derived from other boards or by reasoning; no measurement of this library on this board exists.
    Assumed,
    /// From measurements of the same library on boards with the same kind of core.
    Borrowed,
    /// From the user's own measurements, by `profiles calibrate`.
    Calibrated,
    /// Counted by an emulator.
    Emulated,
    /// Fitted to published measurements on this board.
    Fitted,
}

impl Basis {
    /// As written in profiles.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Assumed => "assumed",
            Basis::Borrowed => "borrowed",
            Basis::Calibrated => "calibrated",
            Basis::Emulated => "emulated",
            Basis::Fitted => "fitted",
        }
    }
}

/// What a library has kernels for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Operators {
    /// Everything; `all` in a profile.
    #[default]
    All,
    /// These, as [`crate::OpWork::op`] names them.
    Only(BTreeSet<String>),
}

impl<'de> Deserialize<'de> for Operators {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Operators;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`all` or a list of operators")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Operators, E> {
                match text {
                    "all" => Ok(Operators::All),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Operators, A::Error> {
                let mut names = BTreeSet::new();
                while let Some(name) = items.next_element()? {
                    names.insert(name);
                }
                Ok(Operators::Only(names))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Operators {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Operators::All => serializer.serialize_str("all"),
            Operators::Only(names) => names.serialize(serializer),
        }
    }
}

/// A kernel library with one data type and number of threads, and what its kernels cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KernelLibrary {
    /// `CMSIS-NN in TensorFlow Lite Micro`.
    pub title: String,
    /// The processor that it runs on.
    pub processor: String,
    /// What it computes in.
    pub dtype: DType,
    /// Threads or cores.
    pub threads: u32,
    /// What it has kernels for.
    #[serde(default)]
    pub operators: Operators,
    /// Where the coefficients are from.
    pub basis: Basis,
    /// Their source in words.
    pub source: String,
    /// Of the interpreter, per inference.
    #[serde(default)]
    pub cycles_per_inference: f64,
    /// By class of operator; a class that is absent costs nothing.
    pub costs: BTreeMap<OpClass, Coefficients>,
    /// How far off it is.
    pub accuracy: Accuracy,
}

/// The coefficients of a class of operators, in cycles of the processor. See [`crate::estimate`] for the formula.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Coefficients {
    /// Per multiply-accumulate operation; of depthwise convolutions, only those that do not read padding.
    pub cycles_per_mac: f64,
    /// Per output element and kernel position.
    pub cycles_per_tap: f64,
    /// Per input element under the kernel, for each pixel of the output (im2col).
    pub cycles_per_gathered: f64,
    /// Per input element.
    pub cycles_per_input: f64,
    /// Per output element.
    pub cycles_per_output: f64,
    /// Per byte of weights, read from where they lie.
    pub cycles_per_weight_byte: f64,
    /// Per operator.
    pub cycles_per_layer: f64,
}

impl KernelLibrary {
    /// The class whose costs an operator has; where a profile states none for kernels of some size, it has one kind of convolution.
    pub fn cost_class(&self, op: &OpWork) -> OpClass {
        if self.costs.contains_key(&op.cost_class()) { op.cost_class() } else { op.class }
    }
}

impl Coefficients {
    /// So many times as much.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Coefficients {
        Coefficients {
            cycles_per_mac: self.cycles_per_mac * factor,
            cycles_per_tap: self.cycles_per_tap * factor,
            cycles_per_gathered: self.cycles_per_gathered * factor,
            cycles_per_input: self.cycles_per_input * factor,
            cycles_per_output: self.cycles_per_output * factor,
            cycles_per_weight_byte: self.cycles_per_weight_byte * factor,
            cycles_per_layer: self.cycles_per_layer * factor,
        }
    }

    /// Keys and values, in the order of the schema.
    pub fn fields(&self) -> [(&'static str, f64); 7] {
        [
            ("cycles_per_mac", self.cycles_per_mac),
            ("cycles_per_tap", self.cycles_per_tap),
            ("cycles_per_gathered", self.cycles_per_gathered),
            ("cycles_per_input", self.cycles_per_input),
            ("cycles_per_output", self.cycles_per_output),
            ("cycles_per_weight_byte", self.cycles_per_weight_byte),
            ("cycles_per_layer", self.cycles_per_layer),
        ]
    }
}

/// How far estimates are off, by cross-validation over families of models.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Measurements; 0 where there are none.
    pub measurements: u32,
    /// The median of the absolute relative error; absent where nothing could be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_error_percent: Option<f64>,
    /// The mean of the absolute relative error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_error_percent: Option<f64>,
    /// The range around an estimate.
    pub interval: Dispersion,
}

/// The range around an estimate, as factors.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dispersion {
    /// At most 1.
    pub low: f64,
    /// At least 1.
    pub high: f64,
    /// The probability that it should hold a measurement: 0.8.
    pub coverage: f64,
}
