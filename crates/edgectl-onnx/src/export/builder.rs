//! Assembles a model: nodes, constants, names, and the envelope of the model that the graph was read from.

use std::collections::{HashMap, HashSet};

use edgectl_graph::{Data, Dim, Fact, Graph, Literal, Node, Op};
use prost::Message;

use crate::import::{opset, tensor};
use crate::proto::attribute_proto::AttributeType;
use crate::proto::tensor_shape_proto::{Dimension, dimension};
use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    type_proto,
};
use crate::{OnnxError, dtype, import};

/// Opset and format of graphs that did not come from ONNX.
const DEFAULT_OPSET: i64 = 17;
const DEFAULT_IR_VERSION: i64 = 8;

/// A model in the making.
pub(super) struct Builder {
    /// The opset of the default domain.
    pub(super) opset: i64,
    pub(super) proto: GraphProto,
    model: ModelProto,
    /// What the envelope says of inputs, outputs and constants, by name.
    inputs: HashMap<String, ValueInfoProto>,
    outputs: HashMap<String, ValueInfoProto>,
    constants: HashMap<String, TensorProto>,
    names: HashSet<String>,
}

impl Builder {
    /// An empty model with the envelope of the graph's origin, where that is ONNX.
    pub(super) fn new(graph: &Graph) -> Result<Builder, OnnxError> {
        let mut model = match graph.origin.as_ref().filter(|origin| origin.format == "onnx") {
            Some(origin) => ModelProto::decode(&*origin.envelope).map_err(|error| OnnxError::Malformed { what: error.to_string() })?,
            None => ModelProto {
                ir_version: Some(DEFAULT_IR_VERSION),
                opset_import: vec![OperatorSetIdProto { domain: None, version: Some(DEFAULT_OPSET) }],
                producer_name: Some("edgectl".into()),
                ..ModelProto::default()
            },
        };
        let mut proto = model.graph.take().unwrap_or_default();
        let by_name = |infos: &mut Vec<ValueInfoProto>| infos.drain(..).map(|info| (info.name().to_owned(), info)).collect();
        let (inputs, outputs) = (by_name(&mut proto.input), by_name(&mut proto.output));
        let constants = proto.initializer.drain(..).map(|tensor| (tensor.name().to_owned(), tensor)).collect();
        if !graph.name.is_empty() {
            proto.name = Some(graph.name.clone());
        } else if graph.origin.is_none() {
            proto.name = Some("graph".into());
        }
        let names = graph.tensors().iter().map(|tensor| tensor.name.clone()).collect();
        Ok(Builder { opset: opset(&model)?, proto, model, inputs, outputs, constants, names })
    }

    /// As `require_opset`, where no opaque operator of the default domain would change its meaning. `what` needs the opset.
    pub(super) fn raise_opset(&mut self, graph: &Graph, least: i64, what: &str) -> Result<(), OnnxError> {
        let is_bound = |node: &&Node| matches!(&node.op, Op::Opaque(opaque) if opaque.domain.is_empty());
        if let Some(node) = graph.nodes().iter().find(is_bound).filter(|_| self.opset < least) {
            return Err(OnnxError::Inexpressible {
                node: graph.label(node),
                op: node.op.name().into(),
                opset: self.opset,
                what: format!("{what} need opset {least}, and what the operator means there is not known"),
            });
        }
        self.require_opset(least);
        Ok(())
    }

    /// Raises the opset of the default domain, and the format with it, where they are older.
    pub(super) fn require_opset(&mut self, least: i64) {
        if self.opset >= least {
            return;
        }
        self.opset = least;
        for entry in self.model.opset_import.iter_mut().filter(|entry| import::is_default(entry.domain())) {
            entry.version = Some(least);
        }
        self.model.ir_version = Some(self.model.ir_version().max(DEFAULT_IR_VERSION));
    }

    /// A name that no tensor has: the wanted one, or that with a number.
    pub(super) fn unique(&mut self, wanted: String) -> String {
        let taken = |name: &String| self.names.contains(name);
        let name =
            if taken(&wanted) { (1u64..).map(|n| format!("{wanted}_{n}")).find(|name| !taken(name)).unwrap_or_default() } else { wanted };
        self.names.insert(name.clone());
        name
    }

