//! Convolution with packed filters. Windows meet the weights where they lie, as runs of the input; where windows reach beyond the image,
//! bands of it are first copied with their padding.

use edge_format::{Conv2dParams, Packing};

use super::gemm::{Block, Segments};
use super::product::{Grid, Product, Weights};
use super::vector::{LANES, Vector};
use crate::kernel::conv2d::geometry;
use crate::kernel::requantize::Requantize;
use crate::kernel::window::{self, Windows};
use crate::kernel::{Frame, conv2d};

/// Blocks of sixteen output channels whose constants are prepared at once: many where each time the input is copied anew.
const FEW: usize = 1;
const SOME: usize = 4;
const MANY: usize = 16;

/// Bytes that copies may take, in three sizes: the memory is cleared for each op.
const COPIED_BYTES: [usize; 3] = [2 << 10, 10 << 10, 40 << 10];

/// Elements that are read beyond the last run.
const SPILL: usize = 3;

const _: () = assert!(Packing::MAX_COLUMNS + SPILL <= COPIED_BYTES[2], "one window has room");

/// Windows whose elements are copied together at once where they do not lie in runs.
const GATHERED: usize = 4;

/// Computes each tile of output pixels from the windows under it. Plain filters are the reference kernel's.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let Some((packing, bytes)) = frame.packed(1) else { return conv2d::run_plain(frame) };
    let params: Conv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, _, _, channels] = x_shape.array()?;
    let [out_channels, _, _, group_channels] = filter_shape.array::<4>()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let row_groups = vertical.kernel * Packing::groups(horizontal.kernel * group_channels);
    let images = Images {
        x: frame.input(0)?,
        zero_point: x_affine.zero_point as i8,
        batch,
        vertical,
        horizontal,
        size: [out_h, out_w],
        channels,
        group_channels,
        groups: row_groups,
    };
    let layout = images.layout();
    let convolution = Convolution {
        images,
        layout,
        weights: Weights { packing, bytes, groups: row_groups },
        requantize,
        groups: params.groups as usize,
        out_channels,
    };
    let output = frame.into_output();
    let bytes = match convolution.layout {
        Layout::InPlace => 0,
        Layout::Bands { bytes, .. } => bytes,
        Layout::Gathered => COPIED_BYTES[2],
    };
    match (out_channels.div_ceil(LANES), bytes) {
        (..=FEW, 0) => v.convolve::<FEW, 0>(&convolution, output),
        (_, 0) => v.convolve::<SOME, 0>(&convolution, output),
        (..=FEW, _) if bytes <= COPIED_BYTES[0] => v.convolve::<FEW, { COPIED_BYTES[0] }>(&convolution, output),
        (_, _) if bytes <= COPIED_BYTES[1] => v.convolve::<SOME, { COPIED_BYTES[1] }>(&convolution, output),
        _ => v.convolve::<MANY, { COPIED_BYTES[2] }>(&convolution, output),
    }
}

/// How windows get to the weights.
#[derive(Clone, Copy)]
enum Layout {
    /// All of them lie in the input.
    InPlace,
    /// So many rows of the output at a time, from a copy of the input with rows of `width` pixels.
    Bands { rows: usize, width: usize, bytes: usize },
    /// Each is copied together.
    Gathered,
}

/// An op.
pub(super) struct Convolution<'a> {
    images: Images<'a>,
    layout: Layout,
    weights: Weights<'a>,
    requantize: Requantize<'a>,
    groups: usize,
    out_channels: usize,
}

