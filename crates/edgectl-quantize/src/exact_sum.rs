//! Sums of float32 without rounding, so that they depend neither on the order of the terms nor on partial sums.

/// Bits of a digit.
const DIGIT_BITS: u32 = 32;
/// Digits that cover float32 from its smallest denormal (`2^-149`) to its greatest value (below `2^128`), and room for `2^43` terms.
const DIGITS: usize = 10;
/// The value of the lowest bit is `2^LOWEST`.
const LOWEST: i32 = -149;
/// Additions after which carries are passed on: each adds less than `2^32` to a digit.
const CARRY_AFTER: u32 = 1 << 30;

/// An exact sum of finite float32 values: a fixed-point number wide enough for all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactSum {
    digits: [i64; DIGITS],
    since_carry: u32,
    terms: u64,
}

impl ExactSum {
    /// Adds a finite value.
    pub(crate) fn add(&mut self, x: f32) {
        let bits = x.to_bits();
        let exponent = (bits >> 23) & 0xff;
        let fraction = u64::from(bits & 0x7f_ffff);
        let (mantissa, place) = if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 23, exponent - 1) };
        let shifted = mantissa << (place % DIGIT_BITS);
        let (low, high) = ((shifted & u64::from(u32::MAX)) as i64, (shifted >> DIGIT_BITS) as i64);
        let digit = (place / DIGIT_BITS) as usize;
        let sign = if x.is_sign_negative() { -1 } else { 1 };
        self.digits[digit] += sign * low;
        self.digits[digit + 1] += sign * high;
        self.terms += 1;
        self.since_carry += 1;
        if self.since_carry >= CARRY_AFTER {
            self.carry();
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &ExactSum) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        self.digits.iter_mut().zip(other.digits).for_each(|(digit, more)| *digit += more);
        self.terms += other.terms;
        self.carry();
    }

    /// The sum over the number of terms; `None` where there are none.
    pub(crate) fn mean(&self) -> Option<f64> {
        let mut normal = self.clone();
        normal.carry();
        let place = |digit: usize| 2f64.powi(LOWEST + (DIGIT_BITS as usize * digit) as i32);
        let sum: f64 = normal.digits.iter().enumerate().rev().map(|(i, &digit)| digit as f64 * place(i)).sum();
        (self.terms > 0).then(|| sum / self.terms as f64)
    }

    /// Brings all digits but the highest into `0..2^32`: one form for one value.
    fn carry(&mut self) {
        let mut carry = 0;
        for digit in &mut self.digits[..DIGITS - 1] {
            let value = *digit + carry;
            carry = value >> DIGIT_BITS;
            *digit = value & i64::from(u32::MAX);
        }
        self.digits[DIGITS - 1] += carry;
        self.since_carry = 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f32]) -> ExactSum {
        let mut sum = ExactSum::default();
        values.iter().for_each(|&x| sum.add(x));
        sum
    }

    #[test]
    fn what_float64_would_lose_is_kept() {
        assert_eq!(sum(&[f32::MAX, 1e-45, -f32::MAX]).mean().unwrap(), f64::from(1e-45f32) / 3.0);
        assert_eq!(sum(&[-1.5, -2.5]).mean().unwrap(), -2.0);
        assert_eq!(sum(&[f32::MAX, f32::MAX]).mean().unwrap(), f64::from(f32::MAX));
        assert!(ExactSum::default().mean().is_none());
    }

    proptest! {
        #[test]
        fn order_and_parts_do_not_matter(values in prop::collection::vec(-1e30f32..1e30, 1..50), scale in -60i32..1, cut in 0usize..50) {
            let values: Vec<f32> = values.iter().enumerate().map(|(i, x)| if i % 2 == 0 { x * 2f32.powi(scale) } else { *x }).collect();
            let (first, second) = values.split_at(cut.min(values.len()));
            let mut parts = sum(&second.iter().rev().copied().collect::<Vec<_>>());
            parts.merge(&sum(first));
            prop_assert_eq!(parts.mean(), sum(&values).mean());
        }
    }
}
