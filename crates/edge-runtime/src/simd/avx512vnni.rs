//! x86-64 with AVX-512 and its VNNI: sixteen words in a vector, and an instruction that adds four products to each.

#![allow(unsafe_code)]

use core::arch::asm;
use core::arch::x86_64::*;

use super::gemm::{self, Block, Job, MAX_PIXELS, Segments};
use super::vector::{Channels, LANES, Range, Vector, functions_of_their_own, unrolled};

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
fn product<const PIXELS: usize, const BLOCKS: usize, const FLIPPED: bool>(
    v: Avx512Vnni,
    job: &Job<'_, Avx512Vnni>,
    output: &mut [i8],
) -> Option<()> {
    gemm::tile::<_, PIXELS, BLOCKS, FLIPPED>(v, job, output)
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
fn row<const BLOCKS: usize, const CHAINS: usize, const FLIPPED: bool>(
    v: Avx512Vnni,
    job: &Job<'_, Avx512Vnni>,
    output: &mut [i8],
) -> Option<()> {
    gemm::row::<_, BLOCKS, CHAINS, FLIPPED>(v, job, output)
}

/// The weights of the first eight channels, twice.
#[target_feature(enable = "avx512f")]
#[inline]
fn half_twice(weights: &[i8; 64]) -> __m512i {
    // SAFETY: the load is of the first half.
    _mm512_broadcast_i64x4(unsafe { _mm256_loadu_si256(weights.as_ptr().cast()) })
}

/// Two pixels in each vector.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
fn pairs<const FLIPPED: bool>(v: Avx512Vnni, job: &Job<'_, Avx512Vnni>, output: &mut [i8]) -> Option<()> {
    let block = job.blocks.first()?;
    let weights = job.weights.get(..job.groups)?;
    let span = job.segments.span();
    let mut x: [&[i8]; MAX_PIXELS] = [&[]; MAX_PIXELS];
    for (slot, &start) in x.iter_mut().zip(&job.starts) {
        *slot = job.x.get(start..)?.get(..span)?;
    }
    let mut sums = [v.start(&block.bias); MAX_PIXELS / 2];
    let Segments { rows, row_stride, runs, run_stride, groups } = job.segments;
    let mut weights = weights.iter();
    for row in 0..rows {
        for run in 0..runs {
            let mut at = row * row_stride + run * run_stride;
            for _ in 0..groups {
                let weights = half_twice(weights.next()?);
                unrolled!(pair below MAX_PIXELS / 2, {
                    let (even, odd) = (x[2 * pair].get(at..)?.first_chunk()?, x[2 * pair + 1].get(at..)?.first_chunk()?);
                    sums[pair] = _mm512_dpbusd_epi32(sums[pair], broadcast_pair::<FLIPPED>(even, odd), weights);
                });
                at += 4;
            }
        }
    }
    put_pairs(v, sums, block, 0, job, output)
}

/// A block of sixteen channels, and one of at most eight, in which two pixels share a vector.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
fn one_and_a_half<const FLIPPED: bool>(v: Avx512Vnni, job: &Job<'_, Avx512Vnni>, output: &mut [i8]) -> Option<()> {
    let [whole, half] = job.blocks.first_chunk()?;
    let (mut of_whole, mut of_half) = job.weights.get(..2 * job.groups)?.split_at_checked(job.groups)?;
    let mut sums = [v.start(&whole.bias); MAX_PIXELS];
    let mut pairs = [v.start(&half.bias); MAX_PIXELS / 2];
    let Segments { rows, row_stride, runs, run_stride, groups } = job.segments;
    for row in 0..rows {
        for run in 0..runs {
            let at = row * row_stride + run * run_stride;
            let mut x: [&[[i8; 4]]; MAX_PIXELS] = [&[]; MAX_PIXELS];
            unrolled!(pixel below MAX_PIXELS, {
                x[pixel] = job.x.get(job.starts[pixel] + at..)?.as_chunks().0.get(..groups)?;
            });
            let (of_run, rest) = of_whole.split_at_checked(groups)?;
            let (of_half_run, half_rest) = of_half.split_at_checked(groups)?;
            (of_whole, of_half) = (rest, half_rest);
            for (group, (of_whole, of_half)) in of_run.iter().zip(of_half_run).enumerate() {
                let (of_whole, of_half) = (v.weights(of_whole), half_twice(of_half));
                unrolled!(pair below MAX_PIXELS / 2, {
                    let (even, odd) = (v.x::<FLIPPED>(x[2 * pair].get(group)?), v.x::<FLIPPED>(x[2 * pair + 1].get(group)?));
                    sums[2 * pair] = v.dot(sums[2 * pair], even, of_whole);
                    sums[2 * pair + 1] = v.dot(sums[2 * pair + 1], odd, of_whole);
                    pairs[pair] = v.dot(pairs[pair], _mm512_mask_mov_epi32(even, 0xFF00, odd), of_half);
                });
            }
        }
    }
    // Apart from each other, as in `gemm::tile`.
    if Avx512Vnni::is_simple(&whole.scales) {
        unrolled!(pixel below MAX_PIXELS, {
            if pixel < job.pixels {
                let q = v.requantize(sums[pixel], &whole.scales, &job.range);
                v.put(q, output.get_mut(pixel * job.output_stride..)?, LANES)?;
            }
        });
    } else {
        unrolled!(pixel below MAX_PIXELS, {
            if pixel < job.pixels {
                let q = v.requantize_any(sums[pixel], &whole.scales, &job.range);
                v.put(q, output.get_mut(pixel * job.output_stride..)?, LANES)?;
            }
        });
    }
    put_pairs(v, pairs, half, LANES, job, output)
}

/// Stores a block of at most eight channels, which is `columns` behind the tile's first one, of pairs of pixels.
#[inline(always)]
fn put_pairs(
    v: Avx512Vnni,
    sums: [__m512i; MAX_PIXELS / 2],
    block: &Block<Avx512Vnni>,
    columns: usize,
    job: &Job<'_, Avx512Vnni>,
    output: &mut [i8],
) -> Option<()> {
    if Avx512Vnni::is_simple(&block.scales) {
        unrolled!(pair below MAX_PIXELS / 2, {
            put_pair(v, v.requantize(sums[pair], &block.scales, &job.range), [2 * pair, columns], job, output)?;
        });
    } else {
        unrolled!(pair below MAX_PIXELS / 2, {
            put_pair(v, v.requantize_any(sums[pair], &block.scales, &job.range), [2 * pair, columns], job, output)?;
        });
    }
    Some(())
}

/// Stores what belongs to two pixels, so far as they are wanted.
#[inline(always)]
fn put_pair(v: Avx512Vnni, q: __m128i, [pixel, columns]: [usize; 2], job: &Job<'_, Avx512Vnni>, output: &mut [i8]) -> Option<()> {
    let (first, channels) = (pixel * job.output_stride + columns, job.columns - columns);
    if pixel < job.pixels {
        v.put(q, output.get_mut(first..)?, channels)?;
    }
    if pixel + 1 < job.pixels {
        // SAFETY: the machine has AVX-512.
        let q = unsafe { _mm_unpackhi_epi64(q, q) };
        v.put(q, output.get_mut(first + job.output_stride..)?, channels)?;
    }
    Some(())
}

impl Vector for Avx512Vnni {
    /// The instruction takes x as unsigned: with its sign bit flipped, x is 128 more.
    const X_OFFSET: i32 = -128;

    const HAS_PAIRS: bool = true;

    type Words = __m512i;
    type Dots = __m512i;
    type Weights = __m512i;
    type X = __m512i;
    /// With sign bits flipped.
    type Quads = __m512i;
    type Bytes = __m128i;
    type Scales = Scales;

    // SAFETY: any bits are a vector or a mask, and these are `false`.
    const NO_SCALES: Scales = unsafe { core::mem::zeroed() };

    fn tile(pixels: usize, blocks: usize) -> [usize; 2] {
        match (pixels, blocks) {
            (1, _) => [1, 4],
            (_, 1 | 2) => [8, 2],
            (_, 3 | 6) => [4, 3],
            _ => [4, 4],
        }
    }

    #[inline(always)]
    fn product(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        if job.is_flipped { self.tile::<true>(job, output, tile) } else { self.tile::<false>(job, output, tile) }
    }

    #[inline(always)]
    fn pairs(self, job: &Job<'_, Self>, output: &mut [i8]) -> Option<()> {
        // SAFETY: the machine has the features.
        unsafe { if job.is_flipped { pairs::<true>(self, job, output) } else { pairs::<false>(self, job, output) } }
    }

    functions_of_their_own!(Avx512Vnni, "avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni");

    #[inline(always)]
    fn start(self, words: &[i32; LANES]) -> __m512i {
        self.words(words)
    }

    #[inline(always)]
    fn weights(self, weights: &[i8; 64]) -> __m512i {
        // SAFETY: the machine has AVX-512, and the load is of all weights.
        unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) }
    }

    #[inline(always)]
    fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe { if FLIPPED { _mm512_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned))) } else { broadcast_flipped(x) } }
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
    fn quads(self) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn push(self, quads: __m512i, x: &[i8; LANES]) -> __m512i {
        // SAFETY: the machine has AVX-512, and the load is of all channels.
        unsafe {
            let x = _mm_xor_si128(_mm_loadu_si128(x.as_ptr().cast()), _mm_set1_epi8(i8::MIN));
            _mm512_or_si512(_mm512_srli_epi32::<8>(quads), _mm512_slli_epi32::<24>(_mm512_cvtepu8_epi32(x)))
        }
    }

    #[inline(always)]
    fn store(self, quads: __m512i) -> [i8; 64] {
        let mut bytes = [0; 64];
        // SAFETY: the machine has AVX-512, and the store is of all bytes.
        unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), quads) }
        bytes
    }

    #[inline(always)]
    fn dot_quads(self, sums: __m512i, x: &[i8; 64], weights: __m512i) -> __m512i {
        self.dot(sums, self.weights(x), weights)
    }

    #[inline(always)]
    fn scales(self, channels: &Channels, zero_point: i32, are_small: bool) -> Scales {
        let (multiplier, shift) = (self.words(&channels.multiplier_q31), self.words(&channels.shift));
        // SAFETY: the machine has AVX-512.
        unsafe {
            let zero = _mm512_setzero_si512();
            let (left, right) = (_mm512_max_epi32(shift, zero), _mm512_max_epi32(_mm512_sub_epi32(zero, shift), zero));
            let rounds = _mm512_cmpgt_epi32_mask(right, zero);
            // A half of what the shift drops, and the zero point above it, over a half of what the upper word of a product leaves.
            let one = _mm512_set1_epi32(1);
            let half = _mm512_srli_epi32::<1>(_mm512_sllv_epi32(one, right));
            let upper = _mm512_add_epi32(half, _mm512_sllv_epi32(_mm512_set1_epi32(zero_point), right));
            let lower = _mm512_set1_epi64(1 << 31);
            let fits = _mm512_cmple_epi32_mask(right, _mm512_set1_epi32(GREATEST_SHIFT))
                & _mm512_cmpge_epi32_mask(multiplier, zero)
                & _mm512_cmpeq_epi32_mask(left, zero);
            Scales {
                is_simple: are_small && fits == !0,
                left,
                multiplier,
                odd_multiplier: _mm512_srli_epi64::<32>(multiplier),
                even_addend: _mm512_or_si512(_mm512_slli_epi64::<32>(upper), lower),
                odd_addend: _mm512_mask_mov_epi32(lower, 0xAAAA, upper),
                rounds,
                right,
                zero_point,
            }
        }
    }

    #[inline(always)]
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe {
            let x = _mm512_cvtepi8_epi32(_mm_loadu_si128(x.as_ptr().cast()));
            _mm512_sll_epi32(_mm512_sub_epi32(x, _mm512_set1_epi32(zero_point)), _mm_cvtsi32_si128(left_shift.cast_signed()))
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
        self.rescale_simple(x, scales)
    }

    #[inline(always)]
    fn rescale_any(self, x: __m512i, scales: &Scales) -> __m512i {
        // SAFETY: the machine has AVX-512.
        if scales.is_simple { self.rescale_simple(x, scales) } else { unsafe { rescale(x, scales) } }
    }

    fn is_simple(scales: &Scales) -> bool {
        scales.is_simple
    }

    #[inline(always)]
    fn requantize(self, x: __m512i, scales: &Scales, range: &Range) -> __m128i {
        self.confine(self.rescale_simple(x, scales), range)
    }

    #[inline(always)]
    fn requantize_any(self, x: __m512i, scales: &Scales, range: &Range) -> __m128i {
        if scales.is_simple {
            return self.requantize(x, scales, range);
        }
        // SAFETY: the machine has AVX-512.
        let q = unsafe {
            let q = _mm512_max_epi32(rescale(x, scales), _mm512_set1_epi32(-512));
            _mm512_add_epi32(_mm512_min_epi32(q, _mm512_set1_epi32(512)), _mm512_set1_epi32(scales.zero_point))
        };
        self.confine(q, range)
    }

    #[inline(always)]
    fn put(self, q: __m128i, output: &mut [i8], channels: usize) -> Option<()> {
        let output = output.get_mut(..channels)?;
        // SAFETY: the machine has AVX-512, and there is room for as many bytes as are stored.
        unsafe {
            if channels == LANES {
                _mm_storeu_si128(output.as_mut_ptr().cast(), q);
            } else if channels == LANES / 2 {
                _mm_storel_epi64(output.as_mut_ptr().cast(), q);
            } else {
                let mask = !(u16::MAX << channels.min(LANES - 1));
                _mm_mask_storeu_epi8(output.as_mut_ptr(), mask, q);
            }
        }
        Some(())
    }
}

