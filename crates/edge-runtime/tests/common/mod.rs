//! Golden vectors, and one-op programs made from them as a lowering would make them.

mod i16;

use edge_format::*;
use edge_runtime::affine::Affine;
use edge_runtime::{prepare, table};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) op: String,
    pub(crate) name: String,
    inputs: Vec<Tensor>,
    #[serde(default)]
    attrs: Attrs,
    pub(crate) output: Tensor,
}

#[derive(Deserialize)]
pub(crate) struct Tensor {
    shape: Vec<u32>,
    dtype: String,
    #[serde(default = "one")]
    scale: f32,
    #[serde(default)]
    scales: Vec<f32>,
    #[serde(default)]
    zero_point: i32,
    pub(crate) data: Vec<i64>,
}

fn one() -> f32 {
    1.0
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Attrs {
    activation: String,
    padding: String,
    stride_h: u32,
    stride_w: u32,
    dilation_h: u32,
    dilation_w: u32,
    depth_multiplier: u32,
    filter_h: u32,
    filter_w: u32,
    axes: Vec<i32>,
    axis: i32,
    keep_dims: bool,
    paddings: Vec<[u32; 2]>,
    perm: Vec<u32>,
    begin: Vec<u32>,
    strides: Vec<u32>,
    indices: Vec<i32>,
    adj_y: bool,
    align_corners: bool,
    half_pixel_centers: bool,
    alpha: f32,
    beta: f32,
    time_major: bool,
    cell_clip: f32,
    invocations: u32,
}

/// Data type, shape and bytes.
type Constant = (DType, Vec<u32>, Vec<u8>);

/// The operators that have cases: those of the golden tests.
#[allow(dead_code, reason = "not every test replays all of them")]
pub(crate) fn ops() -> impl Iterator<Item = &'static str> {
    let list = include_str!("../golden.rs").split_once("golden! {").and_then(|(_, list)| list.split_once('}'));
    list.map_or("", |(list, _)| list).split_whitespace()
}

/// Cases per operator where Miri runs them, which is slow: those with the least to read.
pub(crate) const CASES_IN_MIRI: usize = 1;

/// The cases of an operator.
pub(crate) fn cases(op: &str) -> Vec<Case> {
    let path = format!("{}/../edge-runtime/tests/vectors/{op}.json", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut lines: Vec<_> = lines.lines().collect();
    if cfg!(miri) {
        lines.sort_by_key(|line| line.len());
        lines.truncate(CASES_IN_MIRI);
    }
    lines.into_iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Tensor {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let size = self.dtype().size_bytes() as usize;
        let bits = 8 * size as u32;
        let fits = |q: i64| bits == 64 || (-(1i64 << (bits - 1))..1 << (bits - 1)).contains(&q);
        assert!(self.data.iter().all(|&q| fits(q)));
        self.data.iter().flat_map(|q| q.to_le_bytes().into_iter().take(size)).collect()
    }

    pub(crate) fn dtype(&self) -> DType {
        match &self.dtype[..] {
            "int8" => DType::I8,
            "int16" => DType::I16,
            "int32" => DType::I32,
            "int64" => DType::I64,
            other => panic!("unknown data type {other}"),
        }
    }

    /// The number of elements in one invocation.
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product::<u32>() as usize
    }

    fn scales_or_scale(&self) -> f32 {
        self.scales.first().copied().unwrap_or(self.scale)
    }

    fn affine(&self) -> Affine {
        Affine { scale: self.scale, zero_point: self.zero_point }
    }
}

