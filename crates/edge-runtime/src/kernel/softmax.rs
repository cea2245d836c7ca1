//! Softmax over the last axis, in fixed point.

use edge_format::{OpCode, SoftmaxParams};

use super::{Frame, Node, expect_range, misfit, total};
use crate::arith::{rounding_divide_by_pot, saturating_rounding_doubling_high_mul};
use crate::fixed_point::{exp_on_negative_values, reciprocal};
use crate::prepare::SOFTMAX_INTEGER_BITS;
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Softmax, check, run };

/// Integer bits of the sum of exponentials.
pub(super) const SUM_INTEGER_BITS: u32 = 12;

/// Checks that the output has scale 1/256 and zero point -128 and that a row's sum cannot overflow.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: SoftmaxParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_i8(0)?, node.output_i8()?);
    let Some(&row) = x.shape.dims().last().filter(|_| x.shape == output.shape) else { return misfit(Operand::Output, &output) };
    if (output.scale.to_bits(), output.zero_point) != ((1.0f32 / 256.0).to_bits(), -128) {
        let (scale, zero_point) = (output.scale, output.zero_point);
        return Err(CheckError::Affine { operand: Operand::Output, scale, zero_point });
    }
    expect_range("row", row, 1..=(1 << SUM_INTEGER_BITS) - 1)?;
    expect_range("left_shift", params.left_shift, 0..=31)?;
    expect_range("diff_min", params.diff_min, i32::MIN..=0)
}

/// The exponential of a difference to the row's maximum; `None` where it is below `diff_min`.
#[inline(always)]
pub(super) fn exp(difference: i32, diff_min: i32, multiplier_q31: i32, left_shift: u32) -> Option<i32> {
    let scaled = || saturating_rounding_doubling_high_mul(difference.wrapping_shl(left_shift), multiplier_q31);
    (difference >= diff_min).then(|| exp_on_negative_values(scaled(), SOFTMAX_INTEGER_BITS))
}

/// The sum of a row's exponentials, with [`SUM_INTEGER_BITS`].
#[inline(always)]
pub(super) fn sum(exponentials: impl Iterator<Item = i32>) -> i32 {
    exponentials.map(|exp| rounding_divide_by_pot(exp, SUM_INTEGER_BITS)).fold(0, i32::wrapping_add)
}

/// Exponentials of the differences to each row's maximum, divided by their sum.
#[inline(always)]
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: SoftmaxParams = frame.params()?;
    let row = frame.input_like(0)?.0.dims().last().map(|&dim| dim as usize)?;
    let x = frame.input(0)?;
    for (x, output) in total::rows(x, row)?.zip(total::rows_mut(frame.into_output(), row)?) {
        let max = i32::from(*x.iter().max()?);
        let exp = |x: i8| exp(i32::from(x) - max, params.diff_min, params.multiplier_q31, params.left_shift);
        // The maximum itself adds one, so that the sum is positive.
        let (reciprocal, bits) = reciprocal(sum(x.iter().filter_map(|&x| exp(x))).cast_unsigned());
        let exponent = SUM_INTEGER_BITS.wrapping_add(bits).wrapping_sub(8);
        for (output, &x) in output.iter_mut().zip(x) {
            *output = exp(x).map_or(i8::MIN, |exp| {
                let quotient = saturating_rounding_doubling_high_mul(reciprocal, exp);
                // Beyond 31 bits even a quotient of one is less than half a unit of the output.
                let q = if exponent > 31 { 0 } else { rounding_divide_by_pot(quotient, exponent) };
                q.saturating_sub(128).clamp(i8::MIN.into(), i8::MAX.into()) as i8
            });
        }
    }
    Some(())
}
