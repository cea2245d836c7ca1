//! Difference of two tensors of different scales: addition's arithmetic with another sign.

use edge_format::{OpCode, SubParams};

use super::{Frame, Node, add};
use crate::{CheckError, Element, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Sub, check, run };

/// Checks that shapes broadcast and that shifts are in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: SubParams) -> Result<(), CheckError> {
    add::check_as::<T>(node, params.into())
}

/// Brings both inputs to a common scale, and their difference to the output's.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: SubParams) -> Option<()> {
    add::combine::<T>(frame, params.into(), i32::wrapping_sub)
}
