//! Convolutions and dense layers: what lies under the windows of two output pixels is copied together, and meets all filters.

use core::num::NonZero;
use core::ops::Range;

use edge_format::{Conv2dParams, FullyConnectedParams};

use super::{CHANNELS, Fork, Machine, Sums, halves};
use crate::kernel::conv2d::geometry;
use crate::kernel::requantize::Requantize;
use crate::kernel::window::{self, Windows};
use crate::kernel::{Frame, fully_connected, total};

/// Elements of a window that are kept at once: longer ones meet the filters in parts. Even, for [`Machine::EXCESS`].
const DEPTH: usize = 256;

/// Two-dimensional convolution.
pub(super) fn conv2d<M: Machine, F: Fork>(frame: Frame<'_, '_>) -> Option<()> {
    let params: Conv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, _, _, channels] = x_shape.array()?;
    let [out_channels, _, _, group_channels] = filter_shape.array::<4>()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let convolution = Convolution {
        x: frame.input(0)?,
        filter: frame.input(1)?,
        zero_point: x_affine.zero_point,
        vertical,
        horizontal,
        channels,
        group_channels,
        size: [batch, out_h, out_w],
        out_channels,
        group_outputs: out_channels.checked_div(params.groups as usize)?,
    };
    convolution.run::<M, F>(&requantize, frame.into_output())
}

/// Matrix product: a pointwise convolution whose pixels are the rows.
pub(super) fn fully_connected<M: Machine, F: Fork>(frame: Frame<'_, '_>) -> Option<()> {
    let params: FullyConnectedParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?);
    let [outputs, inputs] = filter_shape.array::<2>()?;
    let rows = fully_connected::rows(&x_shape, inputs)? as usize;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let axis = |input| Windows { input, kernel: 1, stride: 1, dilation: NonZero::<usize>::MIN, pad: 0 };
    let convolution = Convolution {
        x: frame.input(0)?,
        filter: frame.input(1)?,
        zero_point: x_affine.zero_point,
        vertical: axis(1),
        horizontal: axis(rows),
        channels: inputs,
        group_channels: inputs,
        size: [1, 1, rows],
        out_channels: outputs,
        group_outputs: outputs,
    };
    convolution.run::<M, F>(&requantize, frame.into_output())
}

struct Convolution<'a> {
    x: &'a [i8],
    filter: &'a [i8],
    zero_point: i32,
    vertical: Windows,
    horizontal: Windows,
    channels: usize,
    group_channels: usize,
    /// Images, rows and columns of the output.
    size: [usize; 3],
    out_channels: usize,
    group_outputs: usize,
}

/// The window of an output pixel: where in the image its first tap lies, which wraps where that is padding.
#[derive(Clone, Copy)]
struct Pixel {
    image: usize,
    y: usize,
    x: usize,
}

/// Channels of the output that are computed together.
#[derive(Clone, Copy)]
struct Outputs {
    first: usize,
    count: usize,
    /// Where in a pixel the first of them is put.
    place: usize,
    /// The first channel of the input that they read.
    first_channel: usize,
}

/// Filters that windows meet together.
struct Block<'a> {
    weights: &'a [i8],
    /// Elements of a filter.
    length: usize,
    count: usize,
    /// The first channel of the input that they read.
    first_channel: usize,
}

/// Pairs that wait for the filters.
struct Pairs {
    pairs: [u32; DEPTH],
    filled: usize,
    /// Where in each filter the first of them belongs.
    offset: usize,
}

