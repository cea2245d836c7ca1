//! The product of rows of x with packed weights, tile by tile.

use edge_format::Packing;

use super::gemm::{Block, Job, MAX_PIXELS, Segments};
use super::vector::{Channels, LANES, Range, SMALL, Vector};
use crate::kernel::requantize::Requantize;

/// Rows at regular distances: those that the windows of an image's pixels begin at.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a> {
    pub(super) x: &'a [i8],
    /// Whether x is as [`Vector::x`] makes it.
    pub(super) is_flipped: bool,
    /// Where the first row begins.
    pub(super) first: usize,
    /// Pixels in a line of the image, and the distance between their rows.
    pub(super) columns: usize,
    pub(super) step: usize,
    /// Lines of the image, and the distance between the rows of their first pixels.
    pub(super) lines: usize,
    pub(super) line_step: usize,
    pub(super) segments: Segments,
}

/// Packed weights and what becomes of the sums, for some output channels that have their constants prepared.
pub(super) struct Product<'a, V: Vector> {
    /// Of these channels, group by group.
    weights: &'a [[i8; Packing::GROUP_BYTES]],
    /// Groups of a block.
    groups: usize,
    blocks: &'a [Block<V>],
    range: Range,
    /// Output channels.
    channels: usize,
    /// Elements between pixels of the output.
    output_stride: usize,
}

/// Packed weights of an op.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) packing: Packing,
    pub(super) bytes: &'a [[i8; Packing::GROUP_BYTES]],
    /// Groups of a block.
    pub(super) groups: usize,
}

impl<'a, V: Vector> Product<'a, V> {
    /// Prepares the constants of at most `channels` output channels from the `first` on, which is a multiple of sixteen: as many as there
    /// is room for.
    #[inline(always)]
    pub(super) fn new(
        v: V,
        weights: Weights<'a>,
        requantize: &Requantize<'_>,
        first: usize,
        channels: usize,
        room: &'a mut [Block<V>],
    ) -> Option<Self> {
        let Weights { packing, bytes, groups } = weights;
        let channels = channels.min(room.len() * LANES);
        let blocks = room.get_mut(..channels.div_ceil(LANES))?;
        let bytes = bytes.get(first / LANES * groups..)?.get(..blocks.len() * groups)?;
        for (index, block) in blocks.iter_mut().enumerate() {
            let at = index * LANES;
            let count = (channels - at).min(LANES);
            let mut constants = requantize.channels(first + at, count)?;
            if packing.x_offset() != V::X_OFFSET {
                move_offset(&mut constants, V::X_OFFSET - packing.x_offset(), bytes.get(index * groups..)?.get(..groups)?);
            }
            if V::HAS_PAIRS && count <= LANES / 2 {
                constants.repeat_half();
            }
            block.set(v, &constants, requantize, groups);
        }
        Some(Self { weights: bytes, groups, blocks, range: requantize.range(), channels, output_stride: requantize.bias.len() })
    }

