//! A release as one board gets it, and whether it fits there.

use edge_device::client::Identity;
use edge_device::image::{self, Digest};
use edge_device::self_test::{self, Failure};
use edge_format::{AlignedBytes, Golden, OpCode, Program, RUNTIME_ABI};
use edge_runtime::{Interpreter, Resolver};

use super::BoardError;
use crate::release::{Release, ReleaseFile, ReleaseTarget};

/// An image and what proves it.
pub(crate) struct Prepared {
    /// What lies in a slot.
    pub(crate) image: Vec<u8>,
    /// Of the image.
    pub(crate) digest: Digest,
    pub(crate) program: Vec<u8>,
    pub(crate) program_digest: Digest,
    /// The golden vectors, as a file.
    pub(crate) golden: Vec<u8>,
    pub(crate) vectors: u16,
    pub(crate) security_version: u32,
    /// The firmware, where the bundle has one.
    pub(crate) firmware: Option<Vec<u8>>,
    chip: String,
    arena_bytes: u32,
    operators: Vec<OpCode>,
}

impl Prepared {
    /// What a board gets of a program alone; nothing proves it.
    pub(crate) fn of_program(program: &[u8], chip: &str, security_version: u32) -> Result<Prepared, BoardError> {
        let image = image::build(program, &[], security_version).ok_or(BoardError::Image)?;
        let aligned = AlignedBytes::from(program);
        let parsed = Program::parse(&aligned)?;
        Ok(Prepared {
            digest: super::image_digest(&image),
            image,
            program_digest: image::sha256(program),
            vectors: 0,
            security_version,
            firmware: None,
            chip: chip.into(),
            arena_bytes: parsed.arena_bytes(),
            operators: operators(&parsed),
            program: program.into(),
            golden: vec![],
        })
    }

    /// What a board with this chip gets of a release.
    pub(crate) fn new(release: &Release, chip: &str) -> Result<Prepared, BoardError> {
        let target = target(release, chip)?;
        let files = release.files_for(target);
        let of = |role: &'static str| files.iter().find(|file| file.role == role).copied();
        let need = |role| of(role).ok_or(BoardError::Role { role }).and_then(bytes);
        let (program, golden) = (need("program")?, need("golden")?);
        let aligned = AlignedBytes::from(&program[..]);
        let parsed = Program::parse(&aligned)?;
        let vectors = Golden::parse(&golden, &parsed)?;
        let pairs: Vec<(&[u8], &[u8])> = vectors.vectors().map(|vector| (vector.inputs, vector.outputs)).collect();
        let image = image::build(&program, &pairs, release.security_version).ok_or(BoardError::Image)?;
        Ok(Prepared {
            digest: super::image_digest(&image),
            image,
            program_digest: image::sha256(&program),
            vectors: vectors.count(),
            security_version: release.security_version,
            firmware: of("firmware").map(bytes).transpose()?,
            chip: chip.into(),
            arena_bytes: parsed.arena_bytes(),
            operators: operators(&parsed),
            program,
            golden,
        })
    }

    /// What is wrong with the golden vectors on this machine, if anything is.
    pub(crate) fn self_test(&self) -> Result<Option<Failure>, BoardError> {
        let bytes = AlignedBytes::from(&self.program[..]);
        let program = Program::parse(&bytes)?;
        let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
        Ok(match Interpreter::new(program, &mut arena, Resolver::all()) {
            Ok(mut interpreter) => self_test::run(&mut interpreter, &self.golden, || ()).failure,
            Err(_) => Some(Failure::Program),
        })
    }

    /// Whether a board can hold and run it; said before anything is written.
    pub(crate) fn fits(&self, identity: &Identity) -> Result<(), BoardError> {
        if plain(&identity.chip) != plain(&self.chip) {
            return Err(BoardError::Chip { found: identity.chip.clone(), expected: vec![self.chip.clone()] });
        }
        if identity.abi != RUNTIME_ABI {
            return Err(BoardError::Abi { expected: RUNTIME_ABI, found: identity.abi, firmware: identity.firmware.clone() });
        }
        let missing: Vec<String> = self.operators.iter().filter(|&&op| !identity.executes(op)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            return Err(BoardError::Operators { firmware: identity.firmware.clone(), missing });
        }
        let length = self.image.len() as u64;
        if length > u64::from(identity.slot_bytes) {
            return Err(BoardError::Slot { needed: length, available: identity.slot_bytes.into() });
        }
        if self.arena_bytes > identity.arena_bytes {
            return Err(BoardError::Arena { needed: self.arena_bytes, available: identity.arena_bytes });
        }
        Ok(())
    }
}

/// Each operator of a program once.
fn operators(program: &Program<'_>) -> Vec<OpCode> {
    let mut operators: Vec<OpCode> = program.ops().map(|op| op.code).collect();
    operators.sort_unstable_by_key(|&code| code as u16);
    operators.dedup();
    operators
}

/// A chip's name, which data sheets write with a dash and in capitals, and firmwares without.
fn plain(name: &str) -> String {
    name.replace('-', "").to_ascii_lowercase()
}

/// What a release has for a chip.
pub(crate) fn target<'r>(release: &'r Release, chip: &str) -> Result<&'r ReleaseTarget, BoardError> {
    let is_for = |target: &&ReleaseTarget| !target.linux && plain(&target.soc) == plain(chip);
    release.targets.iter().find(is_for).ok_or_else(|| BoardError::Chip {
        found: chip.into(),
        expected: release.targets.iter().map(|target| format!("{} ({})", target.profile, target.soc)).collect(),
    })
}

pub(crate) fn bytes(file: &ReleaseFile) -> Result<Vec<u8>, BoardError> {
    file.bytes().map_err(|source| BoardError::Content { path: file.path.clone(), source })
}
