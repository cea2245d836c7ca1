//! Cortex-M and RISC-V cores in QEMU, which counts instructions and knows no cycles.
//!
//! What runs there is the `replay` image of `crates/edge-runtime/cross`: load, invoke, every kernel for the core. Its prebuilt copies are part of
//! this crate (`cargo xtask counters` makes them), so that only QEMU is needed. It also says whether the outputs are those of the host.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use edge_format::Program;
use edge_runtime::{Interpreter, Resolver, RuntimeError};
use thiserror::Error;

/// The longest that QEMU may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often is looked whether it has ended.
const POLL: Duration = Duration::from_millis(20);
/// What the machines have for a program with its inputs and outputs.
const PACK_BYTES: usize = 16 << 20;

/// An emulated machine and the image that it runs.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// The emulator's program.
    pub qemu: &'static str,
    /// Debian's package of it.
    pub package: &'static str,
    /// QEMU's name of the machine.
    machine: &'static str,
    /// QEMU's name of the core.
    pub cpu: &'static str,
    /// Where the image looks for what it is to run.
    address: &'static str,
    image: &'static [u8],
    /// Cycles that the cores of this kind take per instruction: assumed, usual, least and most.
    pub cycles_per_instruction: [f64; 3],
}

/// Arm's MPS2 board with a Cortex-M4, for this and for what executes the same code.
const CORTEX_M4: Machine = Machine {
    qemu: "qemu-system-arm",
    package: "qemu-system-arm",
    machine: "mps2-an386",
    cpu: "cortex-m4",
    address: "0x21000000",
    image: include_bytes!("../../edge-runtime/cross/prebuilt/armv7e-m.elf"),
    cycles_per_instruction: [1.3, 1.0, 2.0],
};

/// QEMU's own machine with a 32-bit core.
const RV32: Machine = Machine {
    qemu: "qemu-system-riscv32",
    package: "qemu-system-misc",
    machine: "virt",
    cpu: "rv32",
    address: "0x81000000",
    image: include_bytes!("../../edge-runtime/cross/prebuilt/rv32imc.elf"),
    cycles_per_instruction: [1.3, 1.0, 2.0],
};

/// The machine that executes the code of a core: its name and instruction set, as profiles have them.
pub fn machine(core: &str, isa: &str) -> Option<Machine> {
    match isa {
        // Two instructions per cycle at best.
        "armv7e-m" if core.contains("M7") => Some(Machine { cycles_per_instruction: [0.9, 0.5, 1.6], ..CORTEX_M4 }),
        // A Cortex-M33 executes what is compiled for an M4.
        "armv7e-m" | "armv8-m.main" => Some(CORTEX_M4),
        _ if isa.starts_with("rv32im") => Some(RV32),
        _ => None,
    }
}

/// What a program took, as the image counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// To load it.
    pub load_instructions: u64,
    /// The longer of two inferences.
    pub invoke_instructions: u64,
    /// The deepest stack of an inference, in bytes.
    pub invoke_stack_bytes: u64,
}