    /// Output channels.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Computes these channels of all pixels; `output` begins with the first one.
    #[inline(always)]
    pub(super) fn run(&self, v: V, grid: &Grid<'_>, output: &mut [i8]) -> Option<()> {
        let pixels = grid.lines * grid.columns;
        let are_pairs = V::HAS_PAIRS && pixels > 1 && self.channels <= LANES / 2;
        let tile = if are_pairs { [MAX_PIXELS, 1] } else { V::tile(pixels, self.blocks.len()) };
        let mut job = Job {
            x: grid.x,
            is_flipped: grid.is_flipped,
            starts: [0; MAX_PIXELS],
            pixels: 0,
            segments: grid.segments,
            weights: self.weights,
            groups: self.groups,
            blocks: self.blocks,
            range: self.range,
            columns: self.channels,
            output_stride: self.output_stride,
        };
        let (mut line, mut start, mut column) = (grid.first, grid.first, 0);
        let mut pixel = 0;
        while pixel < pixels {
            job.pixels = tile[0].min(pixels - pixel);
            if column + tile[0] < grid.columns {
                for slot in job.starts.iter_mut().take(tile[0]) {
                    *slot = start;
                    start += grid.step;
                }
                column += tile[0];
            } else {
                let mut last = start;
                for (index, slot) in job.starts.iter_mut().enumerate().take(tile[0]) {
                    if index < job.pixels {
                        last = start;
                        (start, column) = (start + grid.step, column + 1);
                        if column == grid.columns {
                            line += grid.line_step;
                            (start, column) = (line, 0);
                        }
                    }
                    *slot = last;
                }
            }
            let rows = if job.pixels == 1 { 1 } else { tile[0] };
            let mut block = 0;
            while block < self.blocks.len() {
                let count = tile[1].min(self.blocks.len() - block);
                job.weights = self.weights.get(block * self.groups..)?;
                job.blocks = self.blocks.get(block..)?;
                job.columns = self.channels - block * LANES;
                let output = output.get_mut(pixel * self.output_stride + block * LANES..)?;
                if are_pairs {
                    v.pairs(&job, output)?
                } else {
                    v.product(&job, output, [rows, count])?
                }
                block += count;
            }
            pixel += job.pixels;
        }
        Some(())
    }
}

impl<V: Vector> Block<V> {
    /// Constants that mean nothing.
    #[inline(always)]
    pub(super) fn empty() -> Self {
        Self { bias: [0; LANES], scales: V::NO_SCALES }
    }

    /// Prepares the constants of channels whose sums are of this many groups of four products.
    // In place: blocks are large.
    #[inline(always)]
    pub(super) fn set(&mut self, v: V, constants: &Channels, requantize: &Requantize<'_>, groups: usize) {
        // Of magnitudes below 2^8 and up to 2^7.
        let products = i32::try_from(groups).unwrap_or(i32::MAX).saturating_mul(4 << 15);
        let limit = SMALL.saturating_sub(products).max(0).cast_unsigned();
        let are_small = constants.bias.iter().fold(true, |are_small, bias| are_small & (bias.unsigned_abs() < limit));
        self.bias = constants.bias;
        self.scales = v.scales(constants, requantize.output.zero_point, are_small);
    }
}

/// Makes up, in the bias, for what is not subtracted from x.
pub(super) fn move_offset(channels: &mut Channels, by: i32, weights: &[[i8; Packing::GROUP_BYTES]]) {
    let mut sums = [0i32; LANES];
    for group in weights {
        for (sum, weights) in sums.iter_mut().zip(group.as_chunks::<4>().0) {
            *sum = weights.iter().fold(*sum, |sum, &weight| sum.wrapping_add(weight.into()));
        }
    }
    for (bias, sum) in channels.bias.iter_mut().zip(sums) {
        *bias = bias.wrapping_add(by.wrapping_mul(sum));
    }
}

impl Requantize<'_> {
    /// The constants of at most sixteen channels.
    #[inline(always)]
    pub(super) fn channels(&self, first: usize, count: usize) -> Option<Channels> {
        let mut channels = Channels::ZERO;
        copy(&mut channels.bias, self.bias.get(first..)?, count)?;
        copy(&mut channels.multiplier_q31, self.multiplier_q31.get(first..)?, count)?;
        copy(&mut channels.shift, self.shift.get(first..)?, count)?;
        Some(channels)
    }

    pub(super) fn range(&self) -> Range {
        Range { least: self.activation.0 as i8, greatest: self.activation.1 as i8 }
    }
}

/// Copies as many words as there are channels: mostly all.
#[inline(always)]
fn copy(to: &mut [i32; LANES], from: &[i32], count: usize) -> Option<()> {
    match from.first_chunk() {
        Some(from) if count == LANES => *to = *from,
        _ => to.iter_mut().zip(from.get(..count)?).for_each(|(to, &from)| *to = from),
    }
    Some(())
}
