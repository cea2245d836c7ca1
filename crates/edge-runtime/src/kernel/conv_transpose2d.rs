//! Transposed two-dimensional convolution with groups and dilation.

use edge_format::{ConvTranspose2dParams, OpCode, Shape};

use super::dot::{ROWS, dot};
use super::requantize::{self, Requantize};
use super::window::{self, Geometry, Windows, plane};
use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::ConvTranspose2d, check, run };

/// Checks shapes, window geometry and constants.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: ConvTranspose2dParams = node.params()?;
    node.expect_inputs(5)?;
    let (x, filter, output) = (node.input_i8(0)?, node.input_i8(1)?, node.output_i8()?);
    node.constant_i8(1)?;
    let Some([batch, _, _, channels]) = x.shape.array() else { return misfit(Operand::Input(0), &x) };
    let Some([out_channels, _, _, group_channels]) = filter.shape.array::<4>() else { return misfit(Operand::Input(1), &filter) };
    let groups = params.groups as usize;
    if group_channels.checked_mul(groups) != Some(channels) || !out_channels.is_multiple_of(groups) {
        return Err(CheckError::Param { name: "groups", found: params.groups.into() });
    }
    window::check(geometry(&params, &x.shape, &filter.shape, &output.shape), &output, [batch, out_channels], Geometry::check)?;
    requantize::check(node, out_channels, (params.activation_min, params.activation_max))
}

/// The windows of the convolution that this one transposes: its input is this one's output.
fn geometry(params: &ConvTranspose2dParams, x: &Shape, filter: &Shape, output: &Shape) -> Option<[Geometry; 2]> {
    let &[_, kernel_h, kernel_w, _] = filter.dims() else { return None };
    let ConvTranspose2dParams { stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, .. } = *params;
    plane(output, x, [kernel_h, kernel_w], [stride_h, stride_w], [dilation_h, dilation_w], [pad_top, pad_left])
}

/// Computes each output pixel from the input pixels whose windows reach it.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: ConvTranspose2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [out_channels, _, _, group_channels] = filter_shape.array::<4>()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input(0)?, frame.input(1)?);
    let zero_point = x_affine.zero_point as i8;
    let group_outputs = out_channels.checked_div(params.groups as usize)?;
    let filter_length = vertical.kernel * horizontal.kernel * group_channels;
    let mut pixels = total::rows_mut(frame.into_output(), out_channels)?;

    for image in 0..batch {
        for out_y in 0..out_h {
            for out_x in 0..out_w {
                for (group, output) in total::rows_mut(pixels.next()?, group_outputs)?.enumerate() {
                    let sums_of = |channel: usize, count: usize| {
                        let filter = filter.get(channel * filter_length..)?;
                        let mut sums = [0i32; ROWS];
                        for (tap_y, y) in sources(&vertical, out_y, in_h) {
                            for (tap_x, x_at) in sources(&horizontal, out_x, in_w) {
                                let start = ((image * in_h + y) * in_w + x_at) * channels + group * group_channels;
                                let x = x.get(start..)?.get(..group_channels)?;
                                let tap = (tap_y * horizontal.kernel + tap_x) * group_channels;
                                let mut rows = [x; ROWS];
                                for (index, row) in rows.iter_mut().enumerate() {
                                    *row = filter.get(index.min(count.saturating_sub(1)) * filter_length + tap..)?;
                                }
                                for (sum, partial) in sums.iter_mut().zip(dot(x, zero_point, rows)?) {
                                    *sum = sum.wrapping_add(partial);
                                }
                            }
                        }
                        Some(sums)
                    };
                    requantize.fill(group * group_outputs, output, sums_of)?;
                }
            }
        }
    }
    Some(())
}

/// The taps that fall on an output of an axis, each with the input element whose window it belongs to.
fn sources(windows: &Windows, output: usize, inputs: usize) -> impl Iterator<Item = (usize, usize)> {
    let Windows { kernel, stride, dilation, pad, .. } = *windows;
    (0..kernel).filter_map(move |tap| {
        let distance = (output + pad).checked_sub(tap * dilation.get())?;
        let input = distance.checked_div(stride)?;
        (input * stride == distance && input < inputs).then_some((tap, input))
    })
}
