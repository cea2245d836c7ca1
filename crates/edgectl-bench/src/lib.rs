//! What a model costs on a device: time, memory, energy; how sure that is; and whether it is within budget.
//!
//! ```text
//! program ──workload──▶ Workload ──Backend──▶ Answer ─┐
//!        └─────────────memory, energy─────────────────┴─▶ Finding ──Budget, Baseline──▶ verdicts
//! ```
//!
//! | module | home of |
//! |---|---|
//! | [`backend`] | the ways to find a time: cost model, this machine, an emulator, a device |
//! | [`baseline`] | comparison with what was found before |
//! | [`bench`](mod@bench) | one model on one target: all of it together |
//! | [`budget`] | limits |
//! | [`calibrate`] | a profile from measurements that a user has |
//! | [`code`] | sizes of the runtime and of each kernel, as measured per instruction set |
//! | [`device`] | runs a program on a board, real or emulated, and compares with the host |
//! | [`emulator`] | an emulated board: its lines, its flash, its power |
//! | [`energy`] | an inference, a duty cycle, a battery |
//! | [`finding`] | what is reported, and kept in files |
//! | [`host`] | runs a program here |
//! | [`machine`] | what measured times depend on |
//! | [`measure`] | warming up, blocks of runs |
//! | [`memory`] | RAM and flash, and what does not fit |
//! | [`program`] | the work of ops, the lives of values |
//! | [`stats`] | quantiles, bootstrap |
//! | [`workload`] | a program or a graph in the cost model's terms |
//!
//! Intervals of measured times are those of medians of blocks; intervals of estimates are the cost model's, from cross-validation.

pub mod backend;
pub mod baseline;
pub mod bench;
pub mod budget;
pub mod calibrate;
pub mod code;
pub mod device;
pub mod emulator;
pub mod energy;
pub mod finding;
pub mod host;
pub mod machine;
pub mod measure;
pub mod memory;
pub mod program;
pub mod qemu;
pub mod stats;
pub mod workload;
