//! The RP2040, emulated: the firmware that a Pico runs, in rp2040js (MIT), over the protocol that a board speaks.
//!
//! The emulator is JavaScript and not ours, so it is looked for and not shipped: Node.js, and the package in a folder. It counts the core's
//! cycles and knows no XIP cache; a board that reads weights from flash is slower.

mod board;

use std::io;
use std::path::{Path, PathBuf};

use edge_device::client::{Client, PROMPT};
use edge_device::image::build;
use edge_device::memory_map::PICO;
use edge_format::Program;
use thiserror::Error;

pub use board::{Emulator, Line, Moment};

use crate::device::{self, DeviceError, Run};

/// The instruction set of the board's cores, as profiles name it.
pub const ISA: &str = "armv6-m";

/// The version of rp2040js with which this was tried.
pub const RP2040JS: &str = "rp2040js@1.4.1";

/// Emulated time is slower than ours.
const PATIENCE: u32 = 10;

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
    /// The program is too long for an image.
    #[error("expected a program that an image has room for, found one of {found} bytes")]
    Length {
        /// Of the program.
        found: usize,
    },
    /// No firmware has all operators of the program.
    #[error("expected a firmware that executes all operators of the program, found none")]
    NoFirmware,
    /// The emulated board does not do as the host.
    #[error("the emulated board")]
    Device(#[from] DeviceError),
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
    let image = build(bytes, &[], 0).ok_or(EmulatorError::Length { found: bytes.len() })?;
    // As if the boot loader had put it there.
    let firmware = edgectl_firmware::for_program("pico", &program).ok_or(EmulatorError::NoFirmware)?;
    let emulator = Emulator::start(folder, firmware, &[(PICO.layout.slots[0].offset, &image)], false)?;
    let line = emulator.uart().map_err(|source| EmulatorError::Start { program: "node", source })?;
    let prompt = PROMPT * PATIENCE;
    let mut client = Client::new(line, prompt);
    let identity = client.wait(prompt).map_err(DeviceError::from)?;
    Ok(device::run(&mut client, &identity, bytes, program)?)
}
