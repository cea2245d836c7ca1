//! AArch64: vectors of four words, with or without the instruction that adds four products to each.

#![allow(unsafe_code)]

use core::arch::aarch64::*;
use core::arch::asm;

use super::depthwise_conv2d::{Block, Target};
use super::gemm::{self, Job};
use super::vector::{Channels, LANES, Range, Vector};

/// Every AArch64 processor's vectors.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Self> {
        super::detect!("neon").then_some(Self(()))
    }
}

/// The dot product instructions, found on this machine.
#[derive(Clone, Copy)]
pub(super) struct Dotprod(Neon);

impl Dotprod {
    pub(super) fn detect() -> Option<Self> {
        if super::detect!("dotprod") { Neon::detect().map(Self) } else { None }
    }
}

#[target_feature(enable = "neon")]
#[inline(never)]
fn product<const PIXELS: usize, const BLOCKS: usize>(v: Neon, job: &Job<'_>, output: &mut [i8]) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS>(v, job, output)
}

#[target_feature(enable = "neon")]
#[inline(never)]
fn depthwise<const ROWS: usize, const COLUMNS: usize>(v: Neon, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
    block.run::<_, ROWS, COLUMNS>(v, target)
}

#[target_feature(enable = "neon,dotprod")]
#[inline(never)]
fn dotprod_product<const PIXELS: usize, const BLOCKS: usize>(v: Dotprod, job: &Job<'_>, output: &mut [i8]) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS>(v, job, output)
}

/// Sixteen words.
type Words = [int32x4_t; 4];

/// Multipliers and shifts of sixteen channels.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    multiplier: Words,
    left: Words,
    /// Shifts to the right, as negative ones to the left.
    right: Words,
}

impl Vector for Neon {
    const X_OFFSET: i32 = 0;