impl Case {
    /// The op alone, remembering where it can: its activations are the model's inputs, side by side in the arena with the output behind them.
    pub(crate) fn program(&self) -> ProgramSpec {
        let states = if self.op == "lstm" { &self.inputs[self.inputs.len() - 2..] } else { &[] };
        let sizes = states.iter().map(|state| state.shape.iter().product::<u32>() * state.dtype().size_bytes());
        let state_bytes = sizes.sum::<u32>().next_multiple_of(4);
        let mut spec = ProgramSpec { name: self.name.clone(), state_bytes, arena_bytes: state_bytes, ..ProgramSpec::default() };
        for index in 0..self.activations().len() {
            let (input, name) = (&self.inputs[index], format!("x{index}"));
            let tensor = place_in_arena(&mut spec, &name, input);
            spec.inputs.push(IoSpec { name, tensor, shape: input.shape.clone() });
        }
        let mut operands: Vec<u32> = (0..spec.inputs.len() as u32).collect();
        let (params, constants) = self.params_and_constants();
        for (dtype, shape, bytes) in constants {
            operands.push(spec.tensors.len() as u32);
            let place = PlaceSpec::Data(bytes);
            spec.tensors.push(TensorSpec { name: String::new(), dtype, shape, place, scale: 1.0, zero_point: 0 });
        }
        let output = place_in_arena(&mut spec, "y", &self.output);
        if self.op.starts_with("arg_") {
            // The kernel keeps the axis.
            spec.tensors[output as usize].shape.push(1);
        }
        let mut outputs = vec![output];
        // The 16-bit one first, for its alignment.
        let mut offset = state_bytes;
        for state in states.iter().rev() {
            let bytes = state.shape.iter().product::<u32>() * state.dtype().size_bytes();
            offset -= bytes;
            let place = PlaceSpec::State { offset };
            let (shape, scale, zero_point) = (state.shape.clone(), state.scale, state.zero_point);
            let tensor = TensorSpec { name: "state".into(), dtype: state.dtype(), shape, place, scale, zero_point };
            spec.tensors.extend([tensor.clone(), tensor]);
        }
        for (index, _) in states.iter().enumerate() {
            let tensor = (spec.tensors.len() - 2 * (index + 1)) as u32;
            operands.push(tensor);
            outputs.push(tensor + 1);
        }
        spec.ops.push(OpSpec { params, inputs: operands, outputs });
        spec.outputs.push(IoSpec { name: "y".into(), tensor: output, shape: self.output.shape.clone() });
        spec
    }

    /// The inputs that are not constants.
    pub(crate) fn activations(&self) -> &[Tensor] {
        let constants = ["conv2d", "conv_transpose2d", "depthwise_conv2d", "fully_connected", "lstm"].contains(&self.base());
        if constants { &self.inputs[..1] } else { &self.inputs }
    }

    /// The operator without the mark of int16.
    fn base(&self) -> &str {
        self.op.strip_suffix("_i16").unwrap_or(&self.op)
    }

    fn params_and_constants(&self) -> (Params, Vec<Constant>) {
        if self.op.ends_with("_i16") { self.params_and_constants_i16() } else { self.params_and_constants_i8() }
    }

