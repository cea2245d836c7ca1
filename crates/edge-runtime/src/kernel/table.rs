//! Unary functions, tabulated.

use edge_format::OpCode;

use super::{Frame, Node, misfit};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Table, check, run };

/// Checks that there is a table of 256 entries and as many outputs as inputs.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    node.expect_inputs(2)?;
    let (x, table, output) = (node.input_i8(0)?, node.input_i8(1)?, node.output_i8()?);
    if node.constant_i8(1)?.len() != 256 {
        return misfit(Operand::Input(1), &table);
    }
    if x.shape.elements() != output.shape.elements() {
        return misfit(Operand::Output, &output);
    }
    Ok(())
}

/// Looks up each element; may run in place.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let table: &[i8; 256] = frame.input(1)?.first_chunk()?;
    let look_up = |q: i8| table[usize::from(q.cast_unsigned() ^ 0x80)];
    let x = frame.input_or_in_place(0)?;
    let output = frame.into_output();
    match x {
        Some(x) => output.iter_mut().zip(x).for_each(|(output, &x)| *output = look_up(x)),
        None => output.iter_mut().for_each(|output| *output = look_up(*output)),
    }
    Some(())
}
