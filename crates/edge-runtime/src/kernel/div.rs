//! Quotient of two tensors of different scales.

use edge_format::{DType, DivParams, OpCode};

use super::{Frame, Node, binary, expect_activation, expect_shift};
use crate::arith::{rounding_divide_by_pot, saturating_left_shift, saturating_rounding_doubling_high_mul};
use crate::fixed_point::reciprocal;
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Div, check, run };

/// Checks that shapes broadcast and that the shift is in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: DivParams = node.params()?;
    binary::check(node, DType::I8)?;
    expect_shift(params.shift)?;
    expect_activation(params.activation_min, params.activation_max)
}

/// Multiplies by the reciprocal of the divisor and requantizes.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: DivParams = frame.params()?;
    let [a_zero, b_zero] = [frame.input_like(0)?, frame.input_like(1)?].map(|(_, affine)| affine.zero_point);
    let out_zero = frame.output_like()?.1.zero_point;
    binary::run::<i8>(frame, (params.activation_min, params.activation_max), |a, b| {
        quotient(a.wrapping_sub(a_zero), b.wrapping_sub(b_zero), &params).saturating_add(out_zero)
    })
}

/// `a / b`, requantized. By zero, the greatest number of the sign of `a`; zero is zero.
///
/// Where `a` is small against `b`, the last shift is by more than a word: TensorFlow Lite leaves it undefined, here it gives zero.
fn quotient(a: i32, b: i32, params: &DivParams) -> i32 {
    if b == 0 {
        return i32::MAX.wrapping_mul(a.signum());
    }
    let a = if b < 0 { a.wrapping_neg() } else { a };
    let (reciprocal, bits) = reciprocal(b.unsigned_abs());
    // All of the word counts: `a` is shifted to its top, and the result back.
    let headroom = if a < 0 { a.leading_ones() } else { a.leading_zeros() }.saturating_sub(1);
    let unscaled = saturating_rounding_doubling_high_mul(a.wrapping_shl(headroom), reciprocal);
    let scaled = saturating_rounding_doubling_high_mul(unscaled, params.multiplier_q31);
    let exponent = params.shift.wrapping_sub_unsigned(bits).wrapping_sub_unsigned(headroom);
    match u32::try_from(exponent) {
        Ok(left) => saturating_left_shift(scaled, left),
        Err(_) if exponent < -31 => 0,
        Err(_) => rounding_divide_by_pot(scaled, exponent.unsigned_abs()),
    }
}
