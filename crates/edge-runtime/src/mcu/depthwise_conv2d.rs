//! Depthwise convolution: the taps that lie in the image are listed for an output pixel, and its channels go through the list.

use core::ops::Range;

use edge_format::DepthwiseConv2dParams;

use super::{CHANNELS, Fork, Machine, Tap, halves};
use crate::kernel::depthwise_conv2d::geometry;
use crate::kernel::requantize::Requantize;
use crate::kernel::{Frame, total, window};

/// Taps in the list; of longer filters, it holds one part after the other.
const TAPS: usize = 32;

/// Computes each output pixel, a block of channels after the other.
pub(super) fn run<M: Machine, F: Fork>(frame: Frame<'_, '_>) -> Option<()> {
    let params: DepthwiseConv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [_, out_h, out_w, out_channels] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input(0)?, frame.input(1)?);
    let zero_point = x_affine.zero_point as i8;
    // As many outputs of one channel follow each other as there are filters for it; with one each, the channels do.
    let multiplier = params.depth_multiplier as usize;
    let (x_step, run) = if multiplier == 1 { (1, channels) } else { (0, multiplier) };
    let row_step = vertical.dilation.get().wrapping_mul(in_w * channels);
    let output = frame.into_output();
    let part = |rows: Range<usize>, output: &mut [i8]| {
        let mut pixels = total::rows_mut(output, out_channels)?;
        let mut list = List { taps: [Tap { x: 0, filter: 0 }; TAPS], length: 0, of: None, rest: None };
        let mut sums = [0i32; CHANNELS];
        for image in 0..batch {
            for out_y in rows.clone() {
                let (taps_y, first_y) = vertical.taps(out_y);
                for out_x in 0..out_w {
                    let (taps_x, first_x) = horizontal.taps(out_x);
                    let start = ((image * in_h + first_y) * in_w + first_x) * channels;
                    let grid = Grid {
                        first: Tap { x: 0, filter: (taps_y.start * horizontal.kernel + taps_x.start) * out_channels },
                        column: Tap { x: horizontal.dilation.get().wrapping_mul(channels), filter: out_channels },
                        row: Tap { x: row_step, filter: horizontal.kernel * out_channels },
                        columns: taps_x.len(),
                        left: taps_x.len(),
                        rows: if taps_x.is_empty() { 0 } else { taps_y.len() },
                    };
                    let pixel = pixels.next()?;
                    let (mut first, mut x_channel, mut left) = (0, 0, run);
                    while first < out_channels {
                        let count = left.min(CHANNELS);
                        let sums = sums.get_mut(..count)?;
                        sums.fill(0);
                        let mut rest = Some(grid).filter(|grid| grid.rows > 0);
                        while let Some(grid) = rest {
                            // Most windows lie in the image as a whole, and have the same taps as the one before.
                            if list.of != Some(grid) {
                                list.fill(grid);
                            }
                            M::taps(
                                x.get(start + x_channel..)?,
                                x_step,
                                filter.get(first..)?,
                                list.taps.get(..list.length)?,
                                zero_point,
                                sums,
                            )?;
                            rest = list.rest;
                        }
                        M::store(&requantize, first, sums, pixel.get_mut(first..)?.get_mut(..count)?)?;
                        (first, left, x_channel) = (first + count, left - count, x_channel + count * x_step);
                        if left == 0 {
                            (left, x_channel) = (run, x_channel + 1);
                        }
                    }
                }
            }
        }
        Some(())
    };
    if batch == 1 { halves::<F>(output, out_h, out_w * out_channels, part) } else { part(0..out_h, output) }
}

/// Taps in rows and columns, some of the first row left out.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Grid {
    first: Tap,
    /// From a column to the next one.
    column: Tap,
    /// From a row to the next one.
    row: Tap,
    columns: usize,
    /// Columns that are left of the first row.
    left: usize,
    rows: usize,
}

/// The first taps of a grid.
struct List {
    taps: [Tap; TAPS],
    length: usize,
    of: Option<Grid>,
    /// Those that there was no room for.
    rest: Option<Grid>,
}

impl List {
    fn fill(&mut self, grid: Grid) {
        let mut rest = grid;
        self.length = 0;
        for slot in &mut self.taps {
            *slot = rest.first;
            self.length += 1;
            rest.left -= 1;
            rest.first = rest.first.plus(rest.column, 1);
            if rest.left == 0 {
                // Back to the first column, and a row down.
                rest.first = rest.first.plus(rest.row, 1).plus(rest.column, rest.columns.wrapping_neg());
                (rest.left, rest.rows) = (rest.columns, rest.rows - 1);
            }
            if rest.rows == 0 {
                break;
            }
        }
        (self.of, self.rest) = (Some(grid), Some(rest).filter(|rest| rest.rows > 0));
    }
}

impl Tap {
    /// The tap that is `count` such steps away.
    fn plus(self, step: Tap, count: usize) -> Tap {
        let add = |at: usize, step: usize| at.wrapping_add(step.wrapping_mul(count));
        Tap { x: add(self.x, step.x), filter: add(self.filter, step.filter) }
    }
}
