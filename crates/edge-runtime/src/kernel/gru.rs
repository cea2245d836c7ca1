//! Gated recurrent unit over a sequence: int8 activations and weights, 16-bit gates, and a hidden state in 16 bits beside the 8 that
//! the next layer reads, since a slow update gate moves it by less than an int8 step.

use edge_format::{GruParams, OpCode};

use super::recurrent::{self, Filter, Rescale, Sequence, logistic_q15, of_unit, rescales, saturate, tanh_q15};
use super::{Frame, Node, expect_range, misfit};
use crate::table::Sigmoid;
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Gru, check, run };

const GATES: usize = 3;

/// One half of the unit of 15 fractional bits' products.
const HALF_Q15: i32 = 1 << 14;

/// Checks shapes, constants and parameters.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: GruParams = node.params()?;
    node.expect_outputs(4)?;
    let sequence = recurrent::check(node, params.time_major, GATES, 2)?;
    expect_range("reset_after", params.reset_after, 0..=1)?;
    let scratch = node.output_at(1)?;
    if scratch.byte_length as usize != sequence.units {
        return misfit(Operand::Output, &scratch);
    }
    let fine = node.input(7)?;
    if (fine.scale, fine.zero_point) != (1.0 / 32768.0, 0) {
        return Err(CheckError::Affine { operand: Operand::Input(7), scale: fine.scale, zero_point: fine.zero_point });
    }
    let gates = rescales(params.input_multiplier_q31, params.input_shift);
    let recurrent = rescales(params.recurrent_multiplier_q31, params.recurrent_shift);
    let hidden = Rescale(params.hidden_multiplier_q31, params.hidden_shift);
    gates.into_iter().chain(recurrent).chain([hidden]).try_for_each(Rescale::check)
}

/// Computes unit after unit of each step. Where the reset gate comes before the product, the hidden state that it leaves is computed
/// for all units first.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: GruParams = frame.params()?;
    let (x_shape, x_affine) = frame.input_like(0)?;
    let y_like = frame.node.output_at(0).ok()?;
    let sequence = Sequence::new(&x_shape, &y_like.shape, params.time_major)?;
    let units = sequence.units;
    let constants = &frame.node;
    let [bias, recurrent_bias] =
        [constants.constant_i32(3, GATES.checked_mul(units)?).ok()?, constants.constant_i32(4, GATES.checked_mul(units)?).ok()?];
    let table = constants.input(5).ok()?.constant_i16()?.first_chunk()?;
    let x = frame.input(0)?;
    let [filter, recurrent] = [frame.input(1)?, frame.input(2)?].map(|weights| Filter { weights, units });
    let (x_zero_point, y_zero_point) = (x_affine.zero_point as i8, y_like.zero_point);
    let step = Step { params, filter, recurrent, bias, recurrent_bias, table, x_zero_point, y_zero_point };
    let [y, reset, hidden, fine] = frame.into_outputs();
    sequence.for_each_step(x, y, hidden, fine, &mut |x, last, y, fine| {
        if params.reset_after == 0 {
            for (unit, (reset, &last_unit)) in reset.iter_mut().zip(last).enumerate() {
                *reset = step.reset(x, last, last_unit, unit)?;
            }
        }
        for (unit, (y, fine)) in y.iter_mut().zip(fine).enumerate() {
            *y = step.unit(x, last, reset, fine, unit)?;
        }
        Some(())
    })
}

/// What all steps have in common.
struct Step<'a> {
    params: GruParams,
    filter: Filter<'a>,
    recurrent: Filter<'a>,
    bias: &'a [i32],
    recurrent_bias: &'a [i32],
    table: &'a Sigmoid,
    x_zero_point: i8,
    y_zero_point: i32,
}

impl Step<'_> {
    /// The arguments of a unit's gates: what the input and what the hidden state contributes, with 12 fractional bits.
    #[inline(never)]
    fn arguments(&self, x: &[i8], last: &[i8], unit: usize) -> Option<[[i16; 2]; GATES]> {
        let params = &self.params;
        let products = self.filter.sums(x, self.x_zero_point, GATES, unit)?;
        let recurrent = self.recurrent.sums(last, self.y_zero_point as i8, GATES, unit)?;
        let bias = of_unit::<GATES>(self.bias, self.filter.units, unit)?;
        let recurrent_bias = of_unit::<GATES>(self.recurrent_bias, self.filter.units, unit)?;
        let inputs = products.into_iter().zip(bias).zip(rescales(params.input_multiplier_q31, params.input_shift));
        let states = recurrent.into_iter().zip(recurrent_bias).zip(rescales(params.recurrent_multiplier_q31, params.recurrent_shift));
        let mut arguments = [[0; 2]; GATES];
        for (argument, (((input, bias), scale), ((state, state_bias), state_scale))) in arguments.iter_mut().zip(inputs.zip(states)) {
            *argument = [scale.to_i16(input.wrapping_add(bias)), state_scale.to_i16(state.wrapping_add(state_bias))];
        }
        Some(arguments)
    }

    /// What the reset gate leaves of a unit's hidden state, as int8 of the same scale and zero point.
    #[inline(always)]
    fn reset(&self, x: &[i8], last: &[i8], of_unit: i8, unit: usize) -> Option<i8> {
        let [_, [input, state], _] = self.arguments(x, last, unit)?;
        let gate = i32::from(logistic_q15(self.table, input.saturating_add(state)));
        let left = i32::from(of_unit).wrapping_sub(self.y_zero_point).wrapping_mul(gate).wrapping_add(HALF_Q15) >> 15;
        Some(left.wrapping_add(self.y_zero_point).clamp(i8::MIN.into(), i8::MAX.into()) as i8)
    }

    /// Updates the finer hidden state of a unit (a little-endian 16-bit number) and gives the int8 one.
    #[inline(always)]
    fn unit(&self, x: &[i8], last: &[i8], reset: &[i8], fine: &mut [i8; 2], unit: usize) -> Option<i8> {
        let [[update, update_state], [gate, gate_state], [input, state]] = self.arguments(x, last, unit)?;
        let update = i32::from(logistic_q15(self.table, update.saturating_add(update_state)));
        let state = if self.params.reset_after == 1 {
            let gate = i32::from(logistic_q15(self.table, gate.saturating_add(gate_state)));
            saturate(i32::from(state).wrapping_mul(gate).wrapping_add(HALF_Q15) >> 15)
        } else {
            let [_, _, [_, state]] = self.arguments(x, reset, unit)?;
            state
        };
        let new = i32::from(tanh_q15(self.table, input.saturating_add(state), 0));

        let [low, high] = fine.map(i8::cast_unsigned);
        let old = i32::from(i16::from_le_bytes([low, high]));
        // The difference has 17 bits and the gate 15: the product fits in 32, and one half fits on top.
        let moved = old.wrapping_sub(new).wrapping_mul(update).wrapping_add(HALF_Q15) >> 15;
        let hidden = saturate(new.wrapping_add(moved));
        *fine = hidden.to_le_bytes().map(u8::cast_signed);
        let coarse = Rescale(self.params.hidden_multiplier_q31, self.params.hidden_shift).apply(hidden.into());
        Some(coarse.wrapping_add(self.y_zero_point).clamp(i8::MIN.into(), i8::MAX.into()) as i8)
    }
}
