//! Unary functions of int16, interpolated.

use edge_format::OpCode;

use super::interpolate::{self, look_up};
use crate::kernel::{Frame, Node, misfit};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::TableI16, check, run };

/// Checks that there is a table of 513 entries and as many outputs as inputs.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    node.expect_inputs(2)?;
    interpolate::check(node, 1)?;
    let (x, output) = (node.input_of::<i16>(0)?, node.output_of::<i16>()?);
    if x.shape.elements() == output.shape.elements() { Ok(()) } else { misfit(Operand::Output, &output) }
}

/// Looks up each element; may run in place.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let table = frame.input_of::<i16>(1)?.first_chunk()?;
    let x = frame.input_or_in_place_of::<i16>(0)?;
    let output = frame.into_output_of::<i16>()?;
    match x {
        Some(x) => output.iter_mut().zip(x).for_each(|(output, &x)| *output = look_up(table, x)),
        None => output.iter_mut().for_each(|output| *output = look_up(table, *output)),
    }
    Some(())
}
