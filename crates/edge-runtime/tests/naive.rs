//! Convolutions, matrix products and averages of any shape against loops that are too plain to be wrong.
//!
//! The golden vectors are small; here are filters long enough for every path through the kernels.
#![allow(clippy::unwrap_used, missing_docs)]

use edge_format::*;
use edge_runtime::arith::multiply_by_quantized_multiplier;
use edge_runtime::{Interpreter, Resolver};
use proptest::prelude::*;

/// Data type, shape and bytes.
type Constant = (DType, Vec<u32>, Vec<u8>);

/// Runs one op on `x`, with `constants` behind it.
fn run(params: Params, x: (&[u32], &[i8]), constants: Vec<Constant>, y: &[u32], zero_points: [i32; 2]) -> Vec<i8> {
    let arena = |shape: &[u32], offset, zero_point| TensorSpec {
        name: String::new(),
        dtype: DType::I8,
        shape: shape.into(),
        place: PlaceSpec::Arena { offset },
        scale: 1.0,
        zero_point,
    };
    let behind = x.1.len() as u32;
    let mut tensors = vec![arena(x.0, 0, zero_points[0]), arena(y, behind, zero_points[1])];
    for (dtype, shape, bytes) in constants {
        let place = PlaceSpec::Data(bytes);
        tensors.push(TensorSpec { name: String::new(), dtype, shape, place, scale: 1.0, zero_point: 0 });
    }
    let inputs = [0].into_iter().chain(2..tensors.len() as u32).collect();
    let spec = ProgramSpec {
        arena_bytes: behind + y.iter().product::<u32>(),
        tensors,
        ops: vec![OpSpec { params, inputs, outputs: vec![1] }],
        inputs: vec![IoSpec { name: String::new(), tensor: 0, shape: x.0.into() }],
        outputs: vec![IoSpec { name: String::new(), tensor: 1, shape: y.into() }],
        ..ProgramSpec::default()
    };
    let bytes = AlignedBytes::from(&write(&spec).unwrap()[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = vec![0x55; program.arena_bytes() as usize];
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap_or_else(|error| panic!("{error}"));
    interpreter.input_mut(0).unwrap().copy_from_slice(x.1);
    interpreter.invoke().unwrap();
    interpreter.output(0).unwrap().to_vec()
}

/// Runs one op on two vectors, given with their zero points, the second of which has the output's shape. The output's zero point is 0.
fn run_two(params: Params, inputs: [(Vec<i8>, i32); 2]) -> Vec<i8> {
    let mut spec = ProgramSpec { ops: vec![OpSpec { params, inputs: vec![0, 1], outputs: vec![2] }], ..ProgramSpec::default() };
    let [(a, a_zero), (b, b_zero)] = inputs;
    for (length, zero_point) in [(a.len(), a_zero), (b.len(), b_zero), (b.len(), 0)] {
        let (shape, place) = (vec![length as u32], PlaceSpec::Arena { offset: spec.arena_bytes });
        spec.arena_bytes += length as u32;
        spec.tensors.push(TensorSpec { name: String::new(), dtype: DType::I8, shape, place, scale: 1.0, zero_point });
    }
    let io = |tensor: usize| IoSpec { name: String::new(), tensor: tensor as u32, shape: spec.tensors[tensor].shape.clone() };
    (spec.inputs, spec.outputs) = (vec![io(0), io(1)], vec![io(2)]);
    let bytes = AlignedBytes::from(&write(&spec).unwrap()[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = vec![0x55; program.arena_bytes() as usize];
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap_or_else(|error| panic!("{error}"));
    interpreter.input_mut(0).unwrap().copy_from_slice(&a);
    interpreter.input_mut(1).unwrap().copy_from_slice(&b);
    interpreter.invoke().unwrap();
    interpreter.output(0).unwrap().to_vec()
}

/// Numbers that look random; the same for the same seed.
fn noise(seed: u64, length: u32) -> Vec<i8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8 as i8
    };
    std::iter::repeat_with(next).take(length as usize).collect()
}

fn bytes(values: &[i8]) -> Vec<u8> {
    values.iter().map(|value| value.cast_unsigned()).collect()
}

const MULTIPLIER_Q31: i32 = 0x5A82_7999;

/// Bias, multiplier and shift of some channels.
fn requantization(seed: u64, channels: u32, shift: i32) -> (Vec<i32>, Vec<Constant>) {
    let bias: Vec<i32> = noise(seed, channels).into_iter().map(|bias| i32::from(bias) * 50).collect();
    let words = |words: Vec<i32>| (DType::I32, vec![channels], words.iter().flat_map(|word| word.to_le_bytes()).collect());
    let constants = vec![words(bias.clone()), words(vec![MULTIPLIER_Q31; channels as usize]), words(vec![shift; channels as usize])];
    (bias, constants)
}

fn requantize(sum: i32, shift: i32, zero_point: i32) -> i8 {
    (multiply_by_quantized_multiplier(sum, MULTIPLIER_Q31, shift) + zero_point).clamp(-128, 127) as i8
}

#[derive(Clone, Debug)]
struct Window {
    input: u32,
    kernel: u32,
    stride: u32,
    dilation: u32,
    pad: u32,
}

impl Window {
    fn output(&self) -> u32 {
        (self.input + 2 * self.pad - (self.kernel - 1) * self.dilation - 1) / self.stride + 1
    }

    /// The input under a tap, unless it is padding.
    fn at(&self, output: u32, tap: u32) -> Option<u32> {
        let position = (output * self.stride + tap * self.dilation).checked_sub(self.pad)?;
        (position < self.input).then_some(position)
    }
}

fn window() -> impl Strategy<Value = Window> {
    (1u32..9, 1u32..5, 1u32..4, 1u32..3, 0u32..4).prop_map(|(input, kernel, stride, dilation, pad)| {
        let reach = (kernel - 1) * dilation + 1;
        Window { input: input.max(reach.saturating_sub(2 * pad)), kernel, stride, dilation, pad }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conv2d(
        (v, h, groups, batch) in (window(), window(), 1u32..4, 1u32..3), in_group in 1u32..70, out_group in 1u32..22, seed: u64,
        zero_points in [-128i32..128, -128i32..128],
    ) {
        let (c, o) = (in_group * groups, out_group * groups);
        let (oh, ow) = (v.output(), h.output());
        let x = noise(seed, batch * v.input * h.input * c);
        let filter = noise(seed ^ 0xF00, o * v.kernel * h.kernel * in_group);
        let shift = -9 - (v.kernel * h.kernel * in_group).ilog2() as i32 / 2;
        let (bias, constants) = requantization(seed ^ 0xBA5, o, shift);
        let mut expected = Vec::new();
        for (n, y, x_out) in (0..batch).flat_map(|n| (0..oh).flat_map(move |y| (0..ow).map(move |x| (n, y, x)))) {
            for channel in 0..o {
                let mut sum = bias[channel as usize];
                for (ky, kx) in (0..v.kernel).flat_map(|ky| (0..h.kernel).map(move |kx| (ky, kx))) {
                    let (Some(iy), Some(ix)) = (v.at(y, ky), h.at(x_out, kx)) else { continue };
                    for i in 0..in_group {
                        let at = ((n * v.input + iy) * h.input + ix) * c + channel / out_group * in_group + i;
                        let tap = ((channel * v.kernel + ky) * h.kernel + kx) * in_group + i;
                        sum += (i32::from(x[at as usize]) - zero_points[0]) * i32::from(filter[tap as usize]);
                    }
                }
                expected.push(requantize(sum, shift, zero_points[1]));
            }
        }
        let params = Conv2dParams {
            stride_h: v.stride, stride_w: h.stride, dilation_h: v.dilation, dilation_w: h.dilation,
            pad_top: v.pad, pad_left: h.pad, groups, activation_min: -128, activation_max: 127,
        };
        let mut all = vec![(DType::I8, vec![o, v.kernel, h.kernel, in_group], bytes(&filter))];
        all.extend(constants);
        let found = run(params.into(), (&[batch, v.input, h.input, c], &x), all, &[batch, oh, ow, o], zero_points);
        prop_assert_eq!(found, expected);
    }

    /// By its other definition: each input pixel adds its window to the output.
    #[test]
    fn conv_transpose2d(
        (v, h, groups, batch) in (window(), window(), 1u32..4, 1u32..3), in_group in 1u32..40, out_group in 1u32..22, seed: u64,
        zero_points in [-128i32..128, -128i32..128],
    ) {
        let (c, o) = (in_group * groups, out_group * groups);
        // The windows are those of the convolution that is transposed.
        let (ih, iw, oh, ow) = (v.output(), h.output(), v.input, h.input);
        let x = noise(seed, batch * ih * iw * c);
        let filter = noise(seed ^ 0xF00, o * v.kernel * h.kernel * in_group);
        let shift = -9 - (v.kernel * h.kernel * in_group).ilog2() as i32 / 2;
        let (bias, constants) = requantization(seed ^ 0xBA5, o, shift);
        let mut sums: Vec<i32> = bias.iter().copied().cycle().take((batch * oh * ow * o) as usize).collect();
        for (n, y, x_in) in (0..batch).flat_map(|n| (0..ih).flat_map(move |y| (0..iw).map(move |x| (n, y, x)))) {
            for (ky, kx) in (0..v.kernel).flat_map(|ky| (0..h.kernel).map(move |kx| (ky, kx))) {
                let (Some(oy), Some(ox)) = (v.at(y, ky), h.at(x_in, kx)) else { continue };
                for (channel, i) in (0..o).flat_map(|channel| (0..in_group).map(move |i| (channel, i))) {
                    let at = ((n * ih + y) * iw + x_in) * c + channel / out_group * in_group + i;
                    let tap = ((channel * v.kernel + ky) * h.kernel + kx) * in_group + i;
                    let product = (i32::from(x[at as usize]) - zero_points[0]) * i32::from(filter[tap as usize]);
                    sums[(((n * oh + oy) * ow + ox) * o + channel) as usize] += product;
                }
            }
        }
        let expected: Vec<i8> = sums.into_iter().map(|sum| requantize(sum, shift, zero_points[1])).collect();
        let params = ConvTranspose2dParams {
            stride_h: v.stride, stride_w: h.stride, dilation_h: v.dilation, dilation_w: h.dilation,
            pad_top: v.pad, pad_left: h.pad, groups, activation_min: -128, activation_max: 127,
        };
        let mut all = vec![(DType::I8, vec![o, v.kernel, h.kernel, in_group], bytes(&filter))];
        all.extend(constants);
        let found = run(params.into(), (&[batch, ih, iw, c], &x), all, &[batch, oh, ow, o], zero_points);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn depthwise_conv2d(
        (v, h, batch) in (window(), window(), 1u32..3), c in 1u32..40, depth_multiplier in 1u32..4, seed: u64,
        zero_points in [-128i32..128, -128i32..128],
    ) {
        let o = c * depth_multiplier;
        let (oh, ow) = (v.output(), h.output());
        let x = noise(seed, batch * v.input * h.input * c);
        let filter = noise(seed ^ 0xF00, v.kernel * h.kernel * o);
        let shift = -10;
        let (bias, constants) = requantization(seed ^ 0xBA5, o, shift);
        let mut expected = Vec::new();
        for (n, y, x_out) in (0..batch).flat_map(|n| (0..oh).flat_map(move |y| (0..ow).map(move |x| (n, y, x)))) {
            for channel in 0..o {
                let mut sum = bias[channel as usize];
                for (ky, kx) in (0..v.kernel).flat_map(|ky| (0..h.kernel).map(move |kx| (ky, kx))) {
                    let (Some(iy), Some(ix)) = (v.at(y, ky), h.at(x_out, kx)) else { continue };
                    let at = ((n * v.input + iy) * h.input + ix) * c + channel / depth_multiplier;
                    let tap = (ky * h.kernel + kx) * o + channel;
                    sum += (i32::from(x[at as usize]) - zero_points[0]) * i32::from(filter[tap as usize]);
                }
                expected.push(requantize(sum, shift, zero_points[1]));
            }
        }
        let params = DepthwiseConv2dParams {
            stride_h: v.stride, stride_w: h.stride, dilation_h: v.dilation, dilation_w: h.dilation,
            pad_top: v.pad, pad_left: h.pad, depth_multiplier, activation_min: -128, activation_max: 127,
        };
        let mut all = vec![(DType::I8, vec![1, v.kernel, h.kernel, o], bytes(&filter))];
        all.extend(constants);
        let found = run(params.into(), (&[batch, v.input, h.input, c], &x), all, &[batch, oh, ow, o], zero_points);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn fully_connected(rows in 1u32..4, inputs in 1u32..300, outputs in 1u32..40, seed: u64, zero_points in [-128i32..128, -128i32..128]) {
        let (x, filter) = (noise(seed, rows * inputs), noise(seed ^ 0xF00, outputs * inputs));
        let shift = -9 - inputs.ilog2() as i32 / 2;
        let (bias, constants) = requantization(seed ^ 0xBA5, outputs, shift);
        let mut expected = Vec::new();
        for row in x.chunks_exact(inputs as usize) {
            for (weights, bias) in filter.chunks_exact(inputs as usize).zip(&bias) {
                let products = row.iter().zip(weights).map(|(&x, &weight)| (i32::from(x) - zero_points[0]) * i32::from(weight));
                expected.push(requantize(bias + products.sum::<i32>(), shift, zero_points[1]));
            }
        }
        let params = FullyConnectedParams { activation_min: -128, activation_max: 127 };
        let mut all = vec![(DType::I8, vec![outputs, inputs], bytes(&filter))];
        all.extend(constants);
        prop_assert_eq!(run(params.into(), (&[rows, inputs], &x), all, &[rows, outputs], zero_points), expected);
    }

    /// Also where TensorFlow Lite Micro's kernel is undefined: small dividends, and a divisor of zero.
    #[test]
    fn quotients_are_within_one_of_the_exact_ones(scale in 0.02f32..60.0, a: i8, a_zero in -128i32..128, b_zero in -128i32..128) {
        let DivParams { multiplier_q31, shift, .. } = edge_runtime::prepare::div(scale, 1.0, 1.0, (-128, 127));
        let b: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        let params = DivParams { multiplier_q31, shift, activation_min: -128, activation_max: 127 };
        let found = run_two(params.into(), [(vec![a], a_zero), (b.clone(), b_zero)]);
        for (&b, found) in b.iter().zip(found) {
            let (a, b) = (i32::from(a) - a_zero, i32::from(b) - b_zero);
            let exact = match b {
                0 => f64::from(a.signum()) * 1e9,
                _ => f64::from(a) / f64::from(b) * f64::from(scale),
            };
            prop_assert!((exact.clamp(-128.0, 127.0) - f64::from(found)).abs() <= 1.0, "{} / {} is {}, found {}", a, b, exact, found);
        }
    }

    /// Against the definition in double precision: TensorFlow Lite has no integer normalization.
    #[test]
    fn normalizations_are_exact_but_for_their_rounding(
        (groups, channels, inner, rows) in (1u32..4, 1u32..12, 1u32..9, 1u32..4), spread in 1u32..129, center: bool, epsilon in 0f32..1e-2,
        scales in [-8f32..-1.0, -8f32..-1.0], zero_points in [-128i32..128, -128i32..128], seed: u64,
    ) {
        let [x_scale, y_scale] = scales.map(f32::exp2);
        let (row, all) = (channels * inner, groups * channels);
        let x: Vec<i8> = noise(seed, rows * groups * row).into_iter().map(|q| (i32::from(q) * spread as i32 / 128) as i8).collect();
        let real = |seed, size: f32| noise(seed, all).into_iter().map(|q| f32::from(q) * size).collect::<Vec<f32>>();
        let (scale, shift) = (real(seed ^ 0xF00, 0.01), real(seed ^ 0xBA5, 0.02));
        let mut words = [vec![], vec![], vec![]];
        for (&scale, &shift) in scale.iter().zip(&shift) {
            let channel = edge_runtime::prepare::normalize_channel(scale, shift, y_scale);
            words.iter_mut().zip(channel).for_each(|(list, word)| list.push(word));
        }
        let constants = words.map(|words| (DType::I32, vec![all], words.into_iter().flat_map(i32::to_le_bytes).collect())).to_vec();
        let params = edge_runtime::prepare::normalize(x_scale, epsilon, row, inner, center);
        // What is added to the variance is a whole number of the smallest steps that it can take.
        let steps = u64::from(params.epsilon_high) << 32 | u64::from(params.epsilon_low);
        let epsilon = steps as f64 * (f64::from(x_scale) / f64::from(row)).powi(2);
        let shape = [rows, groups * row];
        let found = run(params.into(), (&shape, &x), constants, &shape, zero_points);
        for (at, (x, found)) in x.chunks_exact(row as usize).zip(found.chunks_exact(row as usize)).enumerate() {
            let x: Vec<f64> = x.iter().map(|&q| f64::from(x_scale) * f64::from(i32::from(q) - zero_points[0])).collect();
            let mean = if center { x.iter().sum::<f64>() / x.len() as f64 } else { 0.0 };
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64 + epsilon;
            for (i, (&x, &found)) in x.iter().zip(found).enumerate() {
                let channel = at % groups as usize * channels as usize + i / inner as usize;
                let normalized = if x == mean { 0.0 } else { (x - mean) / variance.sqrt() };
                let exact = normalized * f64::from(scale[channel]) + f64::from(shift[channel]);
                let exact = (exact / f64::from(y_scale) + f64::from(zero_points[1])).clamp(-128.0, 127.0);
                prop_assert!((exact - f64::from(found)).abs() < 0.52, "row {} element {}: {} for {}", at, i, found, exact);
            }
        }
    }

    /// ONNX's `count_include_pad`, which TensorFlow Lite lacks.
    #[test]
    fn average_with_padding(v in window(), h in window(), c in 1u32..20, seed: u64, zero_point in -128i32..128) {
        let [v, h] = [v, h].map(|axis| Window { dilation: 1, pad: axis.pad.min(axis.kernel - 1), ..axis });
        let [v, h] = [v, h].map(|axis| Window { input: axis.input.max(axis.kernel), ..axis });
        let (oh, ow) = (v.output(), h.output());
        let x = noise(seed, v.input * h.input * c);
        let count = (v.kernel * h.kernel) as i32;
        let mut expected = Vec::new();
        for (y, x_out, channel) in (0..oh).flat_map(|y| (0..ow).flat_map(move |x| (0..c).map(move |c| (y, x, c)))) {
            let taps = (0..v.kernel).flat_map(|ky| (0..h.kernel).map(move |kx| (ky, kx)));
            let sum: i32 = taps.map(|(ky, kx)| match (v.at(y, ky), h.at(x_out, kx)) {
                (Some(iy), Some(ix)) => i32::from(x[((iy * h.input + ix) * c + channel) as usize]),
                _ => zero_point,
            }).sum();
            expected.push((f64::from(sum) / f64::from(count)).round() as i8);
        }
        let params = AveragePool2dParams {
            kernel_h: v.kernel, kernel_w: h.kernel, stride_h: v.stride, stride_w: h.stride, pad_top: v.pad, pad_left: h.pad,
            include_pad: 1, activation_min: -128, activation_max: 127,
        };
        let found = run(params.into(), (&[1, v.input, h.input, c], &x), Vec::new(), &[1, oh, ow, c], [zero_point; 2]);
        prop_assert_eq!(found, expected);
    }
}
