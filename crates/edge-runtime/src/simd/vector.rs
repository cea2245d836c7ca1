//! What the kernels need of an instruction set: sixteen output channels at a time.

use super::conv2d::Convolution;
use super::depthwise_conv2d::{Depthwise, Strip};
use super::gemm::Job;

/// Repeats a block for each index below a limit that the compiler knows, at most 8.
///
/// Loops over large bodies stay loops, and what they index then stays in memory instead of registers.
macro_rules! unrolled {
    ($index:ident below $limit:expr, $body:block) => {
        unrolled!($index in [0 1 2 3 4 5 6 7] below $limit, $body)
    };
    ($index:ident in [$($value:literal)*] below $limit:expr, $body:block) => {$({
        let $index: usize = $value;
        if $index < $limit $body
    })*};
}
pub(super) use unrolled;

/// The functions of [`Vector`] that do nothing but to enable the instruction set.
macro_rules! functions_of_their_own {
    ($vector:ty, $($feature:literal),*) => {
        #[inline(always)]
        fn convolve<const ROOM: usize, const COPIED: usize>(
            self,
            op: &$crate::simd::conv2d::Convolution<'_>,
            output: &mut [i8],
        ) -> Option<()> {
            $(#[target_feature(enable = $feature)])*
            #[inline(never)]
            fn enabled<const ROOM: usize, const COPIED: usize>(
                v: $vector,
                op: &$crate::simd::conv2d::Convolution<'_>,
                output: &mut [i8],
            ) -> Option<()> {
                op.run::<_, ROOM, COPIED>(v, output)
            }
            // SAFETY: the vector is proof that the machine has the features.
            unsafe { enabled::<ROOM, COPIED>(self, op, output) }
        }

        #[inline(always)]
        fn depthwise<const QUADS: usize>(self, op: &$crate::simd::depthwise_conv2d::Depthwise<'_>, output: &mut [i8]) -> Option<()> {
            $(#[target_feature(enable = $feature)])*
            #[inline(never)]
            fn enabled<const QUADS: usize>(
                v: $vector,
                op: &$crate::simd::depthwise_conv2d::Depthwise<'_>,
                output: &mut [i8],
            ) -> Option<()> {
                op.run::<_, QUADS>(v, output)
            }
            // SAFETY: the vector is proof that the machine has the features.
            unsafe { enabled::<QUADS>(self, op, output) }
        }

        #[inline(always)]
        fn bring_together(self, strip: &$crate::simd::depthwise_conv2d::Strip<'_, Self>, quads: &mut [[i8; 64]]) -> Option<()> {
            $(#[target_feature(enable = $feature)])*
            #[inline(never)]
            fn enabled(v: $vector, strip: &$crate::simd::depthwise_conv2d::Strip<'_, $vector>, quads: &mut [[i8; 64]]) -> Option<()> {
                strip.bring_together(v, quads)
            }
            // SAFETY: the vector is proof that the machine has the features.
            unsafe { enabled(self, strip, quads) }
        }

        #[inline(always)]
        fn windows<const COUNT: usize>(
            self,
            strip: &$crate::simd::depthwise_conv2d::Strip<'_, Self>,
            quads: &[[i8; 64]],
            columns: usize,
            output: &mut [i8],
        ) -> Option<()> {
            $(#[target_feature(enable = $feature)])*
            #[inline(never)]
            fn enabled<const COUNT: usize>(
                v: $vector,
                strip: &$crate::simd::depthwise_conv2d::Strip<'_, $vector>,
                quads: &[[i8; 64]],
                columns: usize,
                output: &mut [i8],
            ) -> Option<()> {
                strip.windows::<COUNT>(v, quads, columns, output)
            }
            // SAFETY: the vector is proof that the machine has the features.
            unsafe { enabled::<COUNT>(self, strip, quads, columns, output) }
        }
    };
}
pub(super) use functions_of_their_own;

/// Output channels of a vector.
pub(super) const LANES: usize = 16;

/// Constants of sixteen output channels. Those beyond the last one are zeros.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Channels {
    /// What accumulators start from.
    pub(super) bias: [i32; LANES],
    /// Multiplier.
    pub(super) multiplier_q31: [i32; LANES],
    /// Shift: to the left, before the multiplication, or where it is negative to the right, after it.
    pub(super) shift: [i32; LANES],
}

impl Channels {
    pub(super) const ZERO: Self = Self { bias: [0; LANES], multiplier_q31: [0; LANES], shift: [0; LANES] };

    /// Makes the upper half what the lower one is.
    pub(super) fn repeat_half(&mut self) {
        for constants in [&mut self.bias, &mut self.multiplier_q31, &mut self.shift] {
            constants.copy_within(..LANES / 2, LANES / 2);
        }
    }
}

/// What results are confined to.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) least: i8,
    pub(super) greatest: i8,
}

/// Greatest magnitude of sums that are said to be small.
pub(super) const SMALL: i32 = 1 << 30;

/// Vectors of an instruction set. A value of an implementing type exists only on machines that have it.
///
/// Every function is inlined into one that has the instruction set enabled; there alone it becomes the instructions that it
/// names.
pub(super) trait Vector: Copy {
    /// What dot products subtract from each x: of packed weights, those with this offset need no correction.
    const X_OFFSET: i32;

    /// Sixteen words.
    type Words: Copy;
    /// Sixteen running sums of dot products.
    type Dots: Copy;
    /// Four columns of sixteen rows of weights.
    type Weights: Copy;
    /// Four columns of x, for all rows.
    type X: Copy;
    /// Four adjacent columns of an image, each of sixteen channels.
    type Quads: Copy;
    /// Sixteen int8.
    type Bytes: Copy;
    /// Multipliers and shifts of sixteen channels, and the zero point of what they give.
    type Scales: Copy;

    /// Scales that mean nothing, for memory that is yet to be filled.
    const NO_SCALES: Self::Scales;

    /// Pixels and blocks of sixteen channels whose sums fit the registers, for an op with this many of both. A single pixel is a tile of
    /// its own, and there may be fewer blocks.
    fn tile(pixels: usize, blocks: usize) -> [usize; 2];

    /// Computes a tile of one of the sizes that `tile` names, each in a function of its own: registers are handed out per function, and
    /// badly in one that has everything.
    fn product(self, job: &Job<'_, Self>, output: &mut [i8], tile: [usize; 2]) -> Option<()>;

    /// Whether there is [`Vector::pairs`].
    const HAS_PAIRS: bool = false;

    /// Computes a tile of the most pixels by a block of at most eight channels, whose constants are there twice.
    fn pairs(self, _job: &Job<'_, Self>, _output: &mut [i8]) -> Option<()> {
        None
    }

    /// [`Convolution::run`] in a function of its own, as those below: what they need of the stack must be there when they are called.
    fn convolve<const ROOM: usize, const COPIED: usize>(self, op: &Convolution<'_>, output: &mut [i8]) -> Option<()>;

    /// [`Depthwise::run`].
    fn depthwise<const QUADS: usize>(self, op: &Depthwise<'_>, output: &mut [i8]) -> Option<()>;

    /// [`Strip::bring_together`].
    fn bring_together(self, strip: &Strip<'_, Self>, quads: &mut [[i8; 64]]) -> Option<()>;

    /// [`Strip::windows`].
    fn windows<const COUNT: usize>(self, strip: &Strip<'_, Self>, quads: &[[i8; 64]], columns: usize, output: &mut [i8]) -> Option<()>;

    /// Sums that have begun with these words.
    fn start(self, words: &[i32; LANES]) -> Self::Dots;
    fn weights(self, weights: &[i8; 64]) -> Self::Weights;

    /// Where `X_OFFSET` is not zero, sign bits are flipped, unless that has been done.
    fn x<const FLIPPED: bool>(self, x: &[i8; 4]) -> Self::X;

    /// Adds `(x - X_OFFSET) * weight` of four columns to each row's sum.
    fn dot(self, sums: Self::Dots, x: Self::X, weights: Self::Weights) -> Self::Dots;

    fn sums(self, sums: Self::Dots) -> Self::Words;

    /// Columns of zeros.
    fn quads(self) -> Self::Quads;

    /// The columns without the first one, and with one behind.
    fn push(self, quads: Self::Quads, x: &[i8; LANES]) -> Self::Quads;
    fn store(self, quads: Self::Quads) -> [i8; 64];

    /// Adds `(x - X_OFFSET) * weight` of four columns, of which each channel has its own, to each channel's sum.
    fn dot_quads(self, sums: Self::Dots, x: &[i8; 64], weights: Self::Weights) -> Self::Dots;

    /// `are_small` promises that what is rescaled is within [`SMALL`] of zero.
    fn scales(self, channels: &Channels, zero_point: i32, are_small: bool) -> Self::Scales;

    /// Differences to a zero point, raised by some bits.
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> Self::Words;
    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn subtract(self, a: Self::Words, b: Self::Words) -> Self::Words;

    /// Whether [`Vector::rescale`] and [`Vector::requantize`] take these scales.
    fn is_simple(scales: &Self::Scales) -> bool;

    /// What [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier) makes of the sums; the zero point of the
    /// scales is 0.
    fn rescale(self, sums: Self::Words, scales: &Self::Scales) -> Self::Words;

    /// The same with any scales.
    fn rescale_any(self, sums: Self::Words, scales: &Self::Scales) -> Self::Words;

    /// Rescaled sums, with the zero point added and confined to the range.
    fn requantize(self, sums: Self::Words, scales: &Self::Scales, range: &Range) -> Self::Bytes;

    /// The same with any scales.
    fn requantize_any(self, sums: Self::Words, scales: &Self::Scales, range: &Range) -> Self::Bytes;

    /// Stores the first of sixteen channels, as many as there are.
    fn put(self, q: Self::Bytes, output: &mut [i8], channels: usize) -> Option<()>;
}

/// Stores bytes that are in memory already.
#[inline(always)]
pub(super) fn put(q: [i8; LANES], output: &mut [i8], channels: usize) -> Option<()> {
    match output.first_chunk_mut() {
        Some(output) if channels == LANES => *output = q,
        _ => output.get_mut(..channels)?.copy_from_slice(q.get(..channels)?),
    }
    Some(())
}
