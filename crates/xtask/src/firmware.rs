//! Builds the firmwares and keeps their images in the tree, so that owners of a board need no cross toolchain: flat ones for the Picos, ELF files
//! for the ESP32 family, of which espflash makes the image.
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
use crate::xtensa;

/// Where the Picos map their flash.
const FLASH: u64 = 0x1000_0000;

/// What firmwares are built from.
const SOURCES: [&str; 5] = ["edge-device", "edge-format", "edge-runtime", "firmware-esp32", "firmware-pico"];

/// The folder in which they are built, on every machine.
const FOLDER: &str = "/tmp/edgectl-firmware";

/// An image: of which crate, for which target, with which features; kept in the tree under this name.
struct Build {
    source: &'static str,
    target: &'static str,
    features: &'static str,
    keep: Option<&'static str>,
    form: Form,
}

/// What is kept.
enum Form {
    /// The flash from its beginning on. The arena is among the static data.
    Flat { arena_bytes: u64, flash_bytes: usize },
    /// The ELF file.
    Elf,
}

const PICO: Form = Form::Flat { arena_bytes: 240 << 10, flash_bytes: 160 << 10 };
const PICO2: Form = Form::Flat { arena_bytes: 488 << 10, flash_bytes: 160 << 10 };

/// With the second core's stack.
const PICO_DUAL: Form = Form::Flat { arena_bytes: 236 << 10, flash_bytes: 160 << 10 };

const BUILDS: [Build; 8] = [
    Build { source: "firmware-pico", target: "thumbv6m-none-eabi", features: "rp2040", keep: Some("pico"), form: PICO },
    Build { source: "firmware-pico", target: "thumbv6m-none-eabi", features: "rp2040,all-operators", keep: Some("pico-all"), form: PICO },
    Build { source: "firmware-pico", target: "thumbv6m-none-eabi", features: "rp2040,dual-core", keep: None, form: PICO_DUAL },
    Build { source: "firmware-pico", target: "thumbv8m.main-none-eabihf", features: "rp2350,all-operators", keep: None, form: PICO2 },
    Build { source: "firmware-esp32", target: xtensa::TARGET, features: "esp32", keep: Some("esp32"), form: Form::Elf },
    Build { source: "firmware-esp32", target: xtensa::TARGET, features: "esp32s3", keep: Some("esp32s3"), form: Form::Elf },
    Build { source: "firmware-esp32", target: "riscv32imc-unknown-none-elf", features: "esp32c3", keep: Some("esp32c3"), form: Form::Elf },
    Build { source: "firmware-esp32", target: "riscv32imac-unknown-none-elf", features: "esp32c6", keep: Some("esp32c6"), form: Form::Elf },
];

/// Builds all of them, and writes the images of those that are shipped. Prints what of flash and RAM they take.
pub(crate) fn run() -> Result<()> {
    let folder = Path::new(FOLDER);
    let _lock = sources::lock(folder)?;
    sources::copy(folder, &SOURCES)?;
    println!("{:10} {:28} {:24} {:>12} {:>12} {:>12}", "image", "target", "features", "flash", "static RAM", "arena");
    for build in &BUILDS {
        if build.target == xtensa::TARGET && !xtensa::is_here() {
            println!("SKIPPED {}: {}", build.features, xtensa::MISSING);
            continue;
        }
        let elf = compile(folder, build)?;
        let (image, Sizes { flash, ram, arena }) = match build.form {
            Form::Flat { arena_bytes, flash_bytes } => {
                let image = flat(&elf, flash_bytes)?;
                let ram = static_ram(&elf)?.checked_sub(arena_bytes).context("expected the arena among the static data")?;
                let flash = image.len() as u64;
                (image, Sizes { flash, ram, arena: arena_bytes })
            }
            Form::Elf => {
                let sizes = sizes(&elf)?;
                (elf, sizes)
            }
        };
        let Build { target, features, keep, .. } = build;
        println!("{:10} {target:28} {features:24} {flash:>12} {ram:>12} {arena:>12}", keep.unwrap_or("-"));
        if let Some(name) = keep {
            let extension = if matches!(build.form, Form::Elf) { "elf" } else { "bin" };
            let path = Path::new(CRATES).join(build.source).join("prebuilt").join(name).with_extension(extension);
            fs::write(&path, &image).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn compile(folder: &Path, build: &Build) -> Result<Vec<u8>> {
    let source = folder.join("crates").join(build.source);
    // Joined to those of its `.cargo/config.toml`, which has the same key.
    let flags = format!(
        "target.'cfg(target_os = \"none\")'.rustflags=[\"--remap-path-prefix={}=/cargo\", \"--remap-path-prefix={}=/rustup\"]",
        sources::cargo_home()?.display(),
        sources::rustup_home()?.display()
    );
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--release", "--locked", "--no-default-features"])
        .args(["--features", build.features, "--config", &flags])
        // There, for its `.cargo/config.toml`.
        .current_dir(&source)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if build.target == xtensa::TARGET {
        xtensa::configure(&mut cargo, &folder.join("crates"), &[])?;
    } else {
        cargo.args(["--target", build.target]);
    }
    let status = cargo.status().context("could not run cargo")?;
    ensure!(status.success(), "cargo build of {}: {status}", source.display());
    let elf = folder.join("target").join(build.target).join("release").join(build.source);
    fs::read(&elf).with_context(|| elf.display().to_string())
}

/// What a firmware takes, in bytes.
struct Sizes {
    flash: u64,
    /// Without stack and arena.
    ram: u64,
    arena: u64,
}

/// By the sections of an ELF file for the ESP32 family. What is loaded into RAM is in flash too.
fn sizes(elf: &[u8]) -> Result<Sizes> {
    let file = ElfFile32::<object::Endianness>::parse(elf)?;
    let mut sizes = Sizes { flash: 0, ram: 0, arena: 0 };
    for section in file.sections() {
        let name = section.name()?;
        match name {
            ".flash.appdesc" | ".rodata" | ".text" => sizes.flash += section.size(),
            ".iram" | ".data" => (sizes.flash, sizes.ram) = (sizes.flash + section.size(), sizes.ram + section.size()),
            ".bss" => sizes.ram += section.size(),
            ".arena" => sizes.arena += section.size(),
            _ => {}
        }
    }
    Ok(sizes)
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
