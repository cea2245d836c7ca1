//! Sums and differences of two tensors of one shape, sixteen elements at a time.

use edge_format::AddParams;

use super::vector::{Channels, LANES, Range, Vector};
use crate::affine::Affine;
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
    let channels_of = |multiplier: i32, shift: i32| {
        let mut channels = Channels::ZERO;
        channels.multiplier_q31 = [multiplier; LANES];
        (channels.left, channels.right) = ([shift.max(0); LANES], [0i32.wrapping_sub(shift).max(0); LANES]);
        SHIFTS.contains(&shift).then_some(channels)
    };
    // Differences of int8 are of nine bits, and a sum is at most twice as large as they.
    let are_small = params.left_shift <= 20;
    let input = |affine: Affine, multiplier: i32, shift: i32| {
        let scales = v.scales(&channels_of(multiplier, shift)?, 0, are_small);
        // A half of what is raised by one bit or more, which is what becomes of the input with the greater scale.
        let is_half = (multiplier, shift) == (1 << 30, 0) && (1..=20).contains(&params.left_shift);
        let left_shift = params.left_shift - u32::from(is_half);
        Some(Input { zero_point: affine.zero_point, left_shift, is_half, scales })
    };
    let sums_are_small = are_small && params.input1_shift <= 0 && params.input2_shift <= 0;
    let sums = Sums {
        a: input(a_affine, params.input1_multiplier_q31, params.input1_shift)?,
        b: input(b_affine, params.input2_multiplier_q31, params.input2_shift)?,
        op,
        scales: v.scales(&channels_of(params.output_multiplier_q31, params.output_shift)?, affine.zero_point, sums_are_small),
        range: Range { least: params.activation_min as i8, greatest: params.activation_max as i8 },
    };
    let (a, b) = (frame.input_or_in_place(0)?, frame.input_or_in_place(1)?);
    let are_simple = [&sums.a.scales, &sums.b.scales, &sums.scales].into_iter().all(V::is_simple);
    if are_simple { sums.run::<true>(v, a, b, frame.into_output()) } else { sums.run::<false>(v, a, b, frame.into_output()) }
}

/// What becomes of an input.
struct Input<V: Vector> {
    zero_point: i32,
    left_shift: u32,
    /// Whether the left shift has made the scales superfluous.
    is_half: bool,
    scales: V::Scales,
}

impl<V: Vector> Input<V> {
    #[inline(always)]
    fn rescale<const SIMPLE: bool>(&self, v: V, x: &[i8; LANES]) -> V::Words {
        let raised = v.raised(x, self.zero_point, self.left_shift);
        match (self.is_half, SIMPLE) {
            (true, _) => raised,
            (false, true) => v.rescale(raised, &self.scales),
            (false, false) => v.rescale_any(raised, &self.scales),
        }
    }
}

/// An op.
struct Sums<V: Vector> {
    a: Input<V>,
    b: Input<V>,
    op: Op,
    scales: V::Scales,
    range: Range,
}

impl<V: Vector> Sums<V> {
    /// Computes everything; an input that is `None` is in the output's place.
    #[inline(always)]
    fn run<const SIMPLE: bool>(&self, v: V, a: Option<&[i8]>, b: Option<&[i8]>, output: &mut [i8]) -> Option<()> {
        let (chunks, rest) = output.as_chunks_mut::<LANES>();
        let (a_chunks, a_rest) = a.map(<[i8]>::as_chunks::<LANES>).unzip();
        let (b_chunks, b_rest) = b.map(<[i8]>::as_chunks::<LANES>).unzip();
        for (index, output) in chunks.iter_mut().enumerate() {
            let own = *output;
            let a = a_chunks.map_or(Some(&own), |a| a.get(index))?;
            let b = b_chunks.map_or(Some(&own), |b| b.get(index))?;
            v.put(self.sixteen::<SIMPLE>(v, a, b), output, LANES)?;
        }
        if !rest.is_empty() {
            let filled = |x: &[i8]| {
                let mut chunk = [0; LANES];
                chunk.iter_mut().zip(x).for_each(|(chunk, &x)| *chunk = x);
                chunk
            };
            let (a, b) = (filled(a_rest.unwrap_or(rest)), filled(b_rest.unwrap_or(rest)));
            v.put(self.sixteen::<SIMPLE>(v, &a, &b), rest, rest.len())?;
        }
        Some(())
    }

    #[inline(always)]
    fn sixteen<const SIMPLE: bool>(&self, v: V, a: &[i8; LANES], b: &[i8; LANES]) -> V::Bytes {
        let (a, b) = (self.a.rescale::<SIMPLE>(v, a), self.b.rescale::<SIMPLE>(v, b));
        let sum = if self.op == Op::Add { v.add(a, b) } else { v.subtract(a, b) };
        if SIMPLE { v.requantize(sum, &self.scales, &self.range) } else { v.requantize_any(sum, &self.scales, &self.range) }
    }
}
