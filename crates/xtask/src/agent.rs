//! Builds `edge-agent` for Linux devices: static binaries, one for each architecture. They are kept in the tree, compressed, so that nobody
//! needs a toolchain to reach a Raspberry Pi; the same sources give the same bytes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};

use crate::sources::{self, CRATES};

/// The architectures, as bundles name them, and their targets.
const TARGETS: [(&str, &str); 2] = [("aarch64", "aarch64-unknown-linux-musl"), ("x86_64", "x86_64-unknown-linux-musl")];

/// What it is built from.
const SOURCES: [&str; 3] = ["edge-agent", "edge-format", "edge-runtime"];

/// The folder in which it is built, on every machine.
const FOLDER: &str = "/tmp/edgectl-agent";

/// Builds all, keeps them in the tree and, as they are, in the target folder, and prints where and how large.
pub(crate) fn run() -> Result<()> {
    let folder = Path::new(FOLDER);
    let _lock = sources::lock(folder)?;
    sources::copy(folder, &SOURCES)?;
    for source in SOURCES {
        let manifest = folder.join("crates").join(source).join("Cargo.toml");
        fs::write(&manifest, without_tests(&fs::read_to_string(&manifest)?))?;
    }
    // Versions of libraries are those of our lock file, which has more of them.
    fs::copy(Path::new(CRATES).join("../Cargo.lock"), folder.join("Cargo.lock"))?;
    let kept = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    fs::create_dir_all(&kept)?;
    for (arch, triple) in TARGETS {
        let binary = fs::read(compile(folder, triple)?)?;
        let mut compressed = GzBuilder::new().write(vec![], Compression::best());
        compressed.write_all(&binary)?;
        let compressed = compressed.finish()?;
        let path = Path::new(CRATES).join("edge-agent/prebuilt").join(arch).with_extension("gz");
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, &compressed).with_context(|| path.display().to_string())?;
        let plain = kept.join(format!("edge-agent-{arch}"));
        fs::write(&plain, &binary)?;
        executable(&plain)?;
        println!("{arch:8} {:>9} bytes, {:>9} compressed  {}", binary.len(), compressed.len(), plain.display());
    }
    Ok(())
}

/// A manifest without what only tests depend on, which is not copied.
fn without_tests(manifest: &str) -> String {
    let mut tests = false;
    let kept = manifest.lines().filter(|line| {
        tests = if line.starts_with('[') { *line == "[dev-dependencies]" } else { tests };
        !tests
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

fn compile(folder: &Path, triple: &str) -> Result<PathBuf> {
    // Rust brings this linker and the C library; others would differ from machine to machine.
    let linker = format!("target.{triple}.linker=\"rust-lld\"");
    let home = sources::cargo_home()?;
    let paths =
        format!("target.{triple}.rustflags=[\"--remap-path-prefix={}=/cargo\", \"--remap-path-prefix={FOLDER}=/edgectl\"]", home.display());
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--profile", "agent", "-p", "edge-agent", "--bin", "edge-agent", "--target", triple])
        .args(["--config", &linker, "--config", &paths])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "edge-agent for {triple} cannot be built (rustup target add {triple})");
    Ok(folder.join("target").join(triple).join("agent/edge-agent"))
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<()> {
    Ok(())
}
