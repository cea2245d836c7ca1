//! Depthwise convolution: sixteen channels at a time, copied out of x with their padding, several pixels per load of the filter.

use edge_format::DepthwiseConv2dParams;

use super::gemm::store;
use super::vector::{Channels, LANES, Range, Vector, unrolled};
use crate::kernel::depthwise_conv2d::geometry;
use crate::kernel::requantize::Requantize;
use crate::kernel::window::{self, Windows};
use crate::kernel::{Frame, depthwise_conv2d};

/// Most taps of a filter; longer ones are the reference kernel's.
const MAX_TAPS: usize = 128;

/// Pixels that there is room for; wider images are the reference kernel's.
const MAX_PIXELS: usize = 1024;

/// Computes one block of channels after the other, in bands of output rows.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let params: DepthwiseConv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, _, _, channels] = x_shape.array()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let taps = vertical.kernel * horizontal.kernel;
    // Columns and rows under the windows, padding included.
    let width = reach(&horizontal, out_w);
    if params.depth_multiplier != 1 || taps > MAX_TAPS || width.saturating_mul(reach(&vertical, 1)) > MAX_PIXELS {
        return depthwise_conv2d::run(frame);
    }
    let mut band = out_h;
    while reach(&vertical, band) * width > MAX_PIXELS {
        band = band.div_ceil(2);
    }
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input(0)?, frame.input(1)?);
    let zero_point = x_affine.zero_point;
    let output = frame.into_output();
    let (mut tap_buffer, mut pixel_buffer) = ([[0; LANES]; MAX_TAPS], [[0; LANES]; MAX_PIXELS]);

    // The last block takes channels of the one before it, so that it is full.
    let count = LANES.min(channels);
    let mut next = 0;
    while next < channels {
        let first = next.min(channels - count);
        next += LANES;
        let mut constants = requantize.channels(first, count)?;
        let taps = tap_buffer.get_mut(..taps)?;
        for (tap, filter) in taps.iter_mut().zip(filter.chunks_exact(channels)) {
            for ((slot, bias), &weight) in tap.iter_mut().zip(&mut constants.bias).zip(filter.get(first..)?.get(..count)?) {
                *slot = weight.into();
                *bias = bias.wrapping_sub(zero_point.wrapping_mul(weight.into()));
            }
        }
        for image in 0..batch {
            let mut y = 0;
            while y < out_h {
                let rows = band.min(out_h - y);
                let pixels = pixel_buffer.get_mut(..reach(&vertical, rows) * width)?;
                let source = Source { x, vertical, horizontal, channels, first, image };
                source.copy(y * vertical.stride, width, zero_point as i8, pixels)?;
                let output = output.get_mut((image * out_h + y) * out_w * channels + first..)?;
                let block = Block { pixels, width, vertical, horizontal, taps, constants: &constants, range: requantize.range() };
                let target = &mut Target { output, rows, columns: out_w, channels, count };
                match (rows, out_w) {
                    // Columns that come to as few tiles, with less overlap.
                    (2.., 3 | 5 | 6 | 9) => v.depthwise::<2, 3>(&block, target)?,
                    (2.., 4..) => v.depthwise::<2, 4>(&block, target)?,
                    (_, 8..) => v.depthwise::<1, 8>(&block, target)?,
                    (_, 4..) => v.depthwise::<1, 4>(&block, target)?,
                    (2.., 2..) => v.depthwise::<2, 2>(&block, target)?,
                    _ => v.depthwise::<1, 1>(&block, target)?,
                }
                y += rows;
            }
        }
    }
    Some(())
}

/// Elements of the axis, padding included, under this many windows.
fn reach(axis: &Windows, windows: usize) -> usize {
    (windows - 1) * axis.stride + (axis.kernel - 1) * axis.dilation.get() + 1
}

/// Some channels of an image.
struct Source<'a> {
    x: &'a [i8],
    vertical: Windows,
    horizontal: Windows,
    channels: usize,
    first: usize,
    image: usize,
}

