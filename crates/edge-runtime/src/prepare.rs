//! From scales to the constants that programs hold: what TensorFlow Lite computes when it prepares a model.
//!
//! A host calls these when it lowers a model; a device does not need them. Scales are single precision, products of
//! scales are double precision, as in the original: another order of operations gives another last bit.

use edge_format::{
    AddParams, DivParams, GruParams, LogSoftmaxParams, LstmParams, MeanParams, MulParams, NormalizeParams, PreluParams, RequantizeParams,
    ResizeBilinearParams, SoftmaxI16Params, SoftmaxParams, SubParams,
};

use crate::Element;
use crate::affine::Affine;
use crate::arith::{quantize_multiplier, round_half_away};

/// Integer bits of softmax's fixed-point differences.
pub(crate) const SOFTMAX_INTEGER_BITS: u32 = 5;

/// Bits that [`AddParams`] and [`SubParams`] raise int8 inputs by.
const ADD_LEFT_SHIFT: u32 = 20;

/// As [`ADD_LEFT_SHIFT`], for int16.
const ADD_LEFT_SHIFT_I16: u32 = 15;

/// Multiplier and shift of an output channel where the filter has a scale per channel.
pub fn channel_multiplier(input_scale: f32, filter_scale: f32, output_scale: f32) -> (i32, i32) {
    quantize_multiplier(f64::from(input_scale) * f64::from(filter_scale) / f64::from(output_scale))
}

/// Multiplier and shift from one scale to another.
pub fn rescale_multiplier(input_scale: f32, output_scale: f32) -> (i32, i32) {
    quantize_multiplier(f64::from(input_scale) / f64::from(output_scale))
}

/// Least and greatest int8 of an output that an activation confines to real numbers from `min` to `max`; an infinity
/// means no bound.
pub fn activation_range(min: f32, max: f32, output: Affine) -> (i32, i32) {
    activation_range_of::<i8>(min, max, output)
}

/// As [`activation_range`], of any type.
pub fn activation_range_of<T: Element>(min: f32, max: f32, output: Affine) -> (i32, i32) {
    let quantize = |real: f32| {
        let q = round_half_away(f64::from(real / output.scale)).saturating_add(output.zero_point);
        q.clamp(T::LEAST, T::GREATEST)
    };
    (quantize(min), quantize(max))
}

/// Parameters of an addition.
pub fn add(input1_scale: f32, input2_scale: f32, output_scale: f32, activation: (i32, i32)) -> AddParams {
    add_raised(ADD_LEFT_SHIFT, [input1_scale, input2_scale, output_scale], activation)
}

/// Parameters of an addition of int16.
pub fn add_i16(input1_scale: f32, input2_scale: f32, output_scale: f32, activation: (i32, i32)) -> AddParams {
    add_raised(ADD_LEFT_SHIFT_I16, [input1_scale, input2_scale, output_scale], activation)
}

fn add_raised(left_shift: u32, [input1_scale, input2_scale, output_scale]: [f32; 3], activation: (i32, i32)) -> AddParams {
    let twice_max = 2.0 * f64::from(input1_scale.max(input2_scale));
    let (input1_multiplier_q31, input1_shift) = quantize_multiplier(f64::from(input1_scale) / twice_max);
    let (input2_multiplier_q31, input2_shift) = quantize_multiplier(f64::from(input2_scale) / twice_max);
    let (output_multiplier_q31, output_shift) = quantize_multiplier(twice_max / (f64::from(1u32 << left_shift) * f64::from(output_scale)));
    AddParams {
        left_shift,
        input1_multiplier_q31,
        input1_shift,
        input2_multiplier_q31,
        input2_shift,
        output_multiplier_q31,
        output_shift,
        activation_min: activation.0,
        activation_max: activation.1,
    }
}

/// Parameters of a subtraction: those of the addition.
pub fn sub(input1_scale: f32, input2_scale: f32, output_scale: f32, activation: (i32, i32)) -> SubParams {
    add(input1_scale, input2_scale, output_scale, activation).into()
}

/// Parameters of a subtraction of int16.
pub fn sub_i16(input1_scale: f32, input2_scale: f32, output_scale: f32, activation: (i32, i32)) -> SubParams {
    add_i16(input1_scale, input2_scale, output_scale, activation).into()
}

/// Parameters of the same number with another scale or type: TensorFlow Lite's `QUANTIZE`.
pub fn requantize(input_scale: f32, output_scale: f32, activation: (i32, i32)) -> RequantizeParams {
    let multiplier = rescale_multiplier(input_scale, output_scale);
    with_multipliers(multiplier, multiplier, activation)
}

