//! Lesser of two tensors of one scale.

use edge_format::{MinimumParams, OpCode};

use super::{Frame, Node, binary, expect_activation_of};
use crate::{CheckError, Element, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Minimum, check, run };

/// Checks that shapes broadcast and that all three tensors have one scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: MinimumParams) -> Result<(), CheckError> {
    binary::check(node, T::DTYPE)?;
    node.expect_same_affine(0)?;
    node.expect_same_affine(1)?;
    expect_activation_of::<T>(params.activation_min, params.activation_max)
}

/// Compares the quantized values.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: MinimumParams) -> Option<()> {
    binary::run::<T>(frame, (params.activation_min, params.activation_max), i32::min)
}
