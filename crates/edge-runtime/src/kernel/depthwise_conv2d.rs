//! Depthwise convolution: each input channel has its own filters.

use core::num::NonZero;

use edge_format::{DType, DepthwiseConv2dParams, OpCode, Shape};

use super::requantize::{self, BLOCK, Requantize};
use super::window::{self, Geometry, plane};
use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::DepthwiseConv2d, check, run };

/// Checks shapes, window geometry and constants.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: DepthwiseConv2dParams = node.params()?;
    requantize::check(node, check_shapes(node, &params, DType::I8)?, (params.activation_min, params.activation_max))
}

/// Checks operands and windows but for what comes after the sums; gives the number of output channels.
pub(super) fn check_shapes(node: &Node<'_>, params: &DepthwiseConv2dParams, dtype: DType) -> Result<usize, CheckError> {
    node.expect_inputs(5)?;
    let (x, filter, output) = (node.input_as(0, dtype)?, node.weights_i8(1)?, node.output_as(dtype)?);
    let Some([batch, _, _, channels]) = x.shape.array() else { return misfit(Operand::Input(0), &x) };
    let out_channels = match filter.shape.array::<4>() {
        #[cfg(feature = "simd")]
        Some([out_channels, _, _, 1]) if filter.is_packed() && packs(params, &filter.shape) => out_channels,
        Some([1, _, _, out_channels]) if !filter.is_packed() => out_channels,
        _ => return misfit(Operand::Input(1), &filter),
    };
    if channels.checked_mul(params.depth_multiplier as usize) != Some(out_channels) {
        return Err(CheckError::Param { name: "depth_multiplier", found: params.depth_multiplier.into() });
    }
    window::check(geometry(params, &x.shape, &filter.shape, &output.shape), &output, [batch, out_channels], Geometry::check)?;
    Ok(out_channels)
}

/// Whether a filter that is packed, and so has its channels first, is one that there are kernels for.
#[cfg(feature = "simd")]
fn packs(params: &DepthwiseConv2dParams, filter: &Shape) -> bool {
    let &[_, height, width, _] = filter.dims() else { return false };
    params.depth_multiplier == 1
        && crate::simd::packs_depthwise([height, width], [params.dilation_h, params.dilation_w], [params.stride_h, params.stride_w])
}

/// The windows over rows and columns.
pub(crate) fn geometry(params: &DepthwiseConv2dParams, x: &Shape, filter: &Shape, output: &Shape) -> Option<[Geometry; 2]> {
    let &[_, kernel_h, kernel_w, _] = filter.dims() else { return None };
    let DepthwiseConv2dParams { stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, .. } = *params;
    plane(x, output, [kernel_h, kernel_w], [stride_h, stride_w], [dilation_h, dilation_w], [pad_top, pad_left])
}

/// Computes each output pixel in blocks of channels.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    #[cfg(feature = "simd")]
    if frame.packed(1).is_some() {
        return crate::simd::on_any_machine::depthwise_conv2d(frame);
    }
    run_plain(frame)
}

/// The same where the filter is not packed.
#[inline(always)]
pub(crate) fn run_plain(frame: Frame<'_, '_>) -> Option<()> {
    let params: DepthwiseConv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [_, out_h, out_w, out_channels] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input(0)?, frame.input(1)?);
    let zero_point = x_affine.zero_point as i16;
    let multiplier = NonZero::new(params.depth_multiplier as usize)?;
    let mut pixels = total::rows_mut(frame.into_output(), out_channels)?;

    for image in 0..batch {
        for out_y in 0..out_h {
            let (taps_y, first_y) = vertical.taps(out_y);
            for out_x in 0..out_w {
                let (taps_x, first_x) = horizontal.taps(out_x);
                for (block, output) in pixels.next()?.chunks_mut(BLOCK).enumerate() {
                    let first = block * BLOCK;
                    let mut sums = [0i32; BLOCK];
                    for (row, tap_y) in taps_y.clone().enumerate() {
                        let y = image * in_h + first_y + row * vertical.dilation.get();
                        for (column, tap_x) in taps_x.clone().enumerate() {
                            let pixel = (y * in_w + first_x + column * horizontal.dilation.get()) * channels;
                            let tap = (tap_y * horizontal.kernel + tap_x) * out_channels + first;
                            if multiplier.get() == 1 && output.len() == BLOCK {
                                let x: &[i8; BLOCK] = x.get(pixel + first..)?.first_chunk()?;
                                let filter: &[i8; BLOCK] = filter.get(tap..)?.first_chunk()?;
                                accumulate(&mut sums, x, zero_point, filter);
                            } else {
                                let x = x.get(pixel..)?.get(..channels)?;
                                let mut spread = [0i8; BLOCK];
                                for (channel, x_of_channel) in (first..first + output.len()).zip(&mut spread) {
                                    *x_of_channel = *x.get(channel / multiplier)?;
                                }
                                accumulate(&mut sums, &spread, zero_point, filter.get(tap..)?.get(..output.len())?);
                            }
                        }
                    }
                    requantize.store(first, &mut sums, output)?;
                }
            }
        }
    }
    Some(())
}

/// Adds the products of as many channels as the filter has.
#[inline(always)]
fn accumulate(sums: &mut [i32; BLOCK], x: &[i8; BLOCK], zero_point: i16, filter: &[i8]) {
    for ((sum, &x), &filter) in sums.iter_mut().zip(x).zip(filter) {
        let x = i16::from(x).wrapping_sub(zero_point);
        *sum = sum.wrapping_add(i32::from(x).wrapping_mul(i32::from(filter)));
    }
}
