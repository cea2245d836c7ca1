//! Depthwise convolution: sixteen channels at a time, whose columns are first brought together in fours, so that one dot product is of
//! four taps.

use edge_format::{DepthwiseConv2dParams, Packing};

use super::gemm::Block;
use super::product::move_offset;
use super::vector::{LANES, Range, Vector, unrolled};
use crate::kernel::depthwise_conv2d::geometry;
use crate::kernel::requantize::Requantize;
use crate::kernel::window::{self, Windows};
use crate::kernel::{Frame, depthwise_conv2d};

/// Quads that there is room for, in four sizes: the memory is cleared for each op.
const FEW: usize = 64;
const SOME: usize = 144;
const MORE: usize = 256;
const MANY: usize = 512;

/// Most quads under a window.
const MAX_WINDOW: usize = 128;

/// Most taps of a filter.
const MAX_TAPS: usize = 128;

/// Quads of a line that are wanted at least, if the image has them: lines of few, since then there is room for several.
const LINE: usize = 36;

/// Columns of a quad.
const COLUMNS: usize = 4;

/// Windows that are computed at once.
const AT_ONCE: usize = 4;

/// Columns of a line that there is room for.
const LINE_COLUMNS: usize = 80;

/// Whether there are kernels for a depthwise filter of this size, with these dilations and strides, once it is packed; of each pair the
/// first number is the vertical one.
pub fn packs_depthwise([height, width]: [u32; 2], dilation: [u32; 2], stride: [u32; 2]) -> bool {
    let distance = dilation[1].saturating_mul(COLUMNS as u32);
    let Some(quads) = width.div_ceil(4).checked_sub(1).and_then(|others| others.checked_mul(distance.checked_div(stride[1])?)) else {
        return false;
    };
    // Those of a window are among those that other windows begin with.
    let are_shared = width <= COLUMNS as u32 || distance.is_multiple_of(stride[1]);
    let lines = u64::from(height.saturating_sub(1)) * u64::from(dilation[0]) + 1;
    let columns = u64::from(quads) * u64::from(stride[1]) + (COLUMNS as u64 - 1) * u64::from(dilation[1]) + 1;
    height > 0
        && are_shared
        && height as usize * width as usize <= MAX_TAPS
        && lines * (u64::from(quads) + 1) <= MAX_WINDOW as u64
        && columns <= LINE_COLUMNS as u64
}

/// Computes one block of channels after the other, in tiles of the image. Plain filters are the reference kernel's.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let Some((packing, bytes)) = frame.packed(1) else { return depthwise_conv2d::run_plain(frame) };
    let params: DepthwiseConv2dParams = frame.params()?;
    let ((x_shape, x_affine), (filter_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &filter_shape, &out_shape))?;
    let [batch, _, _, channels] = x_shape.array()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let image = Image { x: frame.input(0)?, zero_point: x_affine.zero_point as i8, vertical, horizontal, channels };
    // Most windows of a tile, as few lines as one window has and no more than there are.
    let mut columns = out_w;
    while image.quads(columns) > LINE.max(image.quads(1))
        || image.columns(columns) > LINE_COLUMNS
        || image.quads(columns) * vertical.reach(1) > MANY
    {
        columns = if columns > 1 { columns.div_ceil(2) } else { return None };
    }
    let mut rows = out_h;
    while image.quads(columns) * vertical.reach(rows) > MANY {
        rows = if rows > 1 { rows.div_ceil(2) } else { return None };
    }
    let op = Depthwise { image, packing, bytes, requantize, batch, size: [out_h, out_w], tile: [rows, columns] };
    let output = frame.into_output();
    let quads = op.image.quads(columns) * vertical.reach(rows);
    if quads <= FEW {
        v.depthwise::<FEW>(&op, output)
    } else if quads <= SOME {
        v.depthwise::<SOME>(&op, output)
    } else if quads <= MORE {
        v.depthwise::<MORE>(&op, output)
    } else {
        v.depthwise::<MANY>(&op, output)
    }
}

/// Quads that vectors can be loaded from without crossing cache lines.
#[repr(align(64))]
struct Quads<const COUNT: usize>([[i8; 64]; COUNT]);

/// An op.
pub(super) struct Depthwise<'a> {
    image: Image<'a>,
    packing: Packing,
    bytes: &'a [[i8; Packing::GROUP_BYTES]],
    requantize: Requantize<'a>,
    batch: usize,
    /// Rows and columns of the output.
    size: [usize; 2],
    /// Rows and columns of a tile of it.
    tile: [usize; 2],
}

