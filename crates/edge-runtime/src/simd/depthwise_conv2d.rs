//! Depthwise convolution: sixteen channels at a time, several pixels per load of the filter.

use core::ops::Range as Span;

use edge_format::DepthwiseConv2dParams;

use super::vector::{Channels, LANES, Range, Vector};
use crate::kernel::depthwise_conv2d::geometry;
use crate::kernel::requantize::Requantize;
use crate::kernel::window::{self, Windows};
use crate::kernel::{Frame, depthwise_conv2d};

/// Most taps of a filter; longer ones are the reference kernel's.
const MAX_TAPS: usize = 128;

/// Adjacent output pixels whose sums are kept at once.
const PIXELS: usize = 4;

/// Computes rows of output pixels, one block of channels after the other.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let params: DepthwiseConv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, _, _, channels] = x_shape.array()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let taps = vertical.kernel * horizontal.kernel;
    if params.depth_multiplier != 1 || taps > MAX_TAPS {
        return depthwise_conv2d::run(frame);
    }
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input(0)?, frame.input(1)?);
    let zero_point = x_affine.zero_point as i16;
    let output = frame.into_output();
    let mut buffer = [[0; LANES]; MAX_TAPS];

    let mut first = 0;
    while first < channels {
        // The last block takes channels of the one before it, so that it is full.
        let count = LANES.min(channels);
        let first_channel = first.min(channels - count);
        let constants = requantize.channels(first_channel, count)?;
        let mut inside = constants;
        let taps = buffer.get_mut(..taps)?;
        for (tap, filter) in taps.iter_mut().zip(filter.chunks_exact(channels)) {
            for ((slot, bias), &weight) in tap.iter_mut().zip(&mut inside.bias).zip(filter.get(first_channel..)?.get(..count)?) {
                *slot = weight.into();
                *bias = bias.wrapping_sub(i32::from(zero_point) * i32::from(weight));
            }
        }
        let block = Block {
            x,
            vertical,
            horizontal,
            channels,
            first: first_channel,
            count,
            taps,
            zero_point,
            constants: &constants,
            inside: &inside,
            range: requantize.range(),
        };
        let columns = horizontal.inside(out_w);
        for row in 0..batch * out_h {
            let output = output.get_mut(row * out_w * channels..)?.get_mut(..out_w * channels)?;
            block.row(v, row / out_h, row % out_h, &columns, output)?;
        }
        first += LANES;
    }
    Some(())
}

/// Sixteen channels.
struct Block<'a> {
    x: &'a [i8],
    vertical: Windows,
    horizontal: Windows,
    channels: usize,
    first: usize,
    /// Channels that there are.
    count: usize,
    taps: &'a [[i16; LANES]],
    zero_point: i16,
    constants: &'a Channels,
    /// The constants with the zero point in the bias, for windows that need no padding.
    inside: &'a Channels,
    range: Range,
}

impl Block<'_> {
    /// Computes a row of output pixels.
    #[inline(always)]
    fn row<V: Vector>(&self, v: V, image: usize, out_y: usize, columns: &Span<usize>, output: &mut [i8]) -> Option<()> {
        let (taps_y, first_y) = self.vertical.taps(out_y);
        let out_w = output.len() / self.channels;
        let columns = if taps_y.len() == self.vertical.kernel { columns.clone() } else { 0..0 };
        let mut out_x = 0;
        while out_x < out_w {
            let slot = output.get_mut(out_x * self.channels + self.first..)?;
            if columns.contains(&out_x) {
                let column = out_x * self.horizontal.stride - self.horizontal.pad;
                let start = self.at(image, first_y, column);
                // The last channels of the last pixel have no sixteen elements behind their begin.
                let reach = self.at(image, first_y + (self.vertical.kernel - 1) * self.vertical.dilation.get(), column)
                    + ((self.horizontal.kernel - 1) * self.horizontal.dilation.get() + (PIXELS - 1) * self.horizontal.stride)
                        * self.channels
                    + LANES;
                if out_x + PIXELS <= columns.end && reach <= self.x.len() {
                    self.whole::<V, PIXELS>(v, start, slot)?;
                    out_x += PIXELS;
                    continue;
                }
            }
            let (taps_x, first_x) = self.horizontal.taps(out_x);
            let mut sums = v.words(&self.constants.bias);
            for (row, tap_y) in taps_y.clone().enumerate() {
                let start = self.at(image, first_y + row * self.vertical.dilation.get(), first_x);
                let taps = self.taps.get(tap_y * self.horizontal.kernel + taps_x.start..)?.get(..taps_x.len())?;
                for (column, tap) in taps.iter().enumerate() {
                    let x = self.x.get(start + column * self.horizontal.dilation.get() * self.channels..)?;
                    let padded;
                    let x = match x.first_chunk() {
                        Some(x) => x,
                        None => {
                            padded = padded_chunk(x);
                            &padded
                        }
                    };
                    sums = v.multiply_add(sums, v.wide_less(x, self.zero_point), v.tap(tap));
                }
            }
            self.store(v.requantize(sums, self.constants, &self.range), slot)?;
            out_x += 1;
        }
        Some(())
    }

    #[inline(always)]
    fn at(&self, image: usize, y: usize, x: usize) -> usize {
        ((image * self.vertical.input + y) * self.horizontal.input + x) * self.channels + self.first
    }

    /// Computes some pixels whose windows need no padding.
    #[inline(always)]
    fn whole<V: Vector, const PIXELS: usize>(&self, v: V, start: usize, output: &mut [i8]) -> Option<()> {
        let mut sums = [v.words(&self.inside.bias); PIXELS];
        let step = self.horizontal.stride * self.channels;
        let mut taps = self.taps.iter();
        for row in 0..self.vertical.kernel {
            let start = start + row * self.vertical.dilation.get() * self.horizontal.input * self.channels;
            for column in 0..self.horizontal.kernel {
                let x = self.x.get(start + column * self.horizontal.dilation.get() * self.channels..)?;
                let tap = v.tap(taps.next()?);
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    let x = v.wide(x.get(pixel * step..)?.first_chunk()?);
                    *sums = v.multiply_add(*sums, x, tap);
                }
            }
        }
        for (pixel, sums) in sums.into_iter().enumerate() {
            self.store(v.requantize(sums, self.inside, &self.range), output.get_mut(pixel * self.channels..)?)?;
        }
        Some(())
    }

    #[inline(always)]
    fn store(&self, q: [i8; LANES], output: &mut [i8]) -> Option<()> {
        match output.first_chunk_mut::<LANES>().filter(|_| self.count == LANES) {
            Some(output) => *output = q,
            None => output.get_mut(..self.count)?.copy_from_slice(q.get(..self.count)?),
        }
        Some(())
    }
}

/// The elements that there are, and zeros.
fn padded_chunk(x: &[i8]) -> [i8; LANES] {
    let mut chunk = [0; LANES];
    chunk.iter_mut().zip(x).for_each(|(chunk, &x)| *chunk = x);
    chunk
}
