//! What the kernels need of an instruction set: sixteen output channels at a time.

use super::depthwise_conv2d::{Block, Target};
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

/// Output channels of a vector.
pub(super) const LANES: usize = 16;

/// Constants of sixteen output channels, prepared for one op. Channels beyond the last one have zeros.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Channels {
    /// What accumulators start from.
    pub(super) bias: [i32; LANES],
    /// Multiplier.
    pub(super) multiplier_q31: [i32; LANES],
    /// Shift to the left, before the multiplication.
    pub(super) left: [i32; LANES],
    /// Shift to the right, after it.
    pub(super) right: [i32; LANES],
}

impl Channels {
    pub(super) const ZERO: Self = Self { bias: [0; LANES], multiplier_q31: [0; LANES], left: [0; LANES], right: [0; LANES] };
}

/// Zero point of an output and the range of its values before that is added.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) zero_point: i32,
    pub(super) least: i32,
    pub(super) greatest: i32,
}

/// Vectors of an instruction set. A value of an implementing type exists only on machines that have it.
///
/// Every function is inlined into one that has the instruction set enabled; there alone it becomes the instructions that it
/// names.
pub(super) trait Vector: Copy {
    /// What `dot` subtracts from each x: of packed weights, those with this offset need no correction.
    const X_OFFSET: i32;

    /// Sixteen words.
    type Words: Copy;
    /// Sixteen running sums of dot products.
    type Dots: Copy;
    /// Four columns of sixteen rows of weights.
    type Weights: Copy;
    /// Four columns of x, for all rows.
    type X: Copy;
    /// Sixteen channels of x, widened.
    type Wide: Copy;
    /// Sixteen channels of a depthwise filter's tap.
    type Tap: Copy;
    /// Multipliers and shifts of sixteen channels.
    type Scales: Copy;

    /// Pixels and blocks of sixteen channels whose sums fit the registers, for an op with this many of both.
    fn tile(pixels: usize, blocks: usize) -> [usize; 2];

    /// Computes a tile of one of the sizes that `tile` names, each in a function of its own.
    fn run(self, job: &Job<'_>, output: &mut [i8], tile: [usize; 2]) -> Option<()>;

    /// [`Block::run`] in a function of its own: registers are handed out per function, and badly in one that has everything.
    fn depthwise<const ROWS: usize, const COLUMNS: usize>(self, block: &Block<'_>, target: &mut Target<'_>) -> Option<()>;

    fn words(self, words: &[i32; LANES]) -> Self::Words;

    /// Sums that have begun with these words.
    fn start(self, words: Self::Words) -> Self::Dots;
    fn weights(self, weights: &[i8; 64]) -> Self::Weights;
    fn x(self, x: [i8; 4]) -> Self::X;

    /// Adds `(x - X_OFFSET) * weight` of four columns to each row's sum.
    fn dot(self, sums: Self::Dots, x: Self::X, weights: Self::Weights) -> Self::Dots;
    fn sums(self, sums: Self::Dots) -> Self::Words;

    fn wide(self, x: &[i8; LANES]) -> Self::Wide;
    fn tap(self, tap: &[i16; LANES]) -> Self::Tap;

    /// Adds `x * tap` channel by channel.
    fn multiply_add(self, sums: Self::Words, x: Self::Wide, tap: Self::Tap) -> Self::Words;

    fn scales(self, channels: &Channels) -> Self::Scales;

    /// Differences to a zero point, raised by some bits.
    fn raised(self, x: &[i8; LANES], zero_point: i32, left_shift: u32) -> Self::Words;
    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn subtract(self, a: Self::Words, b: Self::Words) -> Self::Words;

    /// What [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier) makes of the sums.
    fn rescale(self, sums: Self::Words, scales: &Self::Scales) -> Self::Words;

    /// Rescaled sums, confined to the range, as int8.
    fn requantize(self, sums: Self::Words, scales: &Self::Scales, range: &Range) -> [i8; LANES];
}
