//! Maximum over windows.

use edge_format::{DType, MaxPool2dParams, OpCode, Shape};

use super::window::{self, Geometry, plane};
use super::{Frame, Node, expect_activation_of, misfit, total};
use crate::{CheckError, Element, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::MaxPool2d, check, run };

/// Checks shapes and window geometry; input and output have the same scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: MaxPool2dParams) -> Result<(), CheckError> {
    check_shapes(node, &params, T::DTYPE)?;
    expect_activation_of::<T>(params.activation_min, params.activation_max)
}

fn check_shapes(node: &Node<'_>, params: &MaxPool2dParams, dtype: DType) -> Result<(), CheckError> {
    node.expect_inputs(1)?;
    let (x, output) = (node.input_as(0, dtype)?, node.output_as(dtype)?);
    node.expect_same_affine(0)?;
    let Some([batch, _, _, channels]) = x.shape.array::<4>() else { return misfit(Operand::Input(0), &x) };
    window::check(geometry(params, &x.shape, &output.shape), &output, [batch, channels], Geometry::check_overlap)
}

/// The windows over rows and columns.
fn geometry(params: &MaxPool2dParams, x: &Shape, output: &Shape) -> Option<[Geometry; 2]> {
    let MaxPool2dParams { kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, .. } = *params;
    plane(x, output, [kernel_h, kernel_w], [stride_h, stride_w], [1, 1], [pad_top, pad_left])
}

/// Keeps the maximum of each window in the output itself.
#[inline(always)]
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

#[inline(always)]
pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: MaxPool2dParams) -> Option<()> {
    let ((x_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let x = frame.input_of::<T>(0)?;
    let (min, max) = (T::wrapping_from(params.activation_min), T::wrapping_from(params.activation_max));
    let mut pixels = total::rows_mut(frame.into_output_of::<T>()?, channels)?;

    for image in 0..batch {
        for out_y in 0..out_h {
            let (taps_y, first_y) = vertical.taps(out_y);
            for out_x in 0..out_w {
                let (taps_x, first_x) = horizontal.taps(out_x);
                let output = pixels.next()?;
                // The least output is where every maximum starts; the greatest one is applied at the end.
                output.fill(min);
                for y in first_y..first_y + taps_y.len() {
                    let start = ((image * in_h + y) * in_w + first_x) * channels;
                    for x in x.get(start..)?.get(..taps_x.len() * channels)?.chunks_exact(channels) {
                        output.iter_mut().zip(x).for_each(|(output, &x)| *output = (*output).max(x));
                    }
                }
                output.iter_mut().for_each(|output| *output = (*output).min(max));
            }
        }
    }
    Some(())
}
