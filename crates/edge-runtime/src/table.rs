//! Tables of unary functions for [`OpCode::Table`](edge_format::OpCode::Table), and those that int16 kernels interpolate.
//!
//! Entry `i` of the former is the output for the input `q = i - 128`. The functions that TensorFlow Lite has are computed as TensorFlow
//! Lite Micro's reference kernels compute them; for any other function there is [`from_fn`].

use crate::affine::Affine;
use crate::arith::{
    multiply_by_quantized_multiplier, quantize_multiplier, round_half_away, rounding_divide_by_pot, saturating_doubling_high_mul_i16,
    saturating_left_shift, saturating_rounding_doubling_high_mul_i16,
};
use crate::fixed_point;
use crate::prepare::{activation_range, input_radius, rescale_multiplier};

/// Output for each int8, from -128 on.
pub type Table = [i8; 256];

/// Entries of an [`Interpolated`] table.
pub const INTERPOLATED: usize = 513;

/// Entries of a [`Sigmoid`] table.
pub const SIGMOID: usize = 256;

/// Output at every 128th int16, from -32768 on, and beyond the last one: [`OpCode::TableI16`](edge_format::OpCode::TableI16).
pub type Interpolated = [i16; INTERPOLATED];

/// `65536 / (1 + exp(-i / 24))` as the bits of u16: [`OpCode::LogisticI16`](edge_format::OpCode::LogisticI16).
pub type Sigmoid = [i16; SIGMOID];

/// What softmax's, logistic's and hyperbolic tangent's output always has in int16.
pub const UNIT_I16: Affine = Affine { scale: 1.0 / 32768.0, zero_point: 0 };

/// What logistic's output always has.
pub const LOGISTIC_OUTPUT: Affine = Affine { scale: 1.0 / 256.0, zero_point: -128 };

/// What hyperbolic tangent's output always has.
pub const TANH_OUTPUT: Affine = Affine { scale: 1.0 / 128.0, zero_point: 0 };

/// Tabulates a function of int8, saturating.
fn tabulate(f: impl Fn(i32) -> i32) -> Table {
    core::array::from_fn(|index| f(index as i32 - 128).clamp(i8::MIN.into(), i8::MAX.into()) as i8)
}

/// Tabulates a function of real numbers, in single precision and rounded away from zero at ties, as TensorFlow Lite tabulates `ELU`,
/// `EXP`, `GELU` and `LOG`. NaN gives the zero point.
pub fn from_fn(input: Affine, output: Affine, f: impl Fn(f32) -> f32) -> Table {
    let inverse_scale = 1.0 / output.scale;
    tabulate(|q| round_half_away(f64::from(f(input.dequantize(q as i8)) * inverse_scale)).saturating_add(output.zero_point))
}

/// The natural logarithm, `LOG`: of what is not positive, the least output.
///
/// `ln` is the caller's, since there is none without the standard library.
pub fn log(input: Affine, output: Affine, ln: impl Fn(f32) -> f32) -> Table {
    from_fn(input, output, |x| if x > 0.0 { ln(x) } else { f32::NEG_INFINITY })
}

/// `|x|`: `ABS`.
pub fn abs(input: Affine, output: Affine) -> Table {
    let (multiplier_q31, shift) = quantize_multiplier(f64::from(input.scale / output.scale));
    tabulate(|q| {
        let x = (q - input.zero_point).abs();
        multiply_by_quantized_multiplier(x, multiplier_q31, shift).saturating_add(output.zero_point)
    })
}

/// Another scale and zero point for the same real number: TensorFlow Lite's `QUANTIZE` from int8 to int8.
pub fn requantize(input: Affine, output: Affine) -> Table {
    let (multiplier_q31, shift) = rescale_multiplier(input.scale, output.scale);
    tabulate(|q| multiply_by_quantized_multiplier(q - input.zero_point, multiplier_q31, shift).saturating_add(output.zero_point))
}

/// Confines to real numbers from `min` to `max`, an infinity meaning no bound: `RELU`, `RELU6`.
pub fn clamp(input: Affine, output: Affine, min: f32, max: f32) -> Table {
    let (multiplier_q31, shift) = quantize_multiplier(f64::from(input.scale / output.scale));
    let (least, greatest) = activation_range(min, max, output);
    tabulate(|q| {
        let q = multiply_by_quantized_multiplier(q - input.zero_point, multiplier_q31, shift);
        q.saturating_add(output.zero_point).max(least).min(greatest)
    })
}

