//! Every vector kernel, for every instruction set that this machine has and every packing, and the kernels for microcontrollers
//! against the reference kernels.
#![allow(clippy::unwrap_used, missing_docs)]

use edge_format::*;
use edge_runtime::{Fork, Interpreter, Isa, Resolver, packs_depthwise};
use proptest::prelude::*;

/// Programs tried per property. AArch64 is mostly emulated.
const CASES: u32 = if cfg!(target_arch = "aarch64") { 40 } else { 150 };

/// An op with weights: x, filter, bias, multipliers, shifts.
#[derive(Clone, Debug)]
struct Case {
    params: Params,
    x: (Vec<u32>, Vec<i8>),
    filter: (Vec<u32>, Vec<i8>),
    channels: Vec<Channel>,
    output: Vec<u32>,
    /// Of x and of the output.
    zero_points: [i32; 2],
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    bias: i32,
    multiplier_q31: i32,
    shift: i32,
}

impl Case {
    fn program(&self, packing: Option<Packing>) -> AlignedBytes {
        let arena = |shape: &[u32], offset, zero_point| TensorSpec {
            name: String::new(),
            dtype: DType::I8,
            shape: shape.into(),
            place: PlaceSpec::Arena { offset },
            scale: 1.0,
            zero_point,
        };
        let data =
            |dtype, shape: &[u32], place| TensorSpec { name: String::new(), dtype, shape: shape.into(), place, scale: 1.0, zero_point: 0 };
        let words = |of: &dyn Fn(usize, &Channel) -> i32| {
            let bytes = self.channels.iter().enumerate().flat_map(|(index, channel)| of(index, channel).to_le_bytes()).collect();
            data(DType::I32, &[self.channels.len() as u32], PlaceSpec::Data(bytes))
        };
        let (filter_shape, filter) = &self.packed_filter(packing.is_some());
        let matrix = Matrix::of(&Shape::new(filter_shape).unwrap()).unwrap();
        let columns = matrix.runs * matrix.run;
        let place = match packing {
            None => PlaceSpec::Data(filter.iter().map(|q| q.cast_unsigned()).collect()),
            Some(packing) => PlaceSpec::Packed(packing, matrix.pack(filter)),
        };
        let bias = |index: usize, channel: &Channel| {
            let Some(packing) = packing else { return channel.bias };
            let sum = filter[index * columns..][..columns].iter().fold(0i32, |sum, &weight| sum.wrapping_add(weight.into()));
            channel.bias.wrapping_add(sum.wrapping_mul(packing.x_offset() - self.zero_points[0]))
        };
        let behind = self.x.1.len() as u32;
        let spec = ProgramSpec {
            arena_bytes: behind + self.output.iter().product::<u32>(),
            tensors: vec![
                arena(&self.x.0, 0, self.zero_points[0]),
                data(DType::I8, filter_shape, place),
                words(&bias),
                words(&|_, channel| channel.multiplier_q31),
                words(&|_, channel| channel.shift),
                arena(&self.output, behind, self.zero_points[1]),
            ],
            ops: vec![OpSpec { params: self.params, inputs: vec![0, 1, 2, 3, 4], outputs: vec![5] }],
            inputs: vec![IoSpec { name: String::new(), tensor: 0, shape: self.x.0.clone() }],
            outputs: vec![IoSpec { name: String::new(), tensor: 5, shape: self.output.clone() }],
            ..ProgramSpec::default()
        };
        AlignedBytes::from(&write(&spec).unwrap()[..])
    }

    /// Shape and weights of the filter; where it is packed, of a depthwise one with its channels first.
    fn packed_filter(&self, is_packed: bool) -> (Vec<u32>, Vec<i8>) {
        let (shape, filter) = &self.filter;
        match (self.params, &shape[..]) {
            (Params::DepthwiseConv2d(_), &[_, height, width, channels]) if is_packed => {
                let of_channel = |channel| filter.iter().skip(channel).step_by(channels as usize).copied();
                (vec![channels, height, width, 1], (0..channels as usize).flat_map(of_channel).collect())
            }
            _ => self.filter.clone(),
        }
    }

    fn run(&self, packing: Option<Packing>, resolver: Resolver<'_>) -> Vec<i8> {
        let bytes = self.program(packing);
        let program = Program::parse(&bytes).unwrap();
        let mut arena = vec![0x55; program.arena_bytes() as usize];
        let mut interpreter = Interpreter::new(program, &mut arena, resolver).unwrap_or_else(|error| panic!("{error}"));
        interpreter.input_mut(0).unwrap().copy_from_slice(&self.x.1);
        interpreter.invoke().unwrap();
        interpreter.output(0).unwrap().to_vec()
    }

