//! Golden vectors: inputs of a program, and the outputs that it must give for them, to the byte.
//!
//! ```text
//! offset size
//!      0    4  magic            45 44 47 56   ("EDGV")
//!      4    2  version          1: the layout on this page
//!      6    2  count            of vectors, 1 or more
//!      8       vectors          each: the bytes of all model inputs, then of all model outputs, as they lie in the arena
//! ```
//!
//! Integers are little-endian. How long a vector is, the program says, and nothing follows the last one. The program is reset once, before
//! the first vector; the vectors are then run in order, so those of a program with state are what it says one after the other. There is no
//! checksum: the bytes travel in a bundle or an image, which has their digest.

use thiserror::Error;

use crate::{Io, Program};

const MAGIC: [u8; 4] = *b"EDGV";
const VERSION: u16 = 1;
const HEADER: usize = 8;

/// Why bytes are no golden vectors of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// Another kind of file, or another version of it.
    #[error("not golden vectors of version {VERSION}")]
    Header,
    /// Not as many vectors as there should be, or those of another program.
    #[error(
        "golden vectors: {count} of {inputs} + {outputs} bytes each, as the program has them, are {}: found {found} bytes",
        u64::from(*.count) * (u64::from(*.inputs) + u64::from(*.outputs))
    )]
    Length {
        /// How many there should be.
        count: u16,
        /// Bytes of all inputs of the program.
        inputs: u32,
        /// Bytes of all outputs of the program.
        outputs: u32,
        /// Bytes that are there.
        found: usize,
    },
}

/// Golden vectors of a program.
#[derive(Clone, Copy, Debug)]
pub struct Golden<'g> {
    count: u16,
    input_bytes: usize,
    stride: usize,
    vectors: &'g [u8],
}

/// Inputs, and the outputs that they must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector<'g> {
    /// The bytes of all inputs, one after the other.
    pub inputs: &'g [u8],
    /// The bytes of all outputs, one after the other.
    pub outputs: &'g [u8],
}

impl<'g> Golden<'g> {
    /// Reads the golden vectors of a program.
    ///
    /// # Errors
    /// [`GoldenError`].
    pub fn parse(bytes: &'g [u8], program: &Program<'_>) -> Result<Self, GoldenError> {
        let (header, vectors) = bytes.split_first_chunk::<HEADER>().ok_or(GoldenError::Header)?;
        let [m0, m1, m2, m3, v0, v1, n0, n1] = *header;
        let count = u16::from_le_bytes([n0, n1]);
        if [m0, m1, m2, m3] != MAGIC || u16::from_le_bytes([v0, v1]) != VERSION || count == 0 {
            return Err(GoldenError::Header);
        }
        let (inputs, outputs) = (io_bytes(program, program.inputs()), io_bytes(program, program.outputs()));
        // Both are within the arena, which is shorter than 2^31 bytes.
        let stride = inputs.saturating_add(outputs) as usize;
        if stride == 0 || stride.checked_mul(count.into()) != Some(vectors.len()) {
            return Err(GoldenError::Length { count, inputs, outputs, found: vectors.len() });
        }
        Ok(Golden { count, input_bytes: inputs as usize, stride, vectors })
    }

    /// How many vectors there are.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The vectors, in the order in which they must be run.
    pub fn vectors(&self) -> impl ExactSizeIterator<Item = Vector<'g>> + use<'g> {
        let input_bytes = self.input_bytes;
        self.vectors.chunks_exact(self.stride.max(1)).map(move |vector| {
            let (inputs, outputs) = vector.split_at_checked(input_bytes).unwrap_or_default();
            Vector { inputs, outputs }
        })
    }
}

fn io_bytes<'p>(program: &Program<'p>, ios: impl Iterator<Item = Io<'p>>) -> u32 {
    ios.map(|io| program.tensor(io.tensor).map_or(0, |tensor| tensor.byte_length)).fold(0, u32::saturating_add)
}

/// Writes golden vectors: of each, all inputs and then all outputs. `None` where there are none, or more than 65,535.
#[cfg(feature = "alloc")]
pub fn write_golden(vectors: &[(&[u8], &[u8])]) -> Option<alloc::vec::Vec<u8>> {
    let count = u16::try_from(vectors.len()).ok().filter(|count| *count > 0)?;
    let mut bytes = alloc::vec::Vec::from(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    for (inputs, outputs) in vectors {
        bytes.extend(inputs.iter().chain(*outputs));
    }
    Some(bytes)
}