    fn params_and_constants_i8(&self) -> (Params, Vec<Constant>) {
        let (x, y, attrs) = (&self.inputs[0], &self.output, &self.attrs);
        let activation = self.activation();
        let (activation_min, activation_max) = activation;
        let (stride_h, stride_w) = (attrs.stride_h, attrs.stride_w);
        let (dilation_h, dilation_w) = (attrs.dilation_h, attrs.dilation_w);
        let pad = |axis: usize, kernel, stride, dilation| self.pad(x, y, axis, kernel, stride, dilation);
        let table =
            |table: table::Table| (TableParams {}.into(), vec![(DType::I8, vec![256], table.iter().map(|q| q.cast_unsigned()).collect())]);
        let scales = |op: fn(f32, f32, f32, (i32, i32)) -> Params| op(x.scale, self.inputs[1].scale, y.scale, activation);
        let params: Params = match self.base() {
            "conv2d" => {
                let filter = &self.inputs[1].shape;
                let params = Conv2dParams {
                    stride_h,
                    stride_w,
                    dilation_h,
                    dilation_w,
                    pad_top: pad(1, filter[1], stride_h, dilation_h),
                    pad_left: pad(2, filter[2], stride_w, dilation_w),
                    groups: x.shape[3] / filter[3],
                    activation_min,
                    activation_max,
                };
                return (params.into(), self.weights(0));
            }
            "conv_transpose2d" => {
                let filter = &self.inputs[1].shape;
                let params = ConvTranspose2dParams {
                    stride_h,
                    stride_w,
                    dilation_h: 1,
                    dilation_w: 1,
                    pad_top: self.pad(y, x, 1, filter[1], stride_h, 1),
                    pad_left: self.pad(y, x, 2, filter[2], stride_w, 1),
                    groups: 1,
                    activation_min,
                    activation_max,
                };
                return (params.into(), self.weights(0));
            }
            "depthwise_conv2d" => {
                let filter = &self.inputs[1].shape;
                let params = DepthwiseConv2dParams {
                    stride_h,
                    stride_w,
                    dilation_h,
                    dilation_w,
                    pad_top: pad(1, filter[1], stride_h, dilation_h),
                    pad_left: pad(2, filter[2], stride_w, dilation_w),
                    depth_multiplier: attrs.depth_multiplier,
                    activation_min,
                    activation_max,
                };
                return (params.into(), self.weights(3));
            }
            "fully_connected" => return (FullyConnectedParams { activation_min, activation_max }.into(), self.weights(0)),
            "lstm" => return self.lstm(),
            "logistic" => return table(table::logistic(x.affine())),
            "tanh" => return table(table::tanh(x.affine())),
            "hard_swish" => return table(table::hard_swish(x.affine(), y.affine())),
            "relu" => return table(table::clamp(x.affine(), y.affine(), 0.0, f32::INFINITY)),
            "relu6" => return table(table::clamp(x.affine(), y.affine(), 0.0, 6.0)),
            "leaky_relu" => return table(table::leaky_relu(x.affine(), y.affine(), attrs.alpha)),
            "abs" => return table(table::abs(x.affine(), y.affine())),
            "elu" => return table(table::from_fn(x.affine(), y.affine(), |x| if x < 0.0 { x.exp_m1() } else { x })),
            "log" => return table(table::log(x.affine(), y.affine(), f32::ln)),
            "exp" => return table(table::from_fn(x.affine(), y.affine(), f32::exp)),
            "quantize" => return table(table::requantize(x.affine(), y.affine())),
            "average_pool2d" => AveragePool2dParams {
                kernel_h: attrs.filter_h,
                kernel_w: attrs.filter_w,
                stride_h,
                stride_w,
                pad_top: pad(1, attrs.filter_h, stride_h, 1),
                pad_left: pad(2, attrs.filter_w, stride_w, 1),
                include_pad: 0,
                activation_min,
                activation_max,
            }
            .into(),
            "max_pool2d" => MaxPool2dParams {
                kernel_h: attrs.filter_h,
                kernel_w: attrs.filter_w,
                stride_h,
                stride_w,
                pad_top: pad(1, attrs.filter_h, stride_h, 1),
                pad_left: pad(2, attrs.filter_w, stride_w, 1),
                activation_min,
                activation_max,
            }
            .into(),
            "batch_matmul" => {
                let (multiplier_q31, shift) = prepare::channel_multiplier(x.scale, self.inputs[1].scale, y.scale);
                let transpose_b = attrs.adj_y.into();
                BatchMatmulParams { transpose_b, multiplier_q31, shift, activation_min, activation_max }.into()
            }
            "reduce_max" => ReduceMaxParams { axes: self.mask() }.into(),
            "reduce_min" => ReduceMinParams { axes: self.mask() }.into(),
            "sum" => prepare::sum(x.scale, y.scale, self.mask()).into(),
            "mean" => {
                let mask = self.mask();
                let reduced = (0..x.shape.len()).filter(|axis| mask >> axis & 1 == 1);
                assert_eq!(attrs.keep_dims, y.shape.len() == x.shape.len(), "{}", self.name);
                prepare::mean(x.scale, y.scale, mask, reduced.map(|axis| x.shape[axis]).product()).into()
            }
            "div" => scales(|a, b, y, range| prepare::div(a, b, y, range).into()),
            "log_softmax" => prepare::log_softmax(x.scale).into(),
            "prelu" => prepare::prelu(x.scale, self.inputs[1].scale, y.scale).into(),
            "arg_max" | "top_k_indices" | "top_k_values" => TopKParams { smallest: 0 }.into(),
            "arg_min" => TopKParams { smallest: 1 }.into(),
            "add" => scales(|a, b, y, range| prepare::add(a, b, y, range).into()),
            "sub" => scales(|a, b, y, range| prepare::sub(a, b, y, range).into()),
            "mul" => scales(|a, b, y, range| prepare::mul(a, b, y, range).into()),
            "concat" => ConcatParams { axis: attrs.axis.rem_euclid(x.shape.len() as i32) as u32 }.into(),
            "pad" => {
                let mut before = [0; MAX_RANK];
                before.iter_mut().zip(&attrs.paddings).for_each(|(slot, padding)| *slot = padding[0]);
                PadParams { before, value: y.zero_point }.into()
            }
            "transpose" => {
                let mut perm = [0; MAX_RANK];
                perm[..attrs.perm.len()].copy_from_slice(&attrs.perm);
                TransposeParams { perm }.into()
            }
            "maximum" => MaximumParams { activation_min, activation_max }.into(),
            "minimum" => MinimumParams { activation_min, activation_max }.into(),
            "strided_slice" => {
                let (mut begin, mut stride) = ([0; MAX_RANK], [1; MAX_RANK]);
                begin[..attrs.begin.len()].copy_from_slice(&attrs.begin);
                stride[..attrs.strides.len()].copy_from_slice(&attrs.strides);
                StridedSliceParams { begin, stride }.into()
            }
            "gather" => {
                let bytes = attrs.indices.iter().flat_map(|index| index.to_le_bytes()).collect();
                let indices = (DType::I32, vec![attrs.indices.len() as u32], bytes);
                return (GatherParams { axis: attrs.axis.rem_euclid(x.shape.len() as i32) as u32 }.into(), vec![indices]);
            }
            "resize_bilinear" => {
                let sizes = |shape: &[u32]| [shape[1], shape[2]];
                prepare::resize_bilinear(sizes(&x.shape), sizes(&y.shape), attrs.align_corners, attrs.half_pixel_centers).into()
            }
            "resize_nearest" => return (ResizeNearestParams {}.into(), vec![self.nearest(1), self.nearest(2)]),
            "softmax" => prepare::softmax(x.scale, attrs.beta).into(),
            op => panic!("no program for {op}"),
        };
        (params, Vec::new())
    }

