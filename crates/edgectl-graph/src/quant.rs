//! The quantized graph: what can be lowered to a program or exported as QDQ.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::{Binary, DType, Graph, GraphError, Node, Op, Reduction, TensorId, Unary};

/// Quantization of a tensor with one scale: `real = scale * (q - zero_point)`, `q` of type int8.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantParams {
    /// Positive and finite.
    pub scale: f32,
    /// In `-128..=127`.
    pub zero_point: i8,
}

impl QuantParams {
    /// The smallest real value that int8 can stand for.
    pub fn min(&self) -> f32 {
        self.scale * (-128.0 - f32::from(self.zero_point))
    }

    /// The greatest real value that int8 can stand for.
    pub fn max(&self) -> f32 {
        self.scale * (127.0 - f32::from(self.zero_point))
    }
}

/// A quantized constant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum QuantConst {
    /// The bias of a convolution or dense layer: int32, `scale[c] = input scale * weight scale[c]`, zero point 0.
    Bias {
        /// One per output channel.
        values: Arc<[i32]>,
    },
    /// Any other constant operand: int8 with one scale.
    Operand {
        /// In the order of the float constant.
        values: Arc<[i8]>,
        /// Scale and zero point.
        params: QuantParams,
    },
    /// Weights: int8 in `-127..=127`, symmetric (zero point 0).
    Weights {
        /// In the order of the float constant.
        values: Arc<[i8]>,
        /// One scale, or one per output channel (axis 0). Positive and finite.
        scales: Arc<[f32]>,
    },
}

/// How an operator's output is bound to the quantization of its inputs, after the int8 specification of TensorFlow Lite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sharing {
    /// Input and output have parameters of their own.
    Free,
    /// All inputs and the output have the same parameters.
    Same,
    /// The output has these parameters.
    Fixed(QuantParams),
}

/// The rule for an operator.
pub fn sharing(op: &Op) -> Sharing {
    const UNIT: QuantParams = QuantParams { scale: 1.0 / 256.0, zero_point: -128 };
    match op {
        Op::AveragePool { .. }
        | Op::Binary { op: Binary::Max | Binary::Min, .. }
        | Op::Concat { .. }
        | Op::DepthToSpace { .. }
        | Op::Gather { .. }
        | Op::GlobalMaxPool
        | Op::MaxPool(_)
        | Op::Pad { .. }
        | Op::Reduce { op: Reduction::Max | Reduction::Min, .. }
        | Op::Reshape { .. }
        | Op::Resize(_)
        | Op::Slice { .. }
        | Op::SpaceToDepth { .. }
        | Op::Transpose { .. } => Sharing::Same,
        Op::Softmax { .. } | Op::Unary(Unary::Sigmoid) => Sharing::Fixed(UNIT),
        Op::Unary(Unary::Tanh) => Sharing::Fixed(QuantParams { scale: 1.0 / 128.0, zero_point: 0 }),
        _ => Sharing::Free,
    }
}

/// Why a graph and its quantization parameters do not make a quantized graph.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum QuantError {
    /// The graph itself cannot be deployed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A tensor without parameters, or with parameters that int8 arithmetic cannot use.
    #[error("tensor \"{tensor}\": expected {expected}, found {found}")]
    Params {
        /// The tensor.
        tensor: String,
        /// What the arithmetic needs.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// An operator whose inputs and output must share their parameters, and do not.
    #[error("node \"{node}\" ({op}): expected the parameters of \"{input}\" and \"{output}\" to be {rule}")]
    Sharing {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// An input.
        input: String,
        /// The output.
        output: String,
        /// The rule.
        rule: &'static str,
    },
    /// An operator that has no int8 form.
    #[error("node \"{node}\": operator {op} has no int8 form")]
    NoInt8 {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
    },
}

/// A deployable graph with quantization parameters for every activation and every constant that the int8 operators read.
///
/// Holds: all nodes are typed and all shapes fixed; activations are int8 with a positive, finite scale; weights and biases have the form
/// that [`QuantConst`] says; the rule of [`sharing`] holds at every node.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantGraph {
    graph: Graph,
    activations: BTreeMap<TensorId, QuantParams>,
    constants: BTreeMap<TensorId, QuantConst>,
}

impl QuantGraph {
    /// Puts a graph and its parameters together.
    ///
    /// # Errors
    /// [`QuantError`] with the first invariant that does not hold.
    pub fn new(
        graph: Graph,
        activations: BTreeMap<TensorId, QuantParams>,
        constants: BTreeMap<TensorId, QuantConst>,
    ) -> Result<QuantGraph, QuantError> {
        graph.check()?;
        graph.require_deployable()?;
        let quantized = QuantGraph { graph, activations, constants };
        quantized.check_activations()?;
        quantized.graph.nodes().iter().try_for_each(|node| quantized.check_node(node))?;
        Ok(quantized)
    }

