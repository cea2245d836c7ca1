//! Typed operators as ONNX nodes, for the float and the quantized export alike.

use edgectl_graph::{Activation, Conv, ConvTranspose, DType, Dim, Graph, Literal, Node, Op, Reduction, Shape, Window};

use prost::Message;

use super::builder::{Builder, ints};
use crate::proto::NodeProto;
use crate::{OnnxError, dtype};

/// The form in which an operator reads an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// Weights with the input channels first, in so many groups; of a matrix that is its transpose.
    Swapped(usize),
}

/// Where the operands come from: float or dequantized.
pub(super) trait Operands {
    /// The name under which a node reads a tensor as its input `index`.
    fn name(&mut self, builder: &mut Builder, node: &Node, index: usize, form: Form) -> Result<String, OnnxError>;
}

/// One node on its way out.
pub(super) struct Emitter<'a> {
    pub(super) builder: &'a mut Builder,
    pub(super) graph: &'a Graph,
    pub(super) node: &'a Node,
    operands: &'a mut dyn Operands,
    /// The name of the result.
    pub(super) output: String,
}

/// Writes a typed node, which is not [`Op::Opaque`], so that its result has the name `output`.
pub(super) fn emit(
    builder: &mut Builder,
    graph: &Graph,
    node: &Node,
    operands: &mut dyn Operands,
    output: String,
) -> Result<(), OnnxError> {
    Emitter { builder, graph, node, operands, output }.emit()
}

/// Writes a node's activation alone, from `inner` to `output`.
pub(super) fn emit_activation(
    builder: &mut Builder,
    graph: &Graph,
    node: &Node,
    operands: &mut dyn Operands,
    output: String,
    inner: String,
    activation: Activation,
) -> Result<(), OnnxError> {
    Emitter { builder, graph, node, operands, output }.activation(inner, activation)
}

