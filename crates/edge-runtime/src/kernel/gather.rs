//! Elements at constant indices of an axis.

use edge_format::{GatherParams, OpCode};

use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Gather, check, run };

/// Checks that the output has as many elements along the axis as there are indices, all inside the input.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: GatherParams = node.params()?;
    node.expect_inputs(2)?;
    let (x, output) = (node.input_moved(0)?, node.output_moved()?);
    node.expect_same_affine(0)?;
    let axis = params.axis as usize;
    let (Some(&size), Some(&count)) = (x.shape.dims().get(axis), output.shape.dims().get(axis)) else {
        return Err(CheckError::Param { name: "axis", found: params.axis.into() });
    };
    let (own, kept) = (x.shape.dims(), output.shape.dims());
    if own.len() != kept.len() || !(0..).zip(own.iter().zip(kept)).all(|(at, (own, kept))| at == axis || own == kept) {
        return misfit(Operand::Output, &output);
    }
    let indices = node.constant_i32(1, count as usize)?;
    match indices.iter().find(|&&index| u32::try_from(index).ok().is_none_or(|index| index >= size)) {
        Some(&index) => Err(CheckError::Param { name: "index", found: index.into() }),
        None => Ok(()),
    }
}

/// Copies the elements behind each index.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let axis = frame.params::<GatherParams>()?.axis as usize;
    let shape = frame.input_like(0)?.0;
    let size = *shape.dims().get(axis)? as usize;
    let inner = shape.dims().iter().skip(axis + 1).product::<u32>() as usize * frame.element_bytes()?;
    let node = frame.node;
    let indices = node.constant_i32(1, *frame.output_like()?.0.dims().get(axis)? as usize).ok()?;
    let x = frame.input(0)?;
    let rows = total::rows_mut(frame.into_output(), indices.len() * inner)?;
    for (output, x) in rows.zip(total::rows(x, size * inner)?) {
        for (output, &index) in total::rows_mut(output, inner)?.zip(indices) {
            total::copy(output, x.get(index as usize * inner..)?.get(..inner)?)?;
        }
    }
    Some(())
}
