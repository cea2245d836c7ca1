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
            let unit = a.saturating_abs();
            prop_assert!((real(one_over_one_plus(unit), 0) - 1.0 / (1.0 + real(unit, 0))).abs() < 2e-8);
        }

        #[test]
        fn nothing_overflows(a: i32, bits in 0u32..=5) {
            exp_on_negative_values(a, bits);
            one_over_one_plus(a);
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
