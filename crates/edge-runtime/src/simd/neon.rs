//! AArch64: vectors of four words, with or without the instruction that adds four products to each.

#![allow(unsafe_code)]

use core::arch::aarch64::*;
use core::arch::asm;

use super::gemm::{self, Job};
use super::vector::{self, Channels, LANES, Range, Vector, functions_of_their_own};

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
fn product<const PIXELS: usize, const BLOCKS: usize>(v: Neon, job: &Job<'_, Neon>, output: &mut [i8]) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS, false>(v, job, output)
}

#[target_feature(enable = "neon,dotprod")]
#[inline(never)]
fn dotprod_product<const PIXELS: usize, const BLOCKS: usize>(v: Dotprod, job: &Job<'_, Dotprod>, output: &mut [i8]) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS, false>(v, job, output)
}

/// Sixteen words.
pub(super) type Words = [int32x4_t; 4];

/// Multipliers and shifts of sixteen channels.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    multiplier: Words,
    left: Words,
    /// Shifts to the right, as negative ones to the left.
    right: Words,
    zero_point: i32,
}

impl Vector for Neon {
    const X_OFFSET: i32 = 0;

    type Words = Words;
    /// Of each row two sums, of even and of odd pairs of columns; two rows in a vector.
    type Dots = [int32x4_t; 8];
    type Weights = [int8x16_t; 4];
    type X = int8x8_t;
    type Quads = [uint32x4_t; 4];
    type Bytes = int8x16_t;
    type Scales = Scales;

