//! The float graph as ONNX, at the opset that it came with.

use std::collections::{BTreeMap, HashMap, HashSet};

use edgectl_graph::{Graph, Literal, Node, Op, QuantConst, TensorId, swap_channels};
use prost::Message;

use super::builder::Builder;
use super::int8::{self, Int8Arithmetic};
use super::ops::{self, Form, Operands};
use crate::OnnxError;
use crate::proto::NodeProto;

/// What to write beside the model itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportOptions<'a> {
    /// Tensors that become outputs after the model's own, in this order; one that is an output already, an input or a constant comes
    /// as a copy named `NAME/observed`.
    pub observe: &'a [TensorId],
}

/// Writes a graph as ONNX.
///
/// Names of tensors and nodes stay. Opaque nodes are written as they were read; a fused activation becomes a node of its own, with
/// the tensor `OUTPUT/pre_activation` before it. External data are written into the model.
///
/// # Errors
/// [`OnnxError::Inexpressible`] where the opset lacks a form of an operator, [`OnnxError::TooLarge`] where the model is larger than a
/// protobuf message can be.
pub fn export(graph: &Graph, options: &ExportOptions<'_>) -> Result<Vec<u8>, OnnxError> {
    write(graph, options, Weights::Float)
}

/// How the weights of layers are written.
#[derive(Clone, Copy)]
pub(super) enum Weights<'a> {
    Float,
    /// These as int8.
    Int8(&'a BTreeMap<TensorId, QuantConst>, Int8Arithmetic),
}

pub(super) fn write(graph: &Graph, options: &ExportOptions<'_>, weights: Weights<'_>) -> Result<Vec<u8>, OnnxError> {
    let mut builder = Builder::new(graph)?;
    if let Weights::Int8(..) = weights {
        builder.raise_opset(graph, int8::MIN_OPSET, "int8 weights")?;
    }
    for &id in graph.inputs() {
        let tensor = graph.tensor(id);
        builder.input(&tensor.name, tensor.fact.as_ref());
    }
    let mut operands = Float { graph, weights, written: HashSet::new(), swapped: HashMap::new() };
    for node in graph.nodes() {
        match (&node.op, node.output()) {
            (Op::Opaque(opaque), _) => {
                for id in node.reads() {
                    operands.constant(&mut builder, id)?;
                }
                builder.push(current(graph, node, &opaque.payload)?);
            }
            (_, Some(output)) => {
                let name = graph.tensor(output).name.clone();
                if let Weights::Int8(constants, Int8Arithmetic::Dynamic) = weights
                    && int8::emit_dynamic(&mut builder, graph, node, constants, &mut operands, &name)?
                {
                    continue;
                }
                ops::emit(&mut builder, graph, node, &mut operands, graph.tensor(output).name.clone())?;
            }
            (_, None) => {}
        }
    }
    for &id in graph.outputs() {
        operands.constant(&mut builder, id)?;
        let tensor = graph.tensor(id);
        builder.output(&tensor.name, tensor.fact.as_ref());
    }
    let mut listed: HashSet<TensorId> = graph.outputs().iter().copied().collect();
    for &id in options.observe {
        operands.constant(&mut builder, id)?;
        let tensor = graph.tensor(id);
        let mut name = tensor.name.clone();
        if !listed.insert(id) || graph.inputs().contains(&id) || tensor.literal.is_some() {
            name = builder.unique(format!("{name}/observed"));
            builder.node("Identity", name.clone(), vec![tensor.name.clone()], name.clone());
        }
        builder.output(&name, tensor.fact.as_ref());
    }
    builder.finish(graph)
}

/// An opaque node with the names that its operands have now.
pub(super) fn current(graph: &Graph, node: &Node, payload: &[u8]) -> Result<NodeProto, OnnxError> {
    let mut proto = NodeProto::decode(payload).map_err(|error| OnnxError::Malformed { what: error.to_string() })?;
    let names = |ids: &[Option<TensorId>]| ids.iter().map(|id| id.map_or_else(String::new, |id| graph.tensor(id).name.clone())).collect();
    proto.input = names(&node.inputs);
    proto.output = names(&node.outputs);
    Ok(proto)
}

/// Operands as they are; constants are written when they are first read.
struct Float<'a> {
    graph: &'a Graph,
    weights: Weights<'a>,
    written: HashSet<TensorId>,
    /// By tensor and number of groups.
    swapped: HashMap<(TensorId, usize), String>,
}

impl Float<'_> {
    fn constant(&mut self, builder: &mut Builder, id: TensorId) -> Result<(), OnnxError> {
        match self.graph.literal(id) {
            Some(literal) if self.written.insert(id) => match self.weights {
                Weights::Int8(constants, _) if constants.contains_key(&id) => int8::dequantized(builder, self.graph, id, constants),
                _ => builder.constant(&self.graph.tensor(id).name, literal),
            },
            _ => Ok(()),
        }
    }
}

/// A float32 constant with its first two axes in the other order.
fn swapped(literal: &Literal, groups: usize) -> Option<Literal> {
    let (shape, values) = swap_channels(literal.as_f32()?, literal.shape(), groups)?;
    Literal::f32(shape, values)
}

impl Operands for Float<'_> {
    fn name(&mut self, builder: &mut Builder, node: &Node, index: usize, form: Form) -> Result<String, OnnxError> {
        let Some(id) = node.input(index) else { return Ok(String::new()) };
        let name = self.graph.tensor(id).name.clone();
        let Form::Swapped(groups) = form else {
            self.constant(builder, id)?;
            return Ok(name);
        };
        if let Some(name) = self.swapped.get(&(id, groups)) {
            return Ok(name.clone());
        }
        let is_int8 = matches!(self.weights, Weights::Int8(constants, _) if constants.contains_key(&id));
        let swapped = match self.graph.literal(id).filter(|_| !is_int8).and_then(|literal| swapped(literal, groups)) {
            Some(literal) => builder.new_constant(format!("{name}/swapped"), &literal)?,
            None => {
                self.constant(builder, id)?;
                let shape =
                    self.graph.fixed_shape(id).map_err(|error| OnnxError::Tensor { tensor: name.clone(), what: error.to_string() })?;
                builder.swap_channels(name, &shape, groups)?
            }
        };
        self.swapped.insert((id, groups), swapped.clone());
        Ok(swapped)
    }
}
