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

/// Quads that there is room for, in three sizes: the memory is cleared for each op.
const FEW: usize = 64;
const SOME: usize = 192;
const MANY: usize = 512;

/// Most quads under a window.
const MAX_WINDOW: usize = 128;

/// Most taps of a filter.
const MAX_TAPS: usize = 128;

/// Quads of a line that are wanted at least, if the image has them: lines of few, since then there is room for several.
const LINE: usize = 36;

/// Columns of a quad.
const COLUMNS: usize = 4;

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
            block: Block::empty(v),
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
                        strip.run(v, columns, quads, output)?;
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

/// Columns of a tile, a multiple of how many are computed at once.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    start: usize,
    end: usize,
}

/// Columns that are computed at once, if there are as many.
const AT_ONCE: usize = 4;

impl<V: Vector> Strip<'_, V> {
    /// Computes all windows. `output` begins with the first channel of the image.
    #[inline(always)]
    fn run(&self, v: V, columns: usize, quads: &[[i8; 64]], output: &mut [i8]) -> Option<()> {
        let whole = columns - columns % AT_ONCE;
        if whole > 0 {
            v.windows::<AT_ONCE>(self, quads, Columns { start: 0, end: whole }, output)?;
        }
        match columns - whole {
            0 => Some(()),
            // Some of them once more.
            2.. if whole > 0 => v.windows::<AT_ONCE>(self, quads, Columns { start: columns - AT_ONCE, end: columns }, output),
            _ => v.windows::<1>(self, quads, Columns { start: whole, end: columns }, output),
        }
    }

    /// Makes the quads of the lines under the tile.
    #[inline(always)]
    pub(super) fn bring_together(&self, v: V, quads: &mut [[i8; 64]]) -> Option<()> {
        let Image { x, zero_point, vertical, horizontal, channels } = self.image;
        let (dilation, stride) = (horizontal.dilation.get(), horizontal.stride);
        // Columns of the line under the tile, with padding around those that there are.
        let mut columns = [[*zero_point; LANES]; LINE_COLUMNS];
        let columns = columns.get_mut(..self.image.columns(self.windows))?;
        let left = self.left * stride;
        let (padding, skipped) = (horizontal.pad.saturating_sub(left).min(columns.len()), left.saturating_sub(horizontal.pad));
        let inside = columns.len().min(padding + horizontal.input.saturating_sub(skipped));
        let top = (self.rows.start * vertical.stride).wrapping_sub(vertical.pad);
        let lines = quads.chunks_exact_mut(self.width).take(vertical.reach(self.rows.len()));
        for (line, quads) in lines.enumerate() {
            let y = top.wrapping_add(line);
            if y >= vertical.input {
                let padding = [*zero_point; LANES];
                let quad = v.push(v.push(v.push(v.push(v.quads(), &padding), &padding), &padding), &padding);
                quads.fill(v.store(quad));
                continue;
            }
            let line = ((self.index * vertical.input + y) * horizontal.input + skipped) * channels + self.first;
            copy(columns.get_mut(padding..inside)?, x.get(line..)?, *channels, self.count)?;
            let columns = &*columns;
            match (stride, dilation) {
                (1, 1) => {
                    let (first, columns) = columns.split_first_chunk::<{ COLUMNS - 1 }>()?;
                    let mut quad = first.iter().fold(v.quads(), |quad, column| v.push(quad, column));
                    for (slot, column) in quads.iter_mut().zip(columns) {
                        quad = v.push(quad, column);
                        *slot = v.store(quad);
                    }
                }
                (2, 1) => {
                    let (first, columns) = columns.split_first_chunk::<{ COLUMNS - 2 }>()?;
                    let mut quad = first.iter().fold(v.quads(), |quad, column| v.push(quad, column));
                    for (slot, [a, b]) in quads.iter_mut().zip(columns.as_chunks().0) {
                        quad = v.push(v.push(quad, a), b);
                        *slot = v.store(quad);
                    }
                }
                _ => {
                    for (index, slot) in quads.iter_mut().enumerate() {
                        let mut quad = v.quads();
                        for tap in 0..COLUMNS {
                            quad = v.push(quad, columns.get(index * stride + tap * dilation)?);
                        }
                        *slot = v.store(quad);
                    }
                }
            }
        }
        Some(())
    }

    /// Computes windows of some columns of all rows, as many at once as `COUNT` says.
    #[inline(always)]
    pub(super) fn windows<const COUNT: usize>(&self, v: V, quads: &[[i8; 64]], columns: Columns, output: &mut [i8]) -> Option<()> {
        let channels = self.image.channels;
        for row in 0..self.rows.len() {
            let line = row * self.image.vertical.stride * self.width;
            let mut x = columns.start;
            while x < columns.end {
                let mut sums = [v.start(&self.block.bias); COUNT];
                let quads = quads.get(line + x..)?;
                for (&offset, weights) in self.offsets.iter().zip(self.weights) {
                    let quads: &[[i8; 64]; COUNT] = quads.get(offset..)?.first_chunk()?;
                    let weights = v.weights(weights);
                    unrolled!(window below COUNT, {
                        sums[window] = v.dot_quads(sums[window], &quads[window], weights);
                    });
                }
                let output = output.get_mut(((self.rows.start + row) * self.out_w + self.left + x) * channels..)?;
                if V::is_simple(&self.block.scales) {
                    unrolled!(window below COUNT, {
                        let q = v.requantize(v.sums(sums[window]), &self.block.scales, &self.range);
                        v.put(q, output.get_mut(window * channels..)?, self.count)?;
                    });
                } else {
                    unrolled!(window below COUNT, {
                        let q = v.requantize_any(v.sums(sums[window]), &self.block.scales, &self.range);
                        v.put(q, output.get_mut(window * channels..)?, self.count)?;
                    });
                }
                x += COUNT;
            }
        }
        Some(())
    }
}

/// Copies some channels of each column of a line.
#[inline(always)]
fn copy(columns: &mut [[i8; LANES]], line: &[i8], channels: usize, count: usize) -> Option<()> {
    let mut at = 0;
    for column in columns {
        let x = line.get(at..)?;
        match (count, x.first_chunk::<LANES>(), x.first_chunk::<{ LANES / 2 }>()) {
            // What comes behind the channels counts nowhere.
            (_, Some(x), _) => *column = *x,
            (LANES, None, _) => return None,
            (8, None, Some(x)) => *column.first_chunk_mut()? = *x,
            _ => column.iter_mut().zip(x).take(count).for_each(|(column, x)| *column = *x),
        }
        at += channels;
    }
    Some(())
}
