//! Sets of real numbers, as far as an interval can tell.

use edgectl_graph::{Activation, Binary, Unary};

/// All numbers from `low` to `high`, which may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// Every number.
    pub(crate) const ALL: Interval = Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };

    pub(crate) fn new(low: f64, high: f64) -> Interval {
        // What is not a number may be any.
        if low <= high { Interval { low, high } } else { Interval::ALL }
    }

    pub(crate) fn point(value: f32) -> Interval {
        Interval::new(value.into(), value.into())
    }

    /// The only number in it.
    pub(crate) fn value(self) -> Option<f32> {
        (self.low == self.high && self.low.is_finite()).then_some(self.low as f32)
    }

    /// What is in either of them, and between.
    pub(crate) fn join(self, other: Interval) -> Interval {
        Interval { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// What lies in any of several; every number where there are none.
    pub(crate) fn join_all(all: impl IntoIterator<Item = Interval>) -> Interval {
        all.into_iter().reduce(Interval::join).unwrap_or(Interval::ALL)
    }

    pub(crate) fn scaled(self, factor: f64) -> Interval {
        // Nothing of what is multiplied with zero is left, however large it may be.
        if factor == 0.0 {
            return Interval { low: 0.0, high: 0.0 };
        }
        let (a, b) = (self.low * factor, self.high * factor);
        Interval::new(a.min(b), a.max(b))
    }

    pub(crate) fn plus(self, other: Interval) -> Interval {
        Interval::new(self.low + other.low, self.high + other.high)
    }

    pub(crate) fn clamped(self, activation: Activation) -> Interval {
        let (min, max) = (f64::from(activation.min), f64::from(activation.max));
        Interval { low: self.low.max(min).min(max), high: self.high.max(min).min(max) }
    }

    pub(crate) fn binary(op: Binary, a: Interval, b: Interval) -> Interval {
        if let (Some(a), Some(b)) = (a.value(), b.value()) {
            return Interval::point(op.eval(a, b));
        }
        match op {
            Binary::Add => a.plus(b),
            Binary::Sub => a.plus(b.scaled(-1.0)),
            Binary::Max => Interval { low: a.low.max(b.low), high: a.high.max(b.high) },
            Binary::Min => Interval { low: a.low.min(b.low), high: a.high.min(b.high) },
            Binary::Mul => match (a.value(), b.value()) {
                (Some(factor), _) => b.scaled(factor.into()),
                (_, Some(factor)) => a.scaled(factor.into()),
                _ => {
                    let product = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
                    let corners = [product(a.low, b.low), product(a.low, b.high), product(a.high, b.low), product(a.high, b.high)];
                    Interval::join_all(corners.map(|value| Interval { low: value, high: value }))
                }
            },
            Binary::Div => match b.value() {
                Some(divisor) if divisor != 0.0 => a.scaled(1.0 / f64::from(divisor)),
                _ => Interval::ALL,
            },
            _ => Interval::ALL,
        }
    }

    pub(crate) fn unary(self, op: Unary) -> Interval {
        if let Some(value) = self.value() {
            return Interval::point(op.eval(value));
        }
        let at = |x: f64| f64::from(op.eval(x as f32));
        let rising = Interval::new(at(self.low), at(self.high));
        let least = |least: f64| Interval::new(least, self.high.max(0.0));
        match op {
            Unary::Relu => self.clamped(Activation::RELU),
            Unary::Clip { min, max } => self.clamped(Activation { min, max }),
            Unary::LeakyRelu { alpha } | Unary::Elu { alpha } if alpha >= 0.0 => rising,
            Unary::Selu { alpha, gamma } if alpha >= 0.0 && gamma >= 0.0 => rising,
            Unary::HardSigmoid { alpha, .. } if alpha > 0.0 => rising,
            Unary::Ceil | Unary::Floor | Unary::Round | Unary::Sign | Unary::Erf | Unary::Exp | Unary::Softplus => rising,
            Unary::Sigmoid | Unary::Tanh => rising,
            Unary::Log | Unary::Sqrt if self.low > 0.0 => rising,
            Unary::Neg => self.scaled(-1.0),
            Unary::Abs => Interval::new(self.low.max(-self.high).max(0.0), self.high.max(-self.low)),
            // Their minima, rounded down.
            Unary::HardSwish => least(-0.375),
            Unary::Silu => least(-0.2785),
            Unary::Gelu { .. } => least(-0.1701),
            Unary::Mish => least(-0.3089),
            Unary::Sin | Unary::Cos | Unary::Softsign => Interval { low: -1.0, high: 1.0 },
            _ => Interval::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNARY: [Unary; 27] = [
        Unary::Abs,
        Unary::Ceil,
        Unary::Clip { min: -1.0, max: 2.0 },
        Unary::Cos,
        Unary::Elu { alpha: 0.5 },
        Unary::Erf,
        Unary::Exp,
        Unary::Floor,
        Unary::Gelu { tanh: false },
        Unary::Gelu { tanh: true },
        Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Unary::HardSwish,
        Unary::LeakyRelu { alpha: 0.1 },
        Unary::Log,
        Unary::Mish,
        Unary::Neg,
        Unary::Reciprocal,
        Unary::Relu,
        Unary::Round,
        Unary::Selu { alpha: 1.6, gamma: 1.05 },
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Sin,
        Unary::Softplus,
        Unary::Softsign,
        Unary::Sqrt,
        Unary::Tanh,
    ];

    #[test]
    fn what_a_function_gives_lies_in_its_interval() {
        let ends = [-9.0, -2.5, -1.0, -0.25, 0.0, 0.25, 1.0, 2.5, 9.0];
        for op in UNARY {
            for (at, &low) in ends.iter().enumerate() {
                for &high in &ends[at..] {
                    let found = Interval::new(low, high).unary(op);
                    for step in 0..=20 {
                        let value = f64::from(op.eval((low + (high - low) * f64::from(step) / 20.0) as f32));
                        let inside = value.is_nan() || found.low - 1e-4 <= value && value <= found.high + 1e-4;
                        assert!(inside, "{op:?} of [{low}, {high}]: {value} is outside of {found:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_arithmetic_gives_lies_in_its_interval() {
        let sets = [(-2.0, 3.0), (0.0, 1.0), (-1.0, -0.5), (2.0, 2.0), (0.0, 0.0)];
        for op in [Binary::Add, Binary::Div, Binary::Max, Binary::Min, Binary::Mul, Binary::Sub] {
            for (a_low, a_high) in sets {
                for (b_low, b_high) in sets {
                    let found = Interval::binary(op, Interval::new(a_low, a_high), Interval::new(b_low, b_high));
                    for (a, b) in [(a_low, b_low), (a_low, b_high), (a_high, b_low), (a_high, b_high)] {
                        let value = f64::from(op.eval(a as f32, b as f32));
                        assert!(value.is_nan() || found.low <= value && value <= found.high, "{op:?}: {a}, {b} gives {value}");
                    }
                }
            }
        }
        assert_eq!(Interval::ALL.scaled(0.0).value(), Some(0.0));
        assert_eq!(Interval::point(f32::NAN), Interval::ALL);
    }
}
