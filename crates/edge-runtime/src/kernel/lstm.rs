//! Long short-term memory over a sequence: int8 activations and weights, 16-bit gates and cell.

use edge_format::{LstmParams, OpCode};

use super::recurrent::{self, Filter, Rescale, Sequence, logistic_q15, of_unit, rescales, saturate, tanh_q15};
use super::{Frame, Node, expect_range};
use crate::table::Sigmoid;
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Lstm, check, run };

const GATES: usize = 4;

/// Powers of two that a cell's scale may be: so that the argument of its hyperbolic tangent fits in 32 bits.
const CELL_SCALES_LOG2: core::ops::RangeInclusive<i32> = -31..=1;

/// Bits of a gate's argument behind the point.
const GATE_FRACTION_BITS: i32 = 12;

/// Checks shapes, constants and parameters.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: LstmParams = node.params()?;
    node.expect_outputs(3)?;
    recurrent::check(node, params.time_major, GATES, 1)?;
    let cell = node.input(6)?;
    expect_range("cell_scale_log2", params.cell_scale_log2, CELL_SCALES_LOG2)?;
    expect_range("cell_clip", params.cell_clip, 0..=i16::MAX.into())?;
    // 2 to the power of the parameter, by its bits: the exponent is far from the limits.
    let scale = f32::from_bits(((params.cell_scale_log2 + 127) as u32) << 23);
    if (cell.scale, cell.zero_point) != (scale, 0) {
        return Err(CheckError::Affine { operand: Operand::Input(6), scale: cell.scale, zero_point: cell.zero_point });
    }
    let gates = rescales(params.input_multiplier_q31, params.input_shift);
    let recurrent = rescales(params.recurrent_multiplier_q31, params.recurrent_shift);
    let products = [params.forget_shift, params.update_shift, params.hidden_shift].map(|shift| Rescale(0, shift));
    gates.into_iter().chain(recurrent).chain(products).try_for_each(Rescale::check)
}

/// Computes unit after unit of each step: TensorFlow Lite Micro's `LstmStep`, whose stages do not depend on other units but through
/// the hidden state of the step before, which is the row of y before.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: LstmParams = frame.params()?;
    let (x_shape, x_affine) = frame.input_like(0)?;
    let y_like = frame.node.output_at(0).ok()?;
    let sequence = Sequence::new(&x_shape, &y_like.shape, params.time_major)?;
    let units = sequence.units;
    let constants = &frame.node;
    let bias = constants.constant_i32(3, GATES.checked_mul(units)?).ok()?;
    let table = constants.input(4).ok()?.constant_i16()?.first_chunk()?;
    let x = frame.input(0)?;
    let [filter, recurrent] = [frame.input(1)?, frame.input(2)?].map(|weights| Filter { weights, units });
    let step = Step { params, filter, recurrent, bias, table, x_zero_point: x_affine.zero_point as i8, y_zero_point: y_like.zero_point };
    let [y, hidden, cell, _] = frame.into_outputs();
    sequence.for_each_step(x, y, hidden, cell, &mut |x, last, y, cell| {
        for (unit, (y, cell)) in y.iter_mut().zip(cell).enumerate() {
            *y = step.unit(x, last, cell, unit)?;
        }
        Some(())
    })
}

/// What all steps have in common.
struct Step<'a> {
    params: LstmParams,
    filter: Filter<'a>,
    recurrent: Filter<'a>,
    bias: &'a [i32],
    table: &'a Sigmoid,
    x_zero_point: i8,
    y_zero_point: i32,
}

impl Step<'_> {
    /// Updates the cell of a unit (a little-endian 16-bit number) and gives the unit's hidden state.
    #[inline(always)]
    fn unit(&self, x: &[i8], last: &[i8], cell: &mut [i8; 2], unit: usize) -> Option<i8> {
        let params = &self.params;
        let products = self.filter.sums(x, self.x_zero_point, GATES, unit)?;
        let recurrent = self.recurrent.sums(last, self.y_zero_point as i8, GATES, unit)?;
        let bias = of_unit::<GATES>(self.bias, self.filter.units, unit)?;
        let mut arguments = [0i16; GATES];
        let scales = rescales(params.input_multiplier_q31, params.input_shift);
        let recurrent_scales = rescales(params.recurrent_multiplier_q31, params.recurrent_shift);
        let sums = products.into_iter().zip(bias).zip(scales).zip(recurrent.into_iter().zip(recurrent_scales));
        for (argument, (((product, bias), scale), (recurrent, recurrent_scale))) in arguments.iter_mut().zip(sums) {
            *argument = scale.to_i16(product.wrapping_add(bias)).saturating_add(recurrent_scale.to_i16(recurrent));
        }
        let [input, forget, update, output] = arguments;
        let [input, forget, output] = [input, forget, output].map(|argument| i32::from(logistic_q15(self.table, argument)));
        let update = i32::from(tanh_q15(self.table, update, 0));

        let [low, high] = cell.map(i8::cast_unsigned);
        let old = i32::from(i16::from_le_bytes([low, high]));
        let kept = Rescale(params.forget_multiplier_q31, params.forget_shift).to_i16(forget.wrapping_mul(old));
        let added = Rescale(params.update_multiplier_q31, params.update_shift).to_i16(input.wrapping_mul(update));
        let mut new = kept.saturating_add(added);
        if params.cell_clip > 0 {
            let clip = saturate(params.cell_clip);
            new = new.min(clip).max(clip.wrapping_neg());
        }
        *cell = new.to_le_bytes().map(u8::cast_signed);
        let squashed = i32::from(tanh_q15(self.table, new, params.cell_scale_log2 + GATE_FRACTION_BITS));
        let hidden = Rescale(params.hidden_multiplier_q31, params.hidden_shift).apply(output.wrapping_mul(squashed));
        Some(hidden.wrapping_add(self.y_zero_point).clamp(i8::MIN.into(), i8::MAX.into()) as i8)
    }
}
