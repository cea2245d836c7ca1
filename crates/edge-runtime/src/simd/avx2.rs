//! x86-64 with AVX2: sixteen words in two vectors, dot products as sums of 16-bit products.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::gemm::{self, Job};
use super::vector::{Channels, LANES, Range, Vector};

/// AVX2, found on this machine.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        super::detect!("avx2").then_some(Self(()))
    }
}

impl Vector for Avx2 {
    const X_OFFSET: i32 = 0;

    type Words = [__m256i; 2];
    /// Of each row two sums, of even and of odd pairs of columns; four rows in a vector.
    type Dots = [__m256i; 4];
    type Weights = [__m256i; 4];
    type X = __m256i;
    type Wide = [__m256i; 2];
    type Tap = [__m256i; 2];

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        if pixels == 1 { [1, 2] } else { [2, 1] }
    }

    #[inline(always)]
    fn run(self, job: &Job<'_>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        match tile {
            [1, 2] => gemm::tile::<Self, 1, 2>(self, job, output),
            [1, _] => gemm::tile::<Self, 1, 1>(self, job, output),
            _ => gemm::tile::<Self, 2, 1>(self, job, output),
        }
    }

    #[inline(always)]
    fn words(self, words: &[i32; LANES]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2, and both loads are within the words.
        unsafe { [_mm256_loadu_si256(words.as_ptr().cast()), _mm256_loadu_si256(words.as_ptr().add(8).cast())] }
    }

    #[inline(always)]
    fn start(self, words: [__m256i; 2]) -> [__m256i; 4] {
        // SAFETY: the machine has AVX2.
        unsafe {
            let spread = |half| _mm256_cvtepu32_epi64(half);
            let [a, b] = words;
            [
                spread(_mm256_castsi256_si128(a)),
                spread(_mm256_extracti128_si256::<1>(a)),
                spread(_mm256_castsi256_si128(b)),
                spread(_mm256_extracti128_si256::<1>(b)),
            ]
        }
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [__m256i; 4] {
        // SAFETY: the machine has AVX2, and each load is of 16 of the 64 bytes.
        unsafe {
            let rows = |at| _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.as_ptr().add(at).cast()));
            [rows(0), rows(16), rows(32), rows(48)]
        }
    }

    #[inline(always)]
    fn x(self, x: [i8; 4]) -> __m256i {
        // SAFETY: the machine has AVX2.
        unsafe { _mm256_cvtepi8_epi16(_mm_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned)))) }
    }

    #[inline(always)]
    fn dot(self, mut sums: [__m256i; 4], x: __m256i, weights: [__m256i; 4]) -> [__m256i; 4] {
        for (sum, weights) in sums.iter_mut().zip(weights) {
            // SAFETY: the machine has AVX2.
            *sum = unsafe { _mm256_add_epi32(*sum, _mm256_madd_epi16(x, weights)) };
        }
        sums
    }

    #[inline(always)]
    fn sums(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2.
        unsafe {
            // Adding pairs works within halves: rows 0, 1, 4, 5 and 2, 3, 6, 7.
            let join = |a, b| _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(a, b));
            [join(a, b), join(c, d)]
        }
    }

    #[inline(always)]
    fn wide(self, x: &[i8; LANES]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2, and both loads are of 8 of the 16 bytes.
        unsafe {
            let words = |at| _mm256_cvtepi8_epi32(_mm_loadl_epi64(x.as_ptr().add(at).cast()));
            [words(0), words(8)]
        }
    }

    #[inline(always)]
    fn wide_less(self, x: &[i8; LANES], zero_point: i16) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2.
        self.wide(x).map(|x| unsafe { _mm256_sub_epi32(x, _mm256_set1_epi32(zero_point.into())) })
    }

    #[inline(always)]
    fn tap(self, tap: &[i16; LANES]) -> [__m256i; 2] {
        // The upper halves are zero, so that what they meet does not count.
        // SAFETY: the machine has AVX2, and both loads are of 8 of the 16 numbers.
        unsafe {
            let words = |at| _mm256_cvtepu16_epi32(_mm_loadu_si128(tap.as_ptr().add(at).cast()));
            [words(0), words(8)]
        }
    }

    #[inline(always)]
    fn multiply_add(self, [a, b]: [__m256i; 2], x: [__m256i; 2], tap: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2.
        unsafe { [_mm256_add_epi32(a, _mm256_madd_epi16(x[0], tap[0])), _mm256_add_epi32(b, _mm256_madd_epi16(x[1], tap[1]))] }
    }

    #[inline(always)]
    fn requantize(self, [a, b]: [__m256i; 2], channels: &Channels, range: &Range) -> [i8; LANES] {
        let ([m0, m1], [l0, l1], [r0, r1]) =
            (self.words(&channels.multiplier_q31), self.words(&channels.left), self.words(&channels.right));
        let (a, b) = (self.multiply(a, m0, l0, r0), self.multiply(b, m1, l1, r1));
        let mut output = [0; LANES];
        // SAFETY: the machine has AVX2, and the store is of 16 bytes.
        unsafe {
            let confine = |q| {
                let q = _mm256_min_epi32(_mm256_max_epi32(q, _mm256_set1_epi32(range.least)), _mm256_set1_epi32(range.greatest));
                _mm256_add_epi32(q, _mm256_set1_epi32(range.zero_point))
            };
            // Packing works within halves.
            let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(confine(a), confine(b)));
            let packed = _mm_packs_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256::<1>(packed));
            _mm_storeu_si128(output.as_mut_ptr().cast(), packed);
        }
        output
    }
}

impl Avx2 {
    /// Eight times [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier).
    #[inline(always)]
    fn multiply(self, x: __m256i, multiplier: __m256i, left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: the machine has AVX2.
        unsafe {
            let x = _mm256_sllv_epi32(x, left);
            let (half, min) = (_mm256_set1_epi64x(1 << 30), _mm256_set1_epi32(i32::MIN));
            let even = _mm256_add_epi64(_mm256_mul_epi32(x, multiplier), half);
            let odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64::<32>(x), _mm256_srli_epi64::<32>(multiplier)), half);
            // The upper halves of odd products shifted left by one are those shifted right by 31.
            let q = _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<31>(even), _mm256_slli_epi64::<1>(odd));
            // Only the square of the least number overflows, to itself.
            let overflows = _mm256_and_si256(_mm256_cmpeq_epi32(x, min), _mm256_cmpeq_epi32(multiplier, min));
            let q = _mm256_xor_si256(q, overflows);
            let one = _mm256_set1_epi32(1);
            let mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
            let threshold = _mm256_sub_epi32(_mm256_srli_epi32::<1>(mask), _mm256_srai_epi32::<31>(q));
            let rounds_up = _mm256_cmpgt_epi32(_mm256_and_si256(q, mask), threshold);
            _mm256_sub_epi32(_mm256_srav_epi32(q, right), rounds_up)
        }
    }
}
