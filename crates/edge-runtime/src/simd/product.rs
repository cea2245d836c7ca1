//! The product of rows of x with packed weights, tile by tile.

use edge_format::Packing;

use super::gemm::{Job, MAX_PIXELS, Segments};
use super::vector::{Channels, LANES, Range, Vector};
use crate::kernel::requantize::Requantize;

/// Blocks of sixteen output channels whose constants are prepared at once: few where no row is gathered anew for the next ones.
const BLOCKS: [usize; 2] = [4, 16];

/// Bytes that the gathered rows of a tile may take, in two sizes: the memory is cleared for each op.
const GATHERED_BYTES: [usize; 2] = [4 << 10, 40 << 10];

/// Elements beyond a gathered row that copies may spill into.
pub(super) const SPILL: usize = 16;

const _: () = assert!(Packing::MAX_COLUMNS + SPILL <= GATHERED_BYTES[1], "one row has room");

/// Where the rows of x that meet the weights are.
pub(super) trait Rows {
    /// A row.
    type Place: Copy;

    fn first(&self) -> Self::Place;
    fn next(&self, place: Self::Place) -> Self::Place;

    /// How a row lies in x, where it does.
    fn segments(&self) -> Option<Segments>;

    /// Where in x a row begins; `None` where it does not lie there as a whole.
    fn in_place(&self, place: Self::Place) -> Option<usize>;

    /// Copies a row together. There are [`SPILL`] elements more than it takes, for anything.
    fn gather(&self, place: Self::Place, row: &mut [i8]) -> Option<()>;
}

/// A product.
pub(super) struct Product<'a> {
    pub(super) x: &'a [i8],
    /// Number of rows.
    pub(super) pixels: usize,
    /// Elements of a row.
    pub(super) length: usize,
    pub(super) packing: Packing,
    pub(super) weights: &'a [[i8; Packing::GROUP_BYTES]],
    pub(super) requantize: &'a Requantize<'a>,
    /// The first output channel, a multiple of sixteen, and the number of them.
    pub(super) first: usize,
    pub(super) channels: usize,
    /// Elements between rows of the output.
    pub(super) output_stride: usize,
    /// Whether there may be rows that do not lie in x as a whole.
    pub(super) gathers: bool,
}

impl Product<'_> {
    /// Computes all rows; `output` begins with the first one.
    #[inline(always)]
    pub(super) fn run<V: Vector>(&self, v: V, rows: &impl Rows, output: &mut [i8]) -> Option<()> {
        let mut tile = V::tile(self.pixels, self.channels.div_ceil(LANES));
        let row_bytes = Packing::groups(self.length) * 4 + SPILL;
        if row_bytes * tile[0] > GATHERED_BYTES[1] {
            tile[0] = 1;
        }
        if !self.gathers {
            self.run_in(v, rows, tile, &mut [], &mut [Channels::ZERO; BLOCKS[0]], output)
        } else if row_bytes * tile[0] <= GATHERED_BYTES[0] {
            self.run_in(v, rows, tile, &mut [0; GATHERED_BYTES[0]], &mut [Channels::ZERO; BLOCKS[1]], output)
        } else {
            self.run_in(v, rows, tile, &mut [0; GATHERED_BYTES[1]], &mut [Channels::ZERO; BLOCKS[1]], output)
        }
    }

    #[inline(always)]
    fn run_in<V: Vector>(
        &self,
        v: V,
        rows: &impl Rows,
        tile: [usize; 2],
        buffer: &mut [i8],
        channels: &mut [Channels],
        output: &mut [i8],
    ) -> Option<()> {
        let groups = Packing::groups(self.length);
        let row_bytes = groups * 4 + SPILL;
        let end = self.first + self.channels;
        let mut first = self.first;
        while first < end {
            let blocks = (end - first).div_ceil(LANES).min(channels.len());
            let count = (end - first).min(blocks * LANES);
            let weights = self.weights.get(first / LANES * groups..)?.get(..blocks * groups)?;
            for (block, channels) in channels.iter_mut().enumerate().take(blocks) {
                let first = first + block * LANES;
                *channels = self.requantize.channels(first, (end - first).min(LANES))?;
                if self.packing.x_offset() != V::X_OFFSET {
                    let weights = weights.get(block * groups..)?.get(..groups)?;
                    move_offset(channels, V::X_OFFSET - self.packing.x_offset(), weights);
                }
            }

            let mut place = rows.first();
            let mut pixel = 0;
            while pixel < self.pixels {
                let pixels = tile[0].min(self.pixels - pixel);
                let (mut starts, mut segments) = ([0; MAX_PIXELS], rows.segments());
                let mut next = place;
                for start in starts.iter_mut().take(pixels) {
                    match rows.in_place(next) {
                        Some(found) if segments.is_some() => *start = found,
                        _ => segments = None,
                    }
                    next = rows.next(next);
                }
                if segments.is_none() {
                    for (index, start) in starts.iter_mut().enumerate().take(pixels) {
                        *start = index * row_bytes;
                        rows.gather(place, buffer.get_mut(*start..)?.get_mut(..row_bytes)?)?;
                        place = rows.next(place);
                    }
                }
                place = next;
                let last = *starts.get(pixels - 1)?;
                starts.iter_mut().skip(pixels).for_each(|start| *start = last);
                let (x, segments) = match segments {
                    Some(segments) => (self.x, segments),
                    None => (&*buffer, Segments::one(self.length)),
                };

                let mut block = 0;
                while block < blocks {
                    let tile = [tile[0], fit(tile[1], blocks - block)];
                    let job = Job {
                        x,
                        starts,
                        pixels,
                        segments,
                        weights: weights.get(block * groups..)?,
                        groups,
                        channels: channels.get(block..)?,
                        range: self.requantize.range(),
                        columns: count - block * LANES,
                        output_stride: self.output_stride,
                    };
                    v.run(&job, output.get_mut(pixel * self.output_stride + (first - self.first) + block * LANES..)?, tile)?;
                    block += tile[1];
                }
                pixel += pixels;
            }
            first += blocks * LANES;
        }
        Some(())
    }
}

/// The most blocks at once, of a power of two, when there are only this many.
#[inline(always)]
fn fit(most: usize, left: usize) -> usize {
    if most <= left { most } else { 1 << left.ilog2() }
}

/// Makes up, in the bias, for what is not subtracted from x.
fn move_offset(channels: &mut Channels, by: i32, weights: &[[i8; Packing::GROUP_BYTES]]) {
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
    pub(super) fn channels(&self, first: usize, count: usize) -> Option<Channels> {
        let mut channels = Channels::ZERO;
        channels.bias.get_mut(..count)?.copy_from_slice(self.bias.get(first..)?.get(..count)?);
        channels.multiplier_q31.get_mut(..count)?.copy_from_slice(self.multiplier_q31.get(first..)?.get(..count)?);
        let shifts = channels.left.iter_mut().zip(&mut channels.right).zip(self.shift.get(first..)?.get(..count)?);
        for ((left, right), &shift) in shifts {
            if !crate::arith::SHIFTS.contains(&shift) {
                return None;
            }
            (*left, *right) = (shift.max(0), (-shift).max(0));
        }
        Some(channels)
    }

    pub(super) fn range(&self) -> Range {
        let zero_point = self.output.zero_point;
        Range { zero_point, least: self.activation.0 - zero_point, greatest: self.activation.1 - zero_point }
    }
}