    /// Compares all kernels; `packs` says whether the filter can be packed.
    fn check(&self, packs: bool) -> Result<(), TestCaseError> {
        let expected = self.run(None, Resolver::all());
        for core in edge_runtime::Core::ALL {
            prop_assert_eq!(&self.run(None, Resolver::for_core(core)), &expected, "{:?}", core);
            prop_assert_eq!(&self.run(None, Resolver::for_cores::<Threads>(core)), &expected, "two of {:?}", core);
        }
        let packings = if packs { &[None, Some(Packing::InterleavedU8), Some(Packing::InterleavedI8)][..] } else { &[None] };
        for &packing in packings {
            for isa in Isa::ALL.iter().copied().filter(|isa| isa.is_there()) {
                prop_assert_eq!(&self.run(packing, Resolver::for_isa(isa)), &expected, "{:?} {:?}", isa, packing);
            }
            prop_assert_eq!(&self.run(packing, Resolver::all()), &expected, "without vectors {:?}", packing);
        }
        Ok(())
    }
}

/// Two cores.
struct Threads;

impl Fork for Threads {
    const DIVIDES: bool = true;

    fn both(first: &mut (dyn FnMut() + Send), second: &mut (dyn FnMut() + Send)) {
        std::thread::scope(|scope| {
            scope.spawn(first);
            second();
        });
    }
}

/// Numbers of which many are extreme.
fn noise(seed: u64, length: u32) -> Vec<i8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [.., byte, kind] = state.to_le_bytes();
        match kind % 8 {
            0 if seed.is_multiple_of(3) => -128,
            1 if seed.is_multiple_of(3) => 127,
            2 if seed.is_multiple_of(3) => -127,
            _ => byte.cast_signed(),
        }
    };
    std::iter::repeat_with(next).take(length as usize).collect()
}

fn channel() -> impl Strategy<Value = Channel> {
    let bias = prop_oneof![4 => -20_000..20_000, 1 => any::<i32>(), 1 => Just(i32::MIN), 1 => Just(i32::MAX)];
    let multiplier = prop_oneof![4 => 1 << 30..=i32::MAX, 1 => any::<i32>(), 1 => Just(i32::MIN), 1 => Just(i32::MAX), 1 => Just(0)];
    let shift = prop_oneof![4 => -14..=-4, 1 => -31..=30];
    (bias, multiplier, shift).prop_map(|(bias, multiplier_q31, shift)| Channel { bias, multiplier_q31, shift })
}

fn channels(count: u32) -> impl Strategy<Value = Vec<Channel>> {
    prop::collection::vec(channel(), count as usize)
}

fn activation() -> impl Strategy<Value = (i32, i32)> {
    prop_oneof![2 => Just((-128, 127)), 1 => (-128i32..128, -128i32..128).prop_map(|(a, b)| (a.min(b), a.max(b)))]
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
}

fn window(most: u32) -> impl Strategy<Value = Window> {
    (1..most, 1u32..6, 1u32..4, 1u32..3, 0u32..4).prop_map(|(input, kernel, stride, dilation, pad)| {
        let reach = (kernel - 1) * dilation + 1;
        Window { input: input.max(reach.saturating_sub(2 * pad)), kernel, stride, dilation, pad }
    })
}

/// Channels as models have them, and others.
fn width() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..40, prop::sample::select(vec![1, 3, 4, 8, 16, 24, 32, 48, 64, 80, 128])]
}

fn conv2d() -> impl Strategy<Value = (Case, bool)> {
    let shape = (window(7), window(9), prop_oneof![3 => Just(1u32), 1 => 2u32..4], 1u32..3, width(), width());
    shape.prop_flat_map(|(v, h, groups, batch, in_group, out_group)| {
        // Both wide would only take long.
        let in_group = in_group.min((1600 / out_group).max(3));
        let (c, o) = (in_group * groups, out_group * groups);
        (channels(o), any::<u64>(), activation(), [-128i32..128, -128i32..128]).prop_map(
            move |(channels, seed, activation, zero_points)| {
                let params = Conv2dParams {
                    stride_h: v.stride,
                    stride_w: h.stride,
                    dilation_h: v.dilation,
                    dilation_w: h.dilation,
                    pad_top: v.pad,
                    pad_left: h.pad,
                    groups,
                    activation_min: activation.0,
                    activation_max: activation.1,
                };
                let case = Case {
                    params: params.into(),
                    x: (vec![batch, v.input, h.input, c], noise(seed, batch * v.input * h.input * c)),
                    filter: (vec![o, v.kernel, h.kernel, in_group], noise(seed ^ 0xF00, o * v.kernel * h.kernel * in_group)),
                    channels,
                    output: vec![batch, v.output(), h.output(), o],
                    zero_points,
                };
                (case, groups == 1 || out_group.is_multiple_of(16))
            },
        )
    })
}

