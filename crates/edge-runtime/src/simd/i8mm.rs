//! AArch64 with the matrix instructions: two rows of eight columns by two others at once. What is not a product of matrices is as with the dot
//! product instructions.

#![allow(unsafe_code)]

use core::arch::aarch64::*;
use core::arch::asm;

use super::gemm::{Job, Segments};
use super::neon::{Dotprod, Scales, Words};
use super::vector::{Channels, LANES, Range, Vector, functions_of_their_own, unrolled};

/// The matrix instructions, found on this machine.
#[derive(Clone, Copy)]
pub(super) struct I8mm(Dotprod);

/// Pixels of a tile, of which each instruction takes two.
const PIXELS: usize = 4;

impl I8mm {
    pub(super) fn detect() -> Option<Self> {
        if super::detect!("i8mm") { Dotprod::detect().map(Self) } else { None }
    }

    /// Adds to two rows of two sums the products of two rows of x with two of weights. The standard library's function for it is not stable
    /// yet.
    #[inline(always)]
    fn multiply(self, mut sums: int32x4_t, x: int8x16_t, weights: int8x16_t) -> int32x4_t {
        // SAFETY: the machine has the instruction, which touches nothing but its operands.
        unsafe {
            asm!(
                ".arch_extension i8mm",
                "smmla {sums:v}.4s, {x:v}.16b, {weights:v}.16b",
                sums = inout(vreg) sums,
                x = in(vreg) x,
                weights = in(vreg) weights,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }

    /// Eight columns of two adjacent pixels; of the last group of a run four, and zeros behind them.
    #[inline(always)]
    fn x(self, x: &[&[i8]; PIXELS], pair: usize, at: usize, is_whole: bool) -> Option<int8x16_t> {
        let (even, odd) = (x.get(2 * pair)?.get(at..)?, x.get(2 * pair + 1)?.get(at..)?);
        // SAFETY: the machine has NEON, and the loads are of all bytes.
        unsafe {
            Some(if is_whole {
                let (even, odd): (&[i8; 8], &[i8; 8]) = (even.first_chunk()?, odd.first_chunk()?);
                vcombine_s8(vld1_s8(even.as_ptr()), vld1_s8(odd.as_ptr()))
            } else {
                let [even, odd] = [even, odd].map(<[i8]>::first_chunk::<4>);
                let words = [i32::from_ne_bytes(even?.map(i8::cast_unsigned)), 0, i32::from_ne_bytes(odd?.map(i8::cast_unsigned)), 0];
                vreinterpretq_s8_s32(vld1q_s32(words.as_ptr()))
            })
        }
    }
}

/// Four pixels by a block, as [`gemm::tile`](super::gemm::tile).
#[target_feature(enable = "neon,dotprod,i8mm")]
#[inline(never)]
fn tile(v: I8mm, job: &Job<'_, I8mm>, output: &mut [i8]) -> Option<()> {
    let block = job.blocks.first()?;
    let span = job.segments.span();
    let mut x: [&[i8]; PIXELS] = [&[]; PIXELS];
    for (slot, &start) in x.iter_mut().zip(&job.starts) {
        *slot = job.x.get(start..)?.get(..span)?;
    }
    // Of each pair of pixels the sums of pairs of rows.
    // SAFETY: the function demands NEON, and the loads are within the words.
    let mut sums = unsafe {
        let bias = block.bias.as_ptr();
        let two = [0, 1, 2, 3, 4, 5, 6, 7].map(|pair: usize| {
            let pair = vld1_s32(bias.add(2 * pair));
            vcombine_s32(pair, pair)
        });
        [two; PIXELS / 2]
    };
    let Segments { rows, row_stride, runs, run_stride, groups } = job.segments;
    let mut weights = job.weights.get(..job.groups)?;
    for row in 0..rows {
        for run in 0..runs {
            let mut at = row * row_stride + run * run_stride;
            let mut left = groups;
            while left > 0 {
                let is_whole = left > 1;
                let (first, rest) = weights.split_first()?;
                let (second, rest) = if is_whole { rest.split_first()? } else { (first, rest) };
                weights = rest;
                let wide = [v.x(&x, 0, at, is_whole)?, v.x(&x, 1, at, is_whole)?];
                unrolled!(quarter below 4, {
                    // SAFETY: the function demands NEON, and the loads are of a quarter of each group.
                    let (low, high) = unsafe {
                        let (a, b) = (vld1q_s8(first.as_ptr().add(16 * quarter)), vld1q_s8(second.as_ptr().add(16 * quarter)));
                        let (a, b) = (vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b));
                        (vreinterpretq_s8_s32(vzip1q_s32(a, b)), vreinterpretq_s8_s32(vzip2q_s32(a, b)))
                    };
                    unrolled!(pair below PIXELS / 2, {
                        sums[pair][2 * quarter] = v.multiply(sums[pair][2 * quarter], wide[pair], low);
                        sums[pair][2 * quarter + 1] = v.multiply(sums[pair][2 * quarter + 1], wide[pair], high);
                    });
                });
                let taken = if is_whole { 2 } else { 1 };
                at += 4 * taken;
                left -= taken;
            }
        }
    }
    let columns = job.columns.min(LANES);
    unrolled!(pair below PIXELS / 2, {
        let s = sums[pair];
        let even = [lower(s[0], s[1]), lower(s[2], s[3]), lower(s[4], s[5]), lower(s[6], s[7])];
        let odd = [upper(s[0], s[1]), upper(s[2], s[3]), upper(s[4], s[5]), upper(s[6], s[7])];
        if 2 * pair < job.pixels {
            v.put(v.requantize(even, &block.scales, &job.range), output.get_mut(2 * pair * job.output_stride..)?, columns)?;
        }
        if 2 * pair + 1 < job.pixels {
            v.put(v.requantize(odd, &block.scales, &job.range), output.get_mut((2 * pair + 1) * job.output_stride..)?, columns)?;
        }
    });
    Some(())
}

/// The lower halves: sums of the first of two pixels.
#[target_feature(enable = "neon")]
#[inline]
fn lower(a: int32x4_t, b: int32x4_t) -> int32x4_t {
    vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)))
}