    // SAFETY: any bits are a vector.
    const NO_SCALES: Scales = unsafe { core::mem::zeroed() };

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        [pixels.min(2), 1]
    }

    #[inline(always)]
    fn product(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has NEON.
        unsafe { if tile[0] == 1 { product::<1, 1>(self, job, output) } else { product::<2, 1>(self, job, output) } }
    }

    functions_of_their_own!(Neon, "neon");

    #[inline(always)]
    fn start(self, words: &[i32; LANES]) -> [int32x4_t; 8] {
        let [a, b, c, d] = self.words(words);
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
    fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> int8x8_t {
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
    fn quads(self) -> [uint32x4_t; 4] {
        // SAFETY: the machine has NEON.
        unsafe { [vdupq_n_u32(0); 4] }
    }

    #[inline(always)]
    fn push(self, [a, b, c, d]: [uint32x4_t; 4], x: &[i8; LANES]) -> [uint32x4_t; 4] {
        // SAFETY: the machine has NEON, and the load is of all channels.
        unsafe {
            let x = vreinterpretq_u8_s8(vld1q_s8(x.as_ptr()));
            let (low, high) = (vmovl_u8(vget_low_u8(x)), vmovl_high_u8(x));
            [
                vorrq_u32(vshrq_n_u32::<8>(a), vshlq_n_u32::<24>(vmovl_u16(vget_low_u16(low)))),
                vorrq_u32(vshrq_n_u32::<8>(b), vshlq_n_u32::<24>(vmovl_high_u16(low))),
                vorrq_u32(vshrq_n_u32::<8>(c), vshlq_n_u32::<24>(vmovl_u16(vget_low_u16(high)))),
                vorrq_u32(vshrq_n_u32::<8>(d), vshlq_n_u32::<24>(vmovl_high_u16(high))),
            ]
        }
    }

    #[inline(always)]
    fn store(self, [a, b, c, d]: [uint32x4_t; 4]) -> [i8; 64] {
        let mut bytes = [0; 64];
        let at = bytes.as_mut_ptr();
        // SAFETY: the machine has NEON, and the four stores are of all bytes.
        unsafe {
            vst1q_s8(at, vreinterpretq_s8_u32(a));
            vst1q_s8(at.add(16), vreinterpretq_s8_u32(b));
            vst1q_s8(at.add(32), vreinterpretq_s8_u32(c));
            vst1q_s8(at.add(48), vreinterpretq_s8_u32(d));
        }
        bytes
    }

    #[inline(always)]
    fn dot_quads(self, s: [int32x4_t; 8], x: &[i8; 64], [a, b, c, d]: [int8x16_t; 4]) -> [int32x4_t; 8] {
        let x = self.weights(x);
        [
            self.pairs(s[0], vget_low(x[0]), vget_low(a)),
            self.pairs(s[1], vget_high(x[0]), vget_high(a)),
            self.pairs(s[2], vget_low(x[1]), vget_low(b)),
            self.pairs(s[3], vget_high(x[1]), vget_high(b)),
            self.pairs(s[4], vget_low(x[2]), vget_low(c)),
            self.pairs(s[5], vget_high(x[2]), vget_high(c)),
            self.pairs(s[6], vget_low(x[3]), vget_low(d)),
            self.pairs(s[7], vget_high(x[3]), vget_high(d)),
        ]
    }

    #[inline(always)]
    fn scales(self, channels: &Channels, zero_point: i32, _are_small: bool) -> Scales {
        let [a, b, c, d] = self.words(&channels.shift);
        // SAFETY: the machine has NEON.
        let (left, right) = unsafe {
            let zero = vdupq_n_s32(0);
            (
                [vmaxq_s32(a, zero), vmaxq_s32(b, zero), vmaxq_s32(c, zero), vmaxq_s32(d, zero)],
                [vminq_s32(a, zero), vminq_s32(b, zero), vminq_s32(c, zero), vminq_s32(d, zero)],
            )
        };
        Scales { multiplier: self.words(&channels.multiplier_q31), left, right, zero_point }
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> Words {
        // SAFETY: the machine has NEON, and the load is of all elements.
        unsafe {
            let x = vld1q_s8(x.as_ptr());
            let (low, high) = (vmovl_s8(vget_low_s8(x)), vmovl_high_s8(x));
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
        let Scales { multiplier: m, left: l, right: r, .. } = scales;
        [
            self.multiply(s[0], m[0], l[0], r[0]),
            self.multiply(s[1], m[1], l[1], r[1]),
            self.multiply(s[2], m[2], l[2], r[2]),
            self.multiply(s[3], m[3], l[3], r[3]),
        ]
    }

    fn is_simple(_scales: &Scales) -> bool {
        true
    }

    #[inline(always)]
    fn rescale_any(self, sums: Words, scales: &Scales) -> Words {
        self.rescale(sums, scales)
    }

    #[inline(always)]
    fn requantize(self, sums: Words, scales: &Scales, range: &Range) -> int8x16_t {
        let [a, b, c, d] = self.rescale(sums, scales);
        // SAFETY: the machine has NEON.
        unsafe {
            // What saturates is beyond any range.
            let zero_point = vdupq_n_s16(scales.zero_point as i16);
            let low = vqaddq_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)), zero_point);
            let high = vqaddq_s16(vcombine_s16(vqmovn_s32(c), vqmovn_s32(d)), zero_point);
            let q = vcombine_s8(vqmovn_s16(low), vqmovn_s16(high));
            vminq_s8(vmaxq_s8(q, vdupq_n_s8(range.least)), vdupq_n_s8(range.greatest))
        }
    }

    #[inline(always)]
    fn requantize_any(self, sums: Words, scales: &Scales, range: &Range) -> int8x16_t {
        self.requantize(sums, scales, range)
    }

    #[inline(always)]
    fn put(self, q: int8x16_t, output: &mut [i8], channels: usize) -> Option<()> {
        let mut bytes = [0; LANES];
        // SAFETY: the machine has NEON, and the store is of all bytes.
        unsafe { vst1q_s8(bytes.as_mut_ptr(), q) }
        vector::put(bytes, output, channels)
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
    fn words(self, words: &[i32; LANES]) -> Words {
        let at = words.as_ptr();
        // SAFETY: the machine has NEON, and the four loads are of all words.
        unsafe { [vld1q_s32(at), vld1q_s32(at.add(4)), vld1q_s32(at.add(8)), vld1q_s32(at.add(12))] }
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
    type Quads = [uint32x4_t; 4];
    type Bytes = int8x16_t;
    type Scales = Scales;

    const NO_SCALES: Scales = Neon::NO_SCALES;

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        [if pixels == 1 { 1 } else { 4 }, 1]
    }

    #[inline(always)]
    fn product(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has the dot product instructions.
        unsafe { if tile[0] == 1 { dotprod_product::<1, 1>(self, job, output) } else { dotprod_product::<4, 1>(self, job, output) } }
    }

    functions_of_their_own!(Dotprod, "neon", "dotprod");

    #[inline(always)]
    fn start(self, words: &[i32; LANES]) -> Words {
        self.0.words(words)
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [int8x16_t; 4] {
        self.0.weights(weights)
    }

    #[inline(always)]
    fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> int8x16_t {
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
    fn dot_quads(self, [a, b, c, d]: Words, x: &[i8; 64], w: [int8x16_t; 4]) -> Words {
        let x = self.weights(x);
        [self.four(a, x[0], w[0]), self.four(b, x[1], w[1]), self.four(c, x[2], w[2]), self.four(d, x[3], w[3])]
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

    #[inline(always)]
    fn rescale(self, sums: Words, scales: &Scales) -> Words {
        self.0.rescale(sums, scales)
    }

    fn is_simple(_scales: &Scales) -> bool {
        true
    }

    #[inline(always)]
    fn rescale_any(self, sums: Words, scales: &Scales) -> Words {
        self.0.rescale(sums, scales)
    }

    #[inline(always)]
    fn requantize(self, sums: Words, scales: &Scales, range: &Range) -> int8x16_t {
        self.0.requantize(sums, scales, range)
    }

    #[inline(always)]
    fn requantize_any(self, sums: Words, scales: &Scales, range: &Range) -> int8x16_t {
        self.0.requantize(sums, scales, range)
    }

    #[inline(always)]
    fn put(self, q: int8x16_t, output: &mut [i8], channels: usize) -> Option<()> {
        self.0.put(q, output, channels)
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