    /// Adds a node of the default domain with one output.
    pub(super) fn node(&mut self, op_type: &str, name: String, inputs: Vec<String>, output: String) -> &mut NodeProto {
        let name = (!name.is_empty()).then_some(name);
        self.push(NodeProto { name, op_type: Some(op_type.into()), input: inputs, output: vec![output], ..NodeProto::default() })
    }

    /// Adds a node.
    pub(super) fn push(&mut self, node: NodeProto) -> &mut NodeProto {
        let at = self.proto.node.len();
        self.proto.node.push(node);
        &mut self.proto.node[at]
    }

    /// Adds nodes that write weights of this shape with the input channels first, or back; returns the name of the result.
    pub(super) fn swap_channels(&mut self, name: String, shape: &[usize], groups: usize) -> Result<String, OnnxError> {
        let output = self.unique(format!("{name}/swapped"));
        let [first, second, kernel @ ..] = shape else {
            return Err(OnnxError::Tensor { tensor: name, what: format!("expected a filter, found the shape {shape:?}") });
        };
        if groups == 1 {
            let perm: Vec<usize> = [1, 0].into_iter().chain(2..shape.len()).collect();
            self.node("Transpose", output.clone(), vec![name], output.clone()).set_ints("perm", ints(&perm));
            return Ok(output);
        }
        let grouped = [&[groups, first / groups.max(1), *second], kernel].concat();
        let wanted = [&[groups * second, first / groups.max(1)], kernel].concat();
        let perm: Vec<usize> = [0, 2, 1].into_iter().chain(3..grouped.len()).collect();
        let [split, swapped] = ["grouped", "regrouped"].map(|what| self.unique(format!("{output}/{what}")));
        let target = self.new_constant(format!("{split}/shape"), &Literal::i64s(ints(&grouped)))?;
        self.node("Reshape", split.clone(), vec![name, target], split.clone());
        self.node("Transpose", swapped.clone(), vec![split], swapped.clone()).set_ints("perm", ints(&perm));
        let target = self.new_constant(format!("{output}/shape"), &Literal::i64s(ints(&wanted)))?;
        self.node("Reshape", output.clone(), vec![swapped, target], output.clone());
        Ok(output)
    }

    /// Adds a constant of this very name.
    pub(super) fn constant(&mut self, name: &str, literal: &Literal) -> Result<(), OnnxError> {
        let mut tensor = proto(literal)?;
        if let Some(known) = self.constants.get(name) {
            tensor.doc_string = known.doc_string.clone();
            tensor.metadata_props = known.metadata_props.clone();
        }
        tensor.name = Some(name.to_owned());
        self.proto.initializer.push(tensor);
        Ok(())
    }

    /// Adds a constant under a name that no tensor has, and returns that.
    pub(super) fn new_constant(&mut self, wanted: String, literal: &Literal) -> Result<String, OnnxError> {
        let name = self.unique(wanted);
        self.constant(&name, literal)?;
        Ok(name)
    }

    pub(super) fn input(&mut self, name: &str, fact: Option<&Fact>) {
        let info = Builder::info(self.inputs.get(name), name, fact);
        self.proto.input.push(info);
    }

    pub(super) fn output(&mut self, name: &str, fact: Option<&Fact>) {
        let info = Builder::info(self.outputs.get(name), name, fact);
        self.proto.output.push(info);
    }

    /// What is known of a value, with its documentation; the fact wins over what was declared, but for names of dimensions.
    fn info(known: Option<&ValueInfoProto>, name: &str, fact: Option<&Fact>) -> ValueInfoProto {
        let mut info = known.cloned().unwrap_or_else(|| ValueInfoProto { name: Some(name.to_owned()), ..ValueInfoProto::default() });
        let Some(fact) = fact else { return info };
        let wrong = tensor::fact(&info, &HashSet::new()).is_some_and(|declared| !same_but_for_names(&declared, fact));
        if wrong || info.r#type.is_none() {
            info.r#type = Some(value_type(fact));
        }
        info
    }

    /// The bytes of the model. Declarations of tensors in between stay for those that `graph` still has.
    pub(super) fn finish(mut self, graph: &Graph) -> Result<Vec<u8>, OnnxError> {
        let facts: HashMap<&str, _> = graph.tensors().iter().map(|tensor| (tensor.name.as_str(), tensor.fact.as_ref())).collect();
        let mut infos = std::mem::take(&mut self.proto.value_info);
        infos.retain(|info| facts.contains_key(info.name()));
        let infos = infos.iter().map(|info| Builder::info(Some(info), info.name(), facts[info.name()])).collect();
        self.proto.value_info = infos;
        self.model.graph = Some(self.proto);
        let bytes = self.model.encoded_len();
        if i32::try_from(bytes).is_err() {
            return Err(OnnxError::TooLarge { bytes: bytes as u64 });
        }
        Ok(self.model.encode_to_vec())
    }
}

