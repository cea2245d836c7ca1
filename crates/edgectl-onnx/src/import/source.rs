//! What a row of the operator table sees of a node: its attributes and its operands.

use std::cell::Cell;

use edgectl_graph::{DType, Dim, Fact, Literal, Shape};

use super::fold::{Elem, Value};
use crate::dtype;
use crate::proto::attribute_proto::AttributeType;
use crate::proto::{AttributeProto, NodeProto, TensorProto};

/// Why a node stays opaque.
pub(super) type Reason = String;

/// The attributes of a node. Each one that is asked for counts as understood.
pub(super) struct Attributes<'a>(Vec<(&'a AttributeProto, bool)>);

impl<'a> Attributes<'a> {
    pub(super) fn new(node: &'a NodeProto) -> Attributes<'a> {
        Attributes(node.attribute.iter().map(|attribute| (attribute, false)).collect())
    }

    /// Fails where an attribute was not asked for.
    pub(super) fn finish(&self) -> Result<(), Reason> {
        match self.0.iter().find(|(_, taken)| !taken) {
            Some((attribute, _)) => Err(format!("attribute \"{}\" is not known", attribute.name())),
            None => Ok(()),
        }
    }

    fn take(&mut self, name: &str, expected: AttributeType) -> Result<Option<&'a AttributeProto>, Reason> {
        let Some((attribute, taken)) = self.0.iter_mut().find(|(attribute, _)| attribute.name() == name) else { return Ok(None) };
        *taken = true;
        // Models of the first format have no type.
        let typed = attribute.r#type.is_none() || attribute.r#type == Some(expected.into());
        if typed && attribute.ref_attr_name().is_empty() {
            Ok(Some(attribute))
        } else {
            Err(format!("attribute \"{name}\" is not of the type {}", expected.as_str_name().to_lowercase()))
        }
    }

    pub(super) fn float(&mut self, name: &str, default: f32) -> Result<f32, Reason> {
        Ok(self.take(name, AttributeType::Float)?.map_or(default, AttributeProto::f))
    }

    pub(super) fn int(&mut self, name: &str) -> Result<Option<i64>, Reason> {
        Ok(self.take(name, AttributeType::Int)?.map(AttributeProto::i))
    }

    pub(super) fn int_or(&mut self, name: &str, default: i64) -> Result<i64, Reason> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    pub(super) fn flag(&mut self, name: &str, default: bool) -> Result<bool, Reason> {
        match self.int(name)? {
            None => Ok(default),
            Some(value @ (0 | 1)) => Ok(value == 1),
            Some(value) => Err(format!("attribute \"{name}\" is {value}")),
        }
    }

    pub(super) fn ints(&mut self, name: &str) -> Result<Option<&'a [i64]>, Reason> {
        Ok(self.take(name, AttributeType::Ints)?.map(|attribute| attribute.ints.as_slice()))
    }

    pub(super) fn sizes(&mut self, name: &str) -> Result<Option<Vec<usize>>, Reason> {
        let Some(values) = self.ints(name)? else { return Ok(None) };
        let sizes: Option<_> = values.iter().map(|&value| usize::try_from(value).ok()).collect();
        sizes.map(Some).ok_or_else(|| format!("attribute \"{name}\" is {values:?}"))
    }

    pub(super) fn string(&mut self, name: &str) -> Result<Option<&'a str>, Reason> {
        let bytes = self.take(name, AttributeType::String)?.map(AttributeProto::s);
        bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| format!("attribute \"{name}\" is no text"))).transpose()
    }

    pub(super) fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, Reason> {
        let Some(attribute) = self.take(name, AttributeType::Strings)? else { return Ok(None) };
        let texts = attribute.strings.iter().map(|bytes| std::str::from_utf8(bytes).map(str::to_owned));
        texts.collect::<Result<_, _>>().map(Some).map_err(|_| format!("attribute \"{name}\" is no text"))
    }

    pub(super) fn tensor(&mut self, name: &str) -> Result<Option<&'a TensorProto>, Reason> {
        Ok(self.take(name, AttributeType::Tensor)?.and_then(|attribute| attribute.t.as_ref()))
    }

    /// For attributes that do not bear on inference.
    pub(super) fn ignore(&mut self, name: &str) {
        if let Some((_, taken)) = self.0.iter_mut().find(|(attribute, _)| attribute.name() == name) {
            *taken = true;
        }
    }
}

/// An operand of a node.
pub(super) struct Operand<'a> {
    pub(super) name: &'a str,
    pub(super) fact: Fact,
    pub(super) value: Option<&'a Value>,
}

