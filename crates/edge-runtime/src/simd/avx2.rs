//! x86-64 with AVX2: sixteen words in two vectors, dot products as sums of 16-bit products.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::gemm::{self, Job};
use super::vector::{Channels, LANES, Range, Vector, functions_of_their_own};

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
fn product<const PIXELS: usize, const BLOCKS: usize>(v: Avx2, job: &Job<'_, Avx2>, output: &mut [i8]) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS, false>(v, job, output)
}

impl Vector for Avx2 {
    const X_OFFSET: i32 = 0;

    type Words = [__m256i; 2];
    /// Of each row two sums, of even and of odd pairs of columns; four rows in a vector.
    type Dots = [__m256i; 4];
    type Weights = [__m256i; 4];
    type X = __m256i;
    type Quads = [__m256i; 2];
    type Bytes = __m128i;
    type Scales = [Scales; 2];

    // SAFETY: any bits are a vector, and these are `false`.
    const NO_SCALES: [Scales; 2] = unsafe { core::mem::zeroed() };

    fn tile(pixels: usize, _blocks: usize) -> [usize; 2] {
        if pixels == 1 { [1, 2] } else { [2, 1] }
    }

    #[inline(always)]
    fn product(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has the features.
        unsafe {
            match tile {
                [1, 2] => product::<1, 2>(self, job, output),
                [1, _] => product::<1, 1>(self, job, output),
                _ => product::<2, 1>(self, job, output),
            }
        }
    }

    functions_of_their_own!(Avx2, "avx2");

    #[inline(always)]
    fn start(self, words: &[i32; LANES]) -> [__m256i; 4] {
        let [a, b] = self.words(words);
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
        let [a, b, c, d] = weights.as_chunks::<16>().0 else { return [self.x::<false>(&[0; 4]); 4] };
        [self.rows(a), self.rows(b), self.rows(c), self.rows(d)]
    }