/// Greatest shift to the right of scales that are simple: zero points shifted by it leave half of a word free.
const GREATEST_SHIFT: i32 = 20;

/// Multipliers and shifts of sixteen channels, and what follows from them.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    left: __m512i,
    multiplier: __m512i,
    /// The odd multipliers, at even places.
    odd_multiplier: __m512i,
    right: __m512i,
    /// What is added to doubled products, of 64 bits, of the even channels and of the odd ones.
    even_addend: __m512i,
    odd_addend: __m512i,
    /// Where the shift to the right rounds.
    rounds: __mmask16,
    zero_point: i32,
    /// Whether nothing overflows in [`Avx512Vnni::rescale_simple`].
    is_simple: bool,
}

impl Avx512Vnni {
    #[inline(always)]
    fn tile<const FLIPPED: bool>(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
        // SAFETY: the machine has the features.
        unsafe {
            match tile {
                [1, 4] => row::<4, 2, FLIPPED>(self, job, output),
                [1, 3] => row::<3, 2, FLIPPED>(self, job, output),
                [1, 2] => row::<2, 4, FLIPPED>(self, job, output),
                [1, _] => row::<1, 4, FLIPPED>(self, job, output),
                [4, 4] => product::<4, 4, FLIPPED>(self, job, output),
                [4, 3] => product::<4, 3, FLIPPED>(self, job, output),
                [4, 2] => product::<4, 2, FLIPPED>(self, job, output),
                [4, _] => product::<4, 1, FLIPPED>(self, job, output),
                [_, 2] if job.columns <= LANES + LANES / 2 => one_and_a_half::<FLIPPED>(self, job, output),
                [_, 2] => product::<8, 2, FLIPPED>(self, job, output),
                _ => product::<8, 1, FLIPPED>(self, job, output),
            }
        }
    }

