//! x86-64 with AVX2: sixteen words in two vectors, dot products as sums of 16-bit products.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::depthwise_conv2d::{Block, Target};
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

#[target_feature(enable = "avx2")]
#[inline(never)]
fn product<const PIXELS: usize, const BLOCKS: usize>(v: Avx2, job: &Job<'_>, output: &mut [i8]) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS>(v, job, output)
}

#[target_feature(enable = "avx2")]
#[inline(never)]
fn depthwise<const ROWS: usize, const COLUMNS: usize>(v: Avx2, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
    block.run::<_, ROWS, COLUMNS>(v, target)
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
    type Scales = [Scales; 2];

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        if pixels == 1 { [1, 2] } else { [2, 1] }
    }

    #[inline(always)]
    fn run(self, job: &Job<'_>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has the features.
        unsafe {
            match tile {
                [1, 2] => product::<1, 2>(self, job, output),
                [1, _] => product::<1, 1>(self, job, output),
                _ => product::<2, 1>(self, job, output),
            }
        }
    }

    #[inline(always)]
    fn depthwise<const ROWS: usize, const COLUMNS: usize>(self, block: &Block<'_>, target: &mut Target<'_>) -> Option<()> {
        // SAFETY: the machine has the features.
        unsafe { depthwise::<ROWS, COLUMNS>(self, block, target) }
    }

    #[inline(always)]
    fn words(self, words: &[i32; LANES]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2, and both loads are within the words.
        unsafe { [_mm256_loadu_si256(words.as_ptr().cast()), _mm256_loadu_si256(words.as_ptr().add(8).cast())] }
    }

    #[inline(always)]
    fn start(self, [a, b]: [__m256i; 2]) -> [__m256i; 4] {
        // SAFETY: the machine has AVX2.
        unsafe {
            [
                _mm256_cvtepu32_epi64(_mm256_castsi256_si128(a)),
                _mm256_cvtepu32_epi64(_mm256_extracti128_si256::<1>(a)),
                _mm256_cvtepu32_epi64(_mm256_castsi256_si128(b)),
                _mm256_cvtepu32_epi64(_mm256_extracti128_si256::<1>(b)),
            ]
        }
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> [__m256i; 4] {
        let [a, b, c, d] = weights.as_chunks::<16>().0 else { return [self.x([0; 4]); 4] };
        [self.rows(a), self.rows(b), self.rows(c), self.rows(d)]
    }

    #[inline(always)]
    fn x(self, x: [i8; 4]) -> __m256i {
        // SAFETY: the machine has AVX2.
        unsafe { _mm256_cvtepi8_epi16(_mm_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned)))) }
    }

    #[inline(always)]
    fn dot(self, [a, b, c, d]: [__m256i; 4], x: __m256i, weights: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: the machine has AVX2.
        unsafe {
            [
                _mm256_add_epi32(a, _mm256_madd_epi16(x, weights[0])),
                _mm256_add_epi32(b, _mm256_madd_epi16(x, weights[1])),
                _mm256_add_epi32(c, _mm256_madd_epi16(x, weights[2])),
                _mm256_add_epi32(d, _mm256_madd_epi16(x, weights[3])),
            ]
        }
    }

    #[inline(always)]
    fn sums(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 2] {
        [self.join(a, b), self.join(c, d)]
    }

    #[inline(always)]
    fn wide(self, x: &[i8; LANES]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2, and both loads are of 8 of the 16 bytes.
        unsafe {
            let (low, high) = (_mm_loadl_epi64(x.as_ptr().cast()), _mm_loadl_epi64(x.as_ptr().add(8).cast()));
            [_mm256_cvtepi8_epi32(low), _mm256_cvtepi8_epi32(high)]
        }
    }

    #[inline(always)]
    fn tap(self, tap: &[i16; LANES]) -> [__m256i; 2] {
        // The upper halves are zero, so that what they meet does not count.
        // SAFETY: the machine has AVX2, and both loads are of 8 of the 16 numbers.
        unsafe {
            let (low, high) = (_mm_loadu_si128(tap.as_ptr().cast()), _mm_loadu_si128(tap.as_ptr().add(8).cast()));
            [_mm256_cvtepu16_epi32(low), _mm256_cvtepu16_epi32(high)]
        }
    }

    #[inline(always)]
    fn multiply_add(self, [a, b]: [__m256i; 2], x: [__m256i; 2], tap: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2.
        unsafe { [_mm256_add_epi32(a, _mm256_madd_epi16(x[0], tap[0])), _mm256_add_epi32(b, _mm256_madd_epi16(x[1], tap[1]))] }
    }

    #[inline(always)]
    fn scales(self, channels: &Channels) -> [Scales; 2] {
        let ([m0, m1], [l0, l1], [r0, r1]) =
            (self.words(&channels.multiplier_q31), self.words(&channels.left), self.words(&channels.right));
        [Scales { multiplier: m0, left: l0, right: r0 }, Scales { multiplier: m1, left: l1, right: r1 }]
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> [__m256i; 2] {
        let [a, b] = self.wide(x);
        // SAFETY: the machine has AVX2.
        unsafe {
            let (zero_point, shift) = (_mm256_set1_epi32(zero_point), _mm_cvtsi32_si128(left_shift.cast_signed()));
            [_mm256_sll_epi32(_mm256_sub_epi32(a, zero_point), shift), _mm256_sll_epi32(_mm256_sub_epi32(b, zero_point), shift)]
        }
    }

    #[inline(always)]
    fn add(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2.
        unsafe { [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])] }
    }

    #[inline(always)]
    fn subtract(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2.
        unsafe { [_mm256_sub_epi32(a[0], b[0]), _mm256_sub_epi32(a[1], b[1])] }
    }

    #[inline(always)]
    fn rescale(self, [a, b]: [__m256i; 2], scales: &[Scales; 2]) -> [__m256i; 2] {
        [self.multiply(a, scales[0]), self.multiply(b, scales[1])]
    }

    #[inline(always)]
    fn requantize(self, sums: [__m256i; 2], scales: &[Scales; 2], range: &Range) -> [i8; LANES] {
        let [a, b] = self.rescale(sums, scales);
        let (a, b) = (self.confine(a, range), self.confine(b, range));
        let mut output = [0; LANES];
        // SAFETY: the machine has AVX2, and the store is of 16 bytes.
        unsafe {
            // Packing works within halves.
            let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(a, b));
            let packed = _mm_packs_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256::<1>(packed));
            _mm_storeu_si128(output.as_mut_ptr().cast(), packed);
        }
        output
    }
}

