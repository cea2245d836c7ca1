//! Exponential, logistic and hyperbolic tangent in 32-bit fixed point, as gemmlowp's `fixedpoint.h` computes them.
//!
//! `Qk` is a raw `i32` with `k` integer bits: `real = raw * 2^(k - 31)`. A product of `Qa` and `Qb` is `Q(a+b)`.

use crate::arith::{rounding_divide_by_pot, saturating_left_shift, saturating_rounding_doubling_high_mul as mul};

/// Largest `Q0`: stands for one.
const ONE_Q0: i32 = i32::MAX;
const ONE_Q2: i32 = 1 << 29;

/// `exp(a)` in `Q0`, for `a` in `Q0` within `[-1/4, 0)`: Taylor's polynomial of degree 4 around -1/8.
fn exp_between_minus_one_quarter_and_zero(a: i32) -> i32 {
    const EXP_MINUS_ONE_EIGHTH: i32 = 1_895_147_668;
    const ONE_THIRD: i32 = 715_827_883;
    let x = a.wrapping_add(1 << 28);
    let x2 = mul(x, x);
    let x3 = mul(x2, x);
    let x4_over_4 = rounding_divide_by_pot(mul(x2, x2), 2);
    let tail = rounding_divide_by_pot(mul(x4_over_4.wrapping_add(x3), ONE_THIRD).wrapping_add(x2), 1);
    EXP_MINUS_ONE_EIGHTH.wrapping_add(mul(EXP_MINUS_ONE_EIGHTH, x.wrapping_add(tail)))
}

/// `exp(a)` in `Q0`, for `a <= 0` in `Qk`, `k = integer_bits` from 0 to 5.
pub fn exp_on_negative_values(a: i32, integer_bits: u32) -> i32 {
    /// `exp(-2^i)` in `Q0`, for i = -2 to 4.
    const FACTORS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    if a == 0 {
        return ONE_Q0;
    }
    let quarter_bits = 29 - integer_bits;
    let quarter = 1i32 << quarter_bits;
    let fraction = (a & (quarter - 1)) - quarter;
    let remainder = fraction.wrapping_sub(a);
    let first = exp_between_minus_one_quarter_and_zero(saturating_left_shift(fraction, integer_bits));
    let bits = quarter_bits..31;
    bits.zip(FACTORS).filter(|(bit, _)| remainder >> bit & 1 == 1).fold(first, |result, (_, factor)| mul(result, factor))
}

/// `2 / (1 + a)` in `Q2`, for `a` in `Q0` within `[0, 1]`: three Newton-Raphson steps.
fn two_over_one_plus(a: i32) -> i32 {
    const FORTY_EIGHT_OVER_SEVENTEEN_Q2: i32 = 1_515_870_810;
    const MINUS_THIRTY_TWO_OVER_SEVENTEEN_Q2: i32 = -1_010_580_540;
    // a is not negative, so half of the sum rounds upwards.
    let half_denominator = ((i64::from(a) + i64::from(ONE_Q0) + 1) / 2) as i32;
    let mut x = FORTY_EIGHT_OVER_SEVENTEEN_Q2.wrapping_add(mul(half_denominator, MINUS_THIRTY_TWO_OVER_SEVENTEEN_Q2));
    for _ in 0..3 {
        let error = ONE_Q2.wrapping_sub(mul(half_denominator, x));
        x = x.wrapping_add(saturating_left_shift(mul(x, error), 2));
    }
    x
}

/// `1 / (1 + a)` in `Q0`, for `a` in `Q0` within `[0, 1]`.
pub fn one_over_one_plus(a: i32) -> i32 {
    saturating_left_shift(two_over_one_plus(a), 1)
}

/// `1 / x` for positive `x`: `reciprocal * 2^-exponent`, the reciprocal in `Q0` and in `[1/2, 1]`.
pub fn reciprocal(x: u32) -> (i32, u32) {
    let headroom = x.leading_zeros();
    // x = 2^exponent * (1 + fraction), the fraction in [0, 1).
    let fraction = x.wrapping_shl(headroom).wrapping_sub(1 << 31).cast_signed();
    (one_over_one_plus(fraction), 31u32.saturating_sub(headroom))
}

