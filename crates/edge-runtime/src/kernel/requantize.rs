//! From accumulators to int8, per output channel: the last step of convolutions and fully connected layers.

use super::{Frame, Node, expect_activation, expect_shift};
use crate::CheckError;
use crate::affine::Affine;
use crate::arith::multiply_by_quantized_multiplier;

/// First of the three inputs that hold bias, multiplier and shift of each output channel.
const FIRST_INPUT: usize = 2;

/// Bias, multiplier and shift per output channel; zero point and range of the output.
pub(super) struct Requantize<'a> {
    bias: &'a [i32],
    multiplier_q31: &'a [i32],
    shift: &'a [i32],
    output: Affine,
    activation: (i32, i32),
}

/// Checks inputs 2, 3 and 4 and the activation's range.
pub(super) fn check(node: &Node<'_>, channels: usize, activation: (i32, i32)) -> Result<(), CheckError> {
    node.constant_i32(FIRST_INPUT, channels)?;
    node.constant_i32(FIRST_INPUT + 1, channels)?;
    node.constant_i32(FIRST_INPUT + 2, channels)?.iter().try_for_each(|&shift| expect_shift(shift))?;
    expect_activation(activation.0, activation.1)
}

impl<'a> Requantize<'a> {
    pub(super) fn new(frame: &Frame<'a, '_>, activation: (i32, i32)) -> Option<Self> {
        let constant = |index| frame.node.input(index).ok()?.constant_i32();
        Some(Self {
            bias: constant(FIRST_INPUT)?,
            multiplier_q31: constant(FIRST_INPUT + 1)?,
            shift: constant(FIRST_INPUT + 2)?,
            output: frame.output_like()?.1,
            activation,
        })
    }

    /// Stores the accumulators of the channels from `first` on.
    #[inline(always)]
    pub(super) fn store(&self, first: usize, sums: &[i32], output: &mut [i8]) -> Option<()> {
        let constants = self.bias.get(first..)?.iter().zip(self.multiplier_q31.get(first..)?).zip(self.shift.get(first..)?);
        for ((output, sum), ((bias, &multiplier_q31), &shift)) in output.iter_mut().zip(sums).zip(constants) {
            let q = multiply_by_quantized_multiplier(sum.wrapping_add(*bias), multiplier_q31, shift);
            let q = q.saturating_add(self.output.zero_point);
            *output = q.max(self.activation.0).min(self.activation.1) as i8;
        }
        Some(())
    }
}