/// Parameters of a multiple of the number, by `above` where it is not negative and by `below` where it is: (leaky) rectifiers, absolute
/// values, negation.
pub fn slopes(input_scale: f32, output_scale: f32, above: f32, below: f32, activation: (i32, i32)) -> RequantizeParams {
    let multiplier = |slope: f32| quantize_multiplier(f64::from(input_scale * slope / output_scale));
    with_multipliers(multiplier(above), multiplier(below), activation)
}

fn with_multipliers(above: (i32, i32), below: (i32, i32), activation: (i32, i32)) -> RequantizeParams {
    RequantizeParams {
        multiplier_q31: above.0,
        shift: above.1,
        negative_multiplier_q31: below.0,
        negative_shift: below.1,
        activation_min: activation.0,
        activation_max: activation.1,
    }
}

/// Parameters of a multiplication.
pub fn mul(input1_scale: f32, input2_scale: f32, output_scale: f32, activation: (i32, i32)) -> MulParams {
    let (multiplier_q31, shift) = channel_multiplier(input1_scale, input2_scale, output_scale);
    MulParams { multiplier_q31, shift, activation_min: activation.0, activation_max: activation.1 }
}

/// Parameters of a division.
pub fn div(input1_scale: f32, input2_scale: f32, output_scale: f32, activation: (i32, i32)) -> DivParams {
    let (multiplier_q31, shift) = quantize_multiplier(f64::from(input1_scale) / (f64::from(input2_scale) * f64::from(output_scale)));
    DivParams { multiplier_q31, shift, activation_min: activation.0, activation_max: activation.1 }
}

/// Parameters of a rectifier with slopes of their own scale.
pub fn prelu(input_scale: f32, slope_scale: f32, output_scale: f32) -> PreluParams {
    let (positive_multiplier_q31, positive_shift) = rescale_multiplier(input_scale, output_scale);
    let (negative_multiplier_q31, negative_shift) = channel_multiplier(input_scale, slope_scale, output_scale);
    PreluParams { positive_multiplier_q31, positive_shift, negative_multiplier_q31, negative_shift }
}

/// Fractional bits that a normalization keeps of its output until it is rounded.
pub(crate) const NORMALIZE_GUARD_BITS: u32 = 8;

/// Fractional bits of an element that has just been normalized.
const NORMALIZED_BITS: u32 = 20;

/// Parameters of a normalization of rows of `row` elements, of which `inner` adjacent ones are of one channel: around their mean or, unless
/// `center`, around zero.
pub fn normalize(input_scale: f32, epsilon: f32, row: u32, inner: u32, center: bool) -> NormalizeParams {
    let unit = f64::from(row) / f64::from(input_scale);
    let epsilon = (f64::from(epsilon) * unit * unit + 0.5) as u64;
    NormalizeParams { row, inner, center: center.into(), epsilon_low: epsilon as u32, epsilon_high: (epsilon >> 32) as u32 }
}

/// Multiplier, shift and bias of a channel of a normalization.
pub fn normalize_channel(scale: f32, shift: f32, output_scale: f32) -> [i32; 3] {
    let unit = f64::from(1u32 << NORMALIZE_GUARD_BITS) / f64::from(output_scale);
    let (multiplier_q31, left) = quantize_multiplier(f64::from(scale) * unit / f64::from(1u32 << NORMALIZED_BITS));
    [multiplier_q31, left.min(30), round_half_away(f64::from(shift) * unit)]
}

/// Parameters of a mean over the axes whose bits are set, each output being of `count` elements (at least 1).
///
/// The division by `count` is in the multiplier, with the bits that it frees given to the shift.
pub fn mean(input_scale: f32, output_scale: f32, axes: u32, count: u32) -> MeanParams {
    let (multiplier_q31, shift) = rescale_multiplier(input_scale, output_scale);
    let spare_bits = (count.max(1).ilog2() as i32).min(31 + shift);
    let multiplier_q31 = (i64::from(multiplier_q31) << spare_bits) / i64::from(count.max(1));
    MeanParams { axes, multiplier_q31: multiplier_q31 as i32, shift: shift - spare_bits }
}

/// Parameters of a sum over the axes whose bits are set: a mean without its division.
pub fn sum(input_scale: f32, output_scale: f32, axes: u32) -> MeanParams {
    mean(input_scale, output_scale, axes, 1)
}

/// Parameters of a bilinear resize of `[height, width]`, each at least 1, from `from` to `to`: with `align_corners` the first and the
/// last pixels meet, with `half_pixel_centers` pixels are squares and not points.
pub fn resize_bilinear(from: [u32; 2], to: [u32; 2], align_corners: bool, half_pixel_centers: bool) -> ResizeBilinearParams {
    let axis = |from: u32, to: u32| {
        let (from, to) = if align_corners && to > 1 { (from.saturating_sub(1), to - 1) } else { (from, to) };
        let scale = ((u64::from(from) << 10) + u64::from(to / 2)) / u64::from(to.max(1));
        let scale = scale.min(i32::MAX.unsigned_abs().into()) as i32;
        (scale, if half_pixel_centers { scale / 2 - 512 } else { 0 })
    };
    let ((scale_h, offset_h), (scale_w, offset_w)) = (axis(from[0], to[0]), axis(from[1], to[1]));
    ResizeBilinearParams { scale_h, offset_h, scale_w, offset_w }
}

