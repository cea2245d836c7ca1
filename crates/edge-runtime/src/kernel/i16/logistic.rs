//! `1 / (1 + exp(-x))` of int16.

use edge_format::{LogisticI16Params, OpCode};

use super::sigmoid;
use crate::kernel::{Frame, Node};
use crate::table::Sigmoid;
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::LogisticI16, check, run };

/// The input's unit is 1 / 12288, and the table's 1 / 24.
const BITS: u32 = 9;

/// Checks operands and parameters.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: LogisticI16Params = node.params()?;
    sigmoid::check(node, params.multiplier, params.right_shift)
}

/// Interpolates the table at the magnitude; the function is symmetric about one half.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let LogisticI16Params { multiplier, right_shift } = frame.params()?;
    sigmoid::run(frame, (multiplier, right_shift), of)
}

/// The function of a number in 1 / 12288, in 1 / 2^15.
#[inline(always)]
pub(in crate::kernel) fn of(table: &Sigmoid, x: i32) -> i16 {
    let of_magnitude = sigmoid::interpolate(table, x.unsigned_abs(), BITS).unwrap_or(0x7FFF << 10);
    let half = 1 << BITS;
    let y = if x >= 0 { of_magnitude.wrapping_add(half) } else { (1u32 << (16 + BITS)).wrapping_sub(of_magnitude).wrapping_add(half - 1) };
    (y >> (BITS + 1)) as i16
}
