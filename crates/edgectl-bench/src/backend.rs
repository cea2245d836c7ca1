//! The ways to find out what a model costs. All answer alike, so that an emulator or a device is one more file with an `impl`.

use std::path::PathBuf;

use edge_format::{FormatError, Program, WriteError};
use edge_runtime::RuntimeError;
use edgectl_profile::{Basis, EstimateError, Profile, Workload, estimate};
use thiserror::Error;

use crate::device::Run;
use crate::emulator::{self, EmulatorError};
use crate::finding::{BackendKind, Engine, Latency, OpTime, Range};
use crate::host;
use crate::measure::Protocol;
use crate::qemu::{self, QemuError};

/// What is benched.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its operators.
    pub workload: &'a Workload,
    /// Its program; a float model that has no int8 form is a workload and nothing else.
    pub program: Option<Program<'a>>,
    /// The bytes of the program.
    pub bytes: &'a [u8],
}

/// What a back end found.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What ran the model, or would run it.
    pub engine: Engine,
    /// The time of an inference.
    pub latency: Latency,
    /// The time of each op, in the workload's order; empty where only the whole is known.
    pub ops: Vec<OpTime>,
    /// How the times came about, in a sentence: estimated from what, measured how, and what they leave out.
    pub provenance: String,
}

impl Answer {
    /// What a board's firmware found.
    pub fn of_run(run: &Run, workload: &Workload, title: String, provenance: String) -> Self {
        let us = |cycles: f64| cycles * 1e6 / f64::from(run.clock_hz.max(1));
        let ops = workload.ops.iter().zip(&run.op_cycles).map(|(work, &cycles)| OpTime {
            name: work.name.clone(),
            op: work.op.clone(),
            latency_us: us(cycles.into()),
            macs: work.macs,
            bytes: bytes(work.weights + work.inputs + work.outputs, 1.0),
            bound: None,
        });
        Self {
            engine: Engine { kernels: Host::KERNELS.into(), title, dtype: "int8".into(), threads: 1 },
            latency: Latency { value_us: us(run.cycles as f64), interval: None, times: None },
            ops: ops.collect(),
            provenance,
        }
    }
}

/// A way to find out what a model costs.
pub trait Backend {
    /// Which one.
    fn kind(&self) -> BackendKind;

