//! Normalization of rows: layer, group, instance and root-mean-square normalization with their scales and shifts.
//!
//! TensorFlow Lite has no integer form of it. Sums are exact; `1 / sqrt` and what follows keep 20 fractional bits until the end, so that
//! outputs are the exact ones to a few thousandths of a unit, rounded.

use core::num::NonZeroU64;

use edge_format::{NormalizeParams, OpCode};

use super::{Frame, Node, expect_range, expect_shift, misfit, total};
use crate::arith::{multiply_by_quantized_multiplier, rounding_divide_by_pot};
use crate::prepare::NORMALIZE_GUARD_BITS;
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Normalize, check, run };

/// Longest row: its normalized elements are below the root of its length, and keep 20 fractional bits in a word.
const MAX_ROW: u32 = 1 << 20;
/// Fractional bits of a normalized element.
const FRACTION_BITS: u32 = 20;
/// First of the three inputs that hold multiplier, shift and bias of each channel.
const FIRST_INPUT: usize = 1;

/// Checks that rows fill the input, and channels a whole number of rows.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: NormalizeParams = node.params()?;
    node.expect_inputs(4)?;
    let (x, output) = (node.input_i8(0)?, node.output_i8()?);
    if x.shape != output.shape {
        return misfit(Operand::Output, &output);
    }
    expect_range("row", params.row, 1..=MAX_ROW.min(x.byte_length))?;
    expect_range("inner", params.inner, 1..=params.row)?;
    expect_range("center", params.center, 0..=1)?;
    let multipliers = node.input(FIRST_INPUT)?;
    let channels = multipliers.shape.elements() as usize;
    let period = u64::from(multipliers.shape.elements()).saturating_mul(params.inner.into());
    let whole = |length: u64, of: u32| length.checked_rem(of.into()) == Some(0);
    if !whole(x.byte_length.into(), params.row) || !whole(period, params.row) || !whole(params.row.into(), params.inner) {
        return Err(CheckError::Param { name: "row", found: params.row.into() });
    }
    node.constant_i32(FIRST_INPUT, channels)?;
    node.constant_i32(FIRST_INPUT + 1, channels)?.iter().try_for_each(|&shift| expect_shift(shift))?;
    node.constant_i32(FIRST_INPUT + 2, channels).map(drop)
}

/// Takes the mean and the variance of each row.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: NormalizeParams = frame.params()?;
    let constant = |index| frame.node.input(index).ok()?.constant_i32();
    let (multipliers, shifts, biases) = (constant(FIRST_INPUT)?, constant(FIRST_INPUT + 1)?, constant(FIRST_INPUT + 2)?);
    let [x_zero, out_zero] = [frame.input_like(0)?, frame.output_like()?].map(|(_, affine)| affine.zero_point);
    let (row, inner) = (params.row as usize, params.inner as usize);
    let channels_per_row = row.checked_div(inner)?;
    let length = i64::from(params.row);
    let epsilon = u64::from(params.epsilon_high) << 32 | u64::from(params.epsilon_low);
    let x = frame.input(0)?;
    let mut first = 0usize;
    for (x, output) in total::rows(x, row)?.zip(total::rows_mut(frame.into_output(), row)?) {
        let centered = |x: i8| i64::from(i32::from(x).wrapping_sub(x_zero));
        let sum = if params.center == 1 { x.iter().map(|&x| centered(x)).fold(0, i64::wrapping_add) } else { 0 };
        let squares = x.iter().map(|&x| centered(x).wrapping_mul(centered(x))).fold(0, i64::wrapping_add);
        // The variance times the square of the length.
        let variance = length.wrapping_mul(squares).wrapping_sub(sum.wrapping_mul(sum)).cast_unsigned();
        let (reciprocal, shift) = reciprocal_root(variance.saturating_add(epsilon));
        let constants = multipliers.get(first..)?.iter().zip(shifts.get(first..)?).zip(biases.get(first..)?);
        let channels = total::rows(x, inner)?.zip(total::rows_mut(output, inner)?).zip(constants);
        for ((x, output), ((&multiplier_q31, &shift_of_channel), &bias)) in channels {
            for (output, &x) in output.iter_mut().zip(x) {
                let deviation = length.wrapping_mul(centered(x)).wrapping_sub(sum);
                let half = 1i64.wrapping_shl(shift) >> 1;
                let normalized = deviation.wrapping_mul(reciprocal).wrapping_add(half).wrapping_shr(shift) as i32;
                let scaled = multiply_by_quantized_multiplier(normalized, multiplier_q31, shift_of_channel);
                let q = rounding_divide_by_pot(scaled.saturating_add(bias), NORMALIZE_GUARD_BITS).saturating_add(out_zero);
                *output = q.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
            }
        }
        first = first.wrapping_add(channels_per_row);
        if first >= multipliers.len() {
            first = 0;
        }
    }
    Some(())
}

/// `2^shift / sqrt(x)` with [`FRACTION_BITS`] less in the shift, from `2^31` to `2^32`; zero for zero.
fn reciprocal_root(x: u64) -> (i64, u32) {
    // x = mantissa / 2^(2 * raised), the mantissa in [2^62, 2^64), its root in [2^31, 2^32).
    let raised = x.leading_zeros() / 2;
    let root = root(x.wrapping_shl(2 * raised));
    let reciprocal = NonZeroU64::new(root).map_or(0, |root| (1u64 << 63) / root);
    (reciprocal.cast_signed(), 63u32.wrapping_sub(raised).wrapping_sub(FRACTION_BITS))
}

/// The integer square root, bit by bit.
fn root(x: u64) -> u64 {
    let (mut rest, mut root) = (x, 0u64);
    for bit in (0..32).rev().map(|bit| 1u64 << (2 * bit)) {
        let trial = root.wrapping_add(bit);
        root >>= 1;
        if rest >= trial {
            rest = rest.wrapping_sub(trial);
            root = root.wrapping_add(bit);
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn roots_are_those_of_the_standard_library(x: u64, shift in 0u32..64) {
            prop_assert_eq!(root(x >> shift), (x >> shift).isqrt());
        }

        #[test]
        fn reciprocal_roots_are_exact_to_thirty_bits(x: u64, shift in 0u32..64) {
            let x = (x >> shift).max(1);
            let (reciprocal, shift) = reciprocal_root(x);
            let found = reciprocal as f64 * 2f64.powi(-(shift as i32)) * 2f64.powi(-(FRACTION_BITS as i32));
            prop_assert!((found * (x as f64).sqrt() - 1.0).abs() < 2e-9);
        }
    }

    #[test]
    fn zero_has_no_reciprocal() {
        assert_eq!(reciprocal_root(0).0, 0);
    }
}
