//! Copy of bytes under another shape.

use edge_format::OpCode;

use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Copy, check, run };

/// Checks that input and output have one data type and length.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    node.expect_inputs(1)?;
    let (x, output) = (node.input(0)?, node.output()?);
    if x.dtype != output.dtype {
        return Err(CheckError::DType { operand: Operand::Output, expected: x.dtype, found: output.dtype });
    }
    if x.byte_length != output.byte_length {
        return misfit(Operand::Output, &output);
    }
    Ok(())
}

/// Copies, unless the bytes are there already.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    if let Some(x) = frame.input_or_in_place(0)? {
        total::copy(frame.into_output(), x)?;
    }
    Some(())
}