    /// Finds out what the subject costs.
    ///
    /// # Errors
    /// [`BackendError`].
    fn bench(&self, subject: Subject<'_>) -> Result<Answer, BackendError>;
}

/// Why a back end has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The cost model has none.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
    /// What is not ours has failed.
    #[error("{engine} failed")]
    Foreign {
        /// The engine.
        engine: &'static str,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The device cannot be reached, or does not do as the host.
    #[error("cannot measure on {target}")]
    Device {
        /// Where it is.
        target: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The emulator does not run.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The emulator of instructions does not run.
    #[error(transparent)]
    Qemu(#[from] QemuError),
    /// The runtime cannot execute the program.
    #[error("cannot execute the program")]
    Runtime(#[from] RuntimeError),
    /// The program cannot be packed for this machine.
    #[error("cannot pack the program for this machine")]
    Pack(#[from] WriteError),
    /// The packed program is none.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A float model was to run as int8.
    #[error("{model}: expected an int8 program for back end {}, found none", backend.name())]
    NoProgram {
        /// The model.
        model: String,
        /// The back end.
        backend: BackendKind,
    },
    /// The profile has no such back end.
    #[error("{profile} cannot be benched with back end {}: {reason}", backend.name())]
    Unavailable {
        /// The profile.
        profile: String,
        /// The back end.
        backend: BackendKind,
        /// What is missing.
        reason: &'static str,
    },
}

/// The cost model of a profile.
#[derive(Clone, Copy, Debug)]
pub struct Estimated<'a> {
    /// The device.
    pub profile: &'a Profile,
    /// The kernel library, a key of the profile.
    pub kernels: &'a str,
}

impl Backend for Estimated<'_> {
    fn kind(&self) -> BackendKind {
        BackendKind::Estimate
    }

    fn bench(&self, Subject { workload, .. }: Subject<'_>) -> Result<Answer, BackendError> {
        let found = estimate(self.profile, self.kernels, workload)?;
        let library = self.profile.kernels.get(&found.kernels);
        let element_bytes = found.dtype.bytes();
        let ops = workload.ops.iter().zip(&found.ops).map(|(work, cost)| OpTime {
            name: work.name.clone(),
            op: work.op.clone(),
            latency_us: cost.latency_ms * 1e3,
            macs: work.macs,
            bytes: bytes(work.weights + work.inputs + work.outputs, element_bytes),
            bound: Some(cost.bound.name().into()),
        });
        let clock_mhz = library.map_or(f64::NAN, |library| self.profile.clock_hz(library)) / 1e6;
        let basis = match found.basis {
            Basis::Assumed => "coefficients assumed: nobody has published a measurement",
            Basis::Borrowed => "coefficients borrowed from boards with the same core",
            Basis::Calibrated => "coefficients fitted to your measurements",
            Basis::Emulated => "coefficients from cycles that an emulator counted",
            Basis::Fitted => "coefficients fitted to published measurements",
        };
        let error = library.and_then(|library| library.accuracy.median_error_percent);
        let error = error.map_or_else(String::new, |error| format!("; median error {error:.0} % in cross-validation"));
        let interval = found.latency_ms;
        Ok(Answer {
            engine: Engine {
                kernels: found.kernels.clone(),
                title: library.map_or_else(String::new, |library| library.title.clone()),
                dtype: found.dtype.name().into(),
                threads: found.threads,
            },
            latency: Latency {
                value_us: interval.value * 1e3,
                interval: Some(Range { low_us: interval.low * 1e3, high_us: interval.high * 1e3, coverage: found.coverage }),
                times: None,
            },
            ops: ops.collect(),
            provenance: format!("estimated at {clock_mhz:.0} MHz, {basis}{error}"),
        })
    }
}

/// This machine, with the kernels that devices run.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// How long is measured.
    pub protocol: Protocol,
}

impl Host {
    /// What runs the programs.
    pub const KERNELS: &str = "edge-runtime";
}

impl Backend for Host {
    fn kind(&self) -> BackendKind {
        BackendKind::Host
    }

    fn bench(&self, Subject { workload, program, .. }: Subject<'_>) -> Result<Answer, BackendError> {
        let no_program = || BackendError::NoProgram { model: workload.name.clone(), backend: BackendKind::Host };
        let packed = edge_runtime::pack::pack_for_this_machine(&program.ok_or_else(no_program)?)?;
        let run = host::run(Program::parse(&packed)?, self.protocol)?;
        let ops = workload.ops.iter().zip(run.op_us).map(|(work, latency_us)| OpTime {
            name: work.name.clone(),
            op: work.op.clone(),
            latency_us,
            macs: work.macs,
            bytes: bytes(work.weights + work.inputs + work.outputs, 1.0),
            bound: None,
        });
        let title = "the kernels that devices run".into();
        Ok(Answer {
            engine: Engine { kernels: Host::KERNELS.into(), title, dtype: "int8".into(), threads: 1 },
            ops: ops.collect(),
            provenance: format!("measured here, {} runs after {} for warming up", run.times.runs, run.times.warm_up_runs),
            latency: Latency { value_us: run.times.p50_us, interval: None, times: Some(run.times) },
        })
    }
}

/// A Pico in an emulator, with the firmware that a board runs.
#[derive(Clone, Debug)]
pub struct Emulated {
    /// Where the emulator is.
    pub folder: PathBuf,
}

impl Backend for Emulated {
    fn kind(&self) -> BackendKind {
        BackendKind::Emulator
    }

    fn bench(&self, Subject { workload, program, bytes: file }: Subject<'_>) -> Result<Answer, BackendError> {
        let no_program = || BackendError::NoProgram { model: workload.name.clone(), backend: BackendKind::Emulator };
        let run = emulator::run(&self.folder, file, program.ok_or_else(no_program)?)?;
        let provenance = format!(
            "emulated: {} cycles at {} MHz in {}, which knows no XIP cache: a board that reads weights from flash is slower; outputs equal the host's",
            run.cycles,
            run.clock_hz / 1_000_000,
            emulator::RP2040JS,
        );
        Ok(Answer::of_run(&run, workload, format!("{}, emulated", run.firmware), provenance))
    }
}

/// A core in QEMU, which executes the code that the device would and counts its instructions.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// The core.
    pub machine: qemu::Machine,
    /// Its clock on the device.
    pub clock_hz: f64,
}

impl Backend for Counted {
    fn kind(&self) -> BackendKind {
        BackendKind::Emulator
    }