    type Words = Words;
    /// Of each row two sums, of even and of odd pairs of columns; two rows in a vector.
    type Dots = [int32x4_t; 8];
    type Weights = [int8x16_t; 4];
    type X = int8x8_t;
    type Wide = [int16x8_t; 2];
    type Tap = [int16x8_t; 2];
    type Scales = Scales;

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        [pixels.min(2), 1]
    }

    #[inline(always)]
    fn run(self, job: &Job<'_>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has NEON.
        unsafe { if tile[0] == 1 { product::<1, 1>(self, job, output) } else { product::<2, 1>(self, job, output) } }
    }

    #[inline(always)]
    fn depthwise<const ROWS: usize, const COLUMNS: usize>(self, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
        // SAFETY: the machine has NEON.
        unsafe { depthwise::<ROWS, COLUMNS>(self, block, target) }
    }

    #[inline(always)]
    fn words(self, words: &[i32; LANES]) -> Words {
        let at = words.as_ptr();
        // SAFETY: the machine has NEON, and the four loads are of all words.
        unsafe { [vld1q_s32(at), vld1q_s32(at.add(4)), vld1q_s32(at.add(8)), vld1q_s32(at.add(12))] }
    }

    #[inline(always)]
    fn start(self, [a, b, c, d]: Words) -> [int32x4_t; 8] {
        // SAFETY: the machine has NEON.
        unsafe {
            let zero = vdupq_n_s32(0);
            [
                vzip1q_s32(a, zero),
                vzip2q_s32(a, zero),
                vzip1q_s32(b, zero),
                vzip2q_s32(b, zero),
                vzip1q_s32(c, zero),
                vzip2q_s32(c, zero),
                vzip1q_s32(d, zero),
                vzip2q_s32(d, zero),
            ]
        }
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [int8x16_t; 4] {
        let at = weights.as_ptr();
        // SAFETY: the machine has NEON, and the four loads are of all weights.
        unsafe { [vld1q_s8(at), vld1q_s8(at.add(16)), vld1q_s8(at.add(32)), vld1q_s8(at.add(48))] }
    }

    #[inline(always)]
    fn x(self, x: [i8; 4]) -> int8x8_t {
        // SAFETY: the machine has NEON.
        unsafe { vreinterpret_s8_s32(vdup_n_s32(i32::from_ne_bytes(x.map(i8::cast_unsigned)))) }
    }

    #[inline(always)]
    fn dot(self, s: [int32x4_t; 8], x: int8x8_t, [a, b, c, d]: [int8x16_t; 4]) -> [int32x4_t; 8] {
        [
            self.pairs(s[0], x, vget_low(a)),
            self.pairs(s[1], x, vget_high(a)),
            self.pairs(s[2], x, vget_low(b)),
            self.pairs(s[3], x, vget_high(b)),
            self.pairs(s[4], x, vget_low(c)),
            self.pairs(s[5], x, vget_high(c)),
            self.pairs(s[6], x, vget_low(d)),
            self.pairs(s[7], x, vget_high(d)),
        ]
    }

    #[inline(always)]
    fn sums(self, s: [int32x4_t; 8]) -> Words {
        // SAFETY: the machine has NEON.
        unsafe { [vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3]), vpaddq_s32(s[4], s[5]), vpaddq_s32(s[6], s[7])] }
    }

    #[inline(always)]
    fn wide(self, x: &[i8; LANES]) -> [int16x8_t; 2] {
        // SAFETY: the machine has NEON, and the load is of all elements.
        unsafe {
            let x = vld1q_s8(x.as_ptr());
            [vmovl_s8(vget_low_s8(x)), vmovl_high_s8(x)]
        }
    }

    #[inline(always)]
    fn tap(self, tap: &[i16; LANES]) -> [int16x8_t; 2] {
        // SAFETY: the machine has NEON, and both loads are of all numbers.
        unsafe { [vld1q_s16(tap.as_ptr()), vld1q_s16(tap.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn multiply_add(self, [a, b, c, d]: Words, x: [int16x8_t; 2], tap: [int16x8_t; 2]) -> Words {
        // SAFETY: the machine has NEON.
        unsafe {
            [
                vmlal_s16(a, vget_low_s16(x[0]), vget_low_s16(tap[0])),
                vmlal_high_s16(b, x[0], tap[0]),
                vmlal_s16(c, vget_low_s16(x[1]), vget_low_s16(tap[1])),
                vmlal_high_s16(d, x[1], tap[1]),
            ]
        }
    }

    #[inline(always)]
    fn scales(self, channels: &Channels) -> Scales {
        let [a, b, c, d] = self.words(&channels.right);
        // SAFETY: the machine has NEON.
        let right = unsafe { [vnegq_s32(a), vnegq_s32(b), vnegq_s32(c), vnegq_s32(d)] };
        Scales { multiplier: self.words(&channels.multiplier_q31), left: self.words(&channels.left), right }
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> Words {
        let [low, high] = self.wide(x);
        // SAFETY: the machine has NEON.
        unsafe {
            let (zero_point, shift) = (vdupq_n_s32(zero_point), vdupq_n_s32(left_shift.cast_signed()));
            [
                vshlq_s32(vsubq_s32(vmovl_s16(vget_low_s16(low)), zero_point), shift),
                vshlq_s32(vsubq_s32(vmovl_high_s16(low), zero_point), shift),
                vshlq_s32(vsubq_s32(vmovl_s16(vget_low_s16(high)), zero_point), shift),
                vshlq_s32(vsubq_s32(vmovl_high_s16(high), zero_point), shift),
            ]
        }
    }

    #[inline(always)]
    fn add(self, a: Words, b: Words) -> Words {
        // SAFETY: the machine has NEON.
        unsafe { [vaddq_s32(a[0], b[0]), vaddq_s32(a[1], b[1]), vaddq_s32(a[2], b[2]), vaddq_s32(a[3], b[3])] }
    }

    #[inline(always)]
    fn subtract(self, a: Words, b: Words) -> Words {
        // SAFETY: the machine has NEON.
        unsafe { [vsubq_s32(a[0], b[0]), vsubq_s32(a[1], b[1]), vsubq_s32(a[2], b[2]), vsubq_s32(a[3], b[3])] }
    }

    #[inline(always)]
    fn rescale(self, s: Words, scales: &Scales) -> Words {
        let Scales { multiplier: m, left: l, right: r } = scales;
        [
            self.multiply(s[0], m[0], l[0], r[0]),
            self.multiply(s[1], m[1], l[1], r[1]),
            self.multiply(s[2], m[2], l[2], r[2]),
            self.multiply(s[3], m[3], l[3], r[3]),
        ]
    }

    #[inline(always)]
    fn requantize(self, sums: Words, scales: &Scales, range: &Range) -> [i8; LANES] {
        let [a, b, c, d] = self.rescale(sums, scales);
        let (a, b, c, d) = (self.confine(a, range), self.confine(b, range), self.confine(c, range), self.confine(d, range));
        let mut output = [0; LANES];
        // SAFETY: the machine has NEON, and the store is of 16 bytes.
        unsafe {
            let low = vcombine_s16(vmovn_s32(a), vmovn_s32(b));
            let high = vcombine_s16(vmovn_s32(c), vmovn_s32(d));
            vst1q_s8(output.as_mut_ptr(), vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
        }
        output
    }
}

impl Neon {
    /// Adds products of two rows by pairs of columns.
    #[inline(always)]
    fn pairs(self, sums: int32x4_t, x: int8x8_t, weights: int8x8_t) -> int32x4_t {
        // SAFETY: the machine has NEON.
        unsafe { vpadalq_s16(sums, vmull_s8(x, weights)) }
    }

    #[inline(always)]
    fn confine(self, q: int32x4_t, range: &Range) -> int32x4_t {
        // SAFETY: the machine has NEON.
        unsafe {
            let q = vminq_s32(vmaxq_s32(q, vdupq_n_s32(range.least)), vdupq_n_s32(range.greatest));
            vaddq_s32(q, vdupq_n_s32(range.zero_point))
        }
    }

    /// Four times [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier).
    #[inline(always)]
    fn multiply(self, x: int32x4_t, multiplier: int32x4_t, left: int32x4_t, right: int32x4_t) -> int32x4_t {
        // SAFETY: the machine has NEON.
        unsafe {
            let q = vqrdmulhq_s32(vshlq_s32(x, left), multiplier);
            // The shift rounds ties upwards: a negative number is made one less first, unless it is not shifted.
            let ties = vshrq_n_s32::<31>(vandq_s32(q, right));
            vrshlq_s32(vqaddq_s32(q, ties), right)
        }
    }
}

/// The lower half.
#[inline(always)]
fn vget_low(x: int8x16_t) -> int8x8_t {
    // SAFETY: every caller's machine has NEON.
    unsafe { vget_low_s8(x) }
}

/// The upper half.
#[inline(always)]
fn vget_high(x: int8x16_t) -> int8x8_t {
    // SAFETY: every caller's machine has NEON.
    unsafe { vget_high_s8(x) }
}

/// Everything but dot products is as without the instructions for them.
impl Vector for Dotprod {
    const X_OFFSET: i32 = 0;

    type Words = Words;
    type Dots = Words;
    type Weights = [int8x16_t; 4];
    type X = int8x16_t;
    type Wide = [int16x8_t; 2];
    type Tap = [int16x8_t; 2];
    type Scales = Scales;

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        [if pixels == 1 { 1 } else { 4 }, 1]
    }

    #[inline(always)]
    fn run(self, job: &Job<'_>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has the dot product instructions.
        unsafe { if tile[0] == 1 { dotprod_product::<1, 1>(self, job, output) } else { dotprod_product::<4, 1>(self, job, output) } }
    }

    #[inline(always)]
    fn depthwise<const ROWS: usize, const COLUMNS: usize>(self, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
        self.0.depthwise::<ROWS, COLUMNS>(block, target)
    }

    #[inline(always)]
    fn words(self, words: &[i32; LANES]) -> Words {
        self.0.words(words)
    }

    #[inline(always)]
    fn start(self, words: Words) -> Words {
        words
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [int8x16_t; 4] {
        self.0.weights(weights)
    }

    #[inline(always)]
    fn x(self, x: [i8; 4]) -> int8x16_t {
        // SAFETY: the machine has NEON.
        unsafe { vreinterpretq_s8_s32(vdupq_n_s32(i32::from_ne_bytes(x.map(i8::cast_unsigned)))) }
    }

    #[inline(always)]
    fn dot(self, [a, b, c, d]: Words, x: int8x16_t, w: [int8x16_t; 4]) -> Words {
        [self.four(a, x, w[0]), self.four(b, x, w[1]), self.four(c, x, w[2]), self.four(d, x, w[3])]
    }

    #[inline(always)]
    fn sums(self, sums: Words) -> Words {
        sums
    }

    #[inline(always)]
    fn wide(self, x: &[i8; LANES]) -> [int16x8_t; 2] {
        self.0.wide(x)
    }

    #[inline(always)]
    fn tap(self, tap: &[i16; LANES]) -> [int16x8_t; 2] {
        self.0.tap(tap)
    }

    #[inline(always)]
    fn multiply_add(self, sums: Words, x: [int16x8_t; 2], tap: [int16x8_t; 2]) -> Words {
        self.0.multiply_add(sums, x, tap)
    }

    #[inline(always)]
    fn scales(self, channels: &Channels) -> Scales {
        self.0.scales(channels)
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

    #[inline(always)]
    fn rescale(self, sums: Words, scales: &Scales) -> Words {
        self.0.rescale(sums, scales)
    }

    #[inline(always)]
    fn requantize(self, sums: Words, scales: &Scales, range: &Range) -> [i8; LANES] {
        self.0.requantize(sums, scales, range)
    }
}

impl Dotprod {
    /// Adds four products to each of four sums. The standard library's function for it is not stable yet.
    #[inline(always)]
    fn four(self, mut sums: int32x4_t, x: int8x16_t, weights: int8x16_t) -> int32x4_t {
        // SAFETY: the machine has the instruction, which touches nothing but its operands.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sums:v}.4s, {weights:v}.16b, {x:v}.16b",
                sums = inout(vreg) sums,
                weights = in(vreg) weights,
                x = in(vreg) x,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }
}