    #[inline(always)]
    fn confine(self, q: __m512i, range: &Range) -> __m128i {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm_min_epi8(_mm_max_epi8(_mm512_cvtsepi32_epi8(q), _mm_set1_epi8(range.least)), _mm_set1_epi8(range.greatest)) }
    }

    #[inline(always)]
    fn words(self, words: &[i32; LANES]) -> __m512i {
        // SAFETY: the machine has AVX-512, and the load is of all words.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    /// Rescales, and adds the zero point, where sums are small and shifts go to the right.
    ///
    /// Rounding twice, first half up and then half away from zero, is `(2 * x * multiplier + 2^31 + 2^(31 + right) - sign * 2^32) >> (32 +
    /// right)`, as the inner floor is absorbed by the outer one; the sign counts where there is a shift. Upper words are all that matters
    /// after the first addends.
    #[inline(always)]
    fn rescale_simple(self, x: __m512i, scales: &Scales) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe {
            let twice = _mm512_add_epi32(x, x);
            let even = _mm512_add_epi64(_mm512_mul_epi32(twice, scales.multiplier), scales.even_addend);
            let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(twice), scales.odd_multiplier);
            let odd = _mm512_add_epi64(odd, scales.odd_addend);
            let upper = _mm512_mask_shuffle_epi32::<_MM_PERM_DDBB>(odd, 0x5555, even);
            let sign = _mm512_maskz_srai_epi32::<31>(scales.rounds, x);
            _mm512_srav_epi32(_mm512_add_epi32(upper, sign), scales.right)
        }
    }
}

