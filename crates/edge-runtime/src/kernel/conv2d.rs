//! Two-dimensional convolution with groups and dilation.

use edge_format::{Conv2dParams, DType, Matrix, OpCode, Shape};

use super::dot::{CHUNK, ROWS, dot};
use super::requantize::{self, Requantize};
use super::window::{self, Geometry, Windows, plane};
use super::{Frame, Node, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Conv2d, check, run };

/// Longest filter, in whole chunks, whose window is gathered from the input before it meets the filters.
const MAX_GATHERED: usize = 256;
const _: () = assert!(MAX_GATHERED.is_multiple_of(CHUNK));

/// Checks shapes, window geometry and constants.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: Conv2dParams = node.params()?;
    requantize::check(node, check_shapes(node, &params, DType::I8)?, (params.activation_min, params.activation_max))
}

/// Checks operands and windows but for what comes after the sums; gives the number of output channels.
pub(super) fn check_shapes(node: &Node<'_>, params: &Conv2dParams, dtype: DType) -> Result<usize, CheckError> {
    node.expect_inputs(5)?;
    let (x, filter, output) = (node.input_as(0, dtype)?, node.weights_i8(1)?, node.output_as(dtype)?);
    let Some([batch, _, _, channels]) = x.shape.array() else { return misfit(Operand::Input(0), &x) };
    let Some([out_channels, _, _, group_channels]) = filter.shape.array::<4>() else { return misfit(Operand::Input(1), &filter) };
    let groups = params.groups as usize;
    if group_channels.checked_mul(groups) != Some(channels) || !out_channels.is_multiple_of(groups) {
        return Err(CheckError::Param { name: "groups", found: params.groups.into() });
    }
    if cfg!(feature = "simd") && filter.is_packed() && !Matrix::of(&filter.shape).is_some_and(|matrix| matrix.fits(groups)) {
        return misfit(Operand::Input(1), &filter);
    }
    window::check(geometry(params, &x.shape, &filter.shape, &output.shape), &output, [batch, out_channels], Geometry::check)?;
    Ok(out_channels)
}

/// The windows over rows and columns.
pub(crate) fn geometry(params: &Conv2dParams, x: &Shape, filter: &Shape, output: &Shape) -> Option<[Geometry; 2]> {
    let &[_, kernel_h, kernel_w, _] = filter.dims() else { return None };
    let Conv2dParams { stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, .. } = *params;
    plane(x, output, [kernel_h, kernel_w], [stride_h, stride_w], [dilation_h, dilation_w], [pad_top, pad_left])
}

/// Computes each output pixel from the runs of adjacent elements under its window.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    #[cfg(feature = "simd")]
    if frame.packed(1).is_some() {
        return crate::simd::on_any_machine::conv2d(frame);
    }
    run_plain(frame)
}

/// The same where the filters are not packed.
#[inline(always)]
pub(crate) fn run_plain(frame: Frame<'_, '_>) -> Option<()> {
    let params: Conv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [out_channels, _, _, group_channels] = filter_shape.array::<4>()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input(0)?, frame.input(1)?);
    let zero_point = x_affine.zero_point as i8;
    let group_outputs = out_channels.checked_div(params.groups as usize)?;
    let mut gathered = [0; MAX_GATHERED];
    let mut pixels = total::rows_mut(frame.into_output(), out_channels)?;

    for image in 0..batch {
        for out_y in 0..out_h {
            for out_x in 0..out_w {
                let in_place = Patch::new(&vertical, &horizontal, [image, out_y, out_x], [in_h, in_w, channels], group_channels);
                for (group, output) in total::rows_mut(pixels.next()?, group_outputs)?.enumerate() {
                    let x = x.get(group * group_channels..)?;
                    let (patch, x) = if in_place.is_scattered() && in_place.filter_length <= gathered.len() {
                        in_place.gather(x, zero_point, &mut gathered)?
                    } else {
                        (in_place, x)
                    };
                    requantize.fill(group * group_outputs, output, |channel, count| patch.sums(x, zero_point, filter, channel, count))?;
                }
            }
        }
    }
    Some(())
}

