//! Difference of two tensors.

use edge_format::SubParams;

use super::binary::{self, Op};
use super::vector::Vector;
use crate::kernel::{Frame, sub};

/// As the reference kernel.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let params: SubParams = frame.params()?;
    binary::run(v, frame, params.into(), Op::Subtract, sub::run)
}
