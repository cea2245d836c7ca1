//! Logarithm of the softmax over the last axis, in fixed point.

use edge_format::{LogSoftmaxParams, OpCode};

use super::softmax::{SUM_INTEGER_BITS, exp, sum};
use super::{Frame, Node, expect_range, expect_shift, misfit, total};
use crate::arith::{multiply_by_quantized_multiplier, rounding_divide_by_pot, saturating_rounding_doubling_high_mul};
use crate::fixed_point::ln;
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::LogSoftmax, check, run };

/// From 26 fractional bits to the output's 4.
const OUTPUT_SHIFT: u32 = 22;

/// Checks that the output has scale 1/16 and zero point 127 and that a row's sum cannot overflow.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: LogSoftmaxParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_i8(0)?, node.output_i8()?);
    let Some(&row) = x.shape.dims().last().filter(|_| x.shape == output.shape) else { return misfit(Operand::Output, &output) };
    if (output.scale, output.zero_point) != (1.0 / 16.0, 127) {
        let (scale, zero_point) = (output.scale, output.zero_point);
        return Err(CheckError::Affine { operand: Operand::Output, scale, zero_point });
    }
    expect_range("row", row, 1..=(1 << SUM_INTEGER_BITS) - 1)?;
    expect_range("left_shift", params.left_shift, 0..=31)?;
    expect_shift(params.reverse_shift)?;
    expect_range("diff_min", params.diff_min, i32::MIN + 1..=0)
}

/// Differences to each row's maximum, less the logarithm of the sum of their exponentials.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let LogSoftmaxParams { multiplier_q31, left_shift, reverse_multiplier_q31, reverse_shift, diff_min } = frame.params()?;
    let row = frame.input_like(0)?.0.dims().last().map(|&dim| dim as usize)?;
    let x = frame.input(0)?;
    for (x, output) in total::rows(x, row)?.zip(total::rows_mut(frame.into_output(), row)?) {
        let max = i32::from(*x.iter().max()?);
        let exponentials = x.iter().filter_map(|&x| exp(i32::from(x) - max, diff_min, multiplier_q31, left_shift));
        let ln_of_sum = ln(sum(exponentials));
        // Below this, the difference less the logarithm leaves the word.
        let least = multiply_by_quantized_multiplier(ln_of_sum.wrapping_add(i32::MIN), reverse_multiplier_q31, reverse_shift);
        let least = least.max(diff_min.wrapping_sub(1));
        for (output, &x) in output.iter_mut().zip(x) {
            let difference = i32::from(x).wrapping_sub(max);
            *output = if difference > least {
                let scaled = saturating_rounding_doubling_high_mul(difference.wrapping_shl(left_shift), multiplier_q31);
                let q = rounding_divide_by_pot(scaled.wrapping_sub(ln_of_sum), OUTPUT_SHIFT);
                q.saturating_add(127).clamp(i8::MIN.into(), i8::MAX.into()) as i8
            } else {
                i8::MIN
            };
        }
    }
    Some(())
}
