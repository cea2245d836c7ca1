//! Softmax of int16 over the last axis, by two interpolated tables.

use edge_format::{OpCode, SoftmaxI16Params, Tensor};

use super::interpolate::{self, look_up};
use crate::arith::multiply_by_quantized_multiplier;
use crate::kernel::{Frame, Node, expect_range, expect_shift, misfit, total};
use crate::{CheckError, Element, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::SoftmaxI16, check, run };

/// Demands the scale 1/32768.
pub(super) fn expect_unit_scale(output: &Tensor<'_>) -> Result<(), CheckError> {
    let (scale, zero_point) = (output.scale, output.zero_point);
    if scale == 1.0 / 32768.0 { Ok(()) } else { Err(CheckError::Affine { operand: Operand::Output, scale, zero_point }) }
}

/// Checks that the output has scale 1/32768 and that a row's sum cannot overflow.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: SoftmaxI16Params = node.params()?;
    node.expect_inputs(3)?;
    interpolate::check(node, 1)?;
    interpolate::check(node, 2)?;
    let (x, output) = (node.input_of::<i16>(0)?, node.output_of::<i16>()?);
    let Some(&row) = x.shape.dims().last().filter(|_| x.shape == output.shape) else { return misfit(Operand::Output, &output) };
    expect_unit_scale(&output)?;
    expect_range("row", row, 1..=u16::MAX.into())?;
    expect_shift(params.shift)
}

/// Exponentials of the differences to each row's maximum, kept in the output, divided by their sum.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: SoftmaxI16Params = frame.params()?;
    let row = frame.input_like(0)?.0.dims().last().map(|&dim| dim as usize)?;
    let (exp, reciprocal) = (frame.input_of::<i16>(1)?.first_chunk()?, frame.input_of::<i16>(2)?.first_chunk()?);
    let x = frame.input_of::<i16>(0)?;
    for (x, output) in total::rows(x, row)?.zip(total::rows_mut(frame.into_output_of::<i16>()?, row)?) {
        let max = i32::from(*x.iter().max()?);
        let mut sum = 0i32;
        for (output, &x) in output.iter_mut().zip(x) {
            // The tables' inputs are symmetric: -10 to 0 is -32768 to 32767.
            let scaled = multiply_by_quantized_multiplier(i32::from(x) - max, params.multiplier_q31, params.shift);
            *output = look_up(exp, i16::saturate(scaled.saturating_add(32767)));
            sum = sum.wrapping_add((*output).into());
        }
        // The maximum itself adds one, so that there are from 1 to 17 bits above the leading one.
        let headroom = sum.leading_zeros();
        let shifted = (i64::from(sum).wrapping_shl(headroom.wrapping_sub(1)).wrapping_add(1 << 13) >> 14) as i32;
        let scale = look_up(reciprocal, i16::saturate(shifted.saturating_sub((1 << 15) + (1 << 16))));
        let right_shift = 31u32.saturating_sub(headroom).max(1);
        for output in output {
            let product = i64::from(*output) * i64::from(scale) + (1i64 << (right_shift - 1));
            *output = i16::saturate(((product >> right_shift) as i32).max(0));
        }
    }
    Some(())
}
