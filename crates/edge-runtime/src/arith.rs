//! Integer arithmetic of TensorFlow Lite's int8 specification: the one home of rounding.
//!
//! Every kernel and every table goes through these functions. All of them are total: sums and shifts wrap where
//! the original leaves overflow undefined, so that no program can stop the machine.

/// `round(a * b / 2^31)`, ties upwards; saturates for `MIN * MIN`, the only product that overflows.
///
/// gemmlowp's `SaturatingRoundingDoublingHighMul`, whose nudge by sign before a division that truncates is this
/// floor of the sum with one half.
pub const fn saturating_rounding_doubling_high_mul(a: i32, b: i32) -> i32 {
    // Where a product of 64 bits is a call that knows nothing of the signs.
    if cfg!(armv6m) {
        return high_mul_in_halves(a, b);
    }
    let rounded = (a as i64 * b as i64 + (1 << 30)) >> 31;
    if rounded > i32::MAX as i64 { i32::MAX } else { rounded as i32 }
}

/// The same from four products of 32 bits, for machines that have no others.
const fn high_mul_in_halves(a: i32, b: i32) -> i32 {
    let ((a_high, a_low), (b_high, b_low)) = ((a >> 16, a & 0xFFFF), (b >> 16, b & 0xFFFF));
    let low = (a_low as u32).wrapping_mul(b_low as u32);
    // Neither sum overflows: a product of a signed and an unsigned half leaves room for another half.
    let middle = a_high * b_low + (low >> 16) as i32;
    let carried = a_low * b_high + (middle & 0xFFFF);
    let high = (a_high * b_high).wrapping_add(middle >> 16).wrapping_add(carried >> 16);
    // The two bits below decide what the sum with one half carries.
    let rounded = high.wrapping_mul(2).wrapping_add(carried >> 15 & 1).wrapping_add(carried >> 14 & 1);
    if a == i32::MIN && b == i32::MIN { i32::MAX } else { rounded }
}

/// `round(a * b / 2^15)`, ties upwards; saturates for `MIN * MIN`.
pub const fn saturating_rounding_doubling_high_mul_i16(a: i16, b: i16) -> i16 {
    let rounded = (a as i32 * b as i32 + (1 << 14)) >> 15;
    if rounded > i16::MAX as i32 { i16::MAX } else { rounded as i16 }
}

/// `a * b / 2^15`, towards zero; saturates for `MIN * MIN`.
pub const fn saturating_doubling_high_mul_i16(a: i16, b: i16) -> i16 {
    let product = a as i32 * b as i32 / (1 << 15);
    if product > i16::MAX as i32 { i16::MAX } else { product as i16 }
}

/// `round(x / 2^exponent)`, ties away from zero, for an exponent of 0 to 31; of a greater one only the low five bits count.
///
/// gemmlowp's `RoundingDivideByPOT`.
pub const fn rounding_divide_by_pot(x: i32, exponent: u32) -> i32 {
    let mask = (1u32.wrapping_shl(exponent) - 1) as i32;
    let threshold = (mask >> 1) + (x < 0) as i32;
    x.wrapping_shr(exponent) + (x & mask > threshold) as i32
}

/// `x * 2^exponent`, saturating.
pub const fn saturating_left_shift(x: i32, exponent: u32) -> i32 {
    let shifted = (x as i64) << if exponent > 31 { 31 } else { exponent };
    if shifted > i32::MAX as i64 {
        i32::MAX
    } else if shifted < i32::MIN as i64 {
        i32::MIN
    } else {
        shifted as i32
    }
}

/// `x * multiplier_q31 * 2^(shift - 31)`, rounded twice: by the multiplication, then by the shift to the right.
///
/// TensorFlow Lite's `MultiplyByQuantizedMultiplier` in its reference form. `shift` is from -31 to 30, a positive one
/// to the left, where bits that leave the word are lost.
// On bare metal every copy of it is a hundred bytes of flash.
#[cfg_attr(not(target_os = "none"), inline(always))]
pub const fn multiply_by_quantized_multiplier(x: i32, multiplier_q31: i32, shift: i32) -> i32 {
    let (left, right) = if shift > 0 { (shift as u32, 0) } else { (0, shift.unsigned_abs()) };
    rounding_divide_by_pot(saturating_rounding_doubling_high_mul(x.wrapping_shl(left), multiplier_q31), right)
}

