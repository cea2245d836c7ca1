//! The RP2040, emulated: the firmware that a Pico runs, in rp2040js (MIT), over the protocol that a board speaks.
//!
//! The emulator is JavaScript and not ours, so it is looked for and not shipped: Node.js, and the package in a folder. It counts the core's
//! cycles and knows no XIP cache; a board that reads weights from flash is slower.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use edge_device::client::{Client, ClientError, Link, PROMPT};
use edge_device::image::{Digest, build, sha256};
use edge_device::memory_map::PICO;
use edge_device::server::MAX_COSTS;
use edge_format::Program;
use edge_runtime::{Interpreter, Resolver, RuntimeError};
use thiserror::Error;

/// The firmware of the Pico, built by `cargo xtask firmware`.
pub const FIRMWARE: &[u8] = include_bytes!("../../firmware-pico/prebuilt/pico.bin");

/// The version of rp2040js with which this was tried.
pub const RP2040JS: &str = "rp2040js@1.4.1";

const SCRIPT: &str = include_str!("../../firmware-pico/emulator/rp2040.mjs");
/// For one inference; ten minutes here are some ten seconds there.
const INFERENCE: Duration = Duration::from_secs(600);
/// Emulated time is slower than ours.
const PATIENCE: u32 = 10;

/// What a run in the emulator found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Cycles of an inference, counted without looking at single ops.
    pub cycles: u64,
    /// Cycles of each op; empty where there are more ops than the firmware counts.
    pub op_cycles: Vec<u32>,
    /// Cycles in a second.
    pub clock_hz: u32,
    /// Name and version of the firmware.
    pub firmware: String,
}

