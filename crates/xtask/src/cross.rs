//! `edge-runtime` as firmware links it: `crates/edge-runtime/cross`, built for bare metal.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use edge_format::OpCode;

/// Where the images are for: an M0+, an M4 or M7, an ESP32-C3.
const TARGETS: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imc-unknown-none-elf"];

/// Levels of optimization that firmware is built with.
const OPT_LEVELS: [&str; 2] = ["s", "3"];

/// The crate of the images.
const CROSS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../edge-runtime/cross");

/// Links load, invoke and every kernel: the image has no panic handler but one that does not link.
pub(crate) fn no_panic() -> Result<()> {
    for target in TARGETS {
        for opt_level in OPT_LEVELS {
            if let Err(error) = link(target, opt_level, "all") {
                let alone = OpCode::ALL.iter().map(|op| op.name()).filter(|op| link(target, opt_level, op).is_err());
                let culprits: Vec<_> = alone.collect();
                return Err(error.context(format!("{target}, opt-level {opt_level}: a panic is within reach of {culprits:?}")));
            }
            eprintln!("{target}, opt-level {opt_level}: no panic within reach of load, invoke and the kernels");
        }
    }
    Ok(())
}

/// Builds the image of the runtime with these operators (names with commas, or `all`) and gives its path.
fn link(target: &str, opt_level: &str, ops: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("cross");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--locked", "--target", target, "--bin", "link"])
        .args(["--manifest-path", &format!("{CROSS}/Cargo.toml")])
        .arg("--target-dir")
        .arg(&folder)
        .env("EDGE_OPS", ops)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
        .status()
        .context("could not run cargo")?;
    if !status.success() {
        bail!("cargo build of {CROSS} with operators {ops:?}: {status}");
    }
    Ok(folder.join(target).join("release/link"))
}
