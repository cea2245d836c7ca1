//! Difference of two tensors of different scales.

use edge_format::{OpCode, SubParams};

use super::{Frame, Node, binary, expect_activation, expect_range, expect_shift};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Sub, check, run };

/// Checks that shapes broadcast and that shifts are in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: SubParams = node.params()?;
    binary::check(node)?;
    // Inputs of 9 bits, raised by this much, stay within a word.
    expect_range("left_shift", params.left_shift, 0..=22)?;
    [params.input1_shift, params.input2_shift, params.output_shift].into_iter().try_for_each(expect_shift)?;
    expect_activation(params.activation_min, params.activation_max)
}

/// Brings both inputs to a common scale, and their difference to the output's.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: SubParams = frame.params()?;
    let [a_zero, b_zero] = [frame.input_like(0)?, frame.input_like(1)?].map(|(_, affine)| affine.zero_point);
    let out_zero = frame.output_like()?.1.zero_point;
    binary::run(frame, (params.activation_min, params.activation_max), |a, b| {
        let a = a.wrapping_sub(a_zero).wrapping_shl(params.left_shift);
        let b = b.wrapping_sub(b_zero).wrapping_shl(params.left_shift);
        let a = multiply_by_quantized_multiplier(a, params.input1_multiplier_q31, params.input1_shift);
        let b = multiply_by_quantized_multiplier(b, params.input2_multiplier_q31, params.input2_shift);
        let difference = a.wrapping_sub(b);
        let q = multiply_by_quantized_multiplier(difference, params.output_multiplier_q31, params.output_shift);
        q.saturating_add(out_zero)
    })
}