/// What lies under the window of one output pixel: `rows` of `runs` of `length` adjacent elements, in the input and
/// in each output channel's filter.
#[derive(Clone, Copy)]
struct Patch {
    rows: usize,
    runs: usize,
    length: usize,
    input: Cursor,
    filter: Cursor,
    /// Elements of one output channel's filter.
    filter_length: usize,
}

/// Where runs begin.
#[derive(Clone, Copy)]
struct Cursor {
    start: usize,
    row_stride: usize,
    run_stride: usize,
}

impl Patch {
    fn new(
        vertical: &Windows,
        horizontal: &Windows,
        [image, out_y, out_x]: [usize; 3],
        [in_h, in_w, channels]: [usize; 3],
        group_channels: usize,
    ) -> Self {
        let ((taps_y, y), (taps_x, x)) = (vertical.taps(out_y), horizontal.taps(out_x));
        let row = horizontal.kernel * group_channels;
        // Without groups and horizontal dilation, the taps of a row are adjacent both in the input and in the filter.
        let dense = horizontal.dilation.get() == 1 && group_channels == channels;
        let (runs, length) = if dense { (1, taps_x.len() * channels) } else { (taps_x.len(), group_channels) };
        Self {
            rows: taps_y.len(),
            runs,
            length,
            input: Cursor {
                start: ((image * in_h + y) * in_w + x) * channels,
                // One row or run needs no stride, which then may be any number.
                row_stride: vertical.dilation.get().wrapping_mul(in_w * channels),
                run_stride: horizontal.dilation.get().wrapping_mul(channels),
            },
            filter: Cursor { start: taps_y.start * row + taps_x.start * group_channels, row_stride: row, run_stride: group_channels },
            filter_length: vertical.kernel * row,
        }
    }

    /// Whether there is more than one run, or one that is not made of whole chunks.
    fn is_scattered(&self) -> bool {
        self.rows * self.runs != 1 || !self.length.is_multiple_of(CHUNK)
    }

    /// Where run `run` of row `row` begins.
    fn at(cursor: &Cursor, row: usize, run: usize) -> usize {
        cursor.start + row * cursor.row_stride + run * cursor.run_stride
    }

    /// Copies the window's elements together, padding included, as if they had been adjacent, up to a whole chunk.
    fn gather<'b>(&self, x: &[i8], zero_point: i8, buffer: &'b mut [i8]) -> Option<(Self, &'b [i8])> {
        let length = self.filter_length.next_multiple_of(CHUNK);
        let buffer = buffer.get_mut(..length)?;
        buffer.fill(zero_point);
        for row in 0..self.rows {
            for run in 0..self.runs {
                let x = x.get(Self::at(&self.input, row, run)..)?.get(..self.length)?;
                total::copy(buffer.get_mut(Self::at(&self.filter, row, run)..)?.get_mut(..self.length)?, x)?;
            }
        }
        let start = Cursor { start: 0, row_stride: 0, run_stride: 0 };
        Some((Self { rows: 1, runs: 1, length, input: start, filter: start, ..*self }, buffer))
    }

    /// Accumulators of `count` output channels from `channel` on, at most [`ROWS`]; those beyond have no meaning.
    #[inline(always)]
    fn sums(&self, x: &[i8], zero_point: i8, filter: &[i8], channel: usize, count: usize) -> Option<[i32; ROWS]> {
        let filter = filter.get(channel * self.filter_length..)?;
        // What fills up the last chunk meets the next channel's filter, and adds nothing as it is zero. The last channels
        // have no such neighbour.
        let room = filter.len().checked_sub((count - 1) * self.filter_length)?;
        let length = if self.length <= room { self.length } else { self.filter_length };
        let mut sums = [0i32; ROWS];
        for row in 0..self.rows {
            for run in 0..self.runs {
                let x = x.get(Self::at(&self.input, row, run)..)?.get(..length)?;
                let mut filters = [x; ROWS];
                for (index, slot) in filters.iter_mut().enumerate() {
                    let channel = index.min(count - 1);
                    *slot = filter.get(channel * self.filter_length + Self::at(&self.filter, row, run)..)?;
                }
                for (sum, partial) in sums.iter_mut().zip(dot(x, zero_point, filters)?) {
                    *sum = sum.wrapping_add(partial);
                }
            }
        }
        Some(sums)
    }
}
