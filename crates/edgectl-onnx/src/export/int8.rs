//! A float graph whose layers have int8 weights, as ONNX: for devices whose engines compute in float, or quantize activations as they come.
//!
//! ```text
//! weights only   filter/quantized ─ DequantizeLinear ─ filter ─ Conv                                    (any layer)
//! dynamic        x ─ DynamicQuantizeLinear ─ ConvInteger | MatMulInteger ─ Cast ─ Mul ─ Add ─ y         (Conv, Dense)
//! ```
//!
//! Nothing else changes: activations are float32 between layers, and nodes that are not typed are written as they were read.

use std::collections::BTreeMap;

use edgectl_graph::{Activation, Conv, DType, Data, Graph, Literal, Node, Op, QuantConst, TensorId, permute};

use super::builder::Builder;
use super::float::{self, ExportOptions, Weights};
use super::ops::{self, Form, Operands};
use crate::OnnxError;

/// Scales per channel came with this opset.
pub(super) const MIN_OPSET: i64 = 13;

/// What a layer with int8 weights computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int8Arithmetic {
    /// float32: the weights are dequantized first.
    Dequantized,
    /// Integers, with activations that are quantized to uint8 as they come; transposed convolutions as [`Int8Arithmetic::Dequantized`].
    Dynamic,
}

/// Writes a float graph with int8 weights, given as [`QuantConst::Weights`] by the tensor of the float weights.
///
/// # Errors
/// As [`export`](crate::export); and [`OnnxError::Inexpressible`] where the model's opset is older than 13 and a node that is not typed
/// keeps it from being raised.
pub fn export_int8_weights(
    graph: &Graph,
    weights: &BTreeMap<TensorId, QuantConst>,
    arithmetic: Int8Arithmetic,
) -> Result<Vec<u8>, OnnxError> {
    float::write(graph, &ExportOptions::default(), Weights::Int8(weights, arithmetic))
}

/// Writes weights as int8 and what dequantizes them, under the name of the float weights.
pub(super) fn dequantized(
    builder: &mut Builder,
    graph: &Graph,
    id: TensorId,
    constants: &BTreeMap<TensorId, QuantConst>,
) -> Result<(), OnnxError> {
    let name = &graph.tensor(id).name;
    let Stored { values, scales, shape } = Stored::of(graph, id, constants)?;
    let data = builder.new_constant(format!("{name}/quantized"), &literal(name, shape, Data::I8(values.into()))?)?;
    let of_scales: &[usize] = if scales.len() == 1 { &[] } else { &[scales.len()] };
    let scale = builder.new_constant(format!("{name}/scale"), &literal(name, of_scales, Data::F32(scales.into()))?)?;
    let zeros = literal(name, of_scales, Data::I8(vec![0; scales.len()].into()))?;
    let zero_point = builder.new_constant(format!("{name}/zero_point"), &zeros)?;
    builder.node("DequantizeLinear", format!("{name}/dequantize"), vec![data, scale, zero_point], name.clone()).set_int("axis", 0);
    Ok(())
}

