//! Vectors without an instruction set: what every machine can run, and the plainest form of what others must compute.

use super::depthwise_conv2d::{Block, Target};
use super::gemm::{self, Job};
use super::vector::{Channels, LANES, Range, Vector};
use crate::arith::{rounding_divide_by_pot, saturating_rounding_doubling_high_mul};

/// No instruction set.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Vector for Portable {
    const X_OFFSET: i32 = 0;

    type Words = [i32; LANES];
    type Dots = [i32; LANES];
    type Weights = [i8; 64];
    type X = [i8; 4];
    type Wide = [i16; LANES];
    type Tap = [i16; LANES];
    type Scales = Channels;

    fn tile(_pixels: usize, _blocks: usize) -> [usize; 2] {
        [1, 1]
    }

    #[inline(always)]
    fn run(self, job: &Job<'_>, output: &mut [i8], _tile: [usize; 2]) -> Option<()> {
        gemm::tile::<Self, 1, 1>(self, job, output)
    }

    fn depthwise<const ROWS: usize, const COLUMNS: usize>(self, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
        block.run::<Self, ROWS, COLUMNS>(self, target)
    }

    #[inline(always)]
    fn words(self, words: &[i32; LANES]) -> [i32; LANES] {
        *words
    }

    #[inline(always)]
    fn start(self, words: [i32; LANES]) -> [i32; LANES] {
        words
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [i8; 64] {
        *weights
    }

    #[inline(always)]
    fn x(self, x: [i8; 4]) -> [i8; 4] {
        x
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
    fn wide(self, x: &[i8; LANES]) -> [i16; LANES] {
        x.map(i16::from)
    }

    #[inline(always)]
    fn tap(self, tap: &[i16; LANES]) -> [i16; LANES] {
        *tap
    }

    #[inline(always)]
    fn multiply_add(self, mut sums: [i32; LANES], x: [i16; LANES], tap: [i16; LANES]) -> [i32; LANES] {
        for ((sum, x), tap) in sums.iter_mut().zip(x).zip(tap) {
            *sum = sum.wrapping_add(i32::from(x) * i32::from(tap));
        }
        sums
    }

    #[inline(always)]
    fn scales(self, channels: &Channels) -> Channels {
        *channels
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
    fn rescale(self, sums: [i32; LANES], scales: &Channels) -> [i32; LANES] {
        let Channels { multiplier_q31, left, right, .. } = scales;
        core::array::from_fn(|lane| {
            let raised = sums[lane].wrapping_shl(left[lane].cast_unsigned());
            rounding_divide_by_pot(saturating_rounding_doubling_high_mul(raised, multiplier_q31[lane]), right[lane].cast_unsigned())
        })
    }

    #[inline(always)]
    fn requantize(self, sums: [i32; LANES], scales: &Channels, range: &Range) -> [i8; LANES] {
        self.rescale(sums, scales).map(|q| (q.max(range.least).min(range.greatest) + range.zero_point) as i8)
    }
}