/// Multipliers and shifts of eight channels.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    left: __m256i,
    multiplier: __m256i,
    right: __m256i,
}

// Functions where closures would do: these are not inlined before their own callees, which have the instruction set enabled.
impl Avx2 {
    #[inline(always)]
    fn confine(self, q: __m256i, range: &Range) -> __m256i {
        // SAFETY: the machine has AVX2.
        unsafe {
            let q = _mm256_min_epi32(_mm256_max_epi32(q, _mm256_set1_epi32(range.least)), _mm256_set1_epi32(range.greatest));
            _mm256_add_epi32(q, _mm256_set1_epi32(range.zero_point))
        }
    }

    /// Four rows of weights.
    #[inline(always)]
    fn rows(self, weights: &[i8; 16]) -> __m256i {
        // SAFETY: the machine has AVX2, and the load is of 16 bytes.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.as_ptr().cast())) }
    }

    /// Sums of pairs, which come in halves: rows 0, 1, 4, 5 and 2, 3, 6, 7.
    #[inline(always)]
    fn join(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the machine has AVX2.
        unsafe { _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(a, b)) }
    }

    /// Eight times [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier).
    #[inline(always)]
    fn multiply(self, x: __m256i, Scales { left, multiplier, right }: Scales) -> __m256i {
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
