//! Every so many elements of each axis.

use edge_format::{MAX_RANK, OpCode, StridedSliceParams};

use super::strided::{Offsets, dense_strides, dims};
use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::StridedSlice, check, run };

/// Checks that the last element of each axis lies in the input.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: StridedSliceParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_i8(0)?, node.output_i8()?);
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
    let inner = rank.saturating_sub(1);
    let (row, step) = (*dims(&out_shape).get(inner)?, *strides.get(inner)?);
    let rows = Offsets::new(inner, dims(&out_shape), strides, start);
    let x = frame.input(0)?;
    for (output, offset) in total::rows_mut(frame.into_output(), row)?.zip(rows) {
        let x = x.get(offset..)?;
        if step == 1 {
            total::copy(output, x.get(..row)?)?;
        } else {
            output.iter_mut().zip(total::every(x, step)?).for_each(|(output, &x)| *output = x);
        }
    }
    Some(())
}
