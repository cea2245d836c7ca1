//! `edge-runtime` as firmware links it: `crates/edge-runtime/cross`, built for bare metal.

mod counters;
mod emulate;
mod fuzz;
mod image;
mod pack;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
pub(crate) use counters::run as counters;
use edge_runtime::Resolver;
pub(crate) use emulate::run as emulate;
pub(crate) use fuzz::run as fuzz;
use image::Image;

use crate::xtensa;

/// Where the images are for, and how device profiles name that: an M0+, an M4 or M7, an ESP32-C3.
const TARGETS: [(&str, &str); 3] =
    [("thumbv6m-none-eabi", "armv6-m"), ("thumbv7em-none-eabihf", "armv7e-m"), ("riscv32imc-unknown-none-elf", "rv32imc")];

/// Levels of optimization that firmware is built with.
const OPT_LEVELS: [&str; 2] = ["s", "3"];

/// Which kernels an image has: the reference ones, or those for the target's core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernels {
    Reference,
    Mcu,
}

impl Kernels {
    const ALL: [Kernels; 2] = [Kernels::Reference, Kernels::Mcu];

    fn name(self) -> &'static str {
        match self {
            Kernels::Reference => "reference kernels",
            Kernels::Mcu => "kernels for its core",
        }
    }
}

/// The crate of the images.
const CROSS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../edge-runtime/cross");

/// The operators of a keyword spotter (MLPerf Tiny's DS-CNN), by which the code size is judged.
const DS_CNN: [&str; 5] = ["average_pool2d", "conv2d", "depthwise_conv2d", "fully_connected", "softmax"];

/// What load, invoke and [`DS_CNN`] may take on a Cortex-M0+, optimized for size.
const DS_CNN_LIMIT_BYTES: u64 = 24 * 1024;

/// How a row names what every program needs.
const ALWAYS: &str = "runtime";

/// Links load, invoke and every kernel: the image's panic handler calls what does not exist, so it links without a panic or not at all.
pub(crate) fn no_panic() -> Result<()> {
    for (target, _) in TARGETS {
        for (opt_level, kernels) in OPT_LEVELS.into_iter().flat_map(|opt_level| Kernels::ALL.map(|kernels| (opt_level, kernels))) {
            let build = || Build::new(target, opt_level, "all").kernels(kernels);
            if build().quiet().link().is_err() {
                let image = Image::read(&build().unresolved().link()?)?;
                let handler = image.symbols.iter().position(|symbol| symbol.name.contains("rust_begin_unwind"));
                let path = handler.and_then(|handler| Some(image.path(image.find("load_and_invoke").ok()?, handler)?.join("\n  ")));
                let path = path.as_deref().unwrap_or("by an unknown way");
                bail!("{target}, opt-level {opt_level}, {}: a panic is within reach\n  {path}", kernels.name());
            }
            eprintln!("{target}, opt-level {opt_level}, {}: no panic within reach of load, invoke and the kernels", kernels.name());
        }
    }
    Ok(())
}

/// Measures what load, invoke and each kernel take in flash, writes it down, and holds it against the limit.
///
/// What only one operator needs could be measured by leaving it out. But operators share much, so sizes per operator would not add up;
/// those of what exactly these operators share do.
pub(crate) fn code_size() -> Result<()> {
    let ops: Vec<&str> = Resolver::all().kernels().iter().map(|kernel| kernel.op.name()).collect();
    let (mut table, mut judged) = (Vec::new(), 0);
    for (target, isa) in TARGETS {
        for opt_level in OPT_LEVELS {
            let rows = rows(&Image::read(&Build::new(target, opt_level, "all").link()?)?, &ops)?;
            for (ops, bytes) in &rows {
                table.push((format!("{isa},{opt_level},{}", ops.iter().copied().collect::<Vec<_>>().join("+")), *bytes));
            }
            let estimate: u64 = rows
                .iter()
                .filter(|(ops, _)| ops.contains(ALWAYS) || DS_CNN.iter().any(|op| ops.contains(op)))
                .map(|(_, bytes)| bytes)
                .sum();
            let measure = |kernels| -> Result<u64> {
                Ok(Image::read(&Build::new(target, opt_level, &DS_CNN.join(",")).kernels(kernels).link()?)?.bytes)
            };
            let [measured, mcu] = [measure(Kernels::Reference)?, measure(Kernels::Mcu)?];
            println!(
                "{target}, opt-level {opt_level}: {measured} bytes for DS-CNN's operators (by the table {estimate}), {mcu} with {}, {} for all {}",
                Kernels::Mcu.name(),
                rows.values().sum::<u64>(),
                ops.len()
            );
            if (target, opt_level) == (TARGETS[0].0, OPT_LEVELS[0]) {
                judged = measured.max(mcu);
            }
        }
    }
    table::update(|item| item != "stack", &table)?;
    ensure!(judged <= DS_CNN_LIMIT_BYTES, "{judged} bytes for DS-CNN's operators, at most {DS_CNN_LIMIT_BYTES} are allowed");
    Ok(())
}

