//! From real numbers to integers: scales, zero points, weights, biases.
//!
//! Rounding is to the nearest integer, ties to even, everywhere: the rule of ONNX's `QuantizeLinear`.

use edgectl_graph::{QuantConst, QuantParams, QuantType};

use crate::Range;

/// The greatest magnitude of an int8 weight: symmetric, so that -128 is not used.
const WEIGHT_MAX: f32 = 127.0;

/// Biases stay below half of int32's range, so that the accumulator has room for the products.
const BIAS_MAX: f64 = (1u32 << 30) as f64;

/// As [`BIAS_MAX`], for layers with int16 activations, whose accumulators must stay below 2^47.
const WIDE_BIAS_MAX: f64 = (1u64 << 46) as f64;

/// Scale and zero point with which integers span a range. The range is extended to hold zero, which they then represent exactly (padding
/// and ReLU need that); for int16, to be symmetric about it.
pub fn activation_params(range: Range, ty: QuantType) -> QuantParams {
    match ty {
        QuantType::I8 => int8_params(range),
        QuantType::I16 => {
            let scale = (f64::from(range.min.abs().max(range.max.abs())) / f64::from(i16::MAX)) as f32;
            QuantParams::int16(if scale.is_normal() { scale } else { 1.0 / 32767.0 })
        }
    }
}

fn int8_params(range: Range) -> QuantParams {
    let (min, max) = (f64::from(range.min.min(0.0)), f64::from(range.max.max(0.0)));
    let scale = ((max - min) / 255.0) as f32;
    if !scale.is_normal() {
        // A tensor that is always zero, or so small that float32 cannot hold its scale.
        return QuantParams::int8(1.0 / 255.0, -128);
    }
    let zero_point = (-128.0 - min / f64::from(scale)).round_ties_even().clamp(-128.0, 127.0);
    QuantParams::int8(scale, zero_point as i8)
}

/// The integer nearest to a real number, saturating: the runtime's own rule.
pub fn quantize_value(x: f32, params: QuantParams) -> i32 {
    let affine = edge_runtime::affine::Affine { scale: params.scale, zero_point: params.zero_point.into() };
    match params.ty {
        QuantType::I8 => affine.quantize(x).into(),
        QuantType::I16 => affine.quantize_i16(x).into(),
    }
}

/// A constant operand in the integers of these parameters.
pub fn quantize_operand(values: &[f32], params: QuantParams) -> QuantConst {
    let integers = values.iter().map(|&x| quantize_value(x, params));
    match params.ty {
        QuantType::I8 => QuantConst::Operand { values: integers.map(|q| q as i8).collect(), params },
        QuantType::I16 => QuantConst::WideOperand { values: integers.map(|q| q as i16).collect(), params },
    }
}

/// The scale of one output channel's weights (or of all), for its bias and the scale of the layer's input.
///
/// Normally `max |w| / 127`. Where a bias is so large against the weights that it would not fit int32 at `input scale * weight scale`, the
/// scale is as large as the bias needs.
pub fn weight_scale(weights: &[f32], bias: f32, input_scale: f32) -> f32 {
    weight_scale_for(weights, bias, QuantParams::int8(input_scale, 0))
}

/// As [`weight_scale`], for an input of any type.
pub(crate) fn weight_scale_for(weights: &[f32], bias: f32, input: QuantParams) -> f32 {
    let bias_max = if input.ty == QuantType::I16 { WIDE_BIAS_MAX } else { BIAS_MAX };
    let magnitude = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    let for_bias = (f64::from(bias.abs()) / (f64::from(input.scale) * bias_max)) as f32;
    if magnitude == 0.0 && bias == 0.0 {
        // A dead channel may have any scale.
        return 1.0;
    }
    // The scale of the sums, and of the bias, is the product with that of the input: float32 must hold both.
    let least = 2.0 * f32::MIN_POSITIVE / input.scale.min(1.0);
    (magnitude / WEIGHT_MAX).max(for_bias).max(least)
}

