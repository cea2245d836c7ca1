//! Convolution with packed filters: windows that lie in the input as runs meet the weights there, others are gathered.

use core::ops::Range;

use edge_format::{Conv2dParams, Packing};

use super::gemm::Segments;
use super::product::{Product, Rows, SPILL};
use super::vector::Vector;
use crate::kernel::conv2d::geometry;
use crate::kernel::requantize::Requantize;
use crate::kernel::window::{self, Windows};
use crate::kernel::{Frame, conv2d};

/// Computes each tile of output pixels from the windows under it. Plain filters are the reference kernel's.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let Some((packing, weights)) = frame.packed(1) else { return conv2d::run_plain(frame) };
    let params: Conv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.weights_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, _, _, channels] = x_shape.array()?;
    let [out_channels, _, _, group_channels] = filter_shape.array::<4>()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let x = frame.input(0)?;
    let groups = params.groups as usize;
    let group_outputs = out_channels.checked_div(groups)?;
    let length = vertical.kernel * horizontal.kernel * group_channels;
    let output = frame.into_output();
    let is_point = length == group_channels && [&vertical, &horizontal].iter().all(|axis| axis.pad == 0);

    for group in 0..groups {
        let windows = Patches {
            x,
            zero_point: x_affine.zero_point as i8,
            inside: [vertical.inside(out_h), horizontal.inside(out_w)],
            size: [out_h, out_w],
            vertical,
            horizontal,
            channels,
            first_channel: group * group_channels,
            group_channels,
        };
        let product = Product {
            x,
            pixels: batch * out_h * out_w,
            length,
            packing,
            weights,
            requantize: &requantize,
            first: group * group_outputs,
            channels: group_outputs,
            output_stride: out_channels,
            gathers: !(is_point && length.is_multiple_of(4)),
        };
        product.run(v, &windows, output.get_mut(group * group_outputs..)?)?;
    }
    Some(())
}

/// The windows over an image.
struct Patches<'a> {
    x: &'a [i8],
    zero_point: i8,
    /// Rows and columns of the output whose windows need no padding.
    inside: [Range<usize>; 2],
    /// Rows and columns of the output.
    size: [usize; 2],
    vertical: Windows,
    horizontal: Windows,
    channels: usize,
    first_channel: usize,
    group_channels: usize,
}

/// An output pixel.
#[derive(Clone, Copy)]
struct Pixel {
    image: usize,
    y: usize,
    x: usize,
}

impl Patches<'_> {
    /// Where the input's pixel is.
    #[inline(always)]
    fn at(&self, image: usize, y: usize, x: usize) -> usize {
        ((image * self.vertical.input + y) * self.horizontal.input + x) * self.channels + self.first_channel
    }

    /// Whether the taps of a row are adjacent, both in the input and in the filter.
    #[inline(always)]
    fn is_dense(&self) -> bool {
        self.group_channels == self.channels && (self.horizontal.dilation.get() == 1 || self.horizontal.kernel == 1)
    }
}

impl Rows for Patches<'_> {
    type Place = Pixel;

    #[inline(always)]
    fn first(&self) -> Pixel {
        Pixel { image: 0, y: 0, x: 0 }
    }

    #[inline(always)]
    fn next(&self, Pixel { image, y, x }: Pixel) -> Pixel {
        let [out_h, out_w] = self.size;
        if x + 1 < out_w {
            Pixel { image, y, x: x + 1 }
        } else if y + 1 < out_h {
            Pixel { image, y: y + 1, x: 0 }
        } else {
            Pixel { image: image + 1, y: 0, x: 0 }
        }
    }

    #[inline(always)]
    fn segments(&self) -> Option<Segments> {
        let (rows, columns) = (self.vertical.kernel, self.horizontal.kernel);
        let (runs, length) = if self.is_dense() { (1, columns * self.channels) } else { (columns, self.group_channels) };
        if rows * runs == 1 {
            return Some(Segments::one(length));
        }
        length.is_multiple_of(4).then(|| Segments {
            rows,
            row_stride: self.vertical.dilation.get().wrapping_mul(self.horizontal.input * self.channels),
            runs,
            run_stride: self.horizontal.dilation.get().wrapping_mul(self.channels),
            groups: Packing::groups(length),
        })
    }

    #[inline(always)]
    fn in_place(&self, Pixel { image, y, x }: Pixel) -> Option<usize> {
        let [rows, columns] = &self.inside;
        if !(rows.contains(&y) && columns.contains(&x)) {
            return None;
        }
        let start = self.at(image, y * self.vertical.stride - self.vertical.pad, x * self.horizontal.stride - self.horizontal.pad);
        // A row of length not divisible by four is read beyond its end, which only the last ones of x cannot be.
        let length = self.group_channels.max(if self.is_dense() { self.horizontal.kernel * self.channels } else { 0 });
        (length.is_multiple_of(4) || start + length.next_multiple_of(4) <= self.x.len()).then_some(start)
    }

    // Apart from the kernels, which would leave it no registers.
    #[inline(never)]
    fn gather(&self, Pixel { image, y, x }: Pixel, row: &mut [i8]) -> Option<()> {
        let [rows, columns] = &self.inside;
        let is_whole = rows.contains(&y) && columns.contains(&x);
        let ((taps_y, first_y), (taps_x, first_x)) = if is_whole {
            let place = |axis: &Windows, output: usize| (0..axis.kernel, output * axis.stride - axis.pad);
            (place(&self.vertical, y), place(&self.horizontal, x))
        } else {
            (self.vertical.taps(y), self.horizontal.taps(x))
        };
        if !is_whole {
            row.fill(self.zero_point);
        }
        let (runs, length) = if self.is_dense() { (1, taps_x.len() * self.channels) } else { (taps_x.len(), self.group_channels) };
        let first = self.at(image, first_y, first_x);
        let row_stride = self.vertical.dilation.get().wrapping_mul(self.horizontal.input * self.channels);
        for (index, tap_y) in taps_y.enumerate() {
            for run in 0..runs {
                let from = first + index * row_stride + run * self.horizontal.dilation.get() * self.channels;
                let to = (tap_y * self.horizontal.kernel + taps_x.start + run) * self.group_channels;
                // What is copied too much is padding's place only where the window is not whole.
                if is_whole && length <= 4 * SPILL {
                    copy_in_chunks(row, to, self.x, from, length)?;
                } else {
                    row.get_mut(to..)?.get_mut(..length)?.copy_from_slice(self.x.get(from..)?.get(..length)?);
                }
            }
        }
        Some(())
    }
}

/// Copies whole chunks where there is room for what they hold beyond `length`.
#[inline(always)]
fn copy_in_chunks(row: &mut [i8], to: usize, x: &[i8], from: usize, length: usize) -> Option<()> {
    let whole = length.next_multiple_of(SPILL);
    let (Some(row), Some(x)) = (row.get_mut(to..to + whole), x.get(from..from + whole)) else {
        row.get_mut(to..)?.get_mut(..length)?.copy_from_slice(x.get(from..)?.get(..length)?);
        return Some(());
    };
    for (row, x) in row.as_chunks_mut::<SPILL>().0.iter_mut().zip(x.as_chunks::<SPILL>().0) {
        *row = *x;
    }
    Some(())
}
