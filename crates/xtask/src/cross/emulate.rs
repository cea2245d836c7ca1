//! Replays golden vectors and models where the runtime is to run: on emulated machines.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use edgectl_esp_emulator::xtensa::sim;
use object::read::elf::ElfFile32;
use object::{Endianness, Object, ObjectSegment};

use super::{Build, Kernels, OPT_LEVELS, TARGETS, folder, pack, table};
use crate::xtensa;

/// How QEMU is called for a target.
#[derive(Clone, Copy)]
struct Machine {
    target: &'static str,
    qemu: &'static str,
    board: &'static str,
    cpu: &'static str,
    /// Where the pack goes.
    pack: &'static str,
    /// Each instruction lets so many nanoseconds pass, as a power of two: what the image counts by.
    shift: &'static str,
}

const fn arm(target: &'static str, board: &'static str, cpu: &'static str) -> Machine {
    Machine { target, qemu: "qemu-system-arm", board, cpu, pack: "0x21000000", shift: "0" }
}

/// In the order of [`TARGETS`]. It has no Cortex-M0+ with enough memory, so code for one runs on the M3, which knows its instructions.
const MACHINES: [Machine; 3] = [
    arm("thumbv6m-none-eabi", "mps2-an385", "cortex-m3"),
    arm("thumbv7em-none-eabihf", "mps2-an386", "cortex-m4"),
    Machine {
        target: "riscv32imc-unknown-none-elf",
        qemu: "qemu-system-riscv32",
        board: "virt",
        cpu: "rv32",
        pack: "0x81000000",
        shift: "0",
    },
];

/// None of QEMU's cores has the instruction for the higher half of a product, which an ESP32 has: the code does without, and counts more.
const XTENSA: Machine =
    Machine { target: xtensa::TARGET, qemu: "qemu-system-xtensa", board: "sim", cpu: "dc233c", pack: "0x01000000", shift: "7" };

/// What 64-bit Arm runs: the tests themselves, in Linux.
const LINUX: &str = "aarch64-unknown-linux-musl";

/// What an image said of a program.
#[derive(Debug)]
struct Replayed {
    name: String,
    load_instructions: u64,
    load_stack_bytes: u64,
    invoke_instructions: u64,
    invoke_stack_bytes: u64,
}

/// Replays every golden vector and some models on emulated machines; prints instructions and writes the deepest stack down.
pub(crate) fn run() -> Result<()> {
    let pack = folder().join("pack");
    std::fs::create_dir_all(folder())?;
    let models = pack::write_pack(&pack)?;
    let mut stacks = BTreeMap::<String, u64>::new();
    for (machine, (_, isa)) in MACHINES.into_iter().zip(TARGETS) {
        for (opt_level, kernels) in OPT_LEVELS.into_iter().flat_map(|opt_level| Kernels::ALL.map(|kernels| (opt_level, kernels))) {
            let build = Build::new(machine.target, opt_level, "all").kernels(kernels);
            let replayed = replay(machine, &build.bin("replay").link()?, (opt_level, kernels), &pack, &models)?;
            let (load, invoke) = stack_bytes(&replayed);
            let deepest = stacks.entry(format!("{isa},{opt_level},stack")).or_default();
            *deepest = load.max(invoke).max(*deepest);
        }
    }
    table::update(|item| item == "stack", &stacks.into_iter().collect::<Vec<_>>())?;
    if xtensa::is_here() {
        for opt_level in OPT_LEVELS {
            let image = Build::xtensa(opt_level)?.kernels(Kernels::Mcu).bin("replay").link()?;
            let replayed = replay(XTENSA, &image, (opt_level, Kernels::Mcu), &pack, &models)?;
            own_core(&image, &pack, &replayed).context("the core that runs the ESP32's firmware in tests")?;
        }
    } else {
        println!("SKIPPED {}: {}", XTENSA.target, xtensa::MISSING);
    }
    linux()
}

