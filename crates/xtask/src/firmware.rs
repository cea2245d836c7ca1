//! Builds the firmwares and keeps their flash images in the tree, so that owners of a board need no cross toolchain.
//!
//! The same sources give the same bytes: they are built in a folder that is the same everywhere, since their paths are part of what the
//! compiler makes, and what it says of other paths is the same everywhere too.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSegment, SectionKind};

use crate::sources::{self, CRATES};

/// Where the chips map their flash.
const FLASH: u64 = 0x1000_0000;

/// What firmwares are built from.
const SOURCES: [&str; 4] = ["edge-device", "edge-format", "edge-runtime", "firmware-pico"];

/// The folder in which they are built, on every machine.
const FOLDER: &str = "/tmp/edgectl-firmware";

/// An image: of which crate, for which target, with which features; kept in the tree under this name.
struct Build {
    source: &'static str,
    target: &'static str,
    features: &'static str,
    keep: Option<&'static str>,
    arena_bytes: u64,
    flash_bytes: usize,
}

const BUILDS: [Build; 3] = [
    Build {
        source: "firmware-pico",
        target: "thumbv6m-none-eabi",
        features: "rp2040",
        keep: Some("pico"),
        arena_bytes: 240 << 10,
        flash_bytes: 160 << 10,
    },
    Build {
        source: "firmware-pico",
        target: "thumbv6m-none-eabi",
        features: "rp2040,all-operators",
        keep: Some("pico-all"),
        arena_bytes: 240 << 10,
        flash_bytes: 160 << 10,
    },
    Build {
        source: "firmware-pico",
        target: "thumbv8m.main-none-eabihf",
        features: "rp2350,all-operators",
        keep: None,
        arena_bytes: 488 << 10,
        flash_bytes: 160 << 10,
    },
];

/// Builds all of them, and writes the images of those that are shipped. Prints what of flash and RAM they take.
pub(crate) fn run() -> Result<()> {
    let folder = Path::new(FOLDER);
    let _lock = sources::lock(folder)?;
    sources::copy(folder, &SOURCES)?;
    println!("{:10} {:28} {:24} {:>12} {:>12} {:>12}", "image", "target", "features", "flash", "static RAM", "arena");
    for build in &BUILDS {
        let elf = compile(folder, build)?;
        let image = flat(&elf, build.flash_bytes)?;
        let ram = static_ram(&elf)?.checked_sub(build.arena_bytes).context("expected the arena among the static data")?;
        let Build { target, features, keep, arena_bytes, .. } = build;
        println!("{:10} {target:28} {features:24} {:>12} {ram:>12} {arena_bytes:>12}", keep.unwrap_or("-"), image.len());
        if let Some(name) = keep {
            let path = Path::new(CRATES).join(build.source).join("prebuilt").join(name).with_extension("bin");
            fs::write(&path, &image).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn compile(folder: &Path, build: &Build) -> Result<Vec<u8>> {
    let source = folder.join("crates").join(build.source);
    // Joined to those of its `.cargo/config.toml`, which has the same key.
    let flags =
        format!("target.'cfg(target_os = \"none\")'.rustflags=[\"--remap-path-prefix={}=/cargo\"]", sources::cargo_home()?.display());
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--locked", "--no-default-features"])
        .args(["--features", build.features, "--target", build.target, "--config", &flags])
        // There, for its `.cargo/config.toml`.
        .current_dir(&source)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "cargo build of {}: {status}", source.display());
    let elf = folder.join("target").join(build.target).join("release").join(build.source);
    fs::read(&elf).with_context(|| elf.display().to_string())
}

/// What of an ELF file goes into flash, from its beginning on; gaps are as erased flash is.
fn flat(elf: &[u8], limit: usize) -> Result<Vec<u8>> {
    let file = ElfFile32::<object::Endianness>::parse(elf)?;
    let mut image = Vec::new();
    for segment in file.segments() {
        let header = segment.elf_program_header();
        let (data, address) = (segment.data()?, u64::from(header.p_paddr.get(file.endian())));
        let Some(offset) = address.checked_sub(FLASH).map(|offset| offset as usize).filter(|_| !data.is_empty()) else { continue };
        let end = offset + data.len();
        if end > limit {
            bail!("expected the firmware to fit {limit} bytes, found a segment that ends at {end}");
        }
        image.resize(image.len().max(end), 0xff);
        image[offset..end].copy_from_slice(data);
    }
    Ok(image)
}

/// Bytes of RAM that have their place; the stack is not among them.
fn static_ram(elf: &[u8]) -> Result<u64> {
    let file = ElfFile32::<object::Endianness>::parse(elf)?;
    let in_ram = |kind| matches!(kind, SectionKind::Data | SectionKind::UninitializedData);
    Ok(file.sections().filter(|section| in_ram(section.kind()) && section.address() >= 0x2000_0000).map(|section| section.size()).sum())
}