    /// The filters of all gates one below the other, and the biases and the table.
    fn lstm(&self) -> (Params, Vec<Constant>) {
        let gates = |from: usize| &self.inputs[from..from + 4];
        let scales = |from: usize| std::array::from_fn(|gate| self.inputs[from + gate].scales_or_scale());
        let scales =
            prepare::RecurrentScales { input: self.inputs[0].scale, filter: scales(1), recurrent: scales(5), hidden: self.output.scale };
        let stacked = |gates: &[Tensor]| {
            let rows = gates.iter().map(|gate| gate.shape[0]).sum();
            (DType::I8, vec![rows, gates[0].shape[1]], gates.iter().flat_map(Tensor::bytes).collect())
        };
        let words: Vec<u8> = gates(9).iter().flat_map(|gate| &gate.data).flat_map(|&word| (word as i32).to_le_bytes()).collect();
        let bias = (DType::I32, vec![words.len() as u32 / 4], words);
        let sigmoid = table::sigmoid_i16(f64::exp).iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let cell_scale_log2 = self.inputs[14].scale.log2() as i32;
        let params = prepare::lstm(&scales, cell_scale_log2, self.attrs.cell_clip, self.attrs.time_major);
        (params.into(), vec![stacked(gates(1)), stacked(gates(5)), bias, (DType::I16, vec![256], sigmoid)])
    }

    /// The reduced axes as bits.
    fn mask(&self) -> u32 {
        let rank = self.inputs[0].shape.len() as i32;
        self.attrs.axes.iter().fold(0, |mask, axis| mask | 1 << axis.rem_euclid(rank))
    }