    #[inline(always)]
    fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> __m256i {
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
    fn quads(self) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2.
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    fn push(self, [a, b]: [__m256i; 2], x: &[i8; LANES]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2, and both loads are of 8 of the 16 bytes.
        unsafe {
            let (low, high) = (_mm_loadl_epi64(x.as_ptr().cast()), _mm_loadl_epi64(x.as_ptr().add(8).cast()));
            let (low, high) = (_mm256_slli_epi32::<24>(_mm256_cvtepu8_epi32(low)), _mm256_slli_epi32::<24>(_mm256_cvtepu8_epi32(high)));
            [_mm256_or_si256(_mm256_srli_epi32::<8>(a), low), _mm256_or_si256(_mm256_srli_epi32::<8>(b), high)]
        }
    }

    #[inline(always)]
    fn store(self, [a, b]: [__m256i; 2]) -> [i8; 64] {
        let mut bytes = [0; 64];
        // SAFETY: the machine has AVX2, and both stores are within the bytes.
        unsafe {
            _mm256_storeu_si256(bytes.as_mut_ptr().cast(), a);
            _mm256_storeu_si256(bytes.as_mut_ptr().add(32).cast(), b);
        }
        bytes
    }

    #[inline(always)]
    fn dot_quads(self, [a, b, c, d]: [__m256i; 4], x: &[i8; 64], weights: [__m256i; 4]) -> [__m256i; 4] {
        let x = self.weights(x);
        // SAFETY: the machine has AVX2.
        unsafe {
            [
                _mm256_add_epi32(a, _mm256_madd_epi16(x[0], weights[0])),
                _mm256_add_epi32(b, _mm256_madd_epi16(x[1], weights[1])),
                _mm256_add_epi32(c, _mm256_madd_epi16(x[2], weights[2])),
                _mm256_add_epi32(d, _mm256_madd_epi16(x[3], weights[3])),
            ]
        }
    }

    #[inline(always)]
    fn scales(self, channels: &Channels, zero_point: i32, are_small: bool) -> [Scales; 2] {
        let ([m0, m1], [s0, s1]) = (self.words(&channels.multiplier_q31), self.words(&channels.shift));
        [self.scales_of(m0, s0, zero_point, are_small), self.scales_of(m1, s1, zero_point, are_small)]
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2, and both loads are of 8 of the 16 bytes.
        unsafe {
            let (low, high) = (_mm_loadl_epi64(x.as_ptr().cast()), _mm_loadl_epi64(x.as_ptr().add(8).cast()));
            let (a, b) = (_mm256_cvtepi8_epi32(low), _mm256_cvtepi8_epi32(high));
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
        [self.rescale_simple(a, &scales[0]), self.rescale_simple(b, &scales[1])]
    }

    #[inline(always)]
    fn rescale_any(self, [a, b]: [__m256i; 2], scales: &[Scales; 2]) -> [__m256i; 2] {
        [self.rescale_half(a, &scales[0]), self.rescale_half(b, &scales[1])]
    }

    fn is_simple(scales: &[Scales; 2]) -> bool {
        scales[0].is_simple && scales[1].is_simple
    }

    #[inline(always)]
    fn requantize(self, [a, b]: [__m256i; 2], scales: &[Scales; 2], range: &Range) -> __m128i {
        self.confine(self.rescale_simple(a, &scales[0]), self.rescale_simple(b, &scales[1]), range)
    }

    #[inline(always)]
    fn requantize_any(self, [a, b]: [__m256i; 2], scales: &[Scales; 2], range: &Range) -> __m128i {
        self.confine(self.with_zero_point(a, &scales[0]), self.with_zero_point(b, &scales[1]), range)
    }

    #[inline(always)]
    fn put(self, q: __m128i, output: &mut [i8], channels: usize) -> Option<()> {
        let output = output.get_mut(..channels)?;
        // SAFETY: the machine has AVX2, and there is room for as many bytes as are stored.
        unsafe {
            if channels == LANES {
                _mm_storeu_si128(output.as_mut_ptr().cast(), q);
            } else if channels == LANES / 2 {
                _mm_storel_epi64(output.as_mut_ptr().cast(), q);
            } else {
                let mut bytes = [0i8; LANES];
                _mm_storeu_si128(bytes.as_mut_ptr().cast(), q);
                output.iter_mut().zip(bytes).for_each(|(output, q)| *output = q);
            }
        }
        Some(())
    }
}

/// Greatest shift to the right of scales that are simple: zero points shifted by it leave half of a word free.
const GREATEST_SHIFT: i32 = 20;

/// Multipliers and shifts of eight channels, and what follows from them.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    left: __m256i,
    multiplier: __m256i,
    /// The odd multipliers, at even places.
    odd_multiplier: __m256i,
    right: __m256i,
    /// What is added to doubled products, of 64 bits, of the even channels and of the odd ones.
    even_addend: __m256i,
    odd_addend: __m256i,
    /// All bits where the shift to the right rounds.
    rounds: __m256i,
    zero_point: i32,
    /// Whether nothing overflows in [`Avx2::rescale_simple`].
    is_simple: bool,
}

// Functions where closures would do: these are not inlined before their own callees, which have the instruction set enabled.
impl Avx2 {
    #[inline(always)]
    pub(super) fn words(self, words: &[i32; LANES]) -> [__m256i; 2] {
        // SAFETY: the machine has AVX2, and both loads are within the words.
        unsafe { [_mm256_loadu_si256(words.as_ptr().cast()), _mm256_loadu_si256(words.as_ptr().add(8).cast())] }
    }

    /// Confined bytes of two halves.
    #[inline(always)]
    fn confine(self, a: __m256i, b: __m256i, range: &Range) -> __m128i {
        // SAFETY: the machine has AVX2.
        unsafe {
            // Packing works within halves.
            let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(a, b));
            let packed = _mm_packs_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256::<1>(packed));
            _mm_min_epi8(_mm_max_epi8(packed, _mm_set1_epi8(range.least)), _mm_set1_epi8(range.greatest))
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

