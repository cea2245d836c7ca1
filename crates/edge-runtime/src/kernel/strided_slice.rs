//! Every so many elements of each axis.

use edge_format::{MAX_RANK, OpCode, StridedSliceParams};

use super::strided::{self, dense_strides};
use super::{Frame, Node, misfit};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::StridedSlice, check, run };

/// Checks that the last element of each axis lies in the input.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: StridedSliceParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_moved(0)?, node.output_moved()?);
    node.expect_same_affine(0)?;
    if x.shape.rank() != output.shape.rank() {
        return misfit(Operand::Output, &output);
    }
    let axes = x.shape.dims().iter().zip(output.shape.dims()).zip(params.begin.iter().zip(params.stride));
    for ((&own, &kept), (&begin, stride)) in axes {
        if !(1..=own).contains(&stride) {
            return Err(CheckError::Param { name: "stride", found: stride.into() });
        }
        if u64::from(begin) + u64::from(kept - 1) * u64::from(stride) >= u64::from(own) {
            return misfit(Operand::Output, &output);
        }
    }
    Ok(())
}

/// Gathers each row of the output from the input.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: StridedSliceParams = frame.params()?;
    let ((x_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.output_like()?);
    let rank = out_shape.rank();
    let (mut start, mut strides) = (0, [1; MAX_RANK]);
    let walk = strides.iter_mut().zip(dense_strides(&x_shape)).zip(params.begin.iter().zip(params.stride));
    for ((step, dense), (&begin, stride)) in walk.take(rank) {
        start += begin as usize * dense;
        *step = stride as usize * dense;
    }
    strided::copy(frame, strides, start)
}
