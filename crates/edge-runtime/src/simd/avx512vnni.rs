//! x86-64 with AVX-512 and its VNNI: sixteen words in a vector, and an instruction that adds four products to each.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

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

impl Vector for Avx512Vnni {
    /// The instruction takes x as unsigned: with its sign bit flipped, x is 128 more.
    const X_OFFSET: i32 = -128;

    type Words = __m512i;
    type Dots = __m512i;
    type Weights = __m512i;
    type X = __m512i;
    type Wide = __m512i;
    type Tap = __m512i;

    fn tile(pixels: usize, blocks: usize) -> [usize; 2] {
        match (pixels, blocks) {
            (1, _) => [1, 4],
            (_, 1) => [8, 1],
            _ => [4, 4],
        }
    }

    #[inline(always)]
    fn run(self, job: &Job<'_>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        match tile {
            [1, 4] => gemm::tile::<Self, 1, 4>(self, job, output),
            [1, 2] => gemm::tile::<Self, 1, 2>(self, job, output),
            [1, _] => gemm::tile::<Self, 1, 1>(self, job, output),
            [4, 4] => gemm::tile::<Self, 4, 4>(self, job, output),
            [4, 2] => gemm::tile::<Self, 4, 2>(self, job, output),
            [4, _] => gemm::tile::<Self, 4, 1>(self, job, output),
            _ => gemm::tile::<Self, 8, 1>(self, job, output),
        }
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
    fn wide_less(self, x: &[i8; LANES], zero_point: i16) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_sub_epi32(self.wide(x), _mm512_set1_epi32(zero_point.into())) }
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
    fn requantize(self, x: __m512i, channels: &Channels, range: &Range) -> [i8; LANES] {
        let (multiplier, left, right) = (self.words(&channels.multiplier_q31), self.words(&channels.left), self.words(&channels.right));
        let mut output = [0; LANES];
        // SAFETY: the machine has AVX-512, and the store is of 16 bytes.
        unsafe {
            let x = _mm512_sllv_epi32(x, left);
            let (half, min) = (_mm512_set1_epi64(1 << 30), _mm512_set1_epi32(i32::MIN));
            let even = _mm512_add_epi64(_mm512_mul_epi32(x, multiplier), half);
            let odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64::<32>(x), _mm512_srli_epi64::<32>(multiplier)), half);
            // The upper halves of odd products shifted left by one are those shifted right by 31.
            let q = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<31>(even), _mm512_slli_epi64::<1>(odd));
            // Only the square of the least number overflows, to itself.
            let overflows = _mm512_mask_cmpeq_epi32_mask(_mm512_cmpeq_epi32_mask(multiplier, min), x, min);
            let q = _mm512_mask_mov_epi32(q, overflows, _mm512_set1_epi32(i32::MAX));
            let one = _mm512_set1_epi32(1);
            let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
            let threshold = _mm512_sub_epi32(_mm512_srli_epi32::<1>(mask), _mm512_srai_epi32::<31>(q));
            let rounds_up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(q, mask), threshold);
            let q = _mm512_srav_epi32(q, right);
            let q = _mm512_mask_add_epi32(q, rounds_up, q, one);
            let q = _mm512_min_epi32(_mm512_max_epi32(q, _mm512_set1_epi32(range.least)), _mm512_set1_epi32(range.greatest));
            let q = _mm512_cvtepi32_epi8(_mm512_add_epi32(q, _mm512_set1_epi32(range.zero_point)));
            _mm_storeu_si128(output.as_mut_ptr().cast(), q);
        }
        output
    }
}
