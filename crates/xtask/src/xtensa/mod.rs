//! Xtensa with the compiler as it is: rustc's LLVM has the instruction set, and lacks a data layout, an assembler and an order of literals that a
//! linker takes. So there is a target specification of our own (`crates/firmware-esp32/xtensa-esp32.json`), and this program links.

mod literals;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use object::read::archive::ArchiveFile;

/// Set where this program is called as the linker: the linker to call.
pub(crate) const LINKER: &str = "EDGECTL_XTENSA_LINKER";

/// The linker, of Debian's package `binutils-xtensa-lx106`. That of Espressif does as well.
const LD: &str = "xtensa-lx106-elf-ld";

/// The specification of the target, beside the root of the crates.
const SPECIFICATION: &str = "firmware-esp32/xtensa-esp32.json";

/// How Cargo names what is built by it.
pub(crate) const TARGET: &str = "xtensa-esp32";

/// What is missing where [`is_here`] says no.
pub(crate) const MISSING: &str = "no xtensa-lx106-elf-ld (Debian's package binutils-xtensa-lx106)";

/// Whether there is a linker.
pub(crate) fn is_here() -> bool {
    Command::new(LD).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// With as much inlining as it does otherwise, LLVM runs out of registers for some kernels, and gives up.
const INLINE: &str = "-Cllvm-args=--inline-threshold=60";

/// Lets Cargo build for Xtensa: `core` from its sources, with options that the stable compiler keeps from others, and with this program as linker.
/// `crates` is the folder of the crates, `flags` are for the compiler.
pub(crate) fn configure(cargo: &mut Command, crates: &Path, flags: &[&str]) -> Result<()> {
    let flags: Vec<&str> = [INLINE].iter().chain(flags).copied().collect();
    cargo
        .args(["-Zbuild-std=core", "-Zbuild-std-features=compiler-builtins-mem", "-Zjson-target-spec", "--target"])
        .arg(crates.join(SPECIFICATION))
        .args(["--config", &format!("target.'cfg(target_arch = \"xtensa\")'.rustflags={flags:?}")])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_XTENSA_ESP32_LINKER", std::env::current_exe()?)
        .env(LINKER, LD);
    Ok(())
}

/// Links as rustc asks for, with the literals of every object in order. An archive becomes its objects: what of them is not needed goes with the
/// sections that nothing refers to.
pub(crate) fn link(linker: &str) -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let output = arguments.iter().skip_while(|argument| *argument != "-o").nth(1).context("expected -o")?;
    let folder = PathBuf::from(format!("{output}.objects"));
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new(linker);
    // Functions are reached by `call8` and `callx8` as they stand; relaxing would move code that has its literals.
    command.args(["--no-relax", "--gc-sections"]);
    let mut count = 0;
    let mut add = |command: &mut Command, object: &[u8]| -> Result<()> {
        let path = folder.join(format!("{count}.o"));
        std::fs::write(&path, literals::gather(object)?)?;
        command.arg(path);
        count += 1;
        Ok(())
    };
    for argument in &arguments {
        let read = || std::fs::read(argument).with_context(|| argument.clone());
        if argument.ends_with(".o") {
            add(&mut command, &read()?)?;
        } else if argument.ends_with(".rlib") {
            let archive = read()?;
            for member in ArchiveFile::parse(&*archive)?.members() {
                let member = member?;
                if member.name().ends_with(b".o") {
                    add(&mut command, member.data(&*archive)?)?;
                }
            }
        } else {
            command.arg(argument);
        }
    }
    let status = command.status();
    std::fs::remove_dir_all(&folder)?;
    match status {
        Ok(status) => ensure!(status.success(), "{linker}: {status}"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!("{MISSING}"),
        Err(error) => return Err(error).context(linker.to_owned()),
    }
    Ok(())
}