/// Sizes by the operators that need them.
fn rows<'o>(image: &Image, ops: &[&'o str]) -> Result<BTreeMap<BTreeSet<&'o str>, u64>> {
    let (entry, table) = (image.find("load_and_invoke")?, image.find("KERNELS")?);
    let mut users: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (op, functions) in ops.iter().zip(image.entries(table, ops.len())) {
        for symbol in image.reach(&functions, table) {
            users.entry(symbol).or_default().insert(op);
        }
    }
    for symbol in image.reach(&[entry], table) {
        users.insert(symbol, BTreeSet::from([ALWAYS]));
    }
    let mut rows = BTreeMap::new();
    let mut rest = image.bytes;
    for (symbol, mut users) in users {
        // What most operators share is counted as what every program needs.
        if users.len() > ops.len() / 2 {
            users = BTreeSet::from([ALWAYS]);
        }
        let bytes = image.symbols[symbol].bytes;
        *rows.entry(users).or_default() += bytes;
        rest -= bytes;
    }
    // Constants without a name, and what lies between functions.
    *rows.entry(BTreeSet::from([ALWAYS])).or_default() += rest;
    Ok(rows)
}

/// Where images are built.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into());
    Path::new(&target).join("cross")
}

/// How to build an image.
struct Build {
    target: &'static str,
    command: Command,
    folder: PathBuf,
    bin: &'static str,
}

impl Build {
    /// Load, invoke and these operators: names with commas, or `all`.
    fn new(target: &'static str, opt_level: &str, ops: &str) -> Self {
        let mut build = Self::of_any_target(target, opt_level, ops);
        build.command.args(["--target", target]);
        build
    }

    /// Every operator for Xtensa, without an instruction that QEMU's cores lack.
    fn xtensa(opt_level: &str) -> Result<Self> {
        let mut build = Self::of_any_target(xtensa::TARGET, opt_level, "all");
        xtensa::configure(&mut build.command, &Path::new(CROSS).join("../.."), &["-Ctarget-feature=-mul32high"])?;
        Ok(build)
    }

    fn of_any_target(target: &'static str, opt_level: &str, ops: &str) -> Self {
        let folder = folder();
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(["build", "--quiet", "--release", "--locked"])
            .args(["--manifest-path", &format!("{CROSS}/Cargo.toml")])
            .arg("--target-dir")
            .arg(&folder)
            .env("EDGE_OPS", ops)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level);
        Self { target, command, folder, bin: "link" }
    }

    /// Other kernels than the reference ones.
    fn kernels(mut self, kernels: Kernels) -> Self {
        if kernels == Kernels::Mcu {
            self.command.args(["--features", "mcu"]);
        }
        self
    }

    /// Another image than `link`.
    fn bin(mut self, bin: &'static str) -> Self {
        self.bin = bin;
        self
    }

    /// Without symbols.
    fn stripped(mut self) -> Self {
        self.command.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        self
    }

    /// Keeps the linker's words to itself.
    fn quiet(mut self) -> Self {
        self.command.stderr(Stdio::null());
        self
    }

    /// Links even where a panic can be reached.
    fn unresolved(mut self) -> Self {
        self.command.env("EDGE_UNRESOLVED", "1");
        self
    }

    /// Builds, and gives the image's path.
    fn link(mut self) -> Result<PathBuf> {
        let status = self.command.args(["--bin", self.bin]).status().context("could not run cargo")?;
        ensure!(status.success(), "building {CROSS} for {}: {status}", self.target);
        Ok(self.folder.join(self.target).join("release").join(self.bin))
    }
}
