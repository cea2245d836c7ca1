//! The images that `bench --backend emulator` runs in QEMU, kept in the tree so that its users need no cross toolchain.

use anyhow::{Context, Result};

use super::{Build, CROSS, Kernels};

/// Target, and the name of its image: the instruction set.
const IMAGES: [(&str, &str); 2] = [("thumbv7em-none-eabihf", "armv7e-m"), ("riscv32imc-unknown-none-elf", "rv32imc")];

/// Builds the image `replay` with the kernels for each core, for speed, and writes it to `crates/edge-runtime/cross/prebuilt`.
pub(crate) fn run() -> Result<()> {
    let folder = std::path::Path::new(CROSS).join("prebuilt");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (target, isa) in IMAGES {
        let image = Build::new(target, "3", "all").kernels(Kernels::Mcu).bin("replay").stripped().link()?;
        let path = folder.join(format!("{isa}.elf"));
        let bytes = std::fs::copy(&image, &path).with_context(|| path.display().to_string())?;
        eprintln!("{}: {bytes} bytes", path.display());
    }
    Ok(())
}
