//! Derivatives of the elementwise functions.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use edgectl_graph::Unary;

use super::simd;

/// Applies the function.
pub(crate) fn forward(unary: Unary, x: &[f32], y: &mut [f32]) {
    match unary {
        Unary::HardSwish => simd(|| y.iter_mut().zip(x).for_each(|(y, &x)| *y = Unary::HardSwish.eval(x))),
        Unary::HardSigmoid { alpha, beta } => {
            simd(|| y.iter_mut().zip(x).for_each(|(y, &x)| *y = Unary::HardSigmoid { alpha, beta }.eval(x)));
        }
        Unary::LeakyRelu { alpha } => simd(|| y.iter_mut().zip(x).for_each(|(y, &x)| *y = Unary::LeakyRelu { alpha }.eval(x))),
        other => y.iter_mut().zip(x).for_each(|(y, &x)| *y = other.eval(x)),
    }
}

/// The gradient of x.
pub(crate) fn backward(unary: Unary, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    simd(|| dx.iter_mut().zip(x).zip(y).zip(dy).for_each(|(((dx, &x), &y), dy)| *dx = dy * derivative(unary, x, y)));
}

/// The derivative at `x`, where the function is `y`; where it jumps or has a corner, that to the left of it, or zero.
#[inline(always)]
fn derivative(unary: Unary, x: f32, y: f32) -> f32 {
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    let inside = |within: bool, slope: f32| if within { slope } else { 0.0 };
    match unary {
        Unary::Abs if x == 0.0 => 0.0,
        Unary::Abs => x.signum(),
        Unary::Clip { min, max } => inside(x > min && x < max, 1.0),
        Unary::Cos => -x.sin(),
        Unary::Elu { alpha } => {
            if x > 0.0 {
                1.0
            } else {
                y + alpha
            }
        }
        Unary::Erf => 2.0 / PI.sqrt() * (-x * x).exp(),
        Unary::Exp => y,
        Unary::Gelu { tanh: false } => {
            let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
            0.5 * (1.0 + Unary::Erf.eval(x * FRAC_1_SQRT_2)) + x * density
        }
        Unary::Gelu { tanh: true } => {
            let root = (2.0 / PI).sqrt();
            let t = (root * (x + 0.044_715 * x * x * x)).tanh();
            0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * root * (1.0 + 3.0 * 0.044_715 * x * x)
        }
        Unary::HardSigmoid { alpha, .. } => inside(y > 0.0 && y < 1.0, alpha),
        Unary::HardSwish => match x {
            x if x <= -3.0 => 0.0,
            x if x >= 3.0 => 1.0,
            x => x / 3.0 + 0.5,
        },
        Unary::LeakyRelu { alpha } => {
            if x > 0.0 {
                1.0
            } else {
                alpha
            }
        }
        Unary::Log => 1.0 / x,
        Unary::Mish => {
            let t = Unary::Softplus.eval(x).tanh();
            t + x * (1.0 - t * t) * sigmoid(x)
        }
        Unary::Neg => -1.0,
        Unary::Pow { exponent } => exponent * Unary::Pow { exponent: exponent - 1.0 }.eval(x),
        Unary::Reciprocal => -y * y,
        Unary::Relu => inside(x > 0.0, 1.0),
        Unary::Selu { alpha, gamma } => {
            if x > 0.0 {
                gamma
            } else {
                y + gamma * alpha
            }
        }
        Unary::Sigmoid => y * (1.0 - y),
        Unary::Silu => {
            let s = sigmoid(x);
            s * (1.0 + x * (1.0 - s))
        }
        Unary::Sin => x.cos(),
        Unary::Softplus => sigmoid(x),
        Unary::Softsign => 1.0 / (1.0 + x.abs()).powi(2),
        Unary::Sqrt => 0.5 / y,
        Unary::Tanh => 1.0 - y * y,
        // Flat but where they jump: `Ceil`, `Floor`, `Round`, `Sign`.
        _ => 0.0,
    }
}