impl Depthwise<'_> {
    /// Computes one block after the other, with room for so many quads.
    #[inline(always)]
    pub(super) fn run<V: Vector, const QUADS: usize>(&self, v: V, output: &mut [i8]) -> Option<()> {
        let quads = &mut Quads([[0; 64]; QUADS]).0;
        let (channels, [out_h, out_w]) = (self.image.channels, self.size);
        let Image { vertical, horizontal, .. } = &self.image;
        let row_groups = Packing::groups(horizontal.kernel);
        let groups = vertical.kernel * row_groups;
        let (mut offsets, width) = ([0; MAX_TAPS], self.image.quads(self.tile[1]));
        for (tap, slot) in offsets.iter_mut().enumerate().take(groups) {
            let (row, group) = (tap.checked_div(row_groups)?, tap.checked_rem(row_groups)?);
            *slot = row * vertical.dilation.get() * width + group * self.image.quads_of_group();
        }
        let (offsets, range) = (offsets.get(..groups)?, self.requantize.range());
        let mut strip = Strip {
            image: &self.image,
            weights: &[],
            offsets,
            width,
            windows: self.tile[1],
            block: Block::empty(),
            range,
            first: 0,
            count: 0,
            index: 0,
            rows: 0..0,
            left: 0,
            out_w,
        };
        for (block, weights) in self.bytes.chunks_exact(groups).enumerate() {
            let first = block * LANES;
            let count = channels.checked_sub(first)?.min(LANES);
            let mut constants = self.requantize.channels(first, count)?;
            if self.packing.x_offset() != V::X_OFFSET {
                move_offset(&mut constants, V::X_OFFSET - self.packing.x_offset(), weights);
            }
            strip.block.set(v, &constants, &self.requantize, groups);
            (strip.weights, strip.first, strip.count) = (weights, first, count);
            for image in 0..self.batch {
                let output = output.get_mut(image * out_h * out_w * channels + first..)?;
                strip.index = image;
                let mut y = 0;
                while y < out_h {
                    let rows = self.tile[0].min(out_h - y);
                    strip.rows = y..y + rows;
                    let mut x = 0;
                    while x < out_w {
                        let columns = self.tile[1].min(out_w - x);
                        strip.left = x;
                        v.bring_together(&strip, quads)?;
                        if rows * columns == 1 {
                            v.windows::<1>(&strip, quads, columns, output)?;
                        } else {
                            v.windows::<AT_ONCE>(&strip, quads, columns, output)?;
                        }
                        x += columns;
                    }
                    y += rows;
                }
            }
        }
        Some(())
    }
}

/// The input and the windows over it.
struct Image<'a> {
    x: &'a [i8],
    zero_point: i8,
    vertical: Windows,
    horizontal: Windows,
    channels: usize,
}

impl Image<'_> {
    /// Quads of a line under this many windows.
    fn quads(&self, windows: usize) -> usize {
        windows + (Packing::groups(self.horizontal.kernel) - 1) * self.quads_of_group()
    }

    /// Columns of a line under this many windows' quads.
    fn columns(&self, windows: usize) -> usize {
        (self.quads(windows) - 1) * self.horizontal.stride + (COLUMNS - 1) * self.horizontal.dilation.get() + 1
    }

    /// Quads from a group of taps to the next one: as they begin at the columns where windows do.
    fn quads_of_group(&self) -> usize {
        (COLUMNS * self.horizontal.dilation.get()).checked_div(self.horizontal.stride).unwrap_or(0)
    }
}

/// Sixteen channels of a tile of the output.
pub(super) struct Strip<'a, V: Vector> {
    image: &'a Image<'a>,
    weights: &'a [[i8; Packing::GROUP_BYTES]],
    /// For each group of taps the distance to its quads from those of the first one.
    offsets: &'a [usize],
    /// Quads of a line, and the windows that they are of.
    width: usize,
    windows: usize,
    block: Block<V>,
    range: Range,
    /// The first channel, and how many there are.
    first: usize,
    count: usize,
    /// Which image of the batch.
    index: usize,
    rows: core::ops::Range<usize>,
    /// The first column.
    left: usize,
    /// Columns of the output.
    out_w: usize,
}

