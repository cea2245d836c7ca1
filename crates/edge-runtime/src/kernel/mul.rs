//! Product of two tensors of different scales.

use edge_format::{MulParams, OpCode};

use super::{Frame, Node, binary, expect_activation, expect_shift};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Mul, check, run };

/// Checks that shapes broadcast and that the shift is in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: MulParams = node.params()?;
    binary::check(node)?;
    expect_shift(params.shift)?;
    expect_activation(params.activation_min, params.activation_max)
}

/// Multiplies and requantizes.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: MulParams = frame.params()?;
    let [a_zero, b_zero] = [frame.input_like(0)?, frame.input_like(1)?].map(|(_, affine)| affine.zero_point);
    let out_zero = frame.output_like()?.1.zero_point;
    binary::run(frame, (params.activation_min, params.activation_max), |a, b| {
        let product = a.wrapping_sub(a_zero).wrapping_mul(b.wrapping_sub(b_zero));
        multiply_by_quantized_multiplier(product, params.multiplier_q31, params.shift).saturating_add(out_zero)
    })
}
