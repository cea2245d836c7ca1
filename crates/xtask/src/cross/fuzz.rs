//! Fuzzes the reader and the executor, from the programs of the golden vectors on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::pack;

const CRATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../edge-runtime");

/// Longest program that the fuzzer makes.
const MAX_BYTES: usize = 4096;

const DEFAULT_SECONDS: &str = "60";

/// Writes the seeds and runs `cargo fuzz` (crates.io's cargo-fuzz, on a nightly toolchain) for so many seconds.
pub(crate) fn run() -> Result<()> {
    let seconds = std::env::args().nth(2).unwrap_or_else(|| DEFAULT_SECONDS.into());
    let seeds = pack::write_seeds(&Path::new(CRATE).join("fuzz/corpus/program"), MAX_BYTES)?;
    println!("{seeds} programs to begin with");
    let status = Command::new("cargo")
        .args(["+nightly", "fuzz", "run", "program", "--", &format!("-max_total_time={seconds}"), &format!("-max_len={MAX_BYTES}")])
        .args(["-print_final_stats=1"])
        .current_dir(CRATE)
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "cargo fuzz (cargo install cargo-fuzz, rustup toolchain install nightly): {status}");
    Ok(())
}