    /// The input element for each element of an axis, by TensorFlow Lite's rule.
    fn nearest(&self, axis: usize) -> Constant {
        let (from, to) = (self.inputs[0].shape[axis], self.output.shape[axis]);
        let corners = self.attrs.align_corners && to > 1;
        let scale = if corners { (from - 1) as f32 / (to - 1) as f32 } else { from as f32 / to as f32 };
        let centre = if self.attrs.half_pixel_centers { 0.5 } else { 0.0 };
        let index = |i: u32| {
            let place = (i as f32 + centre) * scale;
            let nearest = if self.attrs.align_corners { place.round() } else { place.floor() };
            (nearest as u32).min(from - 1)
        };
        (DType::I32, vec![to], (0..to).flat_map(|i| index(i).to_le_bytes()).collect())
    }

    /// Filter, bias, multipliers and shifts; the filter's last or first axis is that of the output channels.
    fn weights(&self, channel_axis: usize) -> Vec<Constant> {
        let (x, filter, y) = (&self.inputs[0], &self.inputs[1], &self.output);
        let channels = filter.shape[channel_axis] as usize;
        let scales = filter.scales.iter().cycle().take(channels);
        let (multipliers, shifts) = scales.map(|&scale| prepare::channel_multiplier(x.scale, scale, y.scale)).unzip();
        // Without a bias, TensorFlow Lite Micro sums up int16 in 64 bits.
        let (dtype, size) = if x.dtype() == DType::I16 { (DType::I64, 8) } else { (DType::I32, 4) };
        let zeros = || (dtype, vec![channels as u32], vec![0; channels * size]);
        let bias = self.inputs.get(2).map_or_else(zeros, |bias| (bias.dtype(), bias.shape.clone(), bias.bytes()));
        let words = |words: Vec<i32>| {
            assert_eq!(words.len(), channels, "{}", self.name);
            (DType::I32, vec![channels as u32], words.iter().flat_map(|word| word.to_le_bytes()).collect())
        };
        vec![(DType::I8, filter.shape.clone(), filter.bytes()), bias, words(multipliers), words(shifts)]
    }

    fn activation(&self) -> (i32, i32) {
        let (min, max) = match &self.attrs.activation[..] {
            "" | "NONE" => (f32::NEG_INFINITY, f32::INFINITY),
            "RELU" => (0.0, f32::INFINITY),
            "RELU6" => (0.0, 6.0),
            "RELU_N1_TO_1" => (-1.0, 1.0),
            other => panic!("unknown activation {other}"),
        };
        match self.output.dtype() {
            DType::I16 => prepare::activation_range_of::<i16>(min, max, self.output.affine()),
            _ => prepare::activation_range(min, max, self.output.affine()),
        }
    }

    /// Padding before an axis of windows that lead from one tensor to another, by TensorFlow's rule.
    fn pad(&self, from: &Tensor, to: &Tensor, axis: usize, kernel: u32, stride: u32, dilation: u32) -> u32 {
        match &self.attrs.padding[..] {
            "VALID" => 0,
            "SAME" => {
                let covered = (to.shape[axis] - 1) * stride + (kernel - 1) * dilation + 1;
                covered.saturating_sub(from.shape[axis]) / 2
            }
            other => panic!("unknown padding {other}"),
        }
    }
}

fn place_in_arena(spec: &mut ProgramSpec, name: &str, tensor: &Tensor) -> u32 {
    let size = tensor.dtype().size_bytes();
    let offset = spec.arena_bytes.next_multiple_of(size);
    spec.arena_bytes = offset + tensor.elements() as u32 * size;
    spec.tensors.push(TensorSpec {
        name: name.into(),
        dtype: tensor.dtype(),
        shape: tensor.shape.clone(),
        place: PlaceSpec::Arena { offset },
        scale: tensor.scale,
        zero_point: tensor.zero_point,
    });
    spec.tensors.len() as u32 - 1
}
