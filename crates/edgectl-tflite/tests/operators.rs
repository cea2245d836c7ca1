//! Every int8 operator by itself: the golden vectors of the runtime, written as models of one operator, must give the bytes that TFLite
//! Micro gave.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::fs;

use common::Value::{F32, I32, U8};
use common::{INT8, INT16, INT32, INT64, Operator, Spec, Tensor, Value, run};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    op: String,
    name: String,
    inputs: Vec<Operand>,
    attrs: Attrs,
    output: Operand,
}

#[derive(Deserialize)]
struct Operand {
    shape: Vec<i32>,
    dtype: String,
    #[serde(default)]
    scale: f32,
    #[serde(default)]
    scales: Vec<f32>,
    #[serde(default)]
    zero_point: i64,
    data: Vec<i64>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Attrs {
    activation: String,
    padding: String,
    stride_h: i32,
    stride_w: i32,
    dilation_h: i32,
    dilation_w: i32,
    depth_multiplier: i32,
    filter_h: i32,
    filter_w: i32,
    axes: Vec<i32>,
    axis: i32,
    keep_dims: bool,
    paddings: Vec<[i32; 2]>,
    perm: Vec<i32>,
    alpha: f32,
    approximate: bool,
    adj_y: bool,
    indices: Vec<i32>,
    align_corners: bool,
    half_pixel_centers: bool,
    beta: f32,
}

impl Operand {
    /// As a program writes it.
    fn bytes(&self) -> Vec<i8> {
        let size = match &self.dtype[..] {
            "int8" => 1,
            "int16" => 2,
            "int32" => 4,
            _ => 8,
        };
        self.data.iter().flat_map(|q| q.to_le_bytes().into_iter().take(size)).map(u8::cast_signed).collect()
    }

    /// A constant where it has no scale of its own or one per channel.
    fn tensor(&self, name: &str, axis: i32) -> Tensor {
        let ty = match &self.dtype[..] {
            "int8" => INT8,
            "int16" => INT16,
            "int32" => INT32,
            _ => INT64,
        };
        let like = Tensor { ty, ..Tensor::int8(name, &self.shape, self.scale, self.zero_point) };
        let data = || Some(self.bytes().into_iter().map(i8::cast_unsigned).collect());
        if [INT32, INT64].contains(&ty) {
            return Tensor { data: data(), scales: vec![1.0], zero_points: vec![], ..like };
        }
        if self.scales.is_empty() {
            return like;
        }
        Tensor { data: data(), scales: self.scales.clone(), zero_points: vec![0; self.scales.len()], axis, ..like }
    }
}

impl Case {
    fn spec(&self) -> Spec {
        let op = self.op.strip_suffix("_i16").unwrap_or(&self.op);
        let channels = if op == "depthwise_conv2d" { 3 } else { 0 };
        let mut tensors: Vec<_> =
            (0..).zip(&self.inputs).map(|(i, operand): (i32, _)| operand.tensor(&format!("x{i}"), channels)).collect();
        let inputs: Vec<i32> = (0..).zip(&tensors).filter(|(_, tensor)| tensor.data.is_none()).map(|(i, _)| i).collect();
        let a = &self.attrs;
        let vector = |values: &[i32]| Some(Tensor::int32s("numbers", &[values.len() as i32], values));
        let (code, options, constant) = match op {
            "abs" => (101, vec![], None),
            "add" => (0, vec![(0, self.activation())], None),
            "arg_max" => (56, vec![(0, U8(2))], vector(&[-1])),
            "arg_min" => (79, vec![(0, U8(2))], vector(&[-1])),
            "average_pool2d" => (1, self.pool(), None),
            "concat" => (2, vec![(0, I32(a.axis))], None),
            "conv2d" => (3, self.window(&[(3, self.activation()), (4, I32(a.dilation_w)), (5, I32(a.dilation_h))]), None),
            "conv_transpose2d" => (67, self.window(&[(3, self.activation())]), None),
            "depthwise_conv2d" => {
                let own = [(3, I32(a.depth_multiplier)), (4, self.activation()), (5, I32(a.dilation_w)), (6, I32(a.dilation_h))];
                (4, self.window(&own), None)
            }
            "div" => (42, vec![(0, self.activation())], None),
            "elu" => (111, vec![], None),
            "exp" => (47, vec![], None),
            "fully_connected" => (9, vec![(0, self.activation())], None),
            "gelu" => (150, vec![(0, U8(a.approximate.into()))], None),
            "hard_swish" => (117, vec![], None),
            "leaky_relu" => (98, vec![(0, F32(a.alpha))], None),
            "log" => (73, vec![], None),
            "log_softmax" => (50, vec![], None),
            "logistic" => (14, vec![], None),
            "max_pool2d" => (17, self.pool(), None),
            "maximum" => (55, vec![], None),
            "minimum" => (57, vec![], None),
            "mean" => (40, vec![(0, U8(a.keep_dims.into()))], vector(&a.axes)),
            "mul" => (18, vec![(0, self.activation())], None),
            "pad" => (34, vec![], Some(Tensor::int32s("numbers", &[a.paddings.len() as i32, 2], a.paddings.as_flattened()))),
            "prelu" => (54, vec![], None),
            "quantize" => (114, vec![], None),
            "relu" => (19, vec![], None),
            "relu6" => (21, vec![], None),
            "softmax" => (25, vec![(0, F32(a.beta))], None),
            "sub" => (41, vec![(0, self.activation())], None),
            "tanh" => (28, vec![], None),
            "transpose" => (39, vec![], vector(&a.perm)),
            "batch_matmul" => (126, vec![(1, U8(a.adj_y.into()))], None),
            "gather" => (36, vec![(0, I32(a.axis))], vector(&a.indices)),
            "reduce_max" => (82, vec![(0, U8(a.keep_dims.into()))], vector(&a.axes)),
            "reduce_min" => (89, vec![(0, U8(a.keep_dims.into()))], vector(&a.axes)),
            "sum" => (74, vec![(0, U8(a.keep_dims.into()))], vector(&a.axes)),
            "resize_bilinear" => {
                (23, vec![(2, U8(a.align_corners.into())), (3, U8(a.half_pixel_centers.into()))], vector(&self.output.shape[1..3]))
            }
            "resize_nearest" => {
                (97, vec![(0, U8(a.align_corners.into())), (1, U8(a.half_pixel_centers.into()))], vector(&self.output.shape[1..3]))
            }
            other => panic!("no operator for {other}"),
        };
        tensors.extend(constant);
        let indices = self.output.dtype == "int32";
        tensors.push(if indices { Tensor::new("y", INT32, &self.output.shape) } else { self.output.tensor("y", 0) });
        let y = tensors.len() as i32 - 1;
        let mut operands: Vec<i32> = (0..y).collect();
        if self.op == "conv_transpose2d" {
            // The shape of the output, which the importer does not read; the filter; the input.
            operands[..2].reverse();
            operands.insert(0, 1);
        }
        Spec::new(tensors, vec![Operator::new(code, &operands, &[y], &options)], &inputs, &[y])
    }