/// `x` where it is positive, else `alpha * x`: `LEAKY_RELU`.
pub fn leaky_relu(input: Affine, output: Affine, alpha: f32) -> Table {
    let positive = quantize_multiplier(f64::from(input.scale / output.scale));
    let negative = quantize_multiplier(f64::from(input.scale * alpha / output.scale));
    tabulate(|q| {
        let x = q - input.zero_point;
        let (multiplier_q31, shift) = if x >= 0 { positive } else { negative };
        multiply_by_quantized_multiplier(x, multiplier_q31, shift).saturating_add(output.zero_point)
    })
}

/// Tabulates a function from `Q4` to `Q0`, of which the output keeps `output_bits`. Inputs beyond `Q4` give the least
/// and the greatest output.
fn of_fixed_point(input: Affine, f: impl Fn(i32) -> i32, output_bits: u32, output_zero_point: i32) -> Table {
    const INTEGER_BITS: u32 = 4;
    let (multiplier_q31, shift) = quantize_multiplier(f64::from(input.scale) * f64::from(1u32 << (31 - INTEGER_BITS)));
    let radius = input_radius(INTEGER_BITS, shift);
    tabulate(|q| {
        let x = q - input.zero_point;
        if x <= -radius {
            i8::MIN.into()
        } else if x >= radius {
            i8::MAX.into()
        } else {
            let y = f(multiply_by_quantized_multiplier(x, multiplier_q31, shift));
            rounding_divide_by_pot(y, 31 - output_bits) + output_zero_point
        }
    })
}

/// `1 / (1 + exp(-x))`, with [`LOGISTIC_OUTPUT`].
pub fn logistic(input: Affine) -> Table {
    of_fixed_point(input, fixed_point::logistic, 8, LOGISTIC_OUTPUT.zero_point)
}

/// Hyperbolic tangent, with [`TANH_OUTPUT`].
pub fn tanh(input: Affine) -> Table {
    of_fixed_point(input, fixed_point::tanh, 7, TANH_OUTPUT.zero_point)
}

/// `x * min(max(x + 3, 0), 6) / 6`: `HARD_SWISH`, in 16-bit arithmetic.
pub fn hard_swish(input: Affine, output: Affine) -> Table {
    /// Brings -3 to 3 to the whole range of 16 bits.
    const RELUISH_SCALE: f32 = 3.0 / 32768.0;
    let to_i16 = |value: f32| {
        let (multiplier_q31, shift) = quantize_multiplier(f64::from(value));
        ((multiplier_q31.saturating_add(1 << 15) >> 16) as i16, shift)
    };
    let saturate = |x: i32| x.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    let hires_scale = (1.0 / 128.0) * input.scale;
    let (output_multiplier, output_shift) = to_i16(hires_scale / output.scale);
    let (reluish_multiplier, reluish_shift) = to_i16(hires_scale / RELUISH_SCALE);
    tabulate(|q| {
        let hires = saturate((q - input.zero_point) * 128);
        let preshift = saturating_rounding_doubling_high_mul_i16(hires, output_multiplier);
        let left = reluish_shift.max(0).unsigned_abs();
        // All of the left shift but its last bit comes before the multiplication, where saturation does no harm.
        let raised = saturate(saturating_left_shift(hires.into(), left.saturating_sub(1)));
        let scaled = saturating_rounding_doubling_high_mul_i16(raised, reluish_multiplier);
        let scaled = saturate(saturating_left_shift(scaled.into(), left.min(1)));
        let reluish = rounding_divide_by_pot(scaled.into(), reluish_shift.min(0).unsigned_abs());
        let zero_to_one = ((reluish + (1 << 15)) >> 1) as i16;
        let product = saturating_doubling_high_mul_i16(zero_to_one, preshift);
        let y = if output_shift > 0 {
            saturating_left_shift(product.into(), output_shift.unsigned_abs())
        } else {
            rounding_divide_by_pot(product.into(), output_shift.unsigned_abs())
        };
        y.saturating_add(output.zero_point)
    })
}

/// A function of int16 at every 128th value, in single precision, each entry moved by half of what interpolation is off in the middle
/// between it and the next one: TensorFlow Lite's `LUTPopulate`. NaN counts as zero.
pub fn interpolated(input: Affine, output: Affine, f: impl Fn(f32) -> f32) -> Interpolated {
    let ends = |affine: Affine| [i16::MIN, i16::MAX].map(|q| affine.dequantize(q));
    interpolated_over(ends(input), ends(output), f)
}

