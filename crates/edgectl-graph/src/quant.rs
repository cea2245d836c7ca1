//! The quantized graph: what can be lowered to a program or exported as QDQ.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::{Binary, Cell, DType, Graph, GraphError, Interpolation, Node, Op, Recurrent, Reduction, TensorId, Unary};

/// The integers that stand for an activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QuantType {
    /// Signed 8 bit, with a zero point.
    #[default]
    I8,
    /// Signed 16 bit, symmetric: the zero point is 0. Weights stay int8.
    I16,
}

impl QuantType {
    /// The least and the greatest integer.
    pub const fn range(self) -> (i32, i32) {
        match self {
            QuantType::I8 => (i8::MIN as i32, i8::MAX as i32),
            QuantType::I16 => (i16::MIN as i32, i16::MAX as i32),
        }
    }

    /// The size of an element.
    pub const fn bytes(self) -> usize {
        match self {
            QuantType::I8 => 1,
            QuantType::I16 => 2,
        }
    }

    /// Short lower-case name: `int8`.
    pub const fn name(self) -> &'static str {
        match self {
            QuantType::I8 => "int8",
            QuantType::I16 => "int16",
        }
    }
}

impl fmt::Display for QuantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Quantization of a tensor with one scale: `real = scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantParams {
    /// Positive and finite.
    pub scale: f32,
    /// In `-128..=127` for int8, 0 for int16.
    pub zero_point: i8,
    /// The type of `q`.
    pub ty: QuantType,
}

impl QuantParams {
    /// Those of an int8 tensor.
    pub const fn int8(scale: f32, zero_point: i8) -> QuantParams {
        QuantParams { scale, zero_point, ty: QuantType::I8 }
    }

    /// Those of an int16 tensor.
    pub const fn int16(scale: f32) -> QuantParams {
        QuantParams { scale, zero_point: 0, ty: QuantType::I16 }
    }

    /// The smallest real value that the integers can stand for.
    pub fn min(&self) -> f32 {
        self.scale * (self.ty.range().0 - i32::from(self.zero_point)) as f32
    }

    /// The greatest real value that the integers can stand for.
    pub fn max(&self) -> f32 {
        self.scale * (self.ty.range().1 - i32::from(self.zero_point)) as f32
    }
}

/// A quantized constant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum QuantConst {
    /// The bias of a convolution or dense layer: int32, `scale[c] = input scale * weight scale[c]`, zero point 0. The layer sums up in
    /// int32.
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
    /// As `Bias`, of a layer with int16 activations that sums up in int64.
    WideBias {
        /// One per output channel.
        values: Arc<[i64]>,
    },
    /// As `Operand`, in int16.
    WideOperand {
        /// In the order of the float constant.
        values: Arc<[i16]>,
        /// The scale.
        params: QuantParams,
    },
    /// Scales or shifts of a normalization: real numbers, which lowering makes multipliers of.
    Real,
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

/// The rule for an operator that computes in integers of this type.
pub fn sharing(op: &Op, ty: QuantType) -> Sharing {
    match op {
        Op::AveragePool { .. }
        | Op::Binary { op: Binary::Max | Binary::Min, .. }
        | Op::Concat { .. }
        | Op::Delay { .. }
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
        | Op::TopK { .. }
        | Op::Transpose { .. } => Sharing::Same,
        Op::Softmax { .. } | Op::Unary(Unary::Sigmoid | Unary::Tanh) if ty == QuantType::I16 => {
            Sharing::Fixed(QuantParams::int16(1.0 / 32768.0))
        }
        Op::LogSoftmax { .. } => Sharing::Fixed(QuantParams::int8(1.0 / 16.0, 127)),
        Op::Softmax { .. } | Op::Unary(Unary::Sigmoid) => Sharing::Fixed(QuantParams::int8(1.0 / 256.0, -128)),
        Op::Unary(Unary::Tanh) => Sharing::Fixed(QuantParams::int8(1.0 / 128.0, 0)),
        _ => Sharing::Free,
    }
}

/// Whether there is a form of an operator with int16 activations.
pub fn has_int16(op: &Op) -> bool {
    match op {
        Op::Binary { op, .. } => *op != Binary::Div,
        Op::Resize(resize) => matches!(resize.interpolation, Interpolation::Nearest(_)),
        Op::AveragePool { .. }
        | Op::Concat { .. }
        | Op::Conv(_)
        | Op::Dense { .. }
        | Op::DepthToSpace { .. }
        | Op::Gather { .. }
        | Op::GlobalAveragePool
        | Op::GlobalMaxPool
        | Op::Identity
        | Op::MaxPool(_)
        | Op::Pad { .. }
        | Op::Reduce { .. }
        | Op::ReduceMean { .. }
        | Op::Reshape { .. }
        | Op::Slice { .. }
        | Op::Softmax { .. }
        | Op::SpaceToDepth { .. }
        | Op::Transpose { .. }
        | Op::Unary(_) => true,
        _ => false,
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
    /// An operator that computes with one type reads another: only an identity requantizes.
    #[error("node \"{node}\" ({op}): expected \"{input}\" to be {expected} as the output is, found {found}")]
    Types {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// The input.
        input: String,
        /// The type of the output.
        expected: QuantType,
        /// The type of the input.
        found: QuantType,
    },
    /// The accumulator of a layer could leave its type.
    #[error("node \"{node}\": output channel {channel} could sum up to {bound}; expected less than {limit}")]
    Accumulator {
        /// The layer.
        node: String,
        /// The output channel.
        channel: usize,
        /// The greatest magnitude of its accumulator, over all inputs.
        bound: u64,
        /// What the arithmetic takes: 2^31 with int8 activations, 2^47 with int16.
        limit: u64,
    },
    /// An operator that adds up so many elements that the sum could leave its accumulator.
    #[error("node \"{node}\" ({op}): adds up {terms} elements; expected at most {most}, whose sum cannot overflow")]
    Terms {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// The number of elements.
        terms: usize,
        /// The most that the arithmetic takes.
        most: usize,
    },
    /// A layer all of whose outputs are zero, because float32 has no scale for its sums.
    #[error("node \"{node}\" ({op}): expected the scales of input and weights to multiply to at least {least:?}, found {input:?} times {weights:?}", least = f32::MIN_POSITIVE)]
    Underflow {
        /// The layer.
        node: String,
        /// Its operator.
        op: String,
        /// The scale of its input.
        input: f32,
        /// The greatest scale of its weights.
        weights: f32,
    },
    /// An operator that has no form with int16 activations.
    #[error("node \"{node}\": operator {op} has no int16 form")]
    NoInt16 {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
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

/// A graph with quantization parameters for every real activation and every constant that the int8 operators read.
///
/// Opaque operators stay as they are, and so does what only they read or write: a graph that has some can be exported, and not lowered.
///
/// Holds: all shapes are fixed; activations are int8 or int16 with a positive, finite scale; weights and biases have
/// the form that [`QuantConst`] says; no sum of a layer can leave its accumulator; a node reads activations of the type that it writes, unless it is an identity, which requantizes; the
/// rule of [`sharing`] holds at every node.
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
        graph.require_fixed()?;
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
            Some(QuantConst::Operand { params, .. } | QuantConst::WideOperand { params, .. }) => Some(*params),
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
        let opaque = self.graph.opaque_tensors();
        let real = self.graph.nodes().iter().flat_map(Node::writes).filter(|&id| self.graph.is_real(id));
        for id in real.chain(self.graph.inputs().iter().copied()).filter(|id| !opaque.contains(id)) {
            let params = self.activations.get(&id).ok_or_else(|| self.bad(id, "a scale and a zero point", "none"))?;
            self.check_params(id, *params)?;
        }
        self.constants.iter().try_for_each(|(&id, constant)| self.check_constant(id, constant))
    }

    fn check_scale(&self, id: TensorId, scale: f32) -> Result<(), QuantError> {
        match scale > 0.0 && scale.is_finite() {
            true if scale.is_normal() => Ok(()),
            true => Err(self.bad(id, "a scale of at least 1.1754944e-38", format!("{scale:e}"))),
            false => Err(self.bad(id, "a positive, finite scale", scale)),
        }
    }

    fn check_params(&self, id: TensorId, params: QuantParams) -> Result<(), QuantError> {
        self.check_scale(id, params.scale)?;
        let symmetric = params.ty == QuantType::I8 || params.zero_point == 0;
        if symmetric { Ok(()) } else { Err(self.bad(id, "a zero point of 0 with int16", params.zero_point)) }
    }

    /// What a constant operand says it is must be what it holds.
    fn check_operand(&self, id: TensorId, params: QuantParams, ty: QuantType) -> Result<(), QuantError> {
        self.check_params(id, params)?;
        if params.ty == ty { Ok(()) } else { Err(self.bad(id, "a constant of the type of its values", params.ty)) }
    }

    fn check_constant(&self, id: TensorId, constant: &QuantConst) -> Result<(), QuantError> {
        let Some(literal) = self.graph.literal(id).filter(|literal| literal.dtype() == DType::F32) else {
            return Err(self.bad(id, "a float constant", "none"));
        };
        let len = match constant {
            QuantConst::Bias { values } => values.len(),
            QuantConst::Operand { values, params } => {
                self.check_operand(id, *params, QuantType::I8)?;
                values.len()
            }
            QuantConst::WideBias { values } => values.len(),
            QuantConst::WideOperand { values, params } => {
                self.check_operand(id, *params, QuantType::I16)?;
                values.len()
            }
            QuantConst::Real => literal.elements(),
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

    /// A recurrent layer's constants: weights with one scale per gate, biases in int32, a cell in int16 whose scale is a power of two.
    fn check_recurrent(&self, node: &Node, recurrent: &Recurrent) -> Result<(), QuantError> {
        for index in 1..node.inputs.len() {
            let Some(id) = node.input(index) else { continue };
            let (expected, found) = match (index, recurrent.cell, self.constant(id)) {
                (1 | 2, cell, Some(QuantConst::Weights { scales, .. })) => {
                    let gate = scales.len().div_ceil(cell.gates()).max(1);
                    if scales.chunks(gate).all(|gate| gate.iter().all(|scale| *scale == gate[0])) {
                        continue;
                    }
                    ("one scale per gate", format!("{} scales", scales.len()))
                }
                (3, _, Some(QuantConst::Bias { .. })) | (4, Cell::Gru { .. }, Some(QuantConst::Bias { .. })) => continue,
                (4, Cell::Lstm { .. }, Some(QuantConst::WideOperand { params, values })) => {
                    if params.scale.log2().fract() == 0.0 && values.iter().all(|&value| value == 0) {
                        continue;
                    }
                    ("zeros with a power of two as scale", params.scale.to_string())
                }
                (1 | 2, ..) => ("int8 weights", "another form".into()),
                (3, ..) => ("an int32 bias", "another form".into()),
                _ => ("the int16 cell or the int32 bias of the recurrent products", "another form".into()),
            };
            return Err(self.bad(id, expected, found));
        }
        Ok(())
    }

    fn check_node(&self, node: &Node) -> Result<(), QuantError> {
        let (label, op) = (self.graph.label(node), node.op.name().to_owned());
        let found = node.output().and_then(|output| self.params(output));
        let ty = found.map_or(QuantType::I8, |params| params.ty);
        if ty == QuantType::I16 && !has_int16(&node.op) && !matches!(node.op, Op::Opaque(_)) {
            return Err(QuantError::NoInt16 { node: label, op });
        }
        match &node.op {
            Op::Opaque(_) => return Ok(()),
            op if op.is_layer() => {
                let weights = node.input(1).filter(|id| matches!(self.constant(*id), Some(QuantConst::Weights { .. })));
                let bias = node.input(2).is_none_or(|id| match self.constant(id) {
                    Some(QuantConst::Bias { .. }) => true,
                    Some(QuantConst::WideBias { .. }) => ty == QuantType::I16,
                    _ => false,
                });
                if weights.is_none() || !bias {
                    return Err(QuantError::NoInt8 { node: label, op: format!("{} with computed weights", op.name()) });
                }
            }
            Op::Recurrent(recurrent) => self.check_recurrent(node, recurrent)?,
            op if op.is_normalization() => {
                let stays = |id: TensorId| matches!(self.constant(id), Some(QuantConst::Real));
                if !node.inputs.iter().skip(1).flatten().all(|&id| stays(id)) {
                    return Err(QuantError::NoInt8 { node: label, op: format!("{} with computed parameters", op.name()) });
                }
            }
            Op::BatchNorm { .. } | Op::Dequantize { .. } | Op::Gemm { .. } | Op::Quantize { .. } => {
                return Err(QuantError::NoInt8 { node: label, op });
            }
            _ => {}
        }
        self.check_accumulator(node)?;
        let Some(output) = node.output() else { return Ok(()) };
        let one = node.op.is_layer() || node.op.is_normalization() || matches!(node.op, Op::Recurrent(_));
        let data_inputs = if one { 1 } else { node.inputs.len() };
        for input in node.inputs[..data_inputs].iter().flatten().filter(|&&input| self.graph.is_real(input)) {
            let params = self.params(*input).ok_or_else(|| self.bad(*input, "a scale and a zero point", "none"))?;
            if params.ty != ty && node.op != Op::Identity {
                let input = self.graph.tensor(*input).name.clone();
                return Err(QuantError::Types { node: label, op, input, expected: ty, found: params.ty });
            }
            let rule = match sharing(&node.op, ty) {
                _ if !self.graph.is_real(output) => continue,
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