/// Weights as int8 in `-127..=127`. `scales` has one entry, or one per output channel (the outermost dimension).
pub fn quantize_weights(weights: &[f32], scales: &[f32]) -> Vec<i8> {
    let channel = (weights.len() / scales.len().max(1)).max(1);
    let quantize = |w: f32, scale: f32| (f64::from(w) / f64::from(scale)).round_ties_even().clamp(-127.0, 127.0) as i8;
    weights.chunks(channel).zip(scales).flat_map(|(channel, &scale)| channel.iter().map(move |&w| quantize(w, scale))).collect()
}

/// Biases as int32 at `input_scale * scales[c]`.
pub fn quantize_bias(bias: &[f32], input_scale: f32, scales: &[f32]) -> Vec<i32> {
    let saturate = |b: i64| b.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    quantize_wide_bias(bias, input_scale, scales).into_iter().map(saturate).collect()
}

/// Biases as int64 at `input_scale * scales[c]`.
pub(crate) fn quantize_wide_bias(bias: &[f32], input_scale: f32, scales: &[f32]) -> Vec<i64> {
    let scale = |channel: usize| f64::from(input_scale) * f64::from(if scales.len() == 1 { scales[0] } else { scales[channel] });
    bias.iter().enumerate().map(|(channel, &b)| (f64::from(b) / scale(channel)).round_ties_even() as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_relu6_range_starts_at_the_lowest_integer() {
        let params = activation_params(Range { min: 0.0, max: 6.0 }, QuantType::I8);
        assert_eq!(params, QuantParams::int8(6.0 / 255.0, -128));
        assert_eq!([0.0, 6.0, 99.0, -99.0].map(|x| quantize_value(x, params)), [-128, 127, 127, -128]);
    }

    #[test]
    fn ranges_without_extent_still_have_a_scale() {
        for range in [Range { min: 0.0, max: 0.0 }, Range { min: -1e-45, max: 0.0 }] {
            assert!(activation_params(range, QuantType::I8).scale.is_normal());
        }
        assert_eq!(weight_scale(&[0.0, -0.0], 0.0, 0.1), 1.0);
    }

    #[test]
    fn the_scale_of_sums_does_not_underflow() {
        for (weight, input_scale) in [(1e-40, 0.1), (1e-30, 1e-20), (1e-45, 1e30)] {
            let scale = weight_scale(&[weight], 0.0, input_scale);
            assert!(scale.is_normal() && (scale * input_scale).is_normal(), "{weight} {input_scale}: {scale}");
        }
    }

    #[test]
    fn a_bias_beyond_int32_widens_the_weight_scale() {
        let scale = weight_scale(&[1e-6], 50.0, 1e-3);
        let bias = quantize_bias(&[50.0], 1e-3, &[scale]);
        assert!((f64::from(bias[0]) * 1e-3 * f64::from(scale) - 50.0).abs() < 1e-3, "{bias:?} {scale}");
        assert!(bias[0] < (1 << 30) + (1 << 8));
    }

    #[test]
    fn weights_are_symmetric_per_channel() {
        assert_eq!(quantize_weights(&[-1.0, 0.5, 4.0, -2.0], &[1.0 / 127.0, 4.0 / 127.0]), [-127, 64, 127, -64]);
        assert_eq!(quantize_weights(&[-1.0, 0.5, 4.0, -2.0], &[4.0 / 127.0]), [-32, 16, 127, -64]);
    }

    proptest! {
        #[test]
        fn zero_is_exact_and_the_range_is_covered(a in -1e6f32..1e6, b in -1e6f32..1e6) {
            let range = Range { min: a.min(b), max: a.max(b) };
            let params = activation_params(range, QuantType::I8);
            let zero = quantize_value(0.0, params);
            prop_assert_eq!(zero, i32::from(params.zero_point));
            for x in [range.min, range.max] {
                let back = params.scale * (quantize_value(x, params) - i32::from(params.zero_point)) as f32;
                prop_assert!((back - x).abs() <= params.scale * 1.01, "{} {} {:?}", x, back, params);
            }
        }
    }
}