impl<V: Vector> Strip<'_, V> {
    /// Makes the quads of the lines under the tile.
    #[inline(always)]
    pub(super) fn bring_together(&self, v: V, quads: &mut [[i8; 64]]) -> Option<()> {
        let Image { x, zero_point, vertical, horizontal, channels } = self.image;
        let (dilation, stride) = (horizontal.dilation.get(), horizontal.stride);
        // Columns of the line under the tile, with padding around those that there are.
        let columns = self.image.columns(self.windows);
        let left = self.left * stride;
        let (padding, skipped) = (horizontal.pad.saturating_sub(left).min(columns), left.saturating_sub(horizontal.pad));
        let inside = horizontal.input.saturating_sub(skipped).min(columns - padding);
        let behind = columns - padding - inside;
        let around = [*zero_point; LANES];
        let top = (self.rows.start * vertical.stride).wrapping_sub(vertical.pad);
        let lines = quads.chunks_exact_mut(self.width).take(vertical.reach(self.rows.len()));
        for (line, quads) in lines.enumerate() {
            let y = top.wrapping_add(line);
            if y >= vertical.input {
                let quad = v.push(v.push(v.push(v.push(v.quads(), &around), &around), &around), &around);
                quads.fill(v.store(quad));
                continue;
            }
            let line = ((self.index * vertical.input + y) * horizontal.input + skipped) * channels + self.first;
            let mut x = x.get(line..)?;
            if dilation == 1 {
                let mut line = Line::<V> { quad: v.quads(), slots: quads.iter_mut(), missing: COLUMNS, stride };
                (0..padding).for_each(|_| line.push(v, &around));
                for _ in 0..inside {
                    match x.first_chunk() {
                        // What comes behind the channels counts nowhere.
                        Some(column) => line.push(v, column),
                        None => line.push(v, &last_column(x, self.count)),
                    }
                    x = x.get(*channels..).unwrap_or_default();
                }
                (0..behind).for_each(|_| line.push(v, &around));
                continue;
            }
            let mut room = [around; LINE_COLUMNS];
            let room = room.get_mut(..columns)?;
            for column in room.get_mut(padding..)?.iter_mut().take(inside) {
                *column = x.first_chunk().copied().unwrap_or_else(|| last_column(x, self.count));
                x = x.get(*channels..).unwrap_or_default();
            }
            for (index, slot) in quads.iter_mut().enumerate() {
                let mut quad = v.quads();
                for tap in 0..COLUMNS {
                    quad = v.push(quad, room.get(index * stride + tap * dilation)?);
                }
                *slot = v.store(quad);
            }
        }
        Some(())
    }

    /// Computes all windows of the tile, as many at once as `COUNT` says: from the last ones of a row on into the next one.
    #[inline(always)]
    pub(super) fn windows<const COUNT: usize>(&self, v: V, quads: &[[i8; 64]], columns: usize, output: &mut [i8]) -> Option<()> {
        let channels = self.image.channels;
        // Behind the last window of a row: to the first one of the next, in quads and in the output.
        let (to_line, to_row) = (self.image.vertical.stride * self.width - columns, (self.out_w - columns) * channels);
        let (mut start, mut at) = (0, (self.rows.start * self.out_w + self.left) * channels);
        let span = self.offsets.last()? + 1;
        let (mut column, mut left) = (0, self.rows.len() * columns);
        while left > 0 {
            let mut windows = [(&[][..], 0); COUNT];
            for slot in &mut windows {
                *slot = (quads.get(start..)?.get(..span)?, at);
                // Behind the last one, that one again.
                left = left.saturating_sub(1);
                if left > 0 {
                    (start, at, column) = (start + 1, at + channels, column + 1);
                    if column == columns {
                        (start, at, column) = (start + to_line, at + to_row, 0);
                    }
                }
            }
            let mut sums = [v.start(&self.block.bias); COUNT];
            for (&offset, weights) in self.offsets.iter().zip(self.weights) {
                let weights = v.weights(weights);
                unrolled!(window below COUNT, {
                    sums[window] = v.dot_quads(sums[window], windows[window].0.get(offset)?, weights);
                });
            }
            if V::is_simple(&self.block.scales) {
                unrolled!(window below COUNT, {
                    let q = v.requantize(v.sums(sums[window]), &self.block.scales, &self.range);
                    v.put(q, output.get_mut(windows[window].1..)?, self.count)?;
                });
            } else {
                unrolled!(window below COUNT, {
                    let q = v.requantize_any(v.sums(sums[window]), &self.block.scales, &self.range);
                    v.put(q, output.get_mut(windows[window].1..)?, self.count)?;
                });
            }
        }
        Some(())
    }
}

/// The quads of a line, made of one column after the other.
struct Line<'a, V: Vector> {
    /// The last columns.
    quad: V::Quads,
    slots: core::slice::IterMut<'a, [i8; 64]>,
    /// Columns that the next quad lacks.
    missing: usize,
    stride: usize,
}

impl<V: Vector> Line<'_, V> {
    #[inline(always)]
    fn push(&mut self, v: V, column: &[i8; LANES]) {
        self.quad = v.push(self.quad, column);
        self.missing -= 1;
        if self.missing == 0 {
            self.missing = self.stride;
            if let Some(slot) = self.slots.next() {
                *slot = v.store(self.quad);
            }
        }
    }
}

/// The channels of the column that ends the image, where fewer elements are left than a vector has.
#[cold]
fn last_column(x: &[i8], count: usize) -> [i8; LANES] {
    let mut column = [0; LANES];
    column.iter_mut().zip(x).take(count).for_each(|(column, &x)| *column = x);
    column
}