/// `ln(a)` in `Q5`, for positive `a` in `Q12`: the power of two, and a quotient of polynomials around `2^(-1/4)`.
///
/// TensorFlow Lite's `log_x_for_x_greater_than_or_equal_to_1`.
pub fn ln(a: i32) -> i32 {
    const INPUT_BITS: i32 = 12;
    /// Of the sum, one more than of the result.
    const SUM_BITS: u32 = 6;
    const LN_2: i32 = 1_488_522_236;
    const ROOT_OF_HALF: i32 = 1_518_500_250;
    const FOURTH_ROOT_OF_HALF: i32 = 1_805_811_301;
    /// `11/240 * 2^(1/4)`
    const NUMERATOR: i32 = 117_049_297;
    /// `1/20 * 2^(1/4)`, `2^(3/4) - 2^(1/4)`, `1/4 * 2^(1/4)`
    const DENOMINATOR: [i32; 3] = [127_690_142, 1_057_819_769, 638_450_708];
    const QUARTER: i32 = 1 << (29 - SUM_BITS);

    let power = |exponent: i32| exponent.saturating_mul(1 << (31 - SUM_BITS));
    // Two ways to write `a` as a power of two times a remainder: the remainder nearer to the middle counts.
    let headroom = a.leading_zeros();
    let near = saturating_left_shift(mul(saturating_left_shift(a, headroom.saturating_sub(1)), ROOT_OF_HALF), 1);
    let near_power = power(INPUT_BITS - headroom as i32).saturating_add(QUARTER);
    let other_headroom = mul(a, ROOT_OF_HALF).leading_zeros().saturating_sub(1);
    let other = saturating_left_shift(a, other_headroom);
    let other_power = power(INPUT_BITS - other_headroom as i32).saturating_sub(QUARTER);
    let (remainder, power) = (near.min(other), near_power.max(other_power));

    let middle = ((i64::from(remainder) + i64::from(FOURTH_ROOT_OF_HALF) + 1) / 2) as i32;
    let distance = remainder.wrapping_sub(FOURTH_ROOT_OF_HALF).wrapping_mul(2);
    let square = mul(distance, distance);
    let numerator = mul(distance, remainder).wrapping_add(mul(mul(distance, square), NUMERATOR));
    let [of_square, constant, of_distance] = DENOMINATOR;
    let inner = constant.wrapping_add(distance).wrapping_add(mul(of_square, square));
    let denominator_less_one = mul(middle, inner).wrapping_add(mul(of_distance, distance));
    let quotient = mul(rounding_divide_by_pot(numerator, SUM_BITS), one_over_one_plus(denominator_less_one));
    saturating_left_shift(mul(power, LN_2).wrapping_add(quotient), 1)
}

/// `1 / (1 + exp(-a))` in `Q0`, for `a` in `Q4`.
pub fn logistic(a: i32) -> i32 {
    let of_magnitude = one_over_one_plus(exp_on_negative_values(-a.saturating_abs(), 4));
    match a {
        0 => 1 << 30,
        1.. => of_magnitude,
        _ => ONE_Q0 - of_magnitude,
    }
}

/// `tanh(a)` in `Q0`, for `a` in `Q4`.
pub fn tanh(a: i32) -> i32 {
    // exp(-2 |a|): the same raw value, read as Q5.
    let decay = exp_on_negative_values(-a.saturating_abs(), 5);
    let of_magnitude = saturating_left_shift(two_over_one_plus(decay).wrapping_sub(ONE_Q2), 2);
    of_magnitude.wrapping_mul(a.signum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn real(raw: i32, integer_bits: i32) -> f64 {
        f64::from(raw) * 2f64.powi(integer_bits - 31)
    }

    proptest! {
        #[test]
        fn functions_agree_with_floating_point(a: i32) {
            prop_assert!((real(logistic(a), 0) - 1.0 / (1.0 + (-real(a, 4)).exp())).abs() < 2e-7);
            prop_assert!((real(tanh(a), 0) - real(a, 4).tanh()).abs() < 4e-7);
            for bits in 0..=5 {
                let negative = -a.saturating_abs();
                let exact = real(negative, bits).exp();
                prop_assert!((real(exp_on_negative_values(negative, bits as u32), 0) - exact).abs() < 4e-7);
            }
            let positive = a.saturating_abs().max(1 << 19);
            prop_assert!((real(ln(positive), 5) - real(positive, 12).ln()).abs() < 1e-6);
            let (found, exponent) = reciprocal(a.unsigned_abs().max(1));
            let exact = 1.0 / f64::from(a.unsigned_abs().max(1));
            prop_assert!((real(found, 0) * 2f64.powi(-(exponent as i32)) / exact - 1.0).abs() < 1e-8);
            let unit = a.saturating_abs();
            prop_assert!((real(one_over_one_plus(unit), 0) - 1.0 / (1.0 + real(unit, 0))).abs() < 2e-8);
        }

        #[test]
        fn nothing_overflows(a: i32, bits in 0u32..=5) {
            exp_on_negative_values(a, bits);
            one_over_one_plus(a);
            ln(a);
            reciprocal(a.cast_unsigned());
        }
    }

    #[test]
    fn limits() {
        for a in [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX] {
            assert!((real(logistic(a), 0) - 1.0 / (1.0 + (-real(a, 4)).exp())).abs() < 2e-7);
            assert!((real(tanh(a), 0) - real(a, 4).tanh()).abs() < 4e-7);
            exp_on_negative_values(a, 5);
            one_over_one_plus(a);
        }
        assert_eq!((exp_on_negative_values(0, 5), logistic(0), tanh(0)), (i32::MAX, 1 << 30, 0));
    }
}