/// Why there is no count.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QemuError {
    /// QEMU does not start.
    #[error("cannot run {qemu}")]
    Start {
        /// What was to be run.
        qemu: &'static str,
        /// Debian's package of it.
        package: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be written for it.
    #[error("cannot write temporary files")]
    Files(#[from] io::Error),
    /// It took too long.
    #[error("{qemu} has not ended after {} s", PATIENCE.as_secs())]
    TooLong {
        /// The emulator.
        qemu: &'static str,
    },
    /// The machine has too little memory.
    #[error("expected at most {PACK_BYTES} bytes of program, inputs and outputs, found {bytes}")]
    TooLarge {
        /// Of all of it.
        bytes: usize,
    },
    /// The image refuses the program, or computes other bytes than the host.
    #[error("the emulated {cpu}: {said}")]
    Failed {
        /// The core.
        cpu: &'static str,
        /// What the image or QEMU said.
        said: String,
    },
    /// The host cannot execute the program.
    #[error("cannot execute the program on the host")]
    Runtime(#[from] RuntimeError),
}

/// Appends a program with inputs and the outputs that are expected of it, as the image reads them: `crates/edge-runtime/cross/src/lib.rs` has
/// the layout.
pub fn record(pack: &mut Vec<u8>, name: &str, program: &[u8], inputs: &[u8], outputs: &[u8], invocations: usize) {
    let parts = [name.as_bytes(), program, inputs, outputs];
    let words = [u32::from_le_bytes(*b"EDGV")].into_iter().chain(parts.map(|part| part.len() as u32)).chain([invocations as u32]);
    let header: Vec<u8> = words.flat_map(u32::to_le_bytes).chain([0; 8]).collect();
    for part in [&*header].into_iter().chain(parts) {
        pack.extend_from_slice(part);
        pack.resize(pack.len().next_multiple_of(16), 0);
    }
}

/// Counts the instructions of two inferences of a program on pseudo-random inputs, and checks that the outputs are those of the host.
///
/// # Errors
/// [`QemuError`].
pub fn count(machine: &Machine, bytes: &[u8], program: Program<'_>) -> Result<Count, QemuError> {
    const INVOCATIONS: usize = 2;
    let mut arena = vec![0; program.arena_bytes() as usize];
    let mut host = Interpreter::new(program, &mut arena, Resolver::all())?;
    let mut random = fastrand::Rng::with_seed(0);
    let (mut inputs, mut outputs) = (vec![], vec![]);
    for _ in 0..INVOCATIONS {
        for index in 0..program.inputs().count() {
            let input = host.input_mut(index)?;
            input.iter_mut().for_each(|x| *x = random.i8(..));
            inputs.extend(input.iter().map(|&x| x as u8));
        }
        host.invoke()?;
        for index in 0..program.outputs().count() {
            outputs.extend(host.output(index)?.iter().map(|&x| x as u8));
        }
    }
    let mut pack = vec![];
    record(&mut pack, "model", bytes, &inputs, &outputs, INVOCATIONS);
    pack.extend([0; 32]);
    if pack.len() > PACK_BYTES {
        return Err(QemuError::TooLarge { bytes: pack.len() });
    }
    let files = tempfile::tempdir()?;
    let [image, packed, said, complaints] = ["image", "pack", "stdout", "stderr"].map(|name| files.path().join(name));
    std::fs::write(&image, machine.image)?;
    std::fs::write(&packed, pack)?;
    let ended = run(machine, &image, &packed, File::create(&said)?, File::create(&complaints)?)?;
    let said = String::from_utf8_lossy(&std::fs::read(&said)?).into_owned();
    parse(&said).filter(|_| ended).ok_or_else(|| {
        let complaints = std::fs::read(&complaints).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let line = said.lines().chain(complaints.lines()).find(|line| !line.is_empty()).unwrap_or("it says nothing");
        QemuError::Failed { cpu: machine.cpu, said: line.trim_start_matches("model,").to_owned() }
    })
}

/// Whether it ended well.
fn run(machine: &Machine, image: &Path, pack: &Path, stdout: File, stderr: File) -> Result<bool, QemuError> {
    let Machine { qemu, package, machine, cpu, address, .. } = *machine;
    let mut process = Command::new(qemu)
        .args(["-M", machine, "-cpu", cpu, "-nographic", "-monitor", "none", "-serial", "none", "-bios", "none"])
        // A nanosecond per instruction, so that the machine's clocks count instructions.
        .args(["-icount", "shift=0", "-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(image)
        .args(["-device", &format!("loader,file={},addr={address},force-raw=on", pack.display())])
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|source| QemuError::Start { qemu, package, source })?;
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(status.success());
        }
        if start.elapsed() > PATIENCE {
            // It may have ended by itself in the meantime.
            let _ = process.kill();
            let _ = process.wait();
            return Err(QemuError::TooLong { qemu });
        }
        std::thread::sleep(POLL);
    }
}

/// `model,load instructions,load stack,invoke instructions,invoke stack`.
fn parse(said: &str) -> Option<Count> {
    let mut numbers = said.lines().next()?.strip_prefix("model,")?.split(',').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (load_instructions, _, invoke_instructions, invoke_stack_bytes) = (next()?, next()?, next()?, next()?);
    Some(Count { load_instructions, invoke_instructions, invoke_stack_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_says_is_a_count_or_none() {
        let count = Count { load_instructions: 1, invoke_instructions: 30, invoke_stack_bytes: 4 };
        assert_eq!(parse("model,1,2,30,4\n"), Some(count));
        assert!(["", "model", "model,an output differs", "model,1,2,3", "other,1,2,3,4"].iter().all(|said| parse(said).is_none()));
    }

    #[test]
    fn cores_run_on_machines_that_know_their_instructions() {
        let cpu = |core, isa| machine(core, isa).map(|machine| machine.cpu);
        assert_eq!(cpu("Cortex-M4F", "armv7e-m"), Some("cortex-m4"));
        assert_eq!(cpu("Cortex-M33", "armv8-m.main"), Some("cortex-m4"));
        assert_eq!(cpu("ESP32-C6 HP core", "rv32imac"), Some("rv32"));
        assert_eq!((cpu("LX7", "xtensa-lx7"), cpu("Cortex-A72", "armv8-a")), (None, None));
    }
}