impl Convolution<'_> {
    fn run<M: Machine, F: Fork>(&self, requantize: &Requantize<'_>, output: &mut [i8]) -> Option<()> {
        let [images, rows, columns] = self.size;
        let all = 0..self.out_channels;
        match (images, rows) {
            // A dense layer.
            (1, 1) if columns == 1 && self.group_outputs == self.out_channels => {
                halves::<F>(output, self.out_channels, 1, |channels, output| self.part::<M>(requantize, output, 0..1, channels))
            }
            (1, _) => {
                halves::<F>(output, rows, columns * self.out_channels, |rows, output| self.part::<M>(requantize, output, rows, all.clone()))
            }
            _ => self.part::<M>(requantize, output, 0..rows, all),
        }
    }

    /// Computes some rows of each image, or some channels of the only pixel, into an output of their own.
    fn part<M: Machine>(&self, requantize: &Requantize<'_>, output: &mut [i8], rows: Range<usize>, channels: Range<usize>) -> Option<()> {
        let mut first = channels.start;
        let mut in_group = first;
        let mut first_channel = 0;
        while first < channels.end {
            let count = (self.group_outputs - in_group).min(channels.end - first).min(CHANNELS);
            let block = Outputs { first, count, place: first - channels.start, first_channel };
            self.block::<M>(requantize, output, rows.clone(), block)?;
            (first, in_group) = (first + count, in_group + count);
            if in_group == self.group_outputs {
                (in_group, first_channel) = (0, first_channel + self.group_channels);
            }
        }
        Some(())
    }

    /// Computes some channels of all pixels in some rows.
    fn block<M: Machine>(&self, requantize: &Requantize<'_>, output: &mut [i8], rows: Range<usize>, outputs: Outputs) -> Option<()> {
        let Outputs { first, count, place, first_channel } = outputs;
        let length = self.vertical.kernel * self.horizontal.kernel * self.group_channels;
        let weights = self.filter.get(first * length..)?.get(..count * length)?;
        // Elements are not reduced by their zero point: the sums are, which begin with what that makes.
        let mut starts = [0i32; CHANNELS];
        let excess = M::EXCESS.wrapping_mul((length / 2) as i32);
        for (start, row) in starts.iter_mut().zip(total::rows(weights, length)?) {
            let sum = row.iter().fold(0i32, |sum, &weight| sum.wrapping_add(weight.into()));
            *start = sum.wrapping_mul(self.zero_point.wrapping_neg()).wrapping_sub(excess);
        }

        let [images, _, columns] = self.size;
        let block = Block { weights, length, count, first_channel };
        let mut pairs = Pairs { pairs: [0; DEPTH], filled: 0, offset: 0 };
        let mut store = |pixel: usize, sums: &mut [i32]| {
            let output = output.get_mut(pixel * self.out_channels + place..)?.get_mut(..count)?;
            M::store(requantize, first, sums.get_mut(..count)?, output)
        };
        let (mut waiting, mut done) = (None, 0);
        for image in 0..images {
            for row in rows.clone() {
                let y = (row * self.vertical.stride).wrapping_sub(self.vertical.pad);
                for column in 0..columns {
                    let x = (column * self.horizontal.stride).wrapping_sub(self.horizontal.pad);
                    let pixel = Pixel { image, y, x };
                    let Some(before) = waiting.take() else {
                        waiting = Some(pixel);
                        continue;
                    };
                    let mut sums = Sums { a: starts, b: starts };
                    self.sum::<M>(&mut pairs, [before, pixel], &block, &mut sums)?;
                    store(done, &mut sums.a)?;
                    store(done + 1, &mut sums.b)?;
                    done += 2;
                }
            }
        }
        // The last one of an odd number, with itself.
        if let Some(last) = waiting {
            let mut sums = Sums { a: starts, b: starts };
            self.sum::<M>(&mut pairs, [last; 2], &block, &mut sums)?;
            store(done, &mut sums.a)?;
        }
        Some(())
    }

    /// Adds the products of two windows.
    fn sum<M: Machine>(&self, pairs: &mut Pairs, [a, b]: [Pixel; 2], block: &Block<'_>, sums: &mut Sums) -> Option<()> {
        (pairs.filled, pairs.offset) = (0, 0);
        // The taps of a row are adjacent both in the input and in the filter where none is left out.
        let reach = self.horizontal.kernel - 1;
        let inside = |pixel: Pixel| pixel.x < self.horizontal.input && pixel.x + reach < self.horizontal.input;
        let dense = self.group_channels == self.channels && self.horizontal.dilation.get() == 1 && inside(a) && inside(b);
        let (runs, run_length) =
            if dense { (1, self.horizontal.kernel * self.channels) } else { (self.horizontal.kernel, self.group_channels) };
        for tap_y in 0..self.vertical.kernel {
            for tap_x in 0..runs {
                let run = |pixel: Pixel| {
                    let y = pixel.y.wrapping_add(tap_y * self.vertical.dilation.get());
                    let x = pixel.x.wrapping_add(tap_x * self.horizontal.dilation.get());
                    if y >= self.vertical.input || x >= self.horizontal.input {
                        return Some(None);
                    }
                    let place = (pixel.image * self.vertical.input + y) * self.horizontal.input + x;
                    self.x.get(place * self.channels + block.first_channel..)?.get(..run_length).map(Some)
                };
                let (a, b) = (run(a)?, run(b)?);
                let mut from = 0;
                while from < run_length {
                    let part = (run_length - from).min(DEPTH - pairs.filled);
                    pairs.fill::<M>(a, b, from, part, self.zero_point as i8)?;
                    from += part;
                    if pairs.filled == DEPTH {
                        pairs.flush::<M>(block, sums)?;
                    }
                }
            }
        }
        pairs.flush::<M>(block, sums)
    }
}

impl Pairs {
    /// Appends elements of two runs, of which one that is not there is padding.
    fn fill<M: Machine>(&mut self, a: Option<&[i8]>, b: Option<&[i8]>, from: usize, part: usize, zero_point: i8) -> Option<()> {
        let free = self.pairs.get_mut(self.filled..)?.get_mut(..part)?;
        self.filled += part;
        if let (Some(a), Some(b)) = (a, b) {
            for ((pair, &a), &b) in free.iter_mut().zip(a.get(from..)?).zip(b.get(from..)?) {
                *pair = M::pair(a, b);
            }
            return Some(());
        }
        let at = |run: Option<&[i8]>, index: usize| run.and_then(|run| run.get(from + index).copied()).unwrap_or(zero_point);
        for (index, pair) in free.iter_mut().enumerate() {
            *pair = M::pair(at(a, index), at(b, index));
        }
        Some(())
    }

    /// Lets what waits meet the filters.
    fn flush<M: Machine>(&mut self, block: &Block<'_>, sums: &mut Sums) -> Option<()> {
        if self.filled > 0 {
            M::products(self.pairs.get(..self.filled)?, block.weights.get(self.offset..)?, block.length, block.count, sums)?;
            self.offset += self.filled;
            self.filled = 0;
        }
        Some(())
    }
}
