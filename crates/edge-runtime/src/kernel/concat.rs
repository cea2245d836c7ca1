//! Concatenation along an axis.

use edge_format::{ConcatParams, OpCode, Shape};

use super::{Frame, Node, expect_range, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Concat, check, run };

/// Checks that the inputs agree but for the axis, along which they add up, and share the output's scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: ConcatParams = node.params()?;
    let output = node.output_moved()?;
    let axis = params.axis as usize;
    let Some(&expected) = output.shape.dims().get(axis) else {
        return Err(CheckError::Param { name: "axis", found: params.axis.into() });
    };
    let mut joined = 0u64;
    for index in 0..node.op().inputs().len() {
        let input = node.input_moved(index)?;
        node.expect_same_affine(index)?;
        let (own, all) = (input.shape.dims(), output.shape.dims());
        let agrees = own.len() == all.len() && (0..).zip(own.iter().zip(all)).all(|(at, (own, all))| at == axis || own == all);
        if !agrees {
            return misfit(Operand::Input(index as u32), &input);
        }
        joined += u64::from(own.get(axis).copied().unwrap_or_default());
    }
    expect_range("sum of dimensions", joined as i64, expected.into()..=expected.into())
}

/// Elements of one row along the axis.
fn row(shape: &Shape, axis: usize) -> usize {
    shape.dims().iter().skip(axis).product::<u32>() as usize
}

/// Copies the rows of each input to their places in the rows of the output.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let axis = frame.params::<ConcatParams>()?.axis as usize;
    let size = frame.element_bytes()?;
    let out_row = row(&frame.output_like()?.0, axis) * size;
    let node = frame.node;
    let mut start = 0;
    for index in 0..node.op().inputs().len() {
        let in_row = row(&frame.input_like(index)?.0, axis) * size;
        let x = frame.input(index)?;
        for (output, x) in total::rows_mut(&mut *frame.output, out_row)?.zip(total::rows(x, in_row)?) {
            total::copy(output.get_mut(start..)?.get_mut(..in_row)?, x)?;
        }
        start += in_row;
    }
    Some(())
}