/// Why there is no run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// The package is not where it is looked for.
    #[error("expected {RP2040JS} in {}, found no node_modules/rp2040js there", folder.display())]
    NotInstalled {
        /// The folder.
        folder: PathBuf,
    },
    /// Node.js does not start, or a file cannot be written for it.
    #[error("cannot run the emulator with {program}")]
    Start {
        /// What was to be run.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The firmware does not answer as it should.
    #[error("the emulated firmware does not answer")]
    Firmware(#[from] ClientError),
    /// The firmware holds another program.
    #[error("expected the firmware to hold the program with SHA-256 {expected:02x?}, found {found:02x?}")]
    Program {
        /// Of the program.
        expected: Digest,
        /// What the firmware said.
        found: Digest,
    },
    /// The program is too long for an image.
    #[error("expected a program that an image has room for, found one of {found} bytes")]
    Length {
        /// Of the program.
        found: usize,
    },
    /// The host cannot execute the program.
    #[error("cannot execute the program on the host")]
    Runtime(#[from] RuntimeError),
    /// The firmware computes other bytes than the host.
    #[error("output {output}, byte {byte}: expected {expected} as on the host, found {found}")]
    Differs {
        /// Which output.
        output: usize,
        /// The first byte that differs.
        byte: usize,
        /// On the host.
        expected: i8,
        /// In the emulator.
        found: i8,
    },
}

/// Where the emulator is looked for: `$EDGECTL_EMULATOR`, or the user's cache.
pub fn default_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    variable("EDGECTL_EMULATOR").or_else(|| Some(cache()?.join("edgectl/emulator"))).unwrap_or_default()
}

/// Runs a program on pseudo-random inputs in the emulator that is in `folder`, and checks that the outputs are those of the host.
///
/// # Errors
/// [`EmulatorError`].
pub fn run(folder: &Path, bytes: &[u8], program: Program<'_>) -> Result<Run, EmulatorError> {
    let mut client = Client::new(Node::start(folder, bytes)?, PROMPT * PATIENCE);
    let identity = client.hello()?;
    let model = client.model()?;
    let expected = sha256(bytes);
    if model.digest != expected {
        return Err(EmulatorError::Program { expected, found: model.digest });
    }

    let mut arena = vec![0; program.arena_bytes() as usize];
    let mut host = Interpreter::new(program, &mut arena, Resolver::all())?;
    let mut random = fastrand::Rng::with_seed(0);
    let inputs: Vec<Vec<i8>> = (0..program.inputs().count())
        .map(|index| Ok(host.input_mut(index)?.iter().map(|_| random.i8(..)).collect()))
        .collect::<Result<_, RuntimeError>>()?;
    for (index, input) in inputs.iter().enumerate() {
        host.input_mut(index)?.copy_from_slice(input);
    }
    host.invoke()?;

    let mut infer = |costs| -> Result<u64, EmulatorError> {
        for (index, input) in inputs.iter().enumerate() {
            client.write_input(index as u8, &input.iter().map(|&x| x as u8).collect::<Vec<_>>())?;
        }
        Ok(client.invoke(costs, INFERENCE)?)
    };
    let countable = program.op_count() as usize <= MAX_COSTS;
    if countable {
        infer(true)?;
    }
    let cycles = infer(false)?;
    for output in 0..program.outputs().count() {
        let expected = host.output(output)?;
        let found = client.read_output(output as u8, expected.len() as u32)?;
        let found = found.iter().map(|&x| x as i8);
        if let Some((byte, (&expected, found))) = expected.iter().zip(found).enumerate().find(|(_, (a, b))| **a != *b) {
            return Err(EmulatorError::Differs { output, byte, expected, found });
        }
    }
    let op_cycles = if countable { client.costs(program.op_count() as u16)? } else { vec![] };
    Ok(Run { cycles, op_cycles, clock_hz: identity.clock_hz, firmware: identity.firmware })
}

/// The emulator's process; its standard input and output are the board's serial line.
struct Node {
    process: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    pending: Vec<u8>,
    /// What it had to say.
    complaints: PathBuf,
    /// Deleted with the process.
    _files: tempfile::TempDir,
}

impl Node {
    fn start(folder: &Path, program: &[u8]) -> Result<Node, EmulatorError> {
        if !folder.join("node_modules/rp2040js").is_dir() {
            return Err(EmulatorError::NotInstalled { folder: folder.into() });
        }
        let image = build(program, &[], 0).ok_or(EmulatorError::Length { found: program.len() })?;
        let failed = |program| move |source| EmulatorError::Start { program, source };
        let files = tempfile::tempdir().map_err(failed("temporary files"))?;
        let flash = |name, bytes: &[u8], offset| -> io::Result<String> {
            let path = files.path().join(name);
            std::fs::write(&path, bytes)?;
            Ok(format!("{}@{:x}", path.display(), PICO.base + offset))
        };
        let flashed = [flash("firmware", FIRMWARE, 0), flash("image", &image, PICO.layout.slots[0].offset)];
        let flashed = flashed.into_iter().collect::<io::Result<Vec<_>>>().map_err(failed("temporary files"))?;
        let complaints = files.path().join("stderr");
        let stderr = File::create(&complaints).map_err(failed("temporary files"))?;
        // As text, it finds the package in the working directory.
        let mut process = Command::new("node")
            .args(["--input-type=module", "--eval", SCRIPT, "--"])
            .args(flashed)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(failed("node"))?;
        let (Some(input), Some(mut output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(failed("node")(io::ErrorKind::BrokenPipe.into()));
        };
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Node { process, input, output: receiver, pending: vec![], complaints, _files: files })
    }
}

impl Link for Node {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.write_all(bytes)?;
        self.input.flush()
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        if self.pending.is_empty() {
            match self.output.recv_timeout(timeout) {
                Ok(bytes) => self.pending = bytes,
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => {
                    let said = std::fs::read_to_string(&self.complaints).unwrap_or_default();
                    let error = said.lines().find(|line| line.contains("Error")).unwrap_or("the emulator has ended");
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
                }
            }
        }
        let length = self.pending.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.pending[..length]);
        self.pending.drain(..length);
        Ok(length)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell otherwise.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
