//! Sums and differences of two tensors of one shape, sixteen elements at a time.

use edge_format::AddParams;

use super::vector::{Channels, LANES, Range, Vector};
use crate::arith::SHIFTS;
use crate::kernel::Frame;

/// What becomes of two requantized inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Subtract,
}

/// Brings both inputs to a common scale and what `op` makes of them to the output's; what broadcasts goes to `reference`.
#[inline(always)]
pub(super) fn run<V: Vector>(
    v: V,
    frame: Frame<'_, '_>,
    params: AddParams,
    op: Op,
    reference: fn(Frame<'_, '_>) -> Option<()>,
) -> Option<()> {
    let ((a_shape, a_affine), (b_shape, b_affine), (shape, affine)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    if a_shape.elements() != shape.elements() || b_shape.elements() != shape.elements() {
        return reference(frame);
    }
    let scales_of = |multiplier: i32, shift: i32| {
        let mut channels = Channels::ZERO;
        channels.multiplier_q31 = [multiplier; LANES];
        (channels.left, channels.right) = ([shift.max(0); LANES], [(-shift).max(0); LANES]);
        SHIFTS.contains(&shift).then_some(channels)
    };
    let a_scales = v.scales(&scales_of(params.input1_multiplier_q31, params.input1_shift)?);
    let b_scales = v.scales(&scales_of(params.input2_multiplier_q31, params.input2_shift)?);
    let scales = v.scales(&scales_of(params.output_multiplier_q31, params.output_shift)?);
    let zero_point = affine.zero_point;
    let range = Range { zero_point, least: params.activation_min - zero_point, greatest: params.activation_max - zero_point };
    let (a, b) = (frame.input_or_in_place(0)?, frame.input_or_in_place(1)?);
    for (index, output) in frame.into_output().chunks_mut(LANES).enumerate() {
        let place = index * LANES..index * LANES + output.len();
        let chunk = |x: Option<&[i8]>, own: &[i8]| {
            let x = match x {
                Some(x) => x.get(place.clone())?,
                None => own,
            };
            let mut chunk = [0; LANES];
            match x.first_chunk::<LANES>() {
                Some(x) => chunk = *x,
                None => chunk.iter_mut().zip(x).for_each(|(chunk, &x)| *chunk = x),
            }
            Some(chunk)
        };
        let (a, b) = (chunk(a, output)?, chunk(b, output)?);
        let a = v.rescale(v.raised(&a, a_affine.zero_point, params.left_shift), &a_scales);
        let b = v.rescale(v.raised(&b, b_affine.zero_point, params.left_shift), &b_scales);
        let sum = if op == Op::Add { v.add(a, b) } else { v.subtract(a, b) };
        super::gemm::store(v.requantize(sum, &scales, &range), output, place.len());
    }
    Some(())
}
