//! The Linux agent's binary, built as tests are.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

/// Builds `edge-agent` for this machine where it is not built yet; its path, beside that of the running test.
///
/// # Errors
///
/// Where it cannot be built.
pub fn agent() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent()).context("the test is in no target folder")?;
    let target = folder.parent().context("the test is in no target folder")?;
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "-p", "edge-agent", "--bin", "edge-agent", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    ensure!(status.success(), "edge-agent cannot be built");
    Ok(folder.join("edge-agent"))
}
