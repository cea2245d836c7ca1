//! The cost model: cycles of an operator as a sum of its sizes, each times a coefficient of the kernel library.
//!
//! ```text
//! cycles(op)    = layer + macs·mac + taps·tap + gathered·gathered + inputs·input + outputs·output + weight_bytes·weight_byte
//! cycles(model) = cycles_per_inference + Σ cycles(op)
//! ```
//!
//! with the coefficients of the op's class. For a convolution these are the terms of a matrix product: its multiplications, its packed inputs
//! (`gathered`), its outputs and its weights; `tap` is what starting a loop over channels costs, so few channels cost more per
//! multiplication. All coefficients are zero or positive, so no estimate is negative and more work never takes less time.

use crate::schema::{Basis, Coefficients, DType, KernelLibrary, Operators, Profile};
use crate::workload::{OpWork, Workload};

/// What limits an operator or a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Arithmetic: multiplications, and the loops around them.
    Compute,
    /// Bytes: weights from flash or DRAM, inputs and their packing.
    Memory,
    /// Constants per layer and inference.
    Overhead,
}

impl Bound {
    /// As written in reports.
    pub fn name(self) -> &'static str {
        match self {
            Bound::Compute => "compute",
            Bound::Memory => "memory",
            Bound::Overhead => "overhead",
        }
    }
}

/// A value and the range that holds it with the probability that the library's `interval` states (80 %).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// One operator's share.
#[derive(Clone, Debug, PartialEq)]
pub struct OpEstimate {
    /// Milliseconds.
    pub latency_ms: f64,
    /// What takes most of them.
    pub bound: Bound,
}

/// What one inference takes on a device with one kernel library.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Milliseconds.
    pub latency_ms: Interval,
    /// The probability that the interval holds a measurement, as cross-validation found it; see [`Basis`] for how much it is worth.
    pub coverage: f64,
    /// One per operator of the workload, in its order; their sum is below the latency by the constant per inference.
    pub ops: Vec<OpEstimate>,
    /// What takes most of the time.
    pub bound: Bound,
    /// The kernel library's key in the profile.
    pub kernels: String,
    /// Where its coefficients are from.
    pub basis: Basis,
    /// The data type that it computes in.
    pub dtype: DType,
    /// Threads or cores that it uses.
    pub threads: u32,
}

/// Why there is no estimate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EstimateError {
    /// There are no operators.
    #[error("{model}: no operators")]
    Empty {
        /// The model.
        model: String,
    },
    /// The profile has no such kernel library.
    #[error("{profile}: no kernel library {kernels:?}; there are {}", known.join(", "))]
    UnknownKernels {
        /// The profile.
        profile: String,
        /// The key that was asked for.
        kernels: String,
        /// The keys that it has.
        known: Vec<String>,
    },
    /// Operators that the kernel library cannot run: all of them, each once.
    #[error("{profile}: {kernels} has no kernels for {}", ops.join(", "))]
    Unsupported {
        /// The profile.
        profile: String,
        /// The kernel library.
        kernels: String,
        /// The operators.
        ops: Vec<String>,
    },
}

#[derive(Clone, Copy, Default)]
struct Cycles {
    compute: f64,
    memory: f64,
    overhead: f64,
}

impl Cycles {
    fn of(op: &OpWork, costs: &Coefficients, element_bytes: f64) -> Cycles {
        let compute =
            op.effective_macs() * costs.cycles_per_mac + op.taps() * costs.cycles_per_tap + op.outputs as f64 * costs.cycles_per_output;
        let inputs = op.gathered() * costs.cycles_per_gathered + op.inputs as f64 * costs.cycles_per_input;
        let memory = op.weights as f64 * element_bytes * costs.cycles_per_weight_byte + inputs;
        Cycles { compute, memory, overhead: costs.cycles_per_layer }
    }

    fn add(self, other: Cycles) -> Cycles {
        Cycles { compute: self.compute + other.compute, memory: self.memory + other.memory, overhead: self.overhead + other.overhead }
    }

    fn total(self) -> f64 {
        self.compute + self.memory + self.overhead
    }

    fn bound(self) -> Bound {
        if self.compute >= self.memory && self.compute >= self.overhead {
            Bound::Compute
        } else if self.memory >= self.overhead {
            Bound::Memory
        } else {
            Bound::Overhead
        }
    }
}

/// Cycles that one operator takes; 0 where the library states no cost for its class.
pub fn op_cycles(library: &KernelLibrary, op: &OpWork) -> f64 {
    cycles(library, op).total()
}

fn cycles(library: &KernelLibrary, op: &OpWork) -> Cycles {
    let costs = library.costs.get(&library.cost_class(op));
    costs.map(|costs| Cycles::of(op, costs, library.dtype.bytes())).unwrap_or_default()
}

/// What `workload` takes on `profile` with its kernel library `kernels` (a key of [`Profile::kernels`]).
///
/// # Errors
/// An unknown library, a workload without operators, or operators that the library cannot run.
pub fn estimate(profile: &Profile, kernels: &str, workload: &Workload) -> Result<Estimate, EstimateError> {
    let library = profile.kernels.get(kernels).ok_or_else(|| EstimateError::UnknownKernels {
        profile: profile.name.clone(),
        kernels: kernels.to_owned(),
        known: profile.kernels.keys().cloned().collect(),
    })?;
    if workload.ops.is_empty() {
        return Err(EstimateError::Empty { model: workload.name.clone() });
    }
    if let Operators::Only(known) = &library.operators {
        let mut missing: Vec<String> = workload.ops.iter().filter(|op| !known.contains(&op.op)).map(|op| op.op.clone()).collect();
        missing.sort();
        missing.dedup();
        if !missing.is_empty() {
            return Err(EstimateError::Unsupported { profile: profile.name.clone(), kernels: kernels.to_owned(), ops: missing });
        }
    }
    let ms_per_cycle = 1e3 / profile.clock_hz(library);
    let mut total = Cycles { overhead: library.cycles_per_inference, ..Cycles::default() };
    let mut ops = Vec::with_capacity(workload.ops.len());
    for op in &workload.ops {
        let cycles = cycles(library, op);
        total = total.add(cycles);
        ops.push(OpEstimate { latency_ms: cycles.total() * ms_per_cycle, bound: cycles.bound() });
    }
    let value = total.total() * ms_per_cycle;
    let interval = library.accuracy.interval;
    Ok(Estimate {
        latency_ms: Interval { value, low: value * interval.low, high: value * interval.high },
        coverage: interval.coverage,
        ops,
        bound: total.bound(),
        kernels: kernels.to_owned(),
        basis: library.basis,
        dtype: library.dtype,
        threads: library.threads,
    })
}