/// Writes a convolution or dense layer in integers; `false` where the node is none, or has no int8 weights.
pub(super) fn emit_dynamic(
    builder: &mut Builder,
    graph: &Graph,
    node: &Node,
    constants: &BTreeMap<TensorId, QuantConst>,
    operands: &mut dyn Operands,
    output: &str,
) -> Result<bool, OnnxError> {
    let (conv, activation) = match &node.op {
        Op::Conv(conv) => (Some(conv), conv.activation),
        Op::Dense { activation } => (None, *activation),
        _ => return Ok(false),
    };
    let Some(id) = node.input(1).filter(|id| constants.contains_key(id)) else { return Ok(false) };
    let x = operands.name(builder, node, 0, Form::Plain)?;
    let [quantized, scale, zero_point] = ["quantized", "scale", "zero_point"].map(|what| builder.unique(format!("{output}/input/{what}")));
    let rounding = builder.node("DynamicQuantizeLinear", format!("{output}/quantize"), vec![x], quantized.clone());
    rounding.output.extend([scale.clone(), zero_point.clone()]);

    let name = graph.tensor(id).name.clone();
    let Stored { values, scales, shape } = Stored::of(graph, id, constants)?;
    // The scales, and the bias, lie along the output's channels.
    let trailing = conv.map_or(0, |_| shape.len().saturating_sub(2));
    let along_channels = |count: usize| [vec![count], vec![1; trailing]].concat();
    let sums = builder.unique(format!("{output}/sums"));
    match conv {
        Some(conv) => {
            // onnxruntime's kernel takes uint8 weights only.
            let shifted: Vec<u8> = values.iter().map(|&q| (i16::from(q) + 128) as u8).collect();
            let weights = builder.new_constant(format!("{name}/quantized"), &literal(&name, shape, Data::U8(shifted.into()))?)?;
            let middle = builder.new_constant(format!("{name}/zero_point"), &literal(&name, &[], Data::U8([128].into()))?)?;
            let Conv { window, groups, .. } = conv;
            let inputs = vec![quantized, weights, zero_point, middle];
            let node = builder.node("ConvInteger", format!("{output}/integer"), inputs, sums.clone());
            ops::set_window(node, window);
            node.set_int("group", i64::try_from(*groups).unwrap_or(i64::MAX));
        }
        None => {
            let swapped = permute(values, shape, &[1, 0]).ok_or_else(|| tensor_error(&name, "expected a matrix"))?;
            let shape: Vec<usize> = shape.iter().rev().copied().collect();
            let weights = builder.new_constant(format!("{name}/quantized"), &literal(&name, &shape, Data::I8(swapped.into()))?)?;
            builder.node("MatMulInteger", format!("{output}/integer"), vec![quantized, weights, zero_point], sums.clone());
        }
    }
    let scales = literal(&name, &along_channels(scales.len()), Data::F32(scales.into()))?;
    let scales = builder.new_constant(format!("{name}/scale"), &scales)?;
    let [product, real, scaled] = ["product_scale", "real", "scaled"].map(|what| builder.unique(format!("{output}/{what}")));
    builder.node("Mul", format!("{output}/scales"), vec![scale, scales], product.clone());
    builder.node("Cast", format!("{output}/cast"), vec![sums], real.clone()).set_int("to", crate::dtype::code(DType::F32).into());
    let biased = node.input(2).is_some();
    let plain = activation == Activation::NONE;
    let result = if biased || !plain { scaled } else { output.to_owned() };
    builder.node("Mul", format!("{output}/scale"), vec![real, product], result.clone());
    let mut last = result;
    if let Some(bias) = node.input(2).and_then(|id| graph.literal(id)) {
        let values = bias.as_f32().ok_or_else(|| tensor_error(&name, "the bias is not float32"))?;
        let bias = literal(&name, &along_channels(values.len()), Data::F32(values.into()))?;
        let bias = builder.new_constant(format!("{name}/bias"), &bias)?;
        let sum = if plain { output.to_owned() } else { builder.unique(format!("{output}/pre_activation")) };
        builder.node("Add", format!("{output}/bias"), vec![last, bias], sum.clone());
        last = sum;
    } else if biased {
        return Err(tensor_error(&name, "its layer's bias is not constant"));
    }
    if !plain {
        ops::emit_activation(builder, graph, node, operands, output.to_owned(), last, activation)?;
    }
    Ok(true)
}

/// The int8 form of a layer's weights.
struct Stored<'a> {
    values: &'a [i8],
    scales: &'a [f32],
    shape: &'a [usize],
}

impl<'a> Stored<'a> {
    fn of(graph: &'a Graph, id: TensorId, constants: &'a BTreeMap<TensorId, QuantConst>) -> Result<Stored<'a>, OnnxError> {
        match (constants.get(&id), graph.literal(id).map(Literal::shape)) {
            (Some(QuantConst::Weights { values, scales }), Some(shape)) => Ok(Stored { values, scales, shape }),
            _ => Err(tensor_error(&graph.tensor(id).name, "expected int8 weights")),
        }
    }
}

fn literal(name: &str, shape: &[usize], data: Data) -> Result<Literal, OnnxError> {
    Literal::new(shape, data).ok_or_else(|| tensor_error(name, "its quantized values do not fit its shape"))
}

fn tensor_error(name: &str, what: &str) -> OnnxError {
    OnnxError::Tensor { tensor: name.to_owned(), what: what.to_owned() }
}
