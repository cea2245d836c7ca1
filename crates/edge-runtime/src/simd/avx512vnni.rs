//! x86-64 with AVX-512 and its VNNI: sixteen words in a vector, and an instruction that adds four products to each.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::depthwise_conv2d::{Block, Target};
use super::gemm::{self, Job};
use super::vector::{Channels, LANES, Range, Vector};

/// AVX-512 with VNNI, found on this machine.
#[derive(Clone, Copy)]
pub(super) struct Avx512Vnni(());

impl Avx512Vnni {
    pub(super) fn detect() -> Option<Self> {
        super::detect!("avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni").then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
fn product<const PIXELS: usize, const BLOCKS: usize>(v: Avx512Vnni, job: &Job<'_>, output: &mut [i8]) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS>(v, job, output)
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
fn depthwise<const ROWS: usize, const COLUMNS: usize>(v: Avx512Vnni, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
    block.run::<_, ROWS, COLUMNS>(v, target)
}

impl Vector for Avx512Vnni {
    /// The instruction takes x as unsigned: with its sign bit flipped, x is 128 more.
    const X_OFFSET: i32 = -128;

    type Words = __m512i;
    type Dots = __m512i;
    type Weights = __m512i;
    type X = __m512i;
    type Wide = __m512i;
    type Tap = __m512i;
    type Scales = Scales;

    fn tile(pixels: usize, blocks: usize) -> [usize; 2] {
        match (pixels, blocks) {
            (1, _) => [1, 4],
            (_, 1) => [8, 1],
            _ => [4, 4],
        }
    }

    #[inline(always)]
    fn run(self, job: &Job<'_>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has the features.
        unsafe {
            match tile {
                [1, 4] => product::<1, 4>(self, job, output),
                [1, 2] => product::<1, 2>(self, job, output),
                [1, _] => product::<1, 1>(self, job, output),
                [4, 4] => product::<4, 4>(self, job, output),
                [4, 2] => product::<4, 2>(self, job, output),
                [4, _] => product::<4, 1>(self, job, output),
                _ => product::<8, 1>(self, job, output),
            }
        }
    }

    #[inline(always)]
    fn depthwise<const ROWS: usize, const COLUMNS: usize>(self, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
        // SAFETY: the machine has the features.
        unsafe { depthwise::<ROWS, COLUMNS>(self, block, target) }
    }

    #[inline(always)]
    fn words(self, words: &[i32; LANES]) -> __m512i {
        // SAFETY: the machine has AVX-512, and the load is of all words.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn start(self, words: __m512i) -> __m512i {
        words
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> __m512i {
        // SAFETY: the machine has AVX-512, and the load is of all weights.
        unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) }
    }

    #[inline(always)]
    fn x(self, x: [i8; 4]) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_xor_si512(_mm512_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned))), _mm512_set1_epi8(i8::MIN)) }
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, x: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: the machine has VNNI.
        unsafe { _mm512_dpbusd_epi32(sums, x, weights) }
    }

    #[inline(always)]
    fn sums(self, sums: __m512i) -> __m512i {
        sums
    }

    #[inline(always)]
    fn wide(self, x: &[i8; LANES]) -> __m512i {
        // SAFETY: the machine has AVX-512, and the load is of all elements.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(x.as_ptr().cast())) }
    }

    #[inline(always)]
    fn tap(self, tap: &[i16; LANES]) -> __m512i {
        // The upper halves are zero, so that what they meet does not count.
        // SAFETY: the machine has AVX-512, and the load is of all numbers.
        unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(tap.as_ptr().cast())) }
    }

    #[inline(always)]
    fn multiply_add(self, sums: __m512i, x: __m512i, tap: __m512i) -> __m512i {
        // SAFETY: the machine has VNNI.
        unsafe { _mm512_dpwssd_epi32(sums, x, tap) }
    }

    #[inline(always)]
    fn scales(self, channels: &Channels) -> Scales {
        let (multiplier, left, right) = (self.words(&channels.multiplier_q31), self.words(&channels.left), self.words(&channels.right));
        // SAFETY: the machine has AVX-512.
        unsafe {
            let one = _mm512_set1_epi32(1);
            let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
            Scales {
                left,
                multiplier,
                odd_multiplier: _mm512_srli_epi64::<32>(multiplier),
                overflows: _mm512_cmpeq_epi32_mask(multiplier, _mm512_set1_epi32(i32::MIN)),
                right,
                mask,
                threshold: _mm512_srli_epi32::<1>(mask),
            }
        }
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe {
            _mm512_sll_epi32(_mm512_sub_epi32(self.wide(x), _mm512_set1_epi32(zero_point)), _mm_cvtsi32_si128(left_shift.cast_signed()))
        }
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_sub_epi32(a, b) }
    }

    #[inline(always)]
    fn rescale(self, x: __m512i, scales: &Scales) -> __m512i {
        let Scales { left, multiplier, odd_multiplier, overflows, right, mask, threshold } = *scales;
        // SAFETY: the machine has AVX-512.
        unsafe {
            let x = _mm512_sllv_epi32(x, left);
            let half = _mm512_set1_epi64(1 << 30);
            let even = _mm512_add_epi64(_mm512_mul_epi32(x, multiplier), half);
            let odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64::<32>(x), odd_multiplier), half);
            // The upper halves of odd products shifted left by one are those shifted right by 31.
            let q = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<31>(even), _mm512_slli_epi64::<1>(odd));
            // Only the square of the least number overflows.
            let overflows = _mm512_mask_cmpeq_epi32_mask(overflows, x, _mm512_set1_epi32(i32::MIN));
            let q = _mm512_mask_mov_epi32(q, overflows, _mm512_set1_epi32(i32::MAX));
            let threshold = _mm512_sub_epi32(threshold, _mm512_srai_epi32::<31>(q));
            let rounds_up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(q, mask), threshold);
            let q = _mm512_srav_epi32(q, right);
            _mm512_mask_add_epi32(q, rounds_up, q, _mm512_set1_epi32(1))
        }
    }

    #[inline(always)]
    fn requantize(self, x: __m512i, scales: &Scales, range: &Range) -> [i8; LANES] {
        let q = self.rescale(x, scales);
        let mut output = [0; LANES];
        // SAFETY: the machine has AVX-512, and the store is of 16 bytes.
        unsafe {
            let q = _mm512_min_epi32(_mm512_max_epi32(q, _mm512_set1_epi32(range.least)), _mm512_set1_epi32(range.greatest));
            let q = _mm512_cvtepi32_epi8(_mm512_add_epi32(q, _mm512_set1_epi32(range.zero_point)));
            _mm_storeu_si128(output.as_mut_ptr().cast(), q);
        }
        output
    }
}

/// Multipliers and shifts of sixteen channels, and what follows from them.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    left: __m512i,
    multiplier: __m512i,
    /// The odd multipliers, at even places.
    odd_multiplier: __m512i,
    /// Where the multiplier is the least number.
    overflows: __mmask16,
    right: __m512i,
    /// The bits that the shift to the right drops.
    mask: __m512i,
    /// What they must exceed to count.
    threshold: __m512i,
}
