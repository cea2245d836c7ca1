//! Product of two tensors of different scales.

use edge_format::{MulParams, OpCode};

use super::{Frame, Node, binary, expect_activation_of, expect_shift};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Element, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Mul, check, run };

/// Checks that shapes broadcast and that the shift is in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: MulParams) -> Result<(), CheckError> {
    binary::check(node, T::DTYPE)?;
    expect_shift(params.shift)?;
    expect_activation_of::<T>(params.activation_min, params.activation_max)
}

/// Multiplies and requantizes.
#[inline(always)]
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

#[inline(always)]
pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: MulParams) -> Option<()> {
    let [a_zero, b_zero] = [frame.input_like(0)?, frame.input_like(1)?].map(|(_, affine)| affine.zero_point);
    let out_zero = frame.output_like()?.1.zero_point;
    binary::run::<T>(frame, (params.activation_min, params.activation_max), |a, b| {
        let product = a.wrapping_sub(a_zero).wrapping_mul(b.wrapping_sub(b_zero));
        multiply_by_quantized_multiplier(product, params.multiplier_q31, params.shift).saturating_add(out_zero)
    })
}
