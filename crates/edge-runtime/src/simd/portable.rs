//! Vectors without an instruction set: what every machine can run, and the plainest form of what others must compute.

use super::conv2d::Convolution;
use super::depthwise_conv2d::{Depthwise, Strip};
use super::gemm::{self, Job};
use super::vector::{self, Channels, LANES, Range, Vector};
use crate::arith::multiply_by_quantized_multiplier;

/// No instruction set.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Vector for Portable {
    const X_OFFSET: i32 = 0;

    type Words = [i32; LANES];
    type Dots = [i32; LANES];
    type Weights = [i8; 64];
    type X = [i8; 4];
    type Quads = [i8; 64];
    type Bytes = [i8; LANES];
    /// The channels and the zero point.
    type Scales = (Channels, i32);

    const NO_SCALES: (Channels, i32) = (Channels::ZERO, 0);

    fn tile(_pixels: usize, _blocks: usize) -> [usize; 2] {
        [1, 1]
    }

    #[inline(always)]
    fn product(self, job: &Job<'_, Self>, output: &mut [i8], _tile: [usize; 2]) -> Option<()> {
        gemm::tile::<Self, 1, 1, false>(self, job, output)
    }

    fn convolve<const ROOM: usize, const COPIED: usize>(self, op: &Convolution<'_>, output: &mut [i8]) -> Option<()> {
        op.run::<_, ROOM, COPIED>(self, output)
    }

    fn depthwise<const QUADS: usize>(self, op: &Depthwise<'_>, output: &mut [i8]) -> Option<()> {
        op.run::<_, QUADS>(self, output)
    }

    fn bring_together(self, strip: &Strip<'_, Self>, quads: &mut [[i8; 64]]) -> Option<()> {
        strip.bring_together(self, quads)
    }

    fn windows<const COUNT: usize>(self, strip: &Strip<'_, Self>, quads: &[[i8; 64]], columns: usize, output: &mut [i8]) -> Option<()> {
        strip.windows::<COUNT>(self, quads, columns, output)
    }

    #[inline(always)]
    fn start(self, words: &[i32; LANES]) -> [i32; LANES] {
        *words
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [i8; 64] {
        *weights
    }

    #[inline(always)]
    fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> [i8; 4] {
        *x
    }

    #[inline(always)]
    fn dot(self, mut sums: [i32; LANES], x: [i8; 4], weights: [i8; 64]) -> [i32; LANES] {
        for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<4>().0) {
            for (&x, &weight) in x.iter().zip(weights) {
                *sum = sum.wrapping_add(i32::from(x) * i32::from(weight));
            }
        }
        sums
    }

    #[inline(always)]
    fn sums(self, sums: [i32; LANES]) -> [i32; LANES] {
        sums
    }

    #[inline(always)]
    fn quads(self) -> [i8; 64] {
        [0; 64]
    }

    #[inline(always)]
    fn push(self, quads: [i8; 64], x: &[i8; LANES]) -> [i8; 64] {
        let mut pushed = [0; 64];
        let channels = pushed.as_chunks_mut::<4>().0.iter_mut().zip(quads.as_chunks::<4>().0);
        channels.zip(x).for_each(|((pushed, &[_, a, b, c]), &x)| *pushed = [a, b, c, x]);
        pushed
    }

    #[inline(always)]
    fn store(self, quads: [i8; 64]) -> [i8; 64] {
        quads
    }

    #[inline(always)]
    fn dot_quads(self, mut sums: [i32; LANES], x: &[i8; 64], weights: [i8; 64]) -> [i32; LANES] {
        for (sum, (x, weights)) in sums.iter_mut().zip(x.as_chunks::<4>().0.iter().zip(weights.as_chunks::<4>().0)) {
            for (&x, &weight) in x.iter().zip(weights) {
                *sum = sum.wrapping_add(i32::from(x) * i32::from(weight));
            }
        }
        sums
    }

    #[inline(always)]
    fn scales(self, channels: &Channels, zero_point: i32, _are_small: bool) -> (Channels, i32) {
        (*channels, zero_point)
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> [i32; LANES] {
        x.map(|x| i32::from(x).wrapping_sub(zero_point).wrapping_shl(left_shift))
    }

    #[inline(always)]
    fn add(self, a: [i32; LANES], b: [i32; LANES]) -> [i32; LANES] {
        core::array::from_fn(|lane| a[lane].wrapping_add(b[lane]))
    }

    #[inline(always)]
    fn subtract(self, a: [i32; LANES], b: [i32; LANES]) -> [i32; LANES] {
        core::array::from_fn(|lane| a[lane].wrapping_sub(b[lane]))
    }

    #[inline(always)]
    fn rescale(self, sums: [i32; LANES], (channels, _): &(Channels, i32)) -> [i32; LANES] {
        core::array::from_fn(|lane| multiply_by_quantized_multiplier(sums[lane], channels.multiplier_q31[lane], channels.shift[lane]))
    }

    fn is_simple(_scales: &(Channels, i32)) -> bool {
        true
    }

    #[inline(always)]
    fn requantize(self, sums: [i32; LANES], scales: &(Channels, i32), range: &Range) -> [i8; LANES] {
        let (least, greatest) = (i32::from(range.least), i32::from(range.greatest));
        self.rescale(sums, scales).map(|q| q.saturating_add(scales.1).max(least).min(greatest) as i8)
    }

    fn rescale_any(self, sums: [i32; LANES], scales: &(Channels, i32)) -> [i32; LANES] {
        self.rescale(sums, scales)
    }

    fn requantize_any(self, sums: [i32; LANES], scales: &(Channels, i32), range: &Range) -> [i8; LANES] {
        self.requantize(sums, scales, range)
    }

    #[inline(always)]
    fn put(self, q: [i8; LANES], output: &mut [i8], channels: usize) -> Option<()> {
        vector::put(q, output, channels)
    }
}
