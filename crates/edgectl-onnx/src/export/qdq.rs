//! A quantized graph as ONNX: float operators between `QuantizeLinear`/`DequantizeLinear` pairs.
//!
//! The float operators keep their names and outputs; the tensors around them are named after those:
//!
//! ```text
//! input ─ Q ─ input/quantized ─ DQ ─ input/dequantized ─┐
//! filter/quantized ─ DQ ─ filter ───────────────────────┼─ Conv ─ y/pre_activation ─ Relu ─ y/float ─ Q ─ y/quantized ─ DQ ─ y
//! bias/quantized ─ DQ ─ bias ───────────────────────────┘
//! ```
//!
//! Opaque operators are carried along as they are. They read what is dequantized, and what they compute is quantized only for others.
//!
//! Zero points are always explicit: without one, engines take the type to be uint8.

use std::collections::{HashMap, HashSet};

use edgectl_graph::{Data, Graph, Literal, Node, Op, QuantConst, QuantGraph, QuantParams, QuantType, TensorId, Unary, swap_channels};

use super::builder::Builder;
use super::float::current;
use super::ops::{self, Form, Operands};
use crate::{MAX_OPSET, OnnxError};

/// Per-axis parameters came with this opset.
const MIN_QDQ_OPSET: i64 = 13;
/// int16 came with this opset.
const INT16_OPSET: i64 = 21;
/// `HardSwish` came with this opset.
const HARD_SWISH_OPSET: i64 = 14;

/// How to write a quantized graph.
#[derive(Clone, Copy, Debug, Default)]
pub struct QdqOptions {
    /// The least opset; older graphs are raised to it. At least 13 in any case, 14 where there is a `HardSwish`, 21 where
    /// there is int16.
    pub min_opset: Option<i64>,
}

/// Writes a quantized graph as ONNX in QDQ form: int8 or int16 activations, int8 weights, int32 biases. Biases of int64, for which ONNX has
/// no form, stay float.
///
/// Inputs and outputs of the model stay float32 and keep their names, as do all nodes and the results of all operators.
///
/// # Errors
/// [`OnnxError::Opset`] where the options ask for an opset that is not supported, [`OnnxError::Inexpressible`] where an opaque operator keeps
/// the opset from being raised, [`OnnxError::TooLarge`] where the model is larger than
/// a protobuf message can be.
pub fn export_qdq(quantized: &QuantGraph, options: &QdqOptions) -> Result<Vec<u8>, OnnxError> {
    let graph = quantized.graph();
    let mut builder = Builder::new(graph)?;
    let hard_swish = graph.nodes().iter().any(|node| node.op == Op::Unary(Unary::HardSwish));
    let int16 = graph.iter_tensors().any(|(id, _)| quantized.params(id).is_some_and(|params| params.ty == QuantType::I16));
    let least = match (int16, hard_swish) {
        (true, _) => INT16_OPSET,
        (false, true) => HARD_SWISH_OPSET,
        (false, false) => MIN_QDQ_OPSET,
    };
    if let Some(found) = options.min_opset.filter(|&opset| opset > MAX_OPSET) {
        return Err(OnnxError::Opset { found });
    }
    builder.raise_opset(graph, least.max(options.min_opset.unwrap_or(least)), "QDQ pairs")?;
    let mut operands = Dequantized { quantized, names: HashMap::new(), captured: HashSet::new() };
    for &id in graph.inputs() {
        let tensor = graph.tensor(id);
        builder.input(&tensor.name, tensor.fact.as_ref());
        operands.pair_beside(&mut builder, id)?;
    }
    for node in graph.nodes() {
        if let Op::Opaque(opaque) = &node.op {
            operands.opaque(&mut builder, node, &opaque.payload)?;
            continue;
        }
        let Some(id) = node.output() else { continue };
        let name = graph.tensor(id).name.clone();
        if !graph.is_real(id) {
            ops::emit(&mut builder, graph, node, &mut operands, name.clone())?;
            operands.names.insert(Key::of(id), name);
            continue;
        }
        // Requantization is all that is left of an identity.
        let float = if node.op == Op::Identity {
            operands.name(&mut builder, node, 0, Form::Plain)?
        } else {
            let float = builder.unique(format!("{name}/float"));
            ops::emit(&mut builder, graph, node, &mut operands, float.clone())?;
            float
        };
        operands.pair(&mut builder, id, float, name)?;
    }
    for &id in graph.outputs() {
        let tensor = graph.tensor(id);
        if let Some(literal) = tensor.literal.as_ref().filter(|_| !operands.names.contains_key(&Key::of(id))) {
            builder.constant(&tensor.name, literal)?;
        }
        builder.output(&tensor.name, tensor.fact.as_ref());
    }
    builder.finish(graph)
}

