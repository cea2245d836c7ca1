//! The Linux agent's binary, built as tests are.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

/// What was built, once for all tests of a process.
type Built = OnceLock<std::result::Result<Option<PathBuf>, String>>;

/// Builds `edge-agent` for this machine where it is not built yet; its path, beside that of the running test.
///
/// # Errors
///
/// Where it cannot be built.
pub fn agent() -> Result<PathBuf> {
    static BUILT: Built = OnceLock::new();
    let built = BUILT.get_or_init(|| build(None).map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)?;
    built.context("this machine's own target is missing")
}

/// As [`agent`], statically linked, as devices get it. `None` where Rust's target for that is not installed.
///
/// # Errors
///
/// Where it cannot be built.
pub fn static_agent() -> Result<Option<PathBuf>> {
    static BUILT: Built = OnceLock::new();
    let build = || build(Some(static_target())).map_err(|error| format!("{error:#}"));
    BUILT.get_or_init(build).clone().map_err(anyhow::Error::msg)
}

fn static_target() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-musl" } else { "x86_64-unknown-linux-musl" }
}

fn build(triple: Option<&str>) -> Result<Option<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent()).context("the test is in no target folder")?;
    let target = folder.parent().context("the test is in no target folder")?;
    if let Some(triple) = triple {
        let sysroot = Command::new("rustc").args(["--print", "sysroot"]).current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
        let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
        if !sysroot.join("lib/rustlib").join(triple).is_dir() {
            return Ok(None);
        }
    }
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "-p", "edge-agent", "--bin", "edge-agent", "--target-dir"]).arg(target);
    command.args(triple.iter().flat_map(|triple| ["--target", triple])).current_dir(env!("CARGO_MANIFEST_DIR"));
    ensure!(command.status()?.success(), "edge-agent cannot be built");
    let folder = triple.map_or_else(|| folder.to_owned(), |triple| target.join(triple).join("debug"));
    Ok(Some(folder.join("edge-agent")))
}