/// A node to be converted.
pub(super) struct Source<'a> {
    pub(super) opset: i64,
    pub(super) attributes: Attributes<'a>,
    /// One per input; `None` for one left out.
    pub(super) operands: Vec<Option<Operand<'a>>>,
    /// The number of outputs that the node names, read or not.
    pub(super) outputs: usize,
    /// The number of leading inputs that were looked at.
    seen: Cell<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(node: &'a NodeProto, opset: i64, operands: Vec<Option<Operand<'a>>>) -> Source<'a> {
        Source { opset, attributes: Attributes::new(node), operands, outputs: node.output.len(), seen: Cell::new(0) }
    }

    pub(super) fn optional(&self, index: usize) -> Option<&Operand<'a>> {
        self.seen.set(self.seen.get().max(index.saturating_add(1)));
        self.operands.get(index).and_then(Option::as_ref)
    }

    pub(super) fn operand(&self, index: usize) -> Result<&Operand<'a>, Reason> {
        self.optional(index).ok_or_else(|| format!("input {index} is missing"))
    }

    /// Fails where the node has inputs that were not asked for and are not among the first `count`, nor attributes.
    pub(super) fn finish(&self, count: usize) -> Result<(), Reason> {
        match self.operands.iter().skip(self.seen.get().max(count)).flatten().next() {
            Some(operand) => Err(format!("its input \"{}\" is not known", operand.name)),
            None => self.attributes.finish(),
        }
    }

    /// The shape of an input.
    pub(super) fn shape(&self, index: usize) -> Result<&Shape, Reason> {
        Ok(&self.operand(index)?.fact.shape)
    }

    /// The shape of an input as so many numbers; `None` where it has another rank or is dynamic.
    pub(super) fn fixed<const RANK: usize>(&self, index: usize) -> Result<Option<[usize; RANK]>, Reason> {
        Ok(self.shape(index)?.fixed().and_then(|shape| shape.try_into().ok()))
    }

    /// Fails unless the first `count` inputs, where given, have elements of one of these types.
    pub(super) fn expect(&self, count: usize, dtypes: &[DType]) -> Result<(), Reason> {
        match self.operands.iter().take(count).flatten().find(|operand| !dtypes.contains(&operand.fact.dtype)) {
            Some(operand) => Err(format!("input \"{}\" has {} elements", operand.name, dtype::name(dtype::code(operand.fact.dtype)))),
            None => Ok(()),
        }
    }

    /// Fails unless the first `count` inputs, where given, are float32.
    pub(super) fn expect_f32(&self, count: usize) -> Result<(), Reason> {
        self.expect(count, &[DType::F32])
    }

    /// The value of a constant input; `None` where it is left out.
    fn literal(&self, index: usize) -> Result<Option<&Literal>, Reason> {
        match self.optional(index) {
            None => Ok(None),
            Some(Operand { value: Some(Value::Literal(literal)), .. }) => Ok(Some(literal)),
            Some(operand) => Err(format!("input \"{}\" is computed", operand.name)),
        }
    }

    /// A constant integer input; `None` where it is left out.
    pub(super) fn ints(&self, index: usize) -> Result<Option<Vec<i64>>, Reason> {
        let Some(literal) = self.literal(index)? else { return Ok(None) };
        literal.to_i64s().map(Some).ok_or_else(|| format!("input {index} has no integer elements"))
    }

    /// A constant float input of one element; `None` where it is left out.
    pub(super) fn scalar(&self, index: usize) -> Result<Option<f32>, Reason> {
        let Some(literal) = self.literal(index)? else { return Ok(None) };
        literal.scalar_f32().map(Some).ok_or_else(|| format!("input {index} is not one float32 number"))
    }

    /// A constant float input; `None` where it is left out.
    pub(super) fn floats(&self, index: usize) -> Result<Option<Vec<f32>>, Reason> {
        let Some(literal) = self.literal(index)? else { return Ok(None) };
        literal.as_f32().map(|values| Some(values.to_vec())).ok_or_else(|| format!("input {index} has no float32 elements"))
    }

    /// A constant truth value; `None` where it is left out.
    pub(super) fn truth(&self, index: usize) -> Result<Option<bool>, Reason> {
        match self.literal(index)?.map(Literal::data) {
            None => Ok(None),
            Some(edgectl_graph::Data::Bool(values)) if values.len() == 1 => Ok(Some(values[0])),
            Some(_) => Err(format!("input {index} is not one truth value")),
        }
    }

    /// A constant shape, whose elements may be symbols.
    pub(super) fn elems(&self, index: usize) -> Result<Vec<Elem>, Reason> {
        let operand = self.operand(index)?;
        let value = operand.value.ok_or_else(|| format!("input \"{}\" is computed", operand.name))?;
        value.elems().ok_or_else(|| format!("input \"{}\" has no integer elements", operand.name))
    }

    /// An axis from the front.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Reason> {
        from_front(axis, rank).ok_or_else(|| format!("axis {axis} is outside {rank} dimensions"))
    }

    /// Axes from the front, ascending and each once.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Reason> {
        let mut axes: Vec<_> = axes.iter().map(|&axis| self.axis(axis, rank)).collect::<Result<_, _>>()?;
        axes.sort_unstable();
        match axes.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("axis {} is given twice", pair[0])),
            None => Ok(axes),
        }
    }

    /// A list that is an attribute up to opset `last`, and an input after it.
    pub(super) fn ints_by_opset(&mut self, name: &str, last: i64, index: usize) -> Result<Option<Vec<i64>>, Reason> {
        if self.opset <= last { Ok(self.attributes.ints(name)?.map(<[i64]>::to_vec)) } else { self.ints(index) }
    }
}

/// An axis that may count from the back, from the front; `None` where it is outside.
pub(super) fn from_front(axis: i64, rank: usize) -> Option<usize> {
    let signed = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(signed)? } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// The product of dimensions; `None` where it is no single dimension or overflows.
pub(super) fn product(dims: &[Dim]) -> Option<Dim> {
    let fixed = dims.iter().try_fold(1usize, |product, dim| product.checked_mul(dim.fixed().unwrap_or(1)))?;
    let mut symbols = dims.iter().filter(|dim| dim.fixed().is_none());
    match (symbols.next(), symbols.next()) {
        (None, _) => Some(Dim::Fixed(fixed)),
        (Some(symbol), None) if fixed == 1 => Some(symbol.clone()),
        _ => None,
    }
}