/// What distinguishes the dequantized forms of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    tensor: TensorId,
    form: Form,
    /// The layer that a bias belongs to, by input and weights: its scale is the product of theirs.
    layer: Option<(TensorId, TensorId)>,
}

impl Key {
    fn of(tensor: TensorId) -> Key {
        Key { tensor, form: Form::Plain, layer: None }
    }
}

/// Operands behind a `DequantizeLinear`, which is written when one is first read.
struct Dequantized<'a> {
    quantized: &'a QuantGraph,
    names: HashMap<Key, String>,
    /// Constants that are there under their own names, for the subgraphs of opaque operators.
    captured: HashSet<TensorId>,
}

impl Dequantized<'_> {
    fn graph(&self) -> &Graph {
        self.quantized.graph()
    }

    /// Writes `float` quantized and dequantized again as `output`, with the parameters of an activation.
    fn pair(&mut self, builder: &mut Builder, id: TensorId, float: String, output: String) -> Result<(), OnnxError> {
        let name = &self.graph().tensor(id).name;
        let params = self.quantized.params(id).ok_or_else(|| tensor_error(name, "it has no quantization parameters"))?;
        let (scale, zero_point) = per_tensor(builder, name, params)?;
        let quantized = builder.unique(format!("{name}/quantized"));
        let inputs = vec![float, scale.clone(), zero_point.clone()];
        builder.node("QuantizeLinear", format!("{name}/quantize"), inputs, quantized.clone());
        builder.node("DequantizeLinear", format!("{name}/dequantize"), vec![quantized, scale, zero_point], output.clone());
        self.names.insert(Key::of(id), output);
        Ok(())
    }

    /// As `pair`, beside a tensor that stays real under its own name; nothing where nobody reads its integers.
    fn pair_beside(&mut self, builder: &mut Builder, id: TensorId) -> Result<(), OnnxError> {
        if self.quantized.params(id).is_none() {
            return Ok(());
        }
        let name = self.graph().tensor(id).name.clone();
        let output = builder.unique(format!("{name}/dequantized"));
        self.pair(builder, id, name, output)
    }

    /// Writes an opaque operator, with the constants that it reads.
    fn opaque(&mut self, builder: &mut Builder, node: &Node, payload: &[u8]) -> Result<(), OnnxError> {
        let graph = self.quantized.graph();
        let mut proto = current(graph, node, payload)?;
        for (name, id) in proto.input.iter_mut().zip(&node.inputs) {
            if let Some(literal) = id.and_then(|id| graph.literal(id)) {
                *name = builder.new_constant(format!("{name}/real"), literal)?;
            }
        }
        // What its subgraphs read goes by its name.
        for &id in &node.captures {
            if let Some(literal) = graph.literal(id).filter(|_| self.captured.insert(id)) {
                builder.constant(&graph.tensor(id).name, literal)?;
            }
        }
        builder.push(proto);
        node.writes().try_for_each(|id| self.pair_beside(builder, id))
    }

    /// Writes a constant and its `DequantizeLinear`.
    fn constant(&self, builder: &mut Builder, node: &Node, key: Key, constant: &QuantConst) -> Result<String, OnnxError> {
        let name = &self.graph().tensor(key.tensor).name;
        let shape = self.graph().literal(key.tensor).map(|literal| literal.shape().to_vec()).unwrap_or_default();
        if let (QuantConst::Real, Some(real)) = (constant, self.graph().literal(key.tensor)) {
            builder.constant(name, real)?;
            return Ok(name.clone());
        }
        let (data, (scale, zero_point), axis) = match constant {
            QuantConst::Bias { values } => {
                (literal(name, &shape, Data::I32(values.clone()))?, self.bias_parameters(builder, node, name)?, 0)
            }
            QuantConst::Operand { values, params } => {
                (literal(name, &shape, Data::I8(values.clone()))?, per_tensor(builder, name, *params)?, 0)
            }
            QuantConst::WideOperand { values, params } => {
                (literal(name, &shape, Data::I16(values.clone()))?, per_tensor(builder, name, *params)?, 0)
            }
            QuantConst::WideBias { .. } => {
                let float = self.graph().literal(key.tensor).ok_or_else(|| tensor_error(name, "its float values are not known"))?;
                return builder.new_constant(name.clone(), float);
            }
            QuantConst::Weights { values, scales } => {
                let parameters = per_channel(builder, name, scales, Data::I8(vec![0; scales.len()].into()))?;
                match key.form {
                    Form::Swapped(groups) if groups == 1 || scales.len() == 1 => {
                        let swapped = swap_channels(values, &shape, groups);
                        let (shape, values) = swapped.ok_or_else(|| tensor_error(name, "expected weights of as many groups"))?;
                        (literal(name, &shape, Data::I8(values.into()))?, parameters, 1)
                    }
                    // With groups, no axis of the swapped weights is that of the output channels: they are swapped when they are real.
                    _ => (literal(name, &shape, Data::I8(values.clone()))?, parameters, 0),
                }
            }
            _ => return Err(tensor_error(name, "its quantized form is not known")),
        };
        let quantized = builder.new_constant(format!("{name}/quantized"), &data)?;
        // The first one has the name of the float constant.
        let first = !self.names.keys().any(|other| other.tensor == key.tensor) && !self.captured.contains(&key.tensor);
        let output = if first { name.clone() } else { builder.unique(format!("{name}/dequantized")) };
        let inputs = vec![quantized, scale, zero_point];
        // Without meaning, but harmless, where there is one scale for all.
        builder.node("DequantizeLinear", format!("{output}/dequantize"), inputs, output.clone()).set_int("axis", axis);
        match (key.form, constant) {
            (Form::Swapped(groups), QuantConst::Weights { scales, .. }) if groups > 1 && scales.len() > 1 => {
                builder.swap_channels(output, &shape, groups)
            }
            _ => Ok(output),
        }
    }

    /// `scale[c] = input scale * weight scale[c]`
    fn bias_parameters(&self, builder: &mut Builder, node: &Node, name: &str) -> Result<(String, String), OnnxError> {
        let input = node.input(0).and_then(|id| self.quantized.params(id));
        let weights = node.input(1).and_then(|id| self.quantized.constant(id));
        let (Some(input), Some(QuantConst::Weights { scales, .. })) = (input, weights) else {
            return Err(tensor_error(name, "it is the bias of a layer without quantized input and weights"));
        };
        let scales: Vec<f32> = scales.iter().map(|scale| input.scale * scale).collect();
        per_channel(builder, name, &scales, Data::I32(vec![0; scales.len()].into()))
    }
}

