//! Matrix product with constant weights.

use edge_format::{DType, FullyConnectedParams, Matrix, OpCode, Shape};

use super::dot::{ROWS, dot};
use super::requantize::{self, Requantize};
use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::FullyConnected, check, run };

/// Checks shapes and constants.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: FullyConnectedParams = node.params()?;
    requantize::check(node, check_shapes(node, DType::I8)?, (params.activation_min, params.activation_max))
}

/// Checks operands but for what comes after the sums; gives the number of output channels.
pub(super) fn check_shapes(node: &Node<'_>, dtype: DType) -> Result<usize, CheckError> {
    node.expect_inputs(5)?;
    let (x, filter, output) = (node.input_as(0, dtype)?, node.weights_i8(1)?, node.output_as(dtype)?);
    let Some([outputs, inputs]) = filter.shape.array::<2>() else { return misfit(Operand::Input(1), &filter) };
    if cfg!(feature = "simd") && filter.is_packed() && !Matrix::of(&filter.shape).is_some_and(|matrix| matrix.fits(1)) {
        return misfit(Operand::Input(1), &filter);
    }
    let Some(x_rows) = rows(&x.shape, inputs) else { return misfit(Operand::Input(0), &x) };
    if rows(&output.shape, outputs) != Some(x_rows) {
        return misfit(Operand::Output, &output);
    }
    Ok(outputs)
}

/// The number of rows, where they are of this length.
pub(crate) fn rows(shape: &Shape, length: usize) -> Option<u32> {
    let (&last, outer) = shape.dims().split_last()?;
    (last as usize == length).then(|| outer.iter().product())
}

/// Computes each row of the output in blocks of channels.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    #[cfg(feature = "simd")]
    if frame.packed(1).is_some() {
        return crate::simd::on_any_machine::fully_connected(frame);
    }
    run_plain(frame)
}

/// The same where the weights are not packed.
#[inline(always)]
pub(crate) fn run_plain(frame: Frame<'_, '_>) -> Option<()> {
    let params: FullyConnectedParams = frame.params()?;
    let (filter_shape, _) = frame.input_like(1)?;
    let [outputs, inputs] = filter_shape.array::<2>()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input(0)?, frame.input(1)?);
    let zero_point = frame.input_like(0)?.1.zero_point as i8;

    for (x, output) in total::rows(x, inputs)?.zip(total::rows_mut(frame.into_output(), outputs)?) {
        requantize.fill(0, output, |channel, count| {
            let mut filters = [x; ROWS];
            for (index, slot) in filters.iter_mut().enumerate() {
                *slot = filter.get((channel + index.min(count - 1)) * inputs..)?;
            }
            dot(x, zero_point, filters)
        })?;
    }
    Some(())
}