/// The upper halves: sums of the second one.
#[target_feature(enable = "neon")]
#[inline]
fn upper(a: int32x4_t, b: int32x4_t) -> int32x4_t {
    vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)))
}

impl Vector for I8mm {
    const X_OFFSET: i32 = 0;

    type Words = Words;
    type Dots = Words;
    type Weights = [int8x16_t; 4];
    type X = int8x16_t;
    type Quads = [uint32x4_t; 4];
    type Bytes = int8x16_t;
    type Scales = Scales;

    const NO_SCALES: Scales = Dotprod::NO_SCALES;

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        [if pixels == 1 { 1 } else { PIXELS }, 1]
    }

    #[inline(always)]
    fn product(self, job: &Job<'_, Self>, output: &mut [i8], tile_size: [usize; 2]) -> Option<()> {
        #[target_feature(enable = "neon,dotprod")]
        #[inline(never)]
        fn one(v: I8mm, job: &Job<'_, I8mm>, output: &mut [i8]) -> Option<()> {
            super::gemm::tile::<_, 1, 1, false>(v, job, output)
        }
        // SAFETY: the machine has the matrix instructions.
        unsafe { if tile_size[0] == 1 { one(self, job, output) } else { tile(self, job, output) } }
    }

    functions_of_their_own!(I8mm, "neon", "dotprod");

    #[inline(always)]
    fn start(self, words: &[i32; LANES]) -> Words {
        self.0.start(words)
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [int8x16_t; 4] {
        self.0.weights(weights)
    }

    #[inline(always)]
    fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> int8x16_t {
        self.0.x::<FLIPPED>(x)
    }

    #[inline(always)]
    fn dot(self, sums: Words, x: int8x16_t, weights: [int8x16_t; 4]) -> Words {
        self.0.dot(sums, x, weights)
    }

    #[inline(always)]
    fn sums(self, sums: Words) -> Words {
        sums
    }

    #[inline(always)]
    fn quads(self) -> [uint32x4_t; 4] {
        self.0.quads()
    }

    #[inline(always)]
    fn push(self, quads: [uint32x4_t; 4], x: &[i8; LANES]) -> [uint32x4_t; 4] {
        self.0.push(quads, x)
    }

    #[inline(always)]
    fn store(self, quads: [uint32x4_t; 4]) -> [i8; 64] {
        self.0.store(quads)
    }

    #[inline(always)]
    fn dot_quads(self, sums: Words, x: &[i8; 64], weights: [int8x16_t; 4]) -> Words {
        self.0.dot_quads(sums, x, weights)
    }

    #[inline(always)]
    fn scales(self, channels: &Channels, zero_point: i32, are_small: bool) -> Scales {
        self.0.scales(channels, zero_point, are_small)
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> Words {
        self.0.raised(x, zero_point, left_shift)
    }

    #[inline(always)]
    fn add(self, a: Words, b: Words) -> Words {
        self.0.add(a, b)
    }

    #[inline(always)]
    fn subtract(self, a: Words, b: Words) -> Words {
        self.0.subtract(a, b)
    }

    fn is_simple(scales: &Scales) -> bool {
        Dotprod::is_simple(scales)
    }

    #[inline(always)]
    fn rescale(self, sums: Words, scales: &Scales) -> Words {
        self.0.rescale(sums, scales)
    }

    #[inline(always)]
    fn rescale_any(self, sums: Words, scales: &Scales) -> Words {
        self.0.rescale_any(sums, scales)
    }

    #[inline(always)]
    fn requantize(self, sums: Words, scales: &Scales, range: &Range) -> int8x16_t {
        self.0.requantize(sums, scales, range)
    }

    #[inline(always)]
    fn requantize_any(self, sums: Words, scales: &Scales, range: &Range) -> int8x16_t {
        self.0.requantize_any(sums, scales, range)
    }

    #[inline(always)]
    fn put(self, q: int8x16_t, output: &mut [i8], channels: usize) -> Option<()> {
        self.0.put(q, output, channels)
    }
}
