//! From accumulators to int8, per output channel: the last step of convolutions and fully connected layers.

use super::dot::ROWS;
use super::{Frame, Node, expect_activation, expect_shift};
use crate::CheckError;
use crate::affine::Affine;
use crate::arith::{SHIFTS, multiply_by_quantized_multiplier};

/// Channels whose accumulators are kept at once.
pub(super) const BLOCK: usize = 16;

/// First of the three inputs that hold bias, multiplier and shift of each output channel.
const FIRST_INPUT: usize = 2;

/// Bias, multiplier and shift per output channel; zero point and range of the output.
pub(crate) struct Requantize<'a> {
    pub(crate) bias: &'a [i32],
    pub(crate) multiplier_q31: &'a [i32],
    pub(crate) shift: &'a [i32],
    pub(crate) output: Affine,
    pub(crate) activation: (i32, i32),
}

/// Checks inputs 2, 3 and 4 and the activation's range.
pub(super) fn check(node: &Node<'_>, channels: usize, activation: (i32, i32)) -> Result<(), CheckError> {
    node.constant_i32(FIRST_INPUT, channels)?;
    node.constant_i32(FIRST_INPUT + 1, channels)?;
    node.constant_i32(FIRST_INPUT + 2, channels)?.iter().try_for_each(|&shift| expect_shift(shift))?;
    expect_activation(activation.0, activation.1)
}

impl<'a> Requantize<'a> {
    #[cfg_attr(not(target_os = "none"), inline)]
    pub(crate) fn new(frame: &Frame<'a, '_>, activation: (i32, i32)) -> Option<Self> {
        Some(Self {
            bias: frame.node.words(FIRST_INPUT)?,
            multiplier_q31: frame.node.words(FIRST_INPUT + 1)?,
            shift: frame.node.words(FIRST_INPUT + 2)?,
            output: frame.output_like()?.1,
            activation,
        })
    }

    /// Fills `output` with the channels from `first` on, whose accumulators `sums_of(channel, count)` gives for `count` of
    /// them at a time.
    ///
    /// Blocks of them are kept before any is used: what was just written in parts cannot yet be read as a vector.
    #[inline(always)]
    pub(super) fn fill(&self, first: usize, output: &mut [i8], sums_of: impl Fn(usize, usize) -> Option<[i32; ROWS]>) -> Option<()> {
        for (block, output) in output.chunks_mut(BLOCK).enumerate() {
            let first = first + block * BLOCK;
            let mut sums = [[0i32; ROWS]; BLOCK / ROWS];
            for (index, sums) in sums.iter_mut().enumerate().take(output.len().div_ceil(ROWS)) {
                *sums = sums_of(first + index * ROWS, (output.len() - index * ROWS).min(ROWS))?;
            }
            self.store(first, sums.as_flattened_mut(), output)?;
        }
        Some(())
    }

    /// Stores the accumulators of the channels from `first` on, which it leaves requantized.
    ///
    /// Two loops, because the second one has no branches and becomes vectors.
    #[inline]
    pub(crate) fn store(&self, first: usize, sums: &mut [i32], output: &mut [i8]) -> Option<()> {
        let constants = self.bias.get(first..)?.iter().zip(self.multiplier_q31.get(first..)?).zip(self.shift.get(first..)?);
        for (sum, ((bias, &multiplier_q31), &shift)) in sums.iter_mut().zip(constants) {
            if !SHIFTS.contains(&shift) {
                return None;
            }
            *sum = multiply_by_quantized_multiplier(sum.wrapping_add(*bias), multiplier_q31, shift);
        }
        let Affine { zero_point, .. } = self.output;
        let (least, greatest) = (self.activation.0 - zero_point, self.activation.1 - zero_point);
        for (output, sum) in output.iter_mut().zip(sums) {
            *output = ((*sum).max(least).min(greatest) + zero_point) as i8;
        }
        Some(())
    }
}