    fn activation(&self) -> Value {
        U8(["NONE", "RELU", "RELU_N1_TO_1", "RELU6"].iter().position(|name| *name == self.attrs.activation).unwrap() as u8)
    }

    fn window(&self, own: &[(u16, Value)]) -> Vec<(u16, Value)> {
        let Attrs { padding, stride_h, stride_w, .. } = &self.attrs;
        let padding = U8(["SAME", "VALID"].iter().position(|name| name == padding).unwrap() as u8);
        [&[(0, padding), (1, I32(*stride_w)), (2, I32(*stride_h))], own].concat()
    }

    fn pool(&self) -> Vec<(u16, Value)> {
        self.window(&[(3, I32(self.attrs.filter_w)), (4, I32(self.attrs.filter_h)), (5, self.activation())])
    }
}

const OPERATORS: &[&str] = &[
    "abs",
    "sum",
    "resize_nearest",
    "resize_bilinear",
    "reduce_min",
    "reduce_max",
    "gather",
    "batch_matmul",
    "add",
    "arg_max",
    "arg_min",
    "average_pool2d",
    "concat",
    "conv2d",
    "conv_transpose2d",
    "depthwise_conv2d",
    "div",
    "elu",
    "exp",
    "fully_connected",
    "gelu",
    "hard_swish",
    "leaky_relu",
    "log",
    "log_softmax",
    "logistic",
    "max_pool2d",
    "maximum",
    "mean",
    "minimum",
    "mul",
    "pad",
    "prelu",
    "quantize",
    "relu",
    "relu6",
    "softmax",
    "sub",
    "tanh",
    "transpose",
    "abs_i16",
    "add_i16",
    "average_pool2d_i16",
    "concat_i16",
    "conv2d_i16",
    "depthwise_conv2d_i16",
    "exp_i16",
    "fully_connected_i16",
    "leaky_relu_i16",
    "logistic_i16",
    "max_pool2d_i16",
    "maximum_i16",
    "mean_i16",
    "minimum_i16",
    "mul_i16",
    "pad_i16",
    "quantize_i16",
    "relu_i16",
    "relu6_i16",
    "softmax_i16",
    "sub_i16",
    "tanh_i16",
    "transpose_i16",
];

#[test]
fn every_vector_of_the_runtime_gives_its_bytes() {
    for name in OPERATORS {
        let path = format!("{}/../edge-runtime/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut equal = 0;
        for case in &cases {
            let spec = case.spec();
            if case.op.starts_with("softmax") && case.attrs.beta != 1.0 {
                assert!(spec.error().ends_with(&format!("its beta is {}, not 1", case.attrs.beta)), "{}", spec.error());
                continue;
            }
            let inputs: Vec<Vec<i8>> = spec.inputs.iter().map(|&input| case.inputs[input as usize].bytes()).collect();
            assert_eq!(run(&spec.int8(), &inputs), case.output.bytes(), "{}", case.name);
            equal += 1;
        }
        assert!(equal >= 12, "{name}: {equal} of {} cases", cases.len());
    }
}

/// Where the filter of a fully connected layer has one scale, the product of the scales is not rounded to single precision either: at these
/// scales and sums that would give one more. Recorded from TFLite Micro and LiteRT.
#[test]
fn products_of_scales_are_double() {
    for (input, filter, output, bias, expected) in
        [(0.084_493_235_f32, 0.046_827_924_f32, 33_452.07, 959_591_221, 113), (0.058_432_9, 0.039_675_854, 19_601.074, 925_772_562, 109)]
    {
        let tensors = vec![
            Tensor::int8("x", &[1, 1], input, 0),
            Tensor { data: Some(vec![100, 100]), ..Tensor::int8("w", &[2, 1], filter, 0) },
            Tensor { scales: vec![input * filter], ..Tensor::int32s("b", &[2], &[bias, bias]) },
            Tensor::int8("y", &[1, 2], output, 0),
        ];
        let spec = Spec::new(tensors, vec![Operator::new(9, &[0, 1, 2], &[3], &[(0, U8(0))])], &[0], &[3]);
        assert_eq!(run(&spec.int8(), &[vec![127]]), [expected; 2]);
    }
}
