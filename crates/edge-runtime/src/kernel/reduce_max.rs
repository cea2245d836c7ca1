//! Maximum over axes.

use edge_format::{OpCode, ReduceMaxParams};

use super::{Frame, Node, reduce};
use crate::{CheckError, Element, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::ReduceMax, check, run };

/// Checks the axes; input and output have the same scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: ReduceMaxParams) -> Result<(), CheckError> {
    node.expect_same_affine(0).and_then(|()| reduce::check(node, T::DTYPE, params.axes))
}

/// Compares the quantized values.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: ReduceMaxParams) -> Option<()> {
    reduce::run(frame, params.axes, T::max)
}
