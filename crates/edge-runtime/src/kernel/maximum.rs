//! Greater of two tensors of one scale.

use edge_format::{MaximumParams, OpCode};

use super::{Frame, Node, binary, expect_activation};
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Maximum, check, run };

/// Checks that shapes broadcast and that all three tensors have one scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: MaximumParams = node.params()?;
    binary::check(node)?;
    node.expect_same_affine(0)?;
    node.expect_same_affine(1)?;
    expect_activation(params.activation_min, params.activation_max)
}

/// Compares the quantized values.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: MaximumParams = frame.params()?;
    binary::run(frame, (params.activation_min, params.activation_max), i32::max)
}
