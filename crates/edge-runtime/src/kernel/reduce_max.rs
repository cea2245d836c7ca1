//! Maximum over axes.

use edge_format::{OpCode, ReduceMaxParams};

use super::{Frame, Node, reduce};
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::ReduceMax, check, run };

/// Checks the axes; input and output have the same scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: ReduceMaxParams = node.params()?;
    node.expect_same_affine(0).and_then(|()| reduce::check(node, params.axes))
}

/// Compares the quantized values.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: ReduceMaxParams = frame.params()?;
    reduce::run(frame, params.axes, i8::max)
}