    #[inline(always)]
    fn scales_of(self, multiplier: __m256i, shift: __m256i, zero_point: i32, are_small: bool) -> Scales {
        // SAFETY: the machine has AVX2.
        unsafe {
            let zero = _mm256_setzero_si256();
            let (left, right) = (_mm256_max_epi32(shift, zero), _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero));
            // A half of what the shift drops, and the zero point above it, over a half of what the upper word of a product leaves.
            let half = _mm256_srli_epi32::<1>(_mm256_sllv_epi32(_mm256_set1_epi32(1), right));
            let upper = _mm256_add_epi32(half, _mm256_sllv_epi32(_mm256_set1_epi32(zero_point), right));
            let lower = _mm256_set1_epi64x(1 << 31);
            let misfits = _mm256_or_si256(
                _mm256_cmpgt_epi32(right, _mm256_set1_epi32(GREATEST_SHIFT)),
                _mm256_or_si256(_mm256_cmpgt_epi32(zero, multiplier), _mm256_cmpgt_epi32(left, zero)),
            );
            Scales {
                is_simple: are_small && _mm256_testz_si256(misfits, misfits) == 1,
                left,
                multiplier,
                odd_multiplier: _mm256_srli_epi64::<32>(multiplier),
                even_addend: _mm256_or_si256(_mm256_slli_epi64::<32>(upper), lower),
                odd_addend: _mm256_blend_epi32::<0b1010_1010>(lower, upper),
                rounds: _mm256_cmpgt_epi32(right, zero),
                right,
                zero_point,
            }
        }
    }

    #[inline(always)]
    fn rescale_half(self, x: __m256i, scales: &Scales) -> __m256i {
        // SAFETY: the machine has AVX2.
        if scales.is_simple { self.rescale_simple(x, scales) } else { unsafe { rescale(x, scales) } }
    }

    #[inline(always)]
    fn with_zero_point(self, x: __m256i, scales: &Scales) -> __m256i {
        if scales.is_simple {
            return self.rescale_simple(x, scales);
        }
        // SAFETY: the machine has AVX2.
        unsafe {
            let q = _mm256_max_epi32(rescale(x, scales), _mm256_set1_epi32(-512));
            _mm256_add_epi32(_mm256_min_epi32(q, _mm256_set1_epi32(512)), _mm256_set1_epi32(scales.zero_point))
        }
    }

    /// Rescales, and adds the zero point, where sums are small and shifts go to the right.
    ///
    /// Rounding twice, first half up and then half away from zero, is `(2 * x * multiplier + 2^31 + 2^(31 + right) - sign * 2^32) >> (32 +
    /// right)`, as the inner floor is absorbed by the outer one; the sign counts where there is a shift. Upper words are all that matters
    /// after the first addends.
    #[inline(always)]
    fn rescale_simple(self, x: __m256i, scales: &Scales) -> __m256i {
        // SAFETY: the machine has AVX2.
        unsafe {
            let twice = _mm256_add_epi32(x, x);
            let even = _mm256_add_epi64(_mm256_mul_epi32(twice, scales.multiplier), scales.even_addend);
            let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(twice), scales.odd_multiplier);
            let odd = _mm256_add_epi64(odd, scales.odd_addend);
            let upper = _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<32>(even), odd);
            let sign = _mm256_and_si256(_mm256_srai_epi32::<31>(x), scales.rounds);
            _mm256_srav_epi32(_mm256_add_epi32(upper, sign), scales.right)
        }
    }
}

/// Eight times [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier).
#[target_feature(enable = "avx2")]
#[cold]
#[inline(never)]
fn rescale(x: __m256i, scales: &Scales) -> __m256i {
    let Scales { left, multiplier, odd_multiplier, right, .. } = *scales;
    let x = _mm256_sllv_epi32(x, left);
    let (half, min) = (_mm256_set1_epi64x(1 << 30), _mm256_set1_epi32(i32::MIN));
    let even = _mm256_add_epi64(_mm256_mul_epi32(x, multiplier), half);
    let odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64::<32>(x), odd_multiplier), half);
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
