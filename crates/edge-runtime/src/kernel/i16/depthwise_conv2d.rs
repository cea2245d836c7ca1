//! Depthwise convolution of int16 with int8 weights.

use edge_format::{DType, DepthwiseConv2dParams, I16, OpCode};

use super::accumulate::{self, Outputs};
use crate::kernel::depthwise_conv2d::{check_shapes, geometry};
use crate::kernel::{Frame, Node, total, window};
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::DepthwiseConv2dI16, check, run };

/// Channels whose sums are kept at once.
const BLOCK: usize = 16;

/// Checks shapes, window geometry and constants.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let I16::<DepthwiseConv2dParams>(params) = node.params()?;
    accumulate::check(node, check_shapes(node, &params, DType::I16)?, (params.activation_min, params.activation_max))
}

/// Computes each output pixel in blocks of channels.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let I16::<DepthwiseConv2dParams>(params) = frame.params()?;
    let (x_shape, filter_shape, out_shape) = (frame.input_like(0)?.0, frame.input_like(1)?.0, frame.output_like()?.0);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [_, out_h, out_w, out_channels] = out_shape.array()?;
    let multiplier = params.depth_multiplier as usize;
    let outputs = Outputs::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input_of::<i16>(0)?, frame.input(1)?);
    let mut pixels = total::rows_mut(frame.into_output_of::<i16>()?, out_channels)?;

    for image in 0..batch {
        for out_y in 0..out_h {
            let (taps_y, first_y) = vertical.taps(out_y);
            for out_x in 0..out_w {
                let (taps_x, first_x) = horizontal.taps(out_x);
                for (block, output) in pixels.next()?.chunks_mut(BLOCK).enumerate() {
                    let first = block * BLOCK;
                    let mut sums = [0i64; BLOCK];
                    for (row, tap_y) in taps_y.clone().enumerate() {
                        let y = image * in_h + first_y + row * vertical.dilation.get();
                        for (column, tap_x) in taps_x.clone().enumerate() {
                            let pixel = (y * in_w + first_x + column * horizontal.dilation.get()) * channels;
                            let tap = (tap_y * horizontal.kernel + tap_x) * out_channels + first;
                            let filter = filter.get(tap..)?.get(..output.len())?;
                            if multiplier == 1 {
                                let x = x.get(pixel + first..)?.get(..output.len())?;
                                sums.iter_mut().zip(x).zip(filter).for_each(|((sum, &x), &weight)| add(sum, x, weight));
                            } else {
                                let mut group = total::Group::starting_at(first, multiplier)?;
                                for (sum, &weight) in sums.iter_mut().zip(filter) {
                                    add(sum, *x.get(pixel + group.next())?, weight);
                                }
                            }
                        }
                    }
                    for ((channel, output), sum) in (first..).zip(output).zip(sums) {
                        *output = outputs.of(channel, sum)?;
                    }
                }
            }
        }
    }
    Some(())
}

#[inline(always)]
fn add(sum: &mut i64, x: i16, weight: i8) {
    *sum = sum.wrapping_add(i32::from(x).wrapping_mul(weight.into()).into());
}
