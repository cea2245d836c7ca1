//! Matrix product with packed weights.

use edge_format::FullyConnectedParams;

use super::gemm::Segments;
use super::product::{Product, Rows};
use super::vector::Vector;
use crate::kernel::requantize::Requantize;
use crate::kernel::{Frame, fully_connected};

/// Computes tiles of rows. Plain weights are the reference kernel's.
#[inline(always)]
pub(super) fn run<V: Vector>(v: V, frame: Frame<'_, '_>) -> Option<()> {
    let Some((packing, weights)) = frame.packed(1) else { return fully_connected::run_plain(frame) };
    let params: FullyConnectedParams = frame.params()?;
    let [outputs, length] = frame.weights_like(1)?.0.array()?;
    let requantize = Requantize::new(&frame, (params.activation_min, params.activation_max))?;
    let x = frame.input(0)?;
    let product = Product {
        x,
        pixels: x.len().checked_div(length)?,
        length,
        packing,
        weights,
        requantize: &requantize,
        first: 0,
        channels: outputs,
        output_stride: outputs,
        gathers: !length.is_multiple_of(4),
    };
    product.run(v, &Adjacent { x, length }, frame.into_output())
}

/// Rows one behind the other.
struct Adjacent<'a> {
    x: &'a [i8],
    length: usize,
}

impl Rows for Adjacent<'_> {
    type Place = usize;

    #[inline(always)]
    fn first(&self) -> usize {
        0
    }

    #[inline(always)]
    fn next(&self, start: usize) -> usize {
        start + self.length
    }

    #[inline(always)]
    fn segments(&self) -> Option<Segments> {
        Some(Segments::one(self.length))
    }

    #[inline(always)]
    fn in_place(&self, start: usize) -> Option<usize> {
        (start + self.length.next_multiple_of(4) <= self.x.len()).then_some(start)
    }

    #[inline(always)]
    fn gather(&self, start: usize, row: &mut [i8]) -> Option<()> {
        row.get_mut(..self.length)?.copy_from_slice(self.x.get(start..)?.get(..self.length)?);
        Some(())
    }
}