/// Replays the pack with an image; prints what models take.
fn replay(machine: Machine, image: &Path, (opt_level, kernels): (&str, Kernels), pack: &Path, models: &[&str]) -> Result<Vec<Replayed>> {
    let Machine { target, qemu, board, cpu, pack: address, shift } = machine;
    let output = Command::new(qemu)
        .args(["-M", board, "-cpu", cpu, "-nographic", "-monitor", "none", "-serial", "none", "-bios", "none"])
        .args(["-icount", &format!("shift={shift}"), "-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(image)
        .args(["-device", &format!("loader,file={},addr={address},force-raw=on", pack.display())])
        .output()
        .with_context(|| format!("cannot run {qemu} (Debian's packages qemu-system-arm and qemu-system-misc)"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let replayed: Vec<Replayed> =
        said.lines().map(read).collect::<Result<_>>().with_context(|| format!("{target}, opt-level {opt_level}"))?;
    ensure!(output.status.success(), "{qemu}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    ensure!(models.iter().all(|model| replayed.iter().any(|program| program.name == *model)), "{target}: models are missing");
    let (load, invoke) = stack_bytes(&replayed);
    println!(
        "{target}, opt-level {opt_level}, {}, emulated {cpu}: {} vectors and {} models give the same bytes; stack {load} bytes to load, {invoke} to invoke",
        kernels.name(),
        replayed.len() - models.len(),
        models.len()
    );
    for program in replayed.iter().filter(|program| models.contains(&&*program.name)) {
        let Replayed { name, load_instructions, invoke_instructions, .. } = program;
        println!("  {name:20} {invoke_instructions:>11} instructions to invoke, {load_instructions:>8} to load");
    }
    Ok(replayed)
}

/// The deepest stacks of all programs, to load and to invoke.
fn stack_bytes(replayed: &[Replayed]) -> (u64, u64) {
    let deepest = |of: fn(&Replayed) -> u64| replayed.iter().map(of).max().unwrap_or_default();
    (deepest(|program| program.load_stack_bytes), deepest(|program| program.invoke_stack_bytes))
}

/// Replays it with the same image on the core of `edgectl-esp-emulator`: the same bytes, the same stacks, as many instructions as in QEMU, whose clock may be
/// between two ticks.
fn own_core(image: &Path, pack: &Path, replayed: &[Replayed]) -> Result<()> {
    let (image, pack) = (std::fs::read(image)?, std::fs::read(pack)?);
    let elf = ElfFile32::<Endianness>::parse(&*image)?;
    let address = u32::from_str_radix(XTENSA.pack.trim_start_matches("0x"), 16)?;
    let mut segments = vec![(address, &*pack)];
    for segment in elf.segments() {
        segments.push((segment.address() as u32, segment.data()?));
    }
    segments.retain(|segment| !segment.1.is_empty());
    let (said, status) = sim::run(&segments).map_err(|stop| anyhow::anyhow!("{stop:x?}"))?;
    let said = String::from_utf8(said)?;
    ensure!(status == 0, "the image ends with {status}: {said}");
    let own: Vec<Replayed> = said.lines().map(read).collect::<Result<_>>()?;
    ensure!(own.len() == replayed.len(), "expected {} programs, found {}", replayed.len(), own.len());
    for (own, qemu) in own.iter().zip(replayed) {
        let stacks = |program: &Replayed| (program.load_stack_bytes, program.invoke_stack_bytes);
        let differ = own.load_instructions.abs_diff(qemu.load_instructions).max(own.invoke_instructions.abs_diff(qemu.invoke_instructions));
        ensure!(own.name == qemu.name && stacks(own) == stacks(qemu) && differ <= 1, "expected {qemu:?}, as in QEMU, found {own:?}");
    }
    println!("  and so does the core that runs the ESP32's firmware in tests: the same stacks, and as many instructions");
    Ok(())
}

fn read(line: &str) -> Result<Replayed> {
    let fields: Vec<&str> = line.split(',').collect();
    let [name, numbers @ ..] = &fields[..] else { bail!("an empty line") };
    let numbers: Vec<u64> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>().map_err(|_| anyhow::anyhow!("{line}"))?;
    let &[load_instructions, load_stack_bytes, invoke_instructions, invoke_stack_bytes] = &numbers[..] else { bail!("{line}") };
    Ok(Replayed { name: (*name).to_owned(), load_instructions, load_stack_bytes, invoke_instructions, invoke_stack_bytes })
}

/// The runtime's own tests.
fn linux() -> Result<()> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["test", "--quiet", "--release", "--locked", "--package", "edge-runtime", "--target", LINUX, "--test", "golden"])
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld")
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER", "qemu-aarch64-static -cpu max")
        .status()
        .context("could not run cargo")?;
    ensure!(status.success(), "the tests under qemu-aarch64-static (Debian's package qemu-user-static): {status}");
    println!("{LINUX}, emulated: the tests of the golden vectors pass");
    Ok(())
}
