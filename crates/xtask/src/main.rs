//! Chores of this workspace, run with `cargo xtask NAME`.
#![allow(clippy::print_stderr, clippy::print_stdout)]

mod agent;
mod completions;
mod cross;
mod esp32;
mod firmware;
mod fit_emulated;
mod fit_profiles;
mod layers;
mod onnx_proto;
mod pico;
mod sources;
mod xtensa;

use anyhow::{Result, bail};

/// Name, what it does, the function.
type Task = (&'static str, &'static str, fn() -> Result<()>);

const TASKS: &[Task] = &[
    ("agent", "build edge-agent for Linux devices: static binaries for x86_64 and aarch64", agent::run),
    (
        "code-size",
        "measure edge-runtime in flash, per target and operator: crates/edgectl-bench/src/code-size.csv; [--check]",
        cross::code_size,
    ),
    ("completions", "generate completions/ from the command line", completions::run),
    ("counters", "build the images that count instructions in QEMU, and keep them", cross::counters),
    ("firmware", "build crates/firmware-pico and firmware-esp32, and keep their images", firmware::run),
    ("esp32", "the shipped firmwares of the ESP32 family on emulated boards: PYTHON, which has the package unicorn", esp32::run),
    ("emulate", "replay golden vectors and models on emulated machines; measure stack and instructions: [--check]", cross::emulate),
    ("fuzz", "fuzz edge-runtime from its golden vectors on: [SECONDS]; needs cargo-fuzz and a nightly toolchain", cross::fuzz),
    ("no-panic", "link edge-runtime for bare metal such that no panic can be in it", cross::no_panic),
    ("fit-emulated", "fit edge-runtime's costs in profiles/pico.yaml to the cycles of the emulated Pico", fit_emulated::run),
    ("fit-profiles", "fit profiles/ to published measurements: [FOLDER] [--check]", fit_profiles::run),
    ("layers", "person_detect on the emulated Pico, layer by layer, beside what was published", layers::run),
    ("onnx-proto", "generate crates/edgectl-onnx/src/proto.rs from proto/onnx.proto", onnx_proto::run),
    ("pico", "whole models on the emulated Pico, their outputs beside the host's: [SAMPLES]", pico::run),
];

fn main() -> Result<()> {
    if let Ok(linker) = std::env::var(xtensa::LINKER) {
        return xtensa::link(&linker);
    }
    let name = std::env::args().nth(1).unwrap_or_default();
    match TASKS.iter().find(|task| task.0 == name) {
        Some((_, _, run)) => run(),
        None => {
            let lines: Vec<_> = TASKS.iter().map(|(name, what, _)| format!("  {name:12} {what}")).collect();
            bail!("expected one of these tasks, found {name:?}\n{}", lines.join("\n"))
        }
    }
}
