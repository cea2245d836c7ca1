//! Mean over axes.

use edge_format::{MeanParams, OpCode};

use super::reduce::{self, BLOCK};
use super::{Frame, Node, expect_shift, total};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Element, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Mean, check, run };

/// Checks the axes and the shift.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: MeanParams) -> Result<(), CheckError> {
    reduce::check(node, T::DTYPE, params.axes)?;
    expect_shift(params.shift)
}

/// Sums blocks of adjacent outputs and requantizes, the division being part of the multiplier.
#[inline(always)]
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

#[inline(always)]
pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: MeanParams) -> Option<()> {
    let ((shape, x_affine), (_, out_affine)) = (frame.input_like(0)?, frame.output_like()?);
    let (kept, inner, reduced) = reduce::split(&shape, params.axes)?;
    let count = reduced.elements();
    let bias = (count as i32).wrapping_mul(x_affine.zero_point);
    let x = frame.input_of::<T>(0)?;
    let rows = total::rows_mut(frame.into_output_of::<T>()?, inner)?;

    for (start, output) in kept.offsets(0).zip(rows) {
        for (block, output) in output.chunks_mut(BLOCK).enumerate() {
            let mut sums = [0i32; BLOCK];
            let outputs = output.len();
            reduced.visit(start + block * BLOCK, |offset| reduce::add(&mut sums, x.get(offset..)?, outputs))?;
            let store = |output: &mut [T]| {
                for (output, sum) in output.iter_mut().zip(sums) {
                    let q = multiply_by_quantized_multiplier(sum.wrapping_sub(bias), params.multiplier_q31, params.shift);
                    *output = T::saturate(q.saturating_add(out_affine.zero_point));
                }
            };
            // Of a length that the compiler knows, they become vectors.
            match output.first_chunk_mut::<BLOCK>() {
                Some(output) if cfg!(not(target_os = "none")) => store(output),
                _ => store(output),
            }
        }
    }
    Some(())
}
