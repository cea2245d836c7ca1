//! Builds `edge-agent` for Linux devices: static binaries, one for each architecture.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

/// The architectures, as bundles name them, and their targets.
const TARGETS: [(&str, &str); 2] = [("x86_64", "x86_64-unknown-linux-musl"), ("aarch64", "aarch64-unknown-linux-musl")];

/// Builds all, and prints where they are and how large.
pub(crate) fn run() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    for (arch, triple) in TARGETS {
        let status = Command::new(&cargo)
            .args(["build", "--quiet", "--locked", "--profile", "agent", "-p", "edge-agent", "--bin", "edge-agent", "--target", triple])
            .status()?;
        ensure!(status.success(), "edge-agent for {triple} cannot be built (rustup target add {triple})");
        let built = target.join(triple).join("agent/edge-agent");
        let kept = target.join(format!("edge-agent-{arch}"));
        std::fs::copy(&built, &kept)?;
        println!("{} bytes  {}", kept.metadata()?.len(), kept.display());
    }
    Ok(())
}
