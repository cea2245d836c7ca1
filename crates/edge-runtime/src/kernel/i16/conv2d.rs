//! Two-dimensional convolution with groups and dilation, of int16 with int8 weights.

use edge_format::{Conv2dParams, DType, I16, OpCode};

use super::accumulate::{self, Outputs, dot};
use crate::kernel::conv2d::{check_shapes, geometry};
use crate::kernel::{Frame, Node, total, window};
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Conv2dI16, check, run };

/// Checks shapes, window geometry and constants.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let I16::<Conv2dParams>(params) = node.params()?;
    accumulate::check(node, check_shapes(node, &params, DType::I16)?, (params.activation_min, params.activation_max))
}

/// Computes each output from the runs of adjacent elements under its window.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let I16::<Conv2dParams>(params) = frame.params()?;
    let (x_shape, filter_shape, out_shape) = (frame.input_like(0)?.0, frame.input_like(1)?.0, frame.output_like()?.0);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [out_channels, kernel_h, kernel_w, group_channels] = filter_shape.array::<4>()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let group_outputs = out_channels.checked_div(params.groups as usize)?;
    let outputs = Outputs::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input_of::<i16>(0)?, frame.input(1)?);
    let (row_step, run_step) = (vertical.dilation.get() * in_w * channels, horizontal.dilation.get() * channels);
    // Without groups and horizontal dilation, the taps of a row are adjacent both in the input and in the filter.
    let dense = horizontal.dilation.get() == 1 && group_channels == channels;
    let mut pixels = total::rows_mut(frame.into_output_of::<i16>()?, out_channels)?;

    for image in 0..batch {
        for out_y in 0..out_h {
            let (taps_y, first_y) = vertical.taps(out_y);
            for out_x in 0..out_w {
                let (taps_x, first_x) = horizontal.taps(out_x);
                let (runs, length) = if dense { (1, taps_x.len() * channels) } else { (taps_x.len(), group_channels) };
                let first = ((image * in_h + first_y) * in_w + first_x) * channels;
                let filters = total::rows(filter, kernel_h * kernel_w * group_channels)?;
                let mut group = total::Group::new(group_outputs);
                for ((channel, output), filter) in pixels.next()?.iter_mut().enumerate().zip(filters) {
                    let start = first + group.next() * group_channels;
                    let mut sum = 0i64;
                    for (row, tap_y) in taps_y.clone().enumerate() {
                        for run in 0..runs {
                            let tap = (tap_y * kernel_w + taps_x.start + run) * group_channels;
                            let x = x.get(start + row * row_step + run * run_step..)?.get(..length)?;
                            sum = sum.wrapping_add(dot(x, filter.get(tap..)?.get(..length)?));
                        }
                    }
                    *output = outputs.of(channel, sum)?;
                }
            }
        }
    }
    Some(())
}
