//! Matrix product with packed weights.

use edge_format::{FullyConnectedParams, Packing};

use super::gemm::{Block, Segments};
use super::product::{Grid, Product, Weights};
use super::vector::{LANES, Vector};
use crate::kernel::requantize::Requantize;
use crate::kernel::{Frame, fully_connected};

/// Blocks of sixteen outputs whose constants are prepared at once, for few and for many.
const BLOCKS: [usize; 2] = [1, 4];

/// Elements that there is room for when a row must be copied, in two sizes: the memory is cleared each time.
const SHORT: usize = 256;
const LONG: usize = Packing::MAX_COLUMNS;

/// Computes tiles of rows. Plain weights are the reference kernel's.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let Some((packing, bytes)) = frame.packed(1) else { return fully_connected::run_plain(frame) };
    let params: FullyConnectedParams = frame.params()?;
    let [outputs, length] = frame.input_like(1)?.0.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let x = frame.input(0)?;
    let layer = Layer { x, length, outputs, weights: Weights { packing, bytes, groups: Packing::groups(length) }, requantize };
    let output = frame.into_output();
    if outputs <= BLOCKS[0] * LANES {
        layer.run(v, &mut [Block::empty(); BLOCKS[0]], output)
    } else {
        layer.run(v, &mut [Block::empty(); BLOCKS[1]], output)
    }
}

/// An op.
struct Layer<'a> {
    x: &'a [i8],
    /// Elements of a row.
    length: usize,
    outputs: usize,
    weights: Weights<'a>,
    requantize: Requantize<'a>,
}

impl Layer<'_> {
    /// Computes all rows, with room for the constants of some blocks.
    #[inline(always)]
    fn run<V: Vector>(&self, v: V, room: &mut [Block<V>], output: &mut [i8]) -> Option<()> {
        let Self { x, length, outputs, weights, requantize } = self;
        let (length, outputs) = (*length, *outputs);
        let rows = x.len().checked_div(length)?;
        let mut first = 0;
        while first < outputs {
            let product = Product::new(v, *weights, requantize, first, outputs - first, room)?;
            // The last rows' last groups may reach beyond x.
            let last = x.len().checked_sub(4 * Packing::groups(length)).and_then(|last| last.checked_div(length));
            let in_place = last.map_or(0, |last| rows.min(last + 1));
            if in_place > 0 {
                product.run(v, &grid(x, in_place, length), output.get_mut(first..)?)?;
            }
            for row in in_place..rows {
                let (x, output) = (x.get(row * length..)?.get(..length)?, output.get_mut(row * outputs + first..)?);
                if length <= SHORT {
                    copied_row::<V, SHORT>(v, &product, x, output)?
                } else {
                    copied_row::<V, LONG>(v, &product, x, output)?
                }
            }
            first += product.channels().next_multiple_of(LANES);
        }
        Some(())
    }
}

/// Rows one behind the other.
fn grid(x: &[i8], rows: usize, length: usize) -> Grid<'_> {
    let segments = Segments::one(Packing::groups(length));
    Grid { x, is_flipped: false, first: 0, columns: rows, step: length, lines: 1, line_step: 0, segments }
}

/// Computes a row from a copy with room behind it.
#[inline(never)]
fn copied_row<V: Vector, const ROOM: usize>(v: V, product: &Product<'_, V>, x: &[i8], output: &mut [i8]) -> Option<()> {
    let mut row = [0; ROOM];
    let row = row.get_mut(..x.len().next_multiple_of(4))?;
    row.get_mut(..x.len())?.copy_from_slice(x);
    product.run(v, &grid(row, 1, x.len()), output)
}
