//! Permutation of axes.

use edge_format::{MAX_RANK, OpCode, TransposeParams};

use super::strided::{self, dense_strides};
use super::{Frame, Node, misfit};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Transpose, check, run };

/// Checks that `perm` is a permutation and that the output has the permuted dimensions.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: TransposeParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_moved(0)?, node.output_moved()?);
    node.expect_same_affine(0)?;
    if x.shape.rank() != output.shape.rank() {
        return misfit(Operand::Output, &output);
    }
    let mut seen = 0u32;
    for (&dim, axis) in output.shape.dims().iter().zip(params.perm) {
        let Some(&own) = x.shape.dims().get(axis as usize) else {
            return Err(CheckError::Param { name: "perm", found: axis.into() });
        };
        if seen >> axis & 1 == 1 {
            return Err(CheckError::Param { name: "perm", found: axis.into() });
        }
        seen |= 1 << axis;
        if own != dim {
            return misfit(Operand::Output, &output);
        }
    }
    Ok(())
}

/// Gathers each row of the output from the input.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: TransposeParams = frame.params()?;
    let ((x_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.output_like()?);
    let dense = dense_strides(&x_shape);
    let mut strides = [1; MAX_RANK];
    for (stride, axis) in strides.iter_mut().zip(params.perm).take(out_shape.rank()) {
        *stride = *dense.get(axis as usize)?;
    }
    strided::copy(frame, strides, 0)
}
