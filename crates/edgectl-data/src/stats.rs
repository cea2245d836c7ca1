//! Small exact statistics: sums that do not depend on the order, and confidence intervals of proportions.

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The Wilson score interval of a proportion at 95 % confidence (E. B. Wilson 1927), within 0 to 1. Without trials it is all of 0 to 1.
pub fn wilson_95(successes: u64, trials: u64) -> Interval {
    const Z: f64 = 1.959_963_984_540_054;
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = trials as f64;
    let p = successes.min(trials) as f64 / n;
    let denominator = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / denominator;
    let half = Z / denominator * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At the ends the bound is exact, but for rounding.
    let low = if successes == 0 { 0.0 } else { centre - half };
    let high = if successes >= trials { 1.0 } else { centre + half };
    Interval { low: low.max(0.0), high: high.min(1.0) }
}

/// The correctly rounded sum of finite `f64` values, the same in any order and any grouping.
///
/// Holds the exact sum as parts that do not overlap (J. R. Shewchuk 1997, "Adaptive Precision Floating-Point Arithmetic").
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactSum {
    /// Increasing in magnitude, not overlapping; at most about 40 for any input.
    parts: Vec<f64>,
}

impl ExactSum {
    pub(crate) fn add(&mut self, value: f64) {
        let mut carry = value;
        let mut kept = 0;
        for at in 0..self.parts.len() {
            let (sum, error) = two_sum(carry, self.parts[at]);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
            carry = sum;
        }
        self.parts.truncate(kept);
        self.parts.push(carry);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        other.parts.iter().for_each(|&part| self.add(part));
    }

    pub(crate) fn value(&self) -> f64 {
        let mut parts = self.parts.iter().rev().copied();
        let Some(mut high) = parts.next() else { return 0.0 };
        while let Some(part) = parts.next() {
            let (sum, error) = two_sum(high, part);
            high = sum;
            if error != 0.0 {
                // `high` was rounded at a tie if doubling the error is exact; the next part then decides the direction.
                let below = parts.next().unwrap_or(0.0);
                if (error > 0.0 && below > 0.0) || (error < 0.0 && below < 0.0) {
                    let twice = error * 2.0;
                    let moved = high + twice;
                    if moved - high == twice {
                        high = moved;
                    }
                }
                break;
            }
        }
        high
    }
}

/// `a + b` rounded, and the exact error (Knuth).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
        table.lines().map(|line| line.split(',').collect())
    }

    #[test]
    fn wilson_intervals_equal_scipy() {
        for row in rows(include_str!("../tests/data/wilsons.csv")) {
            let found = wilson_95(row[0].parse().unwrap(), row[1].parse().unwrap());
            let [low, high] = [2, 3].map(|at| row[at].parse::<f64>().unwrap());
            assert!((found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12, "{row:?}: {found:?}");
        }
        assert_eq!(wilson_95(0, 0), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn sums_are_correctly_rounded_in_any_order_and_grouping() {
        for row in rows(include_str!("../tests/data/sums.csv")) {
            let expected: f64 = row[0].parse().unwrap();
            let mut terms: Vec<f64> = row[1].split(' ').map(|term| term.parse().unwrap()).collect();
            for turn in 0..terms.len() {
                terms.rotate_left(1);
                let (first, second) = terms.split_at(turn);
                let [mut left, mut right] = [ExactSum::default(), ExactSum::default()];
                first.iter().for_each(|&term| left.add(term));
                second.iter().for_each(|&term| right.add(term));
                left.merge(&right);
                assert_eq!(left.value().to_bits(), expected.to_bits(), "{terms:?}");
            }
        }
    }
}
