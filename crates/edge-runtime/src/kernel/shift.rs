//! A window that slides over a sequence: new elements push out the oldest.

use edge_format::{OpCode, Shape, ShiftParams};

use super::total::{copy, rows, rows_mut};
use super::{Frame, Node, misfit};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Shift, check, run };

/// Checks that input and windows agree but for the axis, along which the windows are equal and at least as long as the input.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: ShiftParams = node.params()?;
    node.expect_inputs(2)?;
    let (x, window, output) = (node.input_i8(0)?, node.input_i8(1)?, node.output_i8()?);
    if window.shape != output.shape {
        return misfit(Operand::Output, &output);
    }
    node.expect_same_affine(0)?;
    node.expect_same_affine(1)?;
    let axis = params.axis as usize;
    if axis >= x.shape.rank() {
        return Err(CheckError::Param { name: "axis", found: params.axis.into() });
    }
    let (new, all) = (x.shape.dims(), window.shape.dims());
    let agrees = (0..).zip(new.iter().zip(all)).all(|(at, (new, all))| new == all || at == axis && new < all);
    if new.len() != all.len() || !agrees {
        return misfit(Operand::Input(0), &x);
    }
    Ok(())
}

/// Bytes of one stretch along the axis.
fn stretch(shape: &Shape, axis: usize) -> usize {
    shape.dims().iter().skip(axis).product::<u32>() as usize
}

/// Moves each stretch of the window to the front, and appends that of the input.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let axis = frame.params::<ShiftParams>()?.axis as usize;
    let (new, all) = (stretch(&frame.input_like(0)?.0, axis), stretch(&frame.output_like()?.0, axis));
    let x = frame.input(0)?;
    let kept = all.checked_sub(new)?;
    for (window, x) in rows_mut(frame.into_output(), all)?.zip(rows(x, new)?) {
        let mut rest = window;
        // Forward, each element from where it will be overwritten later or never.
        for _ in 0..kept {
            let moved = *rest.get(new)?;
            let (first, others) = rest.split_first_mut()?;
            *first = moved;
            rest = others;
        }
        copy(rest, x)?;
    }
    Some(())
}