impl Convolution<'_> {
    /// Computes everything, with room for the constants of some blocks and for some bytes of copies.
    #[inline(always)]
    pub(super) fn run<V: Vector, const ROOM: usize, const COPIED: usize>(&self, v: V, output: &mut [i8]) -> Option<()> {
        let mut room = [Block::empty(); ROOM];
        let mut copied = [0; COPIED];
        let images = &self.images;
        let [out_h, out_w] = images.size;
        let group_outputs = self.out_channels.checked_div(self.groups)?;
        for group in 0..self.groups {
            let channel = group * images.group_channels;
            let (mut first, end) = (group * group_outputs, (group + 1) * group_outputs);
            while first < end {
                let product = Product::new(v, self.weights, &self.requantize, first, end - first, &mut room)?;
                match self.layout {
                    Layout::InPlace => {
                        for image in 0..images.batch {
                            let (grid, pixels) = images.in_place(image, channel);
                            product.run(v, &grid, output.get_mut(image * out_h * out_w * self.out_channels + first..)?)?;
                            if pixels > out_h * out_w {
                                break;
                            }
                        }
                    }
                    Layout::Bands { rows, width, .. } => {
                        for image in 0..images.batch {
                            let mut y = 0;
                            while y < out_h {
                                let rows = rows.min(out_h - y);
                                let grid = images.band(image, [y, rows], width, channel, V::X_OFFSET as i8, &mut copied)?;
                                let pixel = (image * out_h + y) * out_w;
                                product.run(v, &grid, output.get_mut(pixel * self.out_channels + first..)?)?;
                                y += rows;
                            }
                        }
                    }
                    Layout::Gathered => {
                        let pixels = images.batch * out_h * out_w;
                        let mut pixel = 0;
                        while pixel < pixels {
                            let grid = images.gather(pixel, (pixels - pixel).min(GATHERED), channel, &mut copied)?;
                            product.run(v, &grid, output.get_mut(pixel * self.out_channels + first..)?)?;
                            pixel += grid.columns;
                        }
                    }
                }
                first += product.channels();
            }
        }
        Some(())
    }
}

/// The input and the windows over it.
struct Images<'a> {
    x: &'a [i8],
    zero_point: i8,
    batch: usize,
    vertical: Windows,
    horizontal: Windows,
    /// Rows and columns of the output.
    size: [usize; 2],
    channels: usize,
    /// Channels of a group of the convolution.
    group_channels: usize,
    /// Groups of four columns of weights under a window.
    groups: usize,
}