/// As [`interpolated`], for real numbers that int16 spans from the first to the second.
fn interpolated_over([min, max]: [f32; 2], [output_min, output_max]: [f32; 2], f: impl Fn(f32) -> f32) -> Interpolated {
    let round = |x: f32| round_half_away(x.into()) as f32;
    let step = (max - min) / 512.0;
    let inverse_scale = 65536.0 / (output_max - output_min);
    core::array::from_fn(|index| {
        let x = min + index as f32 * step;
        let entry = if index < INTERPOLATED - 1 {
            let entry = round(f(x) * inverse_scale);
            let between = round((f(min + (index + 1) as f32 * step) * inverse_scale + entry) / 2.0);
            let error = between - round(f(x + step / 2.0) * inverse_scale);
            entry - round(error / 2.0)
        } else {
            round(f(max) * inverse_scale)
        };
        entry as i16
    })
}

/// The tables of [`OpCode::SoftmaxI16`](edge_format::OpCode::SoftmaxI16), given the exponential.
pub fn softmax_i16(exp: impl Fn(f32) -> f32) -> [Interpolated; 2] {
    let unit = [-1.0, 1.0];
    [interpolated_over([-10.0, 0.0], unit, exp), interpolated_over([0.0, 1.0], unit, |x| 1.0 / (1.0 + x))]
}

/// The table of logistic and hyperbolic tangent, given the exponential: TensorFlow Lite's `sigmoid_table_uint16`, whose entries are
/// moved by a sixteenth of their second difference, so that interpolation is off as much at them as between them, and whose last one is
/// the greatest number.
pub fn sigmoid_i16(exp: impl Fn(f64) -> f64) -> Sigmoid {
    let sigmoid = |index: f64| 65536.0 / (1.0 + exp(-index / 24.0));
    core::array::from_fn(|index| {
        let i = index as f64;
        let curvature = sigmoid(i - 1.0) - 2.0 * sigmoid(i) + sigmoid(i + 1.0);
        let entry = if index < SIGMOID - 1 { round_half_away(sigmoid(i) - curvature / 16.0) } else { 0xFFFF };
        (entry as u16).cast_signed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From a scale of 4 on, where the fixed point's range ends is rounded too coarsely to compare.
    fn affine() -> impl Strategy<Value = Affine> {
        (-9f32..1.0, -128..=127).prop_map(|(exponent, zero_point)| Affine { scale: exponent.exp2(), zero_point })
    }

    /// Greatest difference between two tables.
    fn distance(a: &Table, b: &Table) -> i32 {
        a.iter().zip(b).map(|(&a, &b)| (i32::from(a) - i32::from(b)).abs()).max().unwrap_or_default()
    }

    proptest! {
        #[test]
        fn fixed_point_is_within_one_of_floating_point(input in affine(), output in affine(), alpha in 0f32..1.0) {
            let exact = |output, f: fn(f32) -> f32| from_fn(input, output, f);
            prop_assert!(distance(&logistic(input), &exact(LOGISTIC_OUTPUT, |x| 1.0 / (1.0 + (-x).exp()))) <= 1);
            prop_assert!(distance(&tanh(input), &exact(TANH_OUTPUT, f32::tanh)) <= 1);
            prop_assert!(distance(&abs(input, output), &exact(output, f32::abs)) <= 1);
            prop_assert!(distance(&requantize(input, output), &exact(output, |x| x)) <= 1);
            prop_assert!(distance(&clamp(input, output, 0.0, 6.0), &exact(output, |x| x.clamp(0.0, 6.0))) <= 1);
            let leaky = from_fn(input, output, |x| if x < 0.0 { alpha * x } else { x });
            prop_assert!(distance(&leaky_relu(input, output, alpha), &leaky) <= 1);
        }

        #[test]
        fn interpolation_is_close_to_the_function(input in -13f32..-12.0) {
            let input = Affine { scale: input.exp2(), zero_point: 0 };
            let table = interpolated(input, UNIT_I16, f32::tanh);
            for q in (i16::MIN..=i16::MAX).step_by(128) {
                let entry = table[((i32::from(q) + 32768) / 128) as usize];
                let exact = input.dequantize(q).tanh() * 32768.0;
                prop_assert!((f32::from(entry) - exact).abs() <= 6.0, "{q}: {entry} {exact}");
            }
        }

        #[test]
        fn the_same_scale_changes_nothing(affine in affine()) {
            let same = requantize(affine, affine);
            prop_assert!(same.iter().copied().eq(i8::MIN..=i8::MAX));
            prop_assert_eq!(same, clamp(affine, affine, f32::NEG_INFINITY, f32::INFINITY));
        }

        #[test]
        fn no_scale_is_too_wild(input in any::<f32>(), output in any::<f32>(), zero_point in -128..=127) {
            let [input, output] = [input, output].map(|scale| Affine { scale, zero_point });
            logistic(input);
            tanh(input);
            hard_swish(input, output);
            abs(input, output);
            from_fn(input, output, f32::ln);
            requantize(input, output);
            clamp(input, output, -1.0, 1.0);
            leaky_relu(input, output, 0.1);
        }
    }
}
