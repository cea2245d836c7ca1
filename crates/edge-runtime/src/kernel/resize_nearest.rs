//! Rows and columns of images by index.

use edge_format::OpCode;

use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::ResizeNearest, check, run };

/// Checks that there is an index in the input for each row and each column of the output.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    node.expect_inputs(3)?;
    let (x, output) = (node.input_moved(0)?, node.output_moved()?);
    node.expect_same_affine(0)?;
    let Some([batch, in_h, in_w, channels]) = x.shape.array::<4>() else { return misfit(Operand::Input(0), &x) };
    let Some([n, out_h, out_w, c]) = output.shape.array::<4>() else { return misfit(Operand::Output, &output) };
    if [n, c] != [batch, channels] {
        return misfit(Operand::Output, &output);
    }
    for (input, count, size) in [(1, out_h, in_h), (2, out_w, in_w)] {
        let indices = node.constant_i32(input, count)?;
        if let Some(&index) = indices.iter().find(|&&index| usize::try_from(index).ok().is_none_or(|index| index >= size)) {
            return Err(CheckError::Param { name: "index", found: index.into() });
        }
    }
    Ok(())
}

/// Copies pixel by pixel.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let ([batch, in_h, in_w, channels], [_, out_h, out_w, _]) = (frame.input_like(0)?.0.array()?, frame.output_like()?.0.array()?);
    let pixel = channels * frame.element_bytes()?;
    let node = frame.node;
    let (rows, columns) = (node.constant_i32(1, out_h).ok()?, node.constant_i32(2, out_w).ok()?);
    let x = frame.input(0)?;
    let mut pixels = total::rows_mut(frame.into_output(), pixel)?;
    for image in 0..batch {
        for &row in rows {
            let x = x.get((image * in_h + row as usize) * in_w * pixel..)?;
            for &column in columns {
                total::copy(pixels.next()?, x.get(column as usize * pixel..)?.get(..pixel)?)?;
            }
        }
    }
    Some(())
}
