//! The elementwise functions.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use crate::Activation;

/// An elementwise function.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unary {
    /// `|x|`
    Abs,
    /// The least whole number that is not below `x`.
    Ceil,
    /// `min(max(x, min), max)`; the bounds may be infinite.
    Clip {
        /// Lower bound.
        min: f32,
        /// Upper bound.
        max: f32,
    },
    /// The cosine.
    Cos,
    /// `x` for positive `x`, `alpha * (exp(x) - 1)` otherwise.
    Elu {
        /// Negative saturation.
        alpha: f32,
    },
    /// The error function.
    Erf,
    /// `exp(x)`
    Exp,
    /// The greatest whole number that is not above `x`.
    Floor,
    /// `x` times the normal distribution's function at `x`: `x / 2 * (1 + erf(x / sqrt(2)))`
    Gelu {
        /// Whether it is `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))` instead.
        tanh: bool,
    },
    /// `min(max(alpha * x + beta, 0), 1)`
    HardSigmoid {
        /// Slope.
        alpha: f32,
        /// Offset.
        beta: f32,
    },
    /// `x * min(max(x / 6 + 0.5, 0), 1)`
    HardSwish,
    /// `x` for positive `x`, `alpha * x` otherwise.
    LeakyRelu {
        /// Slope for negative `x`.
        alpha: f32,
    },
    /// The natural logarithm.
    Log,
    /// `x * tanh(softplus(x))`
    Mish,
    /// `-x`
    Neg,
    /// `x` to a power.
    Pow {
        /// The power.
        exponent: f32,
    },
    /// `1 / x`
    Reciprocal,
    /// `max(x, 0)`
    Relu,
    /// The nearest whole number, ties to the even one.
    Round,
    /// `gamma * x` for positive `x`, `gamma * alpha * (exp(x) - 1)` otherwise.
    Selu {
        /// Negative saturation.
        alpha: f32,
        /// Slope.
        gamma: f32,
    },
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// -1, 0 or 1.
    Sign,
    /// `x / (1 + exp(-x))`, also called swish.
    Silu,
    /// The sine.
    Sin,
    /// `ln(1 + exp(x))`
    Softplus,
    /// `x / (1 + |x|)`
    Softsign,
    /// The square root.
    Sqrt,
    /// `tanh(x)`
    Tanh,
}

impl Unary {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Unary::Abs => "Abs",
            Unary::Ceil => "Ceil",
            Unary::Clip { .. } => "Clip",
            Unary::Cos => "Cos",
            Unary::Elu { .. } => "Elu",
            Unary::Erf => "Erf",
            Unary::Exp => "Exp",
            Unary::Floor => "Floor",
            Unary::Gelu { .. } => "Gelu",
            Unary::HardSigmoid { .. } => "HardSigmoid",
            Unary::HardSwish => "HardSwish",
            Unary::LeakyRelu { .. } => "LeakyRelu",
            Unary::Log => "Log",
            Unary::Mish => "Mish",
            Unary::Neg => "Neg",
            Unary::Pow { .. } => "Pow",
            Unary::Reciprocal => "Reciprocal",
            Unary::Relu => "Relu",
            Unary::Round => "Round",
            Unary::Selu { .. } => "Selu",
            Unary::Sigmoid => "Sigmoid",
            Unary::Sign => "Sign",
            Unary::Silu => "Swish",
            Unary::Sin => "Sin",
            Unary::Softplus => "Softplus",
            Unary::Softsign => "Softsign",
            Unary::Sqrt => "Sqrt",
            Unary::Tanh => "Tanh",
        }
    }

    /// The result for one number: NaN or an infinity where the function has no value.
    pub fn eval(self, x: f32) -> f32 {
        match self {
            Unary::Abs => x.abs(),
            Unary::Ceil => x.ceil(),
            Unary::Clip { min, max } => x.max(min).min(max),
            Unary::Cos => x.cos(),
            Unary::Elu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Unary::Erf => erf(x),
            Unary::Exp => x.exp(),
            Unary::Floor => x.floor(),
            Unary::Gelu { tanh: false } => 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2)),
            Unary::Gelu { tanh: true } => 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh()),
            Unary::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Unary::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Unary::LeakyRelu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x
                }
            }
            Unary::Log => x.ln(),
            Unary::Mish => x * softplus(x).tanh(),
            Unary::Neg => -x,
            Unary::Pow { exponent } => x.powf(exponent),
            Unary::Reciprocal => x.recip(),
            Unary::Relu => x.max(0.0),
            Unary::Round => x.round_ties_even(),
            Unary::Selu { alpha, gamma } => {
                if x > 0.0 {
                    gamma * x
                } else {
                    gamma * alpha * x.exp_m1()
                }
            }
            Unary::Sigmoid => sigmoid(x),
            Unary::Sign => {
                if x == 0.0 {
                    0.0
                } else {
                    x.signum()
                }
            }
            Unary::Silu => x * sigmoid(x),
            Unary::Sin => x.sin(),
            Unary::Softplus => softplus(x),
            Unary::Softsign => x / (1.0 + x.abs()),
            Unary::Sqrt => x.sqrt(),
            Unary::Tanh => x.tanh(),
        }
    }

    /// The function as a clamp, where it is one.
    pub fn as_activation(self) -> Option<Activation> {
        match self {
            Unary::Relu => Some(Activation::RELU),
            Unary::Clip { min, max } => Some(Activation { min, max }),
            _ => None,
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + exp(x))`, without overflow for large `x`.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The error function, by a series without cancellation: `2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!` (Abramowitz and
/// Stegun 7.1.6).
fn erf(x: f32) -> f32 {
    // Beyond this the result is one in single precision.
    const LIMIT: f64 = 4.0;
    let x = f64::from(x);
    if x.is_nan() || x.abs() > LIMIT {
        return if x.is_nan() { f32::NAN } else { x.signum() as f32 };
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    (std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_has_the_values_of_its_tables() {
        // Abramowitz and Stegun, table 7.1.
        for (x, expected) in
            [(0.0, 0.0), (0.1, 0.112_462_92), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3), (3.5, 0.999_999_3)]
        {
            assert!((erf(x) - expected).abs() <= 1e-7, "erf({x}) is {}", erf(x));
            assert!((erf(-x) + expected).abs() <= 1e-7, "erf(-{x}) is {}", erf(-x));
        }
        assert_eq!([erf(f32::INFINITY), erf(f32::NEG_INFINITY), erf(9.0)], [1.0, -1.0, 1.0]);
        assert!(erf(f32::NAN).is_nan());
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        assert_eq!(softplus(1e4), 1e4);
        assert_eq!(softplus(-1e4), 0.0);
        assert_eq!(Unary::Mish.eval(1e4), 1e4);
        assert_eq!(Unary::Silu.eval(-1e4), 0.0);
    }
}
