//! Difference of two tensors of different scales: addition's arithmetic with another sign.

use edge_format::{OpCode, SubParams};

use super::{Frame, Node, add};
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Sub, check, run };

/// Checks that shapes broadcast and that shifts are in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: SubParams = node.params()?;
    add::check_params(node, params.into())
}

/// Brings both inputs to a common scale, and their difference to the output's.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: SubParams = frame.params()?;
    add::combine(frame, params.into(), i32::wrapping_sub)
}