/// `x * multiplier_q31 * 2^(shift - 31)`, rounded once, ties upwards, with a multiplier that is first rounded to 15 bits.
///
/// TensorFlow Lite's `MultiplyByQuantizedMultiplier` of 64-bit numbers, which it defines for magnitudes below 2^47. `shift` is within
/// [`WIDE_SHIFTS`].
#[inline(always)]
pub const fn multiply_wide_by_quantized_multiplier(x: i64, multiplier_q31: i32, shift: i32) -> i32 {
    let reduced = if multiplier_q31 < 0x7FFF_0000 { (multiplier_q31 + (1 << 15)) >> 16 } else { 0x7FFF };
    let right = 15i32.wrapping_sub(shift).cast_unsigned();
    let half = 1i64.wrapping_shl(right.wrapping_sub(1));
    x.wrapping_mul(reduced as i64).wrapping_add(half).wrapping_shr(right) as i32
}

/// Shifts that [`multiply_wide_by_quantized_multiplier`] takes.
pub const WIDE_SHIFTS: core::ops::RangeInclusive<i32> = -31..=14;

/// Shifts that [`multiply_by_quantized_multiplier`] takes.
pub const SHIFTS: core::ops::RangeInclusive<i32> = -31..=30;

/// `value` as a multiplier in `[2^30, 2^31)` by sign and a shift: `value = multiplier_q31 * 2^(shift - 31)`.
///
/// TensorFlow Lite's `QuantizeMultiplier`: the mantissa is rounded to 31 bits, ties away from zero. A value below
/// 2^-32, and one that is not finite, gives `(0, 0)`.
pub const fn quantize_multiplier(value: f64) -> (i32, i32) {
    let bits = value.to_bits();
    let biased_exponent = (bits >> 52 & 0x7FF) as i32;
    if biased_exponent == 0 || biased_exponent == 0x7FF {
        return (0, 0);
    }
    // value = mantissa * 2^(shift - 53), mantissa in [2^52, 2^53).
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let mut shift = biased_exponent - 1022;
    let mut multiplier = (mantissa + (1 << 21)) >> 22;
    if multiplier == 1 << 31 {
        multiplier >>= 1;
        shift += 1;
    }
    if shift < *SHIFTS.start() {
        return (0, 0);
    }
    (if value < 0.0 { -(multiplier as i32) } else { multiplier as i32 }, shift)
}

/// The nearest integer, ties away from zero, as C's `round`; saturates, and NaN gives 0.
pub const fn round_half_away(x: f64) -> i32 {
    let whole = x as i64;
    let fraction = x - whole as f64;
    let rounded = whole.saturating_add((fraction >= 0.5) as i64 - (fraction <= -0.5) as i64);
    if rounded > i32::MAX as i64 {
        i32::MAX
    } else if rounded < i32::MIN as i64 {
        i32::MIN
    } else {
        rounded as i32
    }
}

