//! Sources in a folder that is the same on every machine: where they are is part of what the compiler makes of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Makes the folder, and keeps others out of it until this value is dropped.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let lock = File::create(folder.join(".lock"))?;
    lock.lock().context("could not lock the folder")?;
    Ok(lock)
}

/// Copies what git knows of these crates, and nothing else, in place of what was there. Those named `edge-*` become a workspace.
pub(crate) fn copy(folder: &Path, sources: &[&str]) -> Result<()> {
    let crates = folder.join("crates");
    if crates.exists() {
        fs::remove_dir_all(&crates)?;
    }
    let root = Path::new(CRATES).join("..");
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"])
        .args(sources)
        .current_dir(CRATES)
        .output();
    let listed = listed.context("could not run git")?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    for name in String::from_utf8(listed.stdout)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (Path::new(CRATES).join(name), crates.join(name));
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(&crates))?;
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    // Versions, dependencies and profiles are those of our workspace.
    let members: Vec<String> =
        sources.iter().filter(|name| name.starts_with("edge-")).map(|name| format!("{:?}", format!("crates/{name}"))).collect();
    let manifest: String = fs::read_to_string(root.join("Cargo.toml"))?;
    fs::write(folder.join("Cargo.toml"), workspace(&manifest, &members)?)?;
    fs::copy(root.join("rust-toolchain.toml"), folder.join("rust-toolchain.toml"))?;
    Ok(())
}

/// The manifest of the workspace without what is not copied.
fn workspace(manifest: &str, members: &[String]) -> Result<String> {
    let (head, tail) = manifest.split_once("\n[package]\n").context("expected [package] in Cargo.toml")?;
    let all = r#"members = ["crates/*"]"#;
    ensure!(head.contains(all), "expected {all} in Cargo.toml");
    let head = head.replace(all, &format!("members = [{}]", members.join(", ")));
    let profile = tail.find("[profile.agent]").map(|at| tail[at..].split_once("\n\n").map_or(&tail[at..], |(profile, _)| profile));
    Ok(format!("{head}\n{}\n", profile.unwrap_or_default()))
}

/// What the compiler says of libraries' paths begins with it.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    home("CARGO_HOME", ".cargo")
}

/// What it says of its own library's sources begins with it, where that is built from them.
pub(crate) fn rustup_home() -> Result<PathBuf> {
    home("RUSTUP_HOME", ".rustup")
}

fn home(variable: &str, default: &str) -> Result<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    given.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(default))).context("no home directory")
}
