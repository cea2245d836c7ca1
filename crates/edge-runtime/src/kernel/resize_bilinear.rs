//! Bilinear interpolation of images, in 1024ths of a pixel.

use edge_format::{OpCode, ResizeBilinearParams};

use super::{Frame, Node, expect_range, misfit, total};
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::ResizeBilinear, check, run };

/// Bits of a place behind the point.
const FRACTION_BITS: u32 = 10;
/// One pixel.
const ONE: i32 = 1 << FRACTION_BITS;

/// Checks that every place lies in the input, or at most half a pixel before it.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: ResizeBilinearParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_i8(0)?, node.output_i8()?);
    node.expect_same_affine(0)?;
    let Some([batch, in_h, in_w, channels]) = x.shape.array::<4>() else { return misfit(Operand::Input(0), &x) };
    let Some([n, out_h, out_w, c]) = output.shape.array::<4>() else { return misfit(Operand::Output, &output) };
    if [n, c] != [batch, channels] {
        return misfit(Operand::Output, &output);
    }
    for (scale, offset, from, to) in [(params.scale_h, params.offset_h, in_h, out_h), (params.scale_w, params.offset_w, in_w, out_w)] {
        expect_range("scale", scale, 0..=i32::MAX)?;
        expect_range("offset", offset, -ONE / 2..=scale / 2)?;
        let last = (to as i64 - 1) * i64::from(scale) + i64::from(offset);
        expect_range("place", last, -i64::from(ONE)..=((from as i64) << FRACTION_BITS).min(i32::MAX.into()) - 1)?;
    }
    Ok(())
}

/// The elements around a place along an axis, and the weight of the second one in 1024ths; that of the first is what lacks to one.
#[derive(Clone, Copy)]
struct Place {
    lower: usize,
    upper: usize,
    weight: i32,
}

impl Place {
    fn new(index: usize, scale: i32, offset: i32, size: usize) -> Self {
        let place = (index as i32).wrapping_mul(scale).wrapping_add(offset);
        let lower = (place / ONE).max(0);
        let upper = (place.wrapping_add(ONE - 1) / ONE).max(0) as usize;
        Self { lower: lower as usize, upper: upper.min(size - 1), weight: place.wrapping_sub(lower.wrapping_mul(ONE)) }
    }
}

/// Weighs the four elements around each place.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: ResizeBilinearParams = frame.params()?;
    let ([batch, in_h, in_w, channels], [_, out_h, out_w, _]) = (frame.input_like(0)?.0.array()?, frame.output_like()?.0.array()?);
    let x = frame.input(0)?;
    let mut pixels = total::rows_mut(frame.into_output(), channels)?;
    for image in 0..batch {
        for row in 0..out_h {
            let y = Place::new(row, params.scale_h, params.offset_h, in_h);
            for column in 0..out_w {
                let at = Place::new(column, params.scale_w, params.offset_w, in_w);
                let pixel = |row: usize, column: usize| x.get(((image * in_h + row) * in_w + column) * channels..)?.get(..channels);
                let (above, below) = (y.lower, y.upper);
                let corners = [pixel(above, at.lower)?, pixel(above, at.upper)?, pixel(below, at.lower)?, pixel(below, at.upper)?];
                let [left, right] = [ONE - at.weight, at.weight];
                let weights = [(ONE - y.weight) * left, (ONE - y.weight) * right, y.weight * left, y.weight * right];
                let corners = corners[0].iter().zip(corners[1]).zip(corners[2].iter().zip(corners[3]));
                for (output, ((&a, &b), (&c, &d))) in pixels.next()?.iter_mut().zip(corners) {
                    // At most 128 * 2^22 in magnitude.
                    let sum: i32 = [a, b, c, d].into_iter().zip(weights).map(|(x, weight)| i32::from(x) * weight).sum();
                    let half = if sum > 0 { 1 << (2 * FRACTION_BITS - 1) } else { -(1 << (2 * FRACTION_BITS - 1)) };
                    *output = ((sum + half) / (1 << (2 * FRACTION_BITS))).clamp(i8::MIN.into(), i8::MAX.into()) as i8;
                }
            }
        }
    }
    Some(())
}