/// The unit of the arguments of a recurrent layer's gates.
const GATE_ARGUMENT_SCALE: f32 = 1.0 / 4096.0;

/// The unit of the gates themselves.
const GATE_SCALE: f32 = 1.0 / 32768.0;

/// Scales of a recurrent layer with so many gates.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentScales<const GATES: usize> {
    /// Of the input.
    pub input: f32,
    /// Of each gate's filter.
    pub filter: [f32; GATES],
    /// Of each gate's recurrent filter.
    pub recurrent: [f32; GATES],
    /// Of the hidden state, which is the output.
    pub hidden: f32,
}

/// Multipliers and shifts of each gate's sums.
fn gate_multipliers<const GATES: usize>(x_scale: f32, filters: [f32; GATES]) -> ([i32; GATES], [i32; GATES]) {
    let multipliers = filters.map(|filter| channel_multiplier(x_scale, filter, GATE_ARGUMENT_SCALE));
    (multipliers.map(|(multiplier_q31, _)| multiplier_q31), multipliers.map(|(_, shift)| shift))
}

/// Parameters of long short-term memory whose cell has the scale `2^cell_scale_log2` and, unless it is 0, a bound on its magnitude.
pub fn lstm(scales: &RecurrentScales<4>, cell_scale_log2: i32, cell_clip: f32, time_major: bool) -> LstmParams {
    // 2 to the power of it, by the bits of the number.
    let cell_scale = f32::from_bits(((cell_scale_log2.clamp(-126, 127) + 127) as u32) << 23);
    let (input_multiplier_q31, input_shift) = gate_multipliers(scales.input, scales.filter);
    let (recurrent_multiplier_q31, recurrent_shift) = gate_multipliers(scales.hidden, scales.recurrent);
    let (forget_multiplier_q31, forget_shift) = channel_multiplier(GATE_SCALE, cell_scale, cell_scale);
    let (update_multiplier_q31, update_shift) = channel_multiplier(GATE_SCALE, GATE_SCALE, cell_scale);
    let (hidden_multiplier_q31, hidden_shift) = channel_multiplier(GATE_SCALE, GATE_SCALE, scales.hidden);
    LstmParams {
        time_major: time_major.into(),
        input_multiplier_q31,
        input_shift,
        recurrent_multiplier_q31,
        recurrent_shift,
        forget_multiplier_q31,
        forget_shift,
        update_multiplier_q31,
        update_shift,
        hidden_multiplier_q31,
        hidden_shift,
        cell_scale_log2,
        cell_clip: (f64::from(cell_clip) / f64::from(cell_scale)).clamp(0.0, f64::from(i16::MAX)) as i32,
    }
}

/// Parameters of a gated recurrent unit.
pub fn gru(scales: &RecurrentScales<3>, reset_after: bool, time_major: bool) -> GruParams {
    let (input_multiplier_q31, input_shift) = gate_multipliers(scales.input, scales.filter);
    let (recurrent_multiplier_q31, recurrent_shift) = gate_multipliers(scales.hidden, scales.recurrent);
    let (hidden_multiplier_q31, hidden_shift) = rescale_multiplier(GATE_SCALE, scales.hidden);
    GruParams {
        time_major: time_major.into(),
        reset_after: reset_after.into(),
        input_multiplier_q31,
        input_shift,
        recurrent_multiplier_q31,
        recurrent_shift,
        hidden_multiplier_q31,
        hidden_shift,
    }
}

/// Parameters of a softmax of `beta * x`.
pub fn softmax(input_scale: f32, beta: f32) -> SoftmaxParams {
    let fraction = f64::from(1u32 << (31 - SOFTMAX_INTEGER_BITS));
    let real_multiplier = (f64::from(beta) * f64::from(input_scale) * fraction).min(f64::from(i32::MAX));
    let (multiplier_q31, shift) = quantize_multiplier(real_multiplier);
    let (multiplier_q31, left_shift) = match u32::try_from(shift) {
        Ok(left_shift) => (multiplier_q31, left_shift),
        Err(_) => (multiplier_q31 >> shift.unsigned_abs(), 0),
    };
    SoftmaxParams { multiplier_q31, left_shift, diff_min: -input_radius(SOFTMAX_INTEGER_BITS, left_shift as i32) }
}

