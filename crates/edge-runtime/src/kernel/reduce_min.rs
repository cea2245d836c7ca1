//! Minimum over axes.

use edge_format::{OpCode, ReduceMinParams};

use super::{Frame, Node, reduce};
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::ReduceMin, check, run };

/// Checks the axes; input and output have the same scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: ReduceMinParams = node.params()?;
    node.expect_same_affine(0).and_then(|()| reduce::check(node, params.axes))
}

/// Compares the quantized values.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: ReduceMinParams = frame.params()?;
    reduce::run(frame, params.axes, i8::min)
}