impl Emitter<'_> {
    fn emit(&mut self) -> Result<(), OnnxError> {
        match &self.node.op {
            Op::ArgMax { axis, keep_dims, .. } => {
                let (axis, node) = (ints(&[*axis])[0], self.whole(self.output.clone())?);
                node.set_int("axis", axis).set_int("keepdims", (*keep_dims).into());
                Ok(())
            }
            Op::AveragePool { pool, include_pad } => self.average_pool(pool, *include_pad),
            Op::BatchNorm { epsilon } => self.attribute_float("epsilon", *epsilon),
            Op::Binary { activation, .. } => self.activated(*activation, |this, output| this.whole(output).map(drop)),
            Op::Concat { axis } => self.attribute_int("axis", *axis),
            Op::Conv(conv) => self.activated(conv.activation, |this, output| this.conv(conv, output)),
            Op::ConvTranspose(conv) => self.activated(conv.activation, |this, output| this.conv_transpose(conv, output)),
            Op::Dense { activation } => self.activated(*activation, Self::dense),
            Op::Dequantize { axis } => self.linear(*axis, None),
            Op::Gather { axis, indices, dims } => self.gather(*axis, indices, dims),
            Op::Gemm { alpha, beta, trans_a, trans_b } => {
                let node = self.whole(self.output.clone())?;
                node.set_float("alpha", *alpha).set_float("beta", *beta);
                node.set_int("transA", (*trans_a).into()).set_int("transB", (*trans_b).into());
                Ok(())
            }
            Op::GroupNorm { groups, epsilon } => self.group_norm(*groups, *epsilon),
            Op::LayerNorm { axis, epsilon, center } => self.layer_norm(*axis, *epsilon, *center),
            Op::GlobalAveragePool | Op::GlobalMaxPool | Op::Identity | Op::MatMul | Op::PRelu => self.whole(self.output.clone()).map(drop),
            Op::MaxPool(pool) => {
                self.expect_dilations(pool, 10)?;
                set_window(self.whole(self.output.clone())?, pool);
                Ok(())
            }
            Op::Pad { before, after, value } => self.pad(before, after, *value),
            Op::Quantize { axis, dtype } => self.linear(*axis, Some(*dtype)),
            Op::Recurrent(recurrent) => self.recurrent(recurrent),
            Op::Reduce { op: Reduction::Sum, axes, keep_dims } => self.reduce(axes, *keep_dims, 12),
            Op::Reduce { axes, keep_dims, .. } | Op::ReduceMean { axes, keep_dims } => self.reduce(axes, *keep_dims, 17),
            Op::Reshape { shape } => self.reshape(shape),
            Op::DepthToSpace { block, channel_first } => self.depth_to_space(*block, *channel_first),
            Op::SpaceToDepth { block } => self.attribute_int("blocksize", *block),
            Op::Resize(resize) => self.resize(resize),
            Op::Slice { spans } => self.slice(spans),
            Op::LogSoftmax { axis } | Op::Softmax { axis } => self.softmax(*axis),
            Op::TopK { axis, k, smallest, indices } => self.top_k(*axis, *k, *smallest, *indices),
            Op::Transpose { perm } => {
                self.whole(self.output.clone())?.set_ints("perm", ints(perm));
                Ok(())
            }
            Op::Unary(unary) => self.unary(*unary),
            op => Err(self.inexpressible(format!("it is not an operator of ONNX: {}", op.name()))),
        }
    }

    pub(super) fn inexpressible(&self, what: impl Into<String>) -> OnnxError {
        OnnxError::Inexpressible {
            node: self.graph.label(self.node),
            op: self.node.op.name().to_owned(),
            opset: self.builder.opset,
            what: what.into(),
        }
    }

    pub(super) fn operand(&mut self, index: usize) -> Result<String, OnnxError> {
        if self.node.input(index).is_none() {
            return Ok(String::new());
        }
        self.operands.name(self.builder, self.node, index, Form::Plain)
    }

    fn all_operands(&mut self) -> Result<Vec<String>, OnnxError> {
        (0..self.node.inputs.len()).map(|index| self.operand(index)).collect()
    }

    pub(super) fn input_shape(&self) -> Option<&Shape> {
        self.graph.shape(self.node.input(0)?)
    }

    /// The node that stands for the operator: it has the name and what the graph keeps beside it.
    pub(super) fn own(&mut self, op_type: &str, inputs: Vec<String>, output: String) -> Result<&mut NodeProto, OnnxError> {
        merge_extra(self.builder.node(op_type, self.node.name.clone(), inputs, output), self.node)
    }

    /// The operator under its own name with all its inputs.
    pub(super) fn whole(&mut self, output: String) -> Result<&mut NodeProto, OnnxError> {
        let inputs = self.all_operands()?;
        self.own(self.node.op.name(), inputs, output)
    }

    /// The operator with its first input and constants that ONNX has as inputs.
    pub(super) fn with_inputs(&mut self, inputs: Vec<String>) -> Result<&mut NodeProto, OnnxError> {
        let inputs = [vec![self.operand(0)?], inputs].concat();
        self.own(self.node.op.name(), inputs, self.output.clone())
    }

    pub(super) fn attribute_int(&mut self, name: &str, value: usize) -> Result<(), OnnxError> {
        let value = ints(&[value])[0];
        self.whole(self.output.clone())?.set_int(name, value);
        Ok(())
    }

    pub(super) fn attribute_float(&mut self, name: &str, value: f32) -> Result<(), OnnxError> {
        self.whole(self.output.clone())?.set_float(name, value);
        Ok(())
    }

    /// A constant named after the output, e.g. `output/shape`.
    pub(super) fn parameter(&mut self, what: &str, literal: &Literal) -> Result<String, OnnxError> {
        self.builder.new_constant(format!("{}/{what}", self.output), literal)
    }

    pub(super) fn scalar(&mut self, what: &str, value: f32) -> Result<String, OnnxError> {
        match Literal::f32([], vec![value]) {
            Some(literal) => self.parameter(what, &literal),
            None => Err(self.inexpressible("a scalar has one element")),
        }
    }

    /// A name for a node that the operator does not have in the graph.
    pub(super) fn helper(&self, what: &str) -> String {
        if self.node.name.is_empty() { String::new() } else { format!("{}/{what}", self.node.name) }
    }

    /// An operator with its clamp as a node of its own.
    fn activated(
        &mut self,
        activation: Activation,
        emit: impl FnOnce(&mut Self, String) -> Result<(), OnnxError>,
    ) -> Result<(), OnnxError> {
        if activation == Activation::NONE {
            return emit(self, self.output.clone());
        }
        let inner = self.builder.unique(format!("{}/pre_activation", self.output));
        emit(self, inner.clone())?;
        self.activation(inner, activation)
    }

    /// The activation of what another node wrote.
    fn activation(&mut self, inner: String, activation: Activation) -> Result<(), OnnxError> {
        let name = self.helper("activation");
        if activation == Activation::RELU {
            self.builder.node("Relu", name, vec![inner], self.output.clone());
            return Ok(());
        }
        self.clip(name, inner, activation).map(drop)
    }

    pub(super) fn clip(&mut self, name: String, x: String, bounds: Activation) -> Result<&mut NodeProto, OnnxError> {
        let bounds = [("min", bounds.min), ("max", bounds.max)];
        if self.builder.opset < 11 {
            let node = self.builder.node("Clip", name, vec![x], self.output.clone());
            for (name, value) in bounds.into_iter().filter(|(_, value)| value.is_finite()) {
                node.set_float(name, value);
            }
            return Ok(node);
        }
        let mut inputs = vec![x];
        for (name, value) in bounds {
            inputs.push(if value.is_finite() { self.scalar(name, value)? } else { String::new() });
        }
        while inputs.last().is_some_and(String::is_empty) {
            inputs.pop();
        }
        Ok(self.builder.node("Clip", name, inputs, self.output.clone()))
    }

    fn conv(&mut self, conv: &Conv, output: String) -> Result<(), OnnxError> {
        let node = self.whole(output)?;
        set_window(node, &conv.window);
        node.set_int("group", ints(&[conv.groups])[0]);
        Ok(())
    }

    fn conv_transpose(&mut self, conv: &ConvTranspose, output: String) -> Result<(), OnnxError> {
        let mut inputs = vec![self.operand(0)?, self.operands.name(self.builder, self.node, 1, Form::Swapped(conv.groups))?];
        if self.node.input(2).is_some() {
            inputs.push(self.operand(2)?);
        }
        let node = self.own("ConvTranspose", inputs, output)?;
        set_window(node, &conv.window);
        node.set_ints("output_padding", ints(&conv.output_pads)).set_int("group", ints(&[conv.groups])[0]);
        Ok(())
    }

    /// A `Gemm` for matrices, otherwise `MatMul` and `Add`.
    fn dense(&mut self, output: String) -> Result<(), OnnxError> {
        let biased = self.node.input(2).is_some();
        if self.input_shape().is_some_and(|shape| shape.rank() == 2) && (biased || self.builder.opset >= 11) {
            let inputs = self.all_operands()?;
            self.own("Gemm", inputs, output)?.set_int("transB", 1);
            return Ok(());
        }
        let inputs = vec![self.operand(0)?, self.operands.name(self.builder, self.node, 1, Form::Swapped(1))?];
        if !biased {
            return self.own("MatMul", inputs, output).map(drop);
        }
        let product = self.builder.unique(format!("{}/pre_bias", self.output));
        self.own("MatMul", inputs, product.clone())?;
        let (bias, name) = (self.operand(2)?, self.helper("bias"));
        self.builder.node("Add", name, vec![product, bias], output);
        Ok(())
    }

    fn expect_dilations(&self, window: &Window, since: i64) -> Result<(), OnnxError> {
        if self.builder.opset >= since || window.dilations.iter().all(|&dilation| dilation == 1) {
            return Ok(());
        }
        Err(self.inexpressible(format!("dilations came with opset {since}")))
    }

    fn average_pool(&mut self, pool: &Window, include_pad: bool) -> Result<(), OnnxError> {
        self.expect_dilations(pool, 19)?;
        let node = self.whole(self.output.clone())?;
        set_window(node, pool);
        node.set_int("count_include_pad", include_pad.into());
        Ok(())
    }

    /// `QuantizeLinear`, where there is a type to quantize to, or `DequantizeLinear`.
    fn linear(&mut self, axis: usize, to: Option<DType>) -> Result<(), OnnxError> {
        let scale = self.node.input(1).and_then(|id| self.graph.shape(id));
        let per_channel = scale.is_some_and(|scale| scale.dims().iter().any(|dim| *dim != Dim::Fixed(1)));
        if per_channel && self.builder.opset < 13 {
            return Err(self.inexpressible("an axis came with opset 13"));
        }
        let implied = to.filter(|&to| to != DType::U8 && self.node.input(2).is_none());
        if implied.is_some() && self.builder.opset < 21 {
            return Err(self.inexpressible("a type without a zero point came with opset 21"));
        }
        let node = self.whole(self.output.clone())?;
        if per_channel {
            node.set_int("axis", ints(&[axis])[0]);
        }
        if let Some(to) = implied {
            node.set_int("output_dtype", dtype::code(to).into());
        }
        Ok(())
    }

    fn pad(&mut self, before: &[usize], after: &[usize], value: f32) -> Result<(), OnnxError> {
        let pads = ints(&[before, after].concat());
        if self.builder.opset < 11 {
            self.whole(self.output.clone())?.set_ints("pads", pads).set_float("value", value);
            return Ok(());
        }
        let inputs = vec![self.parameter("pads", &Literal::i64s(pads))?, self.scalar("value", value)?];
        self.with_inputs(inputs).map(drop)
    }

    /// The axes are an attribute up to opset `last`.
    fn reduce(&mut self, axes: &[usize], keep_dims: bool, last: i64) -> Result<(), OnnxError> {
        // No axes would mean all of them.
        if axes.is_empty() {
            let inputs = self.all_operands()?;
            return self.own("Identity", inputs, self.output.clone()).map(drop);
        }
        let keep_dims = keep_dims.into();
        if self.builder.opset <= last {
            self.whole(self.output.clone())?.set_ints("axes", ints(axes)).set_int("keepdims", keep_dims);
            return Ok(());
        }
        let inputs = vec![self.parameter("axes", &Literal::i64s(ints(axes)))?];
        self.with_inputs(inputs)?.set_int("keepdims", keep_dims);
        Ok(())
    }

    /// A symbol becomes -1 where it is the only one, else 0 where the input has it on the same axis.
    fn reshape(&mut self, shape: &Shape) -> Result<(), OnnxError> {
        let symbols = shape.dims().iter().filter(|dim| dim.fixed().is_none()).count();
        let empty = shape.dims().contains(&Dim::Fixed(0));
        let same = |axis: usize| self.input_shape().and_then(|x| x.dims().get(axis)) == Some(&shape.dims()[axis]);
        let target: Option<Vec<i64>> = (shape.dims().iter().enumerate())
            .map(|(axis, dim)| match dim.fixed() {
                Some(size) => i64::try_from(size).ok().filter(|&size| size > 0 || self.builder.opset >= 14 || same(axis)),
                None if symbols == 1 && !empty => Some(-1),
                None => (same(axis) && !empty).then_some(0),
            })
            .collect();
        let target = target.ok_or_else(|| self.inexpressible(format!("the target {shape} has several dynamic dimensions, or is empty")))?;
        let inputs = vec![self.parameter("shape", &Literal::i64s(target))?];
        let explicit = empty && self.builder.opset >= 14;
        let node = self.with_inputs(inputs)?;
        if explicit {
            node.set_int("allowzero", 1);
        }
        Ok(())
    }

    /// The operator has both outputs; one of them nobody reads.
    fn top_k(&mut self, axis: usize, k: usize, smallest: bool, indices: bool) -> Result<(), OnnxError> {
        let other = self.builder.unique(format!("{}/{}", self.output, if indices { "values" } else { "indices" }));
        let [axis, k] = [ints(&[axis])[0], ints(&[k])[0]];
        let has_input = self.builder.opset >= 10;
        if smallest && self.builder.opset < 11 {
            return Err(self.inexpressible("the least elements came with opset 11"));
        }
        let node = if has_input {
            let inputs = vec![self.parameter("k", &Literal::i64s(vec![k]))?];
            self.with_inputs(inputs)?
        } else {
            self.whole(self.output.clone())?.set_int("k", k)
        };
        node.set_int("axis", axis);
        if smallest {
            node.set_int("largest", 0);
        }
        let at = usize::from(!indices);
        node.output.insert(at, other);
        Ok(())
    }

    fn softmax(&mut self, axis: usize) -> Result<(), OnnxError> {
        let alone = self.input_shape().is_some_and(|shape| shape.dims().iter().skip(axis + 1).all(|dim| *dim == Dim::Fixed(1)));
        if self.builder.opset < 13 && !alone {
            return Err(self.inexpressible(format!("axis {axis} is not the last one")));
        }
        self.attribute_int("axis", axis)
    }
}

/// Gives the node that stands for an operator what the operator does not express.
pub(super) fn merge_extra<'a>(proto: &'a mut NodeProto, node: &Node) -> Result<&'a mut NodeProto, OnnxError> {
    proto.merge(&*node.extra).map_err(|error| OnnxError::Malformed { what: error.to_string() })?;
    Ok(proto)
}

pub(super) fn set_window(node: &mut NodeProto, window: &Window) {
    node.set_ints("kernel_shape", ints(&window.kernel)).set_ints("strides", ints(&window.strides));
    node.set_ints("pads", ints(&[window.pads_begin.as_slice(), &window.pads_end].concat()));
    if window.dilations.iter().any(|&dilation| dilation != 1) {
        node.set_ints("dilations", ints(&window.dilations));
    }
}
