//! The graph as it grows: which of the model's tensors are there already, in which layout, and how constants become literals.

mod operands;

use std::collections::{BTreeMap, HashSet};

use edgectl_graph::{Activation, DType, Fact, Graph, Op, Opaque, QuantConst, QuantGraph, QuantParams, QuantType, Shape, TensorId, Unary};

use crate::arrange::{Kind, operands};
use crate::codes::Type;
use crate::constant;
use crate::schema::{Model, Operator, Tensor};
use crate::{TfliteError, ops};

/// The order of a tensor's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As in the model: channels last.
    Plain,
    /// `[N, C, H, W]`; only for tensors of rank four.
    ChannelsFirst,
}

/// The axis of the model's tensor at each place of the channels-first layout.
pub(crate) const TO_CHANNELS_FIRST: [usize; 4] = [0, 3, 1, 2];
/// The axis of the channels-first layout at each place of the model's tensor.
pub(crate) const TO_PLAIN: [usize; 4] = [0, 2, 3, 1];

impl Layout {
    /// Where an axis of the model's tensor is in this layout.
    pub(crate) fn axis(self, axis: usize) -> usize {
        match self {
            Layout::Plain => axis,
            Layout::ChannelsFirst => TO_PLAIN.get(axis).copied().unwrap_or(axis),
        }
    }

    /// Something that is known per axis, in the order of this layout.
    pub(crate) fn apply<T: Copy>(self, list: &[T]) -> Vec<T> {
        match (self, list) {
            (Layout::ChannelsFirst, &[n, h, w, c]) => vec![n, c, h, w],
            _ => list.to_vec(),
        }
    }
}

/// Why an operator did not become a node.
pub(crate) enum Stop {
    /// The model is not valid.
    Error(TfliteError),
    /// The operator, or this form of it, is not supported. The reason may be empty.
    Unsupported(String),
}

impl<E: Into<TfliteError>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Error(error.into())
    }
}

/// An operator's form that is not supported.
pub(crate) fn unsupported<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Unsupported(reason.into()))
}

pub(crate) struct Importer<'m> {
    model: &'m Model<'m>,
    kind: Kind,
    graph: Graph,
    /// Per tensor of the model: its value as it is there, and with channels first.
    values: Vec<[Option<TensorId>; 2]>,
    names: Vec<String>,
    /// The tensors that the model's caller sees.
    ports: HashSet<usize>,
    taken: HashSet<String>,
    activations: BTreeMap<TensorId, QuantParams>,
    constants: BTreeMap<TensorId, QuantConst>,
}