impl Operands for Dequantized<'_> {
    fn name(&mut self, builder: &mut Builder, node: &Node, index: usize, form: Form) -> Result<String, OnnxError> {
        let Some(tensor) = node.input(index) else { return Ok(String::new()) };
        let quantized = self.quantized;
        let constant = quantized.constant(tensor);
        let layer = matches!(constant, Some(QuantConst::Bias { .. } | QuantConst::WideBias { .. }))
            .then(|| node.input(0).zip(node.input(1)))
            .flatten();
        let key = Key { tensor, form, layer };
        if let Some(name) = self.names.get(&key) {
            return Ok(name.clone());
        }
        let constant = constant.ok_or_else(|| tensor_error(&quantized.graph().tensor(tensor).name, "it has no quantized form"))?;
        let name = self.constant(builder, node, key, constant)?;
        self.names.insert(key, name.clone());
        Ok(name)
    }
}

/// Constants with the scale and the zero point of a tensor.
fn per_tensor(builder: &mut Builder, name: &str, params: QuantParams) -> Result<(String, String), OnnxError> {
    let scale = literal(name, &[], Data::F32([params.scale].into()))?;
    let zero_point = match params.ty {
        QuantType::I8 => Data::I8([params.zero_point].into()),
        QuantType::I16 => Data::I16([params.zero_point.into()].into()),
    };
    let zero_point = literal(name, &[], zero_point)?;
    parameters(builder, name, &scale, &zero_point)
}

/// Constants with one scale per channel, or one for all where there is only one; `zeros` are as many zero points.
fn per_channel(builder: &mut Builder, name: &str, scales: &[f32], zeros: Data) -> Result<(String, String), OnnxError> {
    let shape: &[usize] = if scales.len() == 1 { &[] } else { &[scales.len()] };
    let scale = literal(name, shape, Data::F32(scales.into()))?;
    let zero_point = literal(name, shape, zeros)?;
    parameters(builder, name, &scale, &zero_point)
}

fn parameters(builder: &mut Builder, name: &str, scale: &Literal, zero_point: &Literal) -> Result<(String, String), OnnxError> {
    Ok((builder.new_constant(format!("{name}/scale"), scale)?, builder.new_constant(format!("{name}/zero_point"), zero_point)?))
}

fn literal(name: &str, shape: &[usize], data: Data) -> Result<Literal, OnnxError> {
    Literal::new(shape, data).ok_or_else(|| tensor_error(name, "its quantized values do not fit its shape"))
}

fn tensor_error(name: &str, what: &str) -> OnnxError {
    OnnxError::Tensor { tensor: name.to_owned(), what: what.to_owned() }
}