fn depthwise_conv2d() -> impl Strategy<Value = (Case, bool)> {
    let shape = (window(7), prop_oneof![6 => window(12), 1 => window(150)], 1u32..3, width(), prop_oneof![4 => Just(1u32), 1 => 2u32..4]);
    shape.prop_flat_map(|(v, h, batch, c, depth_multiplier)| {
        let o = c * depth_multiplier;
        (channels(o), any::<u64>(), activation(), [-128i32..128, -128i32..128]).prop_map(
            move |(channels, seed, activation, zero_points)| {
                let params = DepthwiseConv2dParams {
                    stride_h: v.stride,
                    stride_w: h.stride,
                    dilation_h: v.dilation,
                    dilation_w: h.dilation,
                    pad_top: v.pad,
                    pad_left: h.pad,
                    depth_multiplier,
                    activation_min: activation.0,
                    activation_max: activation.1,
                };
                let case = Case {
                    params: params.into(),
                    x: (vec![batch, v.input, h.input, c], noise(seed, batch * v.input * h.input * c)),
                    filter: (vec![1, v.kernel, h.kernel, o], noise(seed ^ 0xF00, v.kernel * h.kernel * o)),
                    channels,
                    output: vec![batch, v.output(), h.output(), o],
                    zero_points,
                };
                (case, depth_multiplier == 1 && packs_depthwise([v.kernel, h.kernel], [v.dilation, h.dilation], [v.stride, h.stride]))
            },
        )
    })
}

fn fully_connected() -> impl Strategy<Value = Case> {
    (
        1u32..10,
        prop_oneof![40 => 1u32..400, 8 => 1u32..6, 1 => Just(5000u32), 1 => Just(12_001)],
        prop_oneof![20 => 1u32..90, 1 => Just(300u32)],
    )
        .prop_flat_map(|(rows, inputs, outputs)| {
            (channels(outputs), any::<u64>(), activation(), [-128i32..128, -128i32..128]).prop_map(
                move |(channels, seed, (activation_min, activation_max), zero_points)| Case {
                    params: FullyConnectedParams { activation_min, activation_max }.into(),
                    x: (vec![rows, inputs], noise(seed, rows * inputs)),
                    filter: (vec![outputs, inputs], noise(seed ^ 0xF00, outputs * inputs)),
                    channels,
                    output: vec![rows, outputs],
                    zero_points,
                },
            )
        })
}

/// A sum or difference of tensors of one shape, or of shapes that broadcast.
fn binary() -> impl Strategy<Value = (ProgramSpec, Vec<i8>)> {
    let shape = (1u32..90, 1u32..4, any::<bool>(), any::<bool>());
    let params = (0u32..=22, channel(), channel(), channel(), activation(), [-128i32..128, -128i32..128, -128i32..128], any::<u64>());
    (shape, params).prop_map(|((width, height, broadcasts, subtracts), (left_shift, a, b, y, activation, zero_points, seed))| {
        let params = AddParams {
            left_shift,
            input1_multiplier_q31: a.multiplier_q31,
            input1_shift: a.shift,
            input2_multiplier_q31: b.multiplier_q31,
            input2_shift: b.shift,
            output_multiplier_q31: y.multiplier_q31,
            output_shift: y.shift,
            activation_min: activation.0,
            activation_max: activation.1,
        };
        let shapes = [vec![height, width], if broadcasts { vec![1, width] } else { vec![height, width] }, vec![height, width]];
        let mut spec = ProgramSpec::default();
        for (shape, zero_point) in shapes.iter().zip(zero_points) {
            let place = PlaceSpec::Arena { offset: spec.arena_bytes };
            spec.arena_bytes += shape.iter().product::<u32>();
            spec.tensors.push(TensorSpec { name: String::new(), dtype: DType::I8, shape: shape.clone(), place, scale: 1.0, zero_point });
        }
        let params = if subtracts { SubParams::from(params).into() } else { params.into() };
        spec.ops = vec![OpSpec { params, inputs: vec![0, 1], outputs: vec![2] }];
        let io = |tensor: u32| IoSpec { name: String::new(), tensor, shape: shapes[tensor as usize].clone() };
        (spec.inputs, spec.outputs) = (vec![io(0), io(1)], vec![io(2)]);
        let x = noise(seed, 2 * height * width);
        (spec, x)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_are_those_of_the_reference((case, packs) in conv2d()) {
        case.check(packs)?;
    }

    #[test]
    fn depthwise_convolutions_are_those_of_the_reference((case, packs) in depthwise_conv2d()) {
        case.check(packs)?;
    }

    #[test]
    fn fully_connected_layers_are_those_of_the_reference(case in fully_connected()) {
        case.check(true)?;
    }

    #[test]
    fn sums_and_differences_are_those_of_the_reference((spec, x) in binary()) {
        let bytes = AlignedBytes::from(&write(&spec).unwrap()[..]);
        let program = Program::parse(&bytes).unwrap();
        let run = |resolver| {
            let mut arena = vec![0; program.arena_bytes() as usize];
            let mut interpreter = Interpreter::new(program, &mut arena, resolver).unwrap();
            for index in 0..2 {
                interpreter.input_mut(index).unwrap().iter_mut().zip(x.iter().skip(index)).for_each(|(slot, &x)| *slot = x);
            }
            interpreter.invoke().unwrap();
            interpreter.output(0).unwrap().to_vec()
        };
        let expected = run(Resolver::all());
        for isa in Isa::ALL.iter().copied().filter(|isa| isa.is_there()) {
            prop_assert_eq!(run(Resolver::for_isa(isa)), &expected[..], "{:?}", isa);
        }
    }
}
