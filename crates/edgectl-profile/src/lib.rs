//! Device profiles, and what a model costs on the device that a profile describes.
//!
//! A profile is a YAML file: processors, memories, power states, transports, and one entry per *kernel library* (which also means: data
//! type and threads) with the coefficients of its cost model and their cross-validated error. The same model differs by more than a factor
//! of ten between two kernel libraries on one chip, so there is no estimate without one.
//!
//! ```text
//! profiles/*.yaml ──Registry──▶ Profile ─┐
//!          a graph or a program ──▶ Workload ─┴──estimate──▶ Estimate: latency, its interval, each operator's share
//! ```
//!
//! The coefficients come from published measurements (`cargo xtask fit-profiles`, see `ACCURACY.md`); what is assumed is marked so.

mod cost;
mod error;
pub mod fit;
mod registry;
mod schema;
mod validate;
mod workload;
mod yaml;

pub use cost::{Bound, Estimate, EstimateError, Interval, OpEstimate, estimate, op_cycles};
pub use error::{Location, Problem, ProfileError};
pub use registry::{Origin, Registry};
pub use schema::{
    Accuracy, Backend, Basis, Coefficients, DType, Dispersion, KernelLibrary, Memory, MemoryKind, MemoryRole, Operators, Power, PowerState,
    Processor, ProcessorKind, Profile, SCHEMA_VERSION, System, Transport,
};
pub use workload::{OpClass, OpWork, Workload, inner_taps};
