//! Sums and differences of two tensors of one shape, sixteen elements at a time.

use edge_format::AddParams;

use super::vector::{Channels, LANES, Range, Vector, unrolled};
use crate::affine::Affine;
use crate::kernel::Frame;

/// Elements of a step: two vectors, which need not wait for each other.
const AT_ONCE: usize = 2 * LANES;

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
    // Differences of int8 are of nine bits, and a sum is at most twice as large as they.
    let are_small = params.left_shift <= 20;
    let sums_are_small = are_small && params.input1_shift <= 0 && params.input2_shift <= 0;
    let (a_scale, b_scale) = ((params.input1_multiplier_q31, params.input1_shift), (params.input2_multiplier_q31, params.input2_shift));
    let input = |affine: Affine, scales| Input { zero_point: affine.zero_point, left_shift: params.left_shift, scales };
    let sums = Sums {
        a: input(a_affine, scales(v, a_scale, 0, are_small)),
        b: input(b_affine, scales(v, b_scale, 0, are_small)),
        op,
        scales: scales(v, (params.output_multiplier_q31, params.output_shift), affine.zero_point, sums_are_small),
        range: Range { least: params.activation_min as i8, greatest: params.activation_max as i8 },
    };
    let (a, b) = (frame.input_or_in_place(0)?, frame.input_or_in_place(1)?);
    let are_simple = [&sums.a.scales, &sums.b.scales, &sums.scales].into_iter().all(V::is_simple);
    // A half of what is raised by one bit or more, which is what becomes of the input with the greater scale.
    let is_half = |scale| scale == (1 << 30, 0) && (1..=20).contains(&params.left_shift);
    let output = frame.into_output();
    match (are_simple, is_half(a_scale), is_half(b_scale)) {
        (true, true, true) => sums.run::<true, true, true>(v, a, b, output),
        (true, true, false) => sums.run::<true, true, false>(v, a, b, output),
        (true, false, true) => sums.run::<true, false, true>(v, a, b, output),
        (true, false, false) => sums.run::<true, false, false>(v, a, b, output),
        (false, ..) => sums.run::<false, false, false>(v, a, b, output),
    }
}

/// One multiplier and shift for all channels.
#[inline(always)]
fn scales<V: Vector>(v: V, (multiplier, shift): (i32, i32), zero_point: i32, are_small: bool) -> V::Scales {
    let channels = Channels { multiplier_q31: [multiplier; LANES], shift: [shift; LANES], ..Channels::ZERO };
    v.scales(&channels, zero_point, are_small)
}

/// What becomes of an input.
struct Input<V: Vector> {
    zero_point: i32,
    left_shift: u32,
    scales: V::Scales,
}

impl<V: Vector> Input<V> {
    /// `HALF` says that the scales make a half of what is raised, so that one bit less has made them superfluous.
    #[inline(always)]
    fn rescale<const SIMPLE: bool, const HALF: bool>(&self, v: V, x: &[i8; LANES]) -> V::Words {
        if HALF {
            return v.raised(x, self.zero_point, self.left_shift - 1);
        }
        let raised = v.raised(x, self.zero_point, self.left_shift);
        if SIMPLE { v.rescale(raised, &self.scales) } else { v.rescale_any(raised, &self.scales) }
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
    fn run<const SIMPLE: bool, const A_HALF: bool, const B_HALF: bool>(
        &self,
        v: V,
        a: Option<&[i8]>,
        b: Option<&[i8]>,
        output: &mut [i8],
    ) -> Option<()> {
        let (chunks, rest) = output.as_chunks_mut::<AT_ONCE>();
        let (a_chunks, a_rest) = a.map(<[i8]>::as_chunks::<AT_ONCE>).unzip();
        let (b_chunks, b_rest) = b.map(<[i8]>::as_chunks::<AT_ONCE>).unzip();
        for (index, output) in chunks.iter_mut().enumerate() {
            let own = *output;
            let a = a_chunks.map_or(Some(&own), |a| a.get(index))?.as_chunks().0;
            let b = b_chunks.map_or(Some(&own), |b| b.get(index))?.as_chunks().0;
            unrolled!(vector below AT_ONCE / LANES, {
                let q = self.sixteen::<SIMPLE, A_HALF, B_HALF>(v, a.get(vector)?, b.get(vector)?);
                v.put(q, output.get_mut(vector * LANES..)?, LANES)?;
            });
        }
        for (index, rest) in rest.chunks_mut(LANES).enumerate() {
            let filled = |x: &[i8]| {
                let mut chunk = [0; LANES];
                chunk.iter_mut().zip(x).for_each(|(chunk, &x)| *chunk = x);
                chunk
            };
            let of_rest = |x: Option<&[i8]>| x.map_or(Some(filled(rest)), |x| x.get(index * LANES..).map(filled));
            let (a, b) = (of_rest(a_rest)?, of_rest(b_rest)?);
            v.put(self.sixteen::<SIMPLE, A_HALF, B_HALF>(v, &a, &b), rest, rest.len())?;
        }
        Some(())
    }

    #[inline(always)]
    fn sixteen<const SIMPLE: bool, const A_HALF: bool, const B_HALF: bool>(&self, v: V, a: &[i8; LANES], b: &[i8; LANES]) -> V::Bytes {
        let (a, b) = (self.a.rescale::<SIMPLE, A_HALF>(v, a), self.b.rescale::<SIMPLE, B_HALF>(v, b));
        let sum = if self.op == Op::Add { v.add(a, b) } else { v.subtract(a, b) };
        if SIMPLE { v.requantize(sum, &self.scales, &self.range) } else { v.requantize_any(sum, &self.scales, &self.range) }
    }
}
