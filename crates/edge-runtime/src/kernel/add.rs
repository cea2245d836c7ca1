//! Sum of two tensors of different scales; also the arithmetic of their difference.

use edge_format::{AddParams, OpCode};

use super::{Frame, Node, binary, expect_activation_of, expect_range, expect_shift};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Element, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Add, check, run };

/// Checks that shapes broadcast and that shifts are in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

/// Brings both inputs to a common scale, and their sum to the output's.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: AddParams) -> Result<(), CheckError> {
    binary::check(node, T::DTYPE)?;
    // Inputs of one bit more than the type has, for their zero points, stay within a word when they are raised by this much.
    expect_range("left_shift", params.left_shift, 0..=(T::GREATEST as u32).leading_zeros() - 2)?;
    [params.input1_shift, params.input2_shift, params.output_shift].into_iter().try_for_each(expect_shift)?;
    expect_activation_of::<T>(params.activation_min, params.activation_max)
}

pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: AddParams) -> Option<()> {
    combine::<T>(frame, params, i32::wrapping_add)
}

/// Brings both inputs to a common scale, and what `op` makes of them to the output's.
pub(super) fn combine<T: Element>(frame: Frame<'_, '_>, params: AddParams, op: impl Fn(i32, i32) -> i32) -> Option<()> {
    let [a_zero, b_zero] = [frame.input_like(0)?, frame.input_like(1)?].map(|(_, affine)| affine.zero_point);
    let out_zero = frame.output_like()?.1.zero_point;
    binary::run::<T>(frame, (params.activation_min, params.activation_max), |a, b| {
        let a = a.wrapping_sub(a_zero).wrapping_shl(params.left_shift);
        let b = b.wrapping_sub(b_zero).wrapping_shl(params.left_shift);
        let a = multiply_by_quantized_multiplier(a, params.input1_multiplier_q31, params.input1_shift);
        let b = multiply_by_quantized_multiplier(b, params.input2_multiplier_q31, params.input2_shift);
        let q = multiply_by_quantized_multiplier(op(a, b), params.output_multiplier_q31, params.output_shift);
        q.saturating_add(out_zero)
    })
}
