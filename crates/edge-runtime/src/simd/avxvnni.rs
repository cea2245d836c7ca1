//! x86-64 with VNNI for vectors of 256 bits: sixteen words in two vectors, and an instruction that adds four products to each. Processors have
//! it as AVX-VNNI, or as a part of AVX-512; what is not a dot product is as with AVX2.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::avx2::{Avx2, Scales};
use super::gemm::{self, Job};
use super::vector::{Channels, LANES, Range, Vector, functions_of_their_own};

/// A form of the instruction.
macro_rules! vnni {
    ($(#[$doc:meta])* $name:ident, $features:tt, $dot:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name(Avx2);

        impl $name {
            pub(super) fn detect() -> Option<Self> {
                if super::detect! $features { Avx2::detect().map(Self) } else { None }
            }

            #[inline(always)]
            fn tile<const FLIPPED: bool>(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
                vnni!(@product $name, $features);
                // SAFETY: the machine has the features.
                unsafe {
                    match tile {
                        [1, 4] => row::<4, 1, FLIPPED>(self, job, output),
                        [1, 2] => row::<2, 2, FLIPPED>(self, job, output),
                        [1, _] => row::<1, 4, FLIPPED>(self, job, output),
                        [2, 2] => product::<2, 2, FLIPPED>(self, job, output),
                        [2, _] => product::<2, 1, FLIPPED>(self, job, output),
                        _ => product::<4, 1, FLIPPED>(self, job, output),
                    }
                }
            }

            #[inline(always)]
            fn add_products(self, sums: [__m256i; 2], x: [__m256i; 2], weights: [__m256i; 2]) -> [__m256i; 2] {
                // SAFETY: the machine has VNNI.
                unsafe { [$dot(sums[0], x[0], weights[0]), $dot(sums[1], x[1], weights[1])] }
            }
        }

        impl Vector for $name {
            /// The instruction takes x as unsigned: with its sign bit flipped, x is 128 more.
            const X_OFFSET: i32 = -128;

            type Words = [__m256i; 2];
            type Dots = [__m256i; 2];
            type Weights = [__m256i; 2];
            type X = __m256i;
            /// With sign bits flipped.
            type Quads = [__m256i; 2];
            type Bytes = __m128i;
            type Scales = [Scales; 2];

            const NO_SCALES: [Scales; 2] = Avx2::NO_SCALES;

            fn tile(pixels: usize, blocks: usize) -> [usize; 2] {
                match (pixels, blocks) {
                    (1, 1) => [1, 1],
                    (1, 2 | 3) => [1, 2],
                    (1, _) => [1, 4],
                    (_, 1) => [4, 1],
                    _ => [2, 2],
                }
            }

            #[inline(always)]
            fn product(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()> {
                let tile = [tile[0], if tile[1] == 3 { 2 } else { tile[1] }];
                if job.is_flipped { self.tile::<true>(job, output, tile) } else { self.tile::<false>(job, output, tile) }
            }

            vnni!(@functions $name, $features);

            #[inline(always)]
            fn start(self, words: &[i32; LANES]) -> [__m256i; 2] {
                self.0.words(words)
            }

            #[inline(always)]
            fn weights(self, weights: &[i8; 64]) -> [__m256i; 2] {
                // SAFETY: the machine has AVX2, and both loads are within the weights.
                unsafe { [_mm256_loadu_si256(weights.as_ptr().cast()), _mm256_loadu_si256(weights.as_ptr().add(32).cast())] }
            }

            #[inline(always)]
            fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> __m256i {
                // SAFETY: the machine has AVX2.
                unsafe {
                    let x = _mm256_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned)));
                    if FLIPPED { x } else { _mm256_xor_si256(x, _mm256_set1_epi8(i8::MIN)) }
                }
            }

            #[inline(always)]
            fn dot(self, sums: [__m256i; 2], x: __m256i, weights: [__m256i; 2]) -> [__m256i; 2] {
                self.add_products(sums, [x; 2], weights)
            }

            #[inline(always)]
            fn sums(self, sums: [__m256i; 2]) -> [__m256i; 2] {
                sums
            }

            #[inline(always)]
            fn quads(self) -> [__m256i; 2] {
                self.0.quads()
            }

            #[inline(always)]
            fn push(self, quads: [__m256i; 2], x: &[i8; LANES]) -> [__m256i; 2] {
                self.0.push(quads, &x.map(|x| x ^ i8::MIN))
            }

            #[inline(always)]
            fn store(self, quads: [__m256i; 2]) -> [i8; 64] {
                self.0.store(quads)
            }

            #[inline(always)]
            fn dot_quads(self, sums: [__m256i; 2], x: &[i8; 64], weights: [__m256i; 2]) -> [__m256i; 2] {
                self.add_products(sums, self.weights(x), weights)
            }

            #[inline(always)]
            fn scales(self, channels: &Channels, zero_point: i32, are_small: bool) -> [Scales; 2] {
                self.0.scales(channels, zero_point, are_small)
            }

            #[inline(always)]
            fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> [__m256i; 2] {
                self.0.raised(x, zero_point, left_shift)
            }

            #[inline(always)]
            fn add(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
                self.0.add(a, b)
            }

            #[inline(always)]
            fn subtract(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
                self.0.subtract(a, b)
            }

            fn is_simple(scales: &[Scales; 2]) -> bool {
                Avx2::is_simple(scales)
            }

            #[inline(always)]
            fn rescale(self, sums: [__m256i; 2], scales: &[Scales; 2]) -> [__m256i; 2] {
                self.0.rescale(sums, scales)
            }

            #[inline(always)]
            fn rescale_any(self, sums: [__m256i; 2], scales: &[Scales; 2]) -> [__m256i; 2] {
                self.0.rescale_any(sums, scales)
            }

            #[inline(always)]
            fn requantize(self, sums: [__m256i; 2], scales: &[Scales; 2], range: &Range) -> __m128i {
                self.0.requantize(sums, scales, range)
            }

            #[inline(always)]
            fn requantize_any(self, sums: [__m256i; 2], scales: &[Scales; 2], range: &Range) -> __m128i {
                self.0.requantize_any(sums, scales, range)
            }

            #[inline(always)]
            fn put(self, q: __m128i, output: &mut [i8], channels: usize) -> Option<()> {
                self.0.put(q, output, channels)
            }
        }
    };
    (@product $name:ident, ($($feature:literal),*)) => {
        $(#[target_feature(enable = $feature)])*
        #[inline(never)]
        fn product<const PIXELS: usize, const BLOCKS: usize, const FLIPPED: bool>(
            v: $name,
            job: &Job<'_, $name>,
            output: &mut [i8],
        ) -> Option<()> {
            gemm::tile::<_, PIXELS, BLOCKS, FLIPPED>(v, job, output)
        }

        $(#[target_feature(enable = $feature)])*
        #[inline(never)]
        fn row<const BLOCKS: usize, const CHAINS: usize, const FLIPPED: bool>(
            v: $name,
            job: &Job<'_, $name>,
            output: &mut [i8],
        ) -> Option<()> {
            gemm::row::<_, BLOCKS, CHAINS, FLIPPED>(v, job, output)
        }
    };
    (@functions $name:ident, ($($feature:literal),*)) => {
        functions_of_their_own!($name, $($feature),*);
    };
}

vnni! {
    /// AVX-VNNI, found on this machine.
    AvxVnni, ("avx2", "avxvnni"), _mm256_dpbusd_avx_epi32
}

vnni! {
    /// The same instructions as a part of AVX-512, found on this machine.
    Avx512VlVnni, ("avx2", "avx512f", "avx512vl", "avx512vnni"), _mm256_dpbusd_epi32
}