    /// The float graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The parameters of an activation or of a constant operand with one scale.
    pub fn params(&self, id: TensorId) -> Option<QuantParams> {
        match self.constants.get(&id) {
            Some(QuantConst::Operand { params, .. }) => Some(*params),
            Some(_) => None,
            None => self.activations.get(&id).copied(),
        }
    }

    /// A quantized constant.
    pub fn constant(&self, id: TensorId) -> Option<&QuantConst> {
        self.constants.get(&id)
    }

    /// All quantized constants.
    pub fn constants(&self) -> impl Iterator<Item = (TensorId, &QuantConst)> {
        self.constants.iter().map(|(&id, constant)| (id, constant))
    }

    fn bad(&self, id: TensorId, expected: &'static str, found: impl ToString) -> QuantError {
        QuantError::Params { tensor: self.graph.tensor(id).name.clone(), expected, found: found.to_string() }
    }

    fn check_activations(&self) -> Result<(), QuantError> {
        let read = self.graph.nodes().iter().flat_map(Node::writes);
        for id in read.chain(self.graph.inputs().iter().copied()) {
            let params = self.activations.get(&id).ok_or_else(|| self.bad(id, "a scale and a zero point", "none"))?;
            self.check_scale(id, params.scale)?;
        }
        self.constants.iter().try_for_each(|(&id, constant)| self.check_constant(id, constant))
    }

    fn check_scale(&self, id: TensorId, scale: f32) -> Result<(), QuantError> {
        if scale.is_normal() && scale > 0.0 { Ok(()) } else { Err(self.bad(id, "a positive, finite scale", scale)) }
    }

    fn check_constant(&self, id: TensorId, constant: &QuantConst) -> Result<(), QuantError> {
        let Some(literal) = self.graph.literal(id).filter(|literal| literal.dtype() == DType::F32) else {
            return Err(self.bad(id, "a float constant", "none"));
        };
        let len = match constant {
            QuantConst::Bias { values } => values.len(),
            QuantConst::Operand { values, params } => {
                self.check_scale(id, params.scale)?;
                values.len()
            }
            QuantConst::Weights { values, scales } => {
                scales.iter().try_for_each(|&scale| self.check_scale(id, scale))?;
                if scales.len() != 1 && Some(&scales.len()) != literal.shape().first() {
                    return Err(self.bad(id, "one scale or one per output channel", format!("{} scales", scales.len())));
                }
                if values.contains(&i8::MIN) {
                    return Err(self.bad(id, "weights in -127..=127", i8::MIN));
                }
                values.len()
            }
        };
        if len == literal.elements() { Ok(()) } else { Err(self.bad(id, "as many values as the float constant has", len)) }
    }

    fn check_node(&self, node: &Node) -> Result<(), QuantError> {
        let (label, op) = (self.graph.label(node), node.op.name().to_owned());
        match &node.op {
            Op::Conv(_) | Op::Dense { .. } => {
                let weights = node.input(1).filter(|id| matches!(self.constant(*id), Some(QuantConst::Weights { .. })));
                let bias = node.input(2).is_none_or(|id| matches!(self.constant(id), Some(QuantConst::Bias { .. })));
                if weights.is_none() || !bias {
                    return Err(QuantError::NoInt8 { node: label, op: format!("{op} with computed weights") });
                }
            }
            Op::BatchNorm { .. } | Op::Dequantize { .. } | Op::Gemm { .. } | Op::Opaque(_) | Op::Quantize { .. } => {
                return Err(QuantError::NoInt8 { node: label, op });
            }
            _ => {}
        }
        let Some(output) = node.output() else { return Ok(()) };
        let found = self.params(output);
        let data_inputs = if matches!(node.op, Op::Conv(_) | Op::Dense { .. }) { 1 } else { node.inputs.len() };
        for input in node.inputs[..data_inputs].iter().flatten() {
            let params = self.params(*input).ok_or_else(|| self.bad(*input, "a scale and a zero point", "none"))?;
            let rule = match sharing(&node.op) {
                Sharing::Same if found != Some(params) => "equal",
                Sharing::Fixed(fixed) if found != Some(fixed) => "as the operator fixes them",
                _ => continue,
            };
            let (input, output) = (self.graph.tensor(*input).name.clone(), self.graph.tensor(output).name.clone());
            return Err(QuantError::Sharing { node: label, op, input, output, rule });
        }
        Ok(())
    }
}
