//! Weights as vector kernels read them: rows in blocks of sixteen, columns in groups of four.

use core::num::NonZero;

use crate::shape::Shape;

/// Rows of a block: as many accumulators of 32 bits as a vector of 512 has.
const BLOCK_ROWS: usize = 16;

/// Columns of a group: what one dot-product instruction adds up per accumulator.
const GROUP_COLUMNS: usize = 4;

/// How the int8 matrix of an op's weights is packed, and how its bias has been prepared for it.
///
/// The matrix has a row per index of the tensor's first axis and a column per element of the others. Its rows come in
/// blocks of 16 and its columns in groups of 4, both filled up with zeros; the bytes of a block follow each other group by
/// group, within a group row by row:
///
/// ```text
/// block 0:  row 0 columns 0-3, row 1 columns 0-3, .. row 15 columns 0-3,   row 0 columns 4-7, ..
/// block 1:  row 16 columns 0-3, ..
/// ```
///
/// An op with such weights computes `bias + sum((x - x_offset) * weight)` where with plain ones it subtracts x's zero point;
/// its bias makes up for the difference. Elements outside of x have x's zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Packing {
    /// For instructions that multiply unsigned by signed bytes (x86-64's VNNI): an `x_offset` of -128.
    InterleavedU8 = 2,
    /// For instructions that multiply signed bytes (AArch64's dot product): an `x_offset` of 0.
    InterleavedI8 = 3,
}

impl Packing {
    /// Bytes of a group of columns in a block of rows.
    pub const GROUP_BYTES: usize = BLOCK_ROWS * GROUP_COLUMNS;

    /// The packing of a code of a tensor's place in the file.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Packing::InterleavedU8, Packing::InterleavedI8].into_iter().find(|&packing| packing as u8 == code)
    }

    /// What is subtracted from each element of x before it is multiplied.
    pub const fn x_offset(self) -> i32 {
        match self {
            Packing::InterleavedU8 => i8::MIN as i32,
            Packing::InterleavedI8 => 0,
        }
    }

    /// Most columns of a matrix that is packed: kernels keep a row of x together on the stack.
    pub const MAX_COLUMNS: usize = 1 << 15;

    /// Whether the weights of an op can be packed: rows that are not too long, and no block of them that belongs to two of the
    /// groups of a convolution.
    pub const fn fits([rows, columns]: [usize; 2], groups: usize) -> bool {
        columns <= Self::MAX_COLUMNS && (groups == 1 || rows.is_multiple_of(groups.saturating_mul(BLOCK_ROWS)))
    }

    /// Groups of four that a row of this many elements takes.
    pub const fn groups(columns: usize) -> usize {
        columns.div_ceil(GROUP_COLUMNS)
    }

    /// Blocks of sixteen that this many rows take.
    pub const fn blocks(rows: usize) -> usize {
        rows.div_ceil(BLOCK_ROWS)
    }

    /// Where an element of a matrix with this many columns is.
    pub const fn index(columns: usize, row: usize, column: usize) -> usize {
        let group = row / BLOCK_ROWS * Self::groups(columns) + column / GROUP_COLUMNS;
        group * Self::GROUP_BYTES + row % BLOCK_ROWS * GROUP_COLUMNS + column % GROUP_COLUMNS
    }

    /// Rows and columns of a tensor's matrix; a scalar has none.
    pub fn matrix(shape: &Shape) -> Option<[usize; 2]> {
        let (&rows, columns) = shape.dims().split_first()?;
        Some([rows as usize, columns.iter().product::<u32>() as usize])
    }

    /// Bytes of a matrix.
    pub(crate) fn byte_length([rows, columns]: [usize; 2]) -> u64 {
        Self::blocks(rows) as u64 * Self::groups(columns) as u64 * Self::GROUP_BYTES as u64
    }

    /// The first byte beyond a matrix's elements that is not zero, with its place.
    pub(crate) fn padding([rows, columns]: [usize; 2], bytes: &[u8]) -> Option<(usize, u8)> {
        let groups = NonZero::new(Self::groups(columns))?;
        let is_padding = |group: usize, at: usize| {
            let (row, column) = (group / groups * BLOCK_ROWS + at / GROUP_COLUMNS, group % groups * GROUP_COLUMNS + at % GROUP_COLUMNS);
            row >= rows || column >= columns
        };
        let full_blocks = rows / BLOCK_ROWS;
        for (group, bytes) in bytes.chunks(Self::GROUP_BYTES).enumerate() {
            // Nearly all groups are full.
            if group / groups < full_blocks && (group % groups + 1) * GROUP_COLUMNS <= columns {
                continue;
            }
            let found = bytes.iter().enumerate().find(|&(at, &byte)| byte != 0 && is_padding(group, at));
            if let Some((at, &byte)) = found {
                return Some((group * Self::GROUP_BYTES + at, byte));
            }
        }
        None
    }

    /// Packs a row-major matrix, of as many rows as are there.
    #[cfg(feature = "alloc")]
    pub fn pack(columns: usize, weights: &[i8]) -> alloc::vec::Vec<u8> {
        let rows = weights.len() / columns.max(1);
        let mut packed = alloc::vec![0; Self::byte_length([rows, columns]) as usize];
        for (row, weights) in weights.chunks_exact(columns.max(1)).enumerate() {
            for (column, weight) in weights.iter().enumerate() {
                packed[Self::index(columns, row, column)] = weight.cast_unsigned();
            }
        }
        packed
    }
}
