//! What logistic and hyperbolic tangent have in common: a table of the sigmoid at multiples of 1/24, of which one is the other at twice
//! the argument.

use crate::kernel::{Frame, Node, expect_range, misfit};
use crate::table::{SIGMOID, Sigmoid};
use crate::{CheckError, Operand};

/// Checks operands and parameters; the output's scale is 1/32768.
pub(super) fn check(node: &Node<'_>, multiplier: u32, right_shift: u32) -> Result<(), CheckError> {
    node.expect_inputs(2)?;
    let (x, table, output) = (node.input_of::<i16>(0)?, node.input_of::<i16>(1)?, node.output_of::<i16>()?);
    let entries = table.constant_i16().ok_or(CheckError::NotConstant { operand: Operand::Input(1) })?;
    if entries.len() != SIGMOID {
        return misfit(Operand::Input(1), &table);
    }
    if x.shape.elements() != output.shape.elements() {
        return misfit(Operand::Output, &output);
    }
    super::softmax::expect_unit_scale(&output)?;
    expect_range("multiplier", multiplier, 0..=u16::MAX.into())?;
    expect_range("right_shift", right_shift, 0..=31)
}

/// The sigmoid at `magnitude / 2^bits / 24`, in 1 / 2^(16 + bits); `None` beyond the table.
#[inline(always)]
pub(super) fn interpolate(table: &Sigmoid, magnitude: u32, bits: u32) -> Option<u32> {
    let index = (magnitude >> bits) as usize;
    let pair = table.get(index..)?.first_chunk::<2>()?;
    let [entry, next] = pair.map(|entry| u32::from(entry.cast_unsigned()));
    let fraction = magnitude & ((1 << bits) - 1);
    Some((entry << bits).wrapping_add(fraction.wrapping_mul(next.wrapping_sub(entry))))
}

/// Applies `f` to each element in 1 / 12288; may run in place.
#[inline(always)]
pub(super) fn run(frame: Frame<'_, '_>, (multiplier, right_shift): (u32, u32), f: impl Fn(&Sigmoid, i32) -> i16) -> Option<()> {
    let table = frame.input_of::<i16>(1)?.first_chunk()?;
    let half = if right_shift == 0 { 0 } else { 1i32.wrapping_shl(right_shift - 1) };
    let at = |x: i16| {
        let product = i32::from(x).wrapping_mul(multiplier.cast_signed());
        f(table, product.saturating_add(half).wrapping_shr(right_shift))
    };
    let x = frame.input_or_in_place_of::<i16>(0)?;
    let output = frame.into_output_of::<i16>()?;
    match x {
        Some(x) => output.iter_mut().zip(x).for_each(|(output, &x)| *output = at(x)),
        None => output.iter_mut().for_each(|output| *output = at(*output)),
    }
    Some(())
}
