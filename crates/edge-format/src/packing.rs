//! Weights as vector kernels read them: rows in blocks of sixteen, columns in groups of four.

use crate::shape::Shape;

/// Rows of a block: as many accumulators of 32 bits as a vector of 512 has.
const BLOCK_ROWS: usize = 16;

/// Columns of a group: what one dot-product instruction adds up per accumulator.
const GROUP_COLUMNS: usize = 4;

/// How the int8 weights of an op are packed, and how its bias has been prepared for it.
///
/// The weights are a [`Matrix`]. Its rows come in blocks of 16 and the columns of each run in groups of 4, both filled up with
/// zeros; the bytes of a block follow each other group by group, within a group row by row:
///
/// ```text
/// block 0:  row 0 columns 0-3, row 1 columns 0-3, .. row 15 columns 0-3,   row 0 columns 4-7, ..
/// block 1:  row 16 columns 0-3, ..
/// ```
///
/// An op with such weights computes `bias + sum((x - x_offset) * weight)` where with plain ones it subtracts x's zero point;
/// its bias makes up for the difference. Elements outside of x have x's zero point. A filter of a depthwise convolution has its
/// channels first when it is packed: `[channels, height, width, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Packing {
    /// For instructions that multiply unsigned by signed bytes (x86-64's VNNI): an `x_offset` of -128.
    InterleavedU8 = 4,
    /// For instructions that multiply signed bytes (AArch64's dot product): an `x_offset` of 0.
    InterleavedI8 = 5,
}

impl Packing {
    /// Bytes of a group of columns in a block of rows.
    pub const GROUP_BYTES: usize = BLOCK_ROWS * GROUP_COLUMNS;

    /// Most columns of a matrix that is packed, filled up to whole groups: kernels keep a row of x together on the stack.
    pub const MAX_COLUMNS: usize = 1 << 15;

    /// The packing of a code of a tensor's place in the file.
    #[cfg_attr(not(target_os = "none"), inline)]
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

    /// Groups of four that a run of this many columns takes.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub const fn groups(columns: usize) -> usize {
        columns.div_ceil(GROUP_COLUMNS)
    }

    /// Blocks of sixteen that this many rows take.
    pub const fn blocks(rows: usize) -> usize {
        rows.div_ceil(BLOCK_ROWS)
    }
}

/// Weights as a matrix: a row per index of the tensor's first axis, with the elements of the others.
///
/// Where there are four axes, as in a filter `[out, height, width, in]`, those of the last two are a run: what lies in one piece in an
/// image. Otherwise the row is one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Runs of a row.
    pub runs: usize,
    /// Columns of a run.
    pub run: usize,
}

impl Matrix {
    /// The matrix of a tensor of this shape; a scalar has none.
    pub fn of(shape: &Shape) -> Option<Self> {
        let as_usize = |dims: &[u32]| dims.iter().product::<u32>() as usize;
        match shape.dims() {
            &[rows, runs, ref run @ ..] if run.len() == 2 => Some(Self { rows: rows as usize, runs: runs as usize, run: as_usize(run) }),
            &[rows, ref run @ ..] => Some(Self { rows: rows as usize, runs: 1, run: as_usize(run) }),
            [] => None,
        }
    }

    /// Groups of a row.
    pub const fn groups(&self) -> usize {
        self.runs * Packing::groups(self.run)
    }

    /// Whether it can be packed as the weights of this many groups of a convolution: rows are not too long, and no block of them belongs
    /// to two groups.
    pub const fn fits(&self, groups: usize) -> bool {
        self.groups() <= Packing::MAX_COLUMNS / GROUP_COLUMNS
            && (groups == 1 || self.rows.is_multiple_of(groups.saturating_mul(BLOCK_ROWS)))
    }

    /// Length in bytes when it is packed.
    pub const fn byte_length(&self) -> u64 {
        (Packing::blocks(self.rows) as u64 * self.groups() as u64) << Packing::GROUP_BYTES.ilog2()
    }

    /// Where a column of a run of a row is.
    pub const fn index(&self, row: usize, run: usize, column: usize) -> usize {
        let group = row / BLOCK_ROWS * self.groups() + run * Packing::groups(self.run) + column / GROUP_COLUMNS;
        group * Packing::GROUP_BYTES + row % BLOCK_ROWS * GROUP_COLUMNS + column % GROUP_COLUMNS
    }

    /// The first byte beyond the elements that is not zero, with its place.
    pub(crate) fn padding(&self, bytes: &[u8]) -> Option<(usize, u8)> {
        let row_groups = self.groups();
        // The rows that are left from the group's block on, the columns from the group on, and the groups before it in its row.
        let (mut rows, mut columns, mut before) = (self.rows, self.run, 0);
        for (group, bytes) in bytes.as_chunks::<{ Packing::GROUP_BYTES }>().0.iter().enumerate() {
            // Nearly all groups are full.
            if rows < BLOCK_ROWS || columns < GROUP_COLUMNS {
                let is_padding = |at: usize| at / GROUP_COLUMNS >= rows || at % GROUP_COLUMNS >= columns;
                let found = bytes.iter().enumerate().find(|&(at, &byte)| byte != 0 && is_padding(at));
                if let Some((at, &byte)) = found {
                    return Some((group * Packing::GROUP_BYTES + at, byte));
                }
            }
            columns = if columns > GROUP_COLUMNS { columns - GROUP_COLUMNS } else { self.run };
            before += 1;
            if before == row_groups {
                (rows, before) = (rows.saturating_sub(BLOCK_ROWS), 0);
            }
        }
        None
    }

    /// Packs weights that lie row by row, as many rows as are there.
    #[cfg(feature = "alloc")]
    pub fn pack(&self, weights: &[i8]) -> alloc::vec::Vec<u8> {
        let mut packed = alloc::vec![0; self.byte_length() as usize];
        for (row, weights) in weights.chunks_exact((self.runs * self.run).max(1)).enumerate() {
            for (run, weights) in weights.chunks_exact(self.run.max(1)).enumerate() {
                for (column, weight) in weights.iter().enumerate() {
                    packed[self.index(row, run, column)] = weight.cast_unsigned();
                }
            }
        }
        packed
    }
}
