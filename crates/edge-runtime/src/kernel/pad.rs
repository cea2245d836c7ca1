//! Padding with a constant.

use edge_format::{OpCode, PadParams};

use super::strided::{Offsets, dense_strides, dims};
use super::{Frame, Node, expect_range, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Pad, check, run };

/// Checks that the input fits into the output behind what is added before.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: PadParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_moved(0)?, node.output_moved()?);
    node.expect_same_affine(0)?;
    if x.shape.rank() != output.shape.rank() {
        return misfit(Operand::Output, &output);
    }
    for ((&own, &all), before) in x.shape.dims().iter().zip(output.shape.dims()).zip(params.before) {
        if u64::from(own) + u64::from(before) > u64::from(all) {
            return misfit(Operand::Output, &output);
        }
    }
    let (least, greatest) = output.dtype.zero_point_range();
    expect_range("value", params.value, least..=greatest)
}

/// Fills the output and copies the input's rows into it.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: PadParams = frame.params()?;
    let ((x_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.output_like()?);
    let strides = dense_strides(&out_shape);
    let start = params.before.iter().zip(strides).take(out_shape.rank()).map(|(&before, stride)| before as usize * stride).sum();
    let row = x_shape.dims().last().map_or(1, |&dim| dim as usize);
    let rows = Offsets::new(x_shape.rank().saturating_sub(1), dims(&x_shape), strides, start);
    let (x, size) = (frame.input(0)?, frame.element_bytes()?);
    let output = frame.into_output();
    match size {
        1 => output.fill(params.value as i8),
        _ => output.as_chunks_mut().0.fill((params.value as i16).to_le_bytes().map(u8::cast_signed)),
    }
    for (x, offset) in total::rows(x, row * size)?.zip(rows) {
        total::copy(output.get_mut(offset * size..)?.get_mut(..row * size)?, x)?;
    }
    Some(())
}