/// Four bytes sixteen times, with their sign bits flipped. As assembly, since the compiler would flip them before they are broadcast: in two
/// more instructions, of which one is slow.
#[target_feature(enable = "avx512f")]
#[inline]
fn broadcast_flipped(x: &[i8; 4]) -> __m512i {
    let mut flipped: __m512i;
    // SAFETY: the function demands AVX-512, and the instruction reads the four bytes.
    unsafe {
        asm!(
            "vpxord {flipped}, {signs}, dword ptr [{x}]{{1to16}}",
            flipped = lateout(zmm_reg) flipped,
            signs = in(zmm_reg) _mm512_set1_epi8(i8::MIN),
            x = in(reg) x.as_ptr(),
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    flipped
}

/// The same of two, each eight times, with their sign bits flipped unless they are.
#[target_feature(enable = "avx512f")]
#[inline]
fn broadcast_pair<const FLIPPED: bool>(even: &[i8; 4], odd: &[i8; 4]) -> __m512i {
    if FLIPPED {
        let [even, odd] = [even, odd].map(|x| _mm512_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned))));
        return _mm512_mask_mov_epi32(even, 0xFF00, odd);
    }
    let mut flipped: __m512i;
    // SAFETY: the function demands AVX-512, and the instructions read the eight bytes.
    unsafe {
        asm!(
            "vpxord {flipped}, {signs}, dword ptr [{even}]{{1to16}}",
            "vpxord {flipped}{{{upper}}}, {signs}, dword ptr [{odd}]{{1to16}}",
            flipped = out(zmm_reg) flipped,
            signs = in(zmm_reg) _mm512_set1_epi8(i8::MIN),
            even = in(reg) even.as_ptr(),
            odd = in(reg) odd.as_ptr(),
            upper = in(kreg) 0xFF00u16,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    flipped
}

/// Sixteen times [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier).
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[cold]
#[inline(never)]
fn rescale(x: __m512i, scales: &Scales) -> __m512i {
    let Scales { left, multiplier, odd_multiplier, right, .. } = *scales;
    let one = _mm512_set1_epi32(1);
    let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
    let x = _mm512_sllv_epi32(x, left);
    let half = _mm512_set1_epi64(1 << 30);
    let even = _mm512_add_epi64(_mm512_mul_epi32(x, multiplier), half);
    let odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64::<32>(x), odd_multiplier), half);
    // The upper halves of odd products shifted left by one are those shifted right by 31.
    let q = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<31>(even), _mm512_slli_epi64::<1>(odd));
    // Only the square of the least number overflows.
    let least = _mm512_set1_epi32(i32::MIN);
    let overflows = _mm512_mask_cmpeq_epi32_mask(_mm512_cmpeq_epi32_mask(multiplier, least), x, least);
    let q = _mm512_mask_mov_epi32(q, overflows, _mm512_set1_epi32(i32::MAX));
    let threshold = _mm512_sub_epi32(_mm512_srli_epi32::<1>(mask), _mm512_srai_epi32::<31>(q));
    let rounds_up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(q, mask), threshold);
    let q = _mm512_srav_epi32(q, right);
    _mm512_mask_add_epi32(q, rounds_up, q, one)
}