    fn bench(&self, Subject { workload, program, bytes: file }: Subject<'_>) -> Result<Answer, BackendError> {
        let no_program = || BackendError::NoProgram { model: workload.name.clone(), backend: BackendKind::Emulator };
        let count = qemu::count(&self.machine, file, program.ok_or_else(no_program)?)?;
        let us = |cycles_per_instruction: f64| count.invoke_instructions as f64 * cycles_per_instruction * 1e6 / self.clock_hz;
        let [usual, least, most] = self.machine.cycles_per_instruction;
        Ok(Answer {
            engine: Engine {
                kernels: Host::KERNELS.into(),
                title: format!("the kernels for its core, on an emulated {}", self.machine.cpu),
                dtype: "int8".into(),
                threads: 1,
            },
            ops: vec![],
            provenance: format!(
                "instructions, not cycles: {} counted on an emulated {} ({}), which knows neither pipelines nor memories; the time assumes {usual} \
                 cycles for each at {:.0} MHz, its range {least} to {most}; {} B of stack; outputs equal the host's",
                count.invoke_instructions,
                self.machine.cpu,
                self.machine.qemu,
                self.clock_hz / 1e6,
                count.invoke_stack_bytes,
            ),
            latency: Latency {
                value_us: us(usual),
                interval: Some(Range { low_us: us(least), high_us: us(most), coverage: ASSUMED_COVERAGE }),
                times: None,
            },
        })
    }
}

/// Of a range that is assumed.
const ASSUMED_COVERAGE: f64 = 0.8;

/// An emulator of a profile's first processor: of the whole board where there is one.
fn emulated<'a>(profile: &Profile) -> Option<Box<dyn Backend + 'a>> {
    let processor = profile.processors.values().next()?;
    if processor.isa == emulator::ISA {
        return Some(Box::new(Emulated { folder: emulator::default_folder() }));
    }
    let machine = qemu::machine(&processor.core, &processor.isa)?;
    Some(Box::new(Counted { machine, clock_hz: processor.clock_hz }))
}

/// The back end of this kind for a profile; that of the host needs none, that of a device a way to it, and both are made by themselves.
///
/// # Errors
/// [`BackendError::Unavailable`] where the profile has no such back end, or there is no firmware for it yet.
pub fn for_profile<'a>(kind: BackendKind, profile: &'a Profile, kernels: &'a str) -> Result<Box<dyn Backend + 'a>, BackendError> {
    let unavailable = |reason| BackendError::Unavailable { profile: profile.name.clone(), backend: kind, reason };
    match kind {
        BackendKind::Estimate => Ok(Box::new(Estimated { profile, kernels })),
        BackendKind::Host => Err(unavailable("the host is no device")),
        BackendKind::Emulator if !profile.backends.contains(&edgectl_profile::Backend::Emulator) => Err(unavailable("it has no emulator")),
        BackendKind::Emulator => emulated(profile).ok_or_else(|| unavailable("no emulator here runs the code of its core")),
        BackendKind::Device => Err(unavailable("a device is reached where it is")),
    }
}

fn bytes(elements: u64, element_bytes: f64) -> u64 {
    (elements as f64 * element_bytes) as u64
}