/// Parameters of the logarithm of a softmax.
pub fn log_softmax(input_scale: f32) -> LogSoftmaxParams {
    let SoftmaxParams { multiplier_q31, left_shift, diff_min } = softmax(input_scale, 1.0);
    let unit = f64::from(1u32 << (31 - left_shift.min(31)));
    let (reverse_multiplier_q31, reverse_shift) = quantize_multiplier(unit / f64::from(multiplier_q31));
    LogSoftmaxParams { multiplier_q31, left_shift, reverse_multiplier_q31, reverse_shift, diff_min }
}

/// Parameters of a softmax of `beta * x` of int16.
pub fn softmax_i16(input_scale: f32, beta: f32) -> SoftmaxI16Params {
    let (multiplier_q31, shift) = quantize_multiplier(f64::from(input_scale) * f64::from(beta) / (10.0 / 65535.0));
    SoftmaxI16Params { multiplier_q31, shift }
}

/// Multiplier and right shift of [`LogisticI16Params`](edge_format::LogisticI16Params) and [`TanhI16Params`](edge_format::TanhI16Params).
///
/// Inputs of a scale above 5 saturate more coarsely than they should.
pub fn sigmoid_i16(input_scale: f32) -> (u32, u32) {
    let (mut multiplier, mut right_shift) = (f64::from(input_scale) * 3.0 * 4096.0, 0);
    while multiplier <= 32767.0 / 2.0 && right_shift <= 30 {
        multiplier *= 2.0;
        right_shift += 1;
    }
    ((multiplier as u32).min(u16::MAX.into()), right_shift)
}

/// Greatest input that, shifted left, stays within a fixed point of `integer_bits`.
pub(crate) fn input_radius(integer_bits: u32, left_shift: i32) -> i32 {
    let greatest = ((1i64 << integer_bits) - 1) << (31 - integer_bits);
    let radius = match u32::try_from(left_shift) {
        Ok(left) => greatest >> left.min(63),
        Err(_) => greatest << left_shift.unsigned_abs().min(31),
    };
    radius.min(i32::MAX.into()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn real((multiplier_q31, shift): (i32, i32)) -> f64 {
        f64::from(multiplier_q31) * 2f64.powi(shift - 31)
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= expected * 2e-7
    }

    #[test]
    fn activation_ranges() {
        let output = Affine { scale: 0.5, zero_point: -100 };
        assert_eq!(activation_range(f32::NEG_INFINITY, f32::INFINITY, output), (-128, 127));
        assert_eq!(activation_range(0.0, f32::INFINITY, output), (-100, 127));
        assert_eq!(activation_range(0.0, 6.0, output), (-100, -88));
        // Ties are rounded away from zero.
        assert_eq!(activation_range(-0.25, 0.25, output), (-101, -99));
    }

    proptest! {
        #[test]
        fn multipliers_stand_for_quotients_of_scales(a in 1e-5f32..1e3, b in 1e-5f32..1e3, y in 1e-5f32..1e3) {
            let [wide_a, wide_b, wide_y] = [a, b, y].map(f64::from);
            prop_assert!(close(real(channel_multiplier(a, b, y)), wide_a * wide_b / wide_y));
            prop_assert!(close(real(rescale_multiplier(a, y)), wide_a / wide_y));
            let add = add(a, b, y, (-128, 127));
            let output = real((add.output_multiplier_q31, add.output_shift)) * f64::from(1u32 << add.left_shift);
            prop_assert!(close(real((add.input1_multiplier_q31, add.input1_shift)) * output, wide_a / wide_y));
            prop_assert!(close(real((add.input2_multiplier_q31, add.input2_shift)) * output, wide_b / wide_y));
        }

        #[test]
        fn a_mean_divides_by_its_count(x in 1e-3f32..1e3, y in 1e-3f32..1e3, count in 1u32..1 << 20) {
            let mean = mean(x, y, 0b110, count);
            prop_assert!(close(real((mean.multiplier_q31, mean.shift)), f64::from(x) / f64::from(y) / f64::from(count)));
        }

        #[test]
        fn no_scale_is_too_wild(a: f32, b: f32, y: f32, count: u32) {
            add(a, b, y, (-128, 127));
            mul(a, b, y, (-128, 127));
            mean(a, y, 1, count);
            softmax(a, b);
            log_softmax(a);
            div(a, b, y, (-128, 127));
            prelu(a, b, y);
            normalize(a, b, count, 1, true);
            normalize_channel(a, b, y);
            softmax_i16(a, b);
            sigmoid_i16(a);
            slopes(a, y, b, -b, (0, 0));
            add_i16(a, b, y, (-128, 127));
            activation_range(a, b, Affine { scale: y, zero_point: 127 });
        }
    }
}
