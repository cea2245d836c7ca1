//! Builds the firmwares and keeps their flash images in the tree, so that owners of a board need no cross toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSegment};

/// Where the RP2040 maps its flash, and how much of it the firmware may take: the program lies behind.
const FLASH: u64 = 0x1000_0000;
const FLASH_BYTES: usize = 256 << 10;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware-pico");

/// Builds `crates/firmware-pico` and writes its image to `crates/firmware-pico/prebuilt/pico.bin`.
pub(crate) fn run() -> Result<()> {
    let target = PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("firmware");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--locked", "--target-dir"])
        .arg(std::path::absolute(&target)?)
        // There, for its `.cargo/config.toml`.
        .current_dir(FOLDER)
        .env_remove("RUSTFLAGS")
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "cargo build of {FOLDER}: {status}");
    let elf = target.join("thumbv6m-none-eabi/release/firmware-pico");
    let image = flat(&fs::read(&elf).with_context(|| elf.display().to_string())?)?;
    let path = Path::new(FOLDER).join("prebuilt/pico.bin");
    fs::write(&path, &image).with_context(|| path.display().to_string())?;
    eprintln!("{}: {} bytes", path.display(), image.len());
    Ok(())
}

/// What of an ELF file goes into flash, from its beginning on; gaps are as erased flash is.
fn flat(elf: &[u8]) -> Result<Vec<u8>> {
    let file = ElfFile32::<object::Endianness>::parse(elf)?;
    let mut image = Vec::new();
    for segment in file.segments() {
        let header = segment.elf_program_header();
        let (data, address) = (segment.data()?, u64::from(header.p_paddr.get(file.endian())));
        let Some(offset) = address.checked_sub(FLASH).map(|offset| offset as usize).filter(|_| !data.is_empty()) else { continue };
        let end = offset + data.len();
        if end > FLASH_BYTES {
            bail!("expected the firmware to fit {FLASH_BYTES} bytes, found a segment that ends at {end}");
        }
        image.resize(image.len().max(end), 0xff);
        image[offset..end].copy_from_slice(data);
    }
    Ok(image)
}
