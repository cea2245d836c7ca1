//! Hyperbolic tangent of int16: `2 / (1 + exp(-2 x)) - 1`.

use edge_format::{OpCode, TanhI16Params};

use super::sigmoid;
use crate::kernel::{Frame, Node};
use crate::table::Sigmoid;
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::TanhI16, check, run };

/// The input's unit is 1 / 12288, and the table's 1 / 48 where it is read at twice the argument.
const BITS: u32 = 8;

/// Checks operands and parameters.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: TanhI16Params = node.params()?;
    sigmoid::check(node, params.multiplier, params.right_shift)
}

/// Interpolates the table at the magnitude; the function is symmetric about zero.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let TanhI16Params { multiplier, right_shift } = frame.params()?;
    sigmoid::run(frame, (multiplier, right_shift), of)
}

/// The function of a number in 1 / 12288, in 1 / 2^15.
#[inline(always)]
pub(in crate::kernel) fn of(table: &Sigmoid, x: i32) -> i16 {
    // One half is taken off here, and the doubling is in the output's unit.
    let sigmoid = sigmoid::interpolate(table, x.unsigned_abs(), BITS).unwrap_or(0xFFFF << BITS);
    let above_half = sigmoid.cast_signed().wrapping_sub(1 << (15 + BITS));
    let half = 1 << (BITS - 1);
    let y = if x >= 0 { above_half.wrapping_add(half) } else { (half - 1i32).wrapping_sub(above_half) };
    (y >> BITS) as i16
}