/// A constant as ONNX has it, without a name.
fn proto(literal: &Literal) -> Result<TensorProto, OnnxError> {
    fn raw<const N: usize, T: Copy>(values: &[T], encode: fn(T) -> [u8; N]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(N * values.len());
        values.iter().for_each(|&value| bytes.extend_from_slice(&encode(value)));
        bytes
    }
    let bytes = match literal.data() {
        Data::Bool(values) => values.iter().map(|&value| value.into()).collect(),
        Data::F32(values) => raw(values, f32::to_le_bytes),
        Data::F64(values) => raw(values, f64::to_le_bytes),
        Data::I8(values) => raw(values, i8::to_le_bytes),
        Data::I16(values) => raw(values, i16::to_le_bytes),
        Data::I32(values) => raw(values, i32::to_le_bytes),
        Data::I64(values) => raw(values, i64::to_le_bytes),
        Data::U8(values) => values.to_vec(),
        Data::Other { bytes, .. } => {
            return TensorProto::decode(&**bytes).map_err(|error| OnnxError::Malformed { what: error.to_string() });
        }
        _ => return Err(OnnxError::Malformed { what: format!("elements of type {}", literal.dtype()) }),
    };
    let dims = literal.shape().iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX)).collect();
    Ok(TensorProto { dims, data_type: Some(dtype::code(literal.dtype())), raw_data: Some(bytes), ..TensorProto::default() })
}

fn same_but_for_names(a: &Fact, b: &Fact) -> bool {
    let sizes = |fact: &Fact| fact.shape.dims().iter().map(Dim::fixed).collect::<Vec<_>>();
    a.dtype == b.dtype && sizes(a) == sizes(b)
}

fn value_type(fact: &Fact) -> TypeProto {
    let dims = fact.shape.dims().iter().map(|dim| Dimension {
        value: Some(match dim {
            Dim::Fixed(size) => dimension::Value::DimValue(i64::try_from(*size).unwrap_or(i64::MAX)),
            Dim::Symbol(name) => dimension::Value::DimParam(name.to_string()),
        }),
        denotation: None,
    });
    let shape = Some(TensorShapeProto { dim: dims.collect() });
    let tensor = type_proto::Tensor { elem_type: Some(dtype::code(fact.dtype)), shape };
    TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None }
}

/// Attributes, in the order in which they are set.
impl NodeProto {
    fn set(&mut self, name: &str, kind: AttributeType, value: AttributeProto) -> &mut NodeProto {
        self.attribute.push(AttributeProto { name: Some(name.into()), r#type: Some(kind.into()), ..value });
        self
    }

    pub(super) fn set_int(&mut self, name: &str, value: i64) -> &mut NodeProto {
        self.set(name, AttributeType::Int, AttributeProto { i: Some(value), ..AttributeProto::default() })
    }

    pub(super) fn set_float(&mut self, name: &str, value: f32) -> &mut NodeProto {
        self.set(name, AttributeType::Float, AttributeProto { f: Some(value), ..AttributeProto::default() })
    }

    pub(super) fn set_string(&mut self, name: &str, value: &str) -> &mut NodeProto {
        self.set(name, AttributeType::String, AttributeProto { s: Some(value.into()), ..AttributeProto::default() })
    }

    pub(super) fn set_ints(&mut self, name: &str, values: Vec<i64>) -> &mut NodeProto {
        self.set(name, AttributeType::Ints, AttributeProto { ints: values, ..AttributeProto::default() })
    }
}

/// Sizes as ONNX's integers.
pub(super) fn ints(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect()
}