impl Source<'_> {
    /// Copies rows from `top` on, which counts rows of padding, with the padding around them.
    // Apart from the kernels, which would leave it no registers.
    #[inline(never)]
    fn copy(&self, top: usize, width: usize, zero_point: i8, pixels: &mut [[i8; LANES]]) -> Option<()> {
        let (input_h, input_w) = (self.vertical.input, self.horizontal.input);
        for (row, pixels) in pixels.chunks_exact_mut(width).enumerate() {
            let y = (top + row).wrapping_sub(self.vertical.pad);
            if y >= input_h {
                pixels.fill([zero_point; LANES]);
                continue;
            }
            let (before, rest) = pixels.split_at_mut(self.horizontal.pad.min(width));
            let (inside, after) = rest.split_at_mut(input_w.min(rest.len()));
            before.fill([zero_point; LANES]);
            after.fill([zero_point; LANES]);
            let x = self.x.get((self.image * input_h + y) * input_w * self.channels + self.first..)?;
            for (pixel, slot) in inside.iter_mut().enumerate() {
                let x = x.get(pixel * self.channels..)?;
                match x.first_chunk() {
                    Some(x) => *slot = *x,
                    None => slot.iter_mut().zip(x).for_each(|(slot, &x)| *slot = x),
                }
            }
        }
        Some(())
    }
}

/// Where results go: the output from the first row and channel on.
pub(super) struct Target<'a> {
    output: &'a mut [i8],
    rows: usize,
    columns: usize,
    channels: usize,
    /// Channels that there are.
    count: usize,
}

/// Sixteen channels of some rows of an image.
pub(super) struct Block<'a> {
    pixels: &'a [[i8; LANES]],
    width: usize,
    vertical: Windows,
    horizontal: Windows,
    taps: &'a [[i16; LANES]],
    constants: &'a Channels,
    range: Range,
}

impl Block<'_> {
    /// Computes all pixels, in tiles of which the last ones overlap those before.
    #[inline(always)]
    pub(super) fn run<V: Vector, const ROWS: usize, const COLUMNS: usize>(&self, v: V, target: &mut Target<'_>) -> Option<()> {
        let scales = v.scales(self.constants);
        let mut y = 0;
        while y < target.rows {
            let top = y.min(target.rows.checked_sub(ROWS)?);
            let mut x = 0;
            while x < target.columns {
                let left = x.min(target.columns.checked_sub(COLUMNS)?);
                self.tile::<V, ROWS, COLUMNS>(v, &scales, target, top, left)?;
                x += COLUMNS;
            }
            y += ROWS;
        }
        Some(())
    }

    #[inline(always)]
    fn tile<V: Vector, const ROWS: usize, const COLUMNS: usize>(
        &self,
        v: V,
        scales: &V::Scales,
        target: &mut Target<'_>,
        top: usize,
        left: usize,
    ) -> Option<()> {
        let (step_x, step_y) = (self.horizontal.stride, self.vertical.stride * self.width);
        let start = top * step_y + left * step_x;
        let mut sums = [[v.words(&self.constants.bias); COLUMNS]; ROWS];
        let mut taps = self.taps.iter();
        for tap_y in 0..self.vertical.kernel {
            for tap_x in 0..self.horizontal.kernel {
                let offset = start + tap_y * self.vertical.dilation.get() * self.width + tap_x * self.horizontal.dilation.get();
                let pixels = self.pixels.get(offset..)?.get(..(ROWS - 1) * step_y + (COLUMNS - 1) * step_x + 1)?;
                let tap = v.tap(taps.next()?);
                unrolled!(row below ROWS, {
                    unrolled!(column below COLUMNS, {
                        let x = v.wide(pixels.get(row * step_y + column * step_x)?);
                        sums[row][column] = v.multiply_add(sums[row][column], x, tap);
                    });
                });
            }
        }
        unrolled!(row below ROWS, {
            unrolled!(column below COLUMNS, {
                let q = v.requantize(sums[row][column], scales, &self.range);
                let pixel = (top + row) * target.columns + left + column;
                store(q, target.output.get_mut(pixel * target.channels..)?, target.count);
            });
        });
        Some(())
    }
}
