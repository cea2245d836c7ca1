//! Real numbers to int8 or int16 and back: `real = scale * (q - zero_point)`.

use crate::arith::round_half_even;

/// Scale and zero point of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Finite and positive.
    pub scale: f32,
    /// Within -128 to 127 for int8; 0 for int16.
    pub zero_point: i32,
}

impl Affine {
    /// The nearest int8: `real / scale` in single precision, ties to even, plus the zero point, saturating; NaN gives
    /// the zero point.
    ///
    /// This is ONNX's `QuantizeLinear`.
    pub fn quantize(self, real: f32) -> i8 {
        self.nearest(real).clamp(i8::MIN.into(), i8::MAX.into()) as i8
    }

    /// As [`Affine::quantize`], the nearest int16.
    pub fn quantize_i16(self, real: f32) -> i16 {
        self.nearest(real).clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }

    /// As [`Affine::quantize`], the nearest int32.
    pub fn quantize_i32(self, real: f32) -> i32 {
        self.nearest(real)
    }

    fn nearest(self, real: f32) -> i32 {
        round_half_even(f64::from(real / self.scale)).saturating_add(self.zero_point)
    }

    /// The real number that `q` stands for.
    pub fn dequantize(self, q: impl Into<i32>) -> f32 {
        self.scale * (q.into().wrapping_sub(self.zero_point)) as f32
    }
}

/// [`Affine::quantize`] of its parts.
pub fn quantize(real: f32, scale: f32, zero_point: i32) -> i8 {
    Affine { scale, zero_point }.quantize(real)
}

/// [`Affine::dequantize`] of its parts.
pub fn dequantize(q: i8, scale: f32, zero_point: i32) -> f32 {
    Affine { scale, zero_point }.dequantize(q)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_saturation_and_nan() {
        assert_eq!([-1.5, -0.5, 0.5, 1.5, 2.5].map(|real| quantize(real, 1.0, 3)), [1, 3, 3, 5, 5]);
        assert_eq!([f32::NEG_INFINITY, f32::INFINITY, f32::NAN].map(|real| quantize(real, 0.1, -7)), [-128, 127, -7]);
        assert_eq!(quantize(f32::MAX, f32::MIN_POSITIVE, 0), 127);
    }

    proptest! {
        #[test]
        fn every_int8_survives_the_round_trip(q: i8, scale in 1e-6f32..1e6, zero_point in -128..=127) {
            prop_assert_eq!(quantize(dequantize(q, scale, zero_point), scale, zero_point), q);
        }

        #[test]
        fn quantize_is_monotonic(a: f32, b: f32, scale in 1e-6f32..1e6, zero_point in -128..=127) {
            prop_assert!(quantize(a.min(b), scale, zero_point) <= quantize(a.max(b), scale, zero_point));
        }
    }
}