impl Images<'_> {
    /// How a window lies in an image of so many pixels per row; `None` where it is not made of runs as the weights are.
    fn segments(&self, width: usize) -> Option<Segments> {
        let row_stride = self.vertical.dilation.get().saturating_mul(width.saturating_mul(self.channels));
        let (rows, columns) = (self.vertical.kernel, self.horizontal.kernel);
        // Whether the taps of a row are adjacent, both in the input and in the filter.
        if columns == 1 || self.group_channels == self.channels && self.horizontal.dilation.get() == 1 {
            let groups = Packing::groups(columns * self.group_channels);
            return Some(Segments { rows, row_stride, runs: 1, run_stride: 0, groups });
        }
        let run_stride = self.horizontal.dilation.get().saturating_mul(self.channels);
        let groups = Packing::groups(self.group_channels);
        self.group_channels.is_multiple_of(4).then_some(Segments { rows, row_stride, runs: columns, run_stride, groups })
    }

    fn layout(&self) -> Layout {
        let [out_h, out_w] = self.size;
        let (input_h, input_w) = (self.vertical.input, self.horizontal.input);
        let Some(segments) = self.segments(input_w) else { return Layout::Gathered };
        if self.vertical.inside(out_h) == (0..out_h) && self.horizontal.inside(out_w) == (0..out_w) {
            let line = (self.batch - 1) * input_h + (out_h - 1) * self.vertical.stride;
            let last = (line * input_w + (out_w - 1) * self.horizontal.stride) * self.channels;
            if last + self.channels - self.group_channels + segments.span() <= self.x.len() {
                return Layout::InPlace;
            }
        }
        let width = self.horizontal.reach(out_w);
        let row_bytes = width.saturating_mul(self.channels);
        let bytes = |rows: usize| self.vertical.reach(rows).saturating_mul(row_bytes).saturating_add(SPILL);
        let mut rows = out_h;
        while bytes(rows) > COPIED_BYTES[2] {
            if rows == 1 {
                return Layout::Gathered;
            }
            rows = rows.div_ceil(2);
        }
        Layout::Bands { rows, width, bytes: bytes(rows) }
    }

    /// The windows over an image where it lies, from a channel on; over all images at once where each pixel is a window. Gives the number of
    /// pixels, too.
    fn in_place(&self, image: usize, channel: usize) -> (Grid<'_>, usize) {
        let [out_h, out_w] = self.size;
        let image_pixels = self.vertical.input * self.horizontal.input;
        let first = image * image_pixels * self.channels + channel;
        let segments = self.segments(self.horizontal.input).unwrap_or(Segments::one(0));
        let step = self.horizontal.stride * self.channels;
        let line_step = self.vertical.stride * self.horizontal.input * self.channels;
        if image_pixels == out_h * out_w {
            let pixels = self.batch * image_pixels;
            return (
                Grid { x: self.x, is_flipped: false, first, columns: pixels, step: self.channels, lines: 1, line_step: 0, segments },
                pixels,
            );
        }
        (Grid { x: self.x, is_flipped: false, first, columns: out_w, step, lines: out_h, line_step, segments }, out_h * out_w)
    }

    /// The windows of some rows of the output, from the `y`th on, over a copy of what is under them, with the bits of `flip` flipped.
    // Apart from the kernels, which would leave it no registers.
    #[inline(never)]
    fn band<'c>(
        &self,
        image: usize,
        [y, rows]: [usize; 2],
        width: usize,
        channel: usize,
        flip: i8,
        copied: &'c mut [i8],
    ) -> Option<Grid<'c>> {
        let (input_h, input_w) = (self.vertical.input, self.horizontal.input);
        let row_bytes = width * self.channels;
        let copied = copied.get_mut(..self.vertical.reach(rows) * row_bytes + SPILL)?;
        copied.fill(self.zero_point ^ flip);
        let pad = self.horizontal.pad.min(width);
        let length = input_w.min(width - pad) * self.channels;
        for (row, copied) in copied.chunks_exact_mut(row_bytes).enumerate() {
            let y = (y * self.vertical.stride + row).wrapping_sub(self.vertical.pad);
            if y < input_h {
                let x = self.x.get((image * input_h + y) * input_w * self.channels..)?.get(..length)?;
                let copied = copied.get_mut(pad * self.channels..)?.get_mut(..length)?;
                copied.iter_mut().zip(x).for_each(|(copied, x)| *copied = *x ^ flip);
            }
        }
        Some(Grid {
            x: copied,
            is_flipped: flip != 0,
            first: channel,
            columns: self.size[1],
            step: self.horizontal.stride * self.channels,
            lines: rows,
            line_step: self.vertical.stride * row_bytes,
            segments: self.segments(width)?,
        })
    }

    /// Windows of some pixels, each copied together.
    #[inline(never)]
    fn gather<'c>(&self, pixel: usize, pixels: usize, channel: usize, copied: &'c mut [i8]) -> Option<Grid<'c>> {
        let [out_h, out_w] = self.size;
        let row_bytes = 4 * self.groups;
        let pixels = pixels.min(copied.len().checked_div(row_bytes)?);
        let (input_h, input_w) = (self.vertical.input, self.horizontal.input);
        let run = 4 * Packing::groups(self.horizontal.kernel * self.group_channels);
        for (index, row) in copied.chunks_exact_mut(row_bytes).enumerate().take(pixels) {
            let pixel = pixel + index;
            let (y, x) = (pixel.checked_div(out_w)?, pixel.checked_rem(out_w)?);
            let (image, y) = (y.checked_div(out_h)?, y.checked_rem(out_h)?);
            let ((taps_y, first_y), (taps_x, first_x)) = (self.vertical.taps(y), self.horizontal.taps(x));
            row.fill(self.zero_point);
            for (y, tap_y) in taps_y.enumerate() {
                let y = first_y + y * self.vertical.dilation.get();
                for (x, tap_x) in taps_x.clone().enumerate() {
                    let x = first_x + x * self.horizontal.dilation.get();
                    let from = ((image * input_h + y) * input_w + x) * self.channels + channel;
                    let to = tap_y * run + tap_x * self.group_channels;
                    let from = self.x.get(from..)?.get(..self.group_channels)?;
                    row.get_mut(to..)?.get_mut(..self.group_channels)?.copy_from_slice(from);
                }
            }
        }
        let segments = Segments::one(self.groups);
        Some(Grid { x: copied, is_flipped: false, first: 0, columns: pixels, step: row_bytes, lines: 1, line_step: 0, segments })
    }
}