/// The nearest integer, ties to the even one; saturates, and NaN gives 0.
pub const fn round_half_even(x: f64) -> i32 {
    let away = round_half_away(x);
    let tie = x - away as f64 == 0.5 || x - away as f64 == -0.5;
    if tie && away & 1 == 1 { away - if x > 0.0 { 1 } else { -1 } } else { away }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `numerator / 2^exponent` rounded to the nearest, with the rule for ties given.
    fn divide(numerator: i128, exponent: u32, tie_up: impl Fn(i128) -> bool) -> i128 {
        let (floor, denominator) = (numerator >> exponent, 1i128 << exponent);
        let twice_rest = 2 * (numerator - (floor << exponent));
        floor + i128::from(twice_rest > denominator || (twice_rest == denominator && tie_up(floor)))
    }

    #[test]
    fn rounding_at_ties_and_limits() {
        assert_eq!(saturating_rounding_doubling_high_mul(1 << 30, 1), 1);
        assert_eq!(saturating_rounding_doubling_high_mul(-(1 << 30), 1), 0);
        for a in [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX] {
            for b in [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX] {
                assert_eq!(high_mul_in_halves(a, b), saturating_rounding_doubling_high_mul(a, b), "{a} {b}");
            }
        }
        assert_eq!(saturating_rounding_doubling_high_mul(i32::MIN, i32::MIN), i32::MAX);
        assert_eq!(saturating_rounding_doubling_high_mul_i16(i16::MIN, i16::MIN), i16::MAX);
        assert_eq!(saturating_doubling_high_mul_i16(i16::MIN, i16::MIN), i16::MAX);
        assert_eq!([-3, -1, 1, 3].map(|x| rounding_divide_by_pot(x, 1)), [-2, -1, 1, 2]);
        assert_eq!(rounding_divide_by_pot(i32::MIN, 31), -1);
        // Twice rounded: 0.4999 becomes 0.5 in the product's last bit, and then 1.
        assert_eq!(multiply_by_quantized_multiplier(1, i32::MAX, -1), 1);
        assert_eq!([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5].map(round_half_even), [-2, -2, 0, 0, 2, 2]);
        assert_eq!([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5].map(round_half_away), [-3, -2, -1, 1, 2, 3]);
        for (x, rounded) in [(f64::NAN, 0), (f64::INFINITY, i32::MAX), (-1e300, i32::MIN)] {
            assert_eq!((round_half_away(x), round_half_even(x)), (rounded, rounded));
        }
    }

    #[test]
    fn multipliers_at_the_limits() {
        assert_eq!(quantize_multiplier(1.0), (1 << 30, 1));
        assert_eq!(quantize_multiplier(-0.5), (-(1 << 30), 0));
        assert_eq!(quantize_multiplier(1.0 - f64::EPSILON), (1 << 30, 1));
        assert_eq!(quantize_multiplier(2f64.powi(-32)), (1 << 30, -31));
        assert_eq!(quantize_multiplier(2f64.powi(-33)), (0, 0));
        for value in [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 4.0] {
            assert_eq!(quantize_multiplier(value), (0, 0));
        }
    }

    proptest! {
        #[test]
        fn high_mul_is_the_exact_product_rounded(a: i32, b: i32) {
            let exact = divide(i128::from(a) * i128::from(b), 31, |_| true);
            prop_assert_eq!(i128::from(saturating_rounding_doubling_high_mul(a, b)), exact.min(i32::MAX.into()));
            prop_assert_eq!(i128::from(high_mul_in_halves(a, b)), exact.min(i32::MAX.into()));
        }

        #[test]
        fn high_mul_i16_is_the_exact_product_rounded(a: i16, b: i16) {
            let exact = divide(i128::from(a) * i128::from(b), 15, |_| true);
            prop_assert_eq!(i128::from(saturating_rounding_doubling_high_mul_i16(a, b)), exact.min(i16::MAX.into()));
        }

        #[test]
        fn division_rounds_ties_away_from_zero(x: i32, exponent in 0u32..=31) {
            let exact = divide(x.into(), exponent, |floor| floor >= 0);
            prop_assert_eq!(i128::from(rounding_divide_by_pot(x, exponent)), exact);
        }

        #[test]
        fn left_shift_saturates(x: i32, exponent in 0u32..40) {
            let exact = (i128::from(x) << exponent).clamp(i32::MIN.into(), i32::MAX.into());
            prop_assert_eq!(i128::from(saturating_left_shift(x, exponent)), exact);
        }

        #[test]
        fn a_multiplier_is_within_half_a_unit_of_its_value(value in 1e-9f64..1e9) {
            let (multiplier_q31, shift) = quantize_multiplier(value);
            prop_assert!(multiplier_q31 >= 1 << 30);
            let unit = 2f64.powi(shift - 31);
            prop_assert!((f64::from(multiplier_q31) * unit - value).abs() <= unit / 2.0);
            prop_assert_eq!(quantize_multiplier(-value), (-multiplier_q31, shift));
        }

        #[test]
        fn requantization_is_within_one_of_the_exact_value(x in -(1 << 24)..1 << 24, value in 1e-6f64..64.0) {
            let (multiplier_q31, shift) = quantize_multiplier(value);
            let exact = f64::from(x) * f64::from(multiplier_q31) * 2f64.powi(shift - 31);
            prop_assume!(exact.abs() < f64::from(i32::MAX));
            prop_assert!((f64::from(multiply_by_quantized_multiplier(x, multiplier_q31, shift)) - exact).abs() <= 1.0);
        }

        #[test]
        fn wide_requantization_is_exact_but_for_its_multiplier(x in -(1i64 << 47)..1 << 47, value in 1e-9f64..1e-5) {
            let (multiplier_q31, shift) = quantize_multiplier(value);
            let reduced = ((multiplier_q31 >> 15) + 1) >> 1;
            prop_assume!(reduced < 1 << 15);
            let exact = divide(i128::from(x) * i128::from(reduced), (15 - shift).cast_unsigned(), |_| true);
            prop_assert_eq!(i128::from(multiply_wide_by_quantized_multiplier(x, multiplier_q31, shift)), exact);
        }

        #[test]
        fn nothing_overflows(x: i32, wide: i64, multiplier_q31: i32, shift: i32) {
            multiply_wide_by_quantized_multiplier(wide, multiplier_q31, shift);
            multiply_by_quantized_multiplier(x, multiplier_q31, shift);
        }

        #[test]
        fn rounding_agrees_with_the_standard_library(x in -1e6f64..1e6) {
            for x in [x, x.trunc() + 0.5] {
                prop_assert_eq!(f64::from(round_half_away(x)), x.round());
                prop_assert_eq!(f64::from(round_half_even(x)), x.round_ties_even());
            }
        }
    }
}
