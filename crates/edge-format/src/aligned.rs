//! Owned bytes that begin where the reader needs them to.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut, Range};

use crate::packing::Packing;

/// What the heap aligns: a part of [`ALIGNMENT`].
type Unit = u128;

/// More than a reader needs: vector kernels take packed weights by groups, and a group that does not begin at such a place lies in two cache
/// lines.
const ALIGNMENT: usize = Packing::GROUP_BYTES;

/// Bytes on the heap, aligned for [`Program::parse`](crate::Program::parse).
///
/// A `Vec<u8>` promises no alignment; on a host, a file that was read goes through here.
#[derive(Debug)]
pub struct AlignedBytes {
    units: Vec<Unit>,
    /// Units before the first that lies at a multiple of [`ALIGNMENT`].
    skipped: usize,
    length: usize,
}

impl AlignedBytes {
    /// Zeros, such as an arena can be made of.
    pub fn zeroed(length: usize) -> Self {
        let units = vec![0; (length + ALIGNMENT).div_ceil(size_of::<Unit>())];
        let skipped = units.as_ptr().addr().wrapping_neg() % ALIGNMENT / size_of::<Unit>();
        Self { units, skipped, length }
    }

    fn range(&self) -> Range<usize> {
        let start = self.skipped * size_of::<Unit>();
        start..start + self.length
    }
}

impl From<&[u8]> for AlignedBytes {
    fn from(bytes: &[u8]) -> Self {
        let mut aligned = Self::zeroed(bytes.len());
        aligned.copy_from_slice(bytes);
        aligned
    }
}

impl Clone for AlignedBytes {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for AlignedBytes {}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.units)[self.range()]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        let range = self.range();
        &mut bytemuck::cast_slice_mut(&mut self.units)[range]
    }
}
