//! The greatest or least elements of rows, in order: their values or where they are.

use edge_format::{DType, OpCode, TopKParams};

use super::{Frame, Node, expect_range, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::TopK, check, run };

/// Most elements of a row that are asked for: each one is a walk over the row.
const MAX_K: u32 = 1 << 10;

/// Checks that rows are at least as long as the output's, which are values with the input's scale and zero point, or indices.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: TopKParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_i8(0)?, node.output()?);
    match output.dtype {
        DType::I32 => {}
        _ => node.output_i8().and_then(|_| node.expect_same_affine(0))?,
    }
    let (Some((&row, outer)), Some((&k, rows))) = (x.shape.dims().split_last(), output.shape.dims().split_last()) else {
        return misfit(Operand::Input(0), &x);
    };
    if outer != rows {
        return misfit(Operand::Output, &output);
    }
    expect_range("k", k, 1..=row.min(MAX_K))?;
    expect_range("smallest", params.smallest, 0..=1)
}

/// Finds the elements of each row.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: TopKParams = frame.params()?;
    let (x_shape, out_shape) = (frame.input_like(0)?.0, frame.output_like()?.0);
    let (row, k) = (*x_shape.dims().last()? as usize, *out_shape.dims().last()? as usize);
    let x = frame.input(0)?;
    // Complemented, the least element is the greatest.
    let flip = if params.smallest == 1 { -1 } else { 0 };
    match frame.node.output().ok()?.dtype {
        DType::I32 => search(x, row, flip, frame.into_output_of::<i32>()?, k, |_, index| index),
        _ => search(x, row, flip, frame.into_output(), k, |value, _| value ^ flip),
    }
}

/// Walks over each row once per element: the best of those that come after the one before. Greater ones come first, of equal ones the
/// first.
fn search<T>(x: &[i8], row: usize, flip: i8, output: &mut [T], k: usize, found: impl Fn(i8, i32) -> T) -> Option<()> {
    for (x, output) in total::rows(x, row)?.zip(total::rows_mut(output, k)?) {
        let mut last: Option<(i8, i32)> = None;
        for output in output {
            let mut best: Option<(i8, i32)> = None;
            for (index, &x) in (0i32..).zip(x) {
                let value = x ^ flip;
                let after = last.is_none_or(|(least, at)| value < least || (value == least && index > at));
                if after && best.is_none_or(|(greatest, _)| value > greatest) {
                    best = Some((value, index));
                }
            }
            last = best;
            let (value, index) = best?;
            *output = found(value, index);
        }
    }
    Some(())
}
