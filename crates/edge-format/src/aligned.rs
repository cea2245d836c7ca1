//! Owned bytes that begin where the reader needs them to.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::layout::DATA_ALIGNMENT;

/// One unit of [`DATA_ALIGNMENT`] bytes whose type has that alignment.
type Unit = u128;
const _: () = assert!(size_of::<Unit>() == DATA_ALIGNMENT);

/// Bytes on the heap, aligned for [`Program::parse`](crate::Program::parse).
///
/// A `Vec<u8>` promises no alignment; on a host, a file that was read goes through here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignedBytes {
    units: Vec<Unit>,
    length: usize,
}

impl AlignedBytes {
    /// Zeros, such as an arena can be made of.
    pub fn zeroed(length: usize) -> Self {
        Self { units: vec![0; length.div_ceil(DATA_ALIGNMENT)], length }
    }
}

impl From<&[u8]> for AlignedBytes {
    fn from(bytes: &[u8]) -> Self {
        let mut aligned = Self::zeroed(bytes.len());
        aligned.copy_from_slice(bytes);
        aligned
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.units)[..self.length]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.units)[..self.length]
    }
}
