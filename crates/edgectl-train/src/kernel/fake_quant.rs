//! Values as int8 shows them: rounded to its grid, with the rule of ONNX's `QuantizeLinear` (ties to even).
//!
//! The gradient passes where a value is within the grid (Y. Bengio et al.: Estimating or Propagating Gradients Through Stochastic Neurons,
//! 2013). The bounds of an activation's range get the gradient of the values that are cut off there, and of the rounding (S. Esser et al.:
//! Learned Step Size Quantization, 2020).

use super::simd;

/// A grid: real = scale * (q - zero_point), q from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    pub(crate) scale: f32,
    pub(crate) zero_point: f32,
    pub(crate) min: f32,
    pub(crate) max: f32,
}

impl Grid {
    #[inline(always)]
    fn integer(&self, x: f32) -> f32 {
        // TensorFlow Lite, ONNX and the runtime divide.
        let q = round_ties_even(x / self.scale) + self.zero_point;
        let q = if q < self.min { self.min } else { q };
        if q > self.max { self.max } else { q }
    }

    /// The value as the grid shows it.
    #[inline(always)]
    fn show(&self, x: f32) -> f32 {
        (self.integer(x) - self.zero_point) * self.scale
    }

    /// Writes the values as the grid shows them.
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32]) {
        simd(|| y.iter_mut().zip(x).for_each(|(y, &x)| *y = self.show(x)));
    }

    /// Whether a value lies within the grid, to half a step.
    #[inline(always)]
    fn holds(&self, x: f32) -> bool {
        let q = x / self.scale + self.zero_point;
        q >= self.min - 0.5 && q <= self.max + 0.5
    }

    /// The gradient of the values.
    pub(crate) fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        simd(|| dx.iter_mut().zip(x).zip(dy).for_each(|((dx, &x), dy)| *dx = if self.holds(x) { *dy } else { 0.0 }));
    }

    /// The gradients of the lower and the upper bound of the range that the grid spans, the scale being their distance by the number of
    /// steps.
    pub(crate) fn bounds_backward(&self, x: &[f32], dy: &[f32]) -> [f32; 2] {
        let steps = self.max - self.min;
        let (mut lower, mut upper) = (0.0f64, 0.0f64);
        for (&x, &dy) in x.iter().zip(dy) {
            let q = x / self.scale + self.zero_point;
            if q < self.min - 0.5 {
                lower += f64::from(dy);
            } else if q > self.max + 0.5 {
                upper += f64::from(dy);
            } else {
                // d show / d scale = round(x / scale) - x / scale
                let by_scale = f64::from(dy * (round_ties_even(x / self.scale) - x / self.scale) / steps);
                lower -= by_scale;
                upper += by_scale;
            }
        }
        [lower as f32, upper as f32]
    }
}

/// As [`f32::round_ties_even`], which baseline x86-64 computes by a call: adding and taking away 1.5 * 2^23 rounds in the last place.
#[inline(always)]
fn round_ties_even(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    // Beyond this every grid is at its end.
    let bounded = if x > 1e6 { 1e6 } else { x };
    let bounded = if bounded < -1e6 { -1e6 } else { bounded };
    (bounded + MAGIC) - MAGIC
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { scale: 0.5, zero_point: 3.0, min: -128.0, max: 127.0 };

    #[test]
    fn rounds_ties_to_even_and_saturates() {
        let x = [0.25, 0.75, -0.25, -0.75, 0.2, 61.9, 62.0, 1e30, -65.6, -1e30];
        let mut y = [0.0; 10];
        GRID.forward(&x, &mut y);
        assert_eq!(y, [0.0, 1.0, 0.0, -1.0, 0.0, 62.0, 62.0, 62.0, -65.5, -65.5]);
    }

    #[test]
    fn rounding_is_that_of_the_standard_library() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let x = (random.f32() - 0.5) * 10f32.powi(random.i32(-3..6));
            assert_eq!(round_ties_even(x), x.round_ties_even(), "{x}");
        }
    }

    #[test]
    fn gradients_pass_within_the_grid_only() {
        let mut dx = [0.0; 3];
        GRID.backward(&[0.3, 70.0, -70.0], &[1.0, 1.0, 1.0], &mut dx);
        assert_eq!(dx, [1.0, 0.0, 0.0]);
        assert_eq!(GRID.bounds_backward(&[70.0, 80.0, -70.0], &[1.0, 1.0, 4.0]), [4.0, 2.0]);
    }
}
