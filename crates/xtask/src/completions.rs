//! The completion scripts in `completions/`, as the binary prints them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Shell, file.
const FILES: &[(&str, &str)] =
    &[("bash", "edgectl.bash"), ("elvish", "edgectl.elv"), ("fish", "edgectl.fish"), ("powershell", "_edgectl.ps1"), ("zsh", "_edgectl")];

pub(crate) fn run() -> Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for (shell, file) in FILES {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output =
            Command::new(cargo).current_dir(root).args(["run", "--quiet", "--package", "edgectl", "--", "completions", shell]).output()?;
        ensure!(output.status.success(), "edgectl completions {shell}: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(root.join("completions").join(file), output.stdout).with_context(|| format!("cannot write completions/{file}"))?;
    }
    Ok(())
}
