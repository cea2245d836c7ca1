//! Sum of two tensors.

use super::binary::{self, Op};
use super::vector::Vector;
use crate::kernel::{Frame, add};

/// As the reference kernel.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    binary::run(v, frame, params, Op::Add, add::run)
}
