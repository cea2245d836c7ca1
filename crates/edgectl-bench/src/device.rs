//! A board at the other end of a line, real or emulated: runs the program that it holds, and compares with the host.

use std::time::Duration;

use edge_device::client::{Client, ClientError, Identity, Link};
use edge_device::image::{Digest, sha256};
use edge_device::self_test::{input_bytes, output_bytes};
use edge_device::server::MAX_COSTS;
use edge_format::Program;
use edge_runtime::{Interpreter, Resolver, RuntimeError};
use thiserror::Error;

/// For one inference; ten minutes are some ten seconds in an emulator.
const INFERENCE: Duration = Duration::from_secs(600);

/// What a run on a board found.
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
pub enum DeviceError {
    /// The firmware does not answer as it should.
    #[error("the firmware does not answer as it should")]
    Firmware(#[from] ClientError),
    /// The board runs another program.
    #[error("expected the board to run the program with SHA-256 {}, found {}", Hex(expected), Hex(found))]
    Program {
        /// Of the program.
        expected: Digest,
        /// What the firmware said.
        found: Digest,
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
        expected: u8,
        /// On the board.
        found: u8,
    },
}

struct Hex<'a>(&'a Digest);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Inputs and outputs of a program as bytes, on the host.
pub struct Host<'p, 'a> {
    interpreter: Interpreter<'p, 'a>,
}

impl<'p, 'a> Host<'p, 'a> {
    /// Takes memory as large as the program's arena.
    ///
    /// # Errors
    /// Where the host cannot execute the program.
    pub fn new(program: Program<'p>, arena: &'a mut [u8]) -> Result<Self, RuntimeError> {
        Ok(Self { interpreter: Interpreter::new(program, arena, Resolver::all())? })
    }

    /// Runs the program once: the bytes of each output.
    ///
    /// # Errors
    /// Where inputs are not those of the program.
    pub fn infer(&mut self, inputs: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, RuntimeError> {
        let count = inputs.len();
        for (found, bytes) in inputs.iter().enumerate() {
            let input = input_bytes(&mut self.interpreter, found).filter(|input| input.len() == bytes.len());
            input.ok_or(RuntimeError::NoSuchIo { found, count })?.copy_from_slice(bytes);
        }
        self.interpreter.invoke()?;
        Ok((0..).map_while(|index| output_bytes(&self.interpreter, index).map(<[u8]>::to_vec)).collect())
    }

    /// Bytes of each input.
    pub fn input_lengths(&mut self) -> Vec<usize> {
        (0..).map_while(|index| input_bytes(&mut self.interpreter, index).map(|input| input.len())).collect()
    }
}

/// Has the board compute outputs, and compares them with those of the host: the cycles that it took.
///
/// # Errors
/// [`DeviceError`].
pub fn compare<L: Link>(client: &mut Client<L>, host: &mut Host<'_, '_>, inputs: &[Vec<u8>], costs: bool) -> Result<u64, DeviceError> {
    for (index, input) in inputs.iter().enumerate() {
        client.write_input(index as u8, input)?;
    }
    let cycles = client.invoke(costs, INFERENCE)?;
    for (output, expected) in host.infer(inputs)?.iter().enumerate() {
        let found = client.read_output(output as u8, expected.len() as u32)?;
        if let Some((byte, (&expected, &found))) = expected.iter().zip(&found).enumerate().find(|(_, (a, b))| a != b) {
            return Err(DeviceError::Differs { output, byte, expected, found });
        }
    }
    Ok(cycles)
}

/// Runs the program that the board holds, which is to be this one, on pseudo-random inputs, and checks that the outputs are those of the
/// host.
///
/// # Errors
/// [`DeviceError`].
pub fn run<L: Link>(client: &mut Client<L>, identity: &Identity, bytes: &[u8], program: Program<'_>) -> Result<Run, DeviceError> {
    let (expected, found) = (sha256(bytes), client.model()?.digest);
    if found != expected {
        return Err(DeviceError::Program { expected, found });
    }
    let mut arena = edge_format::AlignedBytes::zeroed(program.arena_bytes() as usize);
    let mut host = Host::new(program, &mut arena)?;
    let mut random = fastrand::Rng::with_seed(0);
    let inputs: Vec<Vec<u8>> =
        host.input_lengths().into_iter().map(|length| std::iter::repeat_with(|| random.u8(..)).take(length).collect()).collect();
    let countable = program.op_count() as usize <= MAX_COSTS;
    let op_cycles = match countable {
        true => {
            compare(client, &mut host, &inputs, true)?;
            client.costs(program.op_count() as u16)?
        }
        false => vec![],
    };
    let cycles = compare(client, &mut host, &inputs, false)?;
    Ok(Run { cycles, op_cycles, clock_hz: identity.clock_hz, firmware: identity.firmware.clone() })
}