impl<'m> Importer<'m> {
    pub(crate) fn new(model: &'m Model<'m>, kind: Kind) -> Importer<'m> {
        let mut importer = Importer {
            model,
            kind,
            graph: Graph::new(model.name.clone()),
            values: vec![[None; 2]; model.tensors.len()],
            names: model.tensors.iter().map(|tensor| tensor.name.clone()).collect(),
            ports: HashSet::new(),
            taken: HashSet::new(),
            activations: BTreeMap::new(),
            constants: BTreeMap::new(),
        };
        for port in model.inputs.iter().chain(&model.outputs) {
            if importer.ports.insert(port.tensor) {
                importer.names[port.tensor] = importer.unique(&port.name);
            }
        }
        importer
    }

    pub(crate) fn run(mut self) -> Result<crate::Model, TfliteError> {
        for port in &self.model.inputs {
            let fact = self.fact(port.tensor);
            if self.kind == Kind::Int8 && !self.tensor(port.tensor).is_quantized() {
                return Err(self.wrong_type(port.tensor, "int8"));
            }
            if self.values[port.tensor][0].is_some() {
                return Err(self.redefined(port.tensor, "the list of inputs"));
            }
            let id = self.graph.add_input(self.names[port.tensor].clone(), fact);
            self.define(port.tensor, Layout::Plain, id)?;
        }
        for operator in &self.model.operators {
            match ops::import(&mut self, operator) {
                Ok(()) => {}
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Unsupported(reason)) => self.opaque(operator, reason)?,
            }
        }
        for port in &self.model.outputs {
            let id = self.value(port.tensor, Layout::Plain)?;
            self.graph.add_output(id);
        }
        match self.kind {
            Kind::Float => {
                self.graph.check()?;
                Ok(crate::Model::Float(self.graph))
            }
            Kind::Int8 => Ok(crate::Model::Int8(QuantGraph::new(self.graph, self.activations, self.constants)?)),
        }
    }

    pub(crate) fn tensor(&self, tensor: usize) -> &'m Tensor<'m> {
        &self.model.tensors[tensor]
    }

    /// An input that an operator must have.
    pub(crate) fn input(&self, operator: &Operator<'_>, index: usize) -> Result<usize, TfliteError> {
        operator.input(index).ok_or_else(|| TfliteError::Operands {
            operator: operator.name.clone(),
            tensor: self.label(operator),
            expected: "another input",
            found: format!("{} inputs", operator.inputs.len()),
        })
    }

    /// The output of an operator that has one.
    pub(crate) fn output(&self, operator: &Operator<'_>) -> Result<usize, TfliteError> {
        match operator.outputs[..] {
            [output] => Ok(output),
            _ => Err(TfliteError::Operands {
                operator: operator.name.clone(),
                tensor: self.label(operator),
                expected: "one output",
                found: format!("{} outputs", operator.outputs.len()),
            }),
        }
    }

    /// What stands for an operator in messages.
    fn label(&self, operator: &Operator<'_>) -> String {
        operator.outputs.first().map_or_else(String::new, |&output| self.names[output].clone())
    }

    /// Whether the model computes in int8.
    pub(crate) fn is_int8(&self) -> bool {
        self.kind == Kind::Int8
    }

    /// The layout in which the values of these tensors are at hand; plain unless all of those that are computed have rank four.
    pub(crate) fn layout_of(&self, tensors: &[usize]) -> Layout {
        let computed = || tensors.iter().copied().filter(|&tensor| self.tensor(tensor).data.is_none());
        let first = computed().any(|tensor| matches!(self.values[tensor], [None, Some(_)]));
        if first && computed().all(|tensor| self.tensor(tensor).shape.len() == 4) { Layout::ChannelsFirst } else { Layout::Plain }
    }

    /// A tensor's value in a layout.
    pub(crate) fn value(&mut self, tensor: usize, layout: Layout) -> Result<TensorId, TfliteError> {
        if let Some(id) = self.values[tensor][layout as usize] {
            return Ok(id);
        }
        if self.tensor(tensor).data.is_some() {
            let id = self.operand(tensor, layout)?;
            self.values[tensor][layout as usize] = Some(id);
            return Ok(id);
        }
        let (other, perm, suffix) = match layout {
            Layout::Plain => (Layout::ChannelsFirst, TO_PLAIN, "nhwc"),
            Layout::ChannelsFirst => (Layout::Plain, TO_CHANNELS_FIRST, "nchw"),
        };
        let Some(from) = self.values[tensor][other as usize] else {
            return Err(TfliteError::Undefined { tensor: self.names[tensor].clone() });
        };
        let name = self.name_in(tensor, layout, suffix);
        let id = self.graph.add_node("", Op::Transpose { perm: perm.to_vec() }, vec![Some(from)], name)?;
        self.define(tensor, layout, id)?;
        Ok(id)
    }

    /// The value of an operand of a typed operator, which must be a number with a scale or a float.
    pub(crate) fn number(&mut self, tensor: usize, layout: Layout) -> Result<TensorId, Stop> {
        let Tensor { ty, data, scales, .. } = self.tensor(tensor);
        let fits = match self.kind {
            Kind::Int8 => self.tensor(tensor).is_quantized(),
            Kind::Float => match *ty {
                Type::FLOAT16 => data.is_some(),
                Type::FLOAT32 => true,
                Type::INT8 => !scales.is_empty(),
                _ => false,
            },
        };
        if !fits {
            return unsupported(format!("its operand \"{}\" is {ty}", self.names[tensor]));
        }
        Ok(self.value(tensor, layout)?)
    }

    /// Adds a node that computes an operator's output in a layout. An activation that the node cannot apply itself becomes a node after it.
    pub(crate) fn emit(
        &mut self,
        operator: &Operator<'_>,
        layout: Layout,
        op: Op,
        inputs: Vec<Option<TensorId>>,
        activation: Activation,
    ) -> Result<(), Stop> {
        let output = self.output(operator)?;
        self.emit_to(operator, output, layout, op, inputs, activation)
    }

    /// As [`Importer::emit`], for one of several outputs.
    pub(crate) fn emit_to(
        &mut self,
        operator: &Operator<'_>,
        output: usize,
        layout: Layout,
        op: Op,
        inputs: Vec<Option<TensorId>>,
        activation: Activation,
    ) -> Result<(), Stop> {
        let stated = self.tensor(output);
        let fits = match op {
            Op::ArgMax { .. } | Op::TopK { indices: true, .. } => matches!(stated.ty, Type::INT32 | Type::INT64),
            _ if self.is_int8() => stated.is_quantized(),
            _ => matches!(stated.ty, Type::INT8 | Type::FLOAT32),
        };
        if !fits {
            return unsupported(format!("its output is {}", stated.ty));
        }
        let name = self.name_in(output, layout, "nchw");
        let (op, inputs) = match op.with_activation(activation) {
            Some(op) => (op, inputs),
            None if activation == Activation::NONE => (op, inputs),
            None => {
                let raw = self.intermediate("unclamped", op, inputs, output)?;
                let Activation { min, max } = activation;
                (Op::Unary(Unary::Clip { min, max }), vec![Some(raw)])
            }
        };
        let id = self.graph.add_node("", op, inputs, name)?;
        let computed = self.graph.tensor(id).fact.clone();
        let expected = Shape::new(layout.apply(&stated.shape));
        if let Some(Fact { shape, .. }) = computed.filter(|fact| fact.shape != expected) {
            let (computed, stated) = (shape.to_string(), expected.to_string());
            return Err(TfliteError::Shape { operator: operator.name.clone(), tensor: self.names[output].clone(), computed, stated }.into());
        }
        Ok(self.define(output, layout, id)?)
    }

    /// Adds a node that the model does not have; its output is quantized like a tensor of the model.
    pub(crate) fn intermediate(&mut self, what: &str, op: Op, inputs: Vec<Option<TensorId>>, like: usize) -> Result<TensorId, TfliteError> {
        let name = self.unique(&format!("{}/{what}", self.names[like]));
        let id = self.graph.add_node("", op, inputs, name)?;
        self.quantize(like, id)?;
        Ok(id)
    }

    /// Scale and zero point of an int8 or int16 tensor.
    pub(crate) fn params(&self, tensor: usize) -> Result<QuantParams, TfliteError> {
        let Tensor { ty, scales, zero_points, .. } = self.tensor(tensor);
        let ty = if *ty == Type::INT16 { QuantType::I16 } else { QuantType::I8 };
        let zero_point = match zero_points[..] {
            [] => Some(0),
            [zero] => i8::try_from(zero).ok(),
            _ => None,
        };
        match (&scales[..], zero_point) {
            (&[scale], Some(zero_point)) => Ok(QuantParams { scale, zero_point, ty }),
            _ => Err(TfliteError::Tensor {
                tensor: self.names[tensor].clone(),
                expected: "one scale and one zero point in -128..=127".into(),
                found: format!("{} scales and zero points {:?}", scales.len(), &zero_points[..zero_points.len().min(4)]),
            }),
        }
    }

    /// Keeps an operator that has no typed form.
    fn opaque(&mut self, operator: &Operator<'_>, reason: String) -> Result<(), TfliteError> {
        if self.is_int8() {
            return Err(TfliteError::Unsupported { operator: operator.name.clone(), tensor: self.label(operator), reason });
        }
        self.model.flat.charge(reason.len())?;
        let inputs = operands(operator).iter().map(|input| input.map(|tensor| self.value(tensor, Layout::Plain)).transpose());
        let inputs = inputs.collect::<Result<_, _>>()?;
        let outputs = operator.outputs.iter().map(|&output| (self.own_name(output), Some(self.fact(output)))).map(Some).collect();
        let op = Opaque { domain: "tflite".into(), op_type: operator.name.clone(), reason, payload: [].into() };
        let node = self.graph.add_opaque("", op, inputs, vec![], outputs);
        let ids: Vec<TensorId> = self.graph.node(node).writes().collect();
        operator.outputs.iter().zip(ids).try_for_each(|(&output, id)| self.define(output, Layout::Plain, id))
    }

    /// Notes where a tensor's value is.
    fn define(&mut self, tensor: usize, layout: Layout, id: TensorId) -> Result<(), TfliteError> {
        if self.values[tensor][layout as usize].is_some() || self.tensor(tensor).data.is_some() {
            return Err(self.redefined(tensor, "an operator"));
        }
        self.values[tensor][layout as usize] = Some(id);
        self.quantize(tensor, id)
    }

    /// Gives a value the quantization of a tensor of the model.
    fn quantize(&mut self, tensor: usize, id: TensorId) -> Result<(), TfliteError> {
        if self.kind == Kind::Int8 && self.graph.is_real(id) {
            self.activations.insert(id, self.params(tensor)?);
        }
        Ok(())
    }

    /// Type and shape of a value; the graph knows a number with a scale as a float.
    fn fact(&self, tensor: usize) -> Fact {
        let Tensor { ty, shape, scales, .. } = self.tensor(tensor);
        let dtype = if scales.is_empty() { constant::dtype(*ty) } else { DType::F32 };
        Fact::new(dtype, Shape::new(shape.iter().copied()))
    }

    /// The name of a tensor's value in a layout. That which the model's caller sees has the tensor's own name.
    fn name_in(&mut self, tensor: usize, layout: Layout, suffix: &str) -> String {
        let first = self.values[tensor] == [None; 2];
        let own = if self.ports.contains(&tensor) { layout == Layout::Plain } else { first };
        if own { self.own_name(tensor) } else { self.unique(&format!("{}/{suffix}", self.names[tensor])) }
    }

    /// The name of a tensor, for the one value that bears it.
    fn own_name(&mut self, tensor: usize) -> String {
        let name = self.names[tensor].clone();
        if self.ports.contains(&tensor) { name } else { self.unique(&name) }
    }

    /// A name that no other tensor has.
    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = self.taken.len();
        while unique.is_empty() || !self.taken.insert(unique.clone()) {
            unique = format!("{name}#{number}");
            number += 1;
        }
        unique
    }

    fn redefined(&self, tensor: usize, by: &'static str) -> TfliteError {
        TfliteError::Redefined { tensor: self.names[tensor].clone(), by }
    }

    fn wrong_type(&self, tensor: usize, expected: &str) -> TfliteError {
        let found = self.tensor(tensor).ty.to_string();
        TfliteError::Tensor { tensor: self.names[tensor].clone(), expected: expected.into(), found }
    }
}
